//! The table against the contract's table: what it says, and how it behaves.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::encoding::Empty;
use super::row::{Constant, Effect, Kind, Read, Row, Shape, Status, Types};
use super::table::OPTIONS;
use super::*;
use crate::ffi::constants as c;
use crate::patterns::{SocketType, TYPES};

const CONTRACT: &str = include_str!("../../capi-tests/contract/socket_options.tsv");

/// Columns of the contract's table.
const NAME: usize = 0;
const STATUS: usize = 2;
const ACCESS: usize = 3;
const C_TYPE: usize = 4;
const DEFAULT: usize = 5;
const SET_LENGTH: usize = 6;
const ACCEPTED: usize = 7;
const GET_LENGTH: usize = 8;
const EFFECT: usize = 10;
const TYPES_COLUMN: usize = 11;

fn contract() -> BTreeMap<i32, Vec<&'static str>> {
    let rows = CONTRACT
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    // The last row says that all other numbers are unassigned.
    rows.filter_map(|row| Some((row[1].parse().ok()?, row)))
        .collect()
}

#[test]
fn every_option_of_the_contract_has_its_row() {
    let contract = contract();
    assert!(OPTIONS.is_sorted_by(|a, b| a.number < b.number));
    assert_eq!(OPTIONS.len(), CONTRACT.lines().count() - 2);
    assert_eq!(
        OPTIONS.iter().map(|row| &row.number).collect::<Vec<_>>(),
        contract.keys().collect::<Vec<_>>()
    );
    for row in OPTIONS {
        let expected = &contract[&row.number];
        let documentation = &row.documentation;
        let name = match documentation.alias {
            "" => row.name.to_owned(),
            alias if alias.contains(',') => format!("{} (aliases {alias})", row.name),
            alias => format!("{} (alias {alias})", row.name),
        };
        assert_eq!(name, expected[NAME]);
        let status = match documentation.status {
            Status::Stable => "stable",
            Status::Deprecated => "deprecated",
            Status::Draft => "draft",
        };
        // The contract calls ROUTER_RAW legacy in one table and deprecated in the other.
        assert_eq!(status, expected[STATUS], "{name}");
        if !matches!(row.kind, Kind::Absent(_)) {
            assert_eq!(access(row), expected_access(expected[ACCESS]), "{name}");
        }
        assert_eq!(c_type(row), expected_c_type(expected[C_TYPE]), "{name}");
        assert_eq!(
            default(row),
            expected_default(row.number, expected[DEFAULT]),
            "{name}"
        );
        assert_effect(row, expected[EFFECT]);
        assert_types(row, expected[TYPES_COLUMN]);
        assert!(!documentation.text.is_empty(), "{name}");
    }
}

fn access(row: &Row) -> (bool, bool) {
    match row.kind {
        Kind::Int { .. } | Kind::Int64 { .. } | Kind::Uint64 { .. } | Kind::Key { .. } => {
            (true, true)
        }
        Kind::Bytes { read, .. } => (true, read != Read::Never),
        Kind::SetOnlyInt { .. }
        | Kind::List { .. }
        | Kind::PatternFlag { .. }
        | Kind::PatternBytes { .. } => (true, false),
        Kind::State { .. } => (false, true),
        Kind::Absent(_) => (false, false),
    }
}

fn expected_access(text: &str) -> (bool, bool) {
    match text {
        "get" => (false, true),
        "set" => (true, false),
        // "A replacement may make get succeed": it does.
        "both" | "set (get is broken)" => (true, true),
        _ => panic!("unknown access {text}"),
    }
}

fn c_type(row: &Row) -> &'static str {
    match &row.kind {
        Kind::Int { .. } | Kind::SetOnlyInt { .. } | Kind::PatternFlag { .. } => "int",
        Kind::Int64 { .. } => "int64_t",
        Kind::Uint64 { .. } => "uint64_t",
        Kind::Bytes {
            read: Read::Text, ..
        } => "string",
        Kind::Bytes { .. } | Kind::PatternBytes { .. } => "bytes",
        Kind::Key { .. } => "32 raw bytes or Z85 text",
        Kind::List { c_type, .. } => c_type,
        Kind::State {
            shape: Shape::Text, ..
        } => "string",
        Kind::State { .. } => "int",
        Kind::Absent(constant) => match constant {
            Constant::Int(_) => "int",
            Constant::Uint64(_) => "uint64_t",
            Constant::Bytes => "bytes",
        },
    }
}

fn expected_c_type(text: &str) -> &str {
    let text = text
        .trim_start_matches("binary ")
        .trim_start_matches("NUL-terminated ");
    match text {
        "32 raw bytes or Z85 text" => text,
        _ => text.split(' ').next().unwrap_or(text),
    }
}

