#!/usr/bin/python3
"""Counts instructions per message of small fixed workloads, and compares them with those noted in instructions.tsv:

    capi-tests/bench/instructions.py [--ours DIR] [--only NAME] [--note]

Unlike times they are the same on a busy machine. Each workload of instructions.c runs under callgrind, which counts
what the application's thread does inside its function `work`; nothing spins (ZEROXIDE_SPIN=0), and the application
moves no bytes itself (ZEROXIDE_DIRECT=0). What I/O threads do is not counted: how often they are woken is chance.
More than 5 % above the note is a failure; --note writes what was counted. The notes are of a release build and of one
compiler and C library: another may ask for new ones. Without valgrind nothing is compared (SKIPPED).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import runs

NOTES = os.path.join(runs.HERE, "instructions.tsv")
TOLERANCE = 0.05
# name: messages; each costs what is noted.
WORKLOADS = {"topics": 2000, "fanout": 500, "inproc": 2000, "tcp": 2000}
RUN_SECONDS = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default=os.path.join(runs.TOP, "dist", "lib"), help="directory with our libzmq.so.5")
    parser.add_argument("--only", action="append", choices=WORKLOADS, help="only this workload (may be repeated)")
    parser.add_argument("--note", action="store_true", help=f"write the counts to {os.path.basename(NOTES)}")
    args = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("SKIPPED: instructions: valgrind is not installed")
        return 0
    noted = read_notes()
    failed = False
    with tempfile.TemporaryDirectory(prefix="zmq-instructions-") as binaries:
        runs.compile_programs(binaries)
        for name in args.only or WORKLOADS:
            counted = count(binaries, os.path.abspath(args.ours), name)
            before, noted[name] = noted.get(name), counted
            failed |= not says(name, counted, before) and not args.note
    if args.note:
        write_notes(noted)
    return 1 if failed else 0


def count(binaries, ours, name):
    """Instructions per message."""
    messages = WORKLOADS[name]
    line = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=work",
            *runs.command_line(binaries, f"instructions {name} {messages}")]
    env = runs.environment(ours, {"ZEROXIDE_SPIN": "0", "ZEROXIDE_DIRECT": "0", "LD_BIND_NOW": "1"})
    run = subprocess.run(line, env=env, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not collected or os.path.join(ours, "") not in run.stdout:
        sys.exit(f"{name}: FAILED: {run.stdout}{run.stderr}")
    return int(collected[1]) / messages


def says(name, counted, before):
    """Prints a row; false if it is too much."""
    if before is None:
        print(f"{name:8} {counted:10.1f} instructions a message, not noted", flush=True)
        return False
    change = counted / before - 1
    if change > TOLERANCE:
        verdict = "FAILED: more than noted"
    else:
        verdict = "passed" if change >= -TOLERANCE else "passed, less than noted: --note"
    print(f"{name:8} {counted:10.1f} instructions a message, noted {before:.1f}, {change:+.1%}: {verdict}", flush=True)
    return change <= TOLERANCE


def read_notes():
    if not os.path.exists(NOTES):
        return {}
    with open(NOTES, encoding="utf-8") as file:
        rows = (row.split("\t") for row in file if not row.startswith("#"))
        return {name: float(counted) for name, counted in rows}


def write_notes(noted):
    with open(NOTES, "w", encoding="utf-8") as file:
        file.write("# workload, instructions a message (instructions.py --note)\n")
        file.writelines(f"{name}\t{noted[name]:.1f}\n" for name in WORKLOADS if name in noted)


if __name__ == "__main__":
    sys.exit(main())
