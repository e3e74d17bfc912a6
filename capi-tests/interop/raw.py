#!/usr/bin/python3
"""Raw peers against the library in this process: exact bytes of ZMTP 3.1 and 3.0 with NULL (raw_exact.py, and by their
subjects raw_greeting.py, raw_commands.py, raw_metadata.py, raw_vectors.py), older peers (raw_old*.py), such that break
the rules of a pattern (raw_messages.py, raw_requests.py), queues (raw_queues.py), such that are gone at once
(raw_hangup.py), peers with a password or with keys (raw_passwords.py, raw_curve.py), and hostile ones.

    raw.py --library DIR/libzmq.so.5 [--stock] [--only TEXT]

With --stock, cases where the replacement does better than libzmq 4.3.4 on purpose are left out.
"""

import argparse
import os
import socket
import struct
import sys
import time

import raw_commands  # noqa: F401  (its cases)
import raw_curve  # noqa: F401  (its cases)
import raw_errors  # noqa: F401  (its cases)
import raw_exact  # noqa: F401  (its cases)
import raw_greeting  # noqa: F401  (its cases)
import raw_hangup  # noqa: F401  (its cases)
import raw_messages  # noqa: F401  (its cases)
import raw_metadata  # noqa: F401  (its cases)
import raw_old  # noqa: F401  (its cases)
import raw_old_hostile  # noqa: F401  (its cases)
import raw_old_loss  # noqa: F401  (its cases)
import raw_passwords  # noqa: F401  (its cases)
import raw_plain  # noqa: F401  (its cases)
import raw_queues  # noqa: F401  (its cases)
import raw_requests  # noqa: F401  (its cases)
import raw_subscriptions  # noqa: F401  (its cases)
import raw_timers  # noqa: F401  (its cases)
import raw_vectors  # noqa: F401  (its cases)
from cases import CASES, TYPES, Victim, bound, case, connected, expect_no_return
from zmtp import (
    ACCEPTED, AUTH, CONNECTED, DISCONNECTED, NAMES, NO_DETAIL, PROTOCOL, PULL, PUSH, RETRIED, SUB, SUCCEEDED,
    Failure, Library, Wire, command, frame, greeting, own_ready, properties, ready)


@case
def truncated_handshakes(library):
    """EOF after each byte of greeting and READY."""
    whole = greeting() + ready(PUSH)
    victim = Victim(library)
    # A first byte alone and no byte at all are no versions yet either.
    for length in range(len(whole)):
        victim.attack(whole[:length], [(NO_DETAIL, 32)], f"{length} bytes of the handshake", half_close=True)
    victim.attack(b"", [(SUCCEEDED, 0)], "the whole handshake", half_close=True, shaken=True)
    victim.close()


@case
def truncated_traffic(library):
    """EOF after each byte of a multipart message: nothing of it is delivered."""
    whole = frame(b"a", 1) + frame(b"bc", 1) + command(b"PING", b"\0\0") + frame(b"d" * 300)
    victim = Victim(library)
    for length in range(len(whole)):
        victim.attack(whole[:length], [(SUCCEEDED, 0)], f"{length} bytes of a message", half_close=True, shaken=True)
    victim.close()


@case
def wrong_mechanism(library):
    victim = Victim(library)
    for name in (b"PLAIN", b"CURVE", b"null", b"NULL\0x", b"", b"N" * 20):
        victim.attack(greeting(mechanism=name), [(PROTOCOL, 0x11000002)], f"mechanism {name}")
    victim.close()


@case
def wrong_socket_type(library):
    victim = Victim(library)
    for kind in TYPES:
        if kind != PUSH:
            victim.attack(greeting() + ready(kind), [], f"a {NAMES[kind]}")
    for name in (b"", b"push", b"PUSHY", b"PUS", b"x" * 1000):
        victim.attack(greeting() + command(b"READY", properties((b"Socket-Type", name))), [], f"type {name[:9]}")
    victim.close()


