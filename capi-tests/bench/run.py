#!/usr/bin/python3
"""Compares our libzmq with the stock one: throughput, round trips, CPU per message. One command:

    capi-tests/bench/run.py [--ours DIR] [--rounds N] [--quick] [--json FILE]

One binary (bench.c) runs on both libraries, chosen by LD_LIBRARY_PATH, in turns: stock, ours, stock, ours, ...
Every figure is the median of the rounds; "ratio" is ours to stock. A run during which other programs used more
than 15 % of the machine is marked noisy and left out, unless fewer than half of its rounds would remain.
"""

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TRANSPORTS = ("tcp", "ipc", "inproc")

# (bytes, messages): about a second each on the stock library, so that start-up effects vanish in ours too.
THROUGHPUT = ((10, 4_000_000), (100, 4_000_000), (1000, 1_000_000), (10_000, 150_000), (100_000, 15_000))
ROUND_TRIP = (64, 20_000)
WARMUP_SHARE = 10  # a tenth of the count, sent before the clock starts
QUICK_SHARE = 100

NOISE_LIMIT = 0.15
RUN_SECONDS = 150  # bench ends by itself after 120


class Failure(Exception):
    """A run that gave no figures."""


def main():
    args = parse_arguments()
    if not any(name.startswith("libzmq.so.5") for name in listing(args.ours)):
        sys.exit(f"no libzmq.so.5 in {args.ours}: build it and lay it out first (see README.md), or give --ours DIR")
    with tempfile.TemporaryDirectory(prefix="zmq-bench-") as scratch:
        binary = compile_bench(scratch)
        libraries = {"stock": args.stock, "ours": args.ours}
        pressure_before = cpu_pressure()
        print_head(args, pressure_before)
        results, failures = measure_all(binary, libraries, args)
    pressure_after = cpu_pressure()
    noisy = sum(run["noise"] > NOISE_LIMIT for case in results for runs in case["runs"].values() for run in runs)
    print(f"\nCPU pressure before {shown(pressure_before)}, after {shown(pressure_after)} (the latter includes our own)")
    print(f"{noisy} of {sum(2 * case['rounds'] for case in results)} runs were noisy")
    if args.json:
        write_json(args, results, pressure_before, pressure_after)
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default=os.path.join(TOP, "dist", "lib"), help="directory with our libzmq.so.5")
    parser.add_argument("--stock", default="", help="directory with the stock libzmq.so.5 (default: the system's)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each library per figure (5)")
    parser.add_argument("--quick", action="store_true", help="smoke run: one round, a hundredth of the messages")
    parser.add_argument("--msg", action="store_true", help="zmq_msg_* instead of zmq_send and zmq_recv")
    parser.add_argument("--transport", action="append", choices=TRANSPORTS, help="only this one (may be repeated)")
    parser.add_argument("--size", action="append", type=int, help="throughput at this size only (may be repeated)")
    parser.add_argument("--json", metavar="FILE", help="write every run to FILE")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds is at least 1")
    if args.quick:
        args.rounds = 1
    args.ours = os.path.abspath(args.ours)
    args.stock = os.path.abspath(args.stock) if args.stock else ""
    return args


def measure_all(binary, libraries, args):
    transports = args.transport or TRANSPORTS
    results, failures = [], []

    def measure(mode, transport, size, count):
        if args.quick:
            count //= QUICK_SHARE
        try:
            case = measure_case(binary, libraries, mode, transport, size, count, args)
        except Failure as failure:
            failures.append(failure)
            print(f"{transport:9} {size:>7}  failed")
            return
        results.append(case)
        print((throughput_row if mode == "throughput" else latency_row)(case), flush=True)

    print(f"\n{'transport':9} {'bytes':>7} {'stock msg/s':>12} {'ours msg/s':>12} {'ratio':>6}"
          f" {'stock CPU':>10} {'ours CPU':>10} {'ratio':>6}   (CPU: us per message, both sides)")
    for transport in transports:
        for size, count in THROUGHPUT:
            if not args.size or size in args.size:
                measure("throughput", transport, size, count)
    print(f"\n{'transport':9} {'bytes':>7} {'stock p50':>10} {'ours p50':>10} {'ratio':>6} {'stock p99':>10}"
          f" {'ours p99':>10} {'ratio':>6} {'stock CPU':>10} {'ours CPU':>10} {'ratio':>6}   (us per round trip)")
    for transport in transports:
        measure("latency", transport, *ROUND_TRIP)
    return results, failures


