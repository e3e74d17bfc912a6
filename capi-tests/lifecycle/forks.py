#!/usr/bin/python3
"""Python programs that fork, over python3-zmq and the library in LD_LIBRARY_PATH: multiprocessing, os.fork,
subprocess. Run by run.py; prints lines `forks_py.key: ok`, or what was wrong."""

import multiprocessing
import os
import signal
import subprocess
import threading

import zmq


def expect(key, got, wanted):
    print(f"forks_py.{key}: ok" if got == wanted else f"forks_py.{key}: WRONG: {got!r}, not {wanted!r}", flush=True)


def worker(endpoint, number):
    """A process of a pool: talks to its parent from a context of its own."""
    context = zmq.Context.instance()
    with context.socket(zmq.REQ) as request:
        request.connect(endpoint)
        request.send_pyobj(number)
        return request.recv_pyobj()


def serve(socket, count):
    for _ in range(count):
        socket.send_pyobj(socket.recv_pyobj() ** 2)


def pool(endpoint):
    context = zmq.Context.instance()
    with context.socket(zmq.REP) as reply:
        reply.bind(endpoint)
        endpoint = reply.last_endpoint
        thread = threading.Thread(target=serve, args=(reply, 40))
        thread.start()
        with multiprocessing.get_context("fork").Pool(4) as processes:
            answers = processes.starmap(worker, [(endpoint, number) for number in range(40)])
        thread.join()
    return answers


def in_child(work):
    """The exit code of a child that does `work`, then exits as programs do or, with it raised, at once."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def descriptors_of_a_program():
    program = subprocess.run(["ls", "/proc/self/fd"], stdout=subprocess.PIPE, close_fds=False, check=True, text=True)
    return len(program.stdout.split())


def main():
    expect("pool over ipc", pool("ipc://*"), [number ** 2 for number in range(40)])
    expect("pool over tcp", pool("tcp://127.0.0.1:*"), [number ** 2 for number in range(40)])

    # Those that this program itself was started with.
    inheritable = descriptors_of_a_program()
    context = zmq.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    pull.bind("inproc://x")
    push.connect("inproc://x")

    def inherited():
        # What the interpreter does with objects that go out of use: closes them, ends the context.
        push.close()
        pull.close()
        context.term()

    def destroyed():
        context.destroy(linger=0)

    def own():
        with zmq.Context() as mine, mine.socket(zmq.PAIR) as here, mine.socket(zmq.PAIR) as there:
            here.rcvtimeo = 5000
            port = here.bind_to_random_port("tcp://127.0.0.1")
            there.connect(f"tcp://127.0.0.1:{port}")
            there.send(b"x")
            assert here.recv() == b"x"

    expect("close and term what was inherited", in_child(inherited), 0)
    expect("destroy what was inherited", in_child(destroyed), 0)
    expect("a context of its own", in_child(own), 0)
    push.send(b"still here")
    expect("the parent", pull.recv(), b"still here")

    expect("descriptors of a new program", descriptors_of_a_program(), inheritable)

    processes = [multiprocessing.get_context("fork").Process(target=own) for _ in range(20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    expect("processes", [process.exitcode for process in processes], [0] * 20)
    push.close()
    pull.close()
    context.term()
    expect("the end", True, True)


if __name__ == "__main__":
    main()
