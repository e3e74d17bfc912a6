//! Options as callers see them.

use std::net::IpAddr;

use super::PatternOption as P;
use super::*;
use crate::context::ContextOptions;
use crate::ffi::constants as c;
use crate::memory::ShortBytes;
use crate::options::security::Selected;
use crate::options::table::OPTIONS;
use crate::patterns::TYPES;

/// Every stored byte value comes back, and only the documented ones can be emptied.
#[test]
fn bytes_come_back() {
    let mut options = SocketOptions::default();
    let pair = SocketType::Pair;
    let mut buffer = [0xaa; 8];
    assert_eq!(
        set(&mut options, pair, c::ZMQ_ROUTING_ID, Some(b"\0ab"), 3),
        Ok(Applied::Stored)
    );
    assert_eq!(
        set(&mut options, pair, c::ZMQ_ROUTING_ID, Some(b""), 0),
        Err(Error::Invalid)
    );
    assert!(matches!(
        get(&options, pair, c::ZMQ_ROUTING_ID, &mut buffer),
        Ok(Answer::Written(3))
    ));
    assert_eq!(&buffer, b"\0ab\0\0\0\0\0");
    assert!(matches!(
        get(&options, pair, c::ZMQ_ROUTING_ID, &mut buffer[..3]),
        Ok(Answer::Written(3))
    ));
    assert!(get(&options, pair, c::ZMQ_ROUTING_ID, &mut buffer[..2]).is_err());

    assert_eq!(
        set(&mut options, pair, c::ZMQ_BINDTODEVICE, Some(b"eth"), 3),
        Ok(Applied::Stored)
    );
    assert!(matches!(
        get(&options, pair, c::ZMQ_BINDTODEVICE, &mut buffer),
        Ok(Answer::Written(4))
    ));
    assert_eq!(&buffer, b"eth\0\0\0\0\0");
    assert!(get(&options, pair, c::ZMQ_BINDTODEVICE, &mut buffer[..3]).is_err());
    assert_eq!(
        set(&mut options, pair, c::ZMQ_BINDTODEVICE, Some(b""), 0),
        Err(Error::Invalid)
    );
    assert_eq!(&*options.bind_to_device, b"eth");
    assert_eq!(
        set(&mut options, pair, c::ZMQ_BINDTODEVICE, None, 0),
        Ok(Applied::Stored)
    );
    assert!(options.bind_to_device.is_empty());

    let messages = |options: &SocketOptions| {
        [
            options.hello_message.to_vec(),
            options.disconnect_message.to_vec(),
            options.hiccup_message.to_vec(),
        ]
    };
    for (value, empty) in [
        (Some(&b"hi"[..]), false),
        (Some(&b""[..]), true),
        (None, true),
    ] {
        for number in [c::ZMQ_HELLO_MSG, c::ZMQ_DISCONNECT_MSG, c::ZMQ_HICCUP_MSG] {
            let length = value.map_or(0, <[u8]>::len);
            assert_eq!(
                set(&mut options, pair, number, value, length),
                Ok(Applied::Stored)
            );
            assert!(get(&options, pair, number, &mut buffer).is_err());
        }
        let stored = if empty { &b""[..] } else { b"hi" };
        assert_eq!(messages(&options), [stored; 3]);
    }
}

