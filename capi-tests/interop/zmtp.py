"""Bytes of ZMTP 3.x for raw peers, and just enough of the C interface to drive the library under test."""

import ctypes
import os
import socket
import struct
import time

PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB = range(11)
# Plain bytes.
STREAM = 11
NAMES = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")
PARTNER = {PAIR: PAIR, PUB: SUB, SUB: PUB, REQ: REP, REP: REQ, DEALER: ROUTER, ROUTER: DEALER, PULL: PUSH,
           PUSH: PULL, XPUB: XSUB, XSUB: XPUB}
# Options.
ROUTING_ID, SUBSCRIBE, UNSUBSCRIBE, LINGER, RECONNECT_IVL, MAXMSGSIZE, RCVTIMEO, LAST_ENDPOINT = 5, 6, 7, 17, 18, 22, 27, 32
SNDHWM, RCVHWM, IMMEDIATE, ROUTER_RAW, CONFLATE, IPV6, METADATA, HELLO_MSG = 23, 24, 39, 41, 54, 42, 95, 110
RECONNECT_STOP = 109
PLAIN_SERVER, PLAIN_USERNAME, PLAIN_PASSWORD, ZAP_DOMAIN = 44, 45, 46, 55
CURVE_SERVER, CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = 47, 48, 49, 50
HANDSHAKE_IVL, HEARTBEAT_IVL, HEARTBEAT_TTL, HEARTBEAT_TIMEOUT, RCVMORE, EVENTS, SNDTIMEO = 66, 75, 76, 77, 13, 15, 28
# Events.
CONNECTED, RETRIED, LISTENING, ACCEPTED, DISCONNECTED = 0x1, 0x4, 0x8, 0x20, 0x200
NO_DETAIL, SUCCEEDED, PROTOCOL, AUTH = 0x800, 0x1000, 0x2000, 0x4000
SNDMORE, DONTWAIT = 2, 1
SRCFD = 2
USE_FD = 89
PATIENCE = 5.0
# An address of this process alone: other processes do not try again and again to connect to its ports.
HOST = "127.%d.%d.%d" % (1 + (os.getpid() >> 14) % 200, os.getpid() >> 7 & 127, 1 + (os.getpid() & 127))


class Failure(Exception):
    """What a case found wrong."""


def greeting(minor=1, mechanism=b"NULL", major=3, id_length=0):
    return (b"\xff" + struct.pack(">Q", id_length + 1) + b"\x7f" + bytes([major, minor])
            + mechanism.ljust(20, b"\0") + bytes(32))


def frame(body, flags=0):
    if len(body) > 255:
        return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def command(name, data=b""):
    return frame(bytes([len(name)]) + name + data, 4)


def properties(*pairs):
    return b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value for name, value in pairs)


def ready(socket_type, identity=None):
    pairs = [(b"Socket-Type", NAMES[socket_type].encode())]
    if identity is not None:
        pairs.append((b"Identity", identity))
    return command(b"READY", properties(*pairs))


def own_ready(socket_type, identity=b""):
    """What the library sends."""
    return ready(socket_type, identity if socket_type in (REQ, DEALER, ROUTER) else None)


def stream_to(endpoint, host=None):
    """A raw peer's connection to an endpoint that the library has bound, at that address of this host."""
    scheme, _, address = endpoint.partition("://")
    if scheme == "ipc":
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(address)
        return stream
    bound, _, port = address.rpartition(":")
    return socket.create_connection((host or bound.strip("[]"), int(port)))


