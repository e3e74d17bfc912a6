"""STREAM: plain TCP, an HTTP server and its clients among them."""

import http.client
import shutil
import socket as system
import subprocess
import zlib

import zmq
from scenarios import TIMEOUT, bound, connected, main, scenario, start

MEGABYTES = 10


class Server:
    """HTTP/1.1 over a STREAM: answers each request with its own body, or with the number of bytes its path asks
    for. Connections stay open unless the request says otherwise."""

    def __init__(self, context, **options):
        self.stream, self.endpoint = bound(context, zmq.STREAM, **options)
        self.port = int(self.endpoint.rsplit(":", 1)[1])
        self.peers = {}
        self.wanted = {}  # bytes of the request in progress, where known
        self.come = self.gone = 0
        self.thread = None

    def serve(self, connections):
        """Until so many connections have come and gone, in a thread of its own."""
        self.thread = start(self._run, connections)

    def _run(self, connections):
        while self.come < connections or self.peers:
            peer, data = self.stream.recv_multipart()
            if data:
                self.peers[peer] += data
                while len(self.peers.get(peer, b"")) > self.wanted.get(peer, 0) and self._answer(peer):
                    pass
            elif peer in self.peers:
                del self.peers[peer]
                self.gone += 1
            else:
                self.peers[peer] = bytearray()
                self.come += 1

    def _answer(self, peer):
        head, blank, rest = bytes(self.peers[peer]).partition(b"\r\n\r\n")
        if not blank:
            return False
        request, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(fields.get("content-length", 0))
        if len(rest) < length:
            self.wanted[peer] = len(head) + 4 + length - 1
            return False
        self.wanted.pop(peer, None)
        del self.peers[peer][: len(head) + 4 + length]
        path = request.split()[1].strip("/")
        body = rest[:length] if length else pattern(int(path or 0))
        self.stream.send_multipart([peer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)])
        # In pieces, as programs do it.
        for at in range(0, len(body), 1 << 20):
            self.stream.send_multipart([peer, body[at : at + (1 << 20)]])
        if fields.get("connection") == "close":
            self.stream.send_multipart([peer, b""])
            del self.peers[peer]
        return True


def pattern(size):
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


@scenario
def keep_alive():
    """Many requests over each of two connections."""
    context = zmq.Context()
    server = Server(context)
    server.serve(2)
    clients = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT / 1000) for _ in range(2)]
    for size in (0, 1, 8191, 8192, 8193, 100_000):
        for client in clients:
            client.request("GET", f"/{size}")
            assert client.getresponse().read() == pattern(size)
            client.request("POST", "/", pattern(size + 1))
            assert client.getresponse().read() == pattern(size + 1)
        print(size)
    for client in clients:
        client.close()
    server.thread.join()
    print(server.come, server.gone)
    context.destroy()


@scenario
def large_bodies():
    """10 MB both ways, and a close at the server's end behind them."""
    context = zmq.Context()
    server = Server(context, sndhwm=4, rcvhwm=4)
    server.serve(1)
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT / 1000)
    body = pattern(MEGABYTES << 20)
    client.request("POST", "/", body, {"Connection": "close"})
    got = client.getresponse().read()
    print(len(got), zlib.crc32(got) == zlib.crc32(body))
    server.thread.join()
    print(server.come, server.gone)
    context.destroy()


@scenario
def curl():
    """A client that nobody here wrote: downloads, an upload, a connection that is kept."""
    if shutil.which("curl") is None:
        print("SKIPPED: no curl")
        return
    context = zmq.Context()
    server = Server(context)
    server.serve(3)
    url = f"http://127.0.0.1:{server.port}"
    base = ["curl", "-sS", "--max-time", "60", "--noproxy", "*"]
    body = pattern(MEGABYTES << 20)
    got = subprocess.run([*base, f"{url}/{len(body)}"], capture_output=True, check=True).stdout
    print("down", len(got), got == body)
    got = subprocess.run([*base, "-H", "Expect:", "--data-binary", "@-", url], input=body, capture_output=True,
                         check=True).stdout
    print("up", len(got), got == body)
    got = subprocess.run([*base, "-w", "%{num_connects}\n", "-o", "/dev/null", f"{url}/1", "-o", "/dev/null", f"{url}/2"],
                         capture_output=True, check=True, text=True).stdout
    print("connections made", got.split())
    server.thread.join()
    print(server.come, server.gone)
    context.destroy()


@scenario
def client_of_a_plain_server():
    context = zmq.Context()
    with system.create_server(("127.0.0.1", 0)) as listener:
        def echo():
            for _ in range(2):
                peer, _ = listener.accept()
                with peer:
                    while data := peer.recv(65536):
                        peer.sendall(data)
                        if data.endswith(b"!"):
                            break

        thread = start(echo)
        stream = connected(context, zmq.STREAM, f"tcp://127.0.0.1:{listener.getsockname()[1]}", reconnect_ivl=10)
        me = stream.getsockopt(zmq.ROUTING_ID)
        print(len(me), me[0])
        for _ in range(2):
            assert stream.recv_multipart() == [me, b""]
            stream.send_multipart([me, pattern(100_000) + b"!"])
            got = bytearray()
            while not got.endswith(b"!"):
                peer, data = stream.recv_multipart()
                assert peer == me and 0 < len(data) <= 8192
                got += data
            print(got == pattern(100_000) + b"!")
            assert stream.recv_multipart() == [me, b""]
        thread.join()
    context.destroy()


@scenario
def a_flood_waits():
    """A peer that sends for ever has to wait for a socket that does not read."""
    context = zmq.Context()
    stream, endpoint = bound(context, zmq.STREAM, rcvhwm=10)
    with system.create_connection(("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))) as peer:
        peer.settimeout(0.5)
        sent = 0
        try:
            while sent < 256 << 20:
                sent += peer.send(bytes(65536))
        except TimeoutError:
            print("waits")
    stream.recv_multipart()
    received = 0
    while data := stream.recv_multipart()[1]:
        received += len(data)
    print(received == sent)
    context.destroy()


@scenario
def many_connections():
    """200 at random, each with its own bytes, from four threads."""
    import random

    context = zmq.Context()
    server = Server(context)
    server.serve(200)

    def visit(seed):
        chance = random.Random(seed)
        for _ in range(50):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT / 1000)
            for _ in range(chance.randrange(3)):
                size = chance.randrange(1, 50_000)
                client.request("POST", "/", pattern(size))
                assert client.getresponse().read() == pattern(size)
            if client.sock is None:
                client.connect()
            client.close()

    threads = [start(visit, seed) for seed in range(4)]
    for thread in threads:
        thread.join()
    server.thread.join()
    print(server.come, server.gone)
    context.destroy()


if __name__ == "__main__":
    main()
