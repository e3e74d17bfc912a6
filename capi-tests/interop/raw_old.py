"""Cases of raw.py: peers of ZMTP 1.0 and 2.x, as made of bytes (zmtp.md 2.2 to 2.4, 3.1)."""

import random
import socket
import struct
import threading

from cases import TYPES, bound, case, close_all, open_end
from old_forms import FORMS, SIGNATURE, TWO, UNVERSIONED, VERSIONED, converse, lost
from zmtp import DEALER, NAMES, PAIR, PARTNER, PULL, PUSH, REQ, ROUTER, SUB, XPUB, Failure, command, frame


@case
def old_greeting_in_steps(library):
    """All types in both roles: what goes out upon each part of the peer's greeting, and no more."""
    for form in (VERSIONED, TWO):
        for kind in TYPES:
            for binds in (True, False):
                end, wire, place = open_end(library, kind, binds)
                answer = form.answer(kind)
                wire.expect(answer[:10], "signature")
                wire.expect_silence("after the signature", 0.01)
                wire.send(SIGNATURE)
                wire.expect(answer[10:11], "major")
                wire.send(form.greeting[10:])
                wire.expect(answer[11:12], "socket type")
                wire.expect_silence("after the socket type", 0.01)
                # It is not looked at.
                wire.send(b"\x77")
                wire.expect(answer[12:], "identity")
                close_all(end, wire, place)
    for kind in TYPES:
        for binds in (True, False):
            end, wire, place = open_end(library, kind, binds)
            wire.expect(UNVERSIONED.answer(kind), "signature")
            wire.send(b"\1")
            wire.send(b"\0")
            wire.expect_silence("for an unversioned peer", 0.01)
            close_all(end, wire, place)


@case
def old_peers_of_every_type(library):
    """Every form, type and role: the greeting, all sizes and multipart both ways, and the events."""
    for form in FORMS:
        for kind in TYPES:
            for binds in (True, False):
                own = b"own" if kind in (REQ, ROUTER, DEALER) else b""
                for identity in (b"", b"peer", b"i" * 255):
                    what = f"{NAMES[kind]} {'bound' if binds else 'connected'}, {form.name} with {len(identity)}"
                    try:
                        end, wire, place = open_end(library, kind, binds, **({"ROUTING_ID": own} if own else {}))
                        form.begin(wire, kind, PARTNER[kind], identity, own)
                        converse(form, kind, end, wire, identity)
                        wire.close()
                        lost(library, end, binds)
                        close_all(end, wire, place)
                    except Failure as failure:
                        raise Failure(f"{what}: {failure}") from None


@case
def old_ten_megabytes(library):
    """Large messages both ways, alone and among small frames."""
    large = random.Random(1).randbytes(10_000_000)
    for form in (UNVERSIONED, TWO):
        for binds in (True, False):
            end, wire, place = open_end(library, PAIR, binds)
            form.begin(wire, PAIR, PAIR)
            for frames in ((large,), (b"a", large, b"", large[:300_000], b"z")):
                sender = threading.Thread(target=wire.send, args=(form.message(*frames),))
                sender.start()
                end.expect(*frames)
                sender.join()
                end.send(*frames)
                wire.expect(form.message(*frames), "large message")
            close_all(end, wire, place)


@case
def old_routing_ids(library):
    """None: one is made up; two peers with one: the second is mute; any length and any bytes."""
    for form in FORMS:
        server = bound(library, ROUTER)
        first, second, third = server.wire(), server.wire(), server.wire()
        form.begin(first, ROUTER, DEALER, b"same")
        first.send(form.message(b"1"))
        server.expect(b"same", b"1")
        form.begin(second, ROUTER, DEALER, b"same")
        second.send(form.message(b"2"))
        form.begin(third, ROUTER, DEALER, b"\0" * 300)
        third.send(form.message(b"3"))
        server.expect(b"\0" * 300, b"3")
        server.expect_nothing("second peer with the same id")
        server.send(b"same", b"back")
        first.expect(form.message(b"back"), "message to the first")
        for wire in (first, second, third):
            wire.close()
        server.close()


@case
def old_frames_of_odd_forms(library):
    """The long form of small frames, flags that mean nothing, every byte by itself."""
    for form in FORMS:
        end, wire, _ = open_end(library, PULL, True)
        wire.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in form.opening(PUSH, b"me") + form.message(b"one", b"", b"x" * 300):
            wire.send(bytes([byte]))
        end.expect(b"one", b"", b"x" * 300)
        if form is TWO:
            wire.send(b"\xf8\x02ab" + b"\x02" + struct.pack(">Q", 2) + b"cd")
        else:
            wire.send(b"\x03\xf6ab" + b"\xff" + struct.pack(">Q", 3) + b"\0cd")
        end.expect(b"ab")
        end.expect(b"cd")
        wire.close()
        end.close()


@case
def old_commands_are_swallowed(library):
    """Of 2.x peers, before and after the identity, whatever they say."""
    server = bound(library, XPUB)
    wire = server.wire()
    commands = command(b"SUBSCRIBE", b"A") + command(b"PING", b"\0\1") + frame(b"", 4) + frame(b"c" * 700, 5)
    # libzmq takes the first of them for the identity where that means nothing.
    before = b"" if library.stock else commands
    wire.send(TWO.greeting + bytes([SUB]) + before + frame(b"id") + commands + frame(b"\1B") + commands)
    server.expect(b"\1B")
    wire.expect(TWO.answer(XPUB), "greeting")
    server.send(b"A")
    server.send(b"B")
    wire.expect(frame(b"B"), "publication")
    server.expect_nothing("commands")
    wire.close()
    server.close()


@case
def old_peers_are_not_pinged(library):
    for form in FORMS:
        for binds in (True, False):
            options = {"HEARTBEAT_IVL": 20, "HEARTBEAT_TIMEOUT": 20}
            end, wire, place = open_end(library, DEALER, binds, **options)
            form.begin(wire, DEALER, DEALER)
            wire.expect_silence("heartbeats", 0.1)
            wire.send(form.message(b"alive"))
            end.expect(b"alive")
            close_all(end, wire, place)


@case
def old_messages_without_metadata(library):
    """Neither properties nor a descriptor."""
    for form in FORMS:
        server = bound(library, PULL)
        wire = server.wire()
        wire.send(form.opening(PUSH, b"id") + form.message(b"x"))
        message = server.frame(b"Peer-Address", b"Socket-Type", b"Identity", b"Routing-Id", b"__fd")
        if message != (b"x", [None] * 5, -1):
            raise Failure(f"{form.name}: {message}")
        wire.close()
        server.close()


@case
def old_peers_are_served_before_they_say_who_they_are(library):
    """Messages go out as soon as the version is known; subscriptions to everything come with the identity."""
    for form in FORMS:
        server = bound(library, PUSH)
        wire = server.wire()
        opening = form.opening(PULL)
        decided = 10 if form.long_identity else len(form.greeting) + 1
        wire.send(opening[:decided])
        wire.expect(form.answer(PUSH), "greeting")
        server.send(b"early", b"bird")
        wire.expect(form.message(b"early", b"bird"), f"message to {form.name}")
        wire.close()
        server.close()
    server = bound(library, XPUB)
    wire = server.wire()
    wire.send(b"\2")
    server.expect_nothing("before the identity")
    wire.send(b"\0i")
    server.expect(b"\1")
    wire.close()
    server.expect(b"\0")
    server.close()
