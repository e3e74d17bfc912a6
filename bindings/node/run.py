#!/usr/bin/python3
"""Compares scenarios.js on the stock library and on ours. Called by run.sh, which built both addons.

    run.py PLACE DIRECTORY [--times N] [NAME...]

PLACE holds stock/node_modules and ours/node_modules; DIRECTORY holds our library.
"""

import argparse
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
import compare  # noqa: E402: the path comes first


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--times", type=int, default=1, help="of each scenario on ours, with busy processors")
    arguments = parser.parse_intermixed_args()
    both = []
    for label, directory in (("stock", None), ("ours", arguments.directory.resolve())):
        variables = compare.environment(directory)
        variables["NODE_PATH"] = str(arguments.place / label / "node_modules")
        check(label, variables, directory)
        both.append(variables)
    command = ["node", str(HERE / "scenarios.js")]
    with compare.busy_processors(arguments.times > 1):
        unexpected = compare.compare_programs({"scenarios.js": command}, *both, arguments.names, arguments.times)
    print("no unexpected difference" if not unexpected else f"{len(unexpected)} unexpected differences: {', '.join(unexpected)}")
    return 1 if unexpected else 0


def check(label, variables, directory):
    """The process really runs on the library that it should."""
    program = ("require('zeromq'); const maps = require('fs').readFileSync('/proc/self/maps', 'utf8');"
               "console.log(...new Set(maps.split('\\n').filter(l => l.includes('libzmq')).map(l => l.split(' ').pop())))")
    mapped = subprocess.check_output(["node", "-e", program], env=variables, text=True).split()
    if len(mapped) != 1 or (pathlib.Path(mapped[0]).parent == directory) != bool(directory):
        sys.exit(f"wrong library: {mapped}")
    print(f"{label}: {mapped[0]}")


if __name__ == "__main__":
    sys.exit(main())
