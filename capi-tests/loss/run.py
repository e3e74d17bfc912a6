#!/usr/bin/python3
"""Fills a receiver and leaves, or ends one of the two sides, and counts what arrives: two processes, each with its
own library.

    run.py --ours DIR            every case once: both on ours, and ours with stock on the other side
    run.py                       stock with stock: what it loses is printed, and no failure
    run.py --ours DIR --quick    a few cases of each scenario, both on ours and ours sending to stock
    run.py --only fill_and_leave cases whose name contains this text (may be repeated)
    run.py --times N             each N times (default 1)
    run.py --together N          at the same time (default 2)

A stock sender loses messages when it leaves; these are counted, and no failure.
"""

import argparse
import concurrent.futures
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from run import Library, name_failures  # noqa: E402

# Seconds for one side; a second or two on an idle machine.
LIMIT = 90
# Of zmq.h.
PAIR, PUB, SUB, REQ, REP, DEALER, ROUTER, PULL, PUSH, XPUB, XSUB = range(11)
TYPES = {"PUSH-PULL": (PUSH, PULL), "DEALER-ROUTER": (DEALER, ROUTER), "ROUTER-DEALER": (ROUTER, DEALER),
         "DEALER-DEALER": (DEALER, DEALER), "PAIR-PAIR": (PAIR, PAIR), "PUB-SUB": (PUB, SUB), "REQ-REP": (REQ, REP),
         "REP-REQ": (REP, REQ)}
# Name: size of a frame, frames of a message, messages.
SIZES = {"10 B": (10, 1, 400), "1000 B": (1000, 1, 300), "100 kB": (100000, 1, 30), "multipart": (700, 5, 100)}
SMALL_BUFFERS = 4096
# Bytes that can be under way, and so be lost with the receiver: what its connection has read in one go, which waits
# there for room in the queue, and what the kernel holds. Of what the sender has gathered for a write nothing is lost
# but the rest of the message that the kernel took in part; and when the receiver's socket leaves, its connection reads
# no more.
ONE_READ = 131072
# A unix socket takes more as long as it holds less than this for the other end (options do not change it), and then as
# much as fits into a buffer of 36 KiB.
with open("/proc/sys/net/core/wmem_default", encoding="ascii") as file:
    IPC_KERNEL = int(file.read()) + 36 * 1024
# Both buffers: small ones take more than was asked for, and a segment over loopback has 64 KiB.
TCP_KERNEL = 2 * 65536
UNDER_WAY = {"tcp": ONE_READ + TCP_KERNEL, "ipc": ONE_READ + IPC_KERNEL}


class Case:
    """What is done, by whom, over which transport: scenario, pattern, who binds, and settings of both sides."""

    def __init__(self, scenario, pattern, transport, sender_binds, size, rcvhwm=1, buffers=0, **settings):
        self.scenario, self.pattern, self.transport, self.sender_binds = scenario, pattern, transport, sender_binds
        self.size, self.rcvhwm, self.buffers, self.settings = size, rcvhwm, buffers, settings

    def __str__(self):
        return (f"{self.scenario.__name__} {self.pattern} {self.transport} "
                f"{'sender' if self.sender_binds else 'receiver'} binds, {self.size}, RCVHWM {self.rcvhwm}"
                f"{', small buffers' if self.buffers else ''}")


class Wrong(Exception):
    pass


class Sides:
    """The two processes of a case, and where they meet."""

    def __init__(self, case, program, sender, receiver, folder):
        self.case, self.program, self.folder = case, program, folder
        self.libraries = {"send": sender, "receive": receiver}
        self.endpoint = f"ipc://{folder}/socket" if case.transport == "ipc" else f"tcp://{free_address()}"
        self.processes = []

    def start(self, role, control, **more):
        case = self.case
        size, parts, count = SIZES[case.size]
        sender, receiver = TYPES[case.pattern]
        # The queue under test is that of one side; replies have to be stuck in the same way.
        settings = {"type": sender if role == "send" else receiver, "endpoint": self.endpoint,
                    "bind": int(case.sender_binds == (role == "send")), "count": count, "size": size, "parts": parts,
                    "sndhwm": 0, "rcvhwm": case.rcvhwm, "buffers": case.buffers, **case.settings, **more}
        words = [f"{name}={value}" for name, value in settings.items()]
        process = subprocess.Popen([self.program, role, *words, str(control.fileno())],
                                   env=self.libraries[role].environment(), cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   pass_fds=[control.fileno()], start_new_session=True)
        control.close()
        self.processes.append(process)
        return process

    def both(self, **more):
        ends = socket.socketpair()
        return self.start("send", ends[0], **more), self.start("receive", ends[1], **more)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


