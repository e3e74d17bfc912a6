"""Cases of raw.py: peers of ZMTP 1.0 and 2.x, as made of bytes (zmtp.md 2.2 to 2.4, 3.1, 12.6, 12.7)."""

import ctypes
import random
import socket
import struct
import threading
import time

from cases import TYPES, Victim, bound, case, close_all, connected, expect_no_return, next_wire, open_end
from zmtp import (
    ACCEPTED, CONFLATE, CONNECTED, DEALER, DISCONNECTED, NAMES, NO_DETAIL, PAIR, PARTNER, PUB, PULL, PUSH, REP, REQ,
    RETRIED, ROUTER, SNDHWM, SUB, SUBSCRIBE, SUCCEEDED, XPUB, XSUB, Failure, Wire, command, frame)

DELAYED = 0x2


def frame_1_0(body, flags=0):
    if len(body) > 253:
        return b"\xff" + struct.pack(">Q", len(body) + 1) + bytes([flags]) + body
    return bytes([len(body) + 1, flags]) + body


class Form:
    """How an old peer begins, and frames its messages."""

    def __init__(self, name, greeting, encode, long_identity=False):
        self.name, self.greeting, self.encode, self.long_identity = name, greeting, encode, long_identity
        self.unversioned = not greeting

    def frame(self, body, flags=0):
        return self.encode(body, flags)

    def message(self, *frames):
        return b"".join(self.frame(body, int(at + 1 < len(frames))) for at, body in enumerate(frames))

    def opening(self, kind, identity=b""):
        """What the peer sends before its messages."""
        if self.long_identity:
            return b"\xff" + struct.pack(">Q", len(identity) + 1) + b"\0" + identity
        return (self.greeting and self.greeting + bytes([kind])) + self.frame(identity)

    def answer(self, kind, identity=b""):
        """What the library sends before its messages."""
        signature = b"\xff" + struct.pack(">Q", len(identity) + 1) + b"\x7f"
        return signature + (identity if self.unversioned else bytes([3, kind]) + self.frame(identity))

    def begin(self, wire, theirs, mine, identity=b"", own_id=b""):
        """Goes through the greeting as `mine`, checking every byte of the library's side."""
        wire.send(self.opening(mine, identity))
        wire.expect(self.answer(theirs, own_id), f"greeting to {self.name}")


SIGNATURE = bytes.fromhex("FF 00 00 00 00 00 00 00 01 7F")
UNVERSIONED = Form("1.0", b"", frame_1_0)
LONG_HEADER = Form("1.0, long header", b"", frame_1_0, long_identity=True)
VERSIONED = Form("versioned 1.0", SIGNATURE + b"\0", frame_1_0)
TWO = Form("2.x", SIGNATURE + b"\1", frame)
FORMS = (UNVERSIONED, LONG_HEADER, VERSIONED, TWO)


def lost(library, end, binds):
    """The events of a connection from its beginning to its end. libzmq takes each such end for a failed
    handshake, for there never was one."""
    found = [event for event in end.events_until(DISCONNECTED) if event[0] not in (0x8, RETRIED, DELAYED)]
    begin = ACCEPTED if binds else CONNECTED
    wanted = [(begin, 0), (DISCONNECTED, 0)]
    if library.stock:
        wanted.insert(1, (NO_DETAIL, 32))
    if found != wanted:
        raise Failure(f"events {[(hex(n), v) for n, v in found]}")


def bodies():
    return [b"b" * size for size in (0, 1, 252, 253, 254, 255, 256, 300, 100_000)]


def to_library(form, end, wire, envelope=(), prefix=(), behind=b""):
    """Single and multipart messages from the peer; `envelope` is only on the wire, `prefix` only at the API."""
    for body in bodies():
        wire.send(form.message(*envelope, body + behind))
        end.expect(*prefix, body + behind)
    wire.send(form.message(*envelope, *bodies()))
    end.expect(*prefix, *bodies())


