#!/usr/bin/python3
"""Compares our library with the stock libzmq over the C ABI.

Each program in transcripts/ is compiled once and run on the stock library and on ours; the lines it
prints are compared. A difference is accepted only if differences/ lists it, and a row there that does not
differ (any more) is a failure. A run of all programs on ours also holds the rules of the contract in rules/
against what was printed.

    run.py                   stock against stock: shows that the transcripts are deterministic
    run.py --ours DIR        stock against the libzmq.so.5 in DIR
    run.py --only messages   just that program (may be repeated)
    run.py --show messages   prints the transcript of the first library and ends
    run.py --suggest FILE    writes the unexpected differences as rows of differences/, each behind its program
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import rules

HERE = os.path.dirname(os.path.abspath(__file__))
LISTS = ("design-choice", "draft", "4.3.5+")
# What is not built yet.
PENDING = "pending"
ABSENT = "(absent)"
# Seconds for one program; the longest needs about five on an idle machine.
PROGRAM_LIMIT = 240
TOGETHER = 2
# What every program is compiled with, those in lifecycle/ too.
SHARED = [os.path.join(HERE, "transcripts", name) for name in
          ("transcript.c", "joining.c", "waiting.c", "plain.c", "story.c", "nameserver.c", "namespaces.c", "refusing.c",
           "sides.c")]
# What some programs need besides: a header, and what to link.
NEEDS = {"libuv": ("uv.h", "-luv")}
# What some programs start: the command, which is also the name of its package in Debian.
STARTS = {"microsocks": "microsocks"}
# Programs that go to namespaces of their own.
NAMESPACES = ("groups", "resolving")


class Library:
    """A library to run programs on: the stock one, or the one in a directory."""

    def __init__(self, name, directory=None):
        self.name = name
        self.directory = os.path.abspath(directory) if directory else None

    def environment(self):
        env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
        if self.directory:
            env["LD_LIBRARY_PATH"] = self.directory
        return env

    def check(self, program):
        """Fails unless the loader really takes the library from where it should."""
        out = subprocess.run(["ldd", program], env=self.environment(), check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        found = re.search(r"libzmq\.so\.5 => (\S+)", out)
        place = found.group(1) if found else "nowhere"
        if self.directory:
            good = os.path.dirname(os.path.abspath(place)) == self.directory
        else:
            good = place.startswith(("/lib/", "/usr/lib/"))
        if not good:
            sys.exit(f"the {self.name} library is loaded from {place}")


def contract_rows(table):
    """The rows of a table of the contract as {column: cell}."""
    with open(os.path.join(HERE, "contract", table), encoding="utf-8") as file:
        lines = file.read().splitlines()
    columns = lines[0].split("\t")
    return [dict(zip(columns, line.split("\t"))) for line in lines[1:] if line]


def option_kind(row):
    """How a program passes the value of an option, after its type in the contract."""
    c_type = row["c_type"]
    if "Z85" in c_type:
        return "KEY"
    if c_type.startswith(("int64_t", "uint64_t")):
        return "WIDE"
    return "INT" if c_type.startswith(("int", "pid_t", "uid_t", "gid_t")) else "BYTES"


def write_option_rows(build):
    """Writes the contract's options as the rows of C arrays."""
    for table, header in (("socket_options.tsv", "option_rows.h"),
                          ("context_options.tsv", "context_option_rows.h")):
        with open(os.path.join(build, header), "w", encoding="utf-8") as file:
            for row in contract_rows(table):
                if row["number"].isdigit():
                    name = row["name"].split()[0].replace("ZMQ_", "", 1)
                    file.write(f'ROW({row["number"]}, {option_kind(row)}, "{name}")\n')


