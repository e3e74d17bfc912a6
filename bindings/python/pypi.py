#!/usr/bin/python3
"""Compares the suite of pyzmq from PyPI on two builds of it. Called by pypi.sh, which made them.

    pypi.py PLACE SOURCE BACKEND DIRECTORY [NAME...]

PLACE holds tools/ (an interpreter), stock/BACKEND and ours/BACKEND (the builds); SOURCE is pyzmq's source tree, of
which only the tests are used; DIRECTORY holds our library.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import compare
import suite


def main():
    place, source = (pathlib.Path(each).resolve() for each in sys.argv[1:3])
    backend, directory = sys.argv[3], pathlib.Path(sys.argv[4]).resolve()
    python = [str(place / "tools/bin/python"), "-B", "-X", "faulthandler"]
    libraries = []
    for label, where in (("stock", None), ("ours", directory)):
        variables = compare.environment(where)
        variables["PYTHONPATH"] = str(place / label / backend)
        variables["PYZMQ_BACKEND"] = backend
        libraries.append(suite.Library(label, python, variables))
        check(libraries[-1], where)
    with tempfile.TemporaryDirectory(prefix="zmq-pypi-") as work:
        # Away from the source tree, whose zmq package has no compiled part.
        for each in ("tests", "pytest.ini"):
            copy = shutil.copytree if (source / each).is_dir() else shutil.copy
            copy(source / each, pathlib.Path(work, each))
        unexplained = suite.compare(f"tests of {source.name} ({backend})", pathlib.Path(work, "tests"), libraries, sys.argv[5:],
                                    suite.KnownTests("pypi"))
    print("no unexplained difference" if not unexplained else f"{len(unexplained)} unexplained differences: {', '.join(unexplained)}")
    return 1 if unexplained else 0


def check(library, directory):
    """The build is the one for this library, and the process has it mapped."""
    program = ("import zmq; print(zmq.__file__, zmq.zmq_version()); "
               "print(*{line.split()[-1] for line in open('/proc/self/maps') if 'libzmq' in line})")
    text = subprocess.check_output([*library.python, "-c", program], env=library.variables, text=True, cwd="/")
    binding, mapped = text.splitlines()
    if not binding.startswith(library.variables["PYTHONPATH"]) or len(mapped.split()) != 1 or (
            (pathlib.Path(mapped).parent == directory) != bool(directory)):
        sys.exit(f"wrong library: {text}")
    print(f"{library.label}: {mapped} {binding}")


if __name__ == "__main__":
    sys.exit(main())
