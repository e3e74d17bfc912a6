#!/bin/sh
# Runs the tests of concurrency again and again on busy processors: sh capi-tests/repeat.sh [TIMES] [FILTER...]
#
# Builds once. Ends with how many runs passed and failed; the output of each failed run is shown.
set -u
times=${1:-200}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- stress_ two_threads sync:: mailbox:: full_pipes fork::

program=$(cargo test --profile quick --lib --no-run 2>&1 |
    sed -n 's/.*Executable unittests src\/lib.rs (\(.*\))$/\1/p')
[ -n "$program" ] || { echo "the tests do not build"; exit 2; }

work=$(mktemp -d)
# A copy: a build in the meantime does not change what runs.
cp "$program" "$work/tests"
program=$work/tests
busy=
passed=0
failed=0
finish() {
    [ ! -s "$work/output" ] || grep 'test result' "$work/output"
    echo "$passed passed, $failed failed"
    # shellcheck disable=SC2086 # one word each
    [ -z "$busy" ] || kill $busy 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# One loop for each processor: threads are preempted in all places.
processors=$(getconf _NPROCESSORS_ONLN)
while [ "$processors" -gt 0 ]; do
    (while :; do :; done) &
    busy="$busy $!"
    processors=$((processors - 1))
done

run=1
while [ "$run" -le "$times" ]; do
    if timeout 600 "$program" "$@" >"$work/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "---- run $run failed"
        tail -n 80 "$work/output"
    fi
    run=$((run + 1))
done
[ "$failed" -eq 0 ]
