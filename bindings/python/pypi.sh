#!/bin/sh
# pyzmq from PyPI, built from source against our header and library and against the stock ones: its own suite on
# both, test by test. sh bindings/python/pypi.sh [DIR [NAME...]]
#
# DIR holds our libzmq.so (default: dist/lib); a NAME chooses test files; PYZMQ_BACKENDS=cython chooses one of the two
# ways in which pyzmq calls the library. Says SKIPPED where PyPI cannot be reached.
set -eu
version=27.3.0
directory=${1:-dist/lib}
[ $# -eq 0 ] || shift
directory=$(cd "$directory" 2>/dev/null && pwd) || { echo "no such directory: $directory" >&2; exit 2; }
cd "$(dirname "$0")/../.."
. capi-tests/setup.sh
need_stock
command -v c++ >/dev/null || install_packages build-essential
if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || ! ls /usr/include/python3*/Python.h >/dev/null 2>&1; then
    install_packages python3-venv python3-dev
fi

place=${CARGO_TARGET_DIR:-$PWD/target}/pypi
tools=$place/tools
requirements=bindings/python/pypi-requirements.txt
mkdir -p "$place"

# quietly LOG COMMAND...: what a command says goes into a file.
quietly() {
    log=$1
    shift
    "$@" >"$log" 2>&1
}

if ! cmp -s "$requirements" "$place/requirements"; then
    rm -rf "$tools"
    /usr/bin/python3 -m venv "$tools"
    if ! quietly "$place/tools.log" "$tools/bin/pip" install -r "$requirements"; then
        tail -n 3 "$place/tools.log"
        echo "SKIPPED: pyzmq from PyPI: the tools to build and test it cannot be installed"
        exit 0
    fi
    cp "$requirements" "$place/requirements"
fi

source=$place/pyzmq-$version
if [ ! -d "$source" ]; then
    if ! quietly "$place/download.log" env PATH="$tools/bin:$PATH" "$tools/bin/pip" download --no-deps \
        --no-binary pyzmq --no-build-isolation --dest "$place" "pyzmq==$version"; then
        tail -n 3 "$place/download.log"
        echo "SKIPPED: pyzmq from PyPI: it cannot be downloaded"
        exit 0
    fi
    tar -xzf "$place/pyzmq-$version.tar.gz" -C "$place"
fi

# One prefix for each library, with its header: what pyzmq is told to build against.
stock=$(stock_library)
for which in stock ours; do
    rm -rf "${place:?}/$which"
    mkdir -p "$place/$which/include" "$place/$which/lib"
done
ln -s /usr/include/zmq.h /usr/include/zmq_utils.h "$place/stock/include"
ln -s "$PWD/include/zmq.h" "$PWD/include/zmq_utils.h" "$place/ours/include"
ln -s "$stock" "$place/stock/lib/libzmq.so.5"
ln -s "$directory/libzmq.so.5" "$place/ours/lib/libzmq.so.5"
ln -s libzmq.so.5 "$place/stock/lib/libzmq.so"
ln -s libzmq.so.5 "$place/ours/lib/libzmq.so"

# build WHICH BACKEND. PYZMQ_NO_BUNDLE: never a libzmq of its own.
build() {
    prefix=$place/$1
    log=$place/$1-$2.log
    if ! quietly "$log" env PATH="$tools/bin:$PATH" ZMQ_PREFIX="$prefix" PYZMQ_NO_BUNDLE=1 PYZMQ_LIBZMQ_RPATH=OFF \
        PYZMQ_BACKEND="$2" "$tools/bin/pip" install -v --no-deps --no-build-isolation --no-cache-dir \
        --target "$prefix/$2" "$source"; then
        tail -n 40 "$log"
        echo "FAILED: pyzmq ($2) does not build against the $1 library"
        exit 1
    fi
}

status=0
# The two ways in which pyzmq reaches the library: each reads the header in its own way.
for backend in ${PYZMQ_BACKENDS:-cython cffi}; do
    build stock "$backend"
    build ours "$backend"
    /usr/bin/python3 bindings/python/pypi.py "$place" "$source" "$backend" "$directory" "$@" || status=1
done
exit $status
