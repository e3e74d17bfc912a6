#!/usr/bin/python3
"""Attacks a victim that serves a good peer meanwhile: three processes, the attacker speaks raw bytes (attacks.py).

    run.py --ours DIR            every attack: the good peer has to get its answers, memory and descriptors stay within
                                 their bounds and come back when the attack is over, and new peers find the listener
    run.py --ours DIR --quick    those that take less than a second
    run.py --only pings          attacks of this name (may be repeated)
    run.py --stock               the stock library instead: what it does is printed, and no failure
    run.py --table FILE          also with the stock library where it can be, three times in turn with quiet times,
                                 and writes the table of docs/hostile-peers.md: on a quiet machine

Round trips of the good peer are printed as a ratio to those of quiet times, and are no failure: they say more of the
machine than of the library, as long as there are answers. Those of handshakes.py have a bound, which is far above them.
"""

import argparse
import os
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import attacks  # noqa: E402, F401  (makes them known)
from attacker import ATTACKS, MIB, PATIENCE  # noqa: E402
from run import Library, name_failures  # noqa: E402

# Memory that may stay allocated: caches.
LEFT = 4 * MIB
# Seconds for what has to happen; a second or two on an idle machine.
LIMIT = 30


class Wrong(Exception):
    pass


class Process:
    """A process that answers lines with lines. All are of one session: the scheduler shares the processors among sessions
    first, and then the class of the attacker would not count against the others."""

    def __init__(self, words, **more):
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, **more)
        self.lines = queue.Queue()
        self.listeners = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.lines.put(line.split())
        self.lines.put(None)

    def hear(self, what, limit=LIMIT):
        try:
            words = self.lines.get(timeout=limit)
        except queue.Empty:
            raise Wrong(f"{what}: no answer") from None
        if words is None:
            raise Wrong(f"{what}: ended with status {self.process.wait()}")
        return words

    def ask(self, line, what):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Wrong(f"{what}: ended with status {self.process.wait()}") from None
        return self.hear(what)

    def end(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()


class Victim(Process):
    def __init__(self, program, library, attack):
        settings = [f"type={attack.type}", *(f"option={number}:{value}" for number, value in attack.options),
                    f"path={attack.path}", f"binds={int(not attack.connects)}",
                    *(f"{name}={value}" for name, value in attack.settings.items())]
        limit = ["prlimit", f"--nofile={attack.limit}"] if attack.limit else []
        super().__init__([*limit, program, "serve", *settings], env=library.environment())
        _, self.attacked, self.side = self.hear("victim")

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name + ":"))

    def memory(self):
        return self.status("VmRSS")

    def in_use(self):
        """Bytes that are allocated; what is free has gone back to the system then, as far as it can."""
        return int(self.ask("use", "victim")[0])

    def peak(self):
        return self.status("VmHWM")

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Good(Process):
    def __init__(self, program, library, attack, victim):
        more = [] if attack.good is None else [attack.good]
        options = [f"option={number}:{value}" for number, value in attack.good_options]
        began = time.monotonic()
        super().__init__([program, "good", attack.path, victim.attacked, victim.side, *more, *options],
                         env=library.environment())
        if self.hear("good peer") != ["ready"]:
            raise Wrong("a new peer gets no answer")
        # Milliseconds.
        self.arrival = (time.monotonic() - began) * 1000
        # Of the round trips measured last.
        self.longest = 0.0

    def measure(self, count):
        """The median of so many round trips, microseconds."""
        taken = self.ask(f"measure {count}", "good peer")
        if taken == ["stuck"]:
            raise Wrong("the good peer gets no answer")
        median, self.longest = map(float, taken)
        return median


