#!/bin/sh
# The main job in one command: builds the library, then runs an unchanged Python program, with the unchanged
# Debian binding, first on the stock libzmq and then on ours. Installs what is missing (as root on Debian).
#
#     sh bindings/demo.sh [--quick]
#
# With ZEROXIDE_DIR set, the library in that directory is used and nothing is built.
set -eu
if [ -n "${ZEROXIDE_DIR:-}" ]; then
    ZEROXIDE_DIR=$(cd "$ZEROXIDE_DIR" && pwd)
fi
cd "$(dirname "$0")/.."
. capi-tests/setup.sh

need_python_zmq
if [ -z "${ZEROXIDE_DIR:-}" ]; then
    need_build_tools
    ZEROXIDE_DIR=$PWD/dist/lib
    lay_out "$ZEROXIDE_DIR"
fi
export ZEROXIDE_DIR

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
/usr/bin/python3 bindings/demo.py "$@" --save "$results/stock"
echo
sh bindings/with-zeroxide /usr/bin/python3 bindings/demo.py "$@" --save "$results/ours"
echo
/usr/bin/python3 bindings/demo.py --compare "$results/stock" "$results/ours"
