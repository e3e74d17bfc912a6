#!/usr/bin/python3
"""Two processes, each with its own library, and peers made of bytes.

    run.py --ours DIR            every scenario of peer.c: binder stock and connecter ours, binder ours and
                                 connecter stock, both ours, each over tcp and ipc; then live.py in the same pairings,
                                 and raw.py on both; then the first two through relay.py
    run.py                       stock with stock: shows that the scenarios are right
    run.py --security NAME       only the scenarios of peer.c that are a pattern's, and all sockets have this mechanism:
                                 plain or curve; with curve also secrecy.py in the same pairings
    run.py --old                 only what comes last otherwise: each takes the other for a peer of ZMTP 2.x or 1.0
    run.py --only PUB-SUB.flood  scenarios whose name contains this text (may be repeated; "raw", "live" and "secrecy"
                                 name those programs)
    run.py --together N          pairs at the same time (default 2)
"""

import argparse
import concurrent.futures
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

from relay import REVISIONS, Relay  # noqa: E402
from run import Library, name_failures  # noqa: E402

# Seconds for one pair; the longest needs about one on an idle machine.
PAIR_LIMIT = 60
RAW_LIMIT = 300
STOCK = "libzmq.so.5"


def compile_peer(build):
    path = os.path.join(build, "peer")
    include = os.path.join(HERE, "..", "..", "include")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-I" + include,
                    "-o", path, *(os.path.join(HERE, name) for name in ("peer.c", "special.c", "link.c", "security.c")),
                    "-lzmq", "-lpthread"], check=True)
    return path


def start(peer, role, scenario, endpoint, library, folder, control):
    """A peer with its end of the control channel."""
    command = [peer, role, scenario, endpoint, str(control.fileno())]
    process = subprocess.Popen(command, env=library.environment(), cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[control.fileno()],
                               start_new_session=True)
    control.close()
    return process


def run_pair(job):
    """One scenario between two processes; returns (what went wrong or None, messages received)."""
    peer, scenario, transport, binder, connecter, build, version = job
    folder = tempfile.mkdtemp(dir=build)
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{folder}/socket"
    relay = Relay(folder, version) if version else None
    ends = socket.socketpair()
    processes = [start(peer, role, scenario, where, library, folder, end)
                 for role, where, library, end in zip(("binder", "connecter"), (endpoint, relay.endpoint if relay else ""),
                                                      (binder, connecter), ends)]
    finish = time.monotonic() + PAIR_LIMIT
    wrong, received = [], 0
    for process, role, library in zip(processes, ("binder", "connecter"), (binder, connecter)):
        try:
            output, _ = process.communicate(timeout=max(0.1, finish - time.monotonic()))
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            code = None
        text = output.decode("utf-8", "replace").strip()
        counts = re.search(r"received (\d+)$", text)
        if code != 0 or not counts:
            what = "killed" if code is None else f"exit {code}"
            wrong.append(f"{role} on {library.name}: {what} {text[-300:]}")
        else:
            received += int(counts.group(1))
    if relay:
        relay.close()
    shutil.rmtree(folder, ignore_errors=True)
    return "; ".join(wrong) or None, received


def run_old_pair(job):
    """As run_pair, again if libzmq failed an assertion, as it now and then does when an old peer's connection ends."""
    for _ in range(4):
        wrong, received = run_pair(job)
        if not wrong or "on stock: exit -6" not in wrong:
            break
    return wrong, received


def run_pairs(peer, stock, ours, build, wanted, together, version=None):
    """Every scenario in every pairing; returns the failures, a line each. `version`: which the peers seem to have."""
    names = subprocess.run([peer, "list"], check=True, stdout=subprocess.PIPE, text=True,
                           env=stock.environment()).stdout.split()
    names = [name for name in names if not wanted or any(text in name for text in wanted)]
    pairs = [(stock, ours), (ours, stock), (ours, ours)] if ours else [(stock, stock)]
    transports = ("tcp", "ipc")
    if "INTEROP_SECURITY" in os.environ:
        names = [name for name in names if "." in name]
    if version:
        names = [name for name in names if is_for(version, name)]
        transports = ("ipc",)
    jobs = [(peer, name, transport, binder, connecter, build, version) for binder, connecter in pairs
            for transport in transports for name in names if not is_beyond(binder, name)]
    failures = {pair: [] for pair in pairs}
    messages = {pair: 0 for pair in pairs}
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        for job, (wrong, received) in zip(jobs, pool.map(run_old_pair if version else run_pair, jobs)):
            pair = job[3], job[4]
            messages[pair] += received
            if wrong:
                failures[pair].append(f"{job[1]} over {job[2]}, binder {pair[0].name}, connecter {pair[1].name}: {wrong}")
                print(f"  {failures[pair][-1]}", flush=True)
    for pair, failed in failures.items():
        each = sum((job[3], job[4]) == pair for job in jobs)
        print(f"binder {pair[0].name}, connecter {pair[1].name}{f', ZMTP {version}' if version else ''}: {each - len(failed)} of {each} scenarios passed, "
              f"{messages[pair]} messages checked")
    return sum(failures.values(), [])


