"""Exact bytes of ZMTP 3.1 and 3.0 with NULL, as client and as server."""

import socket
import struct
import time

from cases import TYPES, bound, case, connected
from zmtp import (
    DEALER, DISCONNECTED, NAMES, PAIR, PARTNER, PUB, PULL, PUSH, REP, REQ, RETRIED, ROUTER, SUB, SUBSCRIBE,
    SUCCEEDED, UNSUBSCRIBE, XPUB, XSUB, Failure, Wire, command, frame, greeting, own_ready, ready)


@case
def greeting_in_steps(library):
    """Both roles, all types: 10 bytes, the major byte, the rest, READY."""
    for binds in (True, False):
        for kind in TYPES:
            if binds:
                end = bound(library, kind)
                wire = end.wire()
            else:
                end, wire, place = connected(library, kind)
            theirs = greeting()
            wire.expect(theirs[:10], "signature")
            wire.expect_silence("after the signature", 0.01)
            wire.send(theirs[:10])
            wire.expect(theirs[10:11], "major")
            wire.expect_silence("after the major", 0.01)
            wire.send(theirs[10:11])
            wire.expect(theirs[11:], "rest of the greeting")
            wire.send(theirs[11:])
            wire.expect(own_ready(kind), f"READY of {NAMES[kind]}")
            wire.send(own_ready(PARTNER[kind]))
            end.events_until(SUCCEEDED)
            end.close()
            wire.close()
            if not binds:
                place.close()


@case
def every_byte_alone(library):
    server = bound(library, PULL)
    wire = server.wire()
    wire.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in greeting() + ready(PUSH):
        wire.send(bytes([byte]))
    wire.expect(greeting() + own_ready(PULL), "handshake")
    for byte in frame(b"one", 1) + frame(b"x" * 300):
        wire.send(bytes([byte]))
    server.expect(b"one", b"x" * 300)
    wire.close()
    server.close()


@case
def routing_id_in_greeting(library):
    server = bound(library, ROUTER, ROUTING_ID=b"srv")
    wire = server.wire()
    wire.handshake(ROUTER, DEALER, identity=b"\0odd", own_id=b"srv")
    wire.send(frame(b"hi"))
    server.expect(b"\0odd", b"hi")
    server.send(b"\0odd", b"a", b"", b"z" * 256)
    wire.expect(bytes.fromhex("01 01 61 01 00 02 00 00 00 00 00 00 01 00") + b"z" * 256, "message")
    wire.close()
    server.close()


@case
def request_and_reply(library):
    server = bound(library, REP)
    wire = server.wire()
    wire.handshake(REP, REQ)
    wire.send(bytes.fromhex("01 00 00 05 68 65 6C 6C 6F"))
    server.expect(b"hello")
    server.send(b"world")
    wire.expect(bytes.fromhex("01 00 00 05 77 6F 72 6C 64"), "reply")
    wire.close()
    server.close()
    client, wire, place = connected(library, REQ)
    client.send(b"hello")
    wire.handshake(REQ, REP)
    wire.expect(bytes.fromhex("01 00 00 05 68 65 6C 6C 6F"), "request")
    wire.send(bytes.fromhex("01 00 00 05 77 6F 72 6C 64"))
    client.expect(b"world")
    client.close()
    wire.close()
    place.close()


@case
def frame_forms(library):
    """Both length forms of both directions at their border; reserved bits; LONG with a small length."""
    server = bound(library, PAIR)
    wire = server.wire()
    wire.handshake(PAIR, PAIR)
    for size in (0, 1, 254, 255, 256, 65536, 300000):
        wire.send(frame(b"s" * size))
        server.expect(b"s" * size)
        server.send(b"r" * size)
        wire.expect(frame(b"r" * size), f"message of {size}")
    wire.send(b"\x02" + struct.pack(">Q", 2) + b"ab")
    server.expect(b"ab")
    wire.send(b"\xf8\x02cd" + b"\xf9\x01e" + b"\x00\x01f")
    server.expect(b"cd")
    server.expect(b"e", b"f")
    wire.close()
    server.close()


def subscription(minor, subscribe, topic):
    if minor:
        return command(b"SUBSCRIBE" if subscribe else b"CANCEL", topic)
    return frame((b"\1" if subscribe else b"\0") + topic)


