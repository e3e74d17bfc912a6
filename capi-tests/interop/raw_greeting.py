"""Cases of raw.py: which protocol a stream carries, and the greeting that decides on its version (zmtp.md 1 and 2)."""

import struct

from cases import TYPES, WILDCARD, case, close_all, expect_inside, open_end
from old_forms import LONG_HEADER, SIGNATURE, frame_1_0
from zmtp import (
    ACCEPTED, CONNECTED, DEALER, DISCONNECTED, HOST, NAMES, PARTNER, PUB, PULL, PUSH, REQ, SUB, SUBSCRIBE, SUCCEEDED,
    Failure, command, frame, greeting, own_ready, ready)

BOTH = (True, False)


@case
def ipc_carries_the_same_bytes(library):
    """All types in both roles over both transports: greeting and READY byte for byte, and a message each way."""
    for transport in WILDCARD:
        for kind in TYPES:
            for binds in BOTH:
                end, wire, place = open_end(library, kind, binds, transport)
                wire.handshake(kind, PARTNER[kind])
                found = end.events_until(SUCCEEDED)
                if (ACCEPTED if binds else CONNECTED, 0) not in found:
                    raise Failure(f"{NAMES[kind]} over {transport}: events {found}")
                if kind in (DEALER, PULL):
                    wire.send(frame(b"in", 1) + frame(b"x" * 256))
                    end.expect(b"in", b"x" * 256)
                if kind in (DEALER, PUSH):
                    end.send(b"out", b"y" * 256)
                    wire.expect(frame(b"out", 1) + frame(b"y" * 256), f"message over {transport}")
                close_all(end, wire, place)


@case
def signature_ends_in_an_odd_byte(library):
    """Of the tenth byte only bit 0 counts: 1 has a version behind it, 0 is the long header of an identity of 1.0."""
    for binds in BOTH:
        for end_of_signature in (0x01, 0x03, 0x7f, 0x81, 0xff, 0x00, 0x02, 0x40, 0x7e, 0x80, 0xfe):
            end, wire, place = open_end(library, PULL, binds)
            front = SIGNATURE[:9] + bytes([end_of_signature])
            if end_of_signature & 1:
                wire.send(front + greeting()[10:] + ready(PUSH))
                wire.expect(greeting() + own_ready(PULL), f"signature that ends in {end_of_signature:#x}")
                wire.send(frame(b"new"))
                end.expect(b"new")
            else:
                wire.send(front + frame_1_0(b"old"))
                wire.expect(LONG_HEADER.answer(PULL), f"signature that ends in {end_of_signature:#x}")
                wire.expect_silence("behind it", 0.01)
                end.expect(b"old")
            close_all(end, wire, place)


@case
def meaningless_bytes_of_the_greeting(library):
    """Padding, as-server and the filler: any values."""
    for binds in BOTH:
        for at, bytes_ in ((1, b"\xff" * 8), (1, b"\1" * 8), (1, bytes(8)), (32, b"\1"), (32, b"\xff"), (33, b"\xff" * 31)):
            end, wire, place = open_end(library, PULL, binds)
            theirs = greeting()
            wire.send(theirs[:at] + bytes_ + theirs[at + len(bytes_):] + ready(PUSH))
            wire.expect(greeting() + own_ready(PULL), f"{bytes_.hex()} at {at}")
            end.events_until(SUCCEEDED)
            close_all(end, wire, place)


@case
def padding_counts_the_routing_id(library):
    """Its length and one; every type, also those that do not announce it."""
    for kind in TYPES:
        for own in (b"i", b"i" * 254, b"i" * 255):
            end, wire, place = open_end(library, kind, kind % 2, ROUTING_ID=own)
            wire.expect(b"\xff" + struct.pack(">Q", len(own) + 1) + b"\x7f", f"signature of {NAMES[kind]}")
            close_all(end, wire, place)


@case
def the_last_byte_of_the_greeting_is_waited_for(library):
    for binds in BOTH:
        end, wire, place = open_end(library, PULL, binds)
        wire.send(greeting()[:63])
        wire.expect(greeting(), "greeting")
        wire.expect_silence("before the last byte", 0.02)
        wire.send(greeting()[63:])
        wire.expect(own_ready(PULL), "READY")
        close_all(end, wire, place)


@case
def versions_decide_the_form_of_subscriptions(library):
    """Only 3.0 asks for messages; 2 and all that is above 3, whatever its minor, are as 3.1."""
    for binds in BOTH:
        for major, minor in ((3, 0), (3, 1), (3, 2), (3, 255), (2, 0), (2, 1), (4, 0), (4, 1), (127, 0), (255, 255)):
            end, wire, place = open_end(library, SUB, binds)
            wire.send(greeting(major=major, minor=minor))
            wire.expect(greeting() + own_ready(SUB), f"handshake with {major}.{minor}")
            wire.send(ready(PUB))
            end.events_until(SUCCEEDED)
            end.set(SUBSCRIBE, b"T")
            wanted = frame(b"\1T") if (major, minor) == (3, 0) else command(b"SUBSCRIBE", b"T")
            expect_inside(end, wire, wanted, f"subscription at {major}.{minor}")
            wire.send(frame(b"Topic"))
            message = end.frame(b"Socket-Type", b"Peer-Address")
            if message[:2] != (b"Topic", [b"PUB", b"127.0.0.1" if binds else HOST.encode()]):
                raise Failure(f"message of {major}.{minor}: {message}")
            close_all(end, wire, place)


@case
def silence_gets_the_signature_only(library):
    """The handshake timer runs from the connection on."""
    for binds in BOTH:
        end, wire, place = open_end(library, REQ, binds, HANDSHAKE_IVL=100, ROUTING_ID=b"me")
        wire.expect(b"\xff" + struct.pack(">Q", 3) + b"\x7f", "signature")
        if wire.stream.recv(1):
            raise Failure("more than the signature")
        end.events_until(DISCONNECTED)
        close_all(end, wire, place)
