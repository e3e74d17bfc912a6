//! The header, and what the library file exports, against the contract.
//!
//! - `include/zmq.h` is what cbindgen makes of `src/ffi` (ZEROXIDE_BLESS=1 rewrites it).
//! - It is accepted as C and C++ of all ages.
//! - Programs made of `contract/constants.tsv` and `functions.tsv` assert every value and signature.
//! - Its values are those of the system's `zmq.h`, where there is one.
//! - The library exports exactly the functions of the contract, under its SONAME.
#![allow(
    clippy::disallowed_macros,
    reason = "a test says what it compared and what it skipped"
)]
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "a test has no users; its modules share with each other"
)]

mod header {
    pub mod compiler;
    pub mod contract;
    pub mod generated;
    pub mod program;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use header::compiler::{Language, compile, compiler_exists, defined_values, link, run};
use header::contract::{constants, functions};
use header::generated::{SOURCES, header};
use header::program;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn committed_header_is_what_cbindgen_makes() {
    let made = header(root());
    let path = root().join("include/zmq.h");
    if std::env::var_os("ZEROXIDE_BLESS").is_some() {
        fs::write(&path, &made).expect("include/zmq.h");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = made
        .lines()
        .zip(committed.lines())
        .position(|(a, b)| a != b);
    assert!(
        made == committed,
        "include/zmq.h differs from what src/ffi gives, from line {}; \
         ZEROXIDE_BLESS=1 cargo test --test header rewrites it",
        differs.map_or_else(|| "the last one on".into(), |line| (line + 1).to_string())
    );
}

#[test]
fn every_exported_function_stands_in_a_listed_source() {
    let mut listed = BTreeSet::new();
    for entry in fs::read_dir(root().join("src/ffi")).expect("src/ffi") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("name");
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).expect("source");
        let exports = text.contains("no_mangle");
        assert!(
            !exports || SOURCES.contains(&name),
            "src/ffi/{name} exports functions but is not listed"
        );
        listed.insert(name.to_owned());
    }
    for source in SOURCES {
        assert!(listed.contains(*source), "src/ffi/{source} is gone");
    }
}

#[test]
fn header_is_accepted_by_every_language_version() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    // It must need nothing included before it, and bear to be included twice.
    let program = "#include <zmq.h>\n#include <zmq.h>\n#include <zmq_utils.h>\n\
                   int main(void) { return 0; }\n";
    let mut compiled = 0;
    for language in Language::ALL {
        for draft in [false, true] {
            compile("accepted", program, *language, &defines(draft)).expect("zmq.h");
            compiled += 1;
        }
    }
    println!("{compiled} ways to compile it");
}

#[test]
fn header_includes_only_what_the_contract_lists() {
    let header = fs::read_to_string(root().join("include/zmq.h")).expect("zmq.h");
    let included: BTreeSet<_> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#include "))
        .collect();
    let standard =
        ["errno", "signal", "stddef", "stdint", "stdio"].map(|name| format!("<{name}.h>"));
    let mut listed: BTreeSet<_> = standard.iter().map(String::as_str).collect();
    // For sigset_t of a draft function.
    listed.insert("<sys/select.h>");
    assert_eq!(included, listed);
    if compiler_exists() {
        assert!(!preprocessed("zmq.h", &[]).contains("sys/select.h"));
    }
}

#[test]
fn export_macro_is_empty_if_told_so_and_gone_behind_the_header() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    let program = "#include <zmq.h>\n#ifdef ZMQ_EXPORT\n#error ZMQ_EXPORT is left\n#endif\n\
                   int main(void) { return 0; }\n";
    for define in [
        &[][..],
        &["ZMQ_NO_EXPORT"],
        &["ZMQ_STATIC"],
        &["DLL_EXPORT"],
    ] {
        compile("export", program, Language::C99, define).expect("zmq.h");
        let visible = declarations("zmq.h", define)
            .matches("__attribute__((visibility(\"default\")))")
            .count();
        // The last two are for Windows.
        let expected = if define.contains(&"ZMQ_NO_EXPORT") {
            0
        } else {
            70
        };
        assert_eq!(visible, expected, "{define:?}");
    }
    let stated = |define| {
        declarations("zmq.h", define).replace("__attribute__((visibility(\"default\"))) ", "")
    };
    assert_eq!(stated(&["ZMQ_NO_EXPORT"]), stated(&[]));
}

#[test]
fn old_header_declares_nothing_and_says_so() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    assert_eq!(declarations("zmq_utils.h", &[]), "");
    let text = preprocessed("zmq_utils.h", &[]);
    let message = text
        .lines()
        .find(|line| line.starts_with("#pragma message"));
    assert!(
        message.is_some_and(|line| line.contains("deprecated")),
        "{text}"
    );
}