fn default(row: &Row) -> String {
    match &row.kind {
        Kind::Int { default, .. } | Kind::SetOnlyInt { default, .. } => default.to_string(),
        Kind::Int64 { default, .. } => default.to_string(),
        Kind::Uint64 { default, .. } => default.to_string(),
        Kind::PatternFlag { .. } => "0".to_owned(),
        Kind::Absent(Constant::Int(value)) => value.to_string(),
        Kind::Absent(Constant::Uint64(value)) => value.to_string(),
        Kind::State { .. } => "state".to_owned(),
        Kind::Key { .. } => "zeros".to_owned(),
        _ => "empty".to_owned(),
    }
}

fn expected_default(number: i32, text: &str) -> String {
    const STATE: [i32; 8] = [
        c::ZMQ_RCVMORE,
        c::ZMQ_FD,
        c::ZMQ_EVENTS,
        c::ZMQ_TYPE,
        c::ZMQ_LAST_ENDPOINT,
        c::ZMQ_MECHANISM,
        c::ZMQ_THREAD_SAFE,
        c::ZMQ_TOPICS_COUNT,
    ];
    if STATE.contains(&number) {
        return "state".to_owned();
    }
    if number == c::ZMQ_BLOCKY {
        return "1".to_owned();
    }
    if text.starts_with("32 zero bytes") {
        return "zeros".to_owned();
    }
    if text.starts_with("empty") || text == "none" || text == "no filters" {
        return "empty".to_owned();
    }
    let number = text.trim_start_matches("unset (");
    let end = number.find([';', ',', ' ', ')']).unwrap_or(number.len());
    number[..end].to_owned()
}

fn assert_effect(row: &Row, expected: &str) {
    let begins = match row.documentation.effect {
        Effect::Immediately => "immediately",
        Effect::NextEndpoint => "next bind/connect",
        Effect::NextBind => "next bind",
        Effect::NextConnect => "next connect",
        Effect::OneConnect => "consumed by the very next connect",
        Effect::NextPeer if expected.starts_with("on each pipe") => {
            "on each pipe attached afterwards"
        }
        Effect::NextPeer => "pipes attached afterwards",
        Effect::NextRequest => "next request",
        Effect::Never => "-",
    };
    assert!(expected.starts_with(begins), "{}: {expected}", row.name);
    let endpoint = expected.starts_with("next bind/connect");
    assert_eq!(
        endpoint,
        row.documentation.effect == Effect::NextEndpoint,
        "{}",
        row.name
    );
}

/// The types in the contract's column, whose words are partly prose.
fn assert_types(row: &Row, text: &str) {
    let everybody = ["all", "accepted by", "every type", "-"]
        .iter()
        .any(|word| text.starts_with(word));
    for typ in TYPES {
        let named = text
            .split(|character: char| !character.is_ascii_alphabetic())
            .any(|word| word == typ.wire_name);
        let expected = everybody || named;
        assert_eq!(
            row.types.contain(typ.socket_type),
            expected,
            "{} {}",
            row.name,
            typ.wire_name
        );
    }
    assert_eq!(
        row.types == Types::NotThreadSafe,
        row.number == c::ZMQ_FD,
        "{}",
        row.name
    );
}

/// Tries every int option with the limits that the contract's text gives, on every type.
#[test]
fn ints_are_validated_as_the_contract_says() {
    let mut tried = 0;
    for (number, expected) in contract() {
        if expected[C_TYPE].split(' ').next() != Some("int") || expected[ACCESS] == "get" {
            continue;
        }
        let row = Row::find(number).unwrap();
        let unavailable = !row.is_built() || matches!(row.kind, Kind::Absent(_));
        let accepts = (!unavailable).then(|| range(expected[ACCEPTED]));
        let accepts = |value| accepts.as_ref().is_some_and(|range| range.contains(&value));
        for typ in TYPES {
            for value in [
                i32::MIN,
                -100,
                -99,
                -2,
                -1,
                0,
                1,
                2,
                3,
                4,
                6_553_599,
                6_553_600,
                i32::MAX,
            ] {
                let mut options = SocketOptions::default();
                let taken = accepts(value) && row.types.contain(typ.socket_type);
                let result = set(
                    &mut options,
                    typ.socket_type,
                    number,
                    Some(&value.to_ne_bytes()),
                    4,
                );
                assert_eq!(
                    result.is_ok(),
                    taken,
                    "{} {value} on {}",
                    expected[NAME],
                    typ.wire_name
                );
                if let Ok(Applied::Stored) = result {
                    assert_reads_back(&options, row, value);
                }
                tried += 1;
            }
        }
    }
    println_counts(tried, "ints");
}