def is_beyond(binder, scenario):
    """A REQ of libzmq that asks a ZAP handler gets no messages through, to peers on libzmq neither."""
    return os.environ.get("INTEROP_SECURITY") == "plain" and binder.name == "stock" and scenario.startswith("REQ-")


def is_for(version, scenario):
    """Unversioned peers are in for everything: their publishers do not hear the same as others. At the relay there is
    always somebody."""
    pairing, _, name = scenario.partition(".")
    return name not in ("", "late") and not (version == "1.0" and "XPUB" in pairing)


def path_of(library):
    """The file: a name would be that of whichever library is loaded first."""
    if library.directory:
        return os.path.join(library.directory, STOCK)
    known = subprocess.run(["/sbin/ldconfig", "-p"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.search(rf"{re.escape(STOCK)} .* => (\S+)", known).group(1)


def run_python(name, *arguments):
    """A program that has the libraries within its own process; a line if it failed."""
    command = ["/usr/bin/python3", os.path.join(HERE, name), *arguments]
    try:
        status = subprocess.run(command, timeout=RAW_LIMIT, check=False).returncode
        return [f"{' '.join([name, *arguments])}: exit {status}"] if status else []
    except subprocess.TimeoutExpired:
        return [f"{' '.join([name, *arguments])}: not done after {RAW_LIMIT} s"]


def run_raw(stock, ours):
    """The same peers against both libraries: what only ours does is not asked of libzmq."""
    failures = run_python("raw.py", "--library", path_of(stock), "--stock")
    return failures + (run_python("raw.py", "--library", path_of(ours)) if ours else [])


def run_live(stock, ours):
    pairs = [(stock, ours), (ours, stock), (ours, ours)] if ours else [(stock, stock)]
    return sum((run_python("live.py", "--binds", path_of(binder), "--connects", path_of(connecter))
                for binder, connecter in pairs), [])


def run_secrecy(stock, ours):
    pairs = [(stock, ours), (ours, stock), (ours, ours)] if ours else [(stock, stock)]
    return sum((run_python("secrecy.py", "--binds", path_of(binder), "--connects", path_of(connecter))
                for binder, connecter in pairs), [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--security", choices=("plain", "curve"))
    parser.add_argument("--together", type=int, default=2, metavar="N")
    arguments = parser.parse_args()
    stock = Library("stock")
    ours = Library("ours", arguments.ours) if arguments.ours else None
    build = tempfile.mkdtemp(prefix="interop-")
    began = time.monotonic()
    failures = []
    if arguments.security:
        os.environ["INTEROP_SECURITY"] = arguments.security
    try:
        if not arguments.only or set(arguments.only) - {"live", "raw", "secrecy"}:
            peer = compile_peer(build)
            stock.check(peer)
            if ours:
                ours.check(peer)
            if not arguments.old:
                failures += run_pairs(peer, stock, ours, build, arguments.only, arguments.together)
            for version in () if arguments.security else REVISIONS:
                failures += run_pairs(peer, stock, ours, build, arguments.only, arguments.together, version)
        for name, run in (("live", run_live), ("raw", run_raw)):
            if not arguments.old and not arguments.security and (not arguments.only or name in arguments.only):
                failures += run(stock, ours)
        if arguments.security == "curve" and (not arguments.only or "secrecy" in arguments.only):
            failures += run_secrecy(stock, ours)
    finally:
        shutil.rmtree(build, ignore_errors=True)
    name_failures(failures)
    print(f"interop: {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
