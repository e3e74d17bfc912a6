"""The two ends of a case, the wire between them, and what has to be true of it in the end."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from run import contract_rows  # noqa: E402

PYTHON = "/usr/bin/python3"
# Seconds in which what must come comes, and for a whole case.
PATIENCE, LIMIT = 30, 120
# How long a side listens before it says that nothing comes, seconds.
QUIET = 0.3
GREETINGS = 1000000
PORT = 5555
OPTIONS = {row["name"].split()[0].removeprefix("ZMQ_"): int(row["number"])
           for row in contract_rows("socket_options.tsv") if row["number"].isdigit()}
EVENTS = {0x1: "CONNECTED", 0x2: "DELAYED", 0x4: "RETRIED", 0x8: "LISTENING", 0x20: "ACCEPTED", 0x80: "CLOSED",
          0x200: "DISCONNECTED", 0x800: "NO_DETAIL", 0x1000: "SUCCEEDED"}
NUMBERS = {name: number for number, name in EVENTS.items()}
# What a side may report, its events as a text. A connecting one: attempts that fail, one that succeeds, its loss, the next
# attempts. STREAM has no handshake, and libzmq says that it failed.
FAILED = r"((DELAYED )?CLOSED )?RETRIED "
CONNECTING = rf"({FAILED})*(DELAYED CONNECTED SUCCEEDED (DISCONNECTED RETRIED ({FAILED})*DELAYED CONNECTED SUCCEEDED )*)?"
# An accepting one may notice the loss of one connection while the next is introduced.
ACCEPTING = r"LISTENING (ACCEPTED (DISCONNECTED )*SUCCEEDED |DISCONNECTED )*"


class Wrong(Exception):
    """What is not as it should be."""


def why_not():
    """What is missing here, or None."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for tool, package in (("ip", "iproute2"), ("nsenter", "util-linux"), ("unshare", "util-linux")):
        if not shutil.which(tool):
            return f"there is no {tool} ({package})"
    trial = subprocess.run([PYTHON, os.path.join(HERE, "wire.py")], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, check=False)
    return trial.stderr.strip() if trial.returncode else None


class Process:
    """One that answers lines with lines."""

    def __init__(self, command, **more):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True, **more)

    def say(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"{self}: ended, or was killed after {LIMIT} s")
        return line

    def kill(self):
        """At once; its kernel goes on."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Wire(Process):
    def __init__(self):
        super().__init__([PYTHON, os.path.join(HERE, "wire.py")])
        self.namespaces = self.hear().split()

    def __str__(self):
        return "wire"

    def do(self, *words):
        self.say(" ".join(map(str, words)))
        self.namespaces = self.hear().split()

    def on_host(self, number):
        """What goes in front of a command that is to run there."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/fd/{self.namespaces[number - 1]}"]

    def ip(self, number, *words):
        subprocess.run([*self.on_host(number), "ip", *words], check=True)


class End(Process):
    """A process on a host; see end.py for what it does."""

    def __init__(self, side, wire, host, library, folder, hosts):
        self.side, self.library = side, library
        command = [PYTHON, os.path.join(HERE, "end.py"),
                   os.path.join(library.directory, "libzmq.so.5") if library.directory else "libzmq.so.5"]
        if hosts:
            mounted = 'mount --bind "$0" /etc/hosts && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mounted, hosts, *command]
        super().__init__([*wire.on_host(host), *command], env=library.environment(), cwd=folder)

    def __str__(self):
        return f"{self.side} on {self.library.name}"

    def begin(self, do, **arguments):
        self.say(json.dumps({"do": do, **arguments}))

    def finish(self):
        got = json.loads(self.hear())
        if "error" in got:
            raise Wrong(f"{self}: {got['error']}")
        return got["answer"]

    def ask(self, do, **arguments):
        self.begin(do, **arguments)
        return self.finish()