def endpoint_of(listener):
    """What the library connects to; ipc listeners have abstract names."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return b"ipc://@" + name[1:]
    return b"tcp://%b:%d" % (name[0].encode(), name[1])


class Wire:
    """A raw peer's connection."""

    def __init__(self, stream):
        self.stream = stream
        stream.settimeout(PATIENCE)

    def send(self, data):
        self.stream.sendall(data)

    def expect(self, wanted, what):
        got = self.read(len(wanted))
        if got != wanted:
            raise Failure(f"{what}: {got[:80].hex(' ')} instead of {wanted[:80].hex(' ')}")

    def expect_behind(self, repeated, wanted, what):
        """`wanted` behind one or more of `repeated`, which is shorter and begins otherwise."""
        self.expect(repeated, what)
        while (got := self.read(len(repeated))) == repeated:
            pass
        if got != wanted[:len(got)]:
            raise Failure(f"{what}: {got.hex(' ')} instead of {wanted[:80].hex(' ')}")
        self.expect(wanted[len(got):], what)

    def read(self, size):
        """So many bytes, or what comes of them."""
        got = b""
        try:
            while len(got) < size:
                part = self.stream.recv(size - len(got))
                if not part:
                    break
                got += part
        except OSError:
            pass
        return got

    def expect_silence(self, what, seconds=0.05):
        self.stream.settimeout(seconds)
        try:
            got = self.stream.recv(100)
            raise Failure(f"{what}: {got.hex(' ') if got else 'the end'} instead of nothing")
        except socket.timeout:
            pass
        finally:
            self.stream.settimeout(PATIENCE)

    def expect_end(self, what):
        """The other side closes; what it says before that is of no interest."""
        try:
            while self.stream.recv(65536):
                pass
        except ConnectionError:
            pass
        except socket.timeout:
            raise Failure(f"{what}: still connected") from None

    def handshake(self, theirs, mine, minor=1, identity=b"", own_id=b""):
        """Goes through greeting and READY as `mine`, checking every byte of the library's side."""
        self.send(greeting(minor))
        self.expect(greeting(id_length=len(own_id)), "greeting")
        self.send(ready(mine, identity if mine in (REQ, DEALER, ROUTER) else None))
        self.expect(own_ready(theirs, own_id), "READY")

    def close(self):
        self.stream.close()


