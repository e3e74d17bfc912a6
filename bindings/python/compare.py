#!/usr/bin/python3
"""Runs each scenario, pyzmq's own tests and czmq's self-tests on the stock library and on ours.

    compare.py DIRECTORY [--scenarios | --suite | --czmq] [NAME...]

DIRECTORY holds our libzmq.so.5. Everything runs in processes of its own with a time limit, and whatever
differs is printed. Status 0: no difference that is not listed in `expected-differences` or `known-tests`.
"""

import argparse
import collections
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile

import suite

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("guide.py", "loops.py", "lifetimes.py", "watching.py", "messages.py")
PYTHON = [sys.executable, "-B", "-X", "faulthandler"]
SCENARIO_LIMIT = 90
CZMQ_LIMIT = 60
CZMQ_TESTS = ("zactor", "zauth", "zbeacon", "zcert", "zcertstore", "zclock", "zframe", "zgossip", "zloop",
              "zmonitor", "zmsg", "zpoller", "zproxy", "zsock", "zsock_option", "zstr", "zsys")

Outcome = collections.namedtuple("Outcome", "status text errors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only what contains one of these")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true", help="only this part (may be repeated)")
    arguments = parser.parse_intermixed_args()
    chosen = [part for part in PARTS if getattr(arguments, part)] or list(PARTS)
    ours = environment(arguments.directory.resolve())
    stock = environment(None)
    check_mapped(stock, None)
    check_mapped(ours, arguments.directory.resolve())
    expected = read_expected()
    unexpected = 0
    for part in chosen:
        unexpected += PARTS[part](stock, ours, arguments.names, expected)
    print("no unexpected difference" if not unexpected else f"{unexpected} unexpected differences")
    return 1 if unexpected else 0


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


def read_expected():
    """Patterns of names, with the reason after #."""
    lines = (HERE / "expected-differences").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("#", 1) for line in lines if line.strip() and not line.startswith("#")]
    return [(pattern.strip(), reason.strip()) for pattern, reason in pairs]


def reason_for(name, expected):
    return next((reason for pattern, reason in expected if fnmatch.fnmatchcase(name, pattern)), None)


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


def compare_scenarios(stock, ours, names, expected):
    same = failed = unexpected = skipped = 0
    for program in PROGRAMS:
        command = [*PYTHON, str(HERE / program)]
        for name in subprocess.check_output([*command, "--list"], env=stock, text=True).split():
            if not wanted(name, names):
                continue
            left = run([*command, name], stock, SCENARIO_LIMIT)
            right = run([*command, name], ours, SCENARIO_LIMIT)
            if "SKIPPED" in left.text:
                print(f"{name}: {left.text.splitlines()[0]}")
                skipped += 1
            elif left[:2] == right[:2] == (0, left.text):
                same += 1
            else:
                reason = reason_for(name, expected)
                failed += 1
                unexpected += reason is None
                print(f"{program} {name}: stock {left.status}, ours {right.status}: {reason or 'UNEXPECTED'}")
                if reason is None:
                    show("stock", left)
                    show("ours", right)
    print(f"scenarios: {same} the same, {failed} not, {skipped} skipped", flush=True)
    return unexpected


def show(label, outcome):
    print(f"  {label}:", *outcome.text.splitlines()[-8:], *outcome.errors.splitlines()[-4:], sep="\n    ")


def compare_suite(stock, ours, names, expected):
    """pyzmq's own tests that Debian's package brings, test by test."""
    import importlib.util

    if importlib.util.find_spec("pytest") is None:
        print("SKIPPED: pyzmq's tests: no pytest")
        return 0
    import zmq

    # Some wait in vain when they have come too late: not for long.
    limit = {"ZMQ_TEST_TIMEOUT": "15"}
    libraries = [suite.Library("stock", PYTHON, stock | limit), suite.Library("ours", PYTHON, ours | limit)]
    tests = pathlib.Path(zmq.__file__).parent / "tests"
    return suite.compare("python3-zmq's tests", tests, libraries, names, suite.KnownTests("debian"))


def compare_czmq(stock, ours, names, expected):
    """The self-tests that Debian's libczmq exports."""
    import ctypes

    try:
        ctypes.CDLL("libczmq.so.4")
    except OSError:
        print("SKIPPED: czmq's tests: no libczmq.so.4")
        return 0
    program = (
        "import ctypes, sys\n"
        "test = getattr(ctypes.CDLL('libczmq.so.4'), sys.argv[1] + '_test')\n"
        "test.argtypes, test.restype = [ctypes.c_bool], None\n"
        "test(False)\n"
    )
    totals = collections.Counter()
    unexpected = 0
    for name in CZMQ_TESTS:
        if not wanted(name, names):
            continue
        left, right = (run([*PYTHON, "-c", program, name], each, CZMQ_LIMIT) for each in (stock, ours))
        totals["stock"] += left.status == 0
        totals["ours"] += right.status == 0
        if left.status == 0 != right.status:
            reason = reason_for(f"czmq::{name}", expected)
            unexpected += reason is None
            print(f"  only on stock: czmq {name}: {reason or 'UNEXPECTED'}")
            if reason is None:
                show("ours", right)
    print(f"czmq's tests: stock {totals['stock']} passed, ours {totals['ours']} passed", flush=True)
    return unexpected


PARTS = {"scenarios": compare_scenarios, "suite": compare_suite, "czmq": compare_czmq}

if __name__ == "__main__":
    sys.exit(main())
