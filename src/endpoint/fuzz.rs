//! A target for the text of endpoints; see `crate::fuzz`.

#![forbid(unsafe_code)]

use super::{Endpoint, IpcAddress, Scheme, TcpHost, Use};
use crate::error::Error;

/// A byte says what the endpoint is for; the text ends at the first NUL, as C has it.
pub(crate) fn endpoint(data: &[u8]) {
    let Some((&purpose, text)) = data.split_first() else {
        return;
    };
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let purpose = [Use::Bind, Use::Connect, Use::Adopt][usize::from(purpose) % 3];
    let parsed = Endpoint::parse(text, purpose);
    assert_eq!(Endpoint::parse(text, purpose), parsed);
    let checked = Endpoint::check(text);
    match parsed {
        Ok(endpoint) => {
            let scheme = match endpoint {
                Endpoint::Inproc(_) => Scheme::Inproc,
                Endpoint::Ipc(_) => Scheme::Ipc,
                Endpoint::Tcp(_) => Scheme::Tcp,
            };
            assert_eq!(checked, Ok(scheme), "what can be begun can be ended");
            limits(&endpoint, text, purpose);
            printed(&endpoint, purpose);
        }
        Err(error) => match checked {
            Err(first) => assert_eq!(error, first),
            Ok(Scheme::Inproc) => panic!("any name will do"),
            Ok(Scheme::Ipc) => match error {
                Error::Invalid => assert_eq!(text, b"ipc://@"),
                _ => {
                    assert_eq!(error, Error::NameTooLong);
                    assert!(text.len() > b"ipc://".len() + 107);
                }
            },
            Ok(Scheme::Tcp) => {
                let allowed = match purpose {
                    Use::Bind => &[Error::Invalid, Error::NoDevice][..],
                    Use::Connect => &[Error::Invalid],
                    Use::Adopt => &[],
                };
                assert!(allowed.contains(&error), "{error:?}");
            }
        },
    }
}

fn limits(endpoint: &Endpoint, text: &[u8], purpose: Use) {
    match endpoint {
        Endpoint::Inproc(name) => assert_eq!(text.strip_prefix(b"inproc://"), Some(&**name)),
        Endpoint::Ipc(IpcAddress::Path(path)) => {
            assert!((1..=107).contains(&path.as_os_str().len()));
        }
        Endpoint::Ipc(IpcAddress::Abstract(name)) => assert!((1..=106).contains(&name.len())),
        Endpoint::Ipc(IpcAddress::Wildcard) => assert_ne!(purpose, Use::Connect),
        Endpoint::Tcp(address) => {
            assert!(purpose != Use::Connect || address.host != TcpHost::Any);
            assert!(purpose != Use::Bind || address.host != TcpHost::Name(String::new()));
        }
    }
}

/// The canonical text means the same.
fn printed(endpoint: &Endpoint, purpose: Use) {
    let mut meant = endpoint.clone();
    let exact = match &mut meant {
        Endpoint::Inproc(name) | Endpoint::Ipc(IpcAddress::Abstract(name)) => is_text(name),
        Endpoint::Ipc(IpcAddress::Path(path)) => path.to_str().is_some(),
        Endpoint::Ipc(IpcAddress::Wildcard) => true,
        Endpoint::Tcp(address) => {
            let source = address.source.as_mut();
            source.is_none_or(|source| is_exact(&mut source.host)) && is_exact(&mut address.host)
        }
    };
    if exact {
        let again = endpoint.to_string();
        assert_eq!(
            Endpoint::parse(again.as_bytes(), purpose),
            Ok(meant),
            "{again}"
        );
    }
}

fn is_text(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok()
}

/// False for names with brackets, percent signs and stars, which mean something in the text, and for those that
/// zmq_connect takes in brackets only: hardly anything has such a name. Takes the zone from an IPv4 address, to
/// which it says nothing.
fn is_exact(host: &mut TcpHost) -> bool {
    match host {
        TcpHost::Name(name) => {
            let is_bare =
                name.is_empty() || name.starts_with(|first: char| first.is_ascii_alphanumeric());
            is_bare && !name.contains(['[', ']', '%', '*'])
        }
        TcpHost::Literal(address, zone) => {
            zone.take_if(|_| address.is_ipv4());
            true
        }
        TcpHost::Any => true,
    }
}
