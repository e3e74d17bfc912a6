//! Gives the shared library the name that programs linked against libzmq ask for, and sets `draft_api`.

#![allow(
    clippy::disallowed_macros,
    reason = "a build script talks to cargo on standard output"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Always set: every build exports the draft functions. It marks what the header declares under
    // ZMQ_BUILD_DRAFT_API only, in a form that cbindgen understands.
    println!("cargo:rustc-cfg=draft_api");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libzmq.so.5");
    // Our threads and thread-local destructors must not outlive our code: dlclose keeps it mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
