//! Zeroxide: libzmq's C ABI on a Rust engine.
//!
//! # The picture
//!
//! ```text
//!  C program / binding
//!       |   include/zmq.h (generated from ffi, committed, checked)
//!  ffi ................. the only exported functions, the only errno, the only panic guard
//!       |
//!  context  socket  poller  proxy  monitor  timers  objects an application owns
//!               |
//!           patterns --- patterns/parts              routing; one type per file
//!               |
//!             pipe ............ the only place where messages wait
//!               |
//!              io ............. threads, poll loop, timers, connection, connecter, listener --> transport
//!               |
//!           protocol --> mechanism                   sans-IO: bytes in, bytes and events out
//!
//!  message options endpoint error inet memory z85 clock random sodium gss mailbox sync sys      leaves
//! ```
//! `fuzz` (only for tests and cargo-fuzz) has what all fuzz targets share; each module's own are beside it.
//! Dependencies point down but for a few types, each with its reason in the table that `architecture.rs` (a
//! test) holds each module's imports against.
//!
//! # Three kinds of owner
//!
//! A **socket** is a [`socket`] core under a lock, entered by every API call, plus a mailbox that others
//! push commands into. A **connection** lives from connect or accept to its end, homed on one I/O thread;
//! the stream in it comes and goes. A **listener** is served by its I/O thread, and its descriptor closed by
//! its socket, so that the endpoint is free when zmq_unbind returns. Nobody else owns anything that lives.
//! Effects across owners are typed commands, `SocketCommand` and `IoCommand`, or marks on the two ends of a pipe.
//!
//! # Life of a message, tcp PUSH -> PULL
//!
//! 1. `ffi/message`: check the handle, take the value out of the C struct.
//! 2. `socket/api::send` -> `Core::send_once`: stop flag, mailbox; `patterns/push` ->
//!    `parts/load_balancer` picks the pipe and stays on it to the last frame.
//! 3. `pipe`: append a record (wire bytes, or a header and a reference); commit at the last frame; if the
//!    reader slept, post `IoCommand::Drive`.
//! 4. `io/output::pump_out`: gather committed records, one vectored write. Kernel full: wait for
//!    writability; the pipe fills; back-pressure. Peers that frame otherwise (ZMTP 1.0, plain bytes) get the
//!    same runs with other headers (`pipe/queue/reader/framing`).
//! 5. The peer's `io/input::pump_in`: read into the thread's slab, `protocol` finds frames, records into
//!    the inbound pipe, one commit a read. No credit: stop reading the stream.
//! 6. Commit for a sleeping reader: `SocketCommand::Pipe(key, Readable)` into the mailbox, wake.
//! 7. `socket/api::receive` -> `patterns/pull` -> `parts/fair_queue` -> `pipe.read`; credit goes back at
//!    the low-water step.
//!
//! A thread that waits for an answer spins for a moment before it sleeps (`socket/spin`). A send that stands alone
//! does step 4 itself once the I/O thread has served the commands it had, and a thread that waits for few connections
//! step 5, if their I/O thread sleeps or serves few others, and little comes (`io/direct`, `socket/lending`): it does not
//! act on what it read before that thread has taken in what came earlier. ZEROXIDE_SPIN=0 and ZEROXIDE_DIRECT=0 in
//! the environment switch them off.
//!
//! What every message passes on this way is `inline(always)`: that saved a quarter of all instructions
//! (`capi-tests/bench/instructions.py` counts them).
//!
//! Over inproc: 1, 2, 3 and 6, 7 on the same pipe. Connect before bind parks the far end in
//! `context/inproc`.
//!
//! # An option, from zmq_setsockopt to the kernel
//!
//! `ffi/socket` -> `socket/options` -> the row in `options/table` validates and stores it. bind and connect
//! copy all options into a `Session`; `io` turns that into `transport::StreamOptions`, which are applied
//! when a stream is opened or accepted. High-water marks, timeouts and linger are read where they are used.
//!
//! # A lost connection, until it is back
//!
//! `io/input` sees EOF or an error -> `io/connection/loss`: what the application wants to hear of it goes
//! into the pipe (`io/connection/notices`), the pipe is repaired (inbound tail rolled back, the rest of a cut
//! outbound message skipped; types that subscribe are asked for a restart marker and all their topics), then
//! the monitor event -> `io/connecter::wait` -> timer -> attempt -> handshake -> the peer's information goes
//! into the pipe, then traffic.
//!
//! # A handshake that asks a ZAP handler
//!
//! `protocol/zmtp/opening` feeds the peer's commands to the `mechanism`, whose [`mechanism::Question`] comes out as an
//! event -> `io/connection/authentication` writes the request into a pipe of its own and gives the other end to whoever
//! has bound `inproc://zeromq.zap.01` (`context/inproc`), as if it had been connected to; without one the rules of
//! security.md 7.2 decide -> the handler answers, which wakes the I/O thread -> `mechanism/zap` reads the reply, the
//! verdict goes back into the mechanism, and the handshake goes on: READY, WELCOME, or ERROR and the end. What the
//! reply says of the peer becomes properties of its messages.
//!
//! # Encrypted traffic (CURVE, GSSAPI)
//!
//! At its end the handshake gives a `mechanism::Cipher` away. From then on `io/sealed` stands between the stream and the
//! rest: what is received is opened into the thread's slab, frame by frame (`protocol/zmtp/seal`), and decoded there like
//! what came in clear; what goes out is taken from the pipe record by record and sealed when it is about to be written.
//! The arithmetic is `sodium`'s, or that of the system's Kerberos behind `gss` (feature `gssapi`), whose handshake may also have
//! to ask servers: a step of it is a [`mechanism::Work`], which `io/background` has done off the I/O threads.
//!
//! # zmq_close, until zmq_ctx_term returns
//!
//! `socket/close` takes the core out of its cell (the handle is refused from now on), removes inproc names,
//! leaves every pipe, posts `Detach` with the linger time for every connection, closes its listeners, ends its
//! monitor, frees the slot. Each connection drains its queue, then ends its stream in order (`io/closing`).
//! What its peer still sends is lost, so it is left unread, except to make room (`io/unwanted`).
//! `Context::terminate` waits for slots = 0 and lingering = 0, then stops the threads.
//!
//! # State machines
//!
//! connection phase (`io/connection`) · mechanism phase (`mechanism/*`) · connecter (`io/connecter`) · pipe
//! end (`pipe/end`) · socket life (`ffi/handle`, `Core::stopped`) · context life (`context`).
//!
//! # A panic
//!
//! `ffi/guard` and `io/thread` catch it. The socket, or the connection, that it passed through is not entered
//! again (`ffi/handle`): it can only be closed.
//!
//! # A thread that is cancelled (pthread_cancel)
//!
//! `sys/cancel` lets that in where a call waits or calls out; the call goes back as after a signal, and `ffi/guard` ends the
//! thread when nothing of ours is left on the stack.

mod clock;
mod context;
mod decimal;
mod endpoint;
pub mod error;
mod ffi;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
#[cfg(any(test, feature = "gssapi"))]
mod gss;
mod inet;
mod io;
mod mailbox;
mod mechanism;
mod memory;
mod message;
mod monitor;
mod options;
mod patterns;
mod pipe;
mod poller;
mod protocol;
mod proxy;
mod random;
mod socket;
mod sodium;
mod sync;
mod sys;
mod timers;
mod transport;
mod z85;

#[cfg(test)]
mod architecture;