#[test]
fn pattern_options_are_handed_on() {
    let mut options = SocketOptions::default();
    let mut apply =
        |typ, number, value: &[u8]| set(&mut options, typ, number, Some(value), value.len());
    let on = 5_i32.to_ne_bytes();
    let off = 0_i32.to_ne_bytes();
    let topic = || ShortBytes::from(b"t");
    let rows: [(i32, SocketType, &[u8], PatternOption); 12] = [
        (
            c::ZMQ_SUBSCRIBE,
            SocketType::Sub,
            b"t",
            P::Subscribe(topic()),
        ),
        (
            c::ZMQ_UNSUBSCRIBE,
            SocketType::Xpub,
            b"t",
            P::Unsubscribe(topic()),
        ),
        (
            c::ZMQ_ROUTER_MANDATORY,
            SocketType::Router,
            &on,
            P::RouterMandatory(true),
        ),
        (
            c::ZMQ_ROUTER_HANDOVER,
            SocketType::Rep,
            &off,
            P::RouterHandover(false),
        ),
        (
            c::ZMQ_PROBE_ROUTER,
            SocketType::Dealer,
            &on,
            P::ProbeRouter(true),
        ),
        (
            c::ZMQ_CONNECT_ROUTING_ID,
            SocketType::Router,
            b"t",
            P::ConnectRoutingId(topic()),
        ),
        (
            c::ZMQ_REQ_CORRELATE,
            SocketType::Req,
            &on,
            P::ReqCorrelate(true),
        ),
        (
            c::ZMQ_REQ_RELAXED,
            SocketType::Req,
            &off,
            P::ReqRelaxed(false),
        ),
        (
            c::ZMQ_XPUB_VERBOSER,
            SocketType::Xpub,
            &on,
            P::XpubVerboser(true),
        ),
        (
            c::ZMQ_XPUB_WELCOME_MSG,
            SocketType::Pub,
            b"t",
            P::XpubWelcomeMsg(topic()),
        ),
        (
            c::ZMQ_ONLY_FIRST_SUBSCRIBE,
            SocketType::Xsub,
            &on,
            P::OnlyFirstSubscribe(true),
        ),
        (
            c::ZMQ_XSUB_VERBOSE_UNSUBSCRIBE,
            SocketType::Xsub,
            &on,
            P::XsubVerboseUnsubscribe(true),
        ),
    ];
    for (number, typ, value, option) in rows {
        assert_eq!(apply(typ, number, value), Ok(Applied::Pattern(option)));
    }
    // Connections stay raw, whatever the pattern does.
    for (value, is_on) in [(&off, false), (&on, true), (&off, false)] {
        assert_eq!(
            set(
                &mut options,
                SocketType::Router,
                c::ZMQ_ROUTER_RAW,
                Some(value),
                4
            ),
            Ok(Applied::Pattern(P::RouterRaw(is_on)))
        );
    }
    assert!(options.router_raw);
}

/// What is reported until a size is set is not what the connection takes.
#[test]
fn batch_sizes() {
    let mut options = SocketOptions::default();
    assert_eq!(
        (options.in_batch_size, options.out_batch_size),
        (None, None)
    );
    assert_eq!(options.raw_message_size(), 8192);
    for number in [c::ZMQ_IN_BATCH_SIZE, c::ZMQ_OUT_BATCH_SIZE] {
        let mut buffer = [0; 4];
        get(&options, SocketType::Pair, number, &mut buffer).unwrap();
        assert_eq!(buffer, 8192_i32.to_ne_bytes());
        let value = 100_i32.to_ne_bytes();
        assert_eq!(
            set(&mut options, SocketType::Pair, number, Some(&value), 4),
            Ok(Applied::Stored)
        );
        get(&options, SocketType::Pair, number, &mut buffer).unwrap();
        assert_eq!(buffer, value);
    }
    assert_eq!(
        (options.in_batch_size, options.out_batch_size),
        (Some(100), Some(100))
    );
    assert_eq!(options.raw_message_size(), 100);
}

