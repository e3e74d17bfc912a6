#!/usr/bin/python3
"""An ordinary pyzmq program: four patterns over three transports, every message checked.

    demo.py [--quick] [--save FILE]     run on whichever libzmq the dynamic linker finds
    demo.py --compare STOCK OURS        put two saved results side by side

Nothing in it knows which library it runs on; it only prints the file that the process has mapped.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import tempfile
import threading
import time

TRANSPORTS = ("inproc", "ipc", "tcp")
TIMEOUT_MS = 20_000  # of every single send and receive: a lost message becomes an error, not a hang
LARGE = bytes(range(256)) * 4096  # 1 MiB


class WrongMessage(Exception):
    """Something arrived that was not what had been sent."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the messages")
    parser.add_argument("--save", metavar="FILE", help="write the rates to FILE")
    parser.add_argument("--compare", nargs=2, metavar="FILE", help="print two saved results side by side")
    args = parser.parse_args()
    if args.compare:
        return compare(*args.compare)
    return run(args)


def run(args):
    import zmq

    result = {"library": mapped_library(), "version": zmq.zmq_version(), "rates": {}}
    print(f"pyzmq {zmq.pyzmq_version()} on libzmq {result['version']}: {result['library']}")
    print(f"{'pattern':15} {'transport':10} {'messages':>9} {'per second':>12}")
    for name, pattern, count in PATTERNS:
        if args.quick:
            count //= 20
        for transport in TRANSPORTS:
            with tempfile.TemporaryDirectory(prefix="zmq-demo-") as directory:
                messages, seconds = pattern(zmq, endpoint(transport, directory), count)
            result["rates"][f"{name} {transport}"] = messages / seconds
            print(f"{name:15} {transport:10} {messages:>9,} {messages / seconds:>12,.0f}", flush=True)
    print("every message arrived as it was sent")
    if args.save:
        with open(args.save, "w", encoding="utf-8") as file:
            json.dump(result, file)
    return 0


def compare(stock_file, ours_file):
    with open(stock_file, encoding="utf-8") as file:
        stock = json.load(file)
    with open(ours_file, encoding="utf-8") as file:
        ours = json.load(file)
    print(f"stock: libzmq {stock['version']}, {stock['library']}")
    print(f"ours:  libzmq {ours['version']}, {ours['library']}")
    if stock["library"] == ours["library"]:
        print("both runs used the same library: nothing was compared", file=sys.stderr)
        return 1
    print(f"{'pattern':15} {'transport':10} {'stock/s':>10} {'ours/s':>10} {'ratio':>6}   (of Python calls, not of the wire)")
    for key, rate in stock["rates"].items():
        name, _, transport = key.rpartition(" ")
        print(f"{name:15} {transport:10} {rate:>10,.0f} {ours['rates'][key]:>10,.0f} {ours['rates'][key] / rate:>6.2f}")
    return 0


# ---- the patterns: each returns how many messages were received and in how many seconds ----


def req_rep(zmq, address, count):
    """A client and a server that answers with the request in capitals."""
    with Pair(zmq, address, bound=zmq.REP, connected=zmq.REQ) as pair:

        def server(socket):
            for _ in range(count):
                socket.send(socket.recv().upper())

        served = pair.in_thread(server, pair.bound)
        start = time.perf_counter()
        for number in range(count):
            pair.connected.send(b"request %d" % number)
            expect(pair.connected.recv(), b"REQUEST %d" % number)
        seconds = time.perf_counter() - start
        served.result()
        return 2 * count, seconds