def measure_case(binary, libraries, mode, transport, size, count, args):
    command = [binary, mode, transport, str(size), str(count), str(max(count // WARMUP_SHARE, 1))]
    if args.msg:
        command.append("--msg")
    runs = {name: [] for name in libraries}
    for _ in range(args.rounds):
        for name, directory in libraries.items():
            runs[name].append(run_once(command, name, directory))
    check_libraries(runs, libraries)
    case = {"mode": mode, "transport": transport, "size": size, "count": count, "rounds": args.rounds, "runs": runs}
    case["median"] = {name: medians(of_library) for name, of_library in runs.items()}
    return case


def run_once(command, name, directory):
    """Runs bench once; its line as a dictionary, plus the share of the machine others used meanwhile."""
    environment = {key: value for key, value in os.environ.items() if key not in ("LD_PRELOAD", "LD_LIBRARY_PATH")}
    if directory:
        environment["LD_LIBRARY_PATH"] = directory
    label = f"{name}: {' '.join(command[1:])}"
    started, busy, own = time.monotonic(), machine_seconds(), children_seconds()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    try:
        output, errors = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        output, errors = "", "time limit"
    finally:
        end_group(process)
    if process.returncode != 0:
        raise Failure(f"{label}: status {process.returncode}: {errors.strip()}")
    wall, own = time.monotonic() - started, children_seconds() - own
    run = {key: value for key, _, value in (pair.partition("=") for pair in output.split())}
    run = {key: as_number(value) for key, value in run.items()}
    run["noise"] = max(machine_seconds() - busy - own, 0) / (wall * os.cpu_count())
    return run


def end_group(process):
    """Ends whatever is left of a run: both of its processes are in a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def check_libraries(runs, libraries):
    """What each process really mapped: a comparison of a library with itself must not pass as one."""
    for name, of_library in runs.items():
        expected = os.path.realpath(os.path.join(libraries[name], "libzmq.so.5")) if libraries[name] else None
        for run in of_library:
            if expected and run.get("library") != expected:
                sys.exit(f"{name} was to run on {expected} and ran on {run.get('library')}")
    if runs["stock"][0].get("library") == runs["ours"][0].get("library"):
        sys.exit(f"both ran on {runs['ours'][0].get('library')}")


def medians(runs):
    """Medians of the quiet runs, or of all when fewer than half were quiet."""
    quiet = [run for run in runs if run["noise"] <= NOISE_LIMIT]
    chosen = quiet if 2 * len(quiet) >= len(runs) else runs
    keys = ("rate", "cpu_seconds_per_million", "p50_us", "p99_us")
    result = {key: statistics.median(run[key] for run in chosen) for key in keys if key in runs[0]}
    result["noisy"] = chosen is not quiet
    return result


def throughput_row(case):
    stock, ours = case["median"]["stock"], case["median"]["ours"]
    return (f"{case['transport']:9} {case['size']:>7} {stock['rate']:>12,.0f} {ours['rate']:>12,.0f}"
            f" {ratio(ours, stock, 'rate')} {cpu_columns(stock, ours)}{mark(case)}")


def latency_row(case):
    stock, ours = case["median"]["stock"], case["median"]["ours"]
    return (f"{case['transport']:9} {case['size']:>7} {stock['p50_us']:>10.1f} {ours['p50_us']:>10.1f}"
            f" {ratio(ours, stock, 'p50_us')} {stock['p99_us']:>10.1f} {ours['p99_us']:>10.1f}"
            f" {ratio(ours, stock, 'p99_us')} {cpu_columns(stock, ours)}{mark(case)}")


def cpu_columns(stock, ours):
    # Seconds per million are microseconds each.
    key = "cpu_seconds_per_million"
    return f"{stock[key]:>10.3f} {ours[key]:>10.3f} {ratio(ours, stock, key)}"


def ratio(ours, stock, key):
    return f"{ours[key] / stock[key]:>6.2f}" if stock[key] else f"{'-':>6}"


def mark(case):
    return "   noisy" if any(median["noisy"] for median in case["median"].values()) else ""


def print_head(args, pressure):
    print(f"stock: {args.stock or 'system library'}   ours: {args.ours}")
    print(f"{args.rounds} rounds, {'zmq_msg_*' if args.msg else 'zmq_send and zmq_recv'}, HWM 1000, {os.cpu_count()} CPUs,"
          f" {platform.system()} {platform.release()}, CPU pressure {shown(pressure)}")


def compile_bench(directory):
    # Any libzmq will do to link against: the file used is chosen at run time. Ours comes with a header.
    binary = os.path.join(directory, "bench")
    command = [os.environ.get("CC", "cc"), "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-o", binary,
               os.path.join(HERE, "bench.c")]
    header = os.path.join(TOP, "include")
    if os.path.exists(os.path.join(header, "zmq.h")):
        command += ["-I", header]
    subprocess.run(command + ["-lzmq", "-lpthread"], check=True)
    return binary


def listing(directory):
    try:
        return os.listdir(directory)
    except OSError:
        return []


def cpu_pressure():
    """Share of the last 10 s in which something waited for a CPU, in percent; None where it is not known."""
    try:
        with open("/proc/pressure/cpu", encoding="ascii") as file:
            return float(file.readline().split("avg10=")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def shown(pressure):
    return "unknown" if pressure is None else f"{pressure:.1f} %"


def machine_seconds():
    """CPU time spent by everything on the machine, and taken from it by the host; 0 where it is not known."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _idle, _wait, _irq, _softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return 0
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def as_number(text):
    try:
        return float(text)
    except ValueError:
        return text


def write_json(args, results, before, after):
    report = {"rounds": args.rounds, "api": "msg" if args.msg else "buffer", "cpus": os.cpu_count(),
              "system": platform.platform(), "pressure_before": before, "pressure_after": after, "cases": results}
    with open(args.json, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)


if __name__ == "__main__":
    sys.exit(main())
