"""What attackers have in common: how an attack is described, and raw bytes on a connection."""

import itertools
import os
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "interop"))

from zmtp import DEALER, REQ, ROUTER, greeting, properties, ready  # noqa: E402

HICCUP_MSG, ROUTER_HANDOVER, ROUTER_NOTIFY, XPUB_VERBOSE = 114, 56, 97, 40
KIB, MIB = 1024, 1024 * 1024
PATIENCE = 20.0
# Sent at once.
PIECE = 8192
# A READY whose metadata is as large as a peer of ours accepts.
PROPERTY = properties((b"X-" + b"n" * 250, b"v" * 200))
ATTACKS = {}


class Taken(Exception):
    """The victim took what it must not take, or did not take what it must."""


class Attack:
    """What is attacked, how, and what that may cost the victim."""

    def __init__(self, function, what, **more):
        self.function, self.name, self.what = function, function.__name__, what
        # The attacked socket and how the good peer's round trips go through it.
        self.type, self.path, self.good = ROUTER, "echo", DEALER
        # The victim connects to the attacker.
        self.connects = False
        # Pairs of number and value, of the good peer too; settings of victim.c.
        self.options, self.good_options, self.settings = (), (), {}
        # Above what it was before: of memory (with how that comes about), of descriptors, while attacked.
        self.memory, self.because, self.descriptors = 4 * MIB, "", 32
        # The victim's limit on descriptors.
        self.limit = None
        # Who may have come late, and needs no descriptor: new peers find no place during the attack.
        self.shuts_out = False
        # Milliseconds that a round trip of the good peer may take while attacked, as the median, and a new peer to come.
        self.round_trip = self.arrival = None
        # Round trips measured while attacked, if the usual number would fall between two waves of it.
        self.samples = None
        # Seconds for the attack to get going.
        self.seconds = 0.5
        # What stays when the attack is over, besides LEFT, until the application reads it: memory, and connections that
        # have more for it.
        self.stays = self.keeps = 0
        for name, value in more.items():
            if name not in self.__dict__:
                raise TypeError(name)
            setattr(self, name, value)


def attack(what, **more):
    def register(function):
        ATTACKS[function.__name__] = Attack(function, what, **more)
        return function
    return register


# ---- what attackers do ----


def begun():
    # In one piece: several threads may say it.
    os.write(1, b"begun\n")


def rest():
    """Holds what has been built up until the end."""
    begun()
    while True:
        time.sleep(60)


def connect(port, read_buffer=None, source=None):
    """`source`: another address of this host than the usual one."""
    stream = socket.socket()
    if source:
        stream.bind((source, 0))
    if read_buffer:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
    stream.settimeout(PATIENCE)
    stream.connect(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def receive(stream, size):
    got = b""
    while len(got) < size:
        part = stream.recv(size - len(got))
        if not part:
            raise ConnectionError("the end")
        got += part
    return got


def shake(stream, own_type, identity=b"", minor=1):
    """Goes through the handshake as the peer that it should be."""
    stream.sendall(greeting(minor))
    receive(stream, 64)
    stream.sendall(ready(own_type, identity if own_type in (REQ, DEALER, ROUTER) else None))
    flags, length = receive(stream, 2)
    receive(stream, struct.unpack(">Q", bytes([length]) + receive(stream, 7))[0] if flags & 2 else length)
    return stream


def shaken(port, own_type, identity=b"", read_buffer=None):
    return shake(connect(port, read_buffer), own_type, identity)


def reset(stream):
    """Ends a connection without ceremony."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def pour(stream, data, count=None):
    """Sends the same again and again, as much as the other side takes; False if it ends the connection."""
    # In pieces: some kernels leave a processor to nobody else for the length of a system call.
    view = memoryview(data)
    pieces = [view[at:at + PIECE] for at in range(0, len(view), PIECE)]
    try:
        for _ in itertools.repeat(None) if count is None else range(count):
            for piece in pieces:
                stream.sendall(piece)
        return True
    except socket.timeout:
        return True
    except OSError:
        return False


def each_in_its_thread(work, count):
    def run(number):
        try:
            work(number)
        except Taken as taken:
            sys.stderr.write(f"{taken}\n")
            os._exit(1)
    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def long_header(flags, length):
    return bytes([flags | 2]) + struct.pack(">Q", length)
