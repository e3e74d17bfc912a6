//! ipc: Unix sockets by path, abstract name or wildcard. Contract: transports.md section 3.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::endpoint::IpcAddress;
use crate::error::{Error, Result};
use crate::random;
use crate::transport::listener::bind_error;
use crate::transport::tcp::adopt;
use crate::transport::{Connecting, Stream, StreamOptions};

/// What a closing listener removes: the socket file of a wildcard, and its directory.
#[derive(Debug)]
pub(super) struct Temporary {
    directory: PathBuf,
}

impl Temporary {
    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// Removes both. The errno of the first failure.
    pub(super) fn remove(&self) -> std::result::Result<(), i32> {
        let file = fs::remove_file(self.socket());
        let directory = fs::remove_dir(&self.directory);
        let errno = |error: io::Error| error.raw_os_error().unwrap_or(libc::EIO);
        file.and(directory).map_err(errno)
    }
}

/// A listening socket.
pub(super) struct BoundSocket {
    pub(super) socket: Socket,
    /// The endpoint text.
    pub(super) text: Vec<u8>,
    pub(super) temporary: Option<Temporary>,
}

/// Opens a listening socket in the caller's thread; a failure comes with the descriptor that had been
/// opened.
pub(super) fn bind(
    address: &IpcAddress,
    options: &StreamOptions,
) -> std::result::Result<BoundSocket, (Error, Option<RawFd>)> {
    let without_descriptor = |error: Error| (error, None);
    if let Some(fd) = options.use_fd {
        return adopt_bound(fd).map_err(without_descriptor);
    }
    let temporary = match address {
        IpcAddress::Wildcard => Some(make_directory().map_err(without_descriptor)?),
        _ => None,
    };
    let address = match &temporary {
        Some(temporary) => &IpcAddress::Path(temporary.socket()),
        None => address,
    };
    let text = text(address);
    let result = open(address, options);
    match result {
        Ok(socket) => Ok(BoundSocket {
            socket,
            text,
            temporary,
        }),
        Err(failure) => {
            if let Some(temporary) = temporary {
                // The failure of the bind is what counts.
                let _ = temporary.remove();
            }
            Err(failure)
        }
    }
}

/// ZMQ_USE_FD: known by the name that it is bound to, whose file is left alone.
fn adopt_bound(fd: RawFd) -> Result<BoundSocket> {
    let socket = adopt(fd)?;
    let text = match socket.local_addr() {
        Ok(address) if address.is_unix() => endpoint_text(&address).into_bytes(),
        other => {
            // A socket of another family stays the caller's.
            let _ = socket.into_raw_fd();
            return Err(other.err().map_or(Error::Invalid, Error::from));
        }
    };
    Ok(BoundSocket {
        socket,
        text,
        temporary: None,
    })
}

fn open(
    address: &IpcAddress,
    options: &StreamOptions,
) -> std::result::Result<Socket, (Error, Option<RawFd>)> {
    if let IpcAddress::Path(path) = address {
        remove_stale(path);
    }
    let name = socket_address(address).map_err(|error| (error, None))?;
    let socket = new_socket().map_err(|error| (error.into(), None))?;
    let fd = socket.as_raw_fd();
    let listen = || {
        socket.bind(&name)?;
        socket.listen(options.listen_backlog())
    };
    listen().map_err(|error| (bind_error(&error), Some(fd)))?;
    Ok(socket)
}

/// Whatever file is in the way goes, but no directory.
fn remove_stale(path: &Path) {
    let is_directory = |kind: fs::FileType| kind.is_dir() && !kind.is_socket();
    if fs::symlink_metadata(path).is_ok_and(|found| !is_directory(found.file_type())) {
        // If it cannot be removed, bind says so.
        let _ = fs::remove_file(path);
    }
}

/// Connects. A unix socket is connected at once or not at all; a full backlog (EAGAIN) never becomes
/// writable, so it is a failed attempt.
pub(crate) fn connect(address: &IpcAddress) -> Connecting {
    let failed = |fd_opened, error| Connecting::Failed { fd_opened, error };
    let name = match socket_address(address) {
        Ok(name) => name,
        Err(error) => return failed(None, error),
    };
    let socket = match new_socket() {
        Ok(socket) => socket,
        Err(error) => return failed(None, error.into()),
    };
    let fd = socket.as_raw_fd();
    match socket.connect(&name) {
        Ok(()) => Connecting::Done(Stream::ipc(socket)),
        Err(error) => failed(Some(fd), error.into()),
    }
}

fn new_socket() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)
}

fn socket_address(address: &IpcAddress) -> Result<SockAddr> {
    let name = match address {
        IpcAddress::Path(path) => SockAddr::unix(path),
        // The system's way of writing an abstract name.
        IpcAddress::Abstract(name) => {
            let mut bytes = vec![0];
            bytes.extend_from_slice(name);
            SockAddr::unix(OsStr::from_bytes(&bytes))
        }
        // Connecting to a wildcard: a file of that name.
        IpcAddress::Wildcard => SockAddr::unix("*"),
    };
    // Names that were given are short enough; one in a directory for temporary files need not be.
    name.map_err(|_| Error::NameTooLong)
}

/// A fresh directory of mode 0700 under TMPDIR, TEMPDIR or TMP, the first that names a directory, else in
/// the working directory.
fn make_directory() -> Result<Temporary> {
    const ATTEMPTS: usize = 100;
    let variable = |name: &&str| std::env::var_os(name).map(PathBuf::from);
    let parents = ["TMPDIR", "TEMPDIR", "TMP"];
    let parent = parents
        .iter()
        .filter_map(variable)
        .find(|path| path.is_dir());
    let parent = parent.unwrap_or_default();
    for _ in 0..ATTEMPTS {
        let directory = parent.join(format!("tmp{}", random_letters()));
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(Temporary { directory }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::AddressInUse)
}

fn random_letters() -> String {
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    // The remainder is below the length.
    (0..6)
        .map(|_| char::from(LETTERS[random::u32() as usize % LETTERS.len()]))
        .collect()
}

/// `ipc://` and the address as it is given to bind.
fn text(address: &IpcAddress) -> Vec<u8> {
    let mut text = b"ipc://".to_vec();
    match address {
        IpcAddress::Path(path) => text.extend_from_slice(path.as_os_str().as_bytes()),
        IpcAddress::Abstract(name) => {
            text.push(b'@');
            text.extend_from_slice(name);
        }
        IpcAddress::Wildcard => text.push(b'*'),
    }
    text
}

/// The endpoint of a socket address; an unnamed one is `ipc://`.
pub(super) fn endpoint_text(address: &SockAddr) -> String {
    if let Some(path) = address.as_pathname() {
        return format!("ipc://{}", path.display());
    }
    match address.as_abstract_namespace() {
        Some(name) => format!("ipc://@{}", String::from_utf8_lossy(name)),
        None => "ipc://".to_owned(),
    }
}
