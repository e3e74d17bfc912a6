"""Contexts, sockets, processes and threads that begin and end in all sorts of ways."""

import gc
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import weakref

import zmq
from scenarios import TIMEOUT, bound, connected, main, outcome, scenario, socket, start


@scenario
def destroy_with_open_sockets():
    context = zmq.Context()
    sockets = [context.socket(kind) for kind in (zmq.PAIR, zmq.PUB, zmq.SUB, zmq.REQ, zmq.ROUTER, zmq.PUSH)]
    for each in sockets:
        each.connect("tcp://127.0.0.1:1")
    sockets[-1].send(b"never")
    context.destroy(linger=0)
    print([each.closed for each in sockets], context.closed)
    print(outcome(context.socket, zmq.PAIR))


@scenario
def with_statements():
    with zmq.Context() as context, context.socket(zmq.PAIR) as left, context.socket(zmq.PAIR) as right:
        left.bind("inproc://with")
        right.connect("inproc://with")
        left.send(b"inside")
        print(right.recv())
    print(left.closed, right.closed, context.closed)


@scenario
def garbage_collected_sockets():
    """A program that never closes anything by name."""
    context = zmq.Context()
    for index in range(50):
        push, endpoint = bound(context, zmq.PUSH, f"inproc://garbage{index}")
        pull = connected(context, zmq.PULL, endpoint)
        push.send(b"x" * 10_000)
        pull.recv()
        gone = weakref.ref(push)
        del push, pull
        gc.collect()
        assert gone() is None
    watched = weakref.ref(context)
    del context
    gc.collect()
    print(watched())


@scenario
def never_closed_at_exit():
    context = zmq.Context.instance()
    push = context.socket(zmq.PUSH)
    push.linger = 0
    push.connect("tcp://127.0.0.1:1")
    push.send(b"never")
    print("leaving with a socket open")


@scenario
def linger_at_the_end():
    """What was sent arrives although the sender closes and ends at once."""
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    program = (
        "import sys, zmq\n"
        "with zmq.Context() as context, context.socket(zmq.PUSH) as push:\n"
        "    push.connect(sys.argv[1])\n"
        "    for index in range(500): push.send(b'x' * 10_000)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, endpoint])
    got = sum(len(pull.recv()) for _ in range(500))
    print(got, child.wait())
    context.destroy()


@scenario
def linger_limits_term():
    for linger, lowest, highest in ((0, 0, 0.3), (300, 0.25, 2)):
        context = zmq.Context()
        push = context.socket(zmq.PUSH)
        push.connect("tcp://127.0.0.1:1")
        push.send(b"never")
        push.close(linger)
        began = time.monotonic()
        context.term()
        print(linger, lowest <= time.monotonic() - began < highest)


@scenario
def blocked_receive_ends_with_term():
    context = zmq.Context()
    pull, _ = bound(context, zmq.PULL, rcvtimeo=-1)
    ended = []
    ready = threading.Event()

    def receive():
        ready.set()
        ended.append(outcome(pull.recv))
        ended.append(outcome(pull.recv, zmq.DONTWAIT))
        ended.append(outcome(pull.poll, 10))
        pull.close()

    thread = start(receive)
    ready.wait()
    context.term()
    thread.join()
    print(ended)


@scenario
def multiprocessing_fork():
    """The child makes its own context; the parent's goes on."""
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    own = connected(context, zmq.PUSH, endpoint)
    own.send(b"before")
    print(pull.recv())

    def child(number):
        with zmq.Context() as mine, mine.socket(zmq.PUSH) as push:
            push.connect(endpoint)
            push.send(b"child %d" % number)

    children = [multiprocessing.get_context("fork").Process(target=child, args=(n,)) for n in range(4)]
    for each in children:
        each.start()
    print(sorted(pull.recv() for _ in children))
    for each in children:
        each.join()
    print([each.exitcode for each in children])
    own.send(b"after")
    print(pull.recv())
    context.destroy()


@scenario
def fork_with_inherited_sockets():
    context = zmq.Context.instance()
    pull, endpoint = bound(context, zmq.PULL)
    push = connected(context, zmq.PUSH, endpoint)
    push.send(b"parent")
    child = os.fork()
    if not child:
        fresh = zmq.Context.instance()
        mine = connected(fresh, zmq.PUSH, endpoint)
        mine.send(b"child")
        mine.close(TIMEOUT)
        fresh.term()
        os._exit(7 if fresh is not context else 1)
    print(sorted([pull.recv(), pull.recv()]), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    context.destroy()


@scenario
def process_pool():
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL, "ipc://*")
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.starmap(send_one, [(endpoint, number) for number in range(30)])
    print(sorted(int(pull.recv()) for _ in range(30)))
    context.destroy()


def send_one(endpoint, number):
    context = zmq.Context.instance()
    push = context.socket(zmq.PUSH)
    push.connect(endpoint)
    push.send_string(str(number))
    push.close(TIMEOUT)
    context.term()


@scenario
def spawned_processes():
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL)
    program = (
        "import sys, zmq\n"
        "with zmq.Context() as c, c.socket(zmq.PUSH) as s:\n"
        "    s.connect(sys.argv[1]); s.send(sys.argv[2].encode())\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, endpoint, str(n)]) for n in range(3)]
    print(sorted(pull.recv() for _ in children), [child.wait() for child in children])
    context.destroy()


@scenario
def killed_worker():
    """The other workers go on after one was killed. What was on its way to the dead one is sent again."""
    context = zmq.Context()
    push, endpoint = bound(context, zmq.PUSH)
    pull, back = bound(context, zmq.PULL)
    program = (
        "import sys, zmq\n"
        "c = zmq.Context(); i = c.socket(zmq.PULL); o = c.socket(zmq.PUSH)\n"
        "i.connect(sys.argv[1]); o.connect(sys.argv[2]); o.send(b'ready')\n"
        "while True: o.send(i.recv())\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", program, endpoint, back]) for _ in range(2)]
    print([pull.recv() for _ in workers])
    for index in range(10):
        push.send(b"%d" % index)
    print(sorted(pull.recv() for _ in range(10)))
    monitor = push.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    workers[0].kill()
    workers[0].wait()
    print(bool(monitor.poll(TIMEOUT)))
    missing = {b"%d" % index for index in range(10)}
    while missing:
        for task in missing:
            push.send(task)
        while missing and pull.poll(500):
            missing.discard(pull.recv())
    workers[1].terminate()
    print([worker.wait() for worker in workers])
    context.destroy()


