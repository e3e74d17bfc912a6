#!/bin/sh
# Runs every test, and goes on after a failure so that one run shows them all. Installs what is missing (as root
# on Debian), prints SKIPPED for what cannot run here, and closes with one line and the matching status.
# Two lanes of steps run side by side: most of them wait more than they compute.
set -u
cd "$(dirname "$0")/.."
. capi-tests/setup.sh

# Lanes are processes of their own: what failed and what was skipped stands in files.
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# step NAME SECONDS COMMAND...: the limit is for what hangs, and far above what a slow machine needs.
step() {
    name=$1
    limit=$2
    shift 2
    echo "==== $name"
    started=$(date +%s)
    said=$(mktemp "$results/said.XXXXXX")
    {
        timeout -k 10 "$limit" "$@" 2>&1
        status=$?
        [ $status -eq 124 ] && echo "stopped after $limit s"
        echo $status >"$said.status"
    } | tee "$said"
    if [ "$(cat "$said.status")" -eq 0 ]; then
        echo "---- $name: passed, $(($(date +%s) - started)) s"
    else
        echo "---- $name: FAILED"
        echo "$name" >>"$results/failed"
        # Said again at the very end: whoever shows the output may leave out its middle.
        { echo "---- $name ended with:" && tail -n 15 "$said"; } >"$said.end"
    fi
}

# skip NAME REASON
skip() {
    echo "SKIPPED: $1: $2"
    echo "$1" >>"$results/skipped"
}

# The tests of the crate itself: no library file is needed, but the symbol test looks at one if it is there.
crate_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        step "unit and header tests" 900 cargo nextest run --no-fail-fast --status-level fail --final-status-level fail
        # No spin, and application threads move no bytes.
        step "unit tests, fast paths off" 900 env ZEROXIDE_SPIN=0 ZEROXIDE_DIRECT=0 \
            cargo nextest run --lib --no-fail-fast --status-level fail --final-status-level fail
    else
        step "unit and header tests" 900 cargo test --no-fail-fast --lib --tests --quiet
    fi
}

# What cargo-fuzz would build; the unit tests run the same functions.
fuzz_targets() {
    step "fuzz targets compile" 900 env RUSTFLAGS="--cfg fuzzing $lints" cargo check --quiet --no-default-features \
        --manifest-path fuzz/Cargo.toml --target-dir "$target/fuzz"
}

loom_tests() {
    if grep -rq 'all(test, loom)' src; then
        # Its own target directory: the flag changes every crate, and would rebuild all of them twice per run.
        step "loom models" 900 env RUSTFLAGS="--cfg loom" \
            cargo test --quiet --profile quick --target-dir "$target/loom" --lib loom_
    else
        skip "loom models" "there are none"
    fi
}

# The feature `gssapi`: its tests, and a Kerberos realm with the stock library. The build takes the most of the time.
gssapi_tests() {
    if ! need_kerberos; then
        skip "GSSAPI" "no Kerberos, or no libclang to build it with"
        return
    fi
    if cargo clippy --version >/dev/null 2>&1; then
        step "clippy, with GSSAPI" 900 cargo clippy --quiet --all-targets --features gssapi -- $lints
    fi
    # What the feature adds; the rest runs without it, too.
    step "unit tests, with GSSAPI" 1800 cargo test --quiet --profile quick --features gssapi --lib -- gss options version
    step "GSSAPI by Kerberos, stock and ours" 1800 sh capi-tests/kerberos/run.sh
}

# Everything that goes through the C functions, in two lanes. Needs the library in dist/lib.
c_tests() {
    command -v ip >/dev/null || install_packages iproute2 || true
    [ -e /usr/include/uv.h ] || install_packages libuv1-dev || true
    command -v valgrind >/dev/null || install_packages valgrind || true
    command -v microsocks >/dev/null || install_packages microsocks || true
    program_lane >"$results/programs" 2>&1 &
    bindings_lane
    wait
    cat "$results/programs"
    step "benchmark smoke run" 600 /usr/bin/python3 capi-tests/bench/run.py --quick --ours "$library"
    step "instructions per message" 600 /usr/bin/python3 capi-tests/bench/instructions.py --ours "$library"
}

