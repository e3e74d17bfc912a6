//! IPv4 addresses in all their forms, against the C library.

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::ptr::{null, null_mut};

use crate::inet;

/// The text up to its first NUL.
pub(crate) fn inet(data: &[u8]) {
    let text = data.split(|&byte| byte == 0).next().unwrap_or_default();
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    assert_eq!(inet::ipv4(text), of_the_system(text), "{text:?}");
}

/// getaddrinfo reads the whole text, inet_aton only its beginning.
fn of_the_system(text: &str) -> Option<Ipv4Addr> {
    // Nothing at all stands for this host.
    if text.is_empty() {
        return None;
    }
    let text = CString::new(text).expect("no NUL");
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_INET;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = libc::AI_NUMERICHOST;
    let mut found = null_mut();
    let failed =
        unsafe { libc::getaddrinfo(text.as_ptr(), null(), &raw const hints, &raw mut found) };
    if failed != 0 {
        return None;
    }
    let address = unsafe {
        (*found)
            .ai_addr
            .cast::<libc::sockaddr_in>()
            .read_unaligned()
    };
    unsafe { libc::freeaddrinfo(found) };
    Some(Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr)))
}