@case
def lenient_metadata(library):
    """No Socket-Type, another case of its name, unknown and repeated properties, no COMMAND bit: all pass."""
    server = bound(library, PULL)
    right = (b"Socket-Type", b"PUSH")
    for body in (b"", properties((b"socket-type", b"SUB")), properties(right, (b"X-a", b"1"), (b"X-a", b"2"), (b"", b"")),
                 properties((b"Identity", b"i" * 300), right)):
        for flags in (4, 0):
            wire = server.wire()
            wire.send(greeting() + frame(b"\x05READY" + body, flags))
            wire.expect(greeting() + own_ready(PULL), "handshake")
            wire.send(frame(b"yes"))
            server.expect(b"yes")
            wire.close()
    server.close()


@case
def bad_metadata(library):
    """Whoever sends it, others are served. (What libzmq overlooks shows broken_metadata.)"""
    victim = Victim(library)
    good = properties((b"Socket-Type", b"PUSH"))
    for block in (good[:1], good[:5], good[:-1], good + b"\0", good + b"x", good + b"\xff", good + b"\1x\0\0\0\2y"):
        victim.attack(greeting() + command(b"READY", block), [], f"the metadata {block}")
    victim.close()


@case
def unexpected_commands(library):
    victim = Victim(library)
    for body in (b"\x05HELLO", b"\x04PING\0\0", b"\x04PONG", b"\x09SUBSCRIBEx", b"\x05ready", b"\x05READ", b"", b"\x00",
                 b"\xff", b"message", b"\x06READY"):
        for flags in (4, 0):
            victim.attack(greeting() + frame(body, flags), [(PROTOCOL, 0x10000001)], f"command {body}")
    victim.close()


@case
def error_commands(library):
    victim = Victim(library)
    for reason, wanted in ((b"300", [(AUTH, 300)]), (b"400", [(AUTH, 400)]), (b"500", [(AUTH, 500)]), (b"200", []),
                           (b"", []), (b"go away", []), (b"4000", [])):
        # Our READY must be out: the peer waits for it.
        wire = victim.server.wire()
        wire.send(greeting())
        wire.expect(greeting() + own_ready(PULL), "handshake")
        wire.send(command(b"ERROR", bytes([len(reason)]) + reason))
        wire.expect_end(f"ERROR {reason}")
        wire.close()
        found = victim.server.events_until(DISCONNECTED)
        if found != [(ACCEPTED, 0), *wanted, (DISCONNECTED, 0)]:
            raise Failure(f"ERROR {reason}: events {found}")
        victim.still_serves(f"ERROR {reason}")
    for data in (b"", b"\4400", b"\xff"):
        victim.attack(greeting() + command(b"ERROR", data), [(PROTOCOL, 0x10000015)], f"ERROR {data}")
    victim.close()


@case
def oversized(library):
    """Above MAXMSGSIZE, in the handshake and after it; the limit itself passes."""
    victim = Victim(library, MAXMSGSIZE=1000)
    hello = greeting() + ready(PUSH)
    for header in (b"\2" + struct.pack(">Q", 1001), b"\3" + struct.pack(">Q", 1001), b"\6" + struct.pack(">Q", 1001),
                   b"\2" + struct.pack(">Q", 1 << 40), b"\2" + b"\xff" * 8, b"\2" + b"\x7f" + b"\xff" * 7,
                   b"\2" + b"\x80" + bytes(7)):
        wire = victim.server.wire()
        wire.send(hello)
        wire.expect(greeting() + own_ready(PULL), "handshake")
        wire.send(frame(b"x" * 1000) + header)
        wire.expect_end(f"header {header.hex()}")
        wire.close()
        victim.server.expect(b"x" * 1000)
        found = victim.server.events_until(DISCONNECTED)
        if found != [(ACCEPTED, 0), (SUCCEEDED, 0), (DISCONNECTED, 0)]:
            raise Failure(f"header {header.hex()}: events {found}")
        victim.still_serves(f"header {header.hex()}")
    for header in (b"\6" + struct.pack(">Q", 1001), b"\6" + b"\xff" * 8):
        victim.attack(greeting() + header, [], f"handshake frame {header.hex()}")
    victim.close()


@case
def absurd_lengths_without_a_limit(library):
    victim = Victim(library)
    for length in (b"\xff" * 8, b"\x80" + bytes(7)):
        victim.attack(b"\2" + length, [(SUCCEEDED, 0)], f"length {length.hex()}", shaken=True)
    victim.close()


