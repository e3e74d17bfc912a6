//! Gives the shared library the name that programs linked against libzmq ask for.

#![allow(
    clippy::disallowed_macros,
    reason = "a build script talks to cargo on standard output"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libzmq.so.5");
    // Our threads and thread-local destructors must not outlive our code: dlclose keeps it mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
