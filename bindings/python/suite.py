"""Runs a test-suite on the stock library and on ours, test by test.

Each file of a suite made with pytest has a process of its own; a test that takes too long, or takes its process
with it, costs that test only: another process goes on with the next. Used by `compare.py` (the suite of Debian's
python3-zmq, czmq's tests) and `pypi.py` (the newest pyzmq, built against each library).

`known-tests` says of tests by name what is known of them: KIND PATTERN # REASON, where KIND is
    security   counted apart until the mechanisms are there
    differs    must pass on stock and fail on ours; the reason says why that is right
    fails      fails on stock as well
    unsteady   fails by chance on any library; has passed if it passes in one of a few tries
    alone      each test of this file in a process of its own, on any library
PATTERN is TEST (FILE::CLASS::NAME) or SUITE/TEST, SUITE being debian, pypi, czmq or scenarios.
"""

import collections
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TEST_LIMIT = 180  # s, of a single test
START_LIMIT = 300  # s, until a process has imported everything and begins with its first test, and to its end
UNSTEADY_TRIES = 10
STOCK_TRIES = 3  # of any test on stock: a busy machine is no reason to fail
SOUND = ("passed", "skipped", "xfailed", "not there")
PYTEST_STATUSES = range(6)  # what pytest itself ends with, whatever the tests did


@dataclasses.dataclass
class Library:
    """Where a suite runs: the interpreter, and the variables that choose binding and library."""

    label: str
    python: list
    variables: dict

    @property
    def is_stock(self):
        return self.label == "stock"


@dataclasses.dataclass
class Known:
    kind: str
    pattern: str
    reason: str
    used: bool = False


class KnownTests:
    """The rows for one suite: a pattern may name it (SUITE/PATTERN)."""

    def __init__(self, suite, file=HERE / "known-tests"):
        self.rows = []
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                row, _, reason = line.partition("#")
                kind, pattern = row.split()
                only_for, slash, tests = pattern.rpartition("/")
                if slash and only_for != suite:
                    continue
                self.rows.append(Known(kind, tests, reason.strip()))

    def find(self, name, *kinds):
        for row in self.rows:
            if row.kind in kinds and fnmatch.fnmatchcase(name, row.pattern):
                return row
        return None


def compare(title, tests, libraries, names, known):
    """Runs the files `test_*.py` in `tests` whose name contains one of `names`; the unexplained differences, by name.
    `libraries` are stock and ours."""
    files = [file for file in sorted(tests.glob("test_*.py")) if not names or any(name in file.stem for name in names)]
    with concurrent.futures.ThreadPoolExecutor(len(libraries)) as pool:
        runs = [pool.submit(run_files, library, files, known) for library in libraries]
        stock, ours = (each.result() for each in runs)
    return report(title, stock, ours, known, whole=not names)


def report(title, stock, ours, known, whole):
    passed = [collections.Counter(), collections.Counter()]
    missing, security = [], [0, 0]
    unexplained = []
    for name in sorted(stock.keys() | ours.keys()):
        left, right = (each.get(name, ("not there", "")) for each in (stock, ours))
        if known.find(name, "security"):
            security[0] += left[0] == "passed"
            security[1] += right[0] == "passed"
            continue
        file = name.partition("::")[0]
        passed[0][file] += left[0] == "passed"
        passed[1][file] += right[0] == "passed"
        if left[0] == "passed" != right[0]:
            missing.append((name, left, right))
        elif left[0] not in SOUND:
            row = known.find(name, "fails")
            unexplained += [name] if row is None else []
            print(f"  {name}: stock {left[0]}, ours {right[0]}: {row.reason if row else 'UNEXPLAINED'}")
        elif left[0] != right[0]:
            print(f"  {name}: stock {left[0]}, ours {right[0]}")
    print(f"{'file':28} {'stock passed':>12} {'ours passed':>12}")
    for file in sorted(passed[0] | passed[1]):
        print(f"{file:28} {passed[0][file]:>12} {passed[1][file]:>12}")
    for name, _, right in missing:
        row = known.find(name, "differs")
        if row:
            row.used = True
            print(f"  differs: {name}: {right[0]}: {row.reason}")
        else:
            unexplained.append(name)
            print(f"  UNEXPLAINED: {name}: passed on stock, {right[0]} on ours", *right[1].splitlines()[-60:],
                  sep="\n    ")
    if whole:
        for row in known.rows:
            there = any(fnmatch.fnmatchcase(name, row.pattern) for name in stock)
            if row.kind == "differs" and there and not row.used:
                unexplained.append(row.pattern)
                print(f"  LISTED, but does not differ: {row.pattern}")
    totals = [sum(each.values()) for each in passed]
    print(f"{title}: stock {totals[0]} passed, ours {totals[1]} passed, missing: "
          f"{', '.join(name for name, _, _ in missing) or 'none'}")
    print(f"{title}, security: stock {security[0]} passed, ours {security[1]} passed", flush=True)
    return unexplained


