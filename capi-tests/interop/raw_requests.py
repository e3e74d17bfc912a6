"""Raw peers of REQ, and what the types say of their routing ids."""

from cases import TYPES, bound, case, connected, expect_no_return
from zmtp import DISCONNECTED, PARTNER, REP, REQ, SUCCEEDED, command, frame


@case
def request_envelope(library):
    """A REQ ends a connection whose replies have a wrong envelope, and does not come back."""
    for reply in (frame(b"no delimiter"), frame(b"", 0), frame(b"x", 1) + frame(b"y")):
        client, wire, place = connected(library, REQ)
        client.send(b"q")
        wire.handshake(REQ, REP)
        wire.expect(frame(b"", 1) + frame(b"q"), "request")
        wire.send(reply)
        wire.expect_end(f"reply {reply}")
        client.events_until(DISCONNECTED)
        expect_no_return(client, place, f"reply {reply}")
        wire.close()


@case
def own_routing_ids(library):
    """READY says the id of REQ, DEALER and ROUTER, of no other type, in both roles."""
    for kind in TYPES:
        for binds in (True, False):
            for own in (b"m", b"\0id", b"i" * 255):
                end, wire, place = (bound(library, kind, ROUTING_ID=own), None, None) if binds else \
                    connected(library, kind, ROUTING_ID=own)
                wire = wire or end.wire()
                wire.handshake(kind, PARTNER[kind], own_id=own)
                end.events_until(SUCCEEDED)
                end.close()
                wire.close()
                if place:
                    place.close()


@case
def commands_within_a_reply(library):
    """They are no part of what REQ checks."""
    client, wire, place = connected(library, REQ)
    client.send(b"q")
    wire.handshake(REQ, REP)
    wire.expect(frame(b"", 1) + frame(b"q"), "request")
    ping = command(b"PING", b"\0\0")
    wire.send(ping + frame(b"", 1) + ping + frame(b"r", 1) + command(b"WHATEVER", b"x") + ping + frame(b"s"))
    client.expect(b"r", b"s")
    wire.expect(command(b"PONG") * 3, "PONGs")
    client.send(b"q")
    wire.expect(frame(b"", 1) + frame(b"q"), "next request")
    client.close()
    wire.close()
    place.close()