@case
def subscriptions_sent(library):
    """Commands to 3.1 peers, messages to 3.0 peers, before and after the handshake, in both roles."""
    for minor in (1, 0):
        for kind in (SUB, XSUB):
            for binds in (True, False):
                # 4.3.4 leaves LONG out for topics of 246 bytes and more, resp. of 255; what its XSUB
                # sends goes out as messages also to 3.1 peers.
                sizes = (0, 1, 2, 100, 244, 245) + (() if library.stock else (246, 247, 254, 255, 256, 300, 1000))
                form = 0 if library.stock and kind == XSUB else minor
                topics = [bytes([65 + at]) * size for at, size in enumerate(sizes)]
                if binds:
                    end = bound(library, kind)
                    wire = end.wire()
                else:
                    end, wire, place = connected(library, kind)

                def change(subscribe, topic):
                    if kind == SUB:
                        end.set(SUBSCRIBE if subscribe else UNSUBSCRIBE, topic)
                    else:
                        end.send((b"\1" if subscribe else b"\0") + topic)

                change(True, b"early")
                wire.handshake(kind, XPUB, minor)
                end.events_until(SUCCEEDED)
                end.turn()
                wire.expect(subscription(minor if binds else form, True, b"early"), "early topic")
                for topic in topics:
                    change(True, topic)
                    wire.expect(subscription(form, True, topic), f"topic of {len(topic)}")
                for topic in topics:
                    change(False, topic)
                    wire.expect(subscription(form, False, topic), f"end of topic of {len(topic)}")
                # Never subscribed: not sent. Twice subscribed: only the second end is sent.
                change(False, b"never")
                change(True, b"twice")
                change(True, b"twice")
                change(False, b"twice")
                change(False, b"twice")
                wire.expect(subscription(form, True, b"twice") * 2 + subscription(form, False, b"twice"), "counting")
                wire.close()
                end.close()
                if not binds:
                    place.close()


@case
def subscriptions_received(library):
    """Both forms count, whatever the version of the peer."""
    for minor in (1, 0):
        for form in (1, 0):
            server = bound(library, XPUB)
            wire = server.wire()
            wire.handshake(XPUB, SUB, minor)
            for topic in (b"", b"AB", b"t" * 245, b"u" * 254, b"v" * 255, b"w" * 300):
                wire.send(subscription(form, True, topic))
                server.expect(b"\1" + topic)
            for topic in (b"", b"t" * 245, b"u" * 254, b"v" * 255, b"w" * 300):
                wire.send(subscription(form, False, topic))
                server.expect(b"\0" + topic)
            server.send(b"nobody")
            server.send(b"ABC", b"x")
            wire.expect(bytes.fromhex("01 03 41 42 43 00 01 78"), "message")
            wire.close()
            server.expect(b"\0AB")
            server.close()


def arrives_in_time(server, wire, topic):
    """Sends it until it comes; what came before does not matter."""
    seen = b""
    wire.stream.settimeout(0.01)
    for _ in range(500):
        server.send(topic)
        try:
            seen += wire.stream.recv(4096)
        except socket.timeout:
            continue
        if seen.endswith(frame(topic)):
            return
    raise Failure(f"no {topic}, but {seen}")


@case(better=True)
def conflation_spares_subscriptions(library):
    """Whatever their form: a publisher that keeps the newest of what it sends hears all of them."""
    for minor in (1, 0):
        for form in (1, 0):
            server = bound(library, PUB, CONFLATE=1)
            wire = server.wire()
            wire.handshake(PUB, SUB, minor)
            server.events_until(SUCCEEDED)
            topics = (b"A", b"B", b"C")
            wire.send(b"".join(subscription(form, True, topic) for topic in topics))
            for topic in topics:
                arrives_in_time(server, wire, topic)
            wire.close()
            server.close()


