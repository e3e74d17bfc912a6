"""The client's side of CURVE for raw peers, by libsodium (which libzmq of Debian needs, so that it is there)."""

import ctypes
import os
import struct

from attacker import Taken, connect, receive
from zmtp import greeting, properties

SODIUM = ctypes.CDLL("libsodium.so.23")
SODIUM.sodium_init()
TAG = 16
METADATA = properties((b"Socket-Type", b"DEALER"), (b"Identity", b""))
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def z85(text):
    """The bytes of a key that is written in Z85."""
    return b"".join(struct.pack(">I", sum(DIGITS.index(digit) * 85**(4 - place) for place, digit in enumerate(text[at:at + 5])))
                    for at in range(0, len(text), 5))


def public_of(secret):
    public = ctypes.create_string_buffer(32)
    SODIUM.crypto_scalarmult_base(public, secret)
    return public.raw


def pair():
    secret = os.urandom(32)
    return public_of(secret), secret


def key_between(public, secret):
    key = ctypes.create_string_buffer(32)
    if SODIUM.crypto_box_beforenm(key, public, secret):
        raise Taken("a key that leaves no secret")
    return key.raw


def seal(key, nonce, text):
    sealed = ctypes.create_string_buffer(len(text) + TAG)
    SODIUM.crypto_secretbox_easy(sealed, text, ctypes.c_ulonglong(len(text)), nonce, key)
    return sealed.raw


def opens(key, nonce, sealed):
    """What is in a box; None if it does not open."""
    text = ctypes.create_string_buffer(max(1, len(sealed) - TAG))
    if SODIUM.crypto_secretbox_open_easy(text, sealed, ctypes.c_ulonglong(len(sealed)), nonce, key):
        return None
    return text.raw[:len(sealed) - TAG]


def counter(number):
    return struct.pack(">Q", number)


def framed(body, flags=4):
    if len(body) > 255:
        return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body
    return bytes([flags, len(body)]) + body


def read_frame(stream):
    """Flags and body."""
    flags, length = receive(stream, 2)
    if flags & 2:
        length = struct.unpack(">Q", bytes([length]) + receive(stream, 7))[0]
    return flags, receive(stream, length)


class Client:
    """Commands of one connection, framed."""

    def __init__(self, server, own=None):
        self.server = server
        self.public, self.secret = own or pair()
        self.short_public, self.short_secret = pair()
        self.key = self.cookie = self.short_server = None
        self.sent = 2

    def hello(self):
        sealed = seal(key_between(self.server, self.short_secret), b"CurveZMQHELLO---" + counter(1), bytes(64))
        return framed(b"\x05HELLO\x01\x00" + bytes(72) + self.short_public + counter(1) + sealed)

    def take_welcome(self, body):
        key = key_between(self.server, self.short_secret)
        text = opens(key, b"WELCOME-" + body[8:24], body[24:])
        if not body.startswith(b"\x07WELCOME") or text is None:
            raise Taken("no WELCOME")
        self.short_server, self.cookie = text[:32], text[32:]
        self.key = key_between(self.short_server, self.short_secret)

    def initiate(self, metadata=METADATA):
        nonce = os.urandom(16)
        vouch = seal(key_between(self.short_server, self.secret), b"VOUCH---" + nonce, self.short_public + self.server)
        sealed = seal(self.key, b"CurveZMQINITIATE" + counter(2), self.public + nonce + vouch + metadata)
        return framed(b"\x08INITIATE" + self.cookie + counter(2) + sealed)

    def message(self, text, flags=0, number=None):
        self.sent = number or self.sent + 1
        sealed = seal(self.key, b"CurveZMQMESSAGEC" + counter(self.sent), bytes([flags]) + text)
        return framed(b"\x07MESSAGE" + counter(self.sent) + sealed, 0)

    def open_message(self, body):
        """Flags and text of what the server sent."""
        text = opens(self.key, b"CurveZMQMESSAGES" + body[8:16], body[16:])
        if not body.startswith(b"\x07MESSAGE") or text is None:
            raise Taken("no MESSAGE")
        return text[0], text[1:]


def greeted(port, mechanism=b"CURVE", source=None):
    stream = connect(port, source=source)
    stream.sendall(greeting(mechanism=mechanism))
    receive(stream, 64)
    return stream


def welcomed(port, server, own=None):
    """A connection up to WELCOME, and its client."""
    client = Client(server, own)
    stream = greeted(port)
    stream.sendall(client.hello())
    client.take_welcome(read_frame(stream)[1])
    return stream, client


def shaken(port, server, own=None, metadata=METADATA):
    """A connection through the whole handshake."""
    stream, client = welcomed(port, server, own)
    stream.sendall(client.initiate(metadata))
    body = read_frame(stream)[1]
    if not body.startswith(b"\x05READY") or opens(client.key, b"CurveZMQREADY---" + body[6:14], body[14:]) is None:
        raise Taken("no READY")
    return stream, client
