#!/bin/sh
# Runs real Python programs on the stock library and on ours and compares: sh bindings/python/run.sh [DIR]
# DIR holds our libzmq.so.5 (default: dist/lib). Installs what is missing (as root on Debian), says SKIPPED for
# what cannot run.
set -eu
directory=${1:-dist/lib}
[ $# -eq 0 ] || shift
directory=$(cd "$directory" 2>/dev/null && pwd) || { echo "no such directory: $directory" >&2; exit 2; }
cd "$(dirname "$0")/../.."
. capi-tests/setup.sh
if ! need_python_zmq; then
    echo "SKIPPED: Python programs: no python3-zmq"
    exit 0
fi
has() { /usr/bin/python3 -c "import $1" 2>/dev/null; }
has pytest && has pytest_asyncio || install_packages python3-pytest python3-pytest-asyncio || true
has tornado || install_packages python3-tornado || true
has gevent || install_packages python3-gevent || true
has uvloop || install_packages python3-uvloop || true
has txzmq || install_packages python3-txzmq || true
/usr/bin/python3 -c 'import ctypes; ctypes.CDLL("libczmq.so.4")' 2>/dev/null || install_packages libczmq4 || true
exec /usr/bin/python3 bindings/python/compare.py "$directory" "$@"
