#!/usr/bin/python3
"""Compares our libzmq with the stock one on every axis that matters. One command:

    capi-tests/bench/run.py [--ours DIR] [--rounds N] [--only GROUP]... [--json FILE]

The programs beside this file run on both libraries, chosen by LD_LIBRARY_PATH, in turns: stock, ours, plain sockets,
stock, ... Every figure is the median of the rounds; "ratio" is ours to stock, and the goals (rows.py) are shown beside
the results. A goal that is not met is no failure: only a call that fails, or a message that is wrong, is one. A run
during which other programs used more than 15 % of the machine is left out, unless fewer than half of the rounds would
remain: then the row is marked noisy. report.py turns the JSON file into docs/benchmark.md and its plots.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile

import report
import runs
import table
from rows import OURS, all_cases


def main():
    cases = all_cases()
    args = parse_arguments(cases)
    if not any(name.startswith("libzmq.so.5") for name in listing(args.ours)):
        sys.exit(f"no libzmq.so.5 in {args.ours}: build it and lay it out first (see README.md), or give --ours DIR")
    chosen = [case for case in cases if (not args.only or case.group in args.only) and wanted(case, args.case)]
    pressure_before = runs.cpu_pressure()
    print_head(args, pressure_before)
    results, failures = [], []
    with tempfile.TemporaryDirectory(prefix="zmq-bench-") as binaries:
        runs.compile_programs(binaries)
        group = None
        for case in chosen:
            if case.group != group:
                group = case.group
                print(f"\n[{group}]\n{table.line(table.COLUMNS)}", flush=True)
            try:
                results.append(measure(case, binaries, args))
            except runs.Failure as failure:
                failures.append(failure)
                print(f"{case.name}: FAILED: {failure}", flush=True)
                continue
            for row in results[-1]["rows"]:
                print(table.line(table.cells(row)), flush=True)
    print_tail(results, failures, pressure_before)
    figures = contents(args, results, pressure_before)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    if args.quick:
        report.render([figures])  # the documentation can be written; nothing is
    return 1 if failures else 0


def parse_arguments(cases):
    groups = list(dict.fromkeys(case.group for case in cases))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default=os.path.join(runs.TOP, "dist", "lib"), help="directory with our libzmq.so.5")
    parser.add_argument("--stock", default="", help="directory with the stock libzmq.so.5 (default: the system's)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each library per case (5)")
    parser.add_argument("--quick", action="store_true", help="smoke run: one round of a hundredth, less than a minute")
    parser.add_argument("--only", action="append", choices=groups, metavar="GROUP",
                        help=f"only this group (may be repeated): {', '.join(groups)}")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case, like tcp-100; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write every run to FILE")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds is at least 1")
    if args.case and not all(any(case.name == name for case in cases) for name in args.case):
        parser.error(f"cases are {', '.join(case.name for case in cases)}")
    if args.quick:
        args.rounds = 1
    args.ours = os.path.abspath(args.ours)
    args.stock = os.path.abspath(args.stock) if args.stock else ""
    return args


def wanted(case, names):
    return not names or case.name in names


def measure(case, binaries, args):
    """Runs a case in turns on all its variants; its runs, medians and rows."""
    command, count = case.command, case.count
    if args.quick:
        command, count = case.quick_command or command, case.quick
    command = command.format(n=count, w=max(count // 10, 1))
    variants = {"stock": (command, runs.environment(args.stock, {}))}
    for name in case.variants:
        variants[name] = (command, runs.environment(args.ours, OURS[name]))
    if case.raw and not args.quick:
        variants["raw"] = (case.raw, runs.environment("", {}))
    done = {name: [] for name in variants}
    for _ in range(args.rounds * (1 if args.quick else case.repeat)):
        for name, (line, env) in variants.items():
            try:
                together = (1, 0) if name == "raw" else (case.copies, case.burners)
                done[name].append(runs.run(binaries, line, env, *together))
            except runs.Failure as failure:
                raise runs.Failure(f"{name}: {failure}") from failure
    check_libraries(done, args)
    medians = {name: runs.median_figures(of_variant) for name, of_variant in done.items()}
    return {"name": case.name, "group": case.group, "command": command, "runs": done,
            "medians": medians, "rows": table.rows_of(case, medians)}


def check_libraries(done, args):
    """What each process really mapped: a comparison of a library with itself must not pass as one."""
    for name, of_variant in done.items():
        directory = args.stock if name == "stock" else args.ours
        expected = os.path.realpath(os.path.join(directory, "libzmq.so.5")) if directory and name != "raw" else None
        for run in of_variant:
            if expected and run.get("library") != expected:
                sys.exit(f"{name} was to run on {expected} and ran on {run.get('library')}")
    if done["stock"][0].get("library") == done["ours"][0].get("library"):
        sys.exit(f"both ran on {done['ours'][0].get('library')}")


def print_head(args, pressure):
    machine = runs.machine()
    settings = [f"{key}={value}" for key, value in os.environ.items() if key.startswith("ZEROXIDE_")]
    print(f"stock: {args.stock or 'system library'}   ours: {args.ours}   {' '.join(settings)}")
    print(f"{args.rounds} rounds; {machine['cpus']} CPUs, {machine['model']}, {machine['system']};"
          f" CPU pressure {shown(pressure)}")


def print_tail(results, failures, before):
    rows = [row for result in results for row in result["rows"] if row["met"] is not None]
    for what, stock, ours in table.scaling({result["name"]: result for result in results}):
        print(f"{what}: stock {stock:.2f}x, ours {ours:.2f}x")
    done = [run for result in results for of_variant in result["runs"].values() for run in of_variant]
    noisy = sum(run["noise"] > runs.NOISE_LIMIT for run in done)
    print(f"\nCPU pressure before {shown(before)}, after {shown(runs.cpu_pressure())} (the latter includes our own)")
    print(f"{noisy} of {len(done)} runs were noisy; {sum(row['met'] for row in rows)} of {len(rows)} goals met")
    far = sorted((row for row in rows if not row["met"]), key=lambda row: -row["shortfall"])
    for row in far[:10]:
        print(f"not met: {row['title']}: {row['ratio'] or 0:.2f}, goal {row['goal']}, short by {row['shortfall']:.1f}x")
    for failure in failures:
        print(f"FAILED: {failure}")


def shown(pressure):
    return "unknown" if pressure is None else f"{pressure:.1f} %"


def listing(directory):
    try:
        return os.listdir(directory)
    except OSError:
        return []


def commit():
    found = subprocess.run(["git", "-C", runs.TOP, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False)
    return found.stdout.strip() or "unknown"


def contents(args, results, before):
    """What the JSON file holds: the machine, and for each case its runs, medians and rows."""
    return {"rounds": args.rounds, "quick": args.quick, "commit": commit(), "machine": runs.machine(),
            "when": datetime.datetime.now().isoformat(timespec="minutes"), "pressure_before": before,
            "pressure_after": runs.cpu_pressure(), "cases": results}


if __name__ == "__main__":
    sys.exit(main())