/// Results of stock 4.3.4: (filter, without IPV6, with IPV6), and what we store.
#[test]
fn tcp_accept_filters() {
    let filter = |address: &str, prefix| {
        Some(AcceptFilter {
            address: address.parse::<IpAddr>().unwrap(),
            prefix,
        })
    };
    let rows: [(&str, Option<AcceptFilter>, Option<AcceptFilter>); 31] = [
        ("10.0.0.1", filter("10.0.0.1", 32), filter("10.0.0.1", 32)),
        ("10.0.0.0/8", filter("10.0.0.0", 8), filter("10.0.0.0", 8)),
        ("10.1/8", filter("10.0.0.1", 8), filter("10.0.0.1", 8)),
        (
            "0x7f.010.258",
            filter("127.8.1.2", 32),
            filter("127.8.1.2", 32),
        ),
        (
            "2130706433",
            filter("127.0.0.1", 32),
            filter("127.0.0.1", 32),
        ),
        ("1.2.65536", None, None),
        ("1.2.3.4.5", None, None),
        ("1..2", None, None),
        ("08", None, None),
        ("10.0.0.0/0", filter("10.0.0.0", 0), filter("10.0.0.0", 0)),
        ("10.0.0.0/33", None, filter("10.0.0.0", 0)),
        ("10.0.0.0/104", None, filter("10.0.0.0", 8)),
        ("10.0.0.0/128", None, filter("10.0.0.0", 32)),
        ("10.0.0.0/129", None, None),
        ("10.0.0.0/", None, None),
        ("10.0.0.0/-1", None, None),
        ("10.0.0.0/8x", filter("10.0.0.0", 8), filter("10.0.0.0", 8)),
        ("10.0.0.0/x", None, None),
        ("/8", None, None),
        ("localhost", None, None),
        ("lo/8", None, None),
        ("*", None, None),
        ("::1", None, filter("::1", 128)),
        ("::1/64", None, filter("::1", 64)),
        ("::1/129", None, None),
        ("[::1]/64", None, filter("::1", 64)),
        ("fe80::1%lo/64", None, filter("fe80::1", 64)),
        ("::ffff:10.0.0.0/104", None, filter("10.0.0.0", 8)),
        ("10.0.0.0/8/8", None, None),
        (
            "10.0.0.1\0x",
            filter("10.0.0.1", 32),
            filter("10.0.0.1", 32),
        ),
        ("", None, None),
    ];
    for (text, ipv4, ipv6) in rows {
        for (ipv6_on, expected) in [(false, ipv4), (true, ipv6)] {
            let mut options = SocketOptions {
                ipv6: ipv6_on,
                ..SocketOptions::default()
            };
            let bytes = text.as_bytes();
            let number = c::ZMQ_TCP_ACCEPT_FILTER;
            let result = set(
                &mut options,
                SocketType::Pair,
                number,
                Some(bytes),
                bytes.len(),
            );
            assert_eq!(
                result.is_ok(),
                expected.is_some(),
                "{text:?} with IPV6 {ipv6_on}"
            );
            assert_eq!(
                options.tcp_accept_filters.first().copied(),
                expected,
                "{text:?}"
            );
            set(&mut options, SocketType::Pair, number, None, 0).unwrap();
            assert!(options.tcp_accept_filters.is_empty());
        }
    }
}

#[test]
fn ipc_filters_collect() {
    let mut options = SocketOptions::default();
    for number in [
        c::ZMQ_IPC_FILTER_PID,
        c::ZMQ_IPC_FILTER_UID,
        c::ZMQ_IPC_FILTER_GID,
    ] {
        for value in [number, -1] {
            let bytes = value.to_ne_bytes();
            set(&mut options, SocketType::Pair, number, Some(&bytes), 4).unwrap();
        }
    }
    assert_eq!(options.ipc_filter_pids, [58, -1]);
    assert_eq!(options.ipc_filter_uids, [59, u32::MAX]);
    assert_eq!(options.ipc_filter_gids, [60, u32::MAX]);
    set(
        &mut options,
        SocketType::Pair,
        c::ZMQ_IPC_FILTER_UID,
        None,
        0,
    )
    .unwrap();
    assert_eq!(options.ipc_filter_pids.len(), 2);
    assert!(options.ipc_filter_uids.is_empty());
}

/// Results of stock 4.3.4.
#[test]
fn metadata() {
    let long = |length| format!("X-{}:b", "a".repeat(length)).into_bytes();
    let refused: [&[u8]; 9] = [
        b"",
        b"X-a:",
        b":bbbb",
        b"Xaa:b",
        b"X-a:",
        b"X-aaa",
        b"X-aaa:",
        b"x-a:b",
        &long(254),
    ];
    let mut options = SocketOptions::default();
    let mut add = |text: &[u8]| {
        set(
            &mut options,
            SocketType::Pair,
            c::ZMQ_METADATA,
            Some(text),
            text.len(),
        )
    };
    for text in refused {
        assert_eq!(
            add(text),
            Err(Error::Invalid),
            "{:?}",
            text.escape_ascii().to_string()
        );
    }
    for text in [
        b"X-a:b:c".as_slice(),
        b"X-a:other",
        b"X-b:v\0rest",
        b"X-c:\0rest",
        b"X-d\0name:value",
        &long(253),
    ] {
        assert_eq!(
            add(text),
            Ok(Applied::Stored),
            "{:?}",
            text.escape_ascii().to_string()
        );
    }
    let stored: Vec<(&[u8], &[u8])> = options
        .metadata
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(
        stored[..4],
        [
            (&b"X-a"[..], &b"b:c"[..]),
            (b"X-b", b"v"),
            (b"X-c", b""),
            (b"X-d", b"value")
        ]
    );
    assert_eq!(stored.len(), 5);
}

