"""Cases of raw.py: commands in the handshake and behind it, and the LONG bit of all that the library sends (zmtp.md 3.2,
3.3 and 4)."""

from cases import TYPES, bound, case, close_all, connected, expect_inside, expect_no_return, open_end, repeat_until_heard
from old_forms import TWO
from zmtp import (
    DEALER, DISCONNECTED, NAMES, PAIR, PARTNER, PUB, PULL, PUSH, REP, REQ, ROUTER, SUB, SUBSCRIBE, SUCCEEDED, UNSUBSCRIBE,
    XPUB, XSUB, Failure, command, frame, greeting, own_ready, properties, ready)

BOTH = (True, False)


def in_traffic(library, kind, binds, **options):
    """A connection whose handshake is over, and that the socket has heard of."""
    end, wire, place = open_end(library, kind, binds, **options)
    wire.handshake(kind, PARTNER[kind])
    end.events_until(SUCCEEDED)
    end.turn()
    return end, wire, place


# ---- the handshake ----

@case
def nothing_is_sent_before_the_peers_ready(library):
    """Neither what is queued nor subscriptions nor greetings of the pattern: only our own READY goes ahead."""
    for binds in BOTH:
        for kind, options in ((PUSH, {}), (DEALER, {"HELLO_MSG": b"hello"}), (SUB, {"SUBSCRIBE": b"T"}),
                              (REQ, {}), (PAIR, {"HEARTBEAT_IVL": 10})):
            if "HELLO_MSG" in options and library.stock:
                continue
            end, wire, place = open_end(library, kind, binds, **options)
            if kind in (PUSH, REQ) and not binds:
                end.send(b"early")
            wire.send(greeting())
            wire.expect(greeting() + own_ready(kind), f"READY of {NAMES[kind]}")
            end.turn()
            wire.expect_silence(f"{NAMES[kind]} before the peer's READY", 0.03)
            wire.send(ready(PARTNER[kind]))
            end.events_until(SUCCEEDED)
            if kind in (PUSH, REQ) and binds:
                end.send(b"early")
            wanted = {PUSH: frame(b"early"), REQ: frame(b"", 1) + frame(b"early"), DEALER: frame(b"hello"),
                      SUB: command(b"SUBSCRIBE", b"T"), PAIR: command(b"PING", b"\0\0")}[kind]
            expect_inside(end, wire, wanted, f"first of {NAMES[kind]}")
            close_all(end, wire, place)


@case
def handshake_frames_of_any_flags(library):
    """READY with and without COMMAND, MORE, LONG and the reserved bits."""
    body = b"\5READY" + properties((b"Socket-Type", b"PUSH"))
    for binds in BOTH:
        for data in [frame(body, flags) for flags in (0, 1, 4, 5, 0xf8, 0xfd)] + [
                bytes([flags]) + len(body).to_bytes(8, "big") + body for flags in (2, 6, 0xff)]:
            end, wire, place = open_end(library, PULL, binds)
            wire.send(greeting() + data)
            wire.expect(greeting() + own_ready(PULL), f"handshake with flags {data[0]:#x}")
            wire.send(frame(b"yes"))
            end.expect(b"yes")
            close_all(end, wire, place)


@case
def a_long_ready_has_the_long_bit(library):
    """Its body is 37 bytes longer than the value."""
    for size in (217, 218, 219, 300, 60_000):
        for binds in BOTH:
            end, wire, place = open_end(library, PULL, binds, METADATA=b"X-long:" + b"v" * size)
            wire.send(greeting())
            wanted = command(b"READY", properties((b"Socket-Type", b"PULL"), (b"X-long", b"v" * size)))
            if (wanted[0], len(wanted)) != ((4, 39 + size) if size <= 218 else (6, 46 + size)):
                raise Failure(f"a READY of {len(wanted)} bytes")
            wire.expect(greeting() + wanted, f"READY with {size}")
            close_all(end, wire, place)


