"""Attacks by numbers: floods, subscriptions, and peers that come and go. See attacks.py."""

import itertools
import socket
import struct
import threading

from attacker import (
    HICCUP_MSG, KIB, MIB, PATIENCE, ROUTER_HANDOVER, ROUTER_NOTIFY, attack, begun, connect, each_in_its_thread, long_header,
    pour, receive, reset, rest, shake, shaken)
from zmtp import (
    DEALER, PAIR, PUB, PULL, PUSH, RECONNECT_IVL, ROUTER, STREAM, SUB, XPUB, command, frame, greeting, properties)


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


@attack("messages just long enough to hold the read they come in, each among 112 KiB that mean nothing, which the application does not read",
        path="side", type=PULL, good=None, settings={"reads": 0}, memory=140 * MIB,
        because="a receive queue of 1000 messages that hold a read of 128 KiB each", stays=140 * MIB, keeps=1)
def pinned_reads(port):
    among_nothing(port, 8192)


@attack("the same with messages of half that size, which are copied", path="side", type=PULL, good=None,
        settings={"reads": 0}, memory=16 * MIB, because="a receive queue of 1000 messages of 4 KiB, and what is around them",
        stays=16 * MIB, keeps=1)
def copied_reads(port):
    among_nothing(port, 4096)


def among_nothing(port, size):
    stream = shaken(port, PUSH)
    for number in range(1200):
        if number == 100:
            begun()
        try:
            stream.sendall(frame(b"x" * size) + command(b"NONE", b"y" * 112 * KIB))
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


@attack("subscriptions of 1000 bytes, all different, beyond the limit", memory=640 * MIB, seconds=4, stays=8 * MIB,
        because="256 MiB of topics for a peer, twice while their array grows", settings={"chatter": 1}, **PUBLISHER)
def topics(port):
    rest_of_topic = bytes(984)
    subscriptions(port, (b"".join(command(b"SUBSCRIBE", b"%016x" % (number * 0x9e3779b97f4a7c15 % 2**64) + rest_of_topic)
                                  for number in range(start, start + 1000)) for start in itertools.count(0, 1000)))


@attack("the same subscription without an end", **PUBLISHER)
def same_topic(port):
    subscriptions(port, itertools.repeat(command(b"SUBSCRIBE", b"same") * 1000))


@attack("a subscription and its end, without an end", **PUBLISHER)
def topic_on_and_off(port):
    subscriptions(port, itertools.repeat((command(b"SUBSCRIBE", b"t") + command(b"CANCEL", b"t")) * 1000))


@attack("the same as messages, as ZMTP 3.0 has it", **PUBLISHER)
def topic_messages(port):
    subscriptions(port, itertools.repeat((frame(b"\x01t") + frame(b"\x00t")) * 1000))


@attack("subscriptions of 1000 bytes and their ends at an XPUB that does not read", type=XPUB, path="publish", good=SUB,
        settings={"reads": 0, "chatter": 1}, memory=96 * MIB, because="64 MiB of notices for a peer, and what is around them",
        stays=96 * MIB, keeps=1, seconds=4)
def unread_subscriptions(port):
    topic = b"t" * 1000
    subscriptions(port, itertools.repeat((command(b"SUBSCRIBE", topic) + command(b"CANCEL", topic)) * 100))


@attack("peers with 3000 topics of 1000 bytes that come and go at an XPUB that does not read", type=XPUB, path="side",
        good=None, settings={"reads": 0, "chatter": 1}, memory=200 * MIB, stays=200 * MIB, descriptors=200, keeps=2, seconds=4,
        because="100 MiB of notices, what is around them, and what peers have still to say")
def unread_departures(port):
    def visit(number):
        stream = shaken(port, SUB)
        stream.sendall(b"".join(command(b"SUBSCRIBE", b"%d %d" % (number, at) + bytes(1000)) for at in range(3000)))
        stream.close()
    threading.Timer(0.5, begun).start()
    for number in itertools.count():
        try:
            visit(number)
        except OSError:
            pass


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
        options=((ROUTER_NOTIFY, 3),), settings={"reads": 0}, memory=32 * MIB, descriptors=200, stays=32 * MIB,
        because="10000 peers that have gone and are not read", seconds=3)
def unread_notices(port):
    storm(port, lambda _: shaken(port, DEALER).close())


@attack("the same where peers leave a message behind, at a PULL", path="side", type=PULL, good=None,
        settings={"reads": 0}, memory=32 * MIB, descriptors=200, stays=32 * MIB,
        because="10000 peers that have gone and are not read", seconds=3)
def unread_visits(port):
    def visit(_):
        stream = shaken(port, PUSH)
        stream.sendall(frame(b"x" * 100))
        stream.close()
    storm(port, visit)


@attack("the same at a PUB that is not used meanwhile", path="side", type=PUB, good=None, settings={"reads": 0},
        memory=32 * MIB, descriptors=200, stays=32 * MIB, seconds=3,
        because="10000 peers that have gone and are not taken in")
def visits_of_the_idle(port):
    storm(port, lambda _: shaken(port, SUB).close())


@attack("connections that come and go at a STREAM that does not read", path="side", type=STREAM, good=None,
        settings={"reads": 0}, memory=32 * MIB, descriptors=200, stays=32 * MIB,
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


@attack("the same with 60 KiB of metadata, where the application is told of each loss (ZMQ_HICCUP_MSG) and does not read",
        type=DEALER, path="side", good=None, connects=True, options=((HICCUP_MSG, "lost"), (RECONNECT_IVL, 1)),
        settings={"reads": 0}, memory=8 * MIB, because="1 MiB of metadata, twice, and what allocators take", keeps=1)
def unread_hiccups(listener):
    block = properties((b"Socket-Type", b"ROUTER"), *((b"X-%d" % number, b"v" * 1000) for number in range(58)))
    listener.settimeout(0.1)
    for number in itertools.count():
        if number == 10:
            begun()
        try:
            with listener.accept()[0] as stream:
                stream.settimeout(PATIENCE)
                stream.sendall(greeting() + command(b"READY", block))
                receive(stream, 64 + 2 + len(b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER"))
        except OSError:
            # It stays away.
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