fn assert_reads_back(options: &SocketOptions, row: &Row, value: i32) {
    let value = match (&row.kind, row.number) {
        (Kind::SetOnlyInt { .. }, _) => return,
        (_, c::ZMQ_HEARTBEAT_TTL) => value / 100 * 100,
        (Kind::Int { accepts, .. }, c::ZMQ_RECONNECT_STOP | c::ZMQ_BUSY_POLL) => {
            assert_eq!(*accepts, i32::MIN..=i32::MAX);
            value
        }
        // "any int (non-zero = 1)".
        (Kind::Int { accepts, .. }, _) if *accepts == (i32::MIN..=i32::MAX) => {
            i32::from(value != 0)
        }
        _ => value,
    };
    let mut buffer = [0xaa; 4];
    let answer = get(options, SocketType::Pair, row.number, &mut buffer);
    assert!(matches!(answer, Ok(Answer::Written(4))), "{}", row.name);
    assert_eq!(i32::from_ne_bytes(buffer), value, "{}", row.name);
}

/// What "set_accepted_values" says of an int.
fn range(text: &str) -> RangeInclusive<i32> {
    let starts: [(&str, RangeInclusive<i32>); 9] = [
        ("> 0", 1..=i32::MAX),
        (">= 0", 0..=i32::MAX),
        (">= -1", -1..=i32::MAX),
        ("-1, 0, 1", -1..=1),
        ("0 or 1", 0..=1),
        ("0..3", 0..=3),
        ("0, 1, 2", 0..=2),
        ("any int", i32::MIN..=i32::MAX),
        (
            "milliseconds; value/100 (truncating) must be 0..65535",
            -99..=6_553_599,
        ),
    ];
    let found = starts
        .into_iter()
        .find(|(start, _)| text.starts_with(start));
    found.unwrap_or_else(|| panic!("unknown range {text}")).1
}

/// Tries every option with buffers of many lengths.
#[test]
fn lengths_are_validated_as_the_contract_says() {
    let mut tried = 0;
    let options = SocketOptions::default();
    for (number, expected) in contract() {
        let row = Row::find(number).unwrap();
        let typ = a_type_of(row);
        for length in (0..=64).chain([255, 256, 257]) {
            let set_taken = set_length_taken(row, &expected, length);
            let value = sample(row, length);
            let result = set(&mut options.clone(), typ, number, Some(&value), length);
            assert_eq!(
                result.is_ok(),
                set_taken,
                "set {} with {length}: {result:?}",
                row.name
            );

            let mut buffer = vec![0xaa; length + 1];
            let result = get(&options, typ, number, &mut buffer[..length]);
            let wanted = get_length(row, &expected, length);
            match result {
                Ok(Answer::Written(written)) => {
                    assert_eq!(Some(written), wanted, "get {} with {length}", row.name);
                    assert!(
                        buffer[written..length].iter().all(|&byte| byte == 0),
                        "{}",
                        row.name
                    );
                }
                Ok(Answer::State(_, row))
                    if matches!(
                        row.kind,
                        Kind::State {
                            shape: Shape::Text,
                            ..
                        }
                    ) =>
                {
                    let written = row.write_text(&mut buffer[..length], b"abc").ok();
                    assert_eq!(
                        written,
                        (length >= 4).then_some(4),
                        "get {} with {length}",
                        row.name
                    );
                }
                Ok(Answer::State(_, row)) => {
                    let written = row.write_int(&mut buffer[..length], -2).ok();
                    assert_eq!(written, wanted, "get {} with {length}", row.name);
                    assert_eq!(buffer[..4], (-2_i32).to_ne_bytes());
                    assert!(
                        buffer[4..length].iter().all(|&byte| byte == 0),
                        "{}",
                        row.name
                    );
                }
                Err(error) => {
                    assert_eq!(error, Error::Invalid);
                    assert_eq!(None, wanted, "get {} with {length}", row.name);
                }
            }
            assert_eq!(buffer[length], 0xaa, "{} wrote past its buffer", row.name);
            tried += 2;
        }
    }
    println_counts(tried, "lengths");
}

/// A value of this length that is in range if the length is.
fn sample(row: &Row, length: usize) -> Vec<u8> {
    match row.number {
        c::ZMQ_METADATA if length > 4 => [b"X-", "a".repeat(length - 4).as_bytes(), b":b"].concat(),
        // Each length is an address; the shorter ones in an old form.
        c::ZMQ_TCP_ACCEPT_FILTER => b"1122334"
            .iter()
            .copied()
            .chain(std::iter::repeat(0))
            .take(length)
            .collect(),
        // Text, with a NUL if there is room.
        _ if matches!(row.kind, Kind::Key { .. }) && length > 32 => {
            [&[b'0'; 40][..], &[0; 512]].concat()[..length].to_vec()
        }
        // As an int: 1, or 1 in the upper bits.
        _ => [1]
            .into_iter()
            .chain(std::iter::repeat(0))
            .take(length)
            .collect(),
    }
}