class Stage:
    def __init__(self, case, folder):
        self.case, self.pattern, self.folder = case, case.pattern, folder
        self.processes, self.client, self.server = [], None, None
        self.watchdog = threading.Timer(LIMIT, self.kill_all)
        self.watchdog.start()
        self.wire = self.started(Wire())
        self.hosts = None
        self.next = {"up": 0, "down": 0}
        # What came; what must; what may not; and what is under way when the network goes.
        self.seen, self.owed = {"up": [], "down": []}, {"up": set(), "down": set()}
        self.void, self.under_way = {"up": set(), "down": set()}, {"up": [], "down": []}
        self.topics, self.heard = [], {}
        self.joined = self.seconds_away = None
        # Events that only this fault brings, and what the text is without them.
        self.expected = []

    def started(self, process):
        self.processes.append(process)
        return process

    def kill_all(self):
        for process in self.processes:
            process.process.kill()

    def end(self):
        self.watchdog.cancel()
        for process in reversed(self.processes):
            process.kill()

    # ---- the ends ----

    def open_server(self, address="10.77.0.2", **options):
        pattern = self.pattern
        self.server = self.open("server", 2, self.case.server, type=pattern.server, binds=True,
                                endpoint=f"tcp://{address}:{PORT}", options=options | pattern.server_options,
                                topics=["T"] if pattern.server_subscribes else [])

    def open_client(self, target="10.77.0.2", **options):
        pattern = self.pattern
        options = {"RECONNECT_IVL": 50} | options
        self.client = self.open("client", 1, self.case.client, type=pattern.client, binds=False,
                                endpoint=f"tcp://{target}:{PORT}", options=options | pattern.client_options,
                                topics=["T"] if pattern.client_subscribes else [], peer=pattern.names_server)

    def open(self, side, host, library, options, **arguments):
        end = self.started(End(side, self.wire, host, library, self.folder, self.hosts))
        end.options = options
        self.heard[end] = []
        end.ask("open", options=[[OPTIONS[name], value] for name, value in options.items()], **arguments)
        return end

    def open_both(self, **options):
        self.open_server(**options)
        self.open_client(**options)
        self.await_up()
        self.meet()
        self.exchange()

    def of(self, direction):
        """Who sends and who receives."""
        return (self.client, self.server) if direction == "up" else (self.server, self.client)

    # ---- messages ----

    def numbers(self, direction, count):
        first = self.next[direction]
        self.next[direction] += count
        return first

    def take(self, direction, came):
        if came["wrong"]:
            raise Wrong(f"{direction}: {len(came['wrong'])} not as they were sent: {came['wrong'][0]}")
        self.seen[direction] += came["numbers"]
        self.topics += came["topics"] if direction == "up" else []

    def meet(self):
        """Until whatever goes one way arrives: subscriptions are in place, names are known."""
        if self.pattern.lockstep:
            return
        deadline = time.monotonic() + PATIENCE
        for direction in self.pattern.directions:
            sender, receiver = self.of(direction)
            greeted = False
            while not greeted:
                if time.monotonic() > deadline:
                    raise Wrong(f"{direction}: nothing arrives")
                receiver.begin("exchange", patience=0.1, greeting=True)
                sender.ask("offer", first=GREETINGS, count=1)
                came = receiver.finish()
                greeted = came["greeted"]
                self.take(direction, came)

    def exchange(self, count=10, **more):
        """So many messages each way; all of them must arrive."""
        asked = {end: {"patience": PATIENCE, **more} for end in (self.client, self.server)}
        lasts = {}
        for direction in self.pattern.directions:
            sender, receiver = self.of(direction)
            first = self.numbers(direction, count)
            lasts[direction] = first + count - 1
            asked[receiver]["until"] = lasts[direction]
            if not (self.pattern.lockstep and direction == "down"):
                asked[sender] |= {"first": first, "count": count}
            self.owed[direction] |= set(range(first, first + count))
        for end, arguments in asked.items():
            end.begin("exchange", **arguments)
        came = {end: end.finish() for end in asked}
        for direction in self.pattern.directions:
            sender, receiver = self.of(direction)
            self.take(direction, came[receiver])
            if self.seen[direction][-1:] != [lasts[direction]]:
                raise Wrong(f"{direction}: {came[sender]['sent']} of {count} were sent, "
                            f"{self.seen[direction][-3:]} came last instead of {lasts[direction]}")

    def exchange_until(self, event, happen):
        """Messages each way, one after the other, until both have seen that event of what happens meanwhile. Returns the
        numbers that went up."""
        up = set()
        ends = (self.client, self.server)
        firsts = {self.of(direction)[0]: (direction, self.next[direction]) for direction in self.pattern.directions}
        for end in ends:
            sends = {"first": firsts[end][1], "count": 1000000, "pause": 0.005} if end in firsts else {}
            end.begin("exchange", patience=PATIENCE, event=NUMBERS[event], **sends)
        happen()
        came = {end: end.finish() for end in ends}
        for end in ends:
            found = self.note(end, came[end]["events"])
            if not found or found[-1][0] != event:
                raise Wrong(f"{end}: {event} never came")
        for direction in self.pattern.directions:
            sender, receiver = self.of(direction)
            first = self.numbers(direction, came[sender]["sent"])
            up |= set(range(first, self.next[direction])) if direction == "up" else set()
            self.take(direction, came[receiver])
        return up

    def send_under_way(self, sizes=(0,) * 5, directions=None):
        """Messages that are on the wire, or not yet, when the network goes."""
        for direction in directions or self.pattern.directions:
            if self.pattern.lockstep and direction == "down":
                continue
            sender, _ = self.of(direction)
            for size in sizes[:1] if self.pattern.lockstep else sizes:
                first = self.numbers(direction, 1)
                if sender.ask("offer", first=first, count=1, size=size)["sent"]:
                    self.under_way[direction].append(first)

    def send_in_gap(self, count=5):
        """After the loss: what the connecting side sends goes to the next connection, the other has nobody."""
        if self.pattern.up:
            count = 1 if self.pattern.lockstep else count
            first = self.numbers("up", count)
            sent = self.client.ask("offer", first=first, count=count)
            if sent["refused"]:
                raise Wrong(f"up: errno {sent['refused']} in the gap")
            self.owed["up"] |= set(range(first, first + count))
            if self.pattern.lockstep:
                self.next["down"] += 1
                self.owed["down"].add(first)

    def send_to_nobody(self):
        """The accepting side has lost its peer: a send is refused, or goes nowhere."""
        if not self.pattern.down or self.pattern.lockstep:
            return
        allowed = [self.pattern.refusal]
        if self.pattern.plain and not self.server.library.directory:
            # A STREAM of libzmq that has not read of the end takes it for full.
            allowed.append(errno.EAGAIN)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            first = self.numbers("down", 5)
            sent = self.server.ask("offer", first=first, count=5)
            self.void["down"] |= set(range(first, first + sent["sent"]))
            if sent["refused"] in allowed:
                return
            # The socket may not have been told yet.
        raise Wrong(f"down: a send to nobody gives {sent['refused']} instead of {self.pattern.refusal}")

    # ---- events ----

    def await_events(self, end, *names, patience=PATIENCE):
        """Until one of these has come; returns all events that came, and fails if it does not."""
        found = self.note(end, end.ask("events", until=[NUMBERS[name] for name in names], patience=patience))
        if names and (not found or found[-1][0] not in names):
            raise Wrong(f"{end}: {' or '.join(names)} never came, but {len(found)}, "
                        f"the last {[name for name, _ in found[-6:]]}")
        return found

    def note(self, end, events):
        found = [(EVENTS.get(number, hex(number)), value) for number, value in events]
        self.heard[end] += found
        return found

    def await_up(self, *ends):
        for end in ends or (self.client, self.server):
            is_client = end is self.client
            plain = "CONNECTED" if is_client else "ACCEPTED"
            self.await_events(end, plain if self.pattern.plain else "SUCCEEDED")
            if is_client and self.joined:
                self.seconds_away = time.monotonic() - self.joined

    def await_loss(self, *ends):
        for end in ends or (self.client, self.server):
            self.await_events(end, "DISCONNECTED")

    # ---- the network ----

    def cut(self, *words):
        self.wire.do("cut", *words)

    def join(self, *words):
        self.joined = time.monotonic()
        self.wire.do("join", *words)

    def set_name(self, address):
        """What the name `server` stands for, for ends that are opened afterwards, and those that were."""
        self.hosts = self.hosts or os.path.join(self.folder, "hosts")
        # The same file, which is mounted.
        with open(self.hosts, "w", encoding="utf-8") as file:
            file.write("".join(f"{one} server\n" for one in address.split()))

    # ---- the end ----

    def finish(self):
        """All that has to be true of the whole case."""
        for direction in self.pattern.directions:
            self.check_messages(direction)
        for end in self.heard:
            if end.process.poll() is None:
                self.await_events(end, patience=0.05)
            self.check_events(end)

    def check_messages(self, direction):
        seen, under_way = self.seen[direction], self.under_way[direction]
        if sorted(set(seen)) != seen:
            raise Wrong(f"{direction}: doubled or out of order: {seen}")
        missing = self.owed[direction] - set(seen)
        if missing:
            raise Wrong(f"{direction}: {sorted(missing)} of those that must come are missing")
        if self.void[direction] & set(seen):
            raise Wrong(f"{direction}: {sorted(self.void[direction] & set(seen))} came, sent to nobody")
        lost = [at for at, number in enumerate(under_way) if number not in seen]
        if lost and lost[-1] - lost[0] + 1 != len(lost):
            raise Wrong(f"{direction}: of {under_way} those at {lost} are lost, which is not one stretch")

    def lost(self, direction):
        """How many of those under way did not come."""
        return len(set(self.under_way[direction]) - set(self.seen[direction]))

    def expect_stretches(self, most):
        """No more than so many stretches of numbers are missing."""
        for direction in self.pattern.directions:
            seen = self.seen[direction]
            gaps = [(one, next_one) for one, next_one in zip(seen, seen[1:]) if next_one > one + 1]
            if len(gaps) > most:
                raise Wrong(f"{direction}: gaps between {gaps}")

    def expect_losses(self, times):
        """So often, and not more, has each side that lives lost its connection."""
        for end in (self.client, self.server):
            self.await_events(end, patience=0.05)
            count = [name for name, _ in self.heard[end]].count("DISCONNECTED")
            if count != times:
                raise Wrong(f"{end}: {count} losses instead of {times}")

    def check_events(self, end):
        text = "".join(name + " " for name, _ in self.heard[end])
        grammar = CONNECTING if end.side == "client" else ACCEPTING
        for pattern, without in self.expected:
            text = re.sub(pattern, without, text)
        if self.pattern.plain:
            grammar = grammar.replace("SUCCEEDED ", "").replace("DISCONNECTED ", "(NO_DETAIL )?DISCONNECTED ")
        if end.process.poll() is not None:
            # It ended where it happened to be.
            grammar += rf"(DISCONNECTED RETRIED ({FAILED})*(DELAYED )?)?"
        if not re.fullmatch(grammar, text):
            raise Wrong(f"{end}: events {text}")
        self.check_delays(end)

    def check_delays(self, end):
        """RECONNECT_IVL and a random part; with RECONNECT_IVL_MAX doubled up to it, without one (in libzmq 4.3.4 with one).
        Both from the start after each loss."""
        interval, longest = end.options.get("RECONNECT_IVL"), end.options.get("RECONNECT_IVL_MAX", 0)
        random = 1 if longest and end.library.directory else interval
        delay = interval
        for name, value in self.heard[end]:
            if name == "DISCONNECTED":
                delay = interval
            elif name == "RETRIED":
                if not delay <= value < delay + random:
                    raise Wrong(f"{end}: {value} ms until the next attempt instead of {delay}")
                delay = min(2 * delay, longest) if longest else delay
