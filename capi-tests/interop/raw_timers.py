"""Cases of raw.py: the handshake timer, PING and PONG, and how long a peer may be silent (zmtp.md 7), and commands of
sizes that nobody needs."""

import socket
import struct
import threading
import time

from cases import bound, case, close_all, open_end
from zmtp import (
    DEALER, DISCONNECTED, NO_DETAIL, PAIR, PATIENCE, PUB, PULL, PUSH, ROUTER, SUB, SUCCEEDED, XPUB, Failure, command, frame,
    greeting, own_ready, ready)

PING = command(b"PING", b"\0\0")


# ---- the handshake ----

@case
def handshakes_that_drip(library):
    """A byte now and then does not prolong the time for the handshake."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HANDSHAKE_IVL=150)
        sent = 0
        try:
            for byte in greeting() + ready(PUSH):
                wire.send(bytes([byte]))
                sent += 1
                time.sleep(0.02)
        except ConnectionError:
            pass
        if sent > 80:
            raise Failure(f"{sent} bytes taken")
        if (NO_DETAIL, 11) not in end.events_until(DISCONNECTED):
            raise Failure("another event than that of the timer")
        close_all(end, wire, place)


@case
def handshakes_without_a_timer(library):
    """With an interval of 0 the peer has any time."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HANDSHAKE_IVL=0)
        wire.expect(greeting()[:10], "signature")
        wire.expect_silence("no handshake", 0.15)
        wire.send(greeting() + ready(PUSH))
        wire.expect(greeting()[10:] + own_ready(PULL), "handshake")
        end.events_until(SUCCEEDED)
        close_all(end, wire, place)


@case
def handshakes_in_time(library):
    """The timer ends with the handshake."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HANDSHAKE_IVL=100)
        wire.handshake(PULL, PUSH)
        wire.expect_silence("after the handshake", 0.2)
        wire.send(frame(b"alive"))
        end.expect(b"alive")
        close_all(end, wire, place)


# ---- our PINGs ----

@case
def pings_say_the_time_to_live(library):
    """In tenths of a second, rounded down; to peers of 3.0 as well; the first after an interval, without a context."""
    for ttl, tenths in ((None, 0), (-99, 0), (-1, 0), (0, 0), (1, 0), (99, 0), (100, 1), (199, 1), (1000, 10),
                        (65_535, 655), (65_600, 656), (6_553_599, 65_535)):
        for minor in (1, 0):
            for binds in (True, False):
                options = {} if ttl is None else {"HEARTBEAT_TTL": ttl}
                end, wire, place = open_end(library, PULL, binds, HEARTBEAT_IVL=20, **options)
                wire.handshake(PULL, PUSH, minor)
                wire.expect(command(b"PING", struct.pack(">H", tenths)), f"PING with a TTL of {ttl} ms")
                close_all(end, wire, place)


@case
def pings_whatever_else_there_is(library):
    """Messages both ways put none of them off."""
    server = bound(library, PAIR, HEARTBEAT_IVL=40, HEARTBEAT_TIMEOUT=5000)
    wire = server.wire()
    wire.handshake(PAIR, PAIR)
    got, wanted = b"", 8
    wire.stream.settimeout(0.005)
    end = time.monotonic() + 5
    while got.count(PING) < wanted:
        if time.monotonic() > end:
            raise Failure(f"{got.count(PING)} PINGs")
        wire.send(frame(b"in"))
        server.expect(b"in")
        server.send(b"out")
        try:
            got += wire.stream.recv(4096)
        except socket.timeout:
            pass
    rest = got.replace(PING, b"")
    if rest != (frame(b"out") * len(rest))[:len(rest)]:
        raise Failure(f"beside PINGs {rest[:80]}")
    close_all(server, wire, None)


@case
def pings_begin_with_traffic(library):
    """None as long as the handshake is not over."""
    server = bound(library, PULL, HEARTBEAT_IVL=20)
    wire = server.wire()
    wire.send(greeting() + ready(PUSH)[:10])
    wire.expect(greeting() + own_ready(PULL), "handshake")
    wire.expect_silence("before the end of READY", 0.1)
    wire.send(ready(PUSH)[10:])
    wire.expect(PING, "PING")
    close_all(server, wire, None)


@case
def pings_without_a_timeout(library):
    """With a timeout of 0 a peer may be silent for ever."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HEARTBEAT_IVL=20, HEARTBEAT_TIMEOUT=0)
        wire.handshake(PULL, PUSH)
        wire.expect(PING * 15, "PINGs")
        wire.send(frame(b"alive"))
        end.expect(b"alive")
        close_all(end, wire, place)


