# Sourced by the scripts that need tools: finds them, and on Debian as root installs what is missing.
# Defines install_packages, need_build_tools, need_stock, need_python_zmq, need_kerberos, stock_library and lay_out. Runs in the top
# directory of the source tree.

# The oldest Rust that compiles the crate: rust-version in Cargo.toml.
rust_minor=$(sed -n 's/^rust-version = "1\.\([0-9]*\)".*/\1/p' Cargo.toml)

apt_updated=no

# install_packages NAME...: fails with a hint where it cannot install.
install_packages() {
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        echo "missing, and only root on Debian can install it from here: $*" >&2
        return 1
    fi
    echo "installing $*"
    if [ "$apt_updated" = no ]; then
        apt-get update -qq
        apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Whether the cargo and rustc on PATH are there and new enough.
rust_is_there() {
    command -v cargo >/dev/null || return 1
    minor=$(rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    [ -n "$minor" ] && [ "$minor" -ge "$rust_minor" ]
}

# A C and C++ compiler, and Rust. Debian 12's own rustc is too old; its rustc-web, made for browsers, is not,
# and takes rustc's place. cargo fetches crates over https, for which it needs the certificates.
need_build_tools() {
    if ! rust_is_there && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    command -v cc >/dev/null && command -v c++ >/dev/null || install_packages build-essential
    rust_is_there || install_packages ca-certificates cargo-web rustc-web ||
        install_packages ca-certificates cargo rustc || return 1
    rust_is_there || { echo "Rust 1.$rust_minor or later is needed; see https://rustup.rs" >&2; return 1; }
}

# The stock library (as something to compare with) and its Python binding.
need_python_zmq() {
    if ! /usr/bin/python3 -c 'import zmq' 2>/dev/null || ! stock_is_there; then
        install_packages libzmq5 python3-zmq
    fi
}

# The stock library and what it takes to link against it.
need_stock() {
    stock_is_there && [ -e /usr/include/zmq.h ] || install_packages libzmq5 libzmq3-dev
}

# A Kerberos realm of our own, and what it takes to build the feature `gssapi`.
need_kerberos() {
    PATH="$PATH:/usr/sbin"
    kerberos_is_there ||
        install_packages krb5-kdc krb5-admin-server krb5-user libkrb5-dev clang libclang-dev && kerberos_is_there
}

kerberos_is_there() {
    for tool in krb5kdc kdb5_util kadmin.local kinit clang; do
        command -v $tool >/dev/null || return 1
    done
    [ -e /usr/include/gssapi/gssapi.h ] && ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1
}

stock_is_there() {
    [ -n "$(stock_library)" ]
}

# The path of the stock libzmq.so.5; nothing if there is none.
stock_library() {
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | sed -n 's/.*libzmq\.so\.5 .*=> \(.*\)/\1/p' | head -n 1
}

# lay_out DIR: builds the library and puts it, alone and under its usual names, into DIR.
lay_out() {
    cargo build --release --lib || return 1
    rm -rf "$1"
    sh capi-tests/layout.sh "$1" release
}
