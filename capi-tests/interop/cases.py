"""What the cases against raw peers share: their list, the library's socket in either role, a socket under attack."""

import socket

from zmtp import (
    ACCEPTED, DISCONNECTED, HOST, PAIR, PATIENCE, PUB, PULL, PUSH, REP, REQ, ROUTER, DEALER, SUB, SUCCEEDED, XPUB,
    XSUB, Failure, Socket, Wire, frame)

TYPES = (PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB)
CASES = []
WILDCARD = {"tcp": b"tcp://%b:*" % HOST.encode(), "ipc": b"ipc://*"}


def case(function=None, *, better=False):
    """Marks a case; `better`: libzmq 4.3.4 does otherwise, and zmtp.md decides so."""
    if function is None:
        return lambda function: case(function, better=better)
    CASES.append((function.__name__, function, better))
    return function


def listener(transport="tcp"):
    if transport == "ipc":
        server = socket.socket(socket.AF_UNIX)
        # The kernel makes a name up.
        server.bind("")
    else:
        server = socket.socket()
        server.bind((HOST, 0))
    server.listen(10)
    server.settimeout(5)
    return server


def bound(library, socket_type, endpoint=WILDCARD["tcp"], **options):
    server = Socket(library, socket_type, **options)
    server.bind(endpoint)
    return server


def connected(library, socket_type, transport="tcp", **options):
    """The library connects: (its socket, the raw peer, the listener)."""
    place = listener(transport)
    client = Socket(library, socket_type, **options)
    client.connect(place)
    return client, Wire(place.accept()[0]), place


def open_end(library, kind, binds, transport="tcp", **options):
    """The library's socket in either role, the raw peer's connection, and the listener that further ones come to."""
    if binds:
        end = bound(library, kind, WILDCARD[transport], **options)
        return end, end.wire(), None
    return connected(library, kind, transport, **options)


def next_wire(end, place):
    """Another connection, in the same role."""
    return Wire(place.accept()[0]) if place else end.wire()


def close_all(end, wire, place):
    wire.close()
    end.close()
    if place:
        place.close()


def repeat_until_heard(wire, act):
    """Does it again and again until the raw peer has something to read."""
    wire.stream.settimeout(0.01)
    for _ in range(500):
        act()
        try:
            wire.stream.recv(1, socket.MSG_PEEK)
            break
        except socket.timeout:
            pass
    wire.stream.settimeout(PATIENCE)


def expect_inside(end, wire, wanted, what):
    """What needs the socket's thread: it has to hear of the peer first."""
    repeat_until_heard(wire, end.turn)
    wire.expect(wanted, what)


class Victim:
    """A bound socket with a well-behaved peer, which must go on being served."""

    def __init__(self, library, **options):
        self.server = bound(library, PULL, **options)
        self.good = self.server.wire()
        self.good.handshake(PULL, PUSH)
        self.server.events_until(SUCCEEDED)
        self.count = 0

    def attack(self, data, wanted, what, half_close=False, shaken=False):
        """Sends `data`, after a handshake or instead of it; the connection must end with these events, and
        nothing else happen."""
        wire = self.server.wire()
        if shaken:
            wire.handshake(PULL, PUSH)
        if isinstance(data, bytes):
            data = [data]
        try:
            for part in data:
                wire.send(part)
            if half_close:
                wire.stream.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        wire.expect_end(what)
        wire.close()
        found = self.server.events_until(DISCONNECTED)
        expected = [(ACCEPTED, 0), *wanted, (DISCONNECTED, 0)]
        if found != expected:
            raise Failure(f"{what}: events {[(hex(n), hex(v)) for n, v in found]}, "
                          f"not {[(hex(n), hex(v)) for n, v in expected]}")
        self.still_serves(what)

    def still_serves(self, what):
        self.count += 1
        body = b"good %d" % self.count
        self.good.send(frame(body))
        try:
            self.server.expect(body)
        except Failure as failure:
            raise Failure(f"after {what}: {failure}") from None

    def close(self):
        self.good.close()
        self.server.close()


def expect_no_return(client, place, what):
    event = client.event(0.1)
    if event is not None:
        raise Failure(f"{what}: event {event} after the end")
    client.close()
    place.close()
