"""Runs the benchmark's programs, and says what else the machine did meanwhile."""

import os
import resource
import signal
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = ("messages", "raw", "least", "churn", "peers", "fanout", "topics", "crowd", "burner", "instructions")
PYTHON = "/usr/bin/python3"  # the one that has python3-zmq

# A run during which other programs used more of the machine than this is noisy.
NOISE_LIMIT = 0.15
RUN_SECONDS = 300  # the programs end by themselves after 280


class Failure(Exception):
    """A run that gave no figures."""


def compile_programs(directory):
    # Any libzmq will do to link against: the file used is chosen at run time. Ours comes with a header.
    flags = [os.environ.get("CC", "cc"), "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"]
    header = os.path.join(TOP, "include")
    if os.path.exists(os.path.join(header, "zmq.h")):
        flags += ["-I", header]
    objects = []
    for part in ("measure", "rawpeers"):
        objects.append(os.path.join(directory, part + ".o"))
        subprocess.run([*flags, "-c", "-o", objects[-1], os.path.join(HERE, part + ".c")], check=True)
    for program in PROGRAMS:
        subprocess.run([*flags, "-o", os.path.join(directory, program), os.path.join(HERE, program + ".c"), *objects,
                        "-lzmq", "-lpthread"], check=True)
    subprocess.run([*flags, "-shared", "-fPIC", "-o", os.path.join(directory, "nothing.so"),
                    os.path.join(HERE, "nothing.c"), "-lzmq"], check=True)


def environment(directory, more):
    kept = {key: value for key, value in os.environ.items() if key not in ("LD_PRELOAD", "LD_LIBRARY_PATH")}
    if directory:
        kept["LD_LIBRARY_PATH"] = directory
    return kept | more


def command_line(binaries, command):
    program, *arguments = command.split()
    if program == "nothing":
        # What follows runs on a library that does nothing.
        preload = f"LD_PRELOAD={os.path.join(binaries, 'nothing.so')}"
        return ["env", preload, *command_line(binaries, " ".join(arguments))]
    if program.endswith(".py"):
        return [PYTHON, os.path.join(HERE, program), *arguments]
    return [os.path.join(binaries, program), *arguments]


def start(line, env):
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)


def run(binaries, command, env, copies=1, burners=0):
    """Runs a command, several times at once if asked for; its figures as a dictionary.

    Rates of copies are added, the p99 is that of the worst, everything else is the mean.
    """
    started, busy, before = time.monotonic(), machine_seconds(), children_usage()
    beside = [start(command_line(binaries, "burner"), env) for _ in range(burners)]
    for process in beside:
        process.stdout.readline()  # it runs
    processes = [start(command_line(binaries, command), env) for _ in range(copies)]
    try:
        lines = [finish(process, command) for process in processes]
        for process in beside:
            process.terminate()
        others = [finish(process, "burner") for process in beside]
    finally:
        for process in processes + beside:
            end_group(process)
    wall, after = time.monotonic() - started, children_usage()
    user, system = (now - then for now, then in zip(after, before))
    own = user + system
    figures = combine(lines)
    figures["kernel"] = system / own if own else 0.0
    figures["busy"] = own / (wall * os.cpu_count())
    if others:
        figures["others"] = sum(line["turns_per_second"] for line in others)
    figures["noise"] = max(machine_seconds() - busy - own, 0) / (wall * os.cpu_count())
    return figures


def finish(process, command):
    try:
        output, errors = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command}: time limit") from error
    if process.returncode != 0:
        raise Failure(f"{command}: status {process.returncode}: {errors.strip()}")
    pairs = (pair.partition("=") for pair in output.split())
    return {key: as_number(value) for key, _, value in pairs}


def end_group(process):
    """Ends whatever is left of a run: its processes are in a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def combine(lines):
    if len(lines) == 1:
        return lines[0]
    merge = {"rate": sum, "bytes_per_second": sum, "p99_us": max, "library": min}
    return {key: merge.get(key, statistics.mean)([line[key] for line in lines]) for key in lines[0]}


def median_figures(runs):
    """Medians of the quiet runs, or of all when fewer than half were quiet."""
    quiet = [each for each in runs if each["noise"] <= NOISE_LIMIT]
    chosen = quiet if 2 * len(quiet) >= len(runs) else runs
    figures = {key: statistics.median(each[key] for each in chosen)
               for key, value in runs[0].items() if isinstance(value, float)}
    figures["noisy"] = chosen is not quiet
    return figures


def as_number(text):
    try:
        return float(text)
    except ValueError:
        return text


def cpu_pressure():
    """Share of the last 10 s in which something waited for a CPU, in percent; None where it is not known."""
    try:
        with open("/proc/pressure/cpu", encoding="ascii") as file:
            return float(file.readline().split("avg10=")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None


def machine_seconds():
    """CPU time spent by everything on the machine, and taken from it by the host; 0 where it is not known."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _idle, _wait, _irq, _softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return 0
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


def children_usage():
    """CPU time of what has run, in user space and in the kernel."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime, usage.ru_stime


def machine():
    """What the figures were measured on, as far as the system says."""
    model = "unknown"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return {"cpus": os.cpu_count(), "model": model, "system": f"{os.uname().sysname} {os.uname().release}"}