def to_peer(form, end, wire, envelope=(), prefix=()):
    for body in bodies():
        end.send(*prefix, body)
        wire.expect(form.message(*envelope, body), f"message of {len(body)} to {form.name}")
    end.send(*prefix, *bodies())
    wire.expect(form.message(*envelope, *bodies()), f"multipart message to {form.name}")


def converse(form, kind, end, wire, identity):
    """Every size and form of message in every direction that the socket type has."""
    if kind in (PAIR, DEALER):
        to_library(form, end, wire)
        to_peer(form, end, wire)
    elif kind == PULL:
        to_library(form, end, wire)
    elif kind == PUSH:
        to_peer(form, end, wire)
    elif kind == ROUTER:
        wire.send(form.message(b"hello"))
        got = end.receive()
        if identity and got[0] != identity or len(got[0]) != (len(identity) or 5):
            raise Failure(f"routing id {got[0]}")
        to_library(form, end, wire, prefix=(got[0],))
        to_peer(form, end, wire, prefix=(got[0],))
    elif kind == REP:
        for body in bodies():
            wire.send(form.message(b"to", b"", body, body))
            end.expect(body, body)
            end.send(body, b"answer")
            wire.expect(form.message(b"to", b"", body, b"answer"), f"reply to {form.name}")
    elif kind == REQ:
        for body in bodies():
            end.send(body, b"question")
            wire.expect(form.message(b"", body, b"question"), f"request to {form.name}")
            wire.send(form.message(b"", b"answer", body))
            end.expect(b"answer", body)
    elif kind in (PUB, XPUB):
        publish(form, kind, end, wire)
    else:
        subscribe(form, kind, end, wire)


def publish(form, kind, end, wire):
    if form.unversioned:
        # It cannot subscribe, and gets everything.
        if kind == XPUB:
            end.expect(b"\1")
        else:
            wait_for_first(form, end, wire)
        to_peer(form, end, wire)
        return
    wire.send(form.message(b"\1b") + form.message(b"\1go") + form.message(b"\0b"))
    if kind == XPUB:
        for topic in (b"\1b", b"\1go", b"\0b"):
            end.expect(topic)
    else:
        wait_for_first(form, end, wire)
    end.send(b"b")
    end.send(b"going", b"b" * 300)
    wire.expect(form.message(b"going", b"b" * 300), "publication")


def wait_for_first(form, end, wire):
    """Until a PUB has heard of its subscriber."""
    for _ in range(1000):
        end.send(b"go")
        wire.stream.settimeout(0.01)
        try:
            first = wire.stream.recv(1, socket.MSG_PEEK)
        except socket.timeout:
            continue
        if first:
            break
    wire.stream.settimeout(5)
    wire.expect(form.message(b"go"), "first publication")


def expect_inside(end, wire, wanted, what):
    """What needs the socket's thread: it has to hear of the peer first."""
    wire.stream.settimeout(0.01)
    for _ in range(500):
        end.turn()
        try:
            wire.stream.recv(1, socket.MSG_PEEK)
            break
        except socket.timeout:
            pass
    wire.stream.settimeout(5)
    wire.expect(wanted, what)


def subscribe(form, kind, end, wire):
    def change(add, topic):
        if kind == SUB:
            end.set(SUBSCRIBE if add else SUBSCRIBE + 1, topic)
        else:
            end.send((b"\1" if add else b"\0") + topic)

    # 4.3.4 leaves LONG out for a topic of 255 bytes.
    for topic in (b"A", b"t" * 252, b"t" * 253, b"t" * 254, b"t" * 300):
        change(True, topic)
        expect_inside(end, wire, form.message(b"\1" + topic), f"topic of {len(topic)} to {form.name}")
    change(False, b"A")
    wire.expect(form.message(b"\0A"), f"end of a topic to {form.name}")
    if kind == SUB:
        wire.send(form.message(b"A") + form.message(b"A", b"t" * 252))
    long = (b"t" * 252 + b"!", b"x" * 300, b"")
    wire.send(form.message(*long))
    end.expect(*long)
    wire.send(form.message(b"t" * 100_000))
    end.expect(b"t" * 100_000)


