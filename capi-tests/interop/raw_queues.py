"""Cases about queues against raw peers: what becomes visible when, MAXMSGSIZE, frames and commands in order, input that
outlives the output."""

import struct

from cases import bound, case, connected, expect_no_return
from zmtp import (
    ACCEPTED, DEALER, DISCONNECTED, EVENTS, LISTENING, NAMES, PAIR, PULL, PUSH, RCVTIMEO, SNDTIMEO, SUCCEEDED, Failure,
    Wire, command, frame, greeting, own_ready, ready)


def receive_now(server):
    """What is there without any wait."""
    server.set(RCVTIMEO, 0)
    try:
        return server.receive(100)
    finally:
        server.set(RCVTIMEO, 5000)


# ---- visibility ----

@case
def read_batch_is_visible_at_once(library):
    """All complete messages of one segment can be read without waiting once the first is there; an incomplete one not,
    however many of its frames came."""
    server = bound(library, PULL)
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    for round_ in range(20):
        begun = frame(b"half", 1) * 3
        wire.send(b"".join(frame(b"a", 1) + frame(b"%d" % at) for at in range(100)) + begun)
        server.expect(b"a", b"0")
        for at in range(1, 100):
            if receive_now(server) != [b"a", b"%d" % at]:
                raise Failure(f"round {round_}: message {at} is not there yet")
        if struct.unpack("i", server.get(EVENTS))[0]:
            raise Failure("half a message is seen")
        server.expect_nothing("half a message")
        wire.send(frame(b"end"))
        server.expect(b"half", b"half", b"half", b"end")
    wire.close()
    server.close()


@case
def half_messages_go_with_the_connection(library):
    """The accepting side and the connecting one: whole messages stay, an unfinished one is never seen."""
    for binds in (True, False):
        if binds:
            end = bound(library, PULL)
            wire = end.wire()
        else:
            end, wire, place = connected(library, PULL)
        wire.handshake(PULL, PUSH)
        wire.send(frame(b"whole", 1) + frame(b"one") + frame(b"half", 1) + frame(b"x" * 1000)[:500])
        wire.close()
        end.events_until(DISCONNECTED)
        wire = end.wire() if binds else Wire(place.accept()[0])
        wire.handshake(PULL, PUSH)
        wire.send(frame(b"next"))
        end.expect(b"whole", b"one")
        end.expect(b"next")
        end.expect_nothing("half a message")
        wire.close()
        end.close()


@case
def cut_messages_are_skipped(library):
    """The message that was cut is not sent again, in no part; the next connection begins with a whole one."""
    for minor in (0, 1):
        client, wire, place = connected(library, PUSH)
        wire.handshake(PUSH, PULL, minor)
        large = bytes(40_000_000)
        client.send(b"first")
        client.send(b"cut", large, b"end")
        for at in range(50):
            client.send(b"next", b"%d" % at)
        wire.expect(frame(b"first") + (frame(b"cut", 1) + frame(large, 1))[:100000], "first")
        wire.close()
        wire = Wire(place.accept()[0])
        wire.handshake(PUSH, PULL, minor)
        wire.expect(b"".join(frame(b"next", 1) + frame(b"%d" % at) for at in range(50)), "after the loss")
        client.close()
        wire.close()
        place.close()


# ---- order ----

def frames_until(wire, last):
    """The frames up to this one, commands included, as (flags, body). Commands may follow it at once."""
    data, found = b"", []
    while last not in found:
        part = wire.stream.recv(1 << 20)
        if not part:
            raise Failure("the end")
        data += part
        while len(data) > 1:
            begin = 9 if data[0] & 2 else 2
            if len(data) < begin:
                break
            size = struct.unpack(">Q", data[1:9])[0] if data[0] & 2 else data[1]
            if len(data) < begin + size:
                break
            found.append((data[0] & ~2, data[begin:begin + size]))
            data = data[begin + size:]
    return found


@case
def commands_stay_between_frames(library):
    """A PING that comes while a large message goes out is answered between two frames."""
    server = bound(library, PAIR)
    wire = server.wire()
    wire.handshake(PAIR, PAIR)
    body = bytes(range(256)) * 8192
    for at in range(5):
        server.send(b"%d" % at, body, b"", body, b"end")
        wire.send(command(b"PING", b"\0\0%d" % at))
    server.send(b"last")
    found = frames_until(wire, (0, b"last"))
    pongs = [pair for pair in found if pair[0] & 4]
    if not pongs or any(pong not in [(4, b"\4PONG%d" % at) for at in range(5)] for pong in pongs):
        raise Failure(f"PONGs {pongs}")
    frames = [pair for pair in found if not pair[0] & 4]
    wanted = [pair for at in range(5)
              for pair in ((1, b"%d" % at), (1, body), (1, b""), (1, body), (0, b"end"))]
    if frames != [*wanted, (0, b"last")]:
        raise Failure(f"frames {[(flags, len(body)) for flags, body in frames]}")
    wire.close()
    server.close()


