"""How peers of ZMTP 1.0 and 2.x begin and frame, and what such a peer and the library say to each other."""

import struct

from cases import expect_inside, repeat_until_heard
from zmtp import (
    ACCEPTED, CONNECTED, DEALER, DISCONNECTED, NO_DETAIL, PAIR, PUB, PULL, PUSH, REP, REQ, RETRIED, ROUTER, SUB,
    SUBSCRIBE, XPUB, Failure, frame)

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
    """Until a PUB has heard of its subscriber; what was sent more than once meanwhile is read."""
    repeat_until_heard(wire, lambda: end.send(b"go"))
    end.send(b"go", b"on")
    wire.expect_behind(form.message(b"go"), form.message(b"go", b"on"), "first publication")


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