def compile_all(build):
    """Compiles every program once; returns {name: path}."""
    write_option_rows(build)
    include = os.path.join(os.path.dirname(HERE), "include")
    flags = ["-std=c99", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
             "-Wno-deprecated-declarations", "-I" + build,
             # What no rule reaches is left out, so that the symbols left are what is called.
             "-ffunction-sections", "-Wl,--gc-sections"]
    if os.path.exists(os.path.join(include, "zmq.h")):
        flags.append("-I" + include)
    folder = os.path.join(HERE, "transcripts")
    sources = {name[:-2]: [os.path.join(folder, name), *SHARED]
               for name in sorted(os.listdir(folder))
               if name.endswith(".c") and os.path.join(folder, name) not in SHARED}

    for name, (header, library) in NEEDS.items():
        if not has_header(header):
            print(f"SKIPPED: {name}: there is no {header} (Debian: lib{library[2:]}1-dev)")
            del sources[name]

    for name, command in STARTS.items():
        if not shutil.which(command):
            print(f"SKIPPED: {name}: there is no {command}")
            del sources[name]

    if not has_namespaces():
        for name in NAMESPACES:
            print(f"SKIPPED: {name}: this process may make no namespaces")
            del sources[name]

    def compile_one(name):
        path = os.path.join(build, name)
        more = [NEEDS[name][1]] if name in NEEDS else []
        subprocess.run(["cc", *flags, "-o", path, *sources[name], "-lzmq", "-lpthread", *more], check=True)
        return path

    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        return dict(zip(sources, pool.map(compile_one, sources)))


def has_namespaces():
    return subprocess.run(["unshare", "--user", "--map-root-user", "--net", "--mount", "true"],
                          stderr=subprocess.DEVNULL).returncode == 0


