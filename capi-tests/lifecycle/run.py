#!/usr/bin/python3
"""Programs about the life of contexts, sockets, processes and the library itself, on our library.

Many of them make the stock library abort, hang or read freed memory, so nothing is compared: each line
says `rule.key: ok`, or what was wrong.

    run.py --ours DIR             every program
    run.py --ours DIR --static    also linked with DIR/libzmq.a, as far as a program allows it
    run.py --only forks           just that program (may be repeated); forks:storm is one rule of it
    run.py --times 200 --busy     again and again, with a busy loop on every processor
    run.py --valgrind             under memcheck, which has to find nothing
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CAPI_TESTS = os.path.dirname(HERE)
sys.path.insert(0, CAPI_TESTS)

from run import SHARED, Library, run_limited  # noqa: E402

# Debian's, which python3-zmq belongs to.
PYTHON = "/usr/bin/python3"
PROGRAM_LIMIT = 240
# Memcheck runs one thread at a time, and slowly.
VALGRIND_LIMIT = 1500
VALGRIND = ["valgrind", "--error-exitcode=99", "--leak-check=no", "--trace-children=no", "-q",
            "--fair-sched=try", "--suppressions=" + os.path.join(HERE, "valgrind.supp")]
# What a static library needs besides itself.
STATIC_EXTRAS = ["-lpthread", "-ldl", "-lm", "-lrt", "-lutil"]
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations",
         "-DZMQ_BUILD_DRAFT_API=1", "-I" + os.path.join(CAPI_TESTS, "..", "include"), "-I" + os.path.join(CAPI_TESTS, "transcripts")]


class Program:
    """A program of this folder. What its first lines say about linking:

    `links: nothing` = it loads the library itself, by dlopen; `plugin: NAME` = NAME.c is to lie beside it as
    NAME.so, linked with the library, and as NAME_static.so, which contains it."""

    def __init__(self, source):
        self.source = source
        self.name = os.path.basename(source)[:-2]
        with open(source, encoding="utf-8") as file:
            head = file.read(600)
        self.loads_itself = "links: nothing" in head
        self.plugins = re.findall(r"plugin: (\w+)", head)

    def compile(self, build, library, static_library=None):
        path = os.path.join(build, self.name + (".static" if static_library else ""))
        sources = [self.source]
        if self.loads_itself:
            libraries = ["-ldl", "-lpthread"]
        else:
            sources += SHARED
            libraries = [static_library, *STATIC_EXTRAS] if static_library else [
                "-L" + library.directory, "-lzmq", "-lpthread", "-ldl"]
        subprocess.run(["cc", *FLAGS, "-o", path, *sources, *libraries], check=True)
        for plugin in self.plugins:
            make = ["cc", *FLAGS, "-shared", "-fPIC", os.path.join(HERE, plugin + ".c")]
            subprocess.run([*make, "-o", os.path.join(build, plugin + ".so"), "-L" + library.directory, "-lzmq",
                            "-lpthread"], check=True)
            subprocess.run([*make, "-o", os.path.join(build, plugin + "_static.so"),
                            os.path.join(library.directory, "libzmq.a"), *STATIC_EXTRAS], check=True)
        return path


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", metavar="DIR", required=True)
    parser.add_argument("--only", action="append", metavar="PROGRAM[:RULE]")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--valgrind", action="store_true")
    arguments = parser.parse_args()
    library = Library("ours", arguments.ours)
    if arguments.valgrind and not shutil.which("valgrind"):
        print("SKIPPED: valgrind is not installed")
        return 0
    only = dict((name + ":").split(":")[:2] for name in arguments.only or ())
    programs = [Program(os.path.join(HERE, name)) for name in sorted(os.listdir(HERE)) if name.endswith(".c")]
    plugins = {plugin for program in programs for plugin in program.plugins}
    programs = [program for program in programs if program.name not in plugins]
    unknown = set(only) - {program.name for program in programs} - {"forks_py"}
    if unknown:
        sys.exit(f"no such program: {', '.join(sorted(unknown))}")
    build = tempfile.mkdtemp(prefix="lifecycle-")
    burners = []
    try:
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
        if (not only or "forks_py" in only) and not arguments.valgrind:
            if subprocess.run([PYTHON, "-c", "import zmq"], stderr=subprocess.DEVNULL).returncode == 0:
                jobs.append(("forks_py", os.path.join(HERE, "forks.py"), None))
            else:
                print("SKIPPED: forks_py: python3-zmq is not installed")
        if arguments.busy:
            burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                       for _ in range(os.cpu_count() or 1)]
        right, bad, shown = 0, 0, 0
        with concurrent.futures.ThreadPoolExecutor(1 if arguments.valgrind else 2) as pool:
            for name, path, rule in jobs:
                results = list(pool.map(lambda _: run(path, rule, library, arguments.valgrind, build),
                                        range(arguments.times)))
                wrong = [complaints for _, complaints in results if complaints]
                lines = sum(count for count, _ in results)
                print(f"{name}: {lines} lines ok, {len(wrong)} of {len(results)} runs wrong", flush=True)
                for complaints in wrong[:3]:
                    print(*complaints, sep="\n", flush=True)
                    shown += 1
                right += lines
                bad += len(wrong)
        print(f"lifecycle: {right} lines ok, {bad} runs wrong")
        return 1 if bad else 0
    finally:
        for burner in burners:
            burner.kill()
        shutil.rmtree(build, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
