#!/usr/bin/python3
"""Programs that make claims about our library alone, because what they do is undefined on the stock one, or makes it
abort, hang or read freed memory: each line says `rule.key: ok`, or what was wrong.

    claims.py lifecycle --ours DIR   the lives of contexts, sockets, processes and the library itself
    claims.py storms --ours DIR      many threads on the same sockets
    claims.py FOLDER --static        also linked with DIR/libzmq.a, as far as a program allows it
    claims.py FOLDER --only forks    just that program (may be repeated); forks:storm is one rule of it
    claims.py FOLDER --times 200 --busy
                                     again and again, with a busy loop on every processor
    claims.py FOLDER --minutes 10    again and again, until that long has passed
    claims.py FOLDER --valgrind      under memcheck, which has to find nothing
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from run import SHARED, Library, name_failures, run_limited

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("lifecycle", "storms")

# Debian's, which python3-zmq belongs to.
PYTHON = "/usr/bin/python3"
PROGRAM_LIMIT = 600
# Memcheck runs one thread at a time, and slowly.
VALGRIND_LIMIT = 1500
VALGRIND = ["valgrind", "--error-exitcode=99", "--leak-check=no", "--trace-children=no", "-q",
            "--fair-sched=try", "--suppressions=" + os.path.join(HERE, "lifecycle", "valgrind.supp")]
# What a static library needs besides itself.
STATIC_EXTRAS = ["-lpthread", "-ldl", "-lm", "-lrt", "-lutil"]
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations",
         "-DZMQ_BUILD_DRAFT_API=", "-I" + os.path.join(HERE, "..", "include"), "-I" + os.path.join(HERE, "transcripts"),
         "-I" + os.path.join(HERE, "lifecycle")]


class Program:
    """A program of a folder. What its first lines say about linking:

    `links: nothing` = it loads the library itself, by dlopen; `plugin: NAME` = NAME.c is to lie beside it as
    NAME.so, linked with the library, and as NAME_static.so, which contains it; `with: NAME` = NAME.c is part of it."""

    def __init__(self, source):
        self.source = source
        self.name = os.path.basename(source)[:-2]
        with open(source, encoding="utf-8") as file:
            head = file.read(600)
        self.loads_itself = "links: nothing" in head
        self.plugins = re.findall(r"plugin: (\w+)", head)
        self.parts = re.findall(r"with: (\w+)", head)

    def beside(self, name):
        return os.path.join(os.path.dirname(self.source), name)

    def sources(self):
        """Of the program itself: its file, its parts, and what all programs share if it is linked with the library."""
        return [self.source, *(self.beside(part + ".c") for part in self.parts), *(() if self.loads_itself else SHARED)]

    def compile(self, build, library, static_library=None):
        path = os.path.join(build, self.name + (".static" if static_library else ""))
        if self.loads_itself:
            libraries = ["-ldl", "-lpthread"]
        else:
            libraries = [static_library, *STATIC_EXTRAS] if static_library else [
                "-L" + library.directory, "-lzmq", "-lpthread", "-ldl"]
        subprocess.run(["cc", *FLAGS, "-o", path, *self.sources(), *libraries], check=True)
        for plugin in self.plugins:
            make = ["cc", *FLAGS, "-shared", "-fPIC", self.beside(plugin + ".c")]
            subprocess.run([*make, "-o", os.path.join(build, plugin + ".so"), "-L" + library.directory, "-lzmq",
                            "-lpthread"], check=True)
            subprocess.run([*make, "-o", os.path.join(build, plugin + "_static.so"),
                            os.path.join(library.directory, "libzmq.a"), *STATIC_EXTRAS], check=True)
        return path


def programs_of(folder):
    """The programs of a folder: its C files that are not part of another one."""
    folder = os.path.join(HERE, folder)
    programs = [Program(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".c")]
    parts = {part for program in programs for part in (*program.plugins, *program.parts)}
    shared = {os.path.basename(path)[:-2] for path in SHARED}
    return [program for program in programs if program.name not in parts | shared]


def run(path, rule, library, valgrind, build):
    """Runs a program; (lines that are right, complaints)."""
    folder = tempfile.mkdtemp(dir=build)
    env = library.environment()
    env["TMPDIR"] = folder
    env["PLUGINS"] = build
    command = [*([PYTHON] if path.endswith(".py") else []), path, *([rule] if rule else [])]
    limit = PROGRAM_LIMIT
    if valgrind:
        command, limit = VALGRIND + command, VALGRIND_LIMIT
        env["SLOW"] = "1"
    output, code = run_limited(command, limit, env, folder)
    shutil.rmtree(folder, ignore_errors=True)
    right, complaints = 0, []
    for line in output.splitlines():
        if re.match(r"[a-z0-9_]+\.\S.*: ok$", line):
            right += 1
        else:
            complaints.append("  " + line)
    if code is None:
        complaints.append(f"  killed after {limit} s")
    elif code != 0 or right == 0:
        complaints.append(f"  exit {code}, {right} lines are right")
    return right, complaints


def make_jobs(arguments, library, build):
    """(name, path, rule or None) of everything that is to run, compiled."""
    only = dict((name + ":").split(":")[:2] for name in arguments.only or ())
    programs = programs_of(arguments.folder)
    scripts = [name for name in sorted(os.listdir(os.path.join(HERE, arguments.folder))) if name.endswith(".py")]
    unknown = set(only) - {program.name for program in programs} - set(scripts)
    if unknown:
        sys.exit(f"no such program: {', '.join(sorted(unknown))}")
    jobs = []
    for program in programs:
        if only and program.name not in only:
            continue
        path = program.compile(build, library)
        if not program.loads_itself:
            library.check(path)
        jobs.append((program.name, path, only.get(program.name)))
        if arguments.static and not program.loads_itself:
            static = program.compile(build, library, os.path.join(library.directory, "libzmq.a"))
            jobs.append((program.name + " (static)", static, only.get(program.name)))
    for name in scripts:
        if (only and name not in only) or arguments.valgrind:
            continue
        if subprocess.run([PYTHON, "-c", "import zmq"], stderr=subprocess.DEVNULL).returncode == 0:
            jobs.append((name, os.path.join(HERE, arguments.folder, name), None))
        else:
            print(f"SKIPPED: {name}: python3-zmq is not installed")
    return jobs


def run_all(jobs, arguments, library, build):
    """Runs every job as often as asked; how many lines are right, and the program of each run that is wrong."""
    right, bad = 0, []
    with concurrent.futures.ThreadPoolExecutor(1 if arguments.valgrind else 2) as pool:
        for name, path, rule in jobs:
            results = list(pool.map(lambda _: run(path, rule, library, arguments.valgrind, build),
                                    range(arguments.times)))
            wrong = [complaints for _, complaints in results if complaints]
            lines = sum(count for count, _ in results)
            print(f"{name}: {lines} lines ok, {len(wrong)} of {len(results)} runs wrong", flush=True)
            for complaints in wrong[:3]:
                print(*complaints, sep="\n", flush=True)
            right += lines
            bad += [name] * len(wrong)
    return right, bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", choices=FOLDERS)
    parser.add_argument("--ours", metavar="DIR", required=True)
    parser.add_argument("--only", action="append", metavar="PROGRAM[:RULE]")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--valgrind", action="store_true")
    arguments = parser.parse_args()
    library = Library("ours", arguments.ours)
    if arguments.valgrind and not shutil.which("valgrind"):
        print("SKIPPED: valgrind is not installed")
        return 0
    build = tempfile.mkdtemp(prefix="claims-")
    burners = []
    try:
        jobs = make_jobs(arguments, library, build)
        if arguments.busy:
            burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                       for _ in range(os.cpu_count() or 1)]
        right, bad, passes = 0, [], 0
        end = time.monotonic() + 60 * arguments.minutes
        while passes == 0 or time.monotonic() < end:
            more_right, more_bad = run_all(jobs, arguments, library, build)
            right, bad, passes = right + more_right, bad + more_bad, passes + 1
        print(f"{arguments.folder}: {right} lines ok, {len(bad)} runs wrong, {passes} times")
        name_failures(bad)
        return 1 if bad else 0
    finally:
        for burner in burners:
            burner.kill()
        shutil.rmtree(build, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
