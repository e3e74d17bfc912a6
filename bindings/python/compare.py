#!/usr/bin/python3
"""Runs each scenario, pyzmq's own tests and czmq's self-tests on the stock library and on ours.

    compare.py DIRECTORY [--scenarios | --suite | --czmq] [--times N] [NAME...]

DIRECTORY holds our libzmq.so.5. Everything runs in processes of its own with a time limit, and whatever
differs is printed. With --times a scenario runs N times on ours with every processor busy, each time to do what
it does once on stock. Status 0: no difference that is not listed in `known-tests`.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

import suite

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("guide.py", "loops.py", "lifetimes.py", "watching.py", "messages.py", "streams.py")
PYTHON = [sys.executable, "-B", "-X", "faulthandler"]
SCENARIO_LIMIT = 90
CZMQ_LIMIT = 60
# All that Debian's libczmq exports.
CZMQ_TESTS = ("zactor", "zarmour", "zauth", "zbeacon", "zcert", "zcertstore", "zchunk", "zclock", "zconfig", "zdigest",
              "zdir", "zdir_patch", "zfile", "zframe", "zgossip", "zhash", "zhashx", "ziflist", "zlist", "zlistx",
              "zloop", "zmonitor", "zmsg", "zpoller", "zproxy", "zrex", "zsock", "zsock_option", "zstr", "zsys",
              "zuuid")

Outcome = collections.namedtuple("Outcome", "status text errors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only what contains one of these")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help="only this part (may be repeated)")
    parser.add_argument("--times", type=int, default=1, help="of each scenario on ours, with busy processors")
    arguments = parser.parse_intermixed_args()
    chosen = [part for part in PARTS if getattr(arguments, part)] or list(PARTS)
    ours = environment(arguments.directory.resolve())
    stock = environment(None)
    check_mapped(stock, None)
    check_mapped(ours, arguments.directory.resolve())
    unexpected = []
    with busy_processors(arguments.times > 1):
        for part in chosen:
            more = (arguments.times,) if part == "scenarios" else ()
            unexpected += PARTS[part](stock, ours, arguments.names, *more)
    print("no unexpected difference" if not unexpected else f"{len(unexpected)} unexpected differences: {', '.join(unexpected)}")
    return 1 if unexpected else 0


@contextlib.contextmanager
def busy_processors(wanted):
    """One endless loop for each processor: threads are preempted in all places."""
    count = os.cpu_count() if wanted else 0
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def environment(directory):
    made = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    if directory:
        made["LD_LIBRARY_PATH"] = str(directory)
    made["PYTHONDONTWRITEBYTECODE"] = "1"
    return made


def check_mapped(variables, directory):
    """The processes really run on the library that they should."""
    program = "import scenarios; print(*scenarios.mapped_library())"
    result = subprocess.run([*PYTHON, "-c", program], env=variables, cwd=HERE, capture_output=True, text=True)
    mapped = result.stdout.split()
    is_ours = bool(mapped) and all(directory and pathlib.Path(file).parent == directory for file in mapped)
    if result.returncode or len(mapped) != 1 or is_ours != bool(directory):
        sys.exit(f"wrong library: {mapped} {result.stderr}")
    print(("ours: " if directory else "stock:"), mapped[0])


def run(command, variables, limit):
    with tempfile.TemporaryDirectory(prefix="zmq-compare-") as directory:
        process = subprocess.Popen(command, env=variables, cwd=directory, text=True, errors="replace",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            text, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            # The session is this process's own: what it started ends with it.
            os.killpg(process.pid, 9)
            text, errors = process.communicate()
            return Outcome("time over", text, errors)
        return Outcome(process.returncode, text, errors)


def wanted(name, names):
    return not names or any(part in name for part in names)


def compare_scenarios(stock, ours, names, times=1):
    programs = {name: [*PYTHON, str(HERE / name)] for name in PROGRAMS}
    return compare_programs(programs, stock, ours, names, times)


def compare_programs(programs, stock, ours, names, times=1):
    """Each scenario of each program ({name: command}): what it prints is the same on both libraries. Those with which it
    is not, and should be."""
    known = suite.KnownTests("scenarios")
    same = failed = skipped = 0
    unexpected = []
    for program, command in programs.items():
        for name in subprocess.check_output([*command, "--list"], env=stock, text=True).split():
            if not wanted(name, names):
                continue
            left = run([*command, name], stock, SCENARIO_LIMIT)
            right, done = run_times([*command, name], ours, times, left)
            if times > 1:
                print(f"{name}: {done} times", flush=True)
            if "SKIPPED" in left.text:
                print(f"{name}: {left.text.splitlines()[0]}")
                skipped += 1
            elif left[:2] == right[:2] == (0, left.text):
                same += 1
            else:
                row = known.find(name, "differs")
                failed += 1
                unexpected += [f"{program} {name}"] if row is None else []
                print(f"{program} {name}: stock {left.status}, ours {right.status}: "
                      f"{row.reason if row else 'UNEXPECTED'}")
                if row is None:
                    show("stock", left)
                    show("ours", right)
    print(f"scenarios: {same} the same, {failed} not, {skipped} skipped", flush=True)
    return unexpected


def run_times(command, variables, times, wanted_outcome):
    """Up to the first run that does something else: its outcome, and how many did not."""
    for done in range(times):
        outcome = run(command, variables, SCENARIO_LIMIT)
        if outcome[:2] != wanted_outcome[:2]:
            return outcome, done
    return outcome, times


def show(label, outcome):
    print(f"  {label}:", *outcome.text.splitlines()[-8:], *outcome.errors.splitlines()[-4:], sep="\n    ")


def compare_suite(stock, ours, names):
    """pyzmq's own tests that Debian's package brings, test by test."""
    import importlib.util

    if importlib.util.find_spec("pytest") is None:
        print("SKIPPED: pyzmq's tests: no pytest")
        return []
    import zmq

    # Some wait in vain when they have come too late: not for long.
    limit = {"ZMQ_TEST_TIMEOUT": "15"}
    libraries = [suite.Library("stock", PYTHON, stock | limit), suite.Library("ours", PYTHON, ours | limit)]
    tests = pathlib.Path(zmq.__file__).parent / "tests"
    return suite.compare("python3-zmq's tests", tests, libraries, names, suite.KnownTests("debian"))


def compare_czmq(stock, ours, names):
    """The self-tests that Debian's libczmq exports."""
    import ctypes

    try:
        ctypes.CDLL("libczmq.so.4")
    except OSError:
        print("SKIPPED: czmq's tests: no libczmq.so.4")
        return []
    program = (
        "import ctypes, sys\n"
        "test = getattr(ctypes.CDLL('libczmq.so.4'), sys.argv[1] + '_test')\n"
        "test.argtypes, test.restype = [ctypes.c_bool], None\n"
        "test(False)\n"
    )
    known = suite.KnownTests("czmq")

    def run_tests(library):
        outcomes = {}
        for name in CZMQ_TESTS:
            if not wanted(name, names):
                continue

            def run_once(_last=None, name=name):
                result = run([*PYTHON, "-c", program, name], library.variables, CZMQ_LIMIT)
                return "passed" if result.status == 0 else f"ended: {result.status}", result.text + result.errors

            outcome = run_once()
            if outcome[0] != "passed":
                outcome = suite.try_again(library, f"czmq::{name}", outcome, known, run_once)
            outcomes[f"czmq::{name}"] = outcome
        return outcomes

    stock, ours = (run_tests(suite.Library(*each)) for each in (("stock", PYTHON, stock), ("ours", PYTHON, ours)))
    return suite.report("czmq's tests", stock, ours, known, whole=not names)


PARTS = {"scenarios": compare_scenarios, "suite": compare_suite, "czmq": compare_czmq}

if __name__ == "__main__":
    sys.exit(main())
