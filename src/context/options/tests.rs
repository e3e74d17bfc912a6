//! The table against the contract's, and against what callers see (values of stock 4.3.4, but for the
//! `_ext` functions, which it does not have).

use super::*;

const CONTRACT: &str = include_str!("../../../capi-tests/contract/context_options.tsv");

#[test]
fn every_option_of_the_contract_has_its_row() {
    let rows: Vec<Vec<&str>> = CONTRACT
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let expected: Vec<_> = rows.iter().filter(|row| !row[1].is_empty()).collect();
    assert_eq!(expected.len(), 13);
    assert_eq!(OPTIONS.len(), expected.len());
    for (row, expected) in OPTIONS.iter().zip(expected) {
        assert_eq!(row.name, expected[0]);
        assert_eq!(row.number.to_string(), expected[1], "{}", row.name);
        let access = match row.kind {
            Kind::Int { .. } | Kind::NamePrefix => "both",
            Kind::SetOnly { .. } => "set",
            Kind::Fixed(_) => "get",
        };
        assert_eq!(access, expected[3], "{}", row.name);
        let default = expected[5].split(' ').next();
        let value = ContextOptions::default().get(row.number);
        match row.kind {
            Kind::Int { default: ours, .. } | Kind::Fixed(ours) => {
                assert_eq!(Some(&*ours.to_string()), default, "{}", row.name);
                assert_eq!(value, Ok(ours), "{}", row.name);
            }
            Kind::NamePrefix => assert_eq!((value, default), (Ok(0), Some("empty"))),
            Kind::SetOnly { .. } => {}
        }
        assert_accepts(row, expected[6]);
    }
}

/// Sets values around the limits of the contract's column "accepted_values".
fn assert_accepts(row: &Row, text: &str) {
    let least = match text {
        _ if text.starts_with(">= 0") => 0,
        _ if text.starts_with(">= 1") => 1,
        _ if text.starts_with("int form: any int") => i32::MIN,
        _ if text.starts_with("a CPU previously added") => 0,
        "read only" => {
            // Number 3 is another option to set.
            let writable = row.number == c::ZMQ_SOCKET_LIMIT;
            assert_eq!(
                ContextOptions::default().set(row.number, 1).is_ok(),
                writable,
                "{}",
                row.name
            );
            return;
        }
        _ => panic!("unknown range {text}"),
    };
    for value in [i32::MIN, -2, -1, 0, 1, 2, 100_000, i32::MAX] {
        let mut options = ContextOptions::default();
        if row.number == c::ZMQ_THREAD_AFFINITY_CPU_REMOVE && value >= 0 {
            assert_eq!(options.set(row.number, value), Err(Error::Invalid));
            options.set(c::ZMQ_THREAD_AFFINITY_CPU_ADD, value).unwrap();
        }
        let taken = value >= least;
        assert_eq!(
            options.set(row.number, value).is_ok(),
            taken,
            "{} {value}",
            row.name
        );
        assert_eq!(
            options
                .set_ext(row.number, Some(&value.to_ne_bytes()))
                .is_ok(),
            taken && row.number != c::ZMQ_THREAD_AFFINITY_CPU_REMOVE,
            "{} {value}",
            row.name
        );
        if !taken || !matches!(row.kind, Kind::Int { .. } | Kind::NamePrefix) {
            continue;
        }
        let flag = text.contains("non-zero = 1");
        let expected = if flag { i32::from(value != 0) } else { value };
        assert_eq!(options.get(row.number), Ok(expected), "{}", row.name);
        let mut buffer = [0xaa; 4];
        options.get_ext(row.number, &mut buffer).unwrap();
        assert_eq!(i32::from_ne_bytes(buffer), expected, "{}", row.name);
    }
}

