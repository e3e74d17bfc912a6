#!/usr/bin/python3
"""What somebody sees who records a conversation under CURVE: keys of the connection, lengths and counters (security.md 4).

    secrecy.py --binds PATH --connects PATH    a libzmq.so.5 each

Two sockets talk through a relay that writes everything down. Nothing of what they said is in it: no payload, topic,
routing id, property, name of a command, or key of theirs. The same conversation without encryption has all of that, so that
what is looked for can be found.
"""

import argparse
import os
import socket
import struct
import sys
import threading
import time

from zmtp import (
    DEALER, HOST, PATIENCE, PUB, RCVTIMEO, ROUTER, ROUTING_ID, SUB, SUBSCRIBE, SUCCEEDED, Failure, Library,
    Socket, greeting)

CURVE_SERVER, CURVE_PUBLICKEY, CURVE_SECRETKEY, CURVE_SERVERKEY = range(47, 51)
# c, C, s and S of security.md section 4.6.
CLIENT = bytes(range(33, 65)), bytes.fromhex("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b")
SERVER = bytes(range(1, 33)), bytes.fromhex("07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c")
TOPIC, TEXT, NAME = b"topic-a81f3c", b"payload-5d02e9", b"routing-94b7d1"
# What each side says in the course of a conversation.
SAID = {
    "pub-sub": {"connecter": [b"Socket-Type", b"SUB", TOPIC, b"\x04PONG"],
                "binder": [b"Socket-Type", b"PUB", TOPIC, TEXT, b"\x04PING"]},
    "dealer-router": {"connecter": [b"Socket-Type", b"DEALER", b"Identity", NAME, TEXT, b"\x04PONG"],
                      "binder": [b"Socket-Type", b"ROUTER", TEXT, b"\x04PING"]},
}
BEATS = {"HEARTBEAT_IVL": 20, "HEARTBEAT_TIMEOUT": 5000}
SAME = 20


class Recorder:
    """Accepts one connection and makes another to `endpoint`; what each side says."""

    def __init__(self, endpoint):
        host, _, port = endpoint[len("tcp://"):].rpartition(":")
        self.target = host, int(port)
        self.listener = socket.create_server((HOST, 0))
        self.endpoint = b"tcp://%b:%d" % (HOST.encode(), self.listener.getsockname()[1])
        self.said = {"connecter": b"", "binder": b""}
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        connecter, _ = self.listener.accept()
        # Whoever comes again is not taken.
        self.listener.close()
        binder = socket.create_connection(self.target)
        back = threading.Thread(target=self.pump, args=("binder", binder, connecter), daemon=True)
        back.start()
        self.pump("connecter", connecter, binder)
        back.join()
        connecter.close()
        binder.close()

    def pump(self, who, source, target):
        try:
            while data := source.recv(1 << 16):
                with self.changed:
                    self.said[who] += data
                    self.changed.notify_all()
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.said), PATIENCE):
                raise Failure(f"{what} never came")

    def everything(self):
        """When both have gone."""
        self.thread.join(PATIENCE)
        if self.thread.is_alive():
            raise Failure("the connection does not end")
        return self.said


def encrypt(server, client):
    server.set(CURVE_SERVER, 1)
    server.set(CURVE_SECRETKEY, SERVER[0])
    client.set(CURVE_PUBLICKEY, CLIENT[1])
    client.set(CURVE_SECRETKEY, CLIENT[0])
    client.set(CURVE_SERVERKEY, SERVER[1])


def frames_behind_greeting(data):
    """Flags and body of every frame; the last one may have been cut by the end."""
    at, found = 64, []
    while at + 2 <= len(data):
        flags, size, length = data[at], 2, data[at + 1]
        if flags & 2:
            if at + 9 > len(data):
                break
            size, length = 9, struct.unpack(">Q", data[at + 1:at + 9])[0]
        if at + size + length > len(data):
            break
        found.append((flags, data[at + size:at + size + length]))
        at += size + length
    return found


def count_of(data, name):
    return sum(body.startswith(name) for _, body in frames_behind_greeting(data))