# ---- exact bytes ----

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
def old_vectors(library):
    """zmtp.md 12.6 and 12.7, byte for byte."""
    server = bound(library, ROUTER, ROUTING_ID=b"srv")
    wire = server.wire()
    wire.expect(bytes.fromhex("FF 00 00 00 00 00 00 00 04 7F"), "signature")
    wire.send(bytes.fromhex("04 00 61 62 63"))
    wire.expect(b"srv", "identity")
    wire.send(bytes.fromhex("01 01 03 00 68 69"))
    server.expect(b"abc", b"", b"hi")
    server.send(b"abc", b"", b"yo")
    wire.expect(bytes.fromhex("01 01 03 00 79 6F"), "reply")
    second = server.wire()
    second.send(bytes.fromhex("FF 00 00 00 00 00 00 00 01 7F 01 05"))
    second.expect(bytes.fromhex("FF 00 00 00 00 00 00 00 04 7F 03 06 00 03 73 72 76"), "greeting")
    second.send(bytes.fromhex("00 02 69 64 00 02 68 69"))
    server.expect(b"id", b"hi")
    wire.close()
    second.close()
    server.close()
    server = bound(library, ROUTER)
    wire = server.wire()
    wire.send(bytes.fromhex("FF 00 00 00 00 00 00 00 01 7F 00 05"))
    wire.expect(bytes.fromhex("FF 00 00 00 00 00 00 00 01 7F 03 06 01 00"), "greeting")
    wire.close()
    server.close()


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
    library.lib.zmq_msg_recv.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.lib.zmq_msg_gets.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.lib.zmq_msg_gets.restype = ctypes.c_char_p
    for form in FORMS:
        server = bound(library, PULL)
        wire = server.wire()
        wire.send(form.opening(PUSH, b"id") + form.message(b"x"))
        message = ctypes.create_string_buffer(64)
        library.lib.zmq_msg_init(message)
        library.check(library.lib.zmq_msg_recv(message, server.handle, 0), "receive")
        for name in (b"Peer-Address", b"Socket-Type", b"Identity", b"Routing-Id", b"__fd"):
            found = library.lib.zmq_msg_gets(message, name)
            if found is not None:
                raise Failure(f"{name} is {found}")
        if library.lib.zmq_msg_get(message, 2) != -1:
            raise Failure("ZMQ_SRCFD")
        library.lib.zmq_msg_close(message)
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


# ---- loss and return ----

@case
def old_peers_reconnect(library):
    """Each time another version, also 3.1: topics are said again, messages of the gap wait, queues are in the form
    of whoever comes."""
    client, wire, place = connected(library, SUB)
    client.set(SUBSCRIBE, b"AB")
    for form in FORMS * 2:
        form.begin(wire, SUB, PUB)
        expect_inside(client, wire, form.message(b"\1AB"), f"subscription to {form.name}")
        wire.send(form.message(b"ABC", b"x") + form.message(b"no") + form.frame(b"AB", 1) + form.frame(b"cut", 1))
        client.expect(b"ABC", b"x")
        wire.close()
        wire = Wire(place.accept()[0])
    client.expect_nothing("cut message")
    close_all(client, wire, place)

    client, wire, place = connected(library, PUSH)
    for at, form in enumerate(FORMS * 2):
        client.send(b"gap", b"%d" % at)
        if at % 3 == 2:
            wire.handshake(PUSH, PULL)
            wire.expect(frame(b"gap", 1) + frame(b"%d" % at), "message of the gap")
        else:
            form.begin(wire, PUSH, PULL)
            wire.expect(form.message(b"gap", b"%d" % at), f"message of the gap to {form.name}")
        wire.close()
        client.events_until(RETRIED)
        wire = Wire(place.accept()[0])
    close_all(client, wire, place)


