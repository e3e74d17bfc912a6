//! Corners of the socket interface that no package covers: queue lengths, credentials, interfaces.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use socket2::{SockAddr, SockAddrStorage, Socket};

use crate::error::{Error, Result};

/// Bytes in the send queue of a stream (SIOCOUTQ).
pub(crate) fn unsent(fd: RawFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request fills an int.
    let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut bytes) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Accepts a connection, which does not block, and says from where it is. Errors: those of accept4(2).
pub(crate) fn accept(listener: RawFd) -> io::Result<(Socket, SockAddr)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let accept = |address: *mut SockAddrStorage, length| {
        // SAFETY: `address` has room for as much as `length` says.
        match unsafe { libc::accept4(listener, address.cast(), length, flags) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: fresh, and nobody else's.
            fd => Ok(unsafe { Socket::from_raw_fd(fd) }),
        }
    };
    // SAFETY: the call fills the address and its length.
    unsafe { SockAddr::try_init(accept) }
}

/// Takes over a stream socket of the caller's. EBADF or ENOTSOCK if it is no socket, `Invalid` if it carries no streams;
/// then it stays the caller's.
pub(crate) fn adopt(fd: RawFd) -> Result<OwnedFd> {
    let mut kind: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    let target = std::ptr::from_mut(&mut kind).cast();
    // SAFETY: `target` has room for `length` bytes.
    let result =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, target, &mut length) };
    if result < 0 {
        return Err(io::Error::last_os_error().into());
    }
    if kind != libc::SOCK_STREAM {
        return Err(Error::Invalid);
    }
    // SAFETY: no memory is involved.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    // SAFETY: no memory is involved.
    let _ = unsafe { libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC) };
    // SAFETY: it is open, and ZMQ_USE_FD hands it over to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Who is at the other end of a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// SO_PEERCRED.
pub(crate) fn peer_credentials(fd: RawFd) -> io::Result<Credentials> {
    let mut found = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    let target = std::ptr::from_mut(&mut found).cast();
    // SAFETY: `target` has room for `length` bytes.
    let result =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, target, &mut length) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials {
        pid: found.pid,
        uid: found.uid,
        gid: found.gid,
    })
}

/// The user of `uid` is listed as a member of one of these groups, or one is the user's primary group. Asks the system
/// once, which may wait for a directory service. False if it knows no such user, or there is no memory for the answer.
pub(crate) fn is_member(uid: u32, groups: &[u32]) -> bool {
    /// What an entry of the user database may take, bytes.
    const TEXTS: usize = 16 * 1024;
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut texts = [0; TEXTS];
    let mut found = std::ptr::null_mut();
    // SAFETY: all pointers are live, `texts` has the length given.
    let result = unsafe {
        libc::getpwuid_r(
            uid,
            entry.as_mut_ptr(),
            texts.as_mut_ptr(),
            TEXTS,
            &mut found,
        )
    };
    if result != 0 || found.is_null() {
        return false;
    }
    // SAFETY: found, so the entry is filled; its texts live in `texts`.
    let entry = unsafe { entry.assume_init() };
    // SAFETY: its name is a C string.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    let own = groups_of(name, entry.pw_gid);
    own.iter().any(|group| groups.contains(group))
}

/// The groups of a user, with the primary one; none if there is no memory for the list.
fn groups_of(user: &CStr, primary: u32) -> Vec<u32> {
    /// What Linux allows a process to have (NGROUPS_MAX).
    const MOST: usize = 65_536;
    let mut room = 64;
    loop {
        let mut groups = Vec::new();
        if groups.try_reserve_exact(room).is_err() {
            return Vec::new();
        }
        groups.resize(room, 0);
        let mut count = libc::c_int::try_from(room).unwrap_or(0);
        // SAFETY: a C string, and room for `count` groups.
        let result =
            unsafe { libc::getgrouplist(user.as_ptr(), primary, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        // -1: there are `count` groups, more than fit; those that fit are there.
        if result >= 0 || count <= room || room == MOST {
            groups.truncate(count);
            return groups;
        }
        room = count.min(MOST);
    }
}

/// Asks the system's resolver for the addresses of a host, in its order; waits for name servers. None if it has none.
/// `ipv6`: those of IPv6, and mapped ones of IPv4 only if there are no others. Else those of IPv4, and nothing else is
/// asked for.
pub(crate) fn look_up(host: &str, port: u16, ipv6: bool) -> Vec<SocketAddr> {
    let Ok(host) = CString::new(host) else {
        return Vec::new();
    };
    // SAFETY: plain numbers and pointers, for which zero is "not said".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    hints.ai_flags = if ipv6 { libc::AI_V4MAPPED } else { 0 };
    let mut list = std::ptr::null_mut();
    // SAFETY: a C string, hints that live, and a pointer that is filled with a list, which is freed below.
    let status = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if status != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: null, or an entry of the list that is not yet freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: null, or a socket address as long as its family says.
        let address = unsafe { socket_address(entry.ai_addr) };
        found.extend(address.map(|address| SocketAddr::new(address.ip(), port)));
        next = entry.ai_next;
    }
    // SAFETY: from getaddrinfo, freed once.
    unsafe { libc::freeaddrinfo(list) };
    found
}

/// The system knows IPv6 at all; with addresses of its own or not.
pub(crate) fn has_ipv6() -> bool {
    // SAFETY: no memory is involved.
    let fd = unsafe { libc::socket(libc::AF_INET6, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return io::Error::last_os_error().raw_os_error() != Some(libc::EAFNOSUPPORT);
    }
    // SAFETY: just opened, and nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    true
}

/// The number of a network interface.
pub(crate) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: a C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// The name of a network interface.
pub(crate) fn interface_name(index: u32) -> Option<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the length that the call wants.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the call filled the buffer with a C string.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

/// The addresses of an interface in the system's order, port 0. `NoDevice` if there is none of that name.
pub(crate) fn interface_addresses(name: &str) -> Result<Vec<SocketAddr>> {
    let mut list = std::ptr::null_mut();
    // SAFETY: fills the pointer with a list, which is freed below.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: null, or an entry of the list that is not yet freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: the name of an entry is a C string.
        let own = unsafe { CStr::from_ptr(entry.ifa_name) };
        if own.to_bytes() == name.as_bytes() {
            // SAFETY: null, or a socket address as long as its family says.
            found.extend(unsafe { socket_address(entry.ifa_addr) });
        }
        next = entry.ifa_next;
    }
    // SAFETY: from getifaddrs, freed once.
    unsafe { libc::freeifaddrs(list) };
    if found.is_empty() {
        Err(Error::NoDevice)
    } else {
        Ok(found)
    }
}

/// # Safety
/// `address` is null or points to a socket address that is as long as its family says.
unsafe fn socket_address(address: *const libc::sockaddr) -> Option<SocketAddr> {
    // SAFETY: by contract.
    let family = libc::c_int::from(unsafe { address.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: the family says so.
            let v4 = unsafe { &*address.cast::<libc::sockaddr_in>() };
            Some((Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)), 0).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says so.
            let v6 = unsafe { &*address.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, 0, 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}