/// One that drops out of the middle of a list would go unseen otherwise.
#[test]
fn a_wrong_value_or_signature_is_noticed() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    for (wrong, right) in [
        (
            "int x[ZMQ_DEALER == 6 ? 1 : -1];",
            "int x[ZMQ_DEALER == 5 ? 1 : -1];",
        ),
        (
            "int (*f)(void *, int) = zmq_close; ",
            "int (*f)(void *) = zmq_close;",
        ),
    ] {
        let program = |line| format!("#include <zmq.h>\n{line}\nint main(void) {{ return 0; }}\n");
        for language in [Language::C99, Language::CPP17] {
            compile("noticed", &program(right), language, &[]).expect("right");
            assert!(compile("noticed", &program(wrong), language, &[]).is_err());
        }
    }
}

#[test]
fn constants_have_the_values_of_the_contract() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    let rows = constants();
    for draft in [false, true] {
        let (text, asserted) = program::of_constants(&rows, draft);
        for language in [Language::C99, Language::CPP98] {
            let program =
                compile("constants", &text, language, &defines(draft)).expect("constants");
            let program = link(&program, language, &[]).expect("constants");
            run(&program, None);
        }
        println!("{asserted} rows of constants.tsv, draft: {draft}");
        assert!(
            asserted > if draft { 250 } else { 195 },
            "{asserted} rows only"
        );
    }
}

#[test]
fn functions_have_the_signatures_of_the_contract() {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return;
    }
    let rows = functions();
    for draft in [false, true] {
        let (text, asserted) = program::of_functions(&rows, draft);
        for language in [Language::C99, Language::CPP98] {
            compile("functions", &text, language, &defines(draft)).expect("functions");
        }
        println!("{asserted} rows of functions.tsv, draft: {draft}");
        assert_eq!(asserted, if draft { 97 } else { 70 });
    }
}

#[test]
fn values_are_those_of_the_systems_header() {
    let system = Path::new("/usr/include/zmq.h");
    if !system.exists() || !compiler_exists() {
        println!("SKIPPED: no zmq.h of the system");
        return;
    }
    let mut compared = 0;
    for draft in [false, true] {
        let theirs = defined_values(Path::new("/usr/include"), &defines(draft));
        let ours = defined_values(&root().join("include"), &defines(draft));
        for (name, value) in &theirs {
            if name.starts_with("ZMQ_VERSION") {
                continue;
            }
            let own = ours.get(name);
            // A draft that changed after 4.3.4.
            if name == "ZMQ_RECONNECT_STOP_AFTER_DISCONNECT" && *value == 3 {
                assert_eq!(own, Some(&4), "{name}");
                continue;
            }
            assert_eq!(own, Some(value), "{name}, draft: {draft}");
            compared += 1;
        }
        report_new(&ours, &theirs);
    }
    println!("{compared} values compared");
    assert!(compared > 300, "{compared} values only");
}

fn report_new(ours: &BTreeMap<String, i64>, theirs: &BTreeMap<String, i64>) {
    let new: Vec<_> = ours
        .keys()
        .filter(|name| !theirs.contains_key(*name))
        .collect();
    println!("only ours: {new:?}");
}

#[test]
fn library_exports_the_functions_of_the_contract() {
    let library = library("libzmq.so");
    let symbols = output("nm", &["-D", "--defined-only"], &library);
    let exported: BTreeSet<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    let rows = functions();
    let expected: BTreeSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(exported, expected, "{}", library.display());
    assert_eq!(exported.len(), 97);
    // No data symbols, no versions.
    for line in symbols.lines() {
        assert!(
            line.split_whitespace().nth(1) == Some("T") && !line.contains('@'),
            "{line}"
        );
    }

    let dynamic = output("readelf", &["-d"], &library);
    assert!(
        dynamic
            .lines()
            .any(|line| line.contains("SONAME") && line.contains("[libzmq.so.5]")),
        "{dynamic}"
    );
    let needed: Vec<_> = dynamic
        .lines()
        .filter(|line| line.contains("NEEDED"))
        .collect();
    println!(
        "{}: {} functions, {needed:#?}",
        library.display(),
        exported.len()
    );
}

