#!/bin/sh
# Puts the built library under its usual names into a directory: sh capi-tests/layout.sh DIR [PROFILE]
#
#     libzmq.so.5.2.6   the library      libzmq.so.5   what programs load
#     libzmq.so         what cc -lzmq finds      libzmq.a   the static library
set -eu
directory=$1
profile=${2:-release}
built=${CARGO_TARGET_DIR:-target}/$profile
mkdir -p "$directory"
# A new file, not new contents: a process that has the old one mapped keeps it.
rm -f "$directory/libzmq.so.5.2.6" "$directory/libzmq.a"
cp "$built/libzmq.so" "$directory/libzmq.so.5.2.6"
cp "$built/libzmq.a" "$directory/libzmq.a"
ln -sf libzmq.so.5.2.6 "$directory/libzmq.so.5"
ln -sf libzmq.so.5 "$directory/libzmq.so"