#[test]
fn what_new_sockets_inherit() {
    let mut context = ContextOptions::default();
    let linger = |context: &ContextOptions| {
        TYPES
            .iter()
            .map(|typ| SocketOptions::new(typ.socket_type, context).linger)
            .collect::<Vec<_>>()
    };
    for (typ, linger) in TYPES.iter().zip(linger(&context)) {
        let zero = ["SUB", "XSUB"].contains(&typ.wire_name);
        assert_eq!(linger, if zero { 0 } else { -1 }, "{}", typ.wire_name);
    }
    let options = SocketOptions::new(SocketType::Pair, &context);
    assert!(!options.ipv6 && options.zero_copy_receive);
    assert_eq!(options.backlog, None);

    context.set(c::ZMQ_BLOCKY, 0).unwrap();
    context.set(c::ZMQ_IPV6, 1).unwrap();
    context.set(c::ZMQ_ZERO_COPY_RECV, 0).unwrap();
    assert!(linger(&context).iter().all(|&linger| linger == 0));
    let options = SocketOptions::new(SocketType::Pair, &context);
    assert!(options.ipv6 && !options.zero_copy_receive);
    let mut buffer = [0xaa; 4];
    get(&options, SocketType::Pair, c::ZMQ_IPV4ONLY, &mut buffer).unwrap();
    assert_eq!(buffer, 0_i32.to_ne_bytes());
}

#[test]
fn curve_keys_read_as_zeros() {
    let options = SocketOptions::default();
    let mut buffer = [0xaa; 41];
    get(
        &options,
        SocketType::Pair,
        c::ZMQ_CURVE_PUBLICKEY,
        &mut buffer,
    )
    .unwrap();
    assert_eq!(&buffer, b"0000000000000000000000000000000000000000\0");
    get(
        &options,
        SocketType::Pair,
        c::ZMQ_CURVE_PUBLICKEY,
        &mut buffer[..32],
    )
    .unwrap();
    assert_eq!(buffer[..32], [0; 32]);
}

/// A value goes where its name says, and nowhere else.
#[test]
fn each_int_has_its_own_field() {
    type Field = fn(&SocketOptions) -> i32;
    let fields: [(i32, Field); 20] = [
        (c::ZMQ_SNDHWM, |o| o.send_hwm),
        (c::ZMQ_RCVHWM, |o| o.receive_hwm),
        (c::ZMQ_SNDBUF, |o| o.send_buffer),
        (c::ZMQ_RCVBUF, |o| o.receive_buffer),
        (c::ZMQ_SNDTIMEO, |o| o.send_timeout),
        (c::ZMQ_RCVTIMEO, |o| o.receive_timeout),
        (c::ZMQ_LINGER, |o| o.linger),
        (c::ZMQ_RECONNECT_IVL, |o| o.reconnect_interval),
        (c::ZMQ_RECONNECT_IVL_MAX, |o| o.reconnect_interval_max),
        (c::ZMQ_TCP_KEEPALIVE_CNT, |o| o.tcp_keepalive_count),
        (c::ZMQ_TCP_KEEPALIVE_IDLE, |o| o.tcp_keepalive_idle),
        (c::ZMQ_TCP_KEEPALIVE_INTVL, |o| o.tcp_keepalive_interval),
        (c::ZMQ_TCP_MAXRT, |o| o.tcp_max_retransmit),
        (c::ZMQ_TOS, |o| o.type_of_service),
        (c::ZMQ_PRIORITY, |o| o.priority),
        (c::ZMQ_BUSY_POLL, |o| o.busy_poll),
        (c::ZMQ_HANDSHAKE_IVL, |o| o.handshake_interval),
        (c::ZMQ_CONNECT_TIMEOUT, |o| o.connect_timeout),
        (c::ZMQ_HEARTBEAT_IVL, |o| o.heartbeat_interval),
        (c::ZMQ_HEARTBEAT_TIMEOUT, |o| o.heartbeat_timeout),
    ];
    for (number, field) in fields {
        let mut options = SocketOptions::default();
        let value = (700 + number).to_ne_bytes();
        set(&mut options, SocketType::Pair, number, Some(&value), 4).unwrap();
        assert_eq!(field(&options), 700 + number, "{number}");
    }

    let view = c::ZMQ_IPV4ONLY;
    let readable: Vec<i32> = OPTIONS
        .iter()
        .map(|row| row.number)
        .filter(|&number| number != view && read_int(&SocketOptions::default(), number).is_some())
        .collect();
    for &changed in &readable {
        let mut options = SocketOptions::default();
        let before = read_int(&options, changed);
        let other = (1 - before.unwrap().clamp(0, 1)).to_ne_bytes();
        if set(&mut options, SocketType::Router, changed, Some(&other), 4).is_err() {
            continue;
        }
        for &number in &readable {
            let same = read_int(&options, number) == read_int(&SocketOptions::default(), number);
            // 1 ms is no tenth of a second.
            let hidden = number == c::ZMQ_HEARTBEAT_TTL;
            assert_eq!(
                same,
                number != changed || hidden,
                "{changed} shows in {number}"
            );
        }
    }
}