@case
def old_subscribers_reconnect(library):
    """A publisher that connects: everything goes to an unversioned peer each time."""
    for kind in (PUB, XPUB):
        client, wire, place = connected(library, kind)
        for at in range(4):
            UNVERSIONED.begin(wire, kind, SUB)
            if kind == XPUB and at == 0:
                client.expect(b"\1")
            wait_for_first(UNVERSIONED, client, wire)
            wire.close()
            client.events_until(RETRIED)
            wire = Wire(place.accept()[0])
        close_all(client, wire, place)


@case
def old_immediate(library):
    """With ZMQ_IMMEDIATE there is nobody to send to before the version is known."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH, IMMEDIATE=1)
        wire.expect(SIGNATURE, "signature")
        if library.lib.zmq_send(client.handle, b"x", 1, 1) >= 0:
            raise Failure("a message is taken for nobody")
        wire.send(form.opening(PULL))
        client.send(b"x")
        wire.expect(form.answer(PUSH)[10:] + form.message(b"x"), f"message to {form.name}")
        close_all(client, wire, place)


@case
def old_slow_peers_get_every_byte(library):
    """Writes that the kernel takes in part: frames of all sizes against what they have to look like."""
    chance = random.Random(2)
    for form in FORMS:
        end, wire, _ = open_end(library, PUSH, True, SNDHWM=0)
        form.begin(wire, PUSH, PULL)
        expected = []
        for _ in range(3000):
            frames = [chance.randbytes(chance.choice((0, 3, 30, 253, 254, 255, 1000, 3000, 70_000)))
                      for _ in range(chance.choice((1, 1, 1, 2, 5)))]
            expected.append(form.message(*frames))
            end.send(*frames)
        for at, wanted in enumerate(expected):
            wire.expect(wanted, f"message {at} to {form.name}")
            if at % 100 == 0:
                time.sleep(0.002)
        close_all(end, wire, None)


@case
def old_floods(library):
    """Thousands of small messages both ways at once."""
    count = 20_000
    for form in FORMS:
        end, wire, _ = open_end(library, PAIR, True, SNDHWM=0, RCVHWM=0)
        form.begin(wire, PAIR, PAIR)
        flood = b"".join(form.message(b"%d" % at) for at in range(count))
        sender = threading.Thread(target=wire.send, args=(flood,))
        sender.start()
        for at in range(count):
            end.send(b"%d" % at)
        for at in range(count):
            end.expect(b"%d" % at)
        sender.join()
        wire.expect(flood, f"flood to {form.name}")
        close_all(end, wire, None)


@case(better=True)
def old_cut_messages_are_skipped(library):
    """The message that was cut is not sent again, in no part; those behind it wait for the next connection."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH)
        form.begin(wire, PUSH, PULL)
        large = bytes(40_000_000)
        client.send(b"first")
        client.send(b"cut", large, b"end")
        client.send(b"next", b"part")
        client.send(b"x" * 300)
        wire.expect(form.message(b"first") + form.message(b"cut", large, b"end")[:2000], f"to {form.name}")
        wire.close()
        wire = Wire(place.accept()[0])
        form.begin(wire, PUSH, PULL)
        wire.expect(form.message(b"next", b"part") + form.message(b"x" * 300), f"after the loss, to {form.name}")
        close_all(client, wire, place)


@case
def old_conflate(library):
    """The newest message only, in the form of the peer."""
    for form in FORMS:
        client, wire, place = connected(library, PUSH, CONFLATE=1)
        wire.expect(SIGNATURE, "signature")
        for at in range(10):
            client.send(b"%d" % at * 300)
        wire.send(form.opening(PULL))
        wire.expect(form.answer(PUSH)[10:] + form.message(b"9" * 300), f"message to {form.name}")
        wire.expect_silence("older ones", 0.02)
        close_all(client, wire, place)


