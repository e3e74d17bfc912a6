#!/bin/sh
# Runs a target under libFuzzer; needs a nightly Rust and a C++ compiler, but no cargo-fuzz.
#
#     sh fuzz/run.sh TARGET [OPTION OF LIBFUZZER...]
#
# Begins with fuzz/corpus/TARGET. New inputs go to fuzz/target/corpus/TARGET, those that fail to
# fuzz/artifacts/TARGET. SANITIZER=address adds AddressSanitizer.
set -eu
cd "$(dirname "$0")"
target=$1
shift

flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cdebug-assertions -Ccodegen-units=1"
[ -z "${SANITIZER:-}" ] || flags="$flags -Zsanitizer=$SANITIZER"

# A target triple, so that the flags are not for build scripts.
triple=$(rustc -vV | sed -n 's/^host: //p')
into=target/${SANITIZER:-plain}
RUSTFLAGS="$flags" cargo +nightly build --quiet --release --target "$triple" --target-dir "$into" --bin "$target"

mkdir -p "target/corpus/$target" "artifacts/$target"
# Contexts and sockets go back into pools, which looks like a leak after each run.
exec "$into/$triple/release/$target" -detect_leaks=0 -dict=dictionary -artifact_prefix="artifacts/$target/" \
    "$@" "target/corpus/$target" "corpus/$target"
