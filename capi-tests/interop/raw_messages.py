"""Raw peers that break the rules of a pattern, not those of the wire, and connections that break in mid-message; part
of raw.py."""

from cases import bound, case, connected
from zmtp import (
    DEALER, DISCONNECTED, NAMES, PAIR, PUB, PULL, PUSH, REP, REQ, ROUTER, SUB, SUBSCRIBE, SUCCEEDED, XPUB, XSUB, Failure,
    Wire, command, frame)

REQ_RELAXED = 53


@case
def requests_without_envelope(library):
    """A REP drops what has no delimiter or no body, and goes on with that peer."""
    server = bound(library, REP)
    wire = server.wire()
    wire.handshake(REP, DEALER)
    wire.send(frame(b"no delimiter") + frame(b"a", 1) + frame(b"b") + frame(b"") + frame(b"x", 1) + frame(b""))
    for at in range(3):
        wire.send(frame(b"", 1) + frame(b"good", 1) + frame(b"%d" % at))
        server.expect(b"good", b"%d" % at)
        server.send(b"yes")
        wire.expect(frame(b"", 1) + frame(b"yes"), "reply")
        wire.send(frame(b"again none"))
    wire.close()
    server.close()


@case
def replies_to_an_accepted_requester(library):
    """A REQ that was connected to ends a connection with a wrong reply, and goes on with the next."""
    for reply in (frame(b"no delimiter"), frame(b""), frame(b"x", 1) + frame(b"y")):
        client = bound(library, REQ)
        client.set(REQ_RELAXED, 1)
        for _ in range(2):
            wire = client.wire()
            wire.handshake(REQ, REP)
            client.events_until(SUCCEEDED)
            client.turn()
            client.send(b"q")
            wire.expect(frame(b"", 1) + frame(b"q"), "request")
            wire.send(reply)
            wire.expect_end(f"reply {reply}")
            wire.close()
            client.events_until(DISCONNECTED)
            client.turn()
        wire = client.wire()
        wire.handshake(REQ, REP)
        client.events_until(SUCCEEDED)
        client.turn()
        client.send(b"last")
        wire.expect(frame(b"", 1) + frame(b"last"), "request")
        wire.send(frame(b"", 1) + frame(b"right"))
        client.expect(b"right")
        wire.close()
        client.close()


@case
def publishers_ignore_messages(library):
    """What a subscriber sends besides subscriptions does nothing to a PUB."""
    server = bound(library, PUB)
    wire = server.wire()
    wire.handshake(PUB, SUB)
    wire.send(frame(b"") + frame(b"message") + frame(b"\2t") + frame(b"several", 1) + frame(b"frames"))
    wire.send(frame(b"\1t") + frame(b"more", 1) + frame(b"\1no topic"))
    # Until the subscription is in force nothing arrives.
    wire.stream.settimeout(0.005)
    got = b""
    while not got:
        server.turn()
        server.send(b"t")
        try:
            got = wire.stream.recv(1)
        except TimeoutError:
            continue
        if not got:
            raise Failure("connection ended")
    wire.stream.settimeout(5)
    server.send(b"message")
    server.send(b"several")
    server.send(b"tail")
    while not got.endswith(b"tail"):
        part = wire.stream.recv(1000)
        if not part:
            raise Failure("connection ended")
        got += part
    if got != frame(b"t") * (len(got[:-6]) // 3) + frame(b"tail"):
        raise Failure(f"received {got}")
    wire.close()
    server.close()


@case
def messages_of_any_shape(library):
    """Whatever frames come are a message to the types that receive; a PUSH takes no notice."""
    shapes = ((b"",), (b"",) * 5, (b"\x04PING\0\0",), (b"\1",), (b"\0topic", b""), tuple(b"%d" % at for at in range(100)),
              (b"", b"x" * 300, b""), (b"\xff" * 255,), (b"y" * 256, b"z"))
    for kind, peer in ((PULL, PUSH), (SUB, PUB), (XSUB, XPUB), (DEALER, ROUTER), (ROUTER, DEALER), (PAIR, PAIR)):
        server = bound(library, kind)
        wire = server.wire()
        identity = b"raw" if kind == ROUTER else b""
        wire.handshake(kind, peer, identity=identity)
        if kind == SUB:
            server.events_until(SUCCEEDED)
            server.turn()
            server.set(SUBSCRIBE, b"")
            wire.expect(command(b"SUBSCRIBE"), "subscription")
        for shape in shapes:
            wire.send(b"".join(frame(body, 1) for body in shape[:-1]) + frame(shape[-1]))
        for shape in shapes:
            try:
                server.expect(*([identity] if identity else []), *shape)
            except Failure as failure:
                raise Failure(f"{NAMES[kind]}: {failure}") from None
        wire.close()
        server.close()
    server = bound(library, PUSH)
    wire = server.wire()
    wire.handshake(PUSH, PULL)
    for at in range(100):
        for shape in shapes:
            wire.send(b"".join(frame(body, 1) for body in shape[:-1]) + frame(shape[-1]))
        server.send(b"%d" % at)
        wire.expect(frame(b"%d" % at), "message")
    wire.close()
    server.close()


@case
def cut_messages_are_skipped(library):
    """A message of which a part went out is neither resumed nor sent again; those behind it wait for the next
    connection."""
    large = bytes(40_000_000)
    for kind, peer in ((PUSH, PULL), (DEALER, ROUTER), (PAIR, PAIR)):
        client, wire, place = connected(library, kind)
        wire.handshake(kind, peer)
        client.send(b"first")
        client.send(b"cut", large, b"end")
        client.send(b"next", b"part")
        client.send(b"x" * 300)
        wire.expect(frame(b"first") + frame(b"cut", 1), f"to {NAMES[peer]}")
        wire.close()
        wire = Wire(place.accept()[0])
        wire.handshake(kind, peer)
        wire.expect(frame(b"next", 1) + frame(b"part") + frame(b"x" * 300), f"after the loss, to {NAMES[peer]}")
        client.close()
        wire.close()
        place.close()
