//! The dependency table: which module may import which. A test, so that the layers stay layers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Module, and what it may `use crate::`. Itself is always allowed.
const ALLOWED: &[(&str, &[&str])] = &[
    ("architecture", &[]),
    ("clock", &[]),
    ("error", &[]),
    ("random", &["sys"]),
    ("sync", &["error"]),
    ("sys", &["clock", "error", "sync"]),
    ("z85", &["error"]),
    ("timers", &["error"]),
    ("message", &["error", "sync"]),
    ("endpoint", &["error", "decimal"]),
    ("decimal", &[]),
    // Constants are shared with the header, which is generated from ffi.
    (
        "options",
        &["error", "ffi", "patterns", "context", "decimal"],
    ),
    ("mailbox", &["error", "sync", "sys", "clock"]),
    ("pipe", &["error", "message", "sync", "patterns"]),
    (
        "patterns",
        &[
            "error", "message", "options", "pipe", "random", "ffi", "sync",
        ],
    ),
    ("mechanism", &["error", "protocol"]),
    ("protocol", &["error", "mechanism", "ffi"]),
    (
        "transport",
        &["error", "endpoint", "sys", "random", "sync", "clock"],
    ),
    ("monitor", &["error", "ffi", "io", "pipe", "sync"]),
    (
        "io",
        &[
            "clock",
            "context",
            "endpoint",
            "error",
            "ffi",
            "mailbox",
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
    (
        "context",
        &[
            "error", "ffi", "io", "mailbox", "monitor", "pipe", "socket", "sync", "sys", "options",
            "decimal",
        ],
    ),
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
    ("proxy", &["error", "ffi", "message", "pipe", "socket"]),
    (
        "ffi",
        &[
            "clock", "context", "error", "mailbox", "message", "monitor", "patterns", "pipe",
            "proxy", "socket", "sync", "sys", "timers", "z85", "options",
        ],
    ),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
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
            seen += 1;
            if import != module && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports crate::{import}", file.display()));
            }
        }
    }
    assert!(
        seen > 50,
        "the scan found only {seen} imports: it looks in the wrong place"
    );
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