def run_files(library, files, known):
    """{test: (outcome, what its process printed)}"""
    outcomes = {}
    for file in files:
        began = time.monotonic()
        if known.find(file.stem, "alone"):
            found = run(library, file, collect=True)
            outcomes.update(found)
            for name in found:
                outcomes[name] = run(library, file, only=[name]).get(name, ("not run", ""))
        else:
            outcomes.update(run(library, file))
        for name, (outcome, _) in list(outcomes.items()):
            if name.startswith(f"{file.stem}::") and outcome not in SOUND:
                outcomes[name] = try_again(library, name, outcomes[name], known, lambda last, name=name: run(
                    library, file, only=[name]).get(name, last))
        print(f"{library.label}: {file.stem}: {time.monotonic() - began:.0f} s", flush=True)
    return outcomes


def try_again(library, name, outcome, known, run_once):
    """The outcome of a test that did not pass, after as many further tries as it is allowed. `run_once` takes the
    last outcome and returns the next."""
    row = known.find(name, "unsteady")
    if row:
        allowed, reason = UNSTEADY_TRIES, row.reason
    elif library.is_stock and not known.find(name, "fails"):
        allowed, reason = STOCK_TRIES, "not known to be unsteady"
    else:
        return outcome
    tries = 1
    while outcome[0] != "passed" and tries < allowed:
        tries += 1
        outcome = run_once(outcome)
    print(f"{library.label}: {name}: {outcome[0]} at try {tries}: {reason}", flush=True)
    return outcome


def run(library, file, only=None, collect=False):
    """As `run_files` for one file; processes are started until each test has had its turn."""
    outcomes = {}
    while True:
        before = len(outcomes)
        text, is_done = run_process(library, file, only, collect, outcomes)
        if is_done or len(outcomes) == before:
            if not outcomes and "deselected" not in text and "no tests" not in text and "skipped" not in text:
                outcomes[f"{file.stem}::(file)"] = ("not run", text)
            return outcomes


def run_process(library, file, only, collect, outcomes):
    """One process, up to its end or the first test that takes too long; adds to `outcomes`."""
    with tempfile.TemporaryDirectory(prefix="zmq-suite-") as directory:
        record = pathlib.Path(directory, "record")
        record.touch()
        variables = dict(library.variables)
        variables["PYTHONPATH"] = os.pathsep.join(
            [str(HERE / "plugin"), *filter(None, [variables.get("PYTHONPATH")])])
        variables["RECORD_INTO"] = str(record)
        variables["RECORD_WITHOUT"] = json.dumps(sorted(outcomes))
        if only is not None:
            variables["RECORD_ONLY"] = json.dumps(only)
        command = [*library.python, "-m", "pytest", "-p", "record_outcomes", "-p", "no:cacheprovider", "-q",
                   "--tb=short", "-o", "asyncio_mode=auto", str(file)]
        if collect:
            command.append("--collect-only")
        with open(os.path.join(directory, "output"), "w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(command, env=variables, cwd=directory, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            running, is_stuck = watch(process, record)
            output.seek(0)
            text = output.read()
        for kind, name, *outcome in entries(record):
            if kind == "end":
                outcomes[name] = (outcome[0], text)
        if is_stuck or process.returncode not in PYTEST_STATUSES:
            # Behind the last test, unless one was running.
            ending = "time over" if is_stuck else f"process ended: {process.returncode}"
            outcomes[running or f"{file.stem}::(end of the process)"] = (ending, text)
            return text, running is None
        return text, True


def watch(process, record):
    """Waits for the process, and ends it (its session is its own) when it stays too long where it is. The test
    that was running then, and whether it had to be ended."""
    size, changed = -1, time.monotonic()
    while process.poll() is None:
        now = time.monotonic()
        written = record.stat().st_size
        if written != size:
            size, changed = written, now
        is_in_test = bool(size) and entries(record)[-1][0] == "start"
        if now - changed > (TEST_LIMIT if is_in_test else START_LIMIT):
            os.killpg(process.pid, 9)
            process.wait()
            return last_started(record), True
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
    return last_started(record), False


def last_started(record):
    rows = entries(record)
    return rows[-1][1] if rows and rows[-1][0] == "start" else None


def entries(record):
    lines = record.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]
