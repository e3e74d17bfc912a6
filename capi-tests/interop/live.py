#!/usr/bin/python3
"""Two libraries in one process: what their sockets see of each other when a connection fails, is idle, or has a reader
that stalls (zmtp.md 7 and 8).

    live.py --binds PATH --connects PATH    a libzmq.so.5 each
"""

import argparse
import os
import re
import sys

from cases import WILDCARD
from zmtp import (
    ACCEPTED, CONNECTED, DISCONNECTED, LISTENING, NO_DETAIL, PROTOCOL, PUB, PULL, PUSH, SUCCEEDED, Failure, Library, Socket)

DELAYED = 0x2
MISMATCH = 0x11000002
PLAIN_SERVER, PLAIN_USERNAME, PLAIN_PASSWORD = 44, 45, 46
CASES = []


def case(function):
    CASES.append(function)
    return function


class Pair:
    """A socket of each library, one connected to the other. `plain`: those that can have a security mechanism have
    it."""

    def __init__(self, libraries, bound_type, connecting_type, *, plain=False, of_bound=None, of_connecting=None):
        self.server = Socket(libraries[0], bound_type, **(of_bound or {}))
        self.client = Socket(libraries[1], connecting_type, **(of_connecting or {}))
        if plain and libraries[0].stock:
            self.server.set(PLAIN_SERVER, 1)
        elif plain:
            self.client.set(PLAIN_USERNAME, b"name")
            self.client.set(PLAIN_PASSWORD, b"word")
        self.server.bind(WILDCARD["tcp"])
        self.client.connect_to(self.server.endpoint.encode())

    def expect_failure(self, *wanted):
        """These events on each side up to DISCONNECTED, and no other attempt. libzmq may close before it has said what
        shows the same to its peer, which then sees the end of a handshake."""
        ends = ((self.server, ACCEPTED), (self.client, CONNECTED))
        seen = [[event for event in end.events_until(DISCONNECTED) if event[0] not in (LISTENING, DELAYED)]
                for end, _ in ends]
        knows = [found == [(first, 0), *wanted, (DISCONNECTED, 0)] for (_, first), found in zip(ends, seen)]
        for (end, first), found, known, other in zip(ends, seen, knows, reversed(ends)):
            cut_off = found == [(first, 0), (NO_DETAIL, 32), (DISCONNECTED, 0)] and other[0].library.stock
            if not known and not (cut_off and any(knows)):
                raise Failure(f"events {[[(hex(number), hex(value)) for number, value in each] for each in seen]}")
        if knows[1] and self.client.event(0.2) is not None:
            raise Failure("another attempt")

    def up(self):
        self.server.events_until(SUCCEEDED)
        self.client.events_until(SUCCEEDED)

    def expect_calm(self, seconds):
        for end in (self.server, self.client):
            event = end.event(seconds / 2)
            if event is not None:
                raise Failure(f"event {event}")

    def close(self):
        self.client.close()
        self.server.close()


@case
def mechanisms_that_differ(libraries):
    """Both sides see it, not only the first to read."""
    if all(not library.stock for library in libraries):
        return
    pair = Pair(libraries, PULL, PUSH, plain=True)
    pair.expect_failure((PROTOCOL, MISMATCH))
    pair.close()


@case
def types_that_do_not_fit(libraries):
    for bound_type, connecting_type in ((PULL, PULL), (PUB, PUSH), (PUSH, PUB)):
        pair = Pair(libraries, bound_type, connecting_type)
        pair.expect_failure()
        pair.close()


@case
def idle_with_heartbeats(libraries):
    """Both send PINGs with a TTL, and nothing else."""
    beats = {"HEARTBEAT_IVL": 50, "HEARTBEAT_TIMEOUT": 700, "HEARTBEAT_TTL": 700}
    pair = Pair(libraries, PULL, PUSH, of_bound=beats, of_connecting=beats)
    pair.up()
    pair.expect_calm(1.5)
    pair.client.send(b"alive")
    pair.server.expect(b"alive")
    pair.close()


def stall(libraries, of_bound, of_connecting, pace=0):
    """The socket that has bound reads nothing for two seconds, or a message in each `pace` seconds; whatever was sent
    by then arrives in the end."""
    if libraries[0].stock:
        # Its connections do not last.
        return
    few = {"RCVHWM": 5, "SNDHWM": 5}
    pair = Pair(libraries, PULL, PUSH, of_bound={**few, **of_bound}, of_connecting={**few, **of_connecting})
    pair.up()
    # Time for PINGs.
    pair.expect_calm(1)
    sent = received = 0

    def fill(patience):
        nonlocal sent
        while pair.client.sends(b"%d" % sent + b"x" * 100_000, patience):
            sent += 1

    def receive():
        nonlocal received
        pair.server.expect(b"%d" % received + b"x" * 100_000)
        received += 1

    fill(0.2)
    for _ in range(round(2 / pace) if pace else 0):
        pair.expect_calm(pace)
        receive()
        fill(0)
    if not pace:
        pair.expect_calm(2)
    while received < sent:
        receive()
    pair.close()


BEATS = {"HEARTBEAT_IVL": 100, "HEARTBEAT_TIMEOUT": 500}


@case
def stalled_reader_with_heartbeats(libraries):
    """Its peer is not silent, it is not heard."""
    stall(libraries, BEATS, {})


@case
def stalled_reader_of_a_sender_with_heartbeats(libraries):
    """The sender gets signs of life although its PINGs are stuck."""
    stall(libraries, {}, BEATS)


@case
def slow_reader_of_a_sender_with_heartbeats(libraries):
    """It reads a little now and then, never as far as a PING in time."""
    stall(libraries, {}, BEATS, pace=0.04)


@case
def stalled_reader_between_heartbeats(libraries):
    beats = {**BEATS, "HEARTBEAT_TTL": 500}
    stall(libraries, beats, beats)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binds", required=True)
    parser.add_argument("--connects", required=True)
    arguments = parser.parse_args()
    paths = [os.path.realpath(path) for path in (arguments.binds, arguments.connects)]
    libraries = [Library(path) for path in paths]
    with open("/proc/self/maps", encoding="utf-8") as file:
        loaded = set(re.findall(r"/\S*libzmq\S*", file.read()))
    if loaded != set(paths):
        sys.exit(f"loaded {loaded} instead of {paths}")
    for library, path in zip(libraries, paths):
        library.stock = path.startswith(("/lib/", "/usr/lib/"))
    failed = 0
    for function in CASES:
        try:
            function(libraries)
        except (Failure, OSError) as failure:
            failed += 1
            print(f"  live {function.__name__}: {failure}", flush=True)
    roles = ", ".join(f"{role} {'stock' if library.stock else 'ours'}"
                      for role, library in zip(("binder", "connecter"), libraries))
    print(f"live, {roles}: {len(CASES) - failed} of {len(CASES)} cases passed", flush=True)
    if failed == 0:
        for library in libraries:
            library.end()
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
