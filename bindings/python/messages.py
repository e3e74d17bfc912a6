"""Frames: copied or not, tracked, large, many, in all of pyzmq's wrappings."""

import array
import threading

import zmq
from scenarios import TIMEOUT, bound, connected, main, outcome, scenario, socket, start

INTERFACES = ("inproc://messages", "ipc://*", "tcp://127.0.0.1:*")


@scenario
def sizes():
    for interface in INTERFACES:
        context = zmq.Context()
        pull, endpoint = bound(context, zmq.PULL, interface)
        push = connected(context, zmq.PUSH, endpoint)
        for size in (0, 1, 32, 33, 34, 254, 255, 256, 257, 8191, 8192, 8193, 65_535, 65_536, 1 << 20, 17_000_001):
            for copy in (True, False):
                message = bytes([size % 251]) * size
                push.send(message, copy=copy)
                got = pull.recv(copy=copy)
                assert (got if copy else got.bytes) == message, (interface, size, copy)
        print(interface.split(":")[0])
        context.destroy()


@scenario
def wrappings():
    context = zmq.Context()
    for interface in INTERFACES:
        left, endpoint = bound(context, zmq.PAIR, interface)
        right = connected(context, zmq.PAIR, endpoint)
        left.send_json({"a": [1, 2, None, "\u00fc"]})
        print(right.recv_json())
        left.send_string("gr\u00fc\u00df", encoding="utf-16")
        print(right.recv_string(encoding="utf-16"))
        left.send_pyobj({"set": {1}, "bytes": b"\0"})
        print(right.recv_pyobj())
        left.send_serialized([1, 2, 3], lambda numbers: [b"%d" % number for number in numbers])
        print(right.recv_serialized(lambda frames: [int(frame) for frame in frames]))
        left.send_multipart([b"", array.array("i", [1, 2]), memoryview(b"view"), bytearray(b"array")])
        print(right.recv_multipart())
        left.send(b"not text \xff")
        try:
            right.recv_string()
        except UnicodeDecodeError as error:
            print(type(error).__name__)
        left.close()
        right.close()
    context.term()


@scenario
def trackers():
    """A tracker is done once the library has let go of the buffer, and not before."""
    context = zmq.Context()
    for interface in INTERFACES:
        pull, endpoint = bound(context, zmq.PULL, interface)
        push = socket(context, zmq.PUSH)
        push.connect(endpoint)
        tracker = push.send(b"t" * 100_000, copy=False, track=True)
        frame = pull.recv(copy=False)
        before = tracker.done
        del frame
        tracker.wait(TIMEOUT / 1000)
        print(interface.split(":")[0], before if interface.startswith("inproc") else None, tracker.done)
        frame = zmq.Frame(b"f" * 100_000, track=True)
        push.send(frame, copy=False)
        pull.recv()
        print(frame.tracker.done)
        del frame
        push.close()
        pull.close()
    lonely = socket(context, zmq.PUSH)
    lonely.connect("tcp://127.0.0.1:1")
    tracker = lonely.send(b"l" * 100_000, copy=False, track=True)
    print(outcome(lambda: tracker.done))
    lonely.close(0)
    tracker.wait(TIMEOUT / 1000)
    print(tracker.done)
    context.term()


@scenario
def frames_of_one_buffer():
    """One frame sent many times, and kept by the sender."""
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    push = connected(context, zmq.PUSH, endpoint)
    frame = zmq.Frame(b"shared" * 1000)
    for _ in range(100):
        push.send(frame, copy=False)
    got = [pull.recv(copy=False) for _ in range(100)]
    print(len({each.bytes for each in got}), got[0].more, frame.bytes[:6])
    first = got[0]
    view = first.buffer
    del got, first
    print(bytes(view[:6]))
    context.destroy()


