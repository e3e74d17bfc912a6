//! The compilers of the system, `cc` and `c++`, and what they make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A language version, by its `-std`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    compiler: &'static str,
    standard: &'static str,
}

impl Language {
    pub const C99: Self = Self::c("c99");
    pub const CPP98: Self = Self::cpp("c++98");
    pub const CPP17: Self = Self::cpp("c++17");

    pub const ALL: &[Self] = &[
        Self::c("c90"),
        Self::c("gnu90"),
        Self::C99,
        Self::c("c11"),
        Self::c("c17"),
        Self::c("c2x"),
        Self::CPP98,
        Self::cpp("c++11"),
        Self::cpp("c++14"),
        Self::CPP17,
        Self::cpp("c++20"),
        Self::cpp("c++23"),
    ];

    const fn c(standard: &'static str) -> Self {
        Self {
            compiler: "cc",
            standard,
        }
    }

    const fn cpp(standard: &'static str) -> Self {
        Self {
            compiler: "c++",
            standard,
        }
    }

    fn extension(self) -> &'static str {
        if self.compiler == "cc" { "c" } else { "cpp" }
    }
}

/// Whether both compilers are there.
pub fn compiler_exists() -> bool {
    ["cc", "c++"].iter().all(|compiler| {
        Command::new(compiler)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

/// The object file of `text`, with no warning; else what the compiler says.
pub fn compile(
    name: &str,
    text: &str,
    language: Language,
    defines: &[&str],
) -> Result<PathBuf, String> {
    let source = new_path(name, language.extension());
    fs::write(&source, text).expect("source");
    let object = source.with_extension("o");
    let mut command = Command::new(language.compiler);
    command
        .arg(format!("-std={}", language.standard))
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "-o"])
        .arg(&object)
        .arg("-I")
        .arg(include());
    for define in defines {
        command.arg(format!("-D{define}"));
    }
    said(command.arg(&source).output().expect(language.compiler))
        .map(|_| object)
        .map_err(|error| format!("{language:?}, {defines:?}:\n{error}"))
}

/// The program made of an object file and libraries; else what the linker says.
pub fn link(object: &Path, language: Language, arguments: &[&str]) -> Result<PathBuf, String> {
    let program = object.with_extension("");
    let mut command = Command::new(language.compiler);
    command.arg("-o").arg(&program).arg(object).args(arguments);
    said(command.output().expect(language.compiler)).map(|_| program)
}

/// What a program prints; it must succeed, with `libraries` as the place to find shared ones.
pub fn run(program: &Path, libraries: Option<&Path>) -> String {
    let mut command = Command::new(program);
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    said(command.output().expect("program"))
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// The object-like macros of `zmq.h` in a directory that are numbers.
pub fn defined_values(include: &Path, defines: &[&str]) -> BTreeMap<String, i64> {
    let source = new_path("values", "c");
    let names = {
        fs::write(&source, "#include <zmq.h>\n").expect("source");
        let mut command = Command::new("cc");
        command.args(["-E", "-dM", "-I"]).arg(include).arg(&source);
        command.args(defines.iter().map(|define| format!("-D{define}")));
        let macros = said(command.output().expect("cc")).expect("zmq.h");
        macros
            .lines()
            .filter_map(number_like)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut text = String::from("#include <zmq.h>\n#include <stdio.h>\nint main(void)\n{\n");
    for name in &names {
        text += &format!("    printf(\"{name} %lld\\n\", (long long)({name}));\n");
    }
    text += "    return 0;\n}\n";
    fs::write(&source, text).expect("source");
    let program = source.with_extension("");
    let mut command = Command::new("cc");
    command
        .arg("-I")
        .arg(include)
        .arg("-o")
        .arg(&program)
        .arg(&source);
    command.args(defines.iter().map(|define| format!("-D{define}")));
    said(command.output().expect("cc")).expect("values");
    run(&program, None)
        .lines()
        .map(|line| {
            let (name, value) = line.split_once(' ').expect("name and value");
            (name.to_owned(), value.parse().expect("number"))
        })
        .collect()
}

/// The name in `#define NAME number`, if it is one of ZeroMQ's.
fn number_like(line: &str) -> Option<&str> {
    let (name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
    let ours =
        name.starts_with("ZMQ_") || ["EFSM", "ENOCOMPATPROTO", "ETERM", "EMTHREAD"].contains(&name);
    (ours && !name.contains('(') && !value.is_empty() && !value.starts_with('"')).then_some(name)
}

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// A file name that no other test of this run has.
fn new_path(name: &str, extension: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
    fs::create_dir_all(&directory).expect("directory");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    directory.join(format!("{name}-{}-{count}.{extension}", std::process::id()))
}

fn said(output: Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}
