//! The dependency table: which module may import which. A test, so that the layers stay layers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Module, and what it may `use crate::`. Itself is always allowed. From the top down; what points up says
/// why.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "ffi",
        &[
            "clock", "context", "error", "message", "pipe", "poller", "proxy", "socket", "sync",
            "sodium", "sys", "timers", "z85",
        ],
    ),
    ("proxy", &["error", "ffi", "message", "pipe", "socket"]),
    (
        "poller",
        &[
            "clock", "error", "ffi", "io", "mailbox", "memory", "socket", "sync", "sys",
        ],
    ),
    // Numbers of zmq.h stand in ffi, for the header is generated from there: `ffi` below means those, and in
    // `socket` the cells behind handles too.
    (
        "socket",
        &[
            "clock",
            "context",
            "endpoint",
            "error",
            "ffi",
            "io",
            "mailbox",
            "memory",
            "message",
            "monitor",
            "options",
            "patterns",
            "pipe",
            "sync",
            "sys",
            "transport",
        ],
    ),
    // Up to `socket`: the commands that go into a mailbox.
    (
        "context",
        &[
            "decimal", "error", "ffi", "io", "mailbox", "message", "monitor", "pipe", "socket",
            "sync", "sys",
        ],
    ),
    // Up to `io`: the texts of an endpoint.
    ("monitor", &["error", "ffi", "io", "memory", "pipe", "sync"]),
    (
        "patterns",
        &["error", "memory", "message", "options", "pipe", "random"],
    ),
    // Up to `socket`: the commands that go into a mailbox. Up to `context`: who lingers. `patterns`: the
    // table of types.
    (
        "io",
        &[
            "clock",
            "context",
            "endpoint",
            "error",
            "ffi",
            "gss",
            "mailbox",
            "mechanism",
            "memory",
            "message",
            "monitor",
            "options",
            "patterns",
            "pipe",
            "protocol",
            "random",
            "socket",
            "sync",
            "sys",
            "transport",
        ],
    ),
    ("pipe", &["error", "memory", "message", "sync"]),
    (
        "transport",
        &["endpoint", "error", "inet", "random", "sync", "sys"],
    ),
    ("protocol", &["error", "mechanism", "memory"]),
    // Up to `protocol`: the encoding of commands, and what can be wrong with them.
    (
        "mechanism",
        &["gss", "memory", "protocol", "random", "sodium"],
    ),
    // Up to `patterns`: the types that have an option. Up to `context`: what new sockets inherit.
    (
        "options",
        &[
            "context", "decimal", "error", "ffi", "inet", "memory", "patterns", "sodium", "z85",
        ],
    ),
    ("mailbox", &["error", "sync", "sys"]),
    ("message", &["error", "memory", "sys"]),
    ("endpoint", &["decimal", "error", "memory"]),
    ("memory", &["error"]),
    ("timers", &["error"]),
    ("z85", &["error"]),
    ("gss", &["memory"]),
    ("sodium", &["random"]),
    ("random", &["clock", "sys"]),
    ("sys", &["clock", "error"]),
    ("sync", &["error"]),
    ("architecture", &[]),
    ("clock", &[]),
    ("decimal", &[]),
    ("error", &[]),
    ("inet", &[]),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in rust_files(&root) {
        let Some(module) = module_of(&root, &file) else {
            continue;
        };
        let text = fs::read_to_string(&file).expect("source file");
        let allowed = ALLOWED.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = allowed else {
            wrong.push(format!("{module} is not in the table"));
            continue;
        };
        for import in imports(&text) {
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports crate::{import}", file.display()));
            }
            seen.insert((module.clone(), import));
        }
    }
    for (module, allowed) in ALLOWED {
        for import in *allowed {
            if !seen.contains(&((*module).to_owned(), (*import).to_owned())) {
                wrong.push(format!("{module} does not import crate::{import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// First path segment after `crate::` wherever it stands in code.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for piece in line.split("crate::").skip(1) {
            let name: String = piece
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            // Macros and grouped imports do not occur in the house style.
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

fn module_of(root: &Path, file: &Path) -> Option<String> {
    let relative = file.strip_prefix(root).ok()?;
    let first = relative.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    // Tests may look anywhere, and so may what a fuzzer calls.
    let path = relative.to_str()?;
    let is_test = path.contains("test") || path.contains("fuzz");
    (module != "lib" && !is_test).then(|| module.to_owned())
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("source folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
