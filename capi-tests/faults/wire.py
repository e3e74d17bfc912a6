#!/usr/bin/python3
"""Two hosts and the wire between them: two network namespaces, each with a tun device, and this process carries the
packets from one to the other. So loss, delay, reordering and cuts need nothing of the kernel but namespaces and tun (tc
netem is missing in many), and are the same in every run. The namespaces go with the process.

Prints the descriptors of the two namespaces, and then does what its standard input says, a line each, answered by a
line:

    impair LOSS DELAY JITTER   lose that many packets of a hundred, and hold each up to DELAY + JITTER milliseconds
    slow RATE                  so many bytes a millisecond each way, and a short queue in front
    cut [BYTES N]              nothing passes any more: from now on, or when host N has sent more bytes over tcp than that
    deafen N                   nothing reaches host N any more
    join [BYTES N]             everything passes again, up to such a cut: what connections that begin after this send counts
    replace N ADDRESS...       host N vanishes, with all its connections, and another takes these addresses
    pass N                     answered when N more packets have gone from host 1 to 2
    lose N                     answered when N more packets, of either host, have come to nothing
    rest MS                    answered when nothing has been sent for so many milliseconds
"""

import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
ADDRESSES = {1: ("10.77.0.1",), 2: ("10.77.0.2", "10.77.0.3")}
LARGEST = 4096
SYN = 0x02
# Seconds of traffic in front of a slow wire.
QUEUE = 0.1
# Milliseconds between looks at what is awaited.
LOOK = 10
C = ctypes.CDLL(None, use_errno=True)


def succeed(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def segment(packet):
    """Of a packet of IPv4 and tcp: its ports, whether a connection begins with it, and how many bytes of the stream it has;
    None for any other."""
    size, = struct.unpack_from("!H", packet, 2)
    head = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP or size < head + 20:
        return None
    return packet[head:head + 4], packet[head + 13] & 0x12 == SYN, size - head - (packet[head + 12] >> 4) * 4


class Host:
    """A namespace and its end of the wire."""

    def __init__(self, addresses):
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        succeed(C.unshare(CLONE_NEWNET), "network namespace")
        try:
            self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
            self.wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.wire, TUNSETIFF, struct.pack("16sH14x", b"wire", IFF_TUN | IFF_NO_PI))
            ip("link", "set", "lo", "up")
            ip("link", "set", "wire", "up")
            for address in addresses:
                ip("address", "add", address + "/24", "dev", "wire")
        finally:
            succeed(C.setns(own, CLONE_NEWNET), "back to the own namespace")
            os.close(own)

    def close(self):
        os.close(self.wire)
        os.close(self.namespace)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Wire:
    def __init__(self):
        self.hosts = {number: Host(addresses) for number, addresses in ADDRESSES.items()}
        self.chance = random.Random(1)
        self.loss = self.delay = self.jitter = 0
        self.rate, self.free = None, {1: 0.0, 2: 0.0}
        self.deaf = set()
        # Bytes of each host before the cut; without an entry no cut is awaited.
        self.rest = {}
        # The ports of connections whose bytes count, None for all.
        self.counted = None
        self.under_way = []
        self.count = self.passed = self.lost = 0
        self.last = time.monotonic()
        # What has to be true before whoever waits is answered.
        self.awaited = None

    def obey(self, command, *words):
        if command == "impair":
            self.loss, self.delay, self.jitter = map(float, words)
        elif command == "slow":
            self.rate = float(words[0])
        elif command == "cut" and not words:
            self.cut(1, 2)
            self.under_way = []
        elif command == "cut":
            self.rest[int(words[1])] = int(words[0])
        elif command == "deafen":
            self.cut(int(words[0]))
            self.under_way = []
        elif command == "join":
            self.deaf = set()
            self.rest = {int(words[1]): int(words[0])} if words else {}
            # The system sends again what closed connections have left.
            self.counted = set() if words else None
        elif command == "replace":
            number = int(words[0])
            self.hosts[number].close()
            self.hosts[number] = Host(words[1:])
        elif command == "pass":
            wanted = self.passed + int(words[0])
            self.awaited = lambda: self.passed >= wanted
        elif command == "lose":
            wanted = self.lost + int(words[0])
            self.awaited = lambda: self.lost >= wanted
        elif command == "rest":
            self.awaited = lambda: time.monotonic() - self.last >= int(words[0]) / 1000
        else:
            raise ValueError(command)

    def cut(self, *numbers):
        self.deaf |= set(numbers)

    def carry(self, source, packet):
        self.last = time.monotonic()
        if source in self.rest:
            self.count_data(source, packet)
        if 3 - source in self.deaf or self.chance.random() * 100 < self.loss:
            self.lost += 1
            return
        due = time.monotonic() + (self.delay + self.chance.random() * self.jitter) / 1000
        if self.rate:
            start = max(due, self.free[source])
            if start - due > QUEUE:
                return
            due = self.free[source] = start + len(packet) / self.rate / 1000
        self.count += 1
        self.passed += source == 1
        heapq.heappush(self.under_way, (due, self.count, 3 - source, packet))

    def count_data(self, source, packet):
        ports, begins, size = segment(packet) or (None, False, 0)
        if begins and self.counted is not None:
            self.counted.add(ports)
        if self.counted is None or ports in self.counted:
            self.rest[source] -= size
        if self.rest[source] < 0:
            # What came before passes: several packets may be read at once.
            self.cut(1, 2)

    def deliver(self):
        """What is due; returns the milliseconds until more is, None if nothing is under way."""
        while self.under_way:
            left = self.under_way[0][0] - time.monotonic()
            if left > 0:
                return left * 1000
            _, _, target, packet = heapq.heappop(self.under_way)
            try:
                os.write(self.hosts[target].wire, packet)
            except OSError:
                pass  # The device is down, or full.
        return None

    def run(self):
        while True:
            wait = self.deliver()
            if self.awaited and self.awaited():
                self.awaited = None
                self.say()
            if self.awaited:
                wait = min(wait or LOOK, LOOK)
            numbers = {host.wire: number for number, host in self.hosts.items()}
            poll = select.poll()
            for descriptor in (0, *numbers):
                poll.register(descriptor, select.POLLIN)
            for descriptor, _ in poll.poll(wait):
                if descriptor:
                    self.take(numbers[descriptor], descriptor)
                    continue
                # One line at a time: whoever writes waits for the answer.
                line = os.read(0, LARGEST)
                if not line:
                    return
                self.obey(*line.decode().split())
                if not self.awaited:
                    self.say()

    def take(self, number, descriptor):
        try:
            for _ in range(50):
                self.carry(number, os.read(descriptor, LARGEST))
        except OSError:
            pass  # No more, or the device is down.

    def say(self):
        print(*(self.hosts[number].namespace for number in (1, 2)), flush=True)


if __name__ == "__main__":
    try:
        wire = Wire()
    except OSError as error:
        sys.exit(f"no network namespaces with a tun device: {error}")
    wire.say()
    wire.run()