class Attacker(Process):
    """An attack under way."""

    def __init__(self, attack, victim):
        port = [] if attack.connects else [victim.attacked.rsplit(":", 1)[1]]
        super().__init__([sys.executable, os.path.join(HERE, "attacks.py"), attack.name, *port])
        self.victim, self.endpoint, self.listens = victim, None, attack.connects

    def begin(self):
        if self.listens:
            self.endpoint = f"tcp://127.0.0.1:{self.hear('attacker')[1]}"
            self.victim.ask(f"connect {self.endpoint}", "victim")
        while (words := self.hear("attacker")) != ["begun"]:
            if words != ["again"]:
                raise Wrong(f"the attacker says {words}")
            self.again()

    def again(self):
        self.victim.ask(f"disconnect {self.endpoint}", "victim")
        self.victim.ask(f"connect {self.endpoint}", "victim")

    def run(self, seconds):
        """Lets the attack go on."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                words = self.lines.get(timeout=left)
            except queue.Empty:
                return
            if words is None:
                raise Wrong("the attacker ended")
            if words == ["again"]:
                self.again()

    def end(self):
        super().end()
        if self.endpoint:
            self.victim.ask(f"disconnect {self.endpoint}", "victim")


class Seen:
    """What an attack did."""

    def __init__(self):
        self.memory = self.descriptors = self.left = self.longest = self.arrival = 0
        self.quiet, self.attacked = [], []

    def ratio(self):
        return statistics.median(self.attacked) / statistics.median(self.quiet)

    def cell(self):
        return (f"{mib(self.memory)}, {max(0, self.descriptors)}, {mib(self.left)}, "
                f"{statistics.median(self.quiet):.0f} to {statistics.median(self.attacked):.0f} us")

    def __str__(self):
        return (f"memory {mib(self.memory)}, {self.descriptors} descriptors, afterwards {mib(self.left)}, "
                f"round trip {statistics.median(self.quiet):.0f} -> {statistics.median(self.attacked):.0f} us "
                f"({self.ratio():.1f}), the longest {self.longest / 1000:.1f} ms, a new peer {self.arrival:.0f} ms")


def mib(size):
    return f"{max(0, size) / MIB:.1f} MiB"


def wait_until(condition, limit=LIMIT):
    """Looks at what the kernel tells of another process, which nothing signals."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def run_attack(attack, program, library, good_library, rounds, samples):
    """Runs it `rounds` times against one victim. What was seen; raises Wrong."""
    processes = []

    def started(process):
        processes.append(process)
        return process

    seen = Seen()
    try:
        victim = started(Victim(program, library, attack))
        good = started(Good(program, good_library, attack, victim))
        good.measure(samples)
        in_use = victim.in_use()
        memory, descriptors = victim.memory(), victim.descriptors()
        # What nobody reads would only pile up.
        for _ in range(1 if attack.stays and not attack.settings.get("reads", 1) else rounds):
            seen.quiet.append(good.measure(samples))
            victim.forget_peak()
            attacker = started(Attacker(attack, victim))
            attacker.begin()
            most = [0]
            over = threading.Event()

            def count(most=most, over=over):
                while not over.wait(0.01):
                    most[0] = max(most[0], victim.descriptors())
            counter = threading.Thread(target=count, daemon=True)
            counter.start()
            try:
                attacker.run(attack.seconds / 2)
                seen.attacked.append(good.measure(attack.samples or samples))
                seen.longest = max(seen.longest, good.longest)
                attacker.run(attack.seconds / 2)
                if not attack.shuts_out and not attack.connects and attack.good != 0:
                    # The listener goes on: somebody new comes.
                    newcomer = started(Good(program, good_library, attack, victim))
                    newcomer.end()
                    seen.arrival = max(seen.arrival, newcomer.arrival)
            finally:
                over.set()
                counter.join()
                attacker.end()
            seen.descriptors = max(seen.descriptors, most[0] - descriptors)
            seen.memory = max(seen.memory, victim.peak() - memory)
            if not attack.connects and attack.good != 0:
                started(Good(program, good_library, attack, victim)).end()
            # Each round trip lets the application take what is left in.
            if not wait_until(lambda: good.measure(20) and victim.descriptors() <= descriptors + attack.keeps):
                raise Wrong(f"{victim.descriptors() - descriptors} descriptors are left; {seen}")

            def is_given_back():
                good.measure(20)
                return victim.in_use() - in_use <= LEFT + attack.stays
            wait_until(is_given_back, 5)
            seen.left = victim.in_use() - in_use
        if seen.memory > attack.memory:
            raise Wrong(f"more memory than {mib(attack.memory)}; {seen}")
        if seen.descriptors > attack.descriptors:
            raise Wrong(f"more descriptors than {attack.descriptors}; {seen}")
        if seen.left > LEFT + attack.stays:
            raise Wrong(f"more memory is left than {mib(LEFT + attack.stays)}; {seen}")
        if attack.round_trip and statistics.median(seen.attacked) > attack.round_trip * 1000:
            raise Wrong(f"round trips take more than {attack.round_trip} ms; {seen}")
        if attack.arrival and seen.arrival > attack.arrival:
            raise Wrong(f"a new peer needs more than {attack.arrival} ms; {seen}")
        return seen
    except Wrong as wrong:
        wrong.seen = seen
        raise
    finally:
        for process in reversed(processes):
            try:
                process.end()
            except Wrong:
                # The victim has ended, which was said.
                pass


