#!/usr/bin/python3
"""The attacks: raw peers that mean harm.

    attacks.py NAME PORT     attacks who listens at a port of this host
    attacks.py NAME          listens, prints "listening PORT", and attacks who connects

Prints "begun" once the attack is under way, and goes on until it is killed. "again" asks for a new connection, where
the victim has given the last one up. They run in the scheduling class for idle times: they stand for other machines,
which take no time of the victim's processor. (With the lowest priority they would still keep a processor for a slice of
a millisecond for which the good peer waits.)
"""

import itertools
import os
import random
import selectors
import socket
import sys
import time

from attacker import (
    ATTACKS, MIB, PROPERTY, attack, begun, connect, long_header, pour, receive, reset, rest, shaken)
from zmtp import (
    DEALER, HANDSHAKE_IVL, MAXMSGSIZE, PUB, RECONNECT_IVL, ROUTER, ROUTER_RAW, STREAM, SUB, command, frame,
    greeting, properties, ready)


# ---- every state, every way to break it ----


def states(own_type, types_of_old=5):
    """What a peer has said so far, for every version: text, bytes."""
    hello = ready(own_type, b"")
    for name, minor in (("3.1", 1), ("3.0", 0)):
        whole = greeting(minor)
        yield f"{name} half greeting", whole[:30]
        yield f"{name} signature", whole[:10]
        yield f"{name} greeting", whole
        yield f"{name} half READY", whole + hello[:20]
        yield f"{name} READY", whole + hello
        yield f"{name} in a frame", whole + hello + frame(b"x" * 200)[:100]
        yield f"{name} in a large frame", whole + hello + frame(b"x" * 100000)[:50000]
        yield f"{name} in a message", whole + hello + frame(b"", 1) + frame(b"x", 1)
        yield f"{name} in a command", whole + hello + command(b"PING", b"\0\0" + b"c" * 16)[:10]
    old = b"\xff" + bytes(7) + b"\x01\x7f"
    for name, greeted, identity, first in (
            ("2.0", old + bytes([1, types_of_old]), frame(b""), frame(b"", 1)),
            ("1.0 versioned", old + bytes([0, types_of_old]), b"\x01\x00", b"\x01\x01"),
            ("1.0", b"\x01\x00", b"", b"\x01\x01")):
        yield f"{name} greeting", greeted
        yield f"{name} identity", greeted + identity
        yield f"{name} in a message", greeted + identity + first
        yield f"{name} in a frame", greeted + identity + first + b"\x05"
    yield "nothing", b""


def endings():
    """What comes then: text, bytes (None: the end, a reset). Each one is followed by the end or by a reset."""
    yield "end", b""
    yield "reset", None
    yield "zeros", bytes(1000)
    yield "ones", b"\xff" * 1000
    yield "noise", random.Random(1).randbytes(3000)
    yield "another greeting", greeting()
    yield "another READY", ready(DEALER, b"again")
    yield "ERROR", command(b"ERROR", b"\x03400")
    yield "ERROR beyond its frame", command(b"ERROR", b"\xff4")
    yield "length 2^63-1", long_header(0, 2**63 - 1)
    yield "length 2^64-1", long_header(1, 2**64 - 1)
    yield "length 2^64-1 of a command", long_header(4, 2**64 - 1) + b"\x09SUBSCRIBEx"
    yield "length of 1.0", b"\xff" * 9 + b"\x01"
    yield "empty frame", b"\x00"
    yield "property beyond its block", command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xffx")
    yield "stray byte", command(b"READY", properties((b"Socket-Type", b"DEALER")) + b"x")
    yield "wrong type", ready(SUB)
    yield "short PING", command(b"PING", b"\0") + frame(b"\x04PING"[:3], 4)
    yield "long PING", command(b"PING", b"\xff\xff" + b"c" * 300)
    yield "JOIN", command(b"JOIN", b"g" * 300) + command(b"LEAVE", b"") + command(b"JOIN", b"g" * 10000)
    yield "commands out of turn", command(b"HELLO") + command(b"INITIATE") + command(b"MESSAGE", b"x" * 100)
    yield "name beyond the command", frame(b"\xffREADY", 4) + frame(b"", 4)


