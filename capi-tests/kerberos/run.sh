#!/bin/sh
# GSSAPI between our library and the stock one, in a Kerberos realm of its own: sh capi-tests/kerberos/run.sh [OPTION...]
#
# Installs what is missing (as root on Debian), builds the library with the feature `gssapi` (beside the others, in the
# profile `quick`: two minutes of a processor from nothing, half a minute later on), and runs run.py with the options: about
# ten seconds. Touches nothing of the system's Kerberos.
set -u
cd "$(dirname "$0")/../.."
. capi-tests/setup.sh

if ! need_build_tools || ! need_kerberos || ! need_stock; then
    echo "SKIPPED: GSSAPI: no Kerberos, no libclang, no compiler or no stock libzmq"
    exit 0
fi
cargo build --quiet --profile quick --features gssapi --lib || exit 1
library=$(mktemp -d)
trap 'rm -rf "$library"' EXIT
sh capi-tests/layout.sh "$library" quick || exit 1
/usr/bin/python3 capi-tests/kerberos/run.py --ours "$library" "$@"
