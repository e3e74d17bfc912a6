"""Stands between two libraries so that each takes the other for an old peer: the greetings are its own, all that
follows is theirs. (No package of a libzmq that old can be had any more.)"""

import os
import socket
import struct
import threading
import time

SIGNATURE = b"\xff" + bytes(7) + b"\1\x7f"
# What a side hears instead of the other's greeting; None: unversioned, the other's identity in the long form.
REVISIONS = {"2.x": 1, "1.0-versioned": 0, "1.0": None}


class Relay:
    """Accepts at ipc://FOLDER/relay, and connects each time to ipc://FOLDER/socket."""

    def __init__(self, folder, version):
        self.endpoint = f"ipc://{folder}/relay"
        self.target = f"{folder}/socket"
        self.revision = REVISIONS[version]
        self.open = True
        self.place = socket.socket(socket.AF_UNIX)
        self.place.bind(f"{folder}/relay")
        self.place.listen(100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connecter, _ = self.place.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(connecter,), daemon=True).start()

    def run(self, connecter):
        binder = None
        try:
            binder, length = self.reach_binder()
            self.greet(connecter, binder, length)
            back = threading.Thread(target=pump, args=(binder, connecter), daemon=True)
            back.start()
            pump(connecter, binder)
            back.join()
        except OSError:
            pass
        connecter.close()
        if binder:
            binder.close()

    def reach_binder(self):
        """A connection to the binder, who has spoken: until then the connecter must not take anybody for there, nor
        see the end of a connection. And the length that the binder's signature tells."""
        while self.open:
            binder = socket.socket(socket.AF_UNIX)
            try:
                binder.connect(self.target)
                return binder, length_in(binder)
            except OSError:
                binder.close()
                time.sleep(0.002)
        raise OSError("closed")

    def greet(self, connecter, binder, binder_length):
        if self.revision is not None:
            length_in(connecter)
            for side in (connecter, binder):
                # The socket type is not looked at.
                side.sendall(SIGNATURE + bytes([self.revision, 0]))
                read(side, 2)
            return
        # The signature of either is the header of its identity; without the mark it is just that.
        for side, length in ((binder, length_in(connecter)), (connecter, binder_length)):
            side.sendall(b"\xff" + struct.pack(">Q", length) + b"\0")

    def close(self):
        self.open = False
        # accept() in the other thread ends with an error.
        self.place.shutdown(socket.SHUT_RDWR)
        self.place.close()
        os.unlink(self.endpoint[len("ipc://"):])


def length_in(side):
    """Reads a signature."""
    return struct.unpack(">Q", read(side, 10)[1:9])[0]


def read(side, length):
    """Exactly so many bytes."""
    data = b""
    while len(data) < length:
        part = side.recv(length - len(data))
        if not part:
            raise OSError("the end")
        data += part
    return data


def pump(source, target):
    """Everything from one side to the other, and its end. A side that takes no more may still have said something."""
    while True:
        try:
            data = source.recv(1 << 18)
        except OSError:
            data = b""
        try:
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
        except OSError:
            return