ADDRESSES = itertools.count(os.getpid() << 8)


def free_address():
    """A port of a loopback address that nobody else uses: both processes know it before anybody listens."""
    number = next(ADDRESSES)
    address = f"127.{1 + (number >> 16) % 254}.{(number >> 8) % 256}.{1 + number % 254}"
    with socket.socket() as place:
        place.bind((address, 0))
        return f"{address}:{place.getsockname()[1]}"


class Seen:
    """What a receiver says: the numbers of the messages that came."""

    def __init__(self, text):
        found = re.search(r"numbers (-?\d+) (-?\d+) (\d+), gaps (\d+), doubled (\d+), errors (\d+)", text)
        if not found:
            raise Wrong(f"receiver: {text.strip()[-300:]}")
        self.first, self.last, self.count, self.gaps, self.doubled, self.errors = map(int, found.groups())
        if self.doubled or self.errors:
            raise Wrong(f"{self.doubled} doubled, {self.errors} not as they were sent")


def seen_by(process):
    try:
        text, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise Wrong(f"no end after {LIMIT} s") from None
    return Seen(text)


def expect_end(sender):
    try:
        text, _ = sender.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise Wrong(f"sender: zmq_ctx_term does not return after {LIMIT} s") from None
    if sender.returncode != 0:
        raise Wrong(f"sender: exit {sender.returncode} {text.strip()[-300:]}")


def line_of(process):
    line = process.stdout.readline()
    if not line:
        raise Wrong("receiver: says nothing")
    return line


# ---- scenarios: each returns how many messages are lost ----


def fill_and_leave(sides):
    """The receiver reads nothing until the sender has closed its socket, then slowly. The sender terminates its
    context and is gone. LINGER -1: nothing may be missing."""
    sender, receiver = sides.both(full=1)
    return lost_of(sides, sender, receiver)


def slow_receiver(sides):
    """The same with a sender that waits for room, and goes when it has sent the last."""
    sender, receiver = sides.both(sndhwm=10)
    return lost_of(sides, sender, receiver)


def unread_replies(sides):
    """As fill_and_leave, while the receiver sends answers that nobody reads, before and during the end: what is unread
    in the kernel when a descriptor is closed turns the end of a tcp connection into a reset."""
    sender, receiver = sides.both(full=1, replies=200)
    return lost_of(sides, sender, receiver)


def late_answers(sides):
    """The same with a receiver that does nothing for a while when the sender has closed: it then answers to the
    sender's kernel, which resets the connection if nobody waits there any more."""
    sender, receiver = sides.both(full=1, replies=200, pause=2500)
    return lost_of(sides, sender, receiver)


def one_shot_requests(sides):
    """Fifty REQ sockets send their request, close at once, and the process is gone."""
    sender, receiver = sides.both(full=1, count=1, sockets=50)
    return lost_of(sides, sender, receiver)


def reply_and_leave(sides):
    """A REP reads the request, replies, and the process is gone."""
    sender, receiver = sides.both(full=1, count=1)
    return lost_of(sides, sender, receiver)


def killed_receiver(sides):
    """The receiver is killed when everything is full, and another one comes to the same place. What it gets is one
    stretch up to the last message. Missing is no more than what was under way; behind a sender that accepted, its
    queue, too."""
    ends = [socket.socketpair(), socket.socketpair()]
    sender = sides.start("send", ends[0][0], count=3000, sndhwm=1000, tells_full=1)
    receiver = sides.start("receive", ends[1][0], count=3000, stop_after=10)
    before = Seen(line_of(receiver))
    hear(ends[0][1], b"f")
    os.killpg(receiver.pid, signal.SIGKILL)
    receiver.wait()
    after = sides.start("receive", ends[1][1], count=3000)
    seen = seen_by(after)
    expect_end(sender)
    return missing_between(sides.case, before, seen)


