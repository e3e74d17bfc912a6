#!/usr/bin/python3
"""One end of a connection over the wire: end.py LIBRARY. Does what its standard input says, a JSON object a line, and
answers each with one: what the method of End of that name returns."""

import ctypes
import json
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

from zmtp import (  # noqa: E402
    DONTWAIT, LINGER, RCVMORE, REP, REQ, ROUTER, SNDMORE, SUBSCRIBE, XPUB, XSUB, Library, Socket)

STREAM, CONNECT_ROUTING_ID = 11, 61
POLLIN = 1
# From here on a number is a greeting, which may come more than once, or not at all.
GREETINGS = 1000000
LARGEST = 1 << 20
SMALL_SIZES = (9, 40, 300, 20, 20000, 33, 34, 255, 1500, 10)
FILLER = bytes(at * 7 % 251 for at in range(251)) * (LARGEST // 251 + 2)
HEAD = struct.Struct(">II")


class PollItem(ctypes.Structure):
    _fields_ = [("socket", ctypes.c_void_p), ("fd", ctypes.c_int), ("events", ctypes.c_short),
                ("revents", ctypes.c_short)]


def message(number, size, topic):
    """The frames of a message: its topic, number, size, and bytes that follow from the number."""
    body = topic.encode() + HEAD.pack(number, size) + FILLER[number % 251:][:size - 1 - HEAD.size]
    return in_frames(number, body)


def in_frames(number, body):
    """Every fifth has three: a short one, the rest, and one more."""
    return [body] if number % 5 else [body[:1 + HEAD.size], body[1 + HEAD.size:], b"end"]


class End:
    def __init__(self, library):
        self.library = Library(library)
        self.lib = self.library.lib
        self.lib.zmq_poll.argtypes = [ctypes.POINTER(PollItem), ctypes.c_int, ctypes.c_long]
        self.buffer = ctypes.create_string_buffer(LARGEST)
        self.peer = b""
        # REQ: the number that a reply has to come for.
        self.asked = None
        # STREAM: the connections that have begun and not ended, and bytes that do not make a message yet.
        self.connections, self.partial = set(), b""
        self.forget()

    def forget(self):
        self.numbers, self.wrong, self.topics, self.greeted = [], [], [], False

    # ---- what the other side of standard input asks for ----

    def open(self, type, options, endpoint, binds, topics=(), peer=""):
        self.type = type
        self.socket = Socket(self.library, type)
        for option, value in options:
            self.socket.set(option, value if isinstance(value, int) else value.encode())
        for topic in topics:
            self.subscribe(topic)
        if peer:
            self.peer = peer.encode()
            self.socket.set(CONNECT_ROUTING_ID, self.peer)
        call = self.lib.zmq_bind if binds else self.lib.zmq_connect
        self.library.check(call(self.socket.handle, endpoint.encode()), endpoint)

    def subscribe(self, topic):
        if self.type == XSUB:
            self.socket.send(b"\1" + topic.encode())
        else:
            self.socket.set(SUBSCRIBE, topic.encode())

    def close(self, linger):
        """Returns when the context has ended."""
        self.socket.set(LINGER, linger)
        self.socket.close()
        self.library.end()

    def offer(self, first, count, size=0, topic="T"):
        """Sends without waiting, until one is refused: how many went, and the errno."""
        self.socket.turn()
        for number in range(first, first + count):
            refused = self.send(number, size, topic)
            if refused:
                return {"sent": number - first, "refused": refused}
        return {"sent": count, "refused": 0}

    def exchange(self, patience, first=0, count=0, until=None, topic="T", greeting=False, pause=0, event=None):
        """Sends so many, with a pause behind each, and receives up to that number or a greeting, at the same time; or
        does both up to an event."""
        self.forget()
        number, end, next_time = first, first + count, 0
        deadline = time.monotonic() + patience
        happened = []
        while time.monotonic() < deadline:
            # A relaxed REQ could ask again, and hear only the last reply.
            may_send = time.monotonic() >= next_time and (self.type != REQ or self.asked is None)
            moved = number < end and may_send and self.send(number, 0, topic) == 0
            if moved:
                number, next_time = number + 1, time.monotonic() + pause
            received = self.receive()
            if event is not None:
                happened += filter(None, [self.socket.event(0)])
                if happened and happened[-1][0] == event:
                    break
            elif number == end and (self.greeted if greeting else until is None or self.numbers[-1:] == [until]):
                break
            if not moved and not received:
                # Shorter than it takes somebody to notice; the longest wait for room to send.
                self.lib.zmq_poll(PollItem(self.socket.handle, 0, POLLIN, 0), 1, 5)
        return {"sent": number - first, "numbers": self.numbers, "wrong": self.wrong, "topics": self.topics,
                "greeted": self.greeted, "events": happened}

    def events(self, until, patience):
        """All events up to the first of these, as [number, value]; one that comes late is missing."""
        found = []
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            # What the socket does of its own, it does when it is entered.
            self.socket.turn()
            event = self.socket.event(0.01)
            if event:
                found.append(event)
                if event[0] in until:
                    break
        return found

    # ---- messages ----

    def send(self, number, size, topic):
        """0 or an errno."""
        frames = message(number, size or SMALL_SIZES[number % len(SMALL_SIZES)], topic)
        if self.type == STREAM:
            frames = [b"".join(frames[:2])]
        if self.type in (STREAM, ROUTER):
            frames.insert(0, self.peer)
        for at, frame in enumerate(frames):
            more = SNDMORE if at + 1 < len(frames) else 0
            # Nobody is told of a STREAM that is gone but by its second frame.
            if self.lib.zmq_send(self.socket.handle, frame, len(frame), more | DONTWAIT) < 0:
                return self.lib.zmq_errno()
        self.asked = number
        return 0

    def receive(self):
        """One message, if there is one."""
        frames, more = [], True
        while more:
            size = self.lib.zmq_recv(self.socket.handle, self.buffer, LARGEST, 0 if frames else DONTWAIT)
            if size < 0:
                return False
            frames.append(ctypes.string_at(self.buffer, min(size, LARGEST)))
            more = struct.unpack("i", self.socket.get(RCVMORE))[0]
        if self.type == STREAM:
            self.take_bytes(*frames)
            return True
        if self.type == ROUTER:
            self.peer = frames.pop(0)
        if not frames:
            self.wrong.append("no frames")
        elif self.type == XPUB and len(frames) == 1 and frames[0][0] < 2:
            self.topics.append([frames[0][0], frames[0][1:].decode()])
        else:
            self.take(frames)
        return True

    def take(self, frames):
        number, size = HEAD.unpack_from(frames[0], 1)
        if frames != message(number, size, frames[0][:1].decode()):
            self.wrong.append(f"{len(frames)} frames, the first of {len(frames[0])} bytes: {frames[0][:40].hex(' ')}")
        elif number >= GREETINGS:
            self.greeted = True
        else:
            self.numbers.append(number)
            self.asked = None if self.asked == number else self.asked
        if self.type == REP:
            self.send(number, size, "T")

    def take_bytes(self, connection, data):
        """STREAM: an empty message is the beginning or the end of a connection, and of what was cut."""
        if not data:
            self.connections ^= {connection}
            if connection in self.connections:
                self.peer, self.partial = connection, b""
            return
        if connection != self.peer:
            self.wrong.append("bytes of a connection that is over")
        self.partial += data
        while len(self.partial) > HEAD.size:
            number, size = HEAD.unpack_from(self.partial, 1)
            if size > LARGEST or size <= HEAD.size:
                self.wrong.append(f"bytes: {self.partial[:40].hex(' ')}")
                self.partial = b""
            if len(self.partial) < size:
                return
            body, self.partial = self.partial[:size], self.partial[size:]
            self.take(in_frames(number, body))


def main():
    end = End(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        method = request.pop("do")
        try:
            answer = {"answer": getattr(end, method)(**request)}
        except Exception as error:  # Whoever asked says it.
            answer = {"error": f"{type(error).__name__} {error}"}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:
            os._exit(1)  # Whoever asked has given up.


if __name__ == "__main__":
    main()
