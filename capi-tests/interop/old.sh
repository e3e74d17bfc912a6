#!/bin/sh
# Interop with the oldest libzmq that a package still has: 4.1.6, in the Linux wheel of pyzmq 16.0.4. It speaks ZMTP 3.0.
# (Packages of libzmq 2.x and 3.x, which speak 1.0 and 2.0, can be had no more: run.py --old does without.)
#
#     sh capi-tests/interop/old.sh DIR      DIR holds our libzmq.so.5
set -eu
ours=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
place=${CARGO_TARGET_DIR:-$PWD/target}/libzmq-4.1.6
wheel=pyzmq-16.0.4-cp36-cp36m-manylinux1_x86_64.whl
sum=5f4c356d278a1017caeec91194b499f550a2c16cf2cb0c6a5ce7f1b3dff8d323

skip() {
    echo "SKIPPED: interop with libzmq 4.1.6: $1"
    exit 0
}

[ "$(uname -m)" = x86_64 ] || skip "its wheel is for x86_64"
if [ ! -e "$place/libzmq.so.5" ]; then
    python=
    for candidate in /usr/bin/python3 python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            python=$candidate
            break
        fi
    done
    [ "$python" ] || skip "there is no pip"
    rm -rf "$place"
    mkdir -p "$place/wheel"
    if ! "$python" -m pip download --quiet --no-deps --only-binary :all: --platform manylinux1_x86_64 \
        --python-version 36 --implementation cp --abi cp36m --dest "$place" pyzmq==16.0.4 >"$place/log" 2>&1; then
        tail -n 2 "$place/log"
        skip "its wheel cannot be downloaded"
    fi
    echo "$sum  $place/$wheel" | sha256sum --check --quiet
    "$python" -m zipfile -e "$place/$wheel" "$place/wheel"
    cp "$place"/wheel/zmq/.libs/libzmq-*.so* "$place/libzmq.so.5"
fi
exec /usr/bin/python3 "$here/run.py" --ours "$ours" --theirs "$place"