@case(better=True)
def pings_behind_a_stalled_reader(library):
    """A sender with heartbeats cannot tell a peer that reads nothing from a dead one: it gives it up and comes back.
    libzmq now and then does not."""
    client, wire, place = connected(library, PUSH, HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=200, SNDHWM=10)
    wire.handshake(PUSH, PULL)
    client.events_until(SUCCEEDED)
    client.set(SNDTIMEO, 100)
    body = bytes(100000)
    while client.lib.zmq_send(client.handle, body, len(body), 0) >= 0:
        pass
    client.events_until(DISCONNECTED)
    again = Wire(place.accept()[0])
    again.handshake(PUSH, PULL)
    again.expect(frame(body), "what was still queued")
    for end in (wire, again, client, place):
        end.close()


@case
def input_outlives_a_failed_write(library):
    """The peer resets the connection while something is being sent to it: what had come from it is still delivered."""
    for _ in range(20):
        server = bound(library, PAIR)
        wire = server.wire()
        wire.handshake(PAIR, PAIR)
        server.events_until(SUCCEEDED)
        wire.send(b"".join(frame(b"%d" % at) for at in range(50)))
        server.expect(b"0")
        # Unread input makes this end a reset.
        server.send(b"x" * 100000)
        server.send(b"x" * 100000)
        wire.close()
        for at in range(1, 50):
            server.expect(b"%d" % at)
        server.events_until(DISCONNECTED)
        server.close()


# ---- MAXMSGSIZE ----

def expect_events(server, wanted, what):
    """These and no other up to the last, each with value 0."""
    found = [event for event in server.events_until(wanted[-1]) if event[0] != LISTENING]
    if found != [(number, 0) for number in wanted]:
        raise Failure(f"{what}: events {found}")


@case
def limit_is_of_each_frame(library):
    """However many frames a message has; the first that is too large ends the connection and its message, and what was
    complete before it in the same segment is delivered."""
    server = bound(library, PULL, MAXMSGSIZE=1000)
    for size in (999, 1000, 1001, 1002, 5000):
        wire = server.wire()
        wire.handshake(PULL, PUSH)
        wire.send(frame(b"x" * 1000, 1) * 20 + frame(b"") + frame(b"one") + frame(b"begun", 1) + frame(b"y" * size)
                  + frame(b"behind"))
        server.expect(*[b"x" * 1000] * 20, b"")
        server.expect(b"one")
        if size <= 1000:
            server.expect(b"begun", b"y" * size)
            server.expect(b"behind")
        else:
            wire.expect_end(f"a frame of {size}")
        wire.close()
        expect_events(server, [ACCEPTED, SUCCEEDED, DISCONNECTED], size)
        server.expect_nothing("behind a frame that is too large")
    server.close()


@case
def limit_before_the_body(library):
    """The header alone decides: nothing of the body has come."""
    server = bound(library, PULL, MAXMSGSIZE=100)
    for header in (b"\0\x65", b"\1\x65", b"\0\xff", b"\2" + struct.pack(">Q", 101)):
        wire = server.wire()
        wire.handshake(PULL, PUSH)
        wire.send(header)
        wire.expect_end(f"header {header.hex()}")
        wire.close()
    server.close()


@case
def limit_in_the_handshake(library):
    """The peer's READY has to fit; its length is that of the peer's type, and of its id."""
    for kind, mine, identity in ((PULL, PUSH, None), (PUSH, PULL, None), (PAIR, PAIR, None), (DEALER, DEALER, b""),
                                 (DEALER, DEALER, b"name")):
        length = len(ready(mine, identity)) - 2
        for limit in (0, 1, length - 1, length, length + 1, -1):
            server = bound(library, kind, MAXMSGSIZE=limit)
            wire = server.wire()
            wire.send(greeting() + ready(mine, identity))
            what = f"{NAMES[kind]}, READY of {length}, limit {limit}"
            if 0 <= limit < length:
                wire.expect_end(what)
                expect_events(server, [ACCEPTED, DISCONNECTED], what)
            else:
                wire.expect(greeting() + own_ready(kind), what)
                server.events_until(SUCCEEDED)
            wire.close()
            server.close()


@case
def limit_on_the_connecting_side(library):
    """A frame that is too large ends an endpoint for good."""
    client, wire, place = connected(library, PULL, MAXMSGSIZE=1000)
    wire.handshake(PULL, PUSH)
    wire.send(frame(b"x" * 1000) + frame(b"x" * 1001) + frame(b"behind"))
    wire.expect_end("too large")
    client.expect(b"x" * 1000)
    client.events_until(DISCONNECTED)
    client.expect_nothing("behind")
    expect_no_return(client, place, "too large")
    wire.close()


@case
def limit_that_no_handshake_fits(library):
    """The same in the handshake."""
    client, wire, place = connected(library, PULL, MAXMSGSIZE=25)
    wire.send(greeting() + ready(PUSH))
    wire.expect_end("READY")
    client.events_until(DISCONNECTED)
    expect_no_return(client, place, "READY")
    wire.close()