@case
def old_close_sends_what_is_queued(library):
    for form in FORMS:
        client, wire, place = connected(library, PUSH, LINGER=-1)
        form.begin(wire, PUSH, PULL)
        frames = (b"large", b"l" * 1_000_000)
        for _ in range(10):
            client.send(*frames)
        client.close()
        wire.expect(form.message(*frames) * 10, f"rest for {form.name}")
        wire.expect_end("closed")
        wire.close()
        place.close()


@case
def old_requests_are_checked(library):
    """A REQ ends a connection whose replies have a wrong envelope, and does not come back."""
    for form in FORMS:
        for reply in ((b"no delimiter",), (b"",), (b"x", b"y")):
            client, wire, place = connected(library, REQ)
            client.send(b"q")
            form.begin(wire, REQ, REP)
            wire.expect(form.message(b"", b"q"), "request")
            wire.send(form.message(*reply))
            wire.expect_end(f"reply {reply}")
            client.events_until(DISCONNECTED)
            expect_no_return(client, place, f"reply {reply}")
            wire.close()


# ---- hostile peers ----

@case
def old_truncated(library):
    """EOF after each byte: nothing of a message is delivered, nobody else is disturbed."""
    victim = Victim(library)
    for form in FORMS:
        whole = form.opening(PUSH, b"id") + form.frame(b"a", 1) + form.frame(b"b" * 300)
        handshake = len(form.opening(PUSH, b"id"))
        for length in range(len(whole)):
            # A handshake ends with the identity; in libzmq never.
            wanted = [(NO_DETAIL, 32)] if length < handshake or library.stock else []
            victim.attack(whole[:length], wanted, f"{length} bytes of {form.name}", half_close=True)
    victim.close()


@case
def old_empty_frames_and_large_ones(library):
    """Length 0 in 1.0, and above MAXMSGSIZE in all: the end, without an event of its own."""
    victim = Victim(library, MAXMSGSIZE=1000)
    for form in FORMS:
        front = form.opening(PUSH) + form.message(b"x", b"y")
        bad = [form.frame(bytes(1001))[:12]]
        if form is TWO:
            bad.append(b"\2" + b"\xff" * 8)
        else:
            bad += [b"\0", b"\xff" + bytes(8), b"\xff" * 9 + b"\0", b"\xff" + struct.pack(">Q", 1002) + b"\0"]
        for data in bad:
            wire = victim.server.wire()
            wire.send(front + form.frame(b"m" * 1000) + data)
            victim.server.expect(b"x", b"y")
            victim.server.expect(b"m" * 1000)
            wire.expect_end(f"{data.hex()} of {form.name}")
            found = victim.server.events_until(DISCONNECTED)
            if found != [(ACCEPTED, 0), (DISCONNECTED, 0)]:
                raise Failure(f"{data.hex()} of {form.name}: events {found}")
            wire.close()
            victim.still_serves(f"{data.hex()} of {form.name}")
    # In place of an identity.
    victim.attack(b"\0", [], "no frame at all")
    for form in FORMS:
        victim.attack(form.opening(PUSH, b"i" * 1001), [], f"large identity of {form.name}")
    victim.close()


@case
def old_errors_are_final(library):
    """A connecting side does not come back to such a peer, but does after an ordinary end."""
    for form in (UNVERSIONED, VERSIONED):
        client, wire, place = connected(library, PULL)
        form.begin(wire, PULL, PUSH)
        wire.send(form.message(b"last") + b"\0")
        client.expect(b"last")
        wire.expect_end("empty frame")
        client.events_until(DISCONNECTED)
        expect_no_return(client, place, "empty frame")
        wire.close()
    for form in FORMS:
        client, wire, place = connected(library, PUSH)
        client.send(b"kept")
        opening = form.opening(PULL)
        decided = 10 if form.long_identity else len(form.greeting) + 1
        for length in range(1, decided):
            wire.send(opening[:length])
            wire.close()
            client.events_until(RETRIED)
            wire = Wire(place.accept()[0])
        form.begin(wire, PUSH, PULL)
        wire.expect(form.message(b"kept"), f"message to {form.name}")
        close_all(client, wire, place)