/// The value of an option that is stored as an int.
fn read_int(options: &SocketOptions, number: i32) -> Option<i32> {
    let mut buffer = [0; 4];
    match get(options, SocketType::Router, number, &mut buffer) {
        Ok(Answer::Written(4)) => Some(i32::from_ne_bytes(buffer)),
        _ => None,
    }
}

/// socket_options.tsv: each form of a key, and what setting one does to mechanism and role.
#[test]
fn curve_keys() {
    let pair = SocketType::Pair;
    let mut options = SocketOptions::default();
    let mut buffer = [0xaa; 42];
    // RFC 32's test key, and its text.
    let text = b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\0";
    let mut key = [0; 32];
    crate::z85::decode(&text[..40], &mut key).unwrap();
    for number in [
        c::ZMQ_CURVE_PUBLICKEY,
        c::ZMQ_CURVE_SECRETKEY,
        c::ZMQ_CURVE_SERVERKEY,
    ] {
        for value in [&key[..], &text[..40], &text[..]] {
            set(&mut options, pair, number, Some(&[0; 32]), 32).unwrap();
            set(&mut options, pair, number, Some(value), value.len()).unwrap();
            assert!(get(&options, pair, number, &mut buffer[..32]).is_ok());
            assert_eq!(buffer[..32], key);
            assert!(get(&options, pair, number, &mut buffer[..41]).is_ok());
            assert_eq!(buffer[..41], *text);
            assert!(get(&options, pair, number, &mut buffer[..40]).is_err());
            assert!(get(&options, pair, number, &mut buffer).is_err());
        }
        let mut padded = [0; 41];
        padded[..5].copy_from_slice(b"00000");
        set(&mut options, pair, number, Some(&padded), 41).unwrap();
        assert!(get(&options, pair, number, &mut buffer[..32]).is_ok());
        assert_eq!(buffer[..32], [&[0; 4], &key[4..]].concat());
        // Not Z85, no multiple of five, nothing, too much; and the key is as it was.
        let bad_letter = text.map(|letter| if letter == b'%' { b'"' } else { letter });
        let mut uneven = *text;
        uneven[39] = 0;
        let mut endless = *text;
        endless[40] = b'0';
        for value in [&bad_letter[..40], &bad_letter, &uneven, &[0; 41], &endless] {
            let result = set(&mut options, pair, number, Some(value), value.len());
            assert_eq!(result, Err(Error::Invalid));
        }
        let mut again = [0xaa; 32];
        assert!(get(&options, pair, number, &mut again).is_ok());
        assert_eq!(again, buffer[..32]);
    }
}

/// security.md section 1: the last option counts.
#[test]
fn curve_options_choose_mechanism_and_role() {
    let pair = SocketType::Pair;
    let mut options = SocketOptions::default();
    let mut apply = |number, value: i32| {
        let key = [7; 32];
        let value = value.to_ne_bytes();
        let value = match number {
            c::ZMQ_CURVE_SERVER | c::ZMQ_PLAIN_SERVER => &value[..],
            _ => &key,
        };
        set(&mut options, pair, number, Some(value), value.len()).unwrap();
        (options.security.selected, options.security.serves)
    };
    assert_eq!(apply(c::ZMQ_CURVE_SECRETKEY, 0), (Selected::Curve, false));
    assert_eq!(apply(c::ZMQ_CURVE_SERVER, 1), (Selected::Curve, true));
    assert_eq!(apply(c::ZMQ_CURVE_PUBLICKEY, 0), (Selected::Curve, true));
    assert_eq!(apply(c::ZMQ_CURVE_SERVERKEY, 0), (Selected::Curve, false));
    assert_eq!(apply(c::ZMQ_PLAIN_SERVER, 1), (Selected::Plain, true));
    assert_eq!(apply(c::ZMQ_CURVE_SECRETKEY, 0), (Selected::Curve, true));
    assert_eq!(apply(c::ZMQ_CURVE_SERVER, 0), (Selected::Null, false));
}