def break_every_state(streams, own_type):
    """All states with all endings over connections that `streams` yields."""
    cases = list(itertools.product(states(own_type), endings(), (False, True)))
    random.Random(7).shuffle(cases)
    for number, ((_, said), (_, ending), resets) in enumerate(itertools.cycle(cases)):
        if number == len(cases) // 4:
            begun()
        stream = next(streams)
        try:
            stream.sendall(said)
            # So that the state is reached before the end, half of the time.
            stream.settimeout(0.002)
            if said and number % 2:
                stream.recv(1000)
            if ending:
                stream.sendall(ending)
        except OSError:
            pass
        if ending is None or resets:
            reset(stream)
        else:
            stream.close()


@attack("every state of ZMTP 3.1, 3.0, 2.0 and 1.0, each with 22 endings: cut, reset, oversized, out of turn, noise")
def states_of_a_listener(port):
    break_every_state((connect(port) for _ in itertools.count()), DEALER)


@attack("the same for who connects to a hostile server", type=DEALER, path="side", good=None, connects=True,
        options=((RECONNECT_IVL, 1),), descriptors=64)
def states_of_a_connecter(listener):
    def accepted():
        while True:
            # Who broke the protocol is not tried again.
            listener.settimeout(0.05)
            try:
                yield listener.accept()[0]
            except socket.timeout:
                print("again", flush=True)
    break_every_state(accepted(), ROUTER)


def break_raw(streams):
    pieces = [b"", b"x", bytes(1000), b"GET / HTTP/1.1\r\n\r\n", greeting() + ready(DEALER, b""), b"\xff" * 20000]
    for number, (piece, resets) in enumerate(itertools.cycle(itertools.product(pieces, (False, True)))):
        if number == 100:
            begun()
        stream = next(streams)
        try:
            stream.sendall(piece)
        except OSError:
            pass
        reset(stream) if resets else stream.close()


@attack("plain connections that come, send pieces and go", type=STREAM, path="raw", good=None, memory=12 * MIB,
        because="pieces on their way back", descriptors=200)
def stream_visits(port):
    break_raw(connect(port) for _ in itertools.count())


@attack("the same with ROUTER_RAW", path="raw", good=None, options=((ROUTER_RAW, 1),), memory=12 * MIB,
        because="pieces on their way back", descriptors=200)
def raw_visits(port):
    break_raw(connect(port) for _ in itertools.count())


# ---- slow ones ----


@attack("300 peers that say one byte at a time", memory=6 * MIB, because="300 connections of 12 KiB", descriptors=330)
def trickle(port):
    whole = greeting() + ready(DEALER, b"") + frame(b"", 1) + frame(b"x" * 100) + command(b"PING", b"\0\0ctx")
    streams = [[connect(port), number % len(whole)] for number in range(300)]
    for round_number in itertools.count():
        if round_number == 3:
            begun()
        for place in streams:
            stream, at = place
            try:
                stream.send(whole[at:at + 1] if round_number else whole[:at + 1])
                place[1] += 1
            except OSError:
                place[1] = len(whole)
            if place[1] >= len(whole):
                stream.close()
                place[:] = connect(port), 0


@attack("a subscription of 16 MiB, the last of it byte by byte", type=PUB, path="publish", good=SUB,
        memory=40 * MIB, because="twice a command of 16 MiB")
def trickled_subscription(port):
    stream = shaken(port, SUB)
    stream.sendall(long_header(4, 16 * MIB) + b"\x09SUBSCRIBE" + b"t" * (16 * MIB - 100000))
    for number in range(90000):
        if number == 10:
            begun()
        stream.send(b"t")
    rest()


def half_open(port, count, said=b""):
    """As many connections as there may be, which say this and no more. Those that are ended come again."""
    streams = []
    for _ in range(count):
        stream = connect(port)
        stream.sendall(said)
        streams.append(stream)
    rest()


@attack("2000 connections that say nothing", memory=24 * MIB, because="2000 connections of 12 KiB", descriptors=2032)
def half_open_silent(port):
    half_open(port, 2000)


@attack("2000 connections that stop within READY", memory=24 * MIB, because="2000 connections of 12 KiB",
        descriptors=2032)
def half_open_greeted(port):
    half_open(port, 2000, greeting() + ready(DEALER, b"")[:20])


@attack("10000 connections that say nothing", memory=120 * MIB, because="10000 connections of 12 KiB",
        descriptors=10032, seconds=3)
def half_open_many(port):
    half_open(port, 10000)