@case
def old_silence(library):
    """The handshake timer ends a peer that stops before its version is known."""
    server = bound(library, PULL, HANDSHAKE_IVL=200)
    parts = [form.opening(PUSH)[:length] for form in FORMS for length in range(1, len(form.greeting))]
    wires = [server.wire() for _ in parts]
    for wire, part in zip(wires, parts):
        wire.send(part)
    for wire in wires:
        wire.expect_end("silent peer")
        wire.close()
    server.close()


@case(better=True)
def old_peers_outlive_the_handshake_timer(library):
    """libzmq ends them all when it is over. Without the identity the handshake is not complete."""
    for form in FORMS:
        server = bound(library, PULL, HANDSHAKE_IVL=100)
        wire, mute = server.wire(), server.wire()
        form.begin(wire, PULL, PUSH)
        mute.send(form.opening(PUSH)[:-1])
        mute.expect_end("no identity")
        wire.expect_silence("after the handshake timer", 0.2)
        wire.send(form.message(b"alive"))
        server.expect(b"alive")
        wire.close()
        mute.close()
        server.close()


@case
def web_clients(library):
    """They are taken for 1.0 peers; nothing comes of it, and it costs the connection only."""
    victim = Victim(library)
    requests = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
                b"OPTIONS * HTTP/1.0\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n", bytes.fromhex("16 03 01 02 00 01 00 01"))
    wires = []
    for request in requests * 10:
        wire = victim.server.wire()
        wire.send(request)
        wire.expect(SIGNATURE, "signature")
        wires.append(wire)
    victim.still_serves("web clients")
    for wire in wires:
        wire.expect_silence("web client", 0.001)
        wire.close()
    for _ in wires:
        victim.server.events_until(DISCONNECTED)
    victim.still_serves("web clients, gone")
    victim.close()


@case
def old_noise(library):
    """Random bytes behind each greeting: whatever comes of them, others are served."""
    chance = random.Random(3)
    victim = Victim(library, MAXMSGSIZE=100_000)
    for at in range(60):
        form = FORMS[at % 4]
        wire = victim.server.wire()
        try:
            wire.send(form.opening(PUSH, b"id") + chance.randbytes(3000))
            wire.stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        wire.expect_end(f"noise of {form.name}")
        wire.close()
        victim.server.events_until(DISCONNECTED)
    victim.good.send(frame(b"last"))
    while victim.server.receive() != [b"last"]:
        pass
    victim.close()


@case(better=True)
def old_lengths_cost_nothing(library):
    """A length alone takes no memory."""
    victim = Victim(library)
    wires = []
    for form in FORMS:
        for length in (1 << 40, (1 << 62) - 2):
            header = b"\2" + struct.pack(">Q", length) if form is TWO else b"\xff" + struct.pack(">Q", length + 1) + b"\0"
            wire = victim.server.wire()
            wire.send(form.opening(PUSH) + header + b"x")
            wires.append(wire)
    victim.still_serves("large lengths")
    for wire in wires:
        wire.close()
    victim.close()


@case
def old_peers_that_nobody_reads(library):
    """Back-pressure: at the high-water mark the connection is read no more, and goes on later."""
    for form in FORMS:
        server = bound(library, PULL, RCVHWM=10)
        wire = server.wire()
        form.begin(wire, PULL, PUSH)
        wire.stream.settimeout(0.3)
        data = form.message(b"p" * 1000) * 100
        sent = 0
        try:
            while sent < 64 << 20:
                sent += wire.stream.send(data[sent % len(data):])
            raise Failure("64 MB taken with nobody reading")
        except socket.timeout:
            pass
        wire.stream.shutdown(socket.SHUT_WR)
        for _ in range(sent // (len(data) // 100)):
            server.expect(b"p" * 1000)
        wire.close()
        server.close()
