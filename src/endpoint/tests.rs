//! Tables of endpoints; the results are those of stock 4.3.4 where no design choice is named.

use super::*;

fn bind(text: &[u8]) -> Result<String> {
    Endpoint::parse(text, Use::Bind).map(|endpoint| endpoint.to_string())
}

fn connect(text: &[u8]) -> Result<String> {
    Endpoint::parse(text, Use::Connect).map(|endpoint| endpoint.to_string())
}

fn tcp(text: &str, purpose: Use) -> TcpAddress {
    match Endpoint::parse(text.as_bytes(), purpose) {
        Ok(Endpoint::Tcp(address)) => address,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn syntax_comes_before_the_scheme() {
    let rows: [(&[u8], Error); 25] = [
        (b"", Error::Invalid),
        (b"tcp", Error::Invalid),
        (b"tcp:", Error::Invalid),
        (b"tcp:/", Error::Invalid),
        (b"tcp:/x", Error::Invalid),
        (b"tcp://", Error::Invalid),
        (b"ipc://", Error::Invalid),
        (b"inproc://", Error::Invalid),
        (b"foo://", Error::Invalid),
        (b"://x", Error::Invalid),
        (b"foo://x", Error::ProtocolNotSupported),
        (b" tcp://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"TCP://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"tcp ://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"\xff://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"udp://127.0.0.1:5", Error::IncompatibleProtocol),
        (b"udp://", Error::Invalid),
        (b"ws://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"wss://127.0.0.1:5", Error::ProtocolNotSupported),
        (b"tipc://{1,2,3}", Error::ProtocolNotSupported),
        (b"vsock://1:2", Error::ProtocolNotSupported),
        (b"vmci://1:2", Error::ProtocolNotSupported),
        (b"pgm://lo;239.1.1.1:5", Error::ProtocolNotSupported),
        (b"epgm://lo;239.1.1.1:5", Error::ProtocolNotSupported),
        (b"norm://239.1.1.1:5", Error::ProtocolNotSupported),
    ];
    for (text, error) in rows {
        let shown = text.escape_ascii();
        assert_eq!(bind(text), Err(error), "{shown}");
        assert_eq!(connect(text), Err(error), "{shown}");
        assert_eq!(Endpoint::check(text), Err(error), "{shown}");
    }
}

#[test]
fn a_key_only_needs_a_scheme_and_an_address() {
    let long = [b"ipc://".as_slice(), &[b'a'; 200]].concat();
    let keys: [&[u8]; 8] = [
        b"tcp://x",
        b"tcp://127.0.0.1",
        b"tcp://*:x",
        b"tcp://nosuch.invalid:5",
        b"ipc://@",
        b"ipc://x",
        b"inproc://x",
        &long,
    ];
    for text in keys {
        assert!(Endpoint::check(text).is_ok(), "{}", text.escape_ascii());
    }
}

#[test]
fn inproc_names_are_any_bytes() {
    for name in [&b"x"[..], b" ", b"*", b"\xff", b"a://b", &[b'a'; 3000]] {
        let text = [b"inproc://", name].concat();
        for purpose in [Use::Bind, Use::Connect] {
            let parsed = Endpoint::parse(&text, purpose);
            assert_eq!(
                parsed,
                Ok(Endpoint::Inproc(name.into())),
                "{}",
                name.escape_ascii()
            );
        }
    }
}

#[test]
fn ipc() {
    let path = |text: &[u8]| {
        Ok(Endpoint::Ipc(IpcAddress::Path(
            OsString::from_vec(text.to_vec()).into(),
        )))
    };
    let wildcard = || Ok(Endpoint::Ipc(IpcAddress::Wildcard));
    let name = |text: &[u8]| Ok(Endpoint::Ipc(IpcAddress::Abstract(text.into())));
    let full = [b'a'; IPC_PATH_MAX];
    let long = [b'a'; IPC_PATH_MAX + 1];
    let starred = |first: u8, rest: usize| [&[first][..], &vec![b'a'; rest]].concat();
    type Row = (Vec<u8>, Result<Endpoint>, Result<Endpoint>);
    let rows: [Row; 13] = [
        (b"*".to_vec(), wildcard(), path(b"*")),
        (b"*x".to_vec(), wildcard(), path(b"*x")),
        (b"x*".to_vec(), path(b"x*"), path(b"x*")),
        (b"@".to_vec(), Err(Error::Invalid), Err(Error::Invalid)),
        (b"@a".to_vec(), name(b"a"), name(b"a")),
        (b"@@".to_vec(), name(b"@"), name(b"@")),
        (b"/tmp/x".to_vec(), path(b"/tmp/x"), path(b"/tmp/x")),
        (b"\xff".to_vec(), path(b"\xff"), path(b"\xff")),
        (full.to_vec(), path(&full), path(&full)),
        (
            long.to_vec(),
            Err(Error::NameTooLong),
            Err(Error::NameTooLong),
        ),
        (starred(b'@', 106), name(&full[1..]), name(&full[1..])),
        (
            starred(b'@', 107),
            Err(Error::NameTooLong),
            Err(Error::NameTooLong),
        ),
        (starred(b'*', 107), wildcard(), Err(Error::NameTooLong)),
    ];
    for (address, bound, connected) in rows {
        let text = [b"ipc://", &address[..]].concat();
        let shown = text.escape_ascii().to_string();
        assert_eq!(Endpoint::parse(&text, Use::Bind), bound, "bind {shown}");
        assert_eq!(
            Endpoint::parse(&text, Use::Connect),
            connected,
            "connect {shown}"
        );
    }
}

/// What a bind address comes to, printed; errors of names that do not resolve are not found here.
#[test]
fn an_adopted_descriptor_has_the_address() {
    for text in ["tcp://127.0.0.1:5", "tcp://nothing", "tcp://a:b"] {
        let parsed = Endpoint::parse(text.as_bytes(), Use::Adopt);
        assert_eq!(parsed.expect(text).to_string(), "tcp://*:0");
    }
    let parse = |text: &[u8]| Endpoint::parse(text, Use::Adopt);
    assert_eq!(parse(b"tcp://"), Err(Error::Invalid));
    assert_eq!(parse(b"ipc://@"), Err(Error::Invalid));
}

#[test]
fn tcp_bind() {
    let rows: [(&str, Result<&str>); 47] = [
        ("127.0.0.1", Err(Error::Invalid)),
        ("127.0.0.1:", Err(Error::Invalid)),
        ("127.0.0.1:x", Err(Error::Invalid)),
        ("127.0.0.1:*", Ok("127.0.0.1:0")),
        ("127.0.0.1:0", Ok("127.0.0.1:0")),
        ("127.0.0.1:00", Err(Error::Invalid)),
        ("127.0.0.1: 0", Err(Error::Invalid)),
        ("127.0.0.1:0x", Err(Error::Invalid)),
        ("127.0.0.1:*x", Err(Error::Invalid)),
        ("127.0.0.1:47111x", Ok("127.0.0.1:47111")),
        ("127.0.0.1: 47111", Ok("127.0.0.1:47111")),
        ("127.0.0.1:+47111", Ok("127.0.0.1:47111")),
        ("127.0.0.1:65535", Ok("127.0.0.1:65535")),
        ("127.0.0.1:65536", Err(Error::Invalid)),
        // Design choice: the reference binds 65535 and 34463.
        ("127.0.0.1:-1", Err(Error::Invalid)),
        ("127.0.0.1:99999", Err(Error::Invalid)),
        (":5", Err(Error::NoDevice)),
        ("[]:5", Err(Error::NoDevice)),
        ("*:5", Ok("*:5")),
        ("[*]:5", Ok("*:5")),
        ("*%1:5", Ok("*:5")),
        ("[127.0.0.1]:5", Ok("127.0.0.1:5")),
        ("[::1]:5", Ok("[::1]:5")),
        ("::1:5", Ok("[::1]:5")),
        ("0::0:1:5", Ok("[::1]:5")),
        ("::ffff:1.2.3.4:5", Ok("[::ffff:1.2.3.4]:5")),
        // Names, for whoever resolves them.
        ("[::1:5", Ok("[::1:5")),
        ("::1]:5", Ok("::1]:5")),
        ("127.1:5", Ok("127.1:5")),
        ("lo:5", Ok("lo:5")),
        ("127.0.0.1%lo:5", Ok("127.0.0.1:5")),
        ("127.0.0.1%:5", Err(Error::Invalid)),
        ("[::1%]:5", Err(Error::Invalid)),
        ("[::1%0]:5", Err(Error::Invalid)),
        ("[::1%_x]:5", Err(Error::Invalid)),
        ("[::1%1x]:5", Ok("[::1%1]:5")),
        ("[fe80::1%eth0]:5", Ok("[fe80::1%eth0]:5")),
        ("[::1]%1:5", Ok("[::1]:5")),
        ("1.2.3.4;127.0.0.1:*", Err(Error::Invalid)),
        ("1.2.3.4:x;127.0.0.1:*", Err(Error::Invalid)),
        (";127.0.0.1:*", Err(Error::Invalid)),
        ("127.0.0.1:*;", Err(Error::Invalid)),
        (":0;127.0.0.1:*", Err(Error::NoDevice)),
        ("*:*;127.0.0.1:*", Ok("*:0;127.0.0.1:0")),
        ("1.2.3.4:7;127.0.0.1:*", Ok("1.2.3.4:7;127.0.0.1:0")),
        ("::1:0;127.0.0.1:*", Ok("[::1]:0;127.0.0.1:0")),
        ("lo:0;lo:0;lo:5", Ok("lo:0;lo:0;lo:5")),
    ];
    for (address, expected) in rows {
        let text = format!("tcp://{address}");
        let expected = expected.map(|address| format!("tcp://{address}"));
        assert_eq!(bind(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(bind(b"tcp://\xff:5"), Err(Error::NoDevice));
    // Brackets around less than the whole host belong to a name.
    assert_eq!(
        tcp("tcp://[::1]%1:5", Use::Bind).host,
        TcpHost::Name("[::1]".to_owned())
    );
}

/// The test of the characters, and what of the rest never resolves.
#[test]
fn tcp_connect() {
    let rows: [(&str, Result<&str>); 43] = [
        ("127.0.0.1", Err(Error::Invalid)),
        ("127.0.0.1:", Err(Error::Invalid)),
        ("127.0.0.1:x", Err(Error::Invalid)),
        ("127.0.0.1:*", Err(Error::Invalid)),
        ("127.0.0.1:-1", Err(Error::Invalid)),
        ("127.0.0.1:0", Ok("127.0.0.1:0")),
        ("127.0.0.1:5x", Ok("127.0.0.1:5")),
        ("127.0.0.1:65535", Ok("127.0.0.1:65535")),
        // Design choice: the reference takes the low 16 bits.
        ("127.0.0.1:65536", Err(Error::Invalid)),
        ("127.0.0.1:99999999999999999999", Err(Error::Invalid)),
        ("*:5", Err(Error::Invalid)),
        ("_a:5", Err(Error::Invalid)),
        ("-a:5", Err(Error::Invalid)),
        (".a:5", Err(Error::Invalid)),
        ("]:5", Err(Error::Invalid)),
        ("%lo:5", Err(Error::Invalid)),
        (";127.0.0.1:5", Err(Error::Invalid)),
        ("*:0;127.0.0.1:5", Err(Error::Invalid)),
        ("a b:5", Err(Error::Invalid)),
        ("a/b:5", Err(Error::Invalid)),
        ("a@b:5", Err(Error::Invalid)),
        ("a+b:5", Err(Error::Invalid)),
        ("aä:5", Err(Error::Invalid)),
        ("a\u{1}:5", Err(Error::Invalid)),
        ("127.0.0.1:5/", Err(Error::Invalid)),
        ("a_b:5", Ok("a_b:5")),
        ("a*b:5", Ok("a*b:5")),
        ("nosuch.invalid:5", Ok("nosuch.invalid:5")),
        ("a:b:5", Ok("a:b:5")),
        ("[::1]:5", Ok("[::1]:5")),
        ("::1:5", Ok("[::1]:5")),
        ("[fe80::1%2]:5", Ok("[fe80::1%2]:5")),
        ("lo:0;127.0.0.1:5", Ok("lo:0;127.0.0.1:5")),
        ("lo:*;127.0.0.1:5", Ok("lo:0;127.0.0.1:5")),
        ("1.2.3.4:7;5.6.7.8:9;a:5", Ok("1.2.3.4:7;5.6.7.8:9;a:5")),
        // These never resolve.
        (":5", Ok(":5")),
        ("[]:5", Ok(":5")),
        ("[::1%]:5", Ok(":5")),
        ("[::1%0]:5", Ok(":5")),
        ("lo;127.0.0.1:5", Ok(":0;127.0.0.1:5")),
        ("lo:x;127.0.0.1:5", Ok(":0;127.0.0.1:5")),
        ("127.0.0.1:5;", Ok("127.0.0.1:5;:0")),
        ("127.0.0.1:0;5", Ok("127.0.0.1:0;:0")),
    ];
    for (address, expected) in rows {
        let text = format!("tcp://{address}");
        let expected = expected.map(|address| format!("tcp://{address}"));
        assert_eq!(connect(text.as_bytes()), expected, "{text}");
    }
    // A name here: there is no wildcard to connect to.
    assert_eq!(
        tcp("tcp://[*]:5", Use::Connect).host,
        TcpHost::Name("*".to_owned())
    );
    assert_eq!(
        tcp("tcp://[*]:0;a:5", Use::Connect)
            .source
            .map(|from| from.host),
        Some(TcpHost::Any)
    );
}

/// What a proxy's text comes to, printed; `:0` is what resolves to nothing.
#[test]
fn proxies() {
    let rows: [(&[u8], &str); 22] = [
        (b"127.0.0.1:1080", "127.0.0.1:1080"),
        (b"[::1]:1080", "[::1]:1080"),
        (b"::1:1080", "[::1]:1080"),
        (b"proxy.test:1080", "proxy.test:1080"),
        (b"127.1:1080", "127.1:1080"),
        (b"127.0.0.1:1080x", "127.0.0.1:1080"),
        (b"127.0.0.1: 1080", "127.0.0.1:1080"),
        (b"127.0.0.1:+1080", "127.0.0.1:1080"),
        (b"127.0.0.1:1080\0", "127.0.0.1:1080"),
        (b"127.0.0.1:0", "127.0.0.1:0"),
        (b"127.0.0.2:0;127.0.0.1:1080", "127.0.0.2:0;127.0.0.1:1080"),
        (b"*:0;127.0.0.1:1080", "*:0;127.0.0.1:1080"),
        (b"nonsense;127.0.0.1:1080", ":0;127.0.0.1:1080"),
        // Not what it seems: a name that nobody has.
        (b"tcp://127.0.0.1:1080", "tcp://127.0.0.1:1080"),
        (b"127.0.0.1", ":0"),
        (b"127.0.0.1:", ":0"),
        (b"127.0.0.1:x", ":0"),
        (b"127.0.0.1:*", ":0"),
        (b"127.0.0.1:00", ":0"),
        (b"127.0.0.1:-1", ":0"),
        (b"127.0.0.1:65536", ":0"),
        (b"\xFF:1080", ":1080"),
    ];
    for (text, address) in rows {
        let parsed = TcpAddress::parse_proxy(text).expect("memory");
        assert_eq!(parsed.to_string(), address, "{}", text.escape_ascii());
    }
}