/// Built from the header, linked against the library under its usual names.
#[test]
fn programs_run_on_the_shared_library() {
    let library = library("libzmq.so");
    // cc looks for libzmq.so, the program for the SONAME.
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shared-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("directory");
    for name in ["libzmq.so", "libzmq.so.5"] {
        let _ = fs::remove_file(directory.join(name));
        std::os::unix::fs::symlink(&library, directory.join(name)).expect("symlink");
    }
    let path = format!("-L{}", directory.display());
    for (name, text, language, draft) in programs() {
        let object = compile(name, &text, language, &defines(draft)).expect(name);
        let program = link(&object, language, &[&path, "-lzmq"]).expect(name);
        print!("{name}, {language:?}: {}", run(&program, Some(&directory)));
    }
}

/// Linked against `libzmq.a` and what else of the system that needs.
#[test]
fn programs_run_on_the_static_library() {
    let library = library("libzmq.a");
    let archive = library.to_str().expect("UTF-8");
    for (name, text, language, draft) in programs() {
        let object = compile(name, &text, language, &defines(draft)).expect(name);
        let mut arguments = vec![archive];
        arguments.extend(STATIC_NEEDS);
        let program = link(&object, language, &arguments).expect(name);
        let dynamic = output("readelf", &["-d"], &program);
        assert!(!dynamic.contains("libzmq"), "{dynamic}");
        print!("{name}, {language:?}: {}", run(&program, None));
    }
    println!("libzmq.a needs {STATIC_NEEDS:?}");
}

/// A name of ours that a program uses for something else would end the link, or worse. Only the functions of the
/// contract may be seen; everything else is Rust's, hidden, or gives way (weak).
#[test]
fn static_library_brings_no_names_that_clash() {
    let library = library("libzmq.a");
    // Not nm, which stumbles over the byte code of some build profiles.
    let symbols = output("readelf", &["--syms", "--wide"], &library);
    let rows = functions();
    let expected: BTreeSet<_> = rows.iter().map(|row| row.name.as_str()).collect();
    let mut found = BTreeSet::new();
    for line in symbols.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, binding, visibility, section, name] = words[..] else {
            continue;
        };
        let of_rust = ["_R", "_ZN", "rust_eh_personality"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if binding == "GLOBAL" && visibility == "DEFAULT" && section != "UND" && !of_rust {
            found.insert(name);
        }
    }
    assert_eq!(found, expected);
}

/// Name, text, language, draft API.
fn programs() -> Vec<(&'static str, String, Language, bool)> {
    if !compiler_exists() {
        println!("SKIPPED: no compiler");
        return Vec::new();
    }
    let (all_functions, _) = program::of_functions(&functions(), true);
    let mut programs = vec![
        ("functions", all_functions, Language::C99, true),
        ("versions", program::VERSIONS.into(), Language::C99, false),
        ("versions", program::VERSIONS.into(), Language::CPP98, false),
    ];
    if Path::new("/usr/include/zmq.hpp").exists() {
        for draft in [false, true] {
            programs.push(("cppzmq", program::CPPZMQ.into(), Language::CPP17, draft));
        }
    } else {
        println!("SKIPPED: cppzmq is not installed");
    }
    programs
}

/// A header of ours as the preprocessor leaves it.
fn preprocessed(header: &str, defines: &[&str]) -> String {
    let defines: Vec<_> = defines.iter().map(|name| format!("-D{name}")).collect();
    let mut arguments = vec!["-E", "-x", "c"];
    arguments.extend(defines.iter().map(String::as_str));
    output("cc", &arguments, &root().join("include").join(header))
}

/// What stands in a header of ours itself, without lines for the preprocessor.
fn declarations(header: &str, defines: &[&str]) -> String {
    let mut inside = false;
    let mut found = String::new();
    for line in preprocessed(header, defines).lines() {
        if line.starts_with("# ") {
            inside = line.contains(&format!("/include/{header}\""));
        } else if inside && !line.starts_with('#') && !line.trim().is_empty() {
            found += line.trim();
            found.push('\n');
        }
    }
    found
}

/// What a program that is linked with `libzmq.a` must name besides it.
const STATIC_NEEDS: &[&str] = &[];

/// A library file in the directory of `ZEROXIDE_LIB`, or where cargo has built it beside this test.
fn library(name: &str) -> PathBuf {
    let directory = std::env::var_os("ZEROXIDE_LIB").map_or_else(
        || {
            let test = std::env::current_exe().expect("own path");
            test.parent().expect("directory").to_owned()
        },
        PathBuf::from,
    );
    let path = directory.join(name);
    assert!(path.exists(), "{} is not there", path.display());
    path
}

fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(file)
        .output()
        .expect(program);
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn defines(draft: bool) -> Vec<&'static str> {
    if draft {
        vec!["ZMQ_BUILD_DRAFT_API"]
    } else {
        Vec::new()
    }
}
