"""Cases of raw.py: every way in which a connection ends, in both roles: its events, its end, and whether the side that
connected comes back (zmtp.md 8)."""

import os
import socket
import struct

from cases import case, close_all, connected, next_wire, open_end
from old_forms import LONG_HEADER, UNVERSIONED, VERSIONED
from zmtp import (
    ACCEPTED, AUTH, CONNECTED, DISCONNECTED, LISTENING, NAMES, NO_DETAIL, PAIR, PARTNER, PROTOCOL, PULL, PUSH, REP,
    REQ, RETRIED, SUCCEEDED, Failure, Socket, command, frame, greeting, own_ready, properties, ready)

DELAYED, CLOSED = 0x2, 0x80
HANDSHAKE_FAILED = 2
EPIPE, ECONNRESET, EAGAIN = 32, 104, 11
MISMATCH, UNEXPECTED, MALFORMED_ERROR = 0x11000002, 0x10000001, 0x10000015
TYPE = (b"Socket-Type", b"PUSH")


def eof(wire):
    wire.stream.shutdown(socket.SHUT_WR)


def reset(wire):
    wire.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def silence(_wire):
    pass


def answer(kind, received):
    """What the library has said when it has received so much of a greeting and what follows."""
    said = greeting() + own_ready(kind)
    if len(received) < 10:
        return said[:10]
    if len(received) == 10:
        return said[:11]
    return said[:64] if len(received) < 64 or received[12:32] != greeting()[12:32] else said


def ends(library, what, before, offence, wanted, retried, **options):
    """A peer of a PULL says `before`, hears what that is answered with, and commits the offence: bytes, or a function.
    The rest as in `closes`."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, **options)
        wire.send(before)
        wire.expect(answer(PULL, before), f"{what}: answer")
        if callable(offence):
            offence(wire)
        else:
            wire.send(offence)
        closes(end, wire, place, what, wanted, retried)


def closes(end, wire, place, what, wanted, retried):
    """The connection ends, and `wanted` are the events between its beginning and DISCONNECTED. Others may come, and so
    does the library's socket itself if it connected and the end was one to be tried again."""
    role = f"{what}, {'connecting' if place else 'accepted'}"
    if wire.stream.fileno() >= 0:
        wire.expect_end(role)
    found = [event for event in end.events_until(DISCONNECTED) if event[0] not in (LISTENING, DELAYED)]
    expected = [(CONNECTED if place else ACCEPTED, 0), *wanted, (DISCONNECTED, 0)]
    if found != expected:
        raise Failure(f"{role}: events {shown(found)}, not {shown(expected)}")
    wire.close()
    if place:
        after = end.event(PATIENT if retried else QUIET)
        if (after and after[0]) != (RETRIED if retried else None):
            raise Failure(f"{role}: then {after}")
    if retried or not place:
        wire = next_wire(end, place)
        wire.handshake(end.type, PARTNER[end.type])
        end.events_until(SUCCEEDED)
    close_all(end, wire, place)


# Seconds to wait for what must come, and for what must not.
PATIENT, QUIET = 5, 0.06


def shown(events):
    return [(hex(number), value) for number, value in events]


@case
def ended_and_reset_streams(library):
    """Before the handshake is over it has failed, with the errno of the stream; after it nothing failed."""
    whole = greeting() + ready(PUSH)
    for offence, errno in ((eof, EPIPE), (reset, ECONNRESET)):
        for length in (0, 1, 9, 10, 11, 12, 63, 64, 65, 80, len(whole) - 1):
            ends(library, f"{offence.__name__} behind {length} bytes", whole[:length], offence, [(NO_DETAIL, errno)], True)
        for traffic in (b"", frame(b"x" * 100)[:50], frame(b"x", 1)):
            def say_and_end(wire, traffic=traffic, offence=offence):
                wire.send(traffic)
                offence(wire)
            ends(library, f"{offence.__name__} behind {len(traffic)} bytes of traffic", whole, say_and_end,
                 [(SUCCEEDED, 0)], True)


@case
def handshakes_out_of_time(library):
    """Wherever the peer stops, and however slowly it goes on."""
    whole = greeting() + ready(PUSH)
    for length in (0, 10, 64, len(whole) - 1):
        ends(library, f"silent behind {length} bytes", whole[:length], silence, [(NO_DETAIL, EAGAIN)], True,
             HANDSHAKE_IVL=100)


