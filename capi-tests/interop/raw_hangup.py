"""Cases of raw.py: peers that say all they have and are gone before anybody looks. What has reached the kernel of the
library's side is delivered, with what is known of the peer (transports.md 5 and 6)."""

import socket
import struct

from cases import WILDCARD, case, connected, listener
from zmtp import HOST, PULL, PUSH, Failure, Socket, Wire, frame, greeting, ready

COUNT = 100
# Less than a window altogether: a reset destroys what waits for one.
BODIES = [b"%d" % at + b"." * 240 for at in range(COUNT)]
EVERYTHING = greeting() + ready(PUSH) + b"".join(map(frame, BODIES))


def finish(wire):
    """The orderly end: everything is read, too."""
    wire.stream.shutdown(socket.SHUT_WR)


def close(wire):
    """What the library said may be unread, which makes it a reset over tcp."""
    wire.close()


def reset(wire):
    wire.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


ENDS = (finish, close, reset)
# Where a peer that connects comes from, as Peer-Address begins.
SOURCE = {"tcp": b"127.0.0.1", "ipc": b"localhost:"}


def expect_all(pull, address_begins, what):
    for at, body in enumerate(BODIES):
        try:
            got, (address, kind), _ = pull.frame(b"Peer-Address", b"Socket-Type")
        except Failure as failure:
            raise Failure(f"{what}: message {at}: {failure}") from None
        if got != body or kind != b"PUSH" or not (address or b"").startswith(address_begins):
            raise Failure(f"{what}: message {at} is {got[:20]} of a {kind} at {address}")


@case(better=True)
def gone_before_the_accept(library):
    """The whole life of the peer is in the backlog when the library begins to listen."""
    for transport in ("tcp", "ipc"):
        for end in ENDS:
            for limit in (1000, 1):
                place = listener(transport)
                place.setblocking(True)
                wire = Wire(socket.socket(place.family))
                wire.stream.connect(place.getsockname())
                wire.send(EVERYTHING)
                end(wire)
                pull = Socket(library, PULL, RCVHWM=limit, USE_FD=place.detach())
                pull.bind(WILDCARD["tcp"] if transport == "tcp" else b"ipc://adopted")
                expect_all(pull, SOURCE[transport], f"{transport}, {end.__name__}, RCVHWM {limit}")
                pull.close()
                wire.close()


@case(better=True)
def gone_at_once(library):
    """The library connects; the peer is gone as soon as it has come, at times before the library knows that it is there."""
    for transport in ("tcp", "ipc"):
        for end in ENDS:
            for limit in (1000, 1):
                for _ in range(10):
                    pull, wire, place = connected(library, PULL, transport, RCVHWM=limit, RECONNECT_IVL=60000)
                    wire.send(EVERYTHING)
                    end(wire)
                    expect_all(pull, b"localhost:" if transport == "ipc" else HOST.encode(), f"{transport}, {end.__name__}, RCVHWM {limit}")
                    pull.close()
                    wire.close()
                    place.close()


@case
def large_message_before_the_end(library):
    """More than the kernel holds, and an orderly end behind it, in both roles."""
    body = bytes(3 << 20)
    for transport in ("tcp", "ipc"):
        for connects in (False, True):
            if connects:
                pull, wire, place = connected(library, PULL, transport, RECONNECT_IVL=60000)
            else:
                place = listener(transport)
                pull = Socket(library, PULL)
                pull.bind(WILDCARD[transport])
                wire = pull.wire()
            wire.send(greeting() + ready(PUSH) + frame(body) + frame(b"last"))
            finish(wire)
            for wanted in (body, b"last"):
                got = pull.frame()[0]
                if got != wanted:
                    raise Failure(f"{transport}: {len(got)} bytes instead of {len(wanted)}")
            wire.expect_end("the end behind it")
            pull.close()
            wire.close()
            place.close()