@case(better=True)
def large_length_costs_nothing(library):
    """A length alone must not take memory; the connection may stay until the peer is gone."""
    victim = Victim(library)
    wires = []
    for length in [1 << 40] * 20 + [(1 << 63) - 1]:
        wire = victim.server.wire()
        wire.handshake(PULL, PUSH)
        wire.send(b"\2" + struct.pack(">Q", length) + b"x")
        wires.append(wire)
    victim.still_serves("large lengths")
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resident > 500 << 20:
        raise Failure(f"{resident >> 20} MB resident")
    for wire in wires:
        wire.close()
    victim.still_serves("large lengths, gone")
    victim.close()


@case
def zeroes_for_ever(library):
    """In the handshake they are an unexpected command; in traffic, empty messages that fill one queue."""
    victim = Victim(library)
    victim.attack([greeting()] + [bytes(65536)] * 100, [(PROTOCOL, 0x10000001)], "zeroes in the handshake")
    wire = victim.server.wire()
    wire.handshake(PULL, PUSH)
    wire.stream.settimeout(0.5)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += wire.stream.send(bytes(65536))
        raise Failure("64 MB of empty messages taken with nobody reading")
    except socket.timeout:
        pass
    # The well-behaved peer has its turn among them.
    victim.good.send(frame(b"turn"))
    for _ in range(10000):
        got = victim.server.receive()
        if got == [b"turn"]:
            break
        if got != [b""]:
            raise Failure(f"received {got}")
    else:
        raise Failure("the other peer is never served")
    wire.close()
    victim.close()


@case
def silence(library):
    """A peer that says nothing, or stops anywhere, is dropped when HANDSHAKE_IVL is over."""
    whole = greeting() + ready(PUSH)
    server = bound(library, PULL, HANDSHAKE_IVL=200)
    wires = [server.wire() for _ in range(0, len(whole), 8)]
    for at, wire in enumerate(wires):
        wire.send(whole[:at * 8])
    for wire in wires:
        wire.expect_end("silent peer")
    # LISTENING, and three for each.
    found = [server.event() for _ in range(1 + 3 * len(wires))]
    for number in (ACCEPTED, NO_DETAIL, DISCONNECTED):
        if sum(1 for event in found if event and event[0] == number) != len(wires):
            raise Failure(f"events {found}")
    server.close()


@case
def ignored_in_traffic(library):
    """Unknown, repeated, misplaced, malformed and empty commands do nothing."""
    victim = Victim(library)
    for data in (command(b"READY", properties((b"Socket-Type", b"SUB"))), command(b"ERROR", b"\3400"), command(b"X"),
                 frame(b"", 4), frame(b"\xffPING", 4), frame(b"\x09PING", 4), command(b"PONG"), command(b"HELLO"),
                 command(b"y" * 255), frame(b"\5MORE!", 5)):
        victim.good.send(data)
        victim.still_serves(f"command {data[:12]}")
    # Without the COMMAND bit they are messages.
    victim.good.send(frame(b"\x04PING\0\0"))
    victim.server.expect(b"\x04PING\0\0")
    victim.close()


@case(better=True)
def subscriptions_where_they_mean_nothing(library):
    victim = Victim(library)
    victim.good.send(command(b"SUBSCRIBE", b"x") + command(b"CANCEL", b"x"))
    victim.still_serves("SUBSCRIBE to a PULL")
    victim.close()


@case(better=True)
def short_pings(library):
    """PINGs without room for a TTL leak nothing: either ignored or the end."""
    for body in (b"\x04PING", b"\x04PING\0"):
        victim = Victim(library)
        wire = victim.server.wire()
        wire.handshake(PULL, PUSH)
        wire.send(frame(body, 4))
        try:
            wire.expect_silence("short PING", 0.1)
        except Failure as failure:
            if "the end" not in str(failure):
                raise
        wire.close()
        victim.still_serves("a short PING")
        victim.close()


@case(better=True)
def all_in_one_segment(library):
    """Greeting, READY and messages before ours have gone out."""
    server = bound(library, PULL)
    for _ in range(50):
        wire = server.wire()
        wire.send(greeting() + ready(PUSH) + frame(b"early", 1) + frame(b"bird"))
        server.expect(b"early", b"bird")
        wire.expect(greeting() + own_ready(PULL), "handshake")
        wire.close()
    server.close()


