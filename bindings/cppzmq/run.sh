#!/bin/sh
# Compiles a program with cppzmq's pollers against our header and library and runs it: sh bindings/cppzmq/run.sh [DIR]
# DIR holds our libzmq.so.5 (default: dist/lib). Installs what is missing (as root on Debian), says SKIPPED where it
# cannot.
set -eu
directory=${1:-dist/lib}
directory=$(cd "$directory" 2>/dev/null && pwd) || { echo "no such directory: $directory" >&2; exit 2; }
cd "$(dirname "$0")/../.."
. capi-tests/setup.sh
[ -e /usr/include/zmq.hpp ] || install_packages cppzmq-dev || {
    echo "SKIPPED: cppzmq: no cppzmq-dev"
    exit 0
}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# Our zmq.h comes before the system's, which cppzmq-dev brings along.
c++ -std=c++17 -O1 -g -Wall -Wextra -Werror -Iinclude -o "$build/poller" bindings/cppzmq/poller.cpp \
    -L"$directory" -lzmq -lpthread
LD_LIBRARY_PATH=$directory "$build/poller"
