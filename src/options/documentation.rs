//! `docs/options.md`, written from the table.

use std::ops::RangeInclusive;

use super::encoding::Empty;
use super::row::{Constant, Effect, Kind, Read, Row, Shape, Status, Types};
use super::table::OPTIONS;

/// Writes the documentation from the table when ZEROXIDE_BLESS is set; otherwise it must be current.
#[test]
fn documentation_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/options.md");
    let text = documentation();
    if std::env::var_os("ZEROXIDE_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/options.md: run the tests once with ZEROXIDE_BLESS=1"
    );
}

fn documentation() -> String {
    let mut text = String::from(
        "# Socket options\n\nWritten by a test from the table in `src/options/table.rs`.\n\n\
         | Option | Number | Value | Default | Set | Get | Effective | Types | Meaning |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for row in OPTIONS {
        text.push_str(&documentation_line(row));
    }
    text
}

fn documentation_line(row: &Row) -> String {
    let about = &row.documentation;
    let alias = if about.alias.is_empty() {
        String::new()
    } else {
        format!(" ({})", about.alias)
    };
    let status = match about.status {
        Status::Stable => "",
        Status::Deprecated => " *deprecated*",
        Status::Draft => " *draft*",
    };
    let effect = match about.effect {
        Effect::Immediately => "at once",
        Effect::NextEndpoint => "next bind or connect",
        Effect::NextBind => "next bind",
        Effect::NextConnect => "next connect",
        Effect::OneConnect => "next connect only",
        Effect::NextPeer => "peers from then on",
        Effect::NextRequest => "next request",
        Effect::Never => "-",
    };
    let types = match row.types {
        Types::All => "all".to_owned(),
        Types::NotThreadSafe => "those that are not thread-safe".to_owned(),
        Types::Only(types) => {
            let names: Vec<_> = types
                .iter()
                .map(|typ| format!("{typ:?}").to_uppercase())
                .collect();
            names.join(" ")
        }
    };
    let [value, default, set, get] = value_columns(&row.kind);
    let needs = row.needs.map_or_else(String::new, |feature| {
        format!(" Needs a build with the feature `{}`.", feature.name)
    });
    format!(
        "| `{}`{alias}{status} | {} | {value} | {default} | {set} | {get} | {effect} | {types} | {}{needs} |\n",
        row.name, row.number, about.text
    )
}

/// Value, default, set, get.
fn value_columns(kind: &Kind) -> [String; 4] {
    let no = "no";
    let exact = |size: usize| format!("{size} bytes");
    let columns = |value: &str, default: String, set: String, get: String| {
        [value.to_owned(), default, set, get]
    };
    match kind {
        Kind::Int {
            default, accepts, ..
        } => columns("int", default.to_string(), interval(accepts), exact(4)),
        Kind::SetOnlyInt {
            default, accepts, ..
        } => columns("int", default.to_string(), interval(accepts), no.into()),
        Kind::Int64 { default, .. } => {
            columns("int64_t", default.to_string(), "any".into(), exact(8))
        }
        Kind::Uint64 { default, .. } => {
            columns("uint64_t", default.to_string(), "any".into(), exact(8))
        }
        Kind::Bytes {
            lengths,
            empty,
            read,
            ..
        } => {
            let length = match *lengths.end() {
                usize::MAX => "any length".to_owned(),
                most => format!("{} to {most} bytes", lengths.start()),
            };
            let set = match empty {
                Empty::Refused | Empty::Taken => length,
                Empty::Null | Empty::NullOfAnyLength => format!("{length}, or NULL"),
            };
            let get = match read {
                Read::Never => no,
                Read::Binary => "at least its size",
                Read::Text => "at least its size and a NUL",
            };
            columns("bytes", "empty".into(), set, get.into())
        }
        Kind::Key { .. } => columns(
            "key",
            "zeros".into(),
            "32 bytes, or Z85 text".into(),
            "32 bytes, or 41 for Z85 text".into(),
        ),
        Kind::List { c_type, .. } => {
            columns(c_type, "none".into(), "adds; NULL clears".into(), no.into())
        }
        Kind::PatternFlag { accepts, .. } => {
            columns("int", "0".into(), interval(accepts), no.into())
        }
        Kind::PatternBytes { .. } => {
            columns("bytes", "none".into(), "any length".into(), no.into())
        }
        Kind::State { shape, .. } => {
            let (value, get) = match shape {
                Shape::ExactInt => ("int", exact(4)),
                Shape::PaddedInt => ("int", "at least 4 bytes".to_owned()),
                Shape::Text => ("string", "at least its size and a NUL".to_owned()),
            };
            columns(value, "-".into(), no.into(), get)
        }
        Kind::Absent(constant) => columns("", constant_text(*constant), no.into(), no.into()),
    }
}

fn constant_text(constant: Constant) -> String {
    match constant {
        Constant::Int(value) => value.to_string(),
        Constant::Uint64(value) => value.to_string(),
        Constant::Bytes => "empty".to_owned(),
    }
}

fn interval(accepts: &RangeInclusive<i32>) -> String {
    match (*accepts.start(), *accepts.end()) {
        (i32::MIN, i32::MAX) => "any".to_owned(),
        (least, i32::MAX) => format!("{least} and more"),
        (least, most) => format!("{least} to {most}"),
    }
}
