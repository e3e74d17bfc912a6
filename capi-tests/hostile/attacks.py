#!/usr/bin/python3
"""The attacks: raw peers that mean harm.

    attacks.py NAME PORT     attacks who listens at a port of this host
    attacks.py NAME          listens, prints "listening PORT", and attacks who connects

Prints "begun" once the attack is under way, and goes on until it is killed. "again" asks for a new connection, where
the victim has given the last one up. run.py has them run with the lowest priority: they stand for other machines,
which take no time of the victim's processor.
"""

import itertools
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "interop"))

from zmtp import (  # noqa: E402
    DEALER, HEARTBEAT_IVL, HEARTBEAT_TIMEOUT, IMMEDIATE, MAXMSGSIZE, PAIR, PUB, PULL, PUSH, RCVHWM, RECONNECT_IVL, REP,
    REQ, ROUTER, SNDHWM, SUB, XPUB, command, frame, greeting, properties, ready)

STREAM = 11
HANDSHAKE_IVL, ROUTER_RAW, ROUTER_HANDOVER, ROUTER_NOTIFY, XPUB_VERBOSE = 66, 41, 56, 97, 40
KIB, MIB = 1024, 1024 * 1024
PATIENCE = 20.0
# A READY whose metadata is as large as a peer of ours accepts.
PROPERTY = properties((b"X-" + b"n" * 250, b"v" * 200))
ATTACKS = {}


class Attack:
    """What is attacked, how, and what that may cost the victim."""

    def __init__(self, function, what, **more):
        self.function, self.name, self.what = function, function.__name__, what
        # The attacked socket and how the good peer's round trips go through it.
        self.type, self.path, self.good = ROUTER, "echo", DEALER
        # The victim connects to the attacker.
        self.connects = False
        # Pairs of number and value; settings of victim.c.
        self.options, self.settings = (), {}
        # Above what it was before: of memory (with how that comes about), of descriptors, while attacked.
        self.memory, self.because, self.descriptors = 4 * MIB, "", 32
        # The victim's limit on descriptors.
        self.limit = None
        # Who may have come late, and needs no descriptor: new peers find no place during the attack.
        self.shuts_out = False
        # Seconds for the attack to get going.
        self.seconds = 0.5
        # What stays when the attack is over, besides LEFT, until the application reads it: memory, and connections that
        # have more for it.
        self.stays = self.keeps = 0
        for name, value in more.items():
            if name not in self.__dict__:
                raise TypeError(name)
            setattr(self, name, value)


def attack(what, **more):
    def register(function):
        ATTACKS[function.__name__] = Attack(function, what, **more)
        return function
    return register


# ---- what attackers do ----


def begun():
    # In one piece: several threads may say it.
    os.write(1, b"begun\n")


def rest():
    """Holds what has been built up until the end."""
    begun()
    while True:
        time.sleep(60)