def converse(libraries, kind, encrypted):
    """Says it all, and returns what was recorded."""
    types = (PUB, SUB) if kind == "pub-sub" else (ROUTER, DEALER)
    server, client = Socket(libraries[0], types[0], **BEATS), Socket(libraries[1], types[1])
    if encrypted:
        encrypt(server, client)
    if kind == "dealer-router":
        client.set(ROUTING_ID, NAME)
    server.bind(b"tcp://%b:*" % HOST.encode())
    recorder = Recorder(server.endpoint)
    client.connect_to(recorder.endpoint)
    server.events_until(SUCCEEDED)
    large = TEXT * 10000
    if kind == "pub-sub":
        client.set(SUBSCRIBE, TOPIC)
        # It has arrived when a message comes through.
        client.set(RCVTIMEO, 50)
        end = time.monotonic() + PATIENCE
        while True:
            server.send(TOPIC, TEXT)
            try:
                client.expect(TOPIC, TEXT)
                break
            except Failure:
                if time.monotonic() > end:
                    raise
        client.set(RCVTIMEO, int(PATIENCE * 1000))
        for _ in range(SAME):
            server.send(TOPIC, TEXT)
        server.send(TOPIC + large)
        while client.receive(1 << 20) != [TOPIC + large]:
            pass
    else:
        for body in [TEXT] * SAME + [large, b""]:
            client.send(body, TEXT)
            server.expect(NAME, body, TEXT)
            server.send(NAME, TEXT, body)
            client.expect(TEXT, body)
    # Five PINGs and PONGs, which nobody sees under CURVE but by their lengths.
    sizes = {side: len(data) for side, data in recorder.said.items()}
    recorder.wait(lambda said: all(len(said[side]) >= sizes[side] + 5 * 6 for side in sizes), "heartbeats")
    client.close()
    server.close()
    return recorder.everything()


def check_clear(kind, said):
    """All of it is seen where nothing is hidden."""
    for side, texts in SAID[kind].items():
        for text in texts:
            if text not in said[side]:
                raise Failure(f"{kind}: {text} of the {side} is not found in clear")


def check_encrypted(kind, said):
    hidden = {text for texts in SAID[kind].values() for text in texts} | {*CLIENT, *SERVER}
    for side, data in said.items():
        # Before that stands the length of the routing id.
        if data[10:32] != greeting(mechanism=b"CURVE")[10:32]:
            raise Failure(f"{kind}: {data[:64]} for a greeting")
        # Names of types are short: what is drawn by lot may have them now and then, in a hundred KiB.
        found = [text for text in hidden if len(text) > 4 and text in data[64:]]
        if found:
            raise Failure(f"{kind}: {found} of the {side} can be read")
        frames = frames_behind_greeting(data)
        names = [b"\x05HELLO", b"\x08INITIATE"] if side == "connecter" else [b"\x07WELCOME", b"\x05READY"]
        for name, (flags, body) in zip(names, frames):
            if not body.startswith(name) or flags & 5 != 4:
                raise Failure(f"{kind}: {body[:10]} with flags {flags} for {name}")
        # INITIATE and READY have the counters 2 and 1.
        last, bodies = (2, set()) if side == "connecter" else (1, set())
        if len(frames) < 2 + 5:
            raise Failure(f"{kind}: {len(frames)} frames of the {side}")
        for flags, body in frames[2:]:
            if flags & ~2 or not body.startswith(b"\x07MESSAGE") or len(body) < 33:
                raise Failure(f"{kind}: {body[:20]} with flags {flags} in traffic")
            counter = struct.unpack(">Q", body[8:16])[0]
            if counter <= last:
                raise Failure(f"{kind}: counter {counter} behind {last}")
            if body[16:] in bodies:
                raise Failure(f"{kind}: the same box again")
            last = counter
            bodies.add(body[16:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binds", required=True)
    parser.add_argument("--connects", required=True)
    arguments = parser.parse_args()
    libraries = [Library(os.path.realpath(path)) for path in (arguments.binds, arguments.connects)]
    failed = 0
    for kind in SAID:
        for encrypted, check in ((True, check_encrypted), (False, check_clear)):
            try:
                check(kind, converse(libraries, kind, encrypted))
            except (Failure, OSError) as failure:
                failed += 1
                print(f"  secrecy: {failure}", flush=True)
    print(f"what is seen of {arguments.connects} at {arguments.binds}: {failed} failures", flush=True)
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