class Library:
    def __init__(self, path, stock=False):
        self.path, self.stock = path, stock
        self.lib = ctypes.CDLL(path)
        for name in ("zmq_ctx_new", "zmq_socket"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.zmq_socket.argtypes = [ctypes.c_void_p, ctypes.c_int]
        for name in ("zmq_ctx_term", "zmq_close"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p]
        for name in ("zmq_send", "zmq_recv"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        for name in ("zmq_bind", "zmq_connect", "zmq_disconnect"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self.lib.zmq_setsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
        self.lib.zmq_getsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p,
                                            ctypes.POINTER(ctypes.c_size_t)]
        self.lib.zmq_socket_monitor.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self.lib.zmq_msg_recv.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        self.lib.zmq_msg_gets.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self.lib.zmq_msg_gets.restype = ctypes.c_char_p
        self.lib.zmq_msg_data.argtypes = [ctypes.c_void_p]
        self.lib.zmq_msg_data.restype = ctypes.c_void_p
        self.context = self.lib.zmq_ctx_new()
        self.monitors = 0

    def check(self, result, what):
        if result < 0:
            raise Failure(f"{what}: errno {self.lib.zmq_errno()}")
        return result

    def another(self):
        """The same one, with a context of its own."""
        return Library(self.path, self.stock)

    def end(self):
        self.check(self.lib.zmq_ctx_term(self.context), "zmq_ctx_term")


class Socket:
    """A socket of the library with a monitor."""

    def __init__(self, library, socket_type, **options):
        self.library, self.lib, self.type = library, library.lib, socket_type
        self.handle = self.lib.zmq_socket(library.context, socket_type)
        for option, value in ((LINGER, 0), (RCVTIMEO, int(PATIENCE * 1000)), (SNDTIMEO, int(PATIENCE * 1000)),
                              (RECONNECT_IVL, 10)):
            self.set(option, value)
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                self.set(globals()[name], one)
        library.monitors += 1
        where = b"inproc://monitor%d" % library.monitors
        library.check(self.lib.zmq_socket_monitor(self.handle, where, 0xffff), "monitor")
        self.monitor = self.lib.zmq_socket(library.context, PAIR)
        self.lib.zmq_connect(self.monitor, where)
        self.timeout(self.monitor, PATIENCE)

    def timeout(self, handle, seconds):
        self.lib.zmq_setsockopt(handle, RCVTIMEO, struct.pack("i", int(seconds * 1000)), 4)

    def set(self, option, value):
        if isinstance(value, int):
            value = struct.pack("q" if option == MAXMSGSIZE else "i", value)
        self.library.check(self.lib.zmq_setsockopt(self.handle, option, value, len(value)), f"option {option}")

    def get(self, option):
        buffer, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
        self.library.check(self.lib.zmq_getsockopt(self.handle, option, buffer, ctypes.byref(size)), "option")
        return buffer.raw[:size.value]

    def bind(self, endpoint):
        self.library.check(self.lib.zmq_bind(self.handle, endpoint), "bind")
        self.endpoint = self.get(LAST_ENDPOINT).rstrip(b"\0").decode()

    def wire(self, host=None):
        """A raw peer connects."""
        return Wire(stream_to(self.endpoint, host))

    def connect(self, listener):
        self.connect_to(endpoint_of(listener))

    def connect_to(self, endpoint):
        self.library.check(self.lib.zmq_connect(self.handle, endpoint), "connect")

    def disconnect(self, listener):
        self.library.check(self.lib.zmq_disconnect(self.handle, endpoint_of(listener)), "disconnect")

    def send(self, *frames):
        for at, body in enumerate(frames):
            more = SNDMORE if at + 1 < len(frames) else 0
            self.library.check(self.lib.zmq_send(self.handle, body, len(body), more), "send")

    def sends(self, body, seconds):
        """Whether there is room for it within that time."""
        self.set(SNDTIMEO, int(seconds * 1000))
        return self.lib.zmq_send(self.handle, body, len(body), 0) >= 0

    def receive(self, largest=1 << 20):
        frames = []
        while not frames or struct.unpack("i", self.get(RCVMORE))[0]:
            buffer = ctypes.create_string_buffer(largest)
            size = self.library.check(self.lib.zmq_recv(self.handle, buffer, len(buffer), 0), "receive")
            frames.append(buffer[:min(size, largest)])
        return frames

    def frame(self, *names):
        """The next frame: its body, its properties of these names, and ZMQ_SRCFD."""
        message = ctypes.create_string_buffer(64)
        self.lib.zmq_msg_init(message)
        size = self.library.check(self.lib.zmq_msg_recv(message, self.handle, 0), "receive")
        body = ctypes.string_at(self.lib.zmq_msg_data(message), size)
        found = [self.lib.zmq_msg_gets(message, name) for name in names]
        descriptor = self.lib.zmq_msg_get(message, SRCFD)
        self.lib.zmq_msg_close(message)
        return body, found, descriptor

    def expect(self, *frames):
        got = self.receive(max(1000, 1 + max(len(body) for body in frames)))
        if got != list(frames):
            show = [[(len(body), body[:20]) for body in part] for part in (got, frames)]
            raise Failure(f"received {show[0]} instead of {show[1]}")

    def expect_nothing(self, what):
        self.timeout(self.handle, 0.05)
        buffer = ctypes.create_string_buffer(100)
        size = self.lib.zmq_recv(self.handle, buffer, 100, 0)
        self.timeout(self.handle, PATIENCE)
        if size >= 0:
            raise Failure(f"{what}: received {buffer.raw[:size]}")

    def expect_full(self, what):
        """There is nobody to send to, or will soon be."""
        end = time.monotonic() + PATIENCE
        while self.turn() & 2:
            if time.monotonic() > end:
                raise Failure(f"{what}: still room")
            time.sleep(0.001)

    def turn(self):
        """Lets the socket do what needs its thread."""
        return struct.unpack("i", self.get(EVENTS))[0]

    def event(self, seconds=PATIENCE):
        self.timeout(self.monitor, seconds)
        buffer = ctypes.create_string_buffer(256)
        if self.lib.zmq_recv(self.monitor, buffer, 256, 0) != 6:
            return None
        number, value = struct.unpack("=HI", buffer.raw[:6])
        self.lib.zmq_recv(self.monitor, buffer, 256, 0)
        return number, value

    def events_until(self, last):
        """All events up to `last`, as (number, value); values that are descriptors or times read 0."""
        found = []
        while True:
            event = self.event()
            if event is None:
                raise Failure(f"event {last:#x} never came, only {found}")
            number, value = event
            found.append((number, value if number in (NO_DETAIL, PROTOCOL, AUTH) else 0))
            if number == last:
                return found

    def close(self):
        # Events for a monitor that is gone would block libzmq's threads.
        self.lib.zmq_socket_monitor(self.handle, None, 0)
        self.lib.zmq_close(self.monitor)
        self.lib.zmq_close(self.handle)