@case
def timeouts_run_from_the_first_ping(library):
    """PINGs that follow do not begin it anew."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HEARTBEAT_IVL=40, HEARTBEAT_TIMEOUT=150)
        wire.handshake(PULL, PUSH)
        pings = b""
        while part := wire.stream.recv(4096):
            pings += part
            if len(pings) > 30 * len(PING):
                raise Failure("silence is not noticed")
        if not pings.startswith(PING * 2):
            raise Failure(f"{pings} before the end")
        close_all(end, wire, place)


@case
def signs_of_life(library):
    """Any frame is one, and what a PONG holds does not matter."""
    server = bound(library, PULL, HEARTBEAT_IVL=60, HEARTBEAT_TIMEOUT=400)
    for sign in (command(b"PONG"), command(b"PONG", b"context"), command(b"PONG", b"x" * 300), frame(b"message"),
                 frame(b"", 1) + frame(b""), command(b"WHATEVER"), frame(b"", 4), PING):
        wire = server.wire()
        wire.handshake(PULL, PUSH)
        for _ in range(9):
            got = b""
            while not got.endswith(PING):
                part = wire.stream.recv(4096)
                if not part:
                    raise Failure(f"{sign[:12]} is no sign of life")
                got += part
            wire.send(sign)
        wire.close()
    server.close()


@case(better=True)
def bytes_are_signs_of_life(library):
    """A frame that is still arriving: libzmq waits for its end."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, HEARTBEAT_IVL=50, HEARTBEAT_TIMEOUT=300)
        wire.handshake(PULL, PUSH)
        for body in (b"x" * 50, b"y" * 20_000):
            whole = frame(body)
            # Slowly, but never silent for long.
            for at in range(0, len(whole), max(1, len(whole) // 40)):
                wire.send(whole[at:at + max(1, len(whole) // 40)])
                time.sleep(0.02)
            end.expect(body)
        close_all(end, wire, place)


# ---- the peer's PINGs ----

@case
def contexts_of_any_size(library):
    """Up to 16 bytes come back, however many there were."""
    server = bound(library, PULL)
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    for size in (0, 1, 15, 16, 17, 247, 248, 249, 250, 300, 511, 512, 8191, 70_000):
        context = bytes(at % 251 for at in range(size))
        wire.send(command(b"PING", b"\0\0" + context) + frame(b"behind"))
        wire.expect(command(b"PONG", context[:16]), f"PONG upon {size} bytes")
        server.expect(b"behind")
    close_all(server, wire, None)


@case
def short_lives(library):
    """Frames of all kinds end the TTL of a PING, another PING begins it anew, and one of 0 is none."""
    server = bound(library, PULL)
    for sign in (command(b"PONG"), command(b"WHATEVER"), frame(b"", 4), frame(b"message"), PING):
        wire = server.wire()
        wire.handshake(PULL, PUSH)
        wire.send(command(b"PING", b"\0\1"))
        wire.send(sign)
        wire.expect(command(b"PONG") * (2 if sign == PING else 1), "PONG")
        wire.expect_silence(f"behind {sign}", 0.2)
        wire.close()
    wire = server.wire()
    wire.handshake(PULL, PUSH)
    for _ in range(8):
        wire.send(command(b"PING", b"\0\4"))
        wire.expect(command(b"PONG"), "PONG")
        wire.expect_silence("between PINGs", 0.07)
    wire.expect_end("TTL over")
    server.close()


@case(better=True)
def stalled_readers_answer(library):
    """A peer that has sent PINGs gets PONGs while the application reads nothing: its next PINGs wait behind what is not
    read. All that was sent arrives, and the PINGs among it are answered."""
    for binds in (True, False):
        end, wire, place = open_end(library, PULL, binds, RCVHWM=5)
        wire.handshake(PULL, PUSH)
        for _ in range(2):
            time.sleep(0.1)
            wire.send(PING)
            wire.expect(command(b"PONG"), "PONG")
        # More than the kernel takes of a reader that stalls.
        whole = b"".join(frame(b"%d" % at + b"x" * 10_000) for at in range(2000))
        wire.stream.settimeout(0.05)
        sent = 0
        try:
            while sent < len(whole):
                sent += wire.stream.send(whole[sent:])
            raise Failure("20 MB taken with nobody reading")
        except socket.timeout:
            pass
        wire.stream.settimeout(PATIENCE)
        wire.expect(command(b"PONG") * 8, "PONGs of a stalled reader")
        rest = threading.Thread(target=wire.send, args=(whole[sent:] + command(b"PING", b"\0\0end"),))
        rest.start()
        for at in range(2000):
            end.expect(b"%d" % at + b"x" * 10_000)
        rest.join()
        got = b""
        while not got.endswith(command(b"PONG", b"end")):
            got += wire.stream.recv(4096)
        close_all(end, wire, place)


# ---- commands of odd sizes ----

@case
def groups_where_there_are_none(library):
    """JOIN and LEAVE mean nothing to types without groups, of whatever size."""
    for kind, mine in ((PULL, PUSH), (ROUTER, DEALER), (PAIR, PAIR), (XPUB, SUB)):
        server = bound(library, kind)
        wire = server.wire()
        wire.handshake(kind, mine)
        for name in (b"JOIN", b"LEAVE"):
            for size in (0, 1, 255, 256, 300, 70_000):
                wire.send(command(name, b"g" * size))
        wire.send(command(b"PING", b"\0\0end"))
        wire.expect(command(b"PONG", b"end"), "PONG")
        server.expect_nothing("groups")
        close_all(server, wire, None)


@case(better=True)
def subscriptions_without_bound(library):
    """The largest topic has 16 MB: what is announced as more ends the connection before it has come."""
    for kind in (PUB, XPUB):
        server = bound(library, kind)
        wire = server.wire()
        wire.handshake(kind, SUB)
        wire.send(b"\6" + struct.pack(">Q", (16 << 20) + 1) + b"\x09SUBSCRIBE" + b"t" * 1000)
        wire.expect_end("a topic without bound")
        wire.close()
        wire = server.wire()
        wire.handshake(kind, SUB)
        wire.send(command(b"SUBSCRIBE", b"topic"))
        if kind == XPUB:
            server.expect(b"\1topic")
        close_all(server, wire, None)
