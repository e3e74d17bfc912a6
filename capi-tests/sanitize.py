#!/usr/bin/python3
"""Runs the C programs on a library that is built with a sanitizer of Rust's, and linked into them.

    sanitize.py address             transcripts/, lifecycle/ and storms/ under AddressSanitizer, with its search for leaks
    sanitize.py thread              storms/ under ThreadSanitizer
    sanitize.py thread --only pair  those programs, of any of the folders (may be repeated)
    sanitize.py thread --minutes 10 again and again, until that long has passed

What the programs print is the business of other runners; here only what a sanitizer reports counts, and a program that
dies or hangs. Needs the source of Rust's standard library (rustup's rust-src) for `thread`.
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

from claims import FLAGS, STATIC_EXTRAS, programs_of
from run import (NAMESPACES, NEEDS, STARTS, has_header, has_namespaces, name_failures, run_limited,
                 write_option_rows)

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
TARGET = "x86_64-unknown-linux-gnu"
PROGRAM_LIMIT = 900
FOLDERS = {"address": ("transcripts", "lifecycle", "storms"), "thread": ("storms",)}
# Programs that are about what a sanitizer changes.
UNFIT = {
    "exhaustion": "limits the address space that the sanitizer needs",
    "cancelled": "the sanitizer takes frames that a cancelled thread has left for ones that are there",
}
# Programs that leave things behind on purpose, in forked children and at exit, or let no descriptor for the search.
LEAVERS = ("exits", "forks", "slots")
OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:handle_segv=0:handle_abort=0:allocator_may_return_null=1",
    "TSAN_OPTIONS": "exitcode=66",
}
REPORT = re.compile(r"(WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer)")


def build_library(kind):
    """The static library with this sanitizer in it and the sanitizer's own part, or None and why not."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return None, "only tried on x86_64 Linux"
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    libraries = os.path.join(sysroot, "lib", "rustlib", TARGET, "lib")
    names = [name for name in os.listdir(libraries) if re.search({"address": "asan", "thread": "tsan"}[kind], name)]
    if not names:
        return None, "this Rust comes without the sanitizer"
    source = os.path.join(sysroot, "lib", "rustlib", "src", "rust", "library", "std")
    if not os.path.exists(source) and shutil.which("rustup"):
        subprocess.run(["rustup", "component", "add", "rust-src"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole = os.path.exists(source)
    if kind == "thread" and not whole:
        return None, "the source of Rust's standard library is missing (rustup component add rust-src)"
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), kind + "-sanitizer")
    # The flag is not in stable Rust; the compiler that is there has it.
    # libsodium, in C, takes the sanitizer over from Rust's flags, and cannot reach across the library what it needs of it.
    os.makedirs(target, exist_ok=True)
    compiler = os.path.join(target, "cc-without-sanitizer")
    with open(compiler, "w", encoding="ascii") as file:
        file.write('#!/bin/sh\nexec cc "$@" -fno-sanitize=all\n')
    os.chmod(compiler, 0o755)
    environment = dict(os.environ, RUSTC_BOOTSTRAP="1", RUSTFLAGS=f"-Zsanitizer={kind}", CARGO_TARGET_DIR=target,
                       CC=compiler)
    command = ["cargo", "build", "--quiet", "--lib", "--profile", "quick", "--target", TARGET]
    built = subprocess.run([*command, *(["-Zbuild-std"] if whole else [])], cwd=TOP, env=environment)
    if built.returncode != 0:
        sys.exit("the library does not build with this sanitizer")
    return [os.path.join(target, TARGET, "quick", "libzmq.a"), "-Wl,--whole-archive", os.path.join(libraries, names[0]),
            "-Wl,--no-whole-archive"], None


def compile_program(program, kind, library, build):
    path = os.path.join(build, program.name)
    objects = []
    for source in program.sources():
        objects.append(f"{path}-{os.path.basename(source)}.o")
        subprocess.run(["cc", *FLAGS, "-fno-omit-frame-pointer", "-I" + build, f"-fsanitize={kind}", "-c",
                        "-o", objects[-1], source], check=True)
    more = [NEEDS[program.name][1]] if program.name in NEEDS else []
    # Not -fsanitize here: the compiler's own runtime would come in, next to Rust's.
    subprocess.run(["cc", "-o", path, *objects, *library, *more, *STATIC_EXTRAS], check=True)
    return path


def find_programs(kind, only):
    """The programs to run; prints which ones cannot be."""
    found = [program for folder in (FOLDERS["address"] if only else FOLDERS[kind]) for program in programs_of(folder)
             if not only or program.name in only]
    programs = []
    for program in found:
        if program.loads_itself:
            print(f"SKIPPED: {program.name}: it loads the library by itself")
        elif program.name in UNFIT:
            print(f"SKIPPED: {program.name}: {UNFIT[program.name]}")
        elif program.name in NEEDS and not has_header(NEEDS[program.name][0]):
            print(f"SKIPPED: {program.name}: there is no {NEEDS[program.name][0]}")
        elif program.name in STARTS and not shutil.which(STARTS[program.name]):
            print(f"SKIPPED: {program.name}: there is no {STARTS[program.name]}")
        elif program.name in NAMESPACES and not has_namespaces():
            print(f"SKIPPED: {program.name}: this process may make no namespaces")
        else:
            programs.append(program)
    return programs


def run(name, path, build):
    """Runs a program; what is wrong, as lines."""
    folder = tempfile.mkdtemp(dir=build)
    environment = dict(os.environ, TMPDIR=folder, SLOW="1", RES_OPTIONS="timeout:1 attempts:1", **OPTIONS)
    if name in LEAVERS:
        environment["ASAN_OPTIONS"] += ":detect_leaks=0"
    output, code = run_limited([path], PROGRAM_LIMIT, environment, folder)
    shutil.rmtree(folder, ignore_errors=True)
    lines = output.splitlines()
    wrong = []
    for number, line in enumerate(lines):
        if REPORT.search(line):
            wrong += lines[number:number + 60]
        # Some rules hang on purpose.
        elif re.search(r"\.outcome: (?!hangs)|: WRONG", line):
            wrong.append(line)
    if code != 0:
        wrong.append(f"killed after {PROGRAM_LIMIT} s" if code is None else f"exit {code}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=FOLDERS)
    parser.add_argument("--only", action="append", metavar="PROGRAM")
    parser.add_argument("--minutes", type=float, default=0)
    arguments = parser.parse_args()
    library, reason = build_library(arguments.kind)
    if not library:
        print(f"SKIPPED: {arguments.kind} sanitizer: {reason}")
        return 0
    build = tempfile.mkdtemp(prefix="sanitize-")
    runs, bad = 0, []
    try:
        write_option_rows(build)
        programs = find_programs(arguments.kind, arguments.only)
        if not programs:
            sys.exit("no such program")
        paths = [(program.name, compile_program(program, arguments.kind, library, build)) for program in programs]
        end = time.monotonic() + 60 * arguments.minutes
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            while runs == 0 or time.monotonic() < end:
                for (name, _), wrong in zip(paths, pool.map(lambda job: run(*job, build), paths)):
                    runs += 1
                    if wrong:
                        bad.append(name)
                        print(f"{name}:", *("  " + line for line in wrong[:150]), sep="\n", flush=True)
        print(f"{arguments.kind} sanitizer: {len(paths)} programs, {runs} runs, {len(bad)} with findings")
        name_failures(bad)
        return 1 if bad else 0
    finally:
        shutil.rmtree(build, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
