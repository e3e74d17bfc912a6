"""CURVE for raw peers (security.md 4): both sides of a handshake, command by command, and what is sealed after it. Every
part can be chosen, also wrongly. The boxes are those of libsodium, which libzmq depends on."""

import ctypes
import os
import struct

SODIUM = ctypes.CDLL("libsodium.so.23")
KEY, NONCE, MAC = 32, 24, 16
MORE, COMMAND = 1, 2


def public_of(secret):
    public = ctypes.create_string_buffer(KEY)
    SODIUM.crypto_scalarmult_base(public, secret)
    return public.raw


def pair():
    """A public and a secret key of nobody else."""
    secret = os.urandom(KEY)
    return public_of(secret), secret


def key_between(public, secret):
    key = ctypes.create_string_buffer(KEY)
    SODIUM.crypto_box_beforenm(key, public, secret)
    return key.raw


def seal(key, nonce, text):
    box = ctypes.create_string_buffer(len(text) + MAC)
    SODIUM.crypto_secretbox_easy(box, text, ctypes.c_ulonglong(len(text)), nonce, key)
    return box.raw


def unseal(key, nonce, box):
    """`None` if it does not open."""
    text = ctypes.create_string_buffer(max(len(box) - MAC, 1))
    failed = len(box) < MAC or SODIUM.crypto_secretbox_open_easy(text, box, ctypes.c_ulonglong(len(box)), nonce, key)
    return None if failed else text.raw[:len(box) - MAC]


def counted(number):
    return struct.pack(">Q", number)


class Side:
    """What both sides do once they have a session key."""

    prefix, peers_prefix = b"", b""

    def __init__(self):
        self.short_public, self.short_secret = pair()
        self.counter = 0
        self.key = b""

    def next(self):
        self.counter += 1
        return self.counter

    def message(self, payload, flags=0, number=None):
        number = self.next() if number is None else number
        box = seal(self.key, self.prefix + counted(number), bytes([flags]) + payload)
        return b"\x07MESSAGE" + counted(number) + box

    def opened(self, body):
        """Counter, flags and payload; `None` if it is none."""
        if body[:8] != b"\x07MESSAGE":
            return None
        text = unseal(self.key, self.peers_prefix + body[8:16], body[16:])
        return text and (struct.unpack(">Q", body[8:16])[0], text[0], text[1:])


class Client(Side):
    prefix, peers_prefix = b"CurveZMQMESSAGEC", b"CurveZMQMESSAGES"

    def __init__(self, server, keys=None):
        super().__init__()
        self.server = server
        self.public, self.secret = keys or pair()
        self.cookie = self.peers = b""

    def hello(self, number=None, version=b"\1\0", padding=bytes(72), text=bytes(64), server=None):
        number = self.next() if number is None else number
        key = key_between(server or self.server, self.short_secret)
        box = seal(key, b"CurveZMQHELLO---" + counted(number), text)
        return b"\x05HELLO" + version + padding + self.short_public + counted(number) + box

    def take_welcome(self, body):
        text = unseal(key_between(self.server, self.short_secret), b"WELCOME-" + body[8:24], body[24:])
        self.peers, self.cookie = text[:KEY], text[KEY:]
        self.key = key_between(self.peers, self.short_secret)

    def initiate(self, metadata, number=None, cookie=None, vouched=None, vouched_server=None, voucher=None, key=None):
        number = self.next() if number is None else number
        nonce = os.urandom(16)
        vouch = seal(key_between(self.peers, voucher or self.secret), b"VOUCH---" + nonce,
                     (vouched or self.short_public) + (vouched_server or self.server))
        box = seal(key or self.key, b"CurveZMQINITIATE" + counted(number), self.public + nonce + vouch + metadata)
        return b"\x08INITIATE" + (self.cookie if cookie is None else cookie) + counted(number) + box

    def read_ready(self, body):
        """Counter and metadata."""
        return struct.unpack(">Q", body[6:14])[0], unseal(self.key, b"CurveZMQREADY---" + body[6:14], body[14:])


class Server(Side):
    prefix, peers_prefix = b"CurveZMQMESSAGES", b"CurveZMQMESSAGEC"

    def __init__(self):
        super().__init__()
        self.public, self.secret = pair()
        self.client = b""
        self.cookie = os.urandom(96)

    def read_hello(self, body):
        """Version, padding, counter and what was sealed."""
        self.client = body[80:112]
        self.key = key_between(self.client, self.short_secret)
        text = unseal(key_between(self.client, self.secret), b"CurveZMQHELLO---" + body[112:120], body[120:])
        return body[6:8], body[8:80], struct.unpack(">Q", body[112:120])[0], text

    def welcome(self, key=None):
        nonce = os.urandom(16)
        box = seal(key or key_between(self.client, self.secret), b"WELCOME-" + nonce, self.short_public + self.cookie)
        return b"\x07WELCOME" + nonce + box

    def read_initiate(self, body):
        """Cookie, counter, the client's key, what it vouches for, and metadata."""
        text = unseal(self.key, b"CurveZMQINITIATE" + body[105:113], body[113:])
        vouch = unseal(key_between(text[:32], self.short_secret), b"VOUCH---" + text[32:48], text[48:128])
        return body[9:105], struct.unpack(">Q", body[105:113])[0], text[:32], vouch, text[128:]

    def ready(self, metadata, number=None, key=None):
        number = self.next() if number is None else number
        return b"\x05READY" + counted(number) + seal(key or self.key, b"CurveZMQREADY---" + counted(number), metadata)