def leaving_receiver(sides):
    """The same with a receiver that closes its socket in order."""
    ends = [socket.socketpair(), socket.socketpair()]
    sender = sides.start("send", ends[0][0], count=3000, sndhwm=1000, tells_full=1)
    before = seen_by(sides.start("receive", ends[1][0], count=10, stop_after=0))
    after = sides.start("receive", ends[1][1], count=3000)
    seen = seen_by(after)
    expect_end(sender)
    return missing_between(sides.case, before, seen)


def killed_sender(sides):
    """The sender is killed when everything is full. The receiver, who has read nothing, gets one stretch from the
    first message on, whole messages only. How many are lost: behind the sender's queue nobody can know."""
    ends = [socket.socketpair(), socket.socketpair()]
    receiver = sides.start("receive", ends[1][0], count=3000, full=1)
    sender = sides.start("send", ends[0][0], count=3000, sndhwm=10, tells_full=1)
    hear(ends[0][1], b"f")
    os.killpg(sender.pid, signal.SIGKILL)
    sender.wait()
    ends[1][1].send(b"c")
    ends[1][1].close()
    seen = seen_by(receiver)
    if seen.count and (seen.first != 0 or seen.gaps):
        raise Wrong(f"first {seen.first}, {seen.gaps} gaps in {seen.count} messages")
    return 0


def hear(end, word):
    end.settimeout(LIMIT)
    got = end.recv(1)
    if got != word:
        raise Wrong(f"sender: says {got}")


def lost_of(sides, sender, receiver):
    seen = seen_by(receiver)
    expect_end(sender)
    wanted = {"one_shot_requests": 50, "reply_and_leave": 1}.get(sides.case.scenario.__name__)
    if wanted is None:
        wanted = SIZES[sides.case.size][2]
        if seen.count and (seen.first != 0 or seen.gaps):
            raise Wrong(f"first {seen.first}, {seen.gaps} gaps in {seen.count} messages")
    return wanted - seen.count


def missing_between(case, before, seen):
    if before.first != 0 or before.gaps or seen.gaps or seen.last != 2999:
        raise Wrong(f"{before.first} to {before.last}, {seen.first} to {seen.last}, {before.gaps + seen.gaps} gaps")
    missing = seen.first - before.last - 1
    size, parts, _ = SIZES[case.size]
    # The receiver's queue; what is under way, with a part of a message at each end; the queue of one that accepted.
    bound = case.rcvhwm + 2 + UNDER_WAY[case.transport] // (size * parts) + (1000 if case.sender_binds else 0)
    if not 0 <= missing <= bound:
        raise Wrong(f"{missing} missing, more than {bound}")
    return missing


# ---- cases ----


def all_cases():
    both = ("tcp", "ipc")
    for transport, size, rcvhwm, pattern in itertools.product(
            both, SIZES, (1, 1000), ("PUSH-PULL", "DEALER-ROUTER", "PAIR-PAIR", "PUB-SUB", "DEALER-DEALER", "ROUTER-DEALER")):
        greets = {"greets": 1} if pattern == "ROUTER-DEALER" else {}
        yield Case(fill_and_leave, pattern, transport, pattern == "PUB-SUB", size, rcvhwm, **greets)
        if rcvhwm == 1:
            yield Case(fill_and_leave, pattern, transport, pattern != "PUB-SUB", size, 1, SMALL_BUFFERS, **greets)
    for transport, size, buffers in itertools.product(both, SIZES, (0, SMALL_BUFFERS)):
        yield Case(slow_receiver, "PUSH-PULL", transport, False, size, 1, buffers)
        for pattern in ("DEALER-ROUTER", "DEALER-DEALER", "PAIR-PAIR"):
            yield Case(unread_replies, pattern, transport, False, size, 1, buffers)
    for transport, pattern in itertools.product(both, ("DEALER-ROUTER", "PAIR-PAIR")):
        yield Case(late_answers, pattern, transport, False, "10 B", 1, SMALL_BUFFERS)
    for transport, buffers in itertools.product(both, (0, SMALL_BUFFERS)):
        for size in ("10 B", "100 kB"):
            yield Case(one_shot_requests, "REQ-REP", transport, False, size, 1, buffers)
            yield Case(reply_and_leave, "REP-REQ", transport, True, size, 1, buffers, greets=1)
    for transport, size, rcvhwm, sender_binds in itertools.product(both, ("1000 B", "multipart"), (1, 1000), (False, True)):
        yield Case(killed_receiver, "PUSH-PULL", transport, sender_binds, size, rcvhwm, SMALL_BUFFERS)
        yield Case(leaving_receiver, "PUSH-PULL", transport, sender_binds, size, rcvhwm, SMALL_BUFFERS)
        yield Case(killed_sender, "PUSH-PULL", transport, sender_binds, size, rcvhwm, SMALL_BUFFERS)