def table_rows(attack, results):
    """The rows of the table: what was done, the bound, and what was seen."""
    bound = f"{attack.memory // MIB} MiB{': ' + attack.because if attack.because else ''}; {attack.descriptors}"
    cells = []
    for name in ("ours", "stock"):
        found = results[name]
        cells.append(f"not measured: {found}" if isinstance(found, str) else found.cell())
    return f"| `{attack.name}`: {attack.what} | {bound} | {' | '.join(cells)} |"


def write_table(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write("| Attack | Bound: memory; descriptors | Ours: memory, descriptors, left, round trip | libzmq 4.3.4 |\n")
        file.write("|---|---|---|---|\n")
        file.writelines(row + "\n" for row in rows)


def compile_victim(build):
    path = os.path.join(build, "victim")
    include = os.path.join(HERE, "..", "..", "include")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I" + include,
                    "-o", path, os.path.join(HERE, "victim.c"), "-lzmq", "-lpthread"], check=True)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", metavar="FILE")
    arguments = parser.parse_args()
    stock = Library("stock")
    ours = Library("ours", arguments.ours) if arguments.ours else None
    unknown = set(arguments.only or ()) - set(ATTACKS)
    if unknown:
        sys.exit(f"no attack: {', '.join(unknown)}")
    chosen = [attack for attack in ATTACKS.values() if not arguments.only or attack.name in arguments.only]
    if arguments.quick:
        chosen = [attack for attack in chosen if attack.seconds < 1]
    libraries = [library for library in (ours, stock if arguments.stock or arguments.table else None) if library]
    if not libraries or not chosen:
        sys.exit("nothing to do: give --ours DIR or --stock, and attacks that are there")
    rounds, samples = (3, 500) if arguments.table else (1, 30)
    build = tempfile.mkdtemp(prefix="hostile-")
    began = time.monotonic()
    failures, rows = [], []
    try:
        program = compile_victim(build)
        for library in libraries:
            library.check(program)
        for attack in chosen:
            results = {}
            for library in libraries:
                try:
                    seen = run_attack(attack, program, library, library, rounds, samples)
                    print(f"{library.name}: {attack.name}: {seen}", flush=True)
                    results[library.name] = seen
                except Wrong as wrong:
                    failures += [f"{attack.name}: {wrong}"] if library is ours else []
                    print(f"{library.name}: {attack.name}: {'FAILED: ' if library is ours else ''}{wrong}", flush=True)
                    # What was seen up to there, if anything.
                    results[library.name] = wrong.seen if wrong.seen.attacked else str(wrong).split(";")[0]
            if arguments.table:
                rows.append(table_rows(attack, results))
                write_table(arguments.table, rows)
    finally:
        shutil.rmtree(build, ignore_errors=True)
    name_failures(failures)
    print(f"hostile peers: {len(chosen)} attacks, {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
