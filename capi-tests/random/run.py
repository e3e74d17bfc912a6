#!/usr/bin/python3
"""Random calls on the stock library and on ours: what they answer must be the same.

    run.py --ours DIR                     the fixed seeds, as a test
    run.py --ours DIR --seeds 5000 2000   2000 seeds from 5000 on
    run.py --seeds 1 500                  stock against stock: shows that the sequences are deterministic

A sequence ends for the comparison where the stock library aborts (a design choice: nothing that a caller does may
abort). Each difference is shrunk to the calls that it needs and printed with them.

What is known to differ is left out of the sequences (calls.c says what). The fixed seeds have no difference; about
one other in a hundred has one of these, which no rule of the contract decides:

 - whose turn it is after a peer has gone, or after a look at the events (stock takes a frame out, and its peer's turn
   with it; the next message of that peer may come before those of others), and when a full sender gets room (that
   frame counts as read; on ours so does a request without a delimiter that a REP drops as it looks);
 - a PAIR that refused its own connect to a name that nobody has bound: stock keeps the dead connect for the binder;
 - the end of a message whose peer has gone: EAGAIN, or taken and dropped.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 80
# The seeds that all.sh runs.
FIXED = (1, 300)
LIMIT = 300


def build(folder):
    path = os.path.join(folder, "calls")
    subprocess.run(["cc", "-std=c99", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
                    "-I" + os.path.join(os.path.dirname(os.path.dirname(HERE)), "include"),
                    "-o", path, os.path.join(HERE, "calls.c"), "-lzmq"], check=True)
    return path


def environment(directory):
    env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if directory:
        env["LD_LIBRARY_PATH"] = os.path.abspath(directory)
    return env


def run(program, directory, seed, count, skipped=()):
    """The lines of each seed: {seed: [(step, call and result)]}."""
    command = [program, str(seed), str(count), str(STEPS)]
    if skipped:
        command.append(",".join(map(str, sorted(skipped))))
    out = subprocess.run(command, env=environment(directory), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         timeout=LIMIT, check=True).stdout.decode("latin-1")
    found = {number: [] for number in range(seed, seed + count)}
    for line in out.splitlines():
        if match := re.match(r"(\d+)\.(\w+): (.*)", line):
            found[int(match[1])].append((match[2], match[3]))
    return found


def difference(stock, ours):
    """The first (step, stock's line, our line) that differ, or None."""
    for at in range(max(len(stock), len(ours))):
        a = stock[at] if at < len(stock) else ("missing", "")
        b = ours[at] if at < len(ours) else ("missing", "")
        if a == b:
            continue
        if a == ("end", "signal 6"):
            return None
        return a[0], a[1], b[1]
    return None


def shrink(program, directories, seed, step):
    """Leaves out all the steps that the difference at `step` does not need; returns both runs."""
    skipped = set(range(int(step) + 1, STEPS)) if step.isdigit() else set()
    candidates = [number for number in range(STEPS) if number not in skipped]

    def both(left_out):
        return [run(program, directory, seed, 1, left_out)[seed] for directory in directories]

    for size in (16, 4, 1, 1):
        for at in range(0, len(candidates), size):
            attempt = skipped | set(candidates[at:at + size])
            if attempt != skipped and difference(*both(attempt)):
                skipped = attempt
        candidates = [number for number in candidates if number not in skipped]
    return both(skipped)


def main():
    parser = argparse.ArgumentParser(description="Random calls, compared between the libraries.")
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--seeds", nargs=2, type=int, default=FIXED, metavar=("FIRST", "COUNT"))
    parser.add_argument("--show", type=int, default=10, help="how many differences are shrunk and printed")
    arguments = parser.parse_args()
    first, count = arguments.seeds
    directories = [None, arguments.ours]
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        stock, ours = (run(program, directory, first, count) for directory in directories)
        calls = sum(map(len, ours.values()))
        aborted = sum(lines[-1][0] == "end" for lines in stock.values() if lines)
        differing = {seed: found for seed in stock if (found := difference(stock[seed], ours[seed]))}
        for seed, (step, _, _) in list(differing.items())[:arguments.show]:
            print(f"seed {seed}")
            pair = shrink(program, directories, seed, step)
            at, theirs, own = difference(*pair) or (step, "not again", "")
            for number, line in pair[0]:
                if number == at:
                    break
                print(f"    {number:>4} {line}")
            print(f"    {at:>4} stock {theirs}\n    {at:>4} ours  {own}")
    print(f"random: {count} sequences, {calls} calls, {aborted} cut short by an abort of stock, "
          f"{len(differing)} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
