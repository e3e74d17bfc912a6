#!/usr/bin/python3
"""What a network does to a connection, and whether every pattern goes on afterwards: two processes on two hosts (network
namespaces of their own, see wire.py), each with its own library.

    run.py --ours DIR            every case: both on ours, ours connecting to stock, stock to ours, and both on stock
    run.py                       stock with stock
    run.py --ours DIR --quick    every pattern over one fault, and every fault with one or two patterns
    run.py --only heartbeats     cases whose name contains this text (may be repeated)
    run.py --known               only the cases in which libzmq is known not to go on, left out otherwise
    run.py --times N             each N times (default 1)
    run.py --together N          at the same time (default 6)

Needs root, iproute2, and a kernel with network namespaces and tun. A failure between two stock libraries is printed, and
no failure of ours.
"""

import argparse
import concurrent.futures
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from run import Library, name_failures  # noqa: E402
from scenarios import FAULTS, PATTERNS, Wrong, known_of_stock, quick  # noqa: E402
from stage import Stage, why_not  # noqa: E402


class Case:
    def __init__(self, fault, pattern, client, server):
        self.fault, self.pattern, self.client, self.server = fault, pattern, client, server

    def __str__(self):
        return f"{self.fault.__name__} {self.pattern.name}, {self.client.name} connects to {self.server.name}"

    def run(self, folder):
        """What went wrong or None, and the seconds from the return of the network to that of the connection."""
        stage = Stage(self, tempfile.mkdtemp(dir=folder))
        try:
            self.fault(stage)
            stage.finish()
            return None, stage.seconds_away
        except Wrong as wrong:
            return str(wrong), None
        finally:
            stage.end()


def pairings(stock, ours):
    if not ours:
        return [(stock, stock)]
    return [(ours, ours), (ours, stock), (stock, ours), (stock, stock)]


def all_cases(stock, ours, arguments):
    for client, server in pairings(stock, ours):
        if arguments.quick and ours and client is server is stock:
            continue
        for fault in FAULTS:
            for pattern in filter(fault.suits, PATTERNS):
                case = Case(fault, pattern, client, server)
                if (bool(known_of_stock(case)) == arguments.known and (not arguments.quick or quick(case))
                        and (not arguments.only or any(text in str(case) for text in arguments.only))):
                    yield case


def run_all(cases, together, folder):
    """Returns the failures that are ours."""
    groups, failures = {}, []
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        for case, (wrong, seconds) in zip(cases, pool.map(lambda case: case.run(folder), cases)):
            group = groups.setdefault((case.client, case.server, case.fault), {"runs": 0, "wrong": 0, "times": []})
            group["runs"] += 1
            group["times"] += [seconds] if seconds is not None else []
            if not wrong:
                continue
            group["wrong"] += 1
            known = known_of_stock(case)
            print(f"  {case}: {wrong}{f' ({known})' if known else ''}", flush=True)
            if not known and (case.client.directory or case.server.directory):
                failures.append(f"{case}: {wrong}")
    for (client, server, fault), group in groups.items():
        back = f", back after {1000 * statistics.median(group['times']):.0f} ms (median)" if group["times"] else ""
        print(f"{client.name} connects to {server.name}: {fault.__name__}: {group['runs'] - group['wrong']} of "
              f"{group['runs']} as they should{back}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--times", type=int, default=1, metavar="N")
    parser.add_argument("--together", type=int, default=6, metavar="N")
    arguments = parser.parse_args()
    reason = why_not()
    if reason:
        print(f"SKIPPED: network faults: {reason}")
        return 0
    ours = Library("ours", arguments.ours) if arguments.ours else None
    cases = list(all_cases(Library("stock"), ours, arguments)) * arguments.times
    folder = tempfile.mkdtemp(prefix="faults-")
    began = time.monotonic()
    try:
        failures = run_all(cases, arguments.together, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    name_failures(failures)
    print(f"faults: {len(cases)} cases, {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