@case(better=True)
def an_early_second_ready_is_ignored(library):
    """Behind the peer's READY is traffic, also when ours has not gone out. libzmq takes it for a handshake command."""
    for binds in BOTH:
        end, wire, place = open_end(library, PULL, binds)
        wire.send(greeting() + ready(PUSH) + ready(SUB) + command(b"ERROR", b"\x03400") + frame(b"message"))
        wire.expect(greeting() + own_ready(PULL), "handshake")
        end.expect(b"message")
        close_all(end, wire, place)


# ---- traffic ----

@case
def names_of_commands_are_exact(library):
    """Of another case, cut, longer, or with a length that does not fit: such a command means nothing."""
    server, wire, _ = in_traffic(library, XPUB, True)
    for name in (b"subscribe", b"SUBSCRIB", b"SUBSCRIBER", b"Subscribe", b" SUBSCRIBE", b"cancel", b"CANCE", b"ping", b"PIN",
                 b"PINGS"):
        wire.send(command(name, b"topic"))
    for body in (b"\x08SUBSCRIBEx", b"\x0aSUBSCRIBEx", b"\xffSUBSCRIBEx", b"\x03PING\0\0", b"\x05PING\0\0", b"\0", b""):
        wire.send(frame(body, 4))
    wire.send(command(b"SUBSCRIBE", b"right"))
    server.expect(b"\1right")
    wire.send(command(b"PING", b"\0\0end"))
    wire.expect(command(b"PONG", b"end"), "the only PONG")
    wire.close()
    server.close()


@case
def commands_for_other_types(library):
    """JOIN, LEAVE, and for all but publishers SUBSCRIBE and CANCEL, are dropped in mid-message, too. libzmq hands
    SUBSCRIBE and CANCEL on to whatever socket it is, as messages."""
    for kind in TYPES:
        names = [b"JOIN", b"LEAVE"]
        if not library.stock and kind not in (PUB, XPUB):
            names += [b"SUBSCRIBE", b"CANCEL"]
        noise = b"".join(command(name, b"xx") for name in names)
        options = {"SUBSCRIBE": b""} if kind == SUB else {}
        end, wire, _ = in_traffic(library, kind, True, **options)
        if kind == XSUB:
            end.send(b"\1")
        wire.send(noise)
        if kind in (PAIR, SUB, XSUB, DEALER, PULL):
            wire.send(frame(b"one", 1) + noise + frame(b"two") + noise)
            end.expect(b"one", b"two")
        elif kind == REP:
            wire.send(frame(b"", 1) + noise + frame(b"request") + noise)
            end.expect(b"request")
        elif kind == ROUTER:
            wire.send(frame(b"one", 1) + noise + frame(b"two"))
            if end.receive()[1:] != [b"one", b"two"]:
                raise Failure("a message to a ROUTER")
        # Whatever the type, the connection lives.
        wire.send(command(b"PING", b"\0\0"))
        wire.stream.settimeout(5)
        received = b""
        while not received.endswith(command(b"PONG")):
            part = wire.stream.recv(1000)
            if not part:
                raise Failure(f"{NAMES[kind]}: the connection ended")
            received += part
        wire.close()
        end.close()
    if library.stock:
        server, wire, _ = in_traffic(library, PULL, True)
        wire.send(command(b"SUBSCRIBE", b"xx"))
        server.expect(b"\x09SUBSCRIBExx")
        wire.close()
        server.close()


@case
def commands_within_messages(library):
    """Between frames of a message, with MORE, empty, long: the message is whole."""
    for binds in BOTH:
        end, wire, place = in_traffic(library, PULL, binds)
        for noise in (command(b"UNKNOWN", b"x" * 300), frame(b"", 4), frame(b"", 5), frame(b"\5MORE!", 5),
                      b"\6" + bytes(8), b"\x07" + bytes(7) + b"\2\1x", frame(b"\1X", 0xfc), command(b"READY"),
                      command(b"ERROR", b"\x03400"), command(b"PONG", b"unasked")):
            wire.send(noise + frame(b"a", 1) + noise + frame(b"", 1) + noise + noise + frame(b"c") + noise)
            end.expect(b"a", b"", b"c")
        close_all(end, wire, place)


