"""Cases of raw.py: connections that carry plain bytes, of STREAM and of a ROUTER with ZMQ_ROUTER_RAW (zmtp.md 9)."""

from cases import case, close_all, next_wire, open_end
from zmtp import (
    ACCEPTED, CONNECTED, DEALER, DISCONNECTED, LISTENING, RETRIED, ROUTER, STREAM, Failure, command, frame, greeting,
    ready)

TYPES = ((STREAM, {}), (ROUTER, {"ROUTER_RAW": 1}))
DELAYED = 0x2


def plain_ends(library, **options):
    """Sockets of both types in both roles with a peer, what they call it, and whether that was told of."""
    for kind, raw in TYPES:
        for binds in (True, False):
            end, wire, place = open_end(library, kind, binds, **raw, **options)
            peer, notice = end.receive()
            if notice != b"":
                raise Failure(f"{notice} for a notice")
            yield end, wire, place, peer
            close_all(end, wire, place)


@case
def plain_bytes_have_no_greeting(library):
    """Nothing is said of one's own, and what is said in ZMTP is bytes like others: it is neither answered nor too large."""
    for end, wire, _, peer in plain_ends(library, MAXMSGSIZE=10):
        wire.expect_silence("before anything was sent", 0.02)
        for data in (greeting() + ready(DEALER), command(b"PING", b"\0\1"), frame(b"x" * 300), b"\0", b"\xff" * 9):
            wire.send(data)
            got = b""
            while len(got) < len(data):
                who, part = end.receive()
                if who != peer:
                    raise Failure("another peer")
                got += part
            if got != data:
                raise Failure(f"{got[:50]} instead of {data[:50]}")
        wire.expect_silence("an answer", 0.02)
        end.send(peer, b"one")
        end.send(peer, b"two" * 200)
        wire.expect(b"one" + b"two" * 200, "bytes")


@case
def plain_bytes_have_no_timers(library):
    """Neither that of the handshake nor heartbeats, whatever is set."""
    for options in ({"HANDSHAKE_IVL": 30}, {"HEARTBEAT_IVL": 20, "HEARTBEAT_TIMEOUT": 20, "HEARTBEAT_TTL": 100}):
        for end, wire, _, peer in plain_ends(library, **options):
            wire.expect_silence("timers", 0.12)
            wire.send(b"in")
            end.expect(peer, b"in")
            end.send(peer, b"out")
            wire.expect(b"out", "bytes")


@case
def plain_reads_are_messages(library):
    """Of 8192 bytes at most."""
    for end, wire, _, peer in plain_ends(library):
        data = bytes(at % 251 for at in range(20_000))
        wire.send(data)
        sizes, got = [], b""
        while len(got) < len(data):
            who, part = end.receive()
            sizes.append(len(part))
            got += part
            if who != peer:
                raise Failure("another peer")
        if got != data or max(sizes) > 8192:
            raise Failure(f"messages of {sizes} bytes")


@case
def plain_ends_are_told_of(library):
    """By an empty message; whoever connected comes back, as the same peer."""
    for end, wire, place, peer in plain_ends(library):
        wire.close()
        end.expect(peer, b"")
        found = [number for number, _ in end.events_until(RETRIED if place else DISCONNECTED)]
        found = [number for number in found if number not in (LISTENING, DELAYED)]
        # libzmq takes the end for that of a handshake.
        wanted = [CONNECTED, DISCONNECTED, RETRIED] if place else [ACCEPTED, DISCONNECTED]
        if not library.stock and found != wanted:
            raise Failure(f"events {found}")
        again = next_wire(end, place)
        who, notice = end.receive()
        if notice != b"" or (who == peer) != bool(place):
            raise Failure("another peer" if place else "the same peer")
        again.close()