MECHANISMS = (b"PLAIN", b"CURVE", b"GSSAPI", b"null", b"NUL", b"NULL\0x", b"NULL" + bytes(15) + b"x", b"", b"N" * 20)


@case
def handshakes_that_may_fail_once(library):
    """ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED: neither the end of a handshake nor its timer is followed by another attempt;
    the end of a connection is."""
    whole = greeting() + ready(PUSH)
    stop = {"RECONNECT_STOP": HANDSHAKE_FAILED}
    for length in (0, 10, 64, len(whole) - 1):
        ends(library, f"eof behind {length} bytes", whole[:length], eof, [(NO_DETAIL, EPIPE)], False, **stop)
        ends(library, f"silent behind {length} bytes", whole[:length], silence, [(NO_DETAIL, EAGAIN)], False,
             HANDSHAKE_IVL=100, **stop)
    ends(library, "eof", whole, eof, [(SUCCEEDED, 0)], True, **stop)


@case
def other_mechanisms(library):
    """The peer has our whole greeting before the end, and can see what is wrong, too."""
    for mechanism in MECHANISMS:
        theirs = greeting(mechanism=mechanism)
        ends(library, f"mechanism {mechanism}", theirs[:12], theirs[12:], [(PROTOCOL, MISMATCH)], False)


@case(better=True)
def other_mechanisms_in_one_segment(library):
    """Although their whole greeting comes at once: libzmq closes before it has said its own."""
    def greet(theirs):
        def offence(wire):
            wire.send(theirs)
            wire.expect(greeting()[10:], "the greeting")
        return offence
    for mechanism in MECHANISMS:
        theirs = greeting(mechanism=mechanism)
        ends(library, f"mechanism {mechanism}", b"", greet(theirs), [(PROTOCOL, MISMATCH)], False)


@case
def unexpected_in_the_handshake(library):
    """Anything but READY and ERROR, behind our READY or before it."""
    for body in (b"\x05HELLO", b"\x04PING\0\0", b"\x09SUBSCRIBEx", b"\x05ready", b"", b"\xff", b"message"):
        for flags in (0, 1, 4):
            ends(library, f"{body} behind READY", greeting(), frame(body, flags), [(PROTOCOL, UNEXPECTED)], False)
        ends(library, f"{body} before READY", b"", greeting() + frame(body, 4), [(PROTOCOL, UNEXPECTED)], False)


# The data of ERROR, and the events.
ERRORS = ((b"\x03300", [(AUTH, 300)]), (b"\x03400", [(AUTH, 400)]), (b"\x03500", [(AUTH, 500)]),
          (b"\x03400 and more", [(AUTH, 400)]), (b"\x03200", []), (b"\x03301", []), (b"\0", []), (b"\x07go away", []),
          (b"\x044000", []), (b"", [(PROTOCOL, MALFORMED_ERROR)]), (b"\x04400", [(PROTOCOL, MALFORMED_ERROR)]),
          (b"\1", [(PROTOCOL, MALFORMED_ERROR)]), (b"\xff", [(PROTOCOL, MALFORMED_ERROR)]))


@case
def errors_of_the_peer(library):
    if command(b"ERROR", b"\x03400") != bytes.fromhex("04 0A 05 45 52 52 4F 52 03 34 30 30"):
        raise Failure("ERROR is not as captured")
    for data, wanted in ERRORS:
        ends(library, f"ERROR with {data}", greeting(), command(b"ERROR", data), wanted, False)


@case(better=True)
def errors_before_our_ready(library):
    """In libzmq nothing more comes of them, unless they are malformed: the connection stays as it is."""
    for data, wanted in ERRORS:
        ends(library, f"early ERROR with {data}", b"", greeting() + command(b"ERROR", data), wanted, False)


@case(better=True)
def errors_before_our_ready(library):
    """In one segment with the greeting: libzmq leaves the connection open and hears it no more."""
    for reason, wanted in ((b"400", [(AUTH, 400)]), (b"", []), (b"go away", [])):
        ends(library, f"ERROR {reason}", b"", greeting() + command(b"ERROR", bytes([len(reason)]) + reason), wanted, False)


@case
def peers_of_a_type_that_does_not_fit(library):
    for name in (b"SUB", b"push", b"PUSHY", b"PUS", b"", b"x" * 1000):
        ends(library, f"type {name[:9]}", greeting(), command(b"READY", properties((b"Socket-Type", name))), [], False)