@attack("1000 connections, ended by the handshake timer of 50 ms again and again", options=((HANDSHAKE_IVL, 50),),
        memory=16 * MIB, because="1000 connections of 12 KiB", descriptors=1032)
def handshake_timer(port):
    watch = selectors.DefaultSelector()
    for _ in range(1000):
        watch.register(connect(port), selectors.EVENT_READ)
    begun()
    while True:
        for key, _ in watch.select():
            if not key.fileobj.recv(100):
                watch.unregister(key.fileobj)
                key.fileobj.close()
                watch.register(connect(port), selectors.EVENT_READ)


@attack("more connections than the process has descriptors, which come and stay", limit=256, shuts_out=True,
        memory=6 * MIB, because="256 connections of 12 KiB", descriptors=256)
def descriptors_exhausted(port):
    streams = [connect(port) for _ in range(600)]
    begun()
    while True:
        # Some leave and others come.
        for at in range(0, len(streams), 7):
            streams[at].close()
            streams[at] = connect(port)
        time.sleep(0.01)


# ---- metadata and lengths ----


def metadata(port, length, until):
    """READY of this length, with properties as long as they are taken."""
    for number in itertools.count():
        if number == 50:
            begun()
        stream = connect(port)
        stream.sendall(greeting())
        receive(stream, 64)
        try:
            stream.sendall(long_header(4, length) + b"\x05READY")
        except OSError:
            pass
        pour(stream, PROPERTY, until)
        stream.close()


@attack("READY of 2^63-1 bytes, with properties without an end")
def endless_metadata(port):
    metadata(port, 2**63 - 1, 1000)


@attack("200 peers, each with 64 KiB of metadata in 1024 properties", memory=40 * MIB, descriptors=232,
        because="200 times twice 64 KiB, and what a connection takes")
def large_metadata(port):
    block = properties((b"Socket-Type", b"DEALER"), *((b"X-%d" % number, b"v" * 48) for number in range(1023)))
    streams = []
    for _ in range(200):
        stream = connect(port)
        stream.sendall(greeting())
        receive(stream, 64)
        stream.sendall(command(b"READY", block))
        streams.append(stream)
    rest()


def lengths(port):
    """Says that much will come, and sends nothing, or little."""
    streams = []
    for number in range(100):
        for length in (2**64 - 1, 2**63 - 1, 2**63, 2**40, 2**32):
            stream = shaken(port, DEALER)
            try:
                stream.sendall(long_header(number % 2, length) + bytes(number * 10))
            except OSError:
                pass
            streams.append(stream)
        if number == 20:
            begun()
    rest()


@attack("500 frames of 2^32 to 2^64-1 bytes that do not come", memory=20 * MIB, descriptors=532,
        because="500 connections of 40 KiB: memory is used as bytes come")
def huge_lengths(port):
    lengths(port)


@attack("the same under ZMQ_MAXMSGSIZE", options=((MAXMSGSIZE, 1000),), descriptors=532)
def huge_lengths_limited(port):
    lengths(port)


@attack("a frame without an end, of which 64 MiB come", memory=80 * MIB, because="what came: no ZMQ_MAXMSGSIZE is set")
def huge_frame(port):
    stream = shaken(port, DEALER)
    stream.sendall(long_header(0, 2**62))
    pour(stream, bytes(MIB), 64)
    rest()


@attack("a message without an end under ZMQ_MAXMSGSIZE 1000", options=((MAXMSGSIZE, 1000),), memory=40 * MIB,
        because="16 MiB and what allocators take, or 1000 frames")
def endless_message(port):
    while True:
        stream = shaken(port, DEALER)
        pour(stream, frame(b"x" * 1000, 1) * 500, 200)
        begun()


@attack("the same of empty frames", options=((MAXMSGSIZE, 1000),), memory=40 * MIB, because="as before")
def endless_empty_frames(port):
    while True:
        stream = shaken(port, DEALER)
        pour(stream, frame(b"", 1) * 100000, 300)
        begun()


# Their attacks come behind these.
import floods  # noqa: E402, F401
import handshakes  # noqa: E402, F401


def main():
    chosen = ATTACKS[sys.argv[1]]
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if not chosen.connects:
        return chosen.function(int(sys.argv[2]))
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        print("listening", listener.getsockname()[1], flush=True)
        return chosen.function(listener)


if __name__ == "__main__":
    main()