def has_header(name):
    return subprocess.run(["cc", "-E", "-x", "c", "-include", name, "/dev/null"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def called_functions(program):
    """The library's functions that a compiled program calls, or names to look them up at run time."""
    symbols = subprocess.run(["nm", "-D", "--undefined-only", program], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    with open(program, "rb") as file:
        names = re.findall(rb"\0(zmq_[a-z0-9_]+)(?=\0)", file.read())
    return set(re.findall(r"\bzmq_[a-z0-9_]+", symbols)), {name.decode() for name in names}


def check_functions(programs):
    """Prints which functions of the contract no program calls; returns how many stable ones that are."""
    called, named = set(), set()
    for symbols, texts in map(called_functions, programs.values()):
        called |= symbols
        named |= texts
    rows = contract_rows("functions.tsv")
    draft = [row["name"] for row in rows if row["status"] == "draft"]
    stable = [row["name"] for row in rows if row["status"] != "draft"]
    missing = [name for name in stable if name not in called]
    unnamed = [name for name in draft if name not in called | named]
    print(f"functions: {len(stable)} stable, without a program: {', '.join(missing) or 'none'}")
    print(f"functions: {len(draft)} draft, without a program: {', '.join(unnamed) or 'none'}")
    return len(missing)


def run_limited(command, limit, env, folder):
    """Runs a command in its own process group; (output, exit code or None if it was killed)."""
    process = subprocess.Popen(command, env=env, cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = None
    return output.decode("utf-8", "replace"), code


def parse(output):
    """Transcript lines as {key: result}, in order; lines without a key (what a library prints on
    its way out) are left out."""
    lines = {}
    for line in output.splitlines():
        key, colon, result = line.partition(": ")
        if not colon or not re.match(r"\w+\.\S", key):
            continue
        unique, number = key, 1
        while unique in lines:
            number += 1
            unique = f"{key}#{number}"
        lines[unique] = result
    return lines


def pattern(cell):
    """A cell in which * stands for any text."""
    return re.compile(".*".join(map(re.escape, cell.split("*"))))


class Differences:
    """Where our library answers otherwise than stock libzmq 4.3.4: differences/PROGRAM.tsv, each row a line of that
    program, what stock prints, what ours prints, the list it stands on, and the reason.

    Lists: design-choice (the contract says what is better), draft, 4.3.5+ (the contract describes 4.3.6), and
    pending for what is not built yet, where both results are *. A row whose line contains * stands for all lines
    that the line and the two results, as patterns, match; one for exactly that line comes before it."""

    def __init__(self, folder):
        self.rows = {}
        self.patterns = []
        self.pending = []
        self.problems = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for number, line in enumerate(file.read().splitlines(), 1):
                    self.add(name.removesuffix(".tsv"), line.split("\t"), f"differences/{name}:{number}")

    def add(self, program, cells, place):
        if len(cells) != 5 or cells[3] not in (*LISTS, PENDING) or not cells[4]:
            self.problems.append(f"{place}: not a row of five cells")
            return
        key, stock, ours, kind = cells[:4]
        if kind == PENDING:
            if (stock, ours) != ("*", "*"):
                self.problems.append(f"{place}: a pending row says * for both results")
            self.pending.append((program, key))
        elif "*" in key:
            self.patterns.append((program, key, stock, ours))
        elif (program, key) in self.rows:
            self.problems.append(f"{place}: {key} is listed twice")
        else:
            self.rows[program, key] = (stock, ours)

    def of(self, program):
        return {key: row for (name, key), row in self.rows.items() if name == program}

    def patterns_of(self, program):
        """The rows with patterns, and for each its compiled cells."""
        return {cells: [pattern(cell) for cell in cells]
                for name, *cells in self.patterns if name == program
                for cells in [tuple(cells)]}

    def pending_of(self, program):
        """The keys of the pending rows, and for each a pattern."""
        return {key: pattern(key) for name, key in self.pending if name == program}


class Tally:
    def __init__(self):
        self.compared = self.equal = self.listed = self.pending = self.unexpected = 0

    def add(self, other):
        self.compared += other.compared
        self.equal += other.equal
        self.listed += other.listed
        self.pending += other.pending
        self.unexpected += other.unexpected

    def __str__(self):
        return (f"lines compared {self.compared}, equal {self.equal}, "
                f"listed differences {self.listed}, pending {self.pending}, "
                f"unexpected {self.unexpected}")


def compare(program, stock, ours, differences, same_library):
    """Compares two transcripts; returns (tally, list of complaints, rows to suggest)."""
    tally, complaints, rows = Tally(), [], []
    listed, pending = differences.of(program), differences.pending_of(program)
    patterns = differences.patterns_of(program)
    used = set()
    for key in list(stock) + [key for key in ours if key not in stock]:
        tally.compared += 1
        a, b = stock.get(key, ABSENT), ours.get(key, ABSENT)
        row = listed.get(key)
        if row and not same_library:
            if a == b:
                complaints.append(f"  {key}: listed in differences/, but both say: {a}")
                tally.unexpected += 1
            elif (a, b) == row:
                tally.listed += 1
            else:
                complaints.append(f"  {key}: stock {a} | ours {b} | listed {row[0]} | {row[1]}")
                tally.unexpected += 1
        elif row and a != row[0]:
            complaints.append(f"  {key}: stock {a}, but differences/ says {row[0]}")
            tally.unexpected += 1
        elif a == b:
            tally.equal += 1
        elif matching := [row for row, cells in patterns.items()
                          if all(map(re.Pattern.fullmatch, cells, (key, a, b)))]:
            used.update(matching)
            tally.listed += 1
        elif matching := [name for name, cell in pending.items() if cell.fullmatch(key)]:
            used.update(matching)
            tally.pending += 1
        else:
            complaints.append(f"  {key}: stock {a} | ours {b}")
            rows.append((program, key, a, b))
            tally.unexpected += 1
    for name in [*pending, *patterns] if not same_library else ():
        if name not in used:
            complaints.append(f"  {name}: in differences/, but nothing differs like this")
            tally.unexpected += 1
    for key, row in listed.items():
        # A line that the stock library never prints can only be checked with ours.
        if key not in stock and key not in ours and not (same_library and row[0] == ABSENT):
            complaints.append(f"  {key}: listed in differences/, but never printed")
            tally.unexpected += 1
    # What a rule needs could not be set up: the lines after it may be equal, and say nothing.
    for key in {key for key in (*stock, *ours) if re.search(r"\.setup(#|$)", key)}:
        if any(cell.fullmatch(key) for cell in pending.values()):
            continue
        complaints.append(f"  {key}: stock {stock.get(key, ABSENT)} | ours {ours.get(key, ABSENT)}")
        tally.unexpected += 1
    return tally, complaints, rows


def run_transcript(job):
    path, library, build = job
    folder = tempfile.mkdtemp(dir=build)
    env = library.environment()
    env["TMPDIR"] = folder
    # No program needs a name that only a name server knows; one that does not answer is soon given up.
    env["RES_OPTIONS"] = "timeout:1 attempts:1"
    began = time.monotonic()
    output, code = run_limited([path], PROGRAM_LIMIT, env, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return parse(output), code, output, time.monotonic() - began


def run_transcripts(programs, libraries, differences, build):
    """Runs all programs on both libraries; returns (tally, rows to suggest, lines of the second library, what is not
    as it should be)."""
    total, suggested, printed, wrong = Tally(), [], {}, []
    jobs = [(path, library, build) for path in programs.values() for library in libraries]
    spent = [0.0, 0.0]
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        results = pool.map(run_transcript, jobs)
        for name in programs:
            pair = [next(results), next(results)]
            tally, complaints, rows = compare(name, pair[0][0], pair[1][0], differences,
                                              libraries[0].directory == libraries[1].directory)
            counts = [f"  {key}: {pair[1][0][key]}" for key in pair[1][0] if "checked" in key]
            for at, (lines, code, _, seconds) in enumerate(pair):
                spent[at] += seconds
                if code is None:
                    complaints.append(f"  on {libraries[at].name}: killed after {PROGRAM_LIMIT} s")
                    tally.unexpected += 1
                elif code != 0 or not lines:
                    complaints.append(f"  on {libraries[at].name}: exit {code}, {len(lines)} lines")
                    tally.unexpected += 1
            print(f"{name}: {tally}", *counts, *complaints, sep="\n", flush=True)
            total.add(tally)
            wrong += [f"{name}: {complaint.strip()}" for complaint in complaints]
            suggested += rows
            printed[name] = pair[1][0]
    print(f"transcripts: {total}")
    for library, seconds in zip(libraries, spent):
        print(f"transcripts: {seconds:.1f} s of programs on {library.name}")
    return total, suggested, printed, wrong


def name_failures(failures):
    """Last of all, each in one line: whoever shows what a run says may leave out its middle."""
    for failure in dict.fromkeys(failures):
        print(f"FAILED: {failure}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR")
    parser.add_argument("--only", action="append", metavar="PROGRAM")
    parser.add_argument("--show", metavar="PROGRAM")
    parser.add_argument("--suggest", metavar="FILE")
    arguments = parser.parse_args()
    stock = Library("stock")
    ours = Library("ours", arguments.ours) if arguments.ours else Library("stock again")
    build = tempfile.mkdtemp(prefix="capi-tests-")
    try:
        programs = compile_all(build)
        for library in (stock, ours):
            library.check(next(iter(programs.values())))
        if arguments.show:
            print(run_transcript((programs[arguments.show], ours, build))[2], end="")
            return 0
        wanted, every = arguments.only, programs
        unknown = set(wanted or ()) - set(programs)
        if unknown:
            sys.exit(f"no such program: {', '.join(sorted(unknown))}")
        if wanted:
            programs = {name: path for name, path in programs.items() if name in wanted}
        differences = Differences(os.path.join(HERE, "differences"))
        bad = len(differences.problems) + check_functions(every)
        print(*differences.problems, sep="\n", end="\n" if differences.problems else "")
        wrong = []
        if programs:
            total, suggested, printed, wrong = run_transcripts(programs, (stock, ours), differences, build)
            bad += total.unexpected
            if arguments.ours and programs == every:
                bad += rules.check(printed)
            if arguments.suggest:
                with open(arguments.suggest, "w", encoding="utf-8") as file:
                    for row in suggested:
                        file.write("\t".join((*row, "design-choice", "?")) + "\n")
        name_failures([*differences.problems, *wrong])
        print("no unexpected difference" if bad == 0 else f"{bad} UNEXPECTED")
        return 1 if bad else 0
    finally:
        shutil.rmtree(build, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