def pub_sub(zmq, address, count):
    """One publisher, a subscriber to half of the topics: the other half must not arrive."""
    with Pair(zmq, address, bound=zmq.PUB, connected=zmq.SUB, high_water_mark=0) as pair:
        pair.connected.subscribe(b"hello")
        pair.connected.subscribe(b"even")
        listening = threading.Event()

        def publisher(socket):
            # A subscription takes a moment to arrive; what is published before it is lost, as it should be.
            deadline = time.monotonic() + TIMEOUT_MS / 1000
            while not listening.wait(0.001):
                if time.monotonic() > deadline:
                    raise WrongMessage("the subscriber heard nothing")
                socket.send(b"hello")
            for number in range(2 * count):
                topic = b"odd" if number % 2 else b"even"
                socket.send_multipart([topic, b"%d" % number])

        published = pair.in_thread(publisher, pair.bound)
        expect(pair.connected.recv(), b"hello")
        listening.set()
        parts = pair.connected.recv_multipart()
        while parts == [b"hello"]:
            parts = pair.connected.recv_multipart()
        start = time.perf_counter()
        expect(parts, [b"even", b"0"])
        for number in range(1, count):
            expect(pair.connected.recv_multipart(), [b"even", b"%d" % (2 * number)])
        seconds = time.perf_counter() - start
        published.result()
        return count - 1, seconds


def push_pull(zmq, address, count):
    """A stream of small messages with a large one at its end."""
    with Pair(zmq, address, bound=zmq.PULL, connected=zmq.PUSH) as pair:

        def pusher(socket):
            for number in range(count):
                socket.send(b"job %08d" % number)
            socket.send(LARGE)

        pushed = pair.in_thread(pusher, pair.connected)
        start = time.perf_counter()
        for number in range(count):
            expect(pair.bound.recv(), b"job %08d" % number)
        expect(pair.bound.recv(), LARGE)
        seconds = time.perf_counter() - start
        pushed.result()
        return count + 1, seconds


def dealer_router(zmq, address, count):
    """A dealer with many requests under way; the router answers each to the name it came from."""
    window = 100
    with Pair(zmq, address, bound=zmq.ROUTER, connected=zmq.DEALER, routing_id=b"client") as pair:

        def router(socket):
            for number in range(count):
                name, body = socket.recv_multipart()
                expect((name, body), (b"client", b"%d" % number))
                socket.send_multipart([name, b"answer", body])

        routed = pair.in_thread(router, pair.bound)
        start = time.perf_counter()
        for number in range(count + window):
            if number < count:
                pair.connected.send(b"%d" % number)
            if number >= window:
                expect(pair.connected.recv_multipart(), [b"answer", b"%d" % (number - window)])
        seconds = time.perf_counter() - start
        routed.result()
        return 2 * count, seconds


PATTERNS = (
    ("REQ/REP", req_rep, 5_000),
    ("PUB/SUB", pub_sub, 40_000),
    ("PUSH/PULL", push_pull, 80_000),
    ("DEALER/ROUTER", dealer_router, 20_000),
)


class Pair:
    """Two sockets of one context, one bound and one connected, and a thread for one of them."""

    def __init__(self, zmq, address, bound, connected, high_water_mark=1000, routing_id=None):
        self.context = zmq.Context()
        self.threads = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.bound = self.context.socket(bound)
        self.connected = self.context.socket(connected)
        for socket in (self.bound, self.connected):
            socket.set_hwm(high_water_mark)
            socket.rcvtimeo = socket.sndtimeo = TIMEOUT_MS
            socket.linger = 0
        if routing_id:
            self.connected.routing_id = routing_id
        self.bound.bind(address)
        self.connected.connect(self.bound.last_endpoint.rstrip(b"\0").decode())

    def in_thread(self, work, socket):
        """The future's result() raises what `work` raised."""
        return self.threads.submit(work, socket)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.threads.shutdown()
        self.context.destroy()


def expect(got, wanted):
    if got != wanted:
        raise WrongMessage(f"got {got!r:.200}, wanted {wanted!r:.200}")


def endpoint(transport, directory):
    return {"inproc": "inproc://demo", "ipc": f"ipc://{directory}/socket", "tcp": "tcp://127.0.0.1:*"}[transport]


def mapped_library():
    """The libzmq file in this process's address space. pyzmq wheels rename theirs, so the name only begins so."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            path = line.rstrip("\n").split(maxsplit=5)[-1]
            if os.path.basename(path).startswith("libzmq") and ".so" in path:
                return path
    return "none found"


if __name__ == "__main__":
    sys.exit(main())
