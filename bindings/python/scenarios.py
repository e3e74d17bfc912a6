"""What the program files here share: `@scenario` functions, run one at a time in a process of their own.

    FILE.py --list          names of its scenarios
    FILE.py NAME            runs one; what it prints is its outcome

Outcomes must not depend on chance: no times, no ports, no order that the contract leaves open.
"""

import os
import sys
import tempfile
import threading

import zmq

TIMEOUT = 10_000  # ms: of every wait for something that must come
_scenarios = {}


def scenario(function):
    _scenarios[function.__name__] = function
    return function


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(_scenarios))
        return
    with tempfile.TemporaryDirectory(prefix="zmq-scenario-") as directory:
        os.chdir(directory)
        _scenarios[sys.argv[1]]()
    print("end")


def mapped_library():
    """The file that the dynamic linker took."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sorted({line.split()[-1] for line in maps if "libzmq.so" in line})


def socket(context, socket_type, **options):
    """A socket that fails instead of hanging, and that does not linger."""
    made = context.socket(socket_type)
    made.linger = 0
    made.rcvtimeo = made.sndtimeo = TIMEOUT
    for name, value in options.items():
        setattr(made, name, value)
    return made


def bound(context, socket_type, interface="tcp://127.0.0.1:*", **options):
    """A bound socket and its endpoint."""
    made = socket(context, socket_type, **options)
    made.bind(interface)
    return made, made.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


def connected(context, socket_type, endpoint, **options):
    made = socket(context, socket_type, **options)
    made.connect(endpoint)
    return made


def dead_endpoint():
    """Where nobody listens. A socket just closed would not do: its listener may take a moment to go."""
    import socket as system

    with system.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def start(function, *arguments):
    """A thread that prints its exception and ends the process, so that nothing waits for it in vain."""

    def run():
        try:
            function(*arguments)
        except BaseException as error:  # noqa: B902
            print(f"thread {function.__name__}: {type(error).__name__}: {error}", flush=True)
            os._exit(9)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def outcome(function, *arguments, **keywords):
    """The value, or the errno's name."""
    import errno

    try:
        return function(*arguments, **keywords)
    except zmq.ZMQError as error:
        return errno.errorcode.get(error.errno) or zmq.Errno(error.errno).name