def quick_cases():
    """Of each scenario and transport the first and the last that have small buffers, and one that has not."""
    groups = {}
    for case in all_cases():
        groups.setdefault((case.scenario, case.transport, bool(case.buffers)), []).append(case)
    for (_, _, buffers), cases in groups.items():
        yield from (cases[0], cases[-1]) if buffers else cases[:1]


def run_case(job):
    case, sender, receiver, program, build = job
    folder = tempfile.mkdtemp(dir=build)
    sides = Sides(case, program, sender, receiver, folder)
    try:
        return case.scenario(sides), None
    except Wrong as wrong:
        return 0, str(wrong)
    finally:
        sides.end()
        shutil.rmtree(folder, ignore_errors=True)


def compile_side(build):
    path = os.path.join(build, "side")
    include = os.path.join(HERE, "..", "..", "include")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I" + include,
                    "-o", path, os.path.join(HERE, "side.c"), "-lzmq"], check=True)
    return path


# Loss that is allowed, and bounded by the scenario.
BOUNDED = (killed_receiver, leaving_receiver)


def run_pairing(sender, receiver, cases, times, together, program, build):
    """All cases with these libraries; returns what went wrong, a line for each run."""
    jobs = [(case, sender, receiver, program, build) for _ in range(times) for case in cases]
    runs, lost, wrong, failures = {}, {}, {}, []
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        for job, (missing, complaint) in zip(jobs, pool.map(run_case, jobs)):
            case = job[0]
            group = case.scenario.__name__, case.transport
            runs[group] = runs.get(group, 0) + 1
            lost.setdefault(group, []).append(missing)
            if complaint or (missing and case.scenario not in BOUNDED):
                wrong[group] = wrong.get(group, 0) + 1
                failures.append(f"{case}, {sender.name} sends to {receiver.name}: {complaint or f'{missing} lost'}")
                if sender.directory or not receiver.directory:
                    print(f"  {failures[-1]}", flush=True)
    for group in runs:
        most = f", at most {max(lost[group])} in one run" if sum(lost[group]) else ""
        print(f"{sender.name} sends to {receiver.name}: {group[0]} over {group[1]}: {runs[group]} runs, "
              f"{sum(lost[group])} messages lost{most}, {wrong.get(group, 0)} runs wrong", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--times", type=int, default=1, metavar="N")
    parser.add_argument("--together", type=int, default=2, metavar="N")
    arguments = parser.parse_args()
    stock = Library("stock")
    ours = Library("ours", arguments.ours) if arguments.ours else None
    cases = list(quick_cases() if arguments.quick else all_cases())
    cases = [case for case in cases if not arguments.only or any(text in str(case) for text in arguments.only)]
    if not cases:
        sys.exit("no case has this name")
    if not ours:
        pairings = [(stock, stock)]
    elif arguments.quick:
        pairings = [(ours, ours), (ours, stock)]
    else:
        pairings = [(ours, ours), (ours, stock), (stock, ours)]
    build = tempfile.mkdtemp(prefix="loss-")
    began = time.monotonic()
    failures = []
    try:
        program = compile_side(build)
        for library in (stock, ours) if ours else (stock,):
            library.check(program)
        for sender, receiver in pairings:
            wrong = run_pairing(sender, receiver, cases, arguments.times, arguments.together, program, build)
            failures += wrong if sender is ours else []
    finally:
        shutil.rmtree(build, ignore_errors=True)
    name_failures(failures)
    print(f"loss: {len(cases)} cases, {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