@case
def ping_and_pong(library):
    """Every context is echoed, up to 16 bytes; several at once in order; inside a multipart message."""
    for minor in (1, 0):
        server = bound(library, PULL)
        wire = server.wire()
        wire.handshake(PULL, PUSH, minor)
        wire.send(bytes.fromhex("04 0A 04 50 49 4E 47 00 0A 43 54 58"))
        wire.expect(bytes.fromhex("04 08 04 50 4F 4E 47 43 54 58"), "PONG")
        for size in range(0, 20):
            wire.send(command(b"PING", b"\0\0" + b"c" * size))
            wire.expect(command(b"PONG", b"c" * min(size, 16)), f"PONG with {size}")
        wire.send(b"".join(command(b"PING", b"\0\0" + bytes([at])) for at in range(50)))
        wire.expect(b"".join(command(b"PONG", bytes([at])) for at in range(50)), "50 PONGs")
        wire.send(frame(b"a", 1) + command(b"PING", b"\0\0") + command(b"WHATEVER", b"x") + frame(b"b"))
        server.expect(b"a", b"b")
        wire.expect(command(b"PONG"), "PONG")
        wire.close()
        server.close()


@case
def heartbeats_sent(library):
    """PINGs with the TTL, silence after one ends the connection, and the connecting side comes back."""
    for binds in (True, False):
        options = {"HEARTBEAT_IVL": 50, "HEARTBEAT_TTL": 1000, "HEARTBEAT_TIMEOUT": 200}
        if binds:
            end = bound(library, DEALER, **options)
            wire = end.wire()
        else:
            end, wire, place = connected(library, DEALER, **options)
        wire.handshake(DEALER, ROUTER)
        for _ in range(6):
            wire.expect(bytes.fromhex("04 07 04 50 49 4E 47 00 0A"), "PING")
            wire.send(command(b"PONG"))
        began = time.monotonic()
        wire.expect_end("no PONG")
        if time.monotonic() - began < 0.15:
            raise Failure("given up too early")
        end.events_until(DISCONNECTED)
        wire.close()
        if not binds:
            wire = Wire(place.accept()[0])
            wire.handshake(DEALER, ROUTER)
            wire.close()
            place.close()
        end.close()


@case
def time_to_live(library):
    """A PING's TTL ends the connection unless something follows."""
    server = bound(library, PULL)
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    for _ in range(3):
        wire.send(command(b"PING", b"\0\2") + frame(b"alive"))
        server.expect(b"alive")
    wire.expect(command(b"PONG") * 3, "PONGs")
    wire.expect_silence("TTL cancelled by a message", 0.3)
    wire.send(command(b"PING", b"\0\2"))
    wire.expect(command(b"PONG"), "PONG")
    began = time.monotonic()
    wire.expect_end("TTL over")
    if not 0.15 < time.monotonic() - began < 3:
        raise Failure(f"TTL of 0.2 s ended after {time.monotonic() - began:.2f} s")
    server.events_until(DISCONNECTED)
    server.close()


@case(better=True)
def long_time_to_live(library):
    server = bound(library, PULL)
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    wire.send(command(b"PING", struct.pack(">H", 656)))
    wire.expect(command(b"PONG"), "PONG")
    wire.expect_silence("TTL of 65.6 s", 0.3)
    wire.close()
    server.close()


@case
def reconnect_says_it_all_again(library):
    client, wire, place = connected(library, SUB)
    client.set(SUBSCRIBE, b"AB")
    for round_ in range(5):
        wire.handshake(SUB, PUB, minor=round_ % 2)
        client.events_until(SUCCEEDED)
        client.turn()
        wire.expect(subscription(round_ % 2, True, b"AB"), "subscription")
        wire.send(frame(b"ABC", 1) + frame(b"x") + frame(b"no") + frame(b"AB", 1) + frame(b"cut", 1))
        client.expect(b"ABC", b"x")
        wire.close()
        wire = Wire(place.accept()[0])
        client.turn()
    client.expect_nothing("cut message")
    client.close()
    wire.close()
    place.close()


@case
def queued_before_and_in_the_gap(library):
    """What was queued for a lost connection and not yet taken goes to the next one, whole."""
    client, wire, place = connected(library, PUSH)
    client.send(b"early", b"two")
    wire.handshake(PUSH, PULL)
    wire.expect(frame(b"early", 1) + frame(b"two"), "queued message")
    wire.close()
    client.events_until(RETRIED)
    for at in range(100):
        client.send(b"gap", b"%d" % at)
    wire = Wire(place.accept()[0])
    wire.handshake(PUSH, PULL)
    wire.expect(b"".join(frame(b"gap", 1) + frame(b"%d" % at) for at in range(100)), "messages of the gap")
    client.close()
    wire.expect_end("closed")
    place.close()