# What compares and attacks the library by programs of our own.
program_lane() {
    step "C programs, stock and ours" 900 /usr/bin/python3 capi-tests/run.py --ours "$library"
    step "random calls, stock and ours" 600 /usr/bin/python3 capi-tests/random/run.py --ours "$library"
    step "wire interoperation, stock and ours" 900 /usr/bin/python3 capi-tests/interop/run.py --ours "$library"
    step "wire interoperation, PLAIN" 900 /usr/bin/python3 capi-tests/interop/run.py --ours "$library" --security plain
    step "wire interoperation, CURVE" 900 /usr/bin/python3 capi-tests/interop/run.py --ours "$library" --security curve
    step "lives and endings" 900 /usr/bin/python3 capi-tests/claims.py lifecycle --ours "$library" --static
    step "ends and losses, stock and ours" 900 /usr/bin/python3 capi-tests/loss/run.py --ours "$library" --quick
    step "ends and losses, fast paths off" 900 env ZEROXIDE_SPIN=0 ZEROXIDE_DIRECT=0 \
        /usr/bin/python3 capi-tests/loss/run.py --ours "$library" --quick
    step "network faults, stock and ours" 900 /usr/bin/python3 capi-tests/faults/run.py --ours "$library" --quick
    step "hostile peers" 900 /usr/bin/python3 capi-tests/hostile/run.py --ours "$library" --quick
}

# What builds something first, or installs it.
bindings_lane() {
    fuzz_targets
    loom_tests
    gssapi_tests
    step "C programs under AddressSanitizer" 1800 /usr/bin/python3 capi-tests/sanitize.py address
    step "storms under ThreadSanitizer" 900 /usr/bin/python3 capi-tests/sanitize.py thread
    step "storms on shared sockets" 900 /usr/bin/python3 capi-tests/claims.py storms --ours "$library"
    step "storms, fast paths off" 900 env ZEROXIDE_SPIN=0 ZEROXIDE_DIRECT=0 \
        /usr/bin/python3 capi-tests/claims.py storms --ours "$library"
    step "Python demo" 600 env ZEROXIDE_DIR="$library" sh bindings/demo.sh --quick
    step "Python programs, stock and ours" 1800 sh bindings/python/run.sh "$library"
    step "cppzmq's pollers" 600 sh bindings/cppzmq/run.sh "$library"
    step "pyzmq from PyPI, stock and ours" 1800 sh bindings/python/pypi.sh "$library"
    step "Node programs, stock and ours" 900 sh bindings/node/run.sh "$library"
}

lints="-D warnings"
target=${CARGO_TARGET_DIR:-$PWD/target}
library=$PWD/dist/lib

if ! need_build_tools; then
    echo "FAILED: no compiler"
    exit 1
fi

if cargo fmt --version >/dev/null 2>&1; then
    step "format" 60 cargo fmt --check
else
    skip "format" "rustfmt is not installed"
fi
if cargo clippy --version >/dev/null 2>&1; then
    step "clippy" 900 cargo clippy --quiet --all-targets -- $lints
else
    skip "clippy" "it is not installed"
fi

step "release build" 900 cargo build --quiet --release --lib
rm -rf "$library"
step "layout" 60 sh capi-tests/layout.sh "$library" release
export ZEROXIDE_LIB="$library"
crate_tests
if ! need_stock || ! need_python_zmq; then
    fuzz_targets
    loom_tests
    skip "C programs, demo, benchmark" "no stock libzmq to compare with"
else
    c_tests
fi

# names FILE: its lines, with commas between them.
names() {
    paste -s -d, "$results/$1" | sed 's/,/, /g'
}

echo
[ ! -e "$results/skipped" ] || echo "skipped: $(names skipped)"
if [ -e "$results/failed" ]; then
    cat "$results"/*.end
    echo "FAILED: $(names failed)"
    exit 1
fi
echo "all tests passed"