@case
def connecting_side_gives_up(library):
    """Protocol errors of the peer we connect to: the event, the end, and no other attempt."""
    for data, wanted in ((greeting(mechanism=b"PLAIN"), [(PROTOCOL, 0x11000002)]), (greeting() + ready(SUB), []),
                         (greeting() + command(b"READY", b"\0"), []),
                         (greeting() + command(b"HELLO"), [(PROTOCOL, 0x10000001)]),
                         (greeting() + command(b"ERROR", b"\x03x"), [(PROTOCOL, 0x10000015)]),
                         (greeting() + ready(PULL), [(SUCCEEDED, 0)])):
        client, wire, place = connected(library, PUSH)
        wire.expect(greeting()[:10], "signature")
        wire.send(data)
        if (SUCCEEDED, 0) in wanted:
            wire.expect(greeting()[10:] + own_ready(PUSH), "handshake")
            wire.send(b"\2" + b"\xff" * 8)
        wire.expect_end(f"bytes {data[64:].hex()}")
        found = [event for event in client.events_until(DISCONNECTED) if event[0] not in (2, CONNECTED)]
        if found != [*wanted, (DISCONNECTED, 0)]:
            raise Failure(f"bytes {data[64:].hex()}: events {found}")
        wire.close()
        expect_no_return(client, place, f"bytes {data[64:].hex()}")


@case
def connecting_side_comes_back(library):
    """Ends of the connection are no protocol errors, wherever they come."""
    whole = greeting() + ready(PULL)
    client, wire, place = connected(library, PUSH)
    client.send(b"kept")
    for length in (0, 1, 9, 10, 11, 12, 63, 64, 65, 80, len(whole) - 1):
        wire.send(whole[:length])
        wire.stream.shutdown(socket.SHUT_WR)
        wire.expect_end(f"{length} bytes")
        wire.close()
        found = client.events_until(RETRIED)
        if (NO_DETAIL, 32) not in found and (NO_DETAIL, 104) not in found:
            raise Failure(f"{length} bytes: events {found}")
        wire = Wire(place.accept()[0])
    wire.handshake(PUSH, PULL)
    wire.expect(frame(b"kept"), "queued message")
    client.close()
    wire.close()
    place.close()


@case(better=True)
def other_versions(library):
    """1.0 and 2.x peers end or stay, but never disturb."""
    victim = Victim(library)
    for data in (b"GET / HTTP/1.0\r\n\r\n", bytes(100), b"\xff" + bytes(8) + b"\x7e" + bytes(50), b"\x01\x00" * 50,
                 greeting(major=0), greeting(major=1), b"\xff" * 1000, os.urandom(5000)):
        wire = victim.server.wire()
        try:
            wire.send(data)
            wire.stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        wire.expect_end(f"bytes {data[:12].hex()}")
        wire.close()
        victim.server.events_until(DISCONNECTED)
    for major in (2, 4, 255):
        wire = victim.server.wire()
        wire.send(greeting(major=major) + ready(PUSH))
        wire.expect(greeting() + own_ready(PULL), f"handshake with major {major}")
        wire.close()
    victim.good.send(frame(b"last"))
    while victim.server.receive() != [b"last"]:
        pass
    victim.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    library = Library(arguments.library, arguments.stock)
    failed = ran = left_out = 0
    for name, function, better in CASES:
        if arguments.only not in name:
            continue
        if better and arguments.stock:
            left_out += 1
            continue
        ran += 1
        began = time.monotonic()
        try:
            function(library)
        except (Failure, OSError) as failure:
            failed += 1
            print(f"  raw {name}: {failure}", flush=True)
        if time.monotonic() - began > 10:
            print(f"  raw {name}: took {time.monotonic() - began:.0f} s", flush=True)
    print(f"raw peers: {ran - failed} of {ran} cases passed, {left_out} left out", flush=True)
    if ran == 0:
        sys.exit("no case has this name")
    if failed == 0:
        # Sockets of failed cases may still be open, and would hold it up.
        library.end()
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