#[test]
fn unknown_numbers_and_lengths() {
    let mut options = ContextOptions::default();
    for number in [-1, 0, 11, 43, 69, 71, 10_000] {
        assert_eq!(options.set(number, 1), Err(Error::Invalid), "{number}");
        assert_eq!(options.get(number), Err(Error::Invalid), "{number}");
        assert_eq!(
            options.set_ext(number, Some(&[0; 4])),
            Err(Error::Invalid),
            "{number}"
        );
        assert_eq!(
            options.set_ext(number, Some(&[0; 5])),
            Err(Error::Invalid),
            "{number}"
        );
        assert_eq!(
            options.get_ext(number, &mut [0; 5]),
            Err(Error::Invalid),
            "{number}"
        );
    }
    for row in OPTIONS {
        assert_eq!(
            options.set_ext(row.number, None),
            Err(Error::Invalid),
            "{}",
            row.name
        );
        for length in [0, 1, 3, 5, 8] {
            if matches!(row.kind, Kind::NamePrefix) {
                continue;
            }
            let result = options.set_ext(row.number, Some(&vec![0; length]));
            assert_eq!(result, Err(Error::Invalid), "{} {length}", row.name);
            let result = options.get_ext(row.number, &mut vec![0; length]);
            assert_eq!(result, Err(Error::Invalid), "{} {length}", row.name);
        }
    }
    for number in [
        c::ZMQ_THREAD_AFFINITY_CPU_ADD,
        c::ZMQ_THREAD_AFFINITY_CPU_REMOVE,
    ] {
        assert_eq!(options.get(number), Err(Error::Invalid));
        assert_eq!(options.get_ext(number, &mut [0; 4]), Err(Error::Invalid));
    }
}

#[test]
fn number_three_is_two_options() {
    let mut options = ContextOptions::default();
    assert_eq!(options.set(3, 5), Ok(()));
    assert_eq!(options.get(3), Ok(65535));
    assert_eq!(options.thread_attributes(0).priority, Some(5));
}

#[test]
fn thread_name_prefix() {
    let mut options = ContextOptions::default();
    let number = c::ZMQ_THREAD_NAME_PREFIX;
    let name = |options: &ContextOptions| options.thread_attributes(0).name;
    assert_eq!(name(&options), "ZMQbg/IO/0");
    options.get_ext(number, &mut []).unwrap();

    options.set(number, -12).unwrap();
    assert_eq!(options.get(number), Ok(-12));
    assert_eq!(name(&options), "-12/ZMQbg/IO/0");

    for length in 0..20 {
        let text = vec![b'x'; length];
        let taken = (1..=16).contains(&length);
        assert_eq!(
            options.set_ext(number, Some(&text)).is_ok(),
            taken,
            "{length}"
        );
    }
    options.set_ext(number, Some(b"7abcde")).unwrap();
    assert_eq!(options.get(number), Ok(7), "as atoi reads it");
    assert_eq!(name(&options), "7abcde/ZMQbg/IO");
    let mut buffer = [0xaa; 8];
    assert_eq!(
        options.get_ext(number, &mut buffer[..5]),
        Err(Error::Invalid)
    );
    options.get_ext(number, &mut buffer[..6]).unwrap();
    assert_eq!(&buffer, b"7abcde\xaa\xaa");
    options.get_ext(number, &mut buffer).unwrap();
    assert_eq!(&buffer, b"7abcde\xaa\xaa", "no NUL is added");
    options.get_ext(number, &mut buffer[..4]).unwrap();
    assert_eq!(buffer[..4], 7_i32.to_ne_bytes(), "four bytes are an int");

    options.set_ext(number, Some(b"ab\0cd")).unwrap();
    assert_eq!(name(&options), "ab/ZMQbg/IO/0");
    options
        .set_ext(
            number,
            Some(&[b'a', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        )
        .unwrap();
    assert!(name(&options).len() <= 15);
}

#[test]
fn thread_attributes() {
    let mut options = ContextOptions::default();
    let attributes = options.thread_attributes(12);
    assert_eq!(attributes.name, "ZMQbg/IO/12");
    assert_eq!((attributes.priority, attributes.sched_policy), (None, None));
    assert!(attributes.cpus.is_empty());

    for cpu in [3, 1, 3, 2] {
        options.set(c::ZMQ_THREAD_AFFINITY_CPU_ADD, cpu).unwrap();
    }
    options.set(c::ZMQ_THREAD_AFFINITY_CPU_REMOVE, 2).unwrap();
    assert_eq!(
        options.set(c::ZMQ_THREAD_AFFINITY_CPU_REMOVE, 2),
        Err(Error::Invalid)
    );
    options.set(c::ZMQ_THREAD_SCHED_POLICY, 0).unwrap();
    let attributes = options.thread_attributes(0);
    assert_eq!(attributes.cpus, [1, 3]);
    assert_eq!(attributes.sched_policy, Some(0));

    options.set(c::ZMQ_IO_THREADS, 0).unwrap();
    options.set(c::ZMQ_MAX_SOCKETS, 7).unwrap();
    assert_eq!((options.io_threads(), options.max_sockets()), (0, 7));
}