@scenario
def properties_of_frames():
    context = zmq.Context()
    for interface in INTERFACES:
        router, endpoint = bound(context, zmq.ROUTER, interface)
        dealer = connected(context, zmq.DEALER, endpoint, identity=b"dealer")
        dealer.send_multipart([b"one", b"two"])
        for frame in router.recv_multipart(copy=False):
            print(frame.more, frame.bytes,
                  [value_of(frame, name) for name in ("Socket-Type", "Identity", "Peer-Address", "User-Id", "X-None")])
        router.close()
        dealer.close()
    context.term()


def value_of(frame, name):
    try:
        value = frame.get(name)
    except zmq.ZMQError as error:
        return error.errno
    # Over ipc the address has the process number in it.
    return value if name != "Peer-Address" else value.split(":")[0]


@scenario
def long_multiparts():
    context = zmq.Context()
    for interface in INTERFACES:
        pull, endpoint = bound(context, zmq.PULL, interface, rcvhwm=5)
        push = connected(context, zmq.PUSH, endpoint, sndhwm=5)
        parts = [b"%d" % number * (number % 50) for number in range(5000)]
        thread = start(lambda: [push.send_multipart(parts) for _ in range(20)])
        print(all(pull.recv_multipart() == parts for _ in range(20)))
        thread.join()
        pull.close()
        push.close()
    context.term()


@scenario
def high_water_marks():
    """How many a sender without reader can get rid of. Over the network the kernel takes some as well."""
    context = zmq.Context()
    for sending, receiving in ((1, 1), (10, 5), (1000, 1)):
        pull, endpoint = bound(context, zmq.PULL, f"inproc://marks{sending}", rcvhwm=receiving)
        push = connected(context, zmq.PUSH, endpoint, sndhwm=sending)
        count = 0
        while outcome(push.send, b"x", zmq.DONTWAIT) is None:
            count += 1
        print(sending, receiving, count)
        push.close()
        pull.close()
    push = connected(context, zmq.PUSH, "tcp://127.0.0.1:1", sndhwm=7)
    count = 0
    while outcome(push.send, b"x", zmq.DONTWAIT) is None:
        count += 1
    print(count)
    context.destroy()


@scenario
def too_large_for_the_receiver():
    """MAXMSGSIZE ends the connection; the next message that fits arrives on a new one."""
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL, maxmsgsize=100)
    push = connected(context, zmq.PUSH, endpoint, reconnect_ivl=10)
    push.send(b"x" * 100)
    print(len(pull.recv()))
    watch = push.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    push.send(b"x" * 101)
    print(watch.poll(TIMEOUT) > 0)
    push.send(b"fits")
    print(pull.recv())
    context.destroy()


@scenario
def every_message_once():
    """Four senders, four receivers, all transports at once: nothing lost, nothing twice, in order."""
    context = zmq.Context()
    each = 5000
    endpoints, sinks = [], []
    for number in range(4):
        sink = socket(context, zmq.PULL)
        for interface in (f"inproc://sink{number}", "ipc://*", "tcp://127.0.0.1:*"):
            sink.bind(interface)
            endpoints.append(sink.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
        sinks.append(sink)
    got = []
    lock = threading.Lock()
    done = threading.Event()

    def send(number):
        push = socket(context, zmq.PUSH)
        for endpoint in endpoints:
            push.connect(endpoint)
        for index in range(each):
            push.send_multipart([b"%d" % number, b"%d" % index, b"x" * (index % 300)])
        push.close(TIMEOUT)

    def receive(sink):
        mine = []
        while not done.is_set() or sink.poll(0):
            if sink.poll(20):
                number, index, filler = sink.recv_multipart()
                assert len(filler) == int(index) % 300
                mine.append((int(number), int(index)))
                with lock:
                    counted[0] += 1
                    if counted[0] == 4 * each:
                        done.set()
        with lock:
            got.extend(mine)
        sink.close()

    counted = [0]
    threads = [start(send, number) for number in range(4)] + [start(receive, sink) for sink in sinks]
    print(done.wait(4 * TIMEOUT / 1000))
    done.set()
    for thread in threads:
        thread.join()
    print(len(got), len(set(got)))
    context.term()


if __name__ == "__main__":
    main()