/// From the columns "set_option_len" and "set_accepted_values", with a pointer that is not NULL.
fn set_length_taken(row: &Row, expected: &[&str], length: usize) -> bool {
    let unavailable = !row.is_built() || matches!(row.kind, Kind::Absent(_) | Kind::State { .. });
    if unavailable {
        return false;
    }
    let text = expected[SET_LENGTH];
    match text {
        // "A replacement should demand length 4".
        _ if row.number == c::ZMQ_XSUB_VERBOSE_UNSUBSCRIBE => length == 4,
        // The shortest property has five bytes, the name at most 255.
        _ if row.number == c::ZMQ_METADATA => (5..=257).contains(&length),
        // What follows the address is cut at the NUL.
        _ if row.number == c::ZMQ_TCP_ACCEPT_FILTER => (1..=255).contains(&length),
        _ if text.starts_with("exactly 4") => length == 4,
        _ if text.starts_with("exactly 8") => length == 8,
        _ if text.starts_with("32 = binary key; 40 = ") => [32, 40, 41].contains(&length),
        "1..255"
        | "1..255 non-NULL"
        | "1..255 with non-NULL pointer; or NULL with 0"
        | "as ZMQ_PLAIN_USERNAME" => (1..=255).contains(&length),
        _ if text.starts_with("1..16 non-NULL") => (1..=16).contains(&length),
        _ if text.starts_with("any length >= 0") => true,
        _ if text.starts_with("any length >= 1") => length >= 1,
        _ if text.starts_with(">= 1 non-NULL, no upper limit") => length >= 1,
        _ if text.starts_with("0 (or NULL pointer with any length) = clear; 1..255") => {
            length <= 255
        }
        _ => panic!("unknown length rule {text}"),
    }
}

/// The length that is to be reported, from the column "get_option_len".
fn get_length(row: &Row, expected: &[&str], length: usize) -> Option<usize> {
    let text = expected[GET_LENGTH];
    if !row.is_built() || matches!(row.kind, Kind::Absent(_)) {
        return None;
    }
    match text {
        _ if text.starts_with("get always returns -1") => (length == 4).then_some(4),
        _ if text.starts_with("not readable") => None,
        _ if text.starts_with("exactly 4") => (length == 4).then_some(4),
        _ if text.starts_with("exactly 8") => (length == 8).then_some(8),
        _ if text.starts_with("exactly 32") => [32, 41].contains(&length).then_some(length),
        _ if text.starts_with(">=4") => (length >= 4).then_some(4),
        _ if text.starts_with("any length >= current size") => Some(0),
        _ if text.starts_with("any length >= value size + 1") => (length >= 1).then_some(1),
        _ => panic!("unknown length rule {text}"),
    }
}

/// Shown with --nocapture only.
#[expect(
    clippy::print_stderr,
    reason = "how much a table-driven test went through"
)]
fn println_counts(tried: usize, what: &str) {
    assert!(tried > 1000, "only {tried} {what}");
    eprintln!("{tried} {what} tried, {} options", OPTIONS.len());
}

/// NULL pointers, with and without a length.
#[test]
fn null_values() {
    for row in OPTIONS {
        let typ = a_type_of(row);
        let clears = match row.kind {
            Kind::Bytes { empty, .. } | Kind::PatternBytes { empty, .. } => empty != Empty::Refused,
            Kind::List { .. } => row.number != c::ZMQ_METADATA,
            _ => false,
        };
        let clears_anyhow = [c::ZMQ_SOCKS_USERNAME, c::ZMQ_SOCKS_PASSWORD].contains(&row.number);
        let mut options = SocketOptions::default();
        assert_eq!(
            set(&mut options, typ, row.number, None, 0).is_ok(),
            clears,
            "{}",
            row.name
        );
        for length in [1, 4, 8] {
            let result = set(&mut options, typ, row.number, None, length);
            let expected = match clears_anyhow {
                true => Ok(Applied::Stored),
                false => Err(Error::Invalid),
            };
            assert_eq!(result, expected, "{} {length}", row.name);
        }
    }
}

#[test]
fn unassigned_numbers() {
    let assigned = contract();
    let mut options = SocketOptions::default();
    for number in (-5..130).chain([i32::MIN, i32::MAX, 10_000]) {
        if assigned.contains_key(&number) {
            continue;
        }
        let result = set(&mut options, SocketType::Pair, number, Some(&[0; 4]), 4);
        assert_eq!(result, Err(Error::Invalid), "{number}");
        let result = get(&options, SocketType::Pair, number, &mut [0; 4]);
        assert!(matches!(result, Err(Error::Invalid)), "{number}");
    }
}

/// A type that has the option.
fn a_type_of(row: &Row) -> SocketType {
    match row.types {
        Types::Only(types) => types[0],
        Types::All | Types::NotThreadSafe => SocketType::Pair,
    }
}