@scenario
def signals_while_waiting():
    """A handler runs during a blocking receive, which then goes on; an exception in it gets out."""
    context = zmq.Context()
    pull, endpoint = bound(context, zmq.PULL, rcvtimeo=-1)
    push = connected(context, zmq.PUSH, endpoint)
    seen = []

    def count(*_):
        seen.append(1)
        if len(seen) == 3:
            push.send(b"from the handler")

    signal.signal(signal.SIGALRM, count)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    print(pull.recv(), len(seen) >= 3)

    def fail(*_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyError("out of a handler")

    signal.signal(signal.SIGALRM, fail)
    try:
        pull.recv()
    except KeyError as error:
        print(error)
    context.destroy()


def wait_until_asleep(pid):
    """Until the process is inside of poll(2) or ppoll(2)."""
    polls = {"7", "271"} if platform.machine() == "x86_64" else {"73"}
    until = time.monotonic() + TIMEOUT / 1000
    while time.monotonic() < until:
        with open(f"/proc/{pid}/syscall") as now:
            if now.read().split()[0] in polls:
                return
        time.sleep(0.01)


@scenario
def interrupted_by_the_keyboard():
    program = (
        "import zmq\n"
        "s = zmq.Context().socket(zmq.PULL)\n"
        "s.bind('tcp://127.0.0.1:*')\n"
        "print('waiting', flush=True)\n"
        "try: s.recv()\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    print(child.stdout.readline())
    wait_until_asleep(child.pid)  # a signal that comes before that interrupts nothing
    child.send_signal(signal.SIGINT)
    print(child.communicate(timeout=TIMEOUT / 1000)[0], child.returncode)


@scenario
def threads_over_inproc():
    context = zmq.Context()
    router, endpoint = bound(context, zmq.ROUTER, "inproc://threads")

    def ask(number):
        client = connected(context, zmq.REQ, endpoint)
        for index in range(100):
            client.send(b"%d" % (number * index))
            assert client.recv() == b"%d" % (number * index + 1)
        client.send(b"END")
        client.close(TIMEOUT)

    threads = [start(ask, number) for number in range(8)]
    ended = 0
    while ended < 8:
        name, empty, body = router.recv_multipart()
        if body == b"END":
            ended += 1
        else:
            router.send_multipart([name, empty, b"%d" % (int(body) + 1)])
    for thread in threads:
        thread.join()
    router.close()
    context.term()
    print(ended)


@scenario
def socket_handed_to_another_thread():
    context = zmq.Context()
    push, endpoint = bound(context, zmq.PUSH)
    pull = connected(context, zmq.PULL, endpoint)
    for index in range(20):
        thread = start(push.send, b"%d" % index)
        thread.join()
        thread = start(lambda: print(pull.recv()))
        thread.join()
    context.destroy()


@scenario
def many_contexts_and_sockets():
    for _ in range(30):
        context = zmq.Context(io_threads=2)
        sockets = [context.socket(zmq.PAIR) for _ in range(20)]
        for index in range(0, 20, 2):
            sockets[index].bind(f"inproc://pair{index}")
            sockets[index + 1].connect(f"inproc://pair{index}")
            sockets[index].send(b"x")
            assert sockets[index + 1].recv() == b"x"
        context.destroy()
    with open("/proc/self/status", encoding="utf-8") as status:
        print([line.strip() for line in status if line.startswith("Threads")])
    print(len(os.listdir("/proc/self/fd")) < 20)


@scenario
def too_many_sockets():
    context = zmq.Context()
    context.max_sockets = 10
    made = []
    error = None
    while len(made) < 20 and error is None:
        result = outcome(context.socket, zmq.PAIR)
        if isinstance(result, str):
            error = result
        else:
            made.append(result)
    print(len(made), error)
    context.destroy()


@scenario
def restarted_server():
    """Clients reconnect by themselves when their server comes back at the same address."""
    context = zmq.Context()
    server, endpoint = bound(context, zmq.ROUTER)
    client = connected(context, zmq.DEALER, endpoint, identity=b"client", reconnect_ivl=20)
    for round_number in range(3):
        client.send(b"%d" % round_number)
        print(server.recv_multipart())
        server.send_multipart([b"client", b"answer"])
        print(client.recv())
        watch = client.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        server.close()
        assert watch.poll(TIMEOUT)
        client.disable_monitor()
        server = socket(context, zmq.ROUTER)
        deadline = time.monotonic() + TIMEOUT / 1000
        while outcome(server.bind, endpoint) == "EADDRINUSE" and time.monotonic() < deadline:
            time.sleep(0.01)
    context.destroy()


if __name__ == "__main__":
    main()