@case
def frames_above_the_limit(library):
    """Of the handshake and of traffic; their bodies are not waited for."""
    for header in (b"\4\x65", b"\6" + struct.pack(">Q", 101), b"\6" + b"\xff" * 8):
        ends(library, f"handshake frame {header.hex()}", greeting(), header, [], False, MAXMSGSIZE=100)
    shaken = greeting() + ready(PUSH)
    for header in (b"\0\x65", b"\1\x65", b"\4\x65", b"\2" + struct.pack(">Q", 101), b"\2" + b"\xff" * 8):
        ends(library, f"frame {header.hex()}", shaken, header, [(SUCCEEDED, 0)], False, MAXMSGSIZE=100)
    for length in (b"\xff" * 8, b"\x80" + bytes(7)):
        ends(library, f"length {length.hex()} without a limit", shaken, b"\2" + length, [(SUCCEEDED, 0)], False)


@case
def replies_out_of_place(library):
    """That do not begin as REQ asks for."""
    for reply in (frame(b"no delimiter"), frame(b""), frame(b"x", 1) + frame(b"y")):
        for binds in (True, False):
            end, wire, place = open_end(library, REQ, binds)
            wire.handshake(REQ, REP)
            end.send(b"request")
            wire.expect(frame(b"", 1) + frame(b"request"), "request")
            wire.send(reply)
            closes(end, wire, place, f"reply {reply}", [(SUCCEEDED, 0)], False)


@case
def frames_without_flags(library):
    """Of length 0, in ZMTP 1.0."""
    for form in (UNVERSIONED, LONG_HEADER, VERSIONED):
        for empty in (b"\0", b"\xff" + bytes(8)):
            ends(library, f"{empty} of {form.name}", b"", form.opening(PUSH) + form.message(b"x") + empty, [], False)


@case
def silent_peers(library):
    """Heartbeats: nothing comes within the timeout of our PING, or within the TTL of the peer's."""
    shaken = greeting() + ready(PUSH)
    ends(library, "no PONG", shaken, silence, [(SUCCEEDED, 0)], True, HEARTBEAT_IVL=60)
    ends(library, "TTL", shaken, command(b"PING", b"\0\1"), [(SUCCEEDED, 0)], True)


@case
def only_another_connect_comes_back(library):
    """A peer that broke the protocol is tried again when the application disconnects and connects."""
    client, wire, place = connected(library, PUSH)
    wire.send(greeting() + command(b"HELLO"))
    wire.expect_end("HELLO")
    client.events_until(DISCONNECTED)
    client.disconnect(place)
    client.connect(place)
    wire.close()
    wire = next_wire(client, place)
    client.send(b"again")
    wire.handshake(PUSH, PULL)
    wire.expect(frame(b"again"), "message")
    close_all(client, wire, place)


@case
def what_was_sent_is_lost_with_the_endpoint(library):
    """After a protocol error there is no peer left: what waited for one is gone."""
    client, wire, place = connected(library, PUSH)
    client.send(b"waits")
    wire.send(greeting() + command(b"HELLO"))
    wire.expect_end("HELLO")
    client.events_until(DISCONNECTED)
    client.expect_full("nobody to send to")
    wire.close()
    client.disconnect(place)
    client.connect(place)
    wire = next_wire(client, place)
    wire.handshake(PUSH, PULL)
    client.send(b"new")
    wire.expect(frame(b"new"), "message")
    close_all(client, wire, place)


@case(better=True)
def connections_to_oneself(library):
    """The system makes one when the port that is connected to is the one connected from. It is closed before it says
    anything, and another attempt follows; libzmq takes itself for a peer."""
    for kind in (PUSH, PAIR):
        client = Socket(library, kind)
        # An address of this process alone: the port is free.
        address = b"127.%d.%d.%d:20001" % ((os.getpid() >> 16) % 200 + 30, (os.getpid() >> 8) % 256, os.getpid() % 256)
        client.connect_to(b"tcp://" + address + b";" + address)
        numbers = [number for number, _ in client.events_until(RETRIED) + client.events_until(RETRIED)]
        if numbers != [DELAYED, CLOSED, RETRIED] * 2:
            raise Failure(f"a {NAMES[kind]}: events {numbers}")
        client.close()
