#!/bin/sh
# Node's zeromq, its addon compiled from the package's source against our header and library and against the stock
# ones: programs on both, compared. sh bindings/node/run.sh [DIR [--times N] [NAME...]]
#
# DIR holds our libzmq.so.5 (default: dist/lib). The package's own build fetches a libzmq; nothing of that runs here.
# Says SKIPPED for what cannot run.
set -eu
zeromq=6.8.0
node_addon_api=8.9.2
directory=${1:-dist/lib}
[ $# -eq 0 ] || shift
directory=$(cd "$directory" 2>/dev/null && pwd) || { echo "no such directory: $directory" >&2; exit 2; }
cd "$(dirname "$0")/../.."
. capi-tests/setup.sh
need_stock
command -v c++ >/dev/null || install_packages build-essential

skip() {
    echo "SKIPPED: Node's zeromq: $1"
    exit 0
}
command -v node >/dev/null && command -v npm >/dev/null || skip "no node and npm"
headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
[ -e "$headers/node_api.h" ] && [ -e "$headers/uv.h" ] || skip "no headers of node in $headers"

place=${CARGO_TARGET_DIR:-$PWD/target}/node
mkdir -p "$place"
fetch() { # NAME VERSION: its package, without compiled parts, in $place/NAME
    [ ! -e "$place/$1/package/package.json" ] || return 0
    (cd "$place" && npm pack --silent "$1@$2" >fetch.log 2>&1) || { tail -n 3 "$place/fetch.log"; return 1; }
    mkdir -p "$place/$1"
    tar -xzf "$place/$1-$2.tgz" -C "$place/$1" --exclude='*.node'
}
fetch zeromq $zeromq && fetch node-addon-api $node_addon_api || skip "it cannot be downloaded"

stock=$(stock_library)
# build WHICH LIBRARY INCLUDE
build() {
    modules=$place/$1/node_modules
    rm -rf "$place/$1"
    mkdir -p "$modules/zeromq/build" "$modules/cmake-ts/build"
    cp -r "$place/zeromq/package/lib" "$place/zeromq/package/package.json" "$place/zeromq/package/v5-compat.js" \
        "$modules/zeromq"
    # Stands in for the package that looks for precompiled addons.
    echo 'exports.loadAddon = directory => require(directory + "/addon.node");' >"$modules/cmake-ts/build/loader.js"
    c++ -std=c++20 -O0 -fPIC -shared -DNAPI_CPP_EXCEPTIONS -DBUILDING_NODE_EXTENSION -I"$3" -I"$headers" \
        -I"$place/node-addon-api/package" -o "$modules/zeromq/build/addon.node" "$place"/zeromq/package/src/*.cc "$2"
}
build stock "$stock" /usr/include
build ours "$directory/libzmq.so.5" "$PWD/include"
exec /usr/bin/python3 bindings/node/run.py "$place" "$directory" "$@"