def connect(port, read_buffer=None):
    stream = socket.socket()
    if read_buffer:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
    stream.settimeout(PATIENCE)
    stream.connect(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def receive(stream, size):
    got = b""
    while len(got) < size:
        part = stream.recv(size - len(got))
        if not part:
            raise ConnectionError("the end")
        got += part
    return got


def shake(stream, own_type, identity=b"", minor=1):
    """Goes through the handshake as the peer that it should be."""
    stream.sendall(greeting(minor))
    receive(stream, 64)
    stream.sendall(ready(own_type, identity if own_type in (REQ, DEALER, ROUTER) else None))
    flags, length = receive(stream, 2)
    receive(stream, struct.unpack(">Q", bytes([length]) + receive(stream, 7))[0] if flags & 2 else length)
    return stream


def shaken(port, own_type, identity=b"", read_buffer=None):
    return shake(connect(port, read_buffer), own_type, identity)


def reset(stream):
    """Ends a connection without ceremony."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def pour(stream, data, count=None):
    """Sends the same again and again, as much as the other side takes; False if it ends the connection."""
    try:
        for _ in itertools.repeat(None) if count is None else range(count):
            stream.sendall(data)
        return True
    except socket.timeout:
        return True
    except OSError:
        return False


def each_in_its_thread(work, count):
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def long_header(flags, length):
    return bytes([flags | 2]) + struct.pack(">Q", length)


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


# ---- floods ----


@attack("PINGs without an end, whose PONGs nobody reads", memory=4 * MIB)
def pings(port):
    def flood(_):
        pour(shaken(port, DEALER, read_buffer=4096), command(b"PING", b"\0\x01" + b"c" * 16) * 3000)
    each_in_its_thread(flood, 4)
    rest()


@attack("JOIN, LEAVE and PING of wrong sizes without an end")
def wrong_commands(port):
    data = (command(b"JOIN", b"g" * 300) + command(b"LEAVE") + command(b"JOIN") + command(b"PING", b"\0")
            + frame(b"\x04PING", 4) + command(b"PING", b"\xff\xff" + b"c" * 1000) + frame(b"", 4))
    each_in_its_thread(lambda _: pour(shaken(port, DEALER), data * 100), 4)
    rest()


@attack("short messages without an end, which the application reads", memory=24 * MIB,
        because="4 receive queues of 1000 messages of 1 KiB, and their answers")
def messages(port):
    def flood(_):
        stream = shaken(port, DEALER)
        threading.Thread(target=drain, args=(stream,), daemon=True).start()
        pour(stream, frame(b"x" * 10) * 5000)
    each_in_its_thread(flood, 4)
    rest()


def drain(stream):
    try:
        while stream.recv(1 << 16):
            pass
    except OSError:
        pass


@attack("messages of 1000 bytes without an end, which the application does not read", path="side", type=PULL, good=None,
        settings={"reads": 0}, memory=16 * MIB, because="4 receive queues of 1000 messages of 1 KiB, and a read each",
        stays=16 * MIB, keeps=4)
def unread_messages(port):
    each_in_its_thread(lambda _: pour(shaken(port, PUSH), frame(b"x" * 1000) * 500), 4)
    rest()


@attack("messages just too long to be copied, each among 120 KiB that mean nothing, which the application does not read",
        path="side", type=PULL, good=None, settings={"reads": 0}, memory=140 * MIB,
        because="a receive queue of 1000 messages that hold a read of 128 KiB each", stays=140 * MIB, keeps=1)
def pinned_reads(port):
    stream = shaken(port, PUSH)
    for number in range(1200):
        if number == 100:
            begun()
        try:
            stream.sendall(frame(b"x" * 1025) + command(b"NONE", b"y" * 120 * KIB))
        except OSError:
            break
    rest()


@attack("4 peers that ask and never read the answers, 1000 bytes each", memory=24 * MIB,
        because="4 send queues of 1000 answers of 1 KiB, and 4 receive queues")
def never_read(port):
    each_in_its_thread(lambda _: pour(shaken(port, DEALER, read_buffer=4096), frame(b"x" * 1000) * 500), 4)
    rest()


@attack("20 subscribers that never read, 1000 bytes a message, and the publisher goes on", type=PUB, path="publish",
        good=SUB, settings={"chatter": 1000}, memory=44 * MIB, descriptors=64,
        because="20 send queues of 1000 messages of 1 KiB, twice")
def subscribers_never_read(port):
    streams = []
    for _ in range(20):
        streams.append(shaken(port, SUB, read_buffer=4096))
        streams[-1].sendall(command(b"SUBSCRIBE", b"c"))
    rest()


# ---- subscriptions ----


def subscriptions(port, blocks):
    stream = shaken(port, SUB)
    for number, block in enumerate(blocks):
        if number == 1:
            # More may be taken in only when the application publishes.
            begun()
        if not pour(stream, block, 1):
            stream = shaken(port, SUB)
    rest()


PUBLISHER = {"type": PUB, "path": "publish", "good": SUB}


@attack("a million subscriptions, all different", memory=160 * MIB, because="160 bytes a topic", stays=8 * MIB, **PUBLISHER)
def topics(port):
    subscriptions(port, (b"".join(command(b"SUBSCRIBE", b"%016x" % (number * 0x9e3779b97f4a7c15 % 2**64))
                                  for number in range(start, start + 1000)) for start in range(0, 1000000, 1000)))


@attack("the same subscription without an end", **PUBLISHER)
def same_topic(port):
    subscriptions(port, itertools.repeat(command(b"SUBSCRIBE", b"same") * 1000))


@attack("a subscription and its end, without an end", **PUBLISHER)
def topic_on_and_off(port):
    subscriptions(port, itertools.repeat((command(b"SUBSCRIBE", b"t") + command(b"CANCEL", b"t")) * 1000))


@attack("the same as messages, as ZMTP 3.0 has it", **PUBLISHER)
def topic_messages(port):
    subscriptions(port, itertools.repeat((frame(b"\x01t") + frame(b"\x00t")) * 1000))


@attack("the same at an XPUB that does not read", type=XPUB, path="publish", good=SUB, settings={"reads": 0},
        memory=200 * MIB, because="64 MiB of notices for a peer, more than twice while their queue grows",
        stays=200 * MIB, keeps=1)
def unread_subscriptions(port):
    subscriptions(port, itertools.repeat((command(b"SUBSCRIBE", b"t") + command(b"CANCEL", b"t")) * 1000))


@attack("subscriptions without an end within a message that does not end", memory=60 * MIB,
        because="32 MiB, and what is around each topic", **PUBLISHER)
def topics_within_a_message(port):
    begun()
    while True:
        stream = shaken(port, SUB)
        stream.sendall(frame(b"x", 1))
        pour(stream, command(b"SUBSCRIBE", b"t" * 20) * 1000, 10000)


@attack("topics of 15 MiB", memory=640 * MIB, because="256 MiB of topics for a peer, twice while an array grows, and one on its way",
        stays=40 * MIB, **PUBLISHER)
def long_topics(port):
    subscriptions(port, (long_header(4, 15 * MIB) + b"\x09SUBSCRIBE" + struct.pack(">Q", number) + bytes(15 * MIB - 18)
                         for number in range(30)))


@attack("subscriptions beyond every limit, in pieces of 1 MiB", memory=40 * MIB, because="32 MiB that are not read yet",
        type=PUB, path="side", good=None, settings={"reads": 0}, stays=40 * MIB, keeps=8)
def unread_topics(port):
    each_in_its_thread(lambda number: subscriptions(port, (
        long_header(4, MIB) + b"\x09SUBSCRIBE" + struct.pack(">Q", number * 1000 + at) + bytes(MIB - 18)
        for at in range(1000))), 8)
    rest()


# ---- coming and going ----


def storm(port, visit, workers=2):
    """Visits, one after the other."""
    count = itertools.count()

    def work(_):
        while True:
            number = next(count)
            if number == 200:
                begun()
            try:
                visit(number)
            except OSError:
                pass
    for thread in each_in_its_thread(work, workers):
        thread.join()


@attack("peers that connect and vanish, by an end or a reset, with a monitor that nobody reads",
        settings={"monitor": 1}, descriptors=200)
def vanishing(port):
    storm(port, lambda number: (reset if number % 4 else socket.socket.close)(connect(port)))


@attack("peers that shake hands and vanish", descriptors=200)
def short_visits(port):
    storm(port, lambda _: shaken(port, DEALER).close())


@attack("peers that vanish in the middle of a frame of 100000 bytes", descriptors=200)
def cut_frames(port):
    def visit(_):
        stream = shaken(port, DEALER)
        stream.sendall(frame(b"x" * 100000)[:50000])
        reset(stream)
    storm(port, visit)


@attack("peers that come with ever new routing ids and send a message", descriptors=200)
def new_routing_ids(port):
    def visit(number):
        stream = shaken(port, DEALER, b"id%d" % number)
        stream.sendall(frame(b"x"))
        stream.close()
    storm(port, visit)


@attack("peers that come with the same routing id under ROUTER_HANDOVER", options=((ROUTER_HANDOVER, 1),),
        descriptors=300)
def same_routing_id(port):
    streams = []

    def visit(_):
        streams.append(shaken(port, DEALER, b"same"))
        streams[-1].sendall(frame(b"x"))
        if len(streams) > 50:
            streams.pop(0).close()
    storm(port, visit, 1)


@attack("the same without it: later ones are mute", descriptors=300)
def taken_routing_id(port):
    same_routing_id(port)


@attack("peers that come and go at a ROUTER with ROUTER_NOTIFY that does not read", path="side", good=None,
        options=((ROUTER_NOTIFY, 3),), settings={"reads": 0}, memory=24 * MIB, descriptors=200, stays=24 * MIB,
        because="10000 peers that have gone and are not read", seconds=3)
def unread_notices(port):
    storm(port, lambda _: shaken(port, DEALER).close())


@attack("the same where peers leave a message behind, at a PULL", path="side", type=PULL, good=None,
        settings={"reads": 0}, memory=24 * MIB, descriptors=200, stays=24 * MIB,
        because="10000 peers that have gone and are not read", seconds=3)
def unread_visits(port):
    def visit(_):
        stream = shaken(port, PUSH)
        stream.sendall(frame(b"x" * 100))
        stream.close()
    storm(port, visit)


@attack("the same at a PUB that is not used meanwhile", path="side", type=PUB, good=None, settings={"reads": 0},
        memory=24 * MIB, descriptors=200, stays=24 * MIB, seconds=3,
        because="10000 peers that have gone and are not taken in")
def visits_of_the_idle(port):
    storm(port, lambda _: shaken(port, SUB).close())


@attack("connections that come and go at a STREAM that does not read", path="side", type=STREAM, good=None,
        settings={"reads": 0}, memory=24 * MIB, descriptors=200, stays=24 * MIB,
        because="10000 peers that have gone and are not read", seconds=3)
def unread_streams(port):
    storm(port, lambda _: connect(port).close())


@attack("second peers of a PAIR", type=PAIR, good=PAIR, descriptors=200)
def second_peers(port):
    storm(port, lambda _: shaken(port, PAIR).close())


@attack("a server that shakes hands and ends the connection, again and again", type=DEALER, path="side", good=None,
        connects=True, options=((RECONNECT_IVL, 1),))
def ending_server(listener):
    for number in itertools.count():
        if number == 100:
            begun()
        stream = listener.accept()[0]
        try:
            stream.settimeout(PATIENCE)
            shake(stream, ROUTER).close()
        except OSError:
            pass


@attack("a server that never reads, and is sent messages of 1000 bytes", type=PUSH, path="side", good=None,
        connects=True, settings={"chatter": 1000}, memory=8 * MIB, because="a send queue of 1000 messages of 1 KiB")
def server_never_reads(listener):
    stream = listener.accept()[0]
    stream.settimeout(PATIENCE)
    shake(stream, PULL)
    rest()


@attack("peers with one topic that come and go, beside a peer with 200000", descriptors=200, memory=40 * MIB,
        because="160 bytes a topic", settings={"chatter": 1}, **PUBLISHER)
def visits_beside_many_topics(port):
    stream = shaken(port, SUB)
    for start in range(0, 200000, 1000):
        stream.sendall(b"".join(command(b"SUBSCRIBE", b"a%07d" % number) for number in range(start, start + 1000)))

    def visit(_):
        visitor = shaken(port, SUB)
        visitor.sendall(command(b"SUBSCRIBE", b"z"))
        visitor.close()
    storm(port, visit)


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
