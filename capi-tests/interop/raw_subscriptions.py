"""Cases of raw.py: what subscriptions of a raw subscriber do to a publisher (zmtp.md 6.1)."""

from cases import bound, case, close_all
from raw_exact import arrives_in_time, subscription
from zmtp import PUB, SUB, XPUB, command, frame


@case
def subscriptions_to_everything(library):
    """The empty topic, in both forms and from peers of both versions; nothing is said to any of them."""
    for minor in (1, 0):
        for form in (1, 0):
            server = bound(library, PUB)
            wire = server.wire()
            wire.handshake(PUB, SUB, minor)
            wire.send(subscription(form, True, b""))
            wire.expect_silence("an answer", 0.05)
            arrives_in_time(server, wire, b"whatever")
            wire.send(subscription(form, True, b"z") + subscription(form, False, b""))
            # Until the end has come, "no" may arrive as well.
            seen = b""
            while not seen.endswith(frame(b"z1") + frame(b"z2")):
                for body in (b"no", b"z1", b"no", b"z2"):
                    server.send(body)
                seen += wire.stream.recv(4096)
            close_all(server, wire, None)


@case(better=True)
def subscriptions_within_a_message(library):
    """Commands leave the message around them whole; libzmq cuts it."""
    server = bound(library, XPUB)
    wire = server.wire()
    wire.handshake(XPUB, SUB)
    wire.send(frame(b"x", 1) + command(b"SUBSCRIBE", b"A") + frame(b"y", 1) + command(b"SUBSCRIBE", b"B")
              + command(b"CANCEL", b"A") + frame(b"z") + frame(b"next"))
    server.expect(b"x", b"y", b"z")
    for notice in (b"\1A", b"\1B", b"\0A", b"next"):
        server.expect(notice)
    server.send(b"A")
    server.send(b"B")
    wire.expect(frame(b"B"), "what is subscribed to")
    close_all(server, wire, None)