@case
def long_topics_have_the_long_bit(library):
    """SUBSCRIBE and CANCEL of more than 255 bytes, and the messages of 2.x and 3.0 that mean the same. libzmq 4.3.4 goes
    by the length of the topic, and leaves the bit out where the rest of the command makes the difference."""
    for minor, form in ((1, None), (0, None), (0, TWO)):
        for binds in BOTH:
            end, wire, place = open_end(library, SUB, binds)
            if form:
                form.begin(wire, SUB, PUB)
            else:
                wire.handshake(SUB, PUB, minor)
                end.events_until(SUCCEEDED)
            for size in (244, 245, 246, 248, 249, 250, 254, 255, 256, 1000):
                topic = b"t" * size
                for option, name, first in ((SUBSCRIBE, b"SUBSCRIBE", b"\1"), (UNSUBSCRIBE, b"CANCEL", b"\0")):
                    wanted = command(name, topic) if minor else frame(first + topic)
                    if library.stock and size <= 255:
                        wanted = bytes([wanted[0] & ~2]) + wanted[1:]
                    end.set(option, topic)
                    expect_inside(end, wire, wanted, f"{name} of {size} to a peer of minor {minor}")
            close_all(end, wire, place)


def until_there(end, wire):
    """Sends what nobody may be there for yet until something arrives, and reads all of that."""
    repeat_until_heard(wire, lambda: end.send(b"first"))
    end.send(b"last")
    received = b""
    while not received.endswith(frame(b"last")):
        part = wire.stream.recv(1000)
        if not part:
            raise Failure("the connection ended")
        received += part


@case
def the_long_bit_of_messages(library):
    """Exactly above 255 bytes, whichever way the socket takes to the wire."""
    sizes = (0, 254, 255, 256, 257)
    for kind in (PAIR, DEALER, PUSH, REQ, REP, ROUTER, PUB, XPUB, XSUB):
        end, wire, _ = in_traffic(library, kind, True)
        before, envelope = [], b""
        if kind == ROUTER:
            wire.send(frame(b"hello"))
            before = end.receive()[:1]
        if kind in (REQ, REP):
            envelope = frame(b"", 1)
        if kind in (PUB, XPUB):
            wire.send(command(b"SUBSCRIBE"))
        if kind in (PUB, XPUB, XSUB):
            until_there(end, wire)
            if kind == XPUB:
                end.expect(b"\1")
        for size in sizes:
            body = b"b" * size
            if kind == REP:
                wire.send(envelope + frame(b"request"))
                end.expect(b"request")
            end.send(*before, body, body)
            wire.expect(envelope + frame(body, 1) + frame(body), f"{NAMES[kind]} sends {size}")
            if kind == REQ:
                wire.send(envelope + frame(b"reply"))
                end.expect(b"reply")
        wire.close()
        end.close()
    for size in sizes[1:]:
        end, wire, place = in_traffic(library, PUSH, True, CONFLATE=1)
        end.send(b"c" * size)
        wire.expect(frame(b"c" * size), f"a conflated message of {size}")
        close_all(end, wire, place)
        if not library.stock:
            # A draft there.
            end, wire, place = in_traffic(library, DEALER, True, HELLO_MSG=b"h" * size)
            expect_inside(end, wire, frame(b"h" * size), f"HELLO_MSG of {size}")
            close_all(end, wire, place)


@case
def lengths_without_a_limit(library):
    """Whatever there is memory for is taken, and what no memory has room for is a protocol error: no other attempt."""
    client, wire, place = connected(library, PULL)
    wire.handshake(PULL, PUSH)
    client.events_until(SUCCEEDED)
    wire.send(b"\2" + b"\xff" * 8 + b"x" * 10)
    wire.expect_end("2^64-1")
    client.events_until(DISCONNECTED)
    wire.close()
    expect_no_return(client, place, "2^64-1")
    server = bound(library, PULL)
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    body = b"l" * 3_000_000
    wire.send(b"\3" + len(body).to_bytes(8, "big") + body + frame(b"end"))
    server.expect(body, b"end")
    wire.close()
    server.close()
