//! zmq_proxy and zmq_proxy_steerable. Contract: api.md section 8.
//!
//! Works on sockets like an application does: takes a message out of one, leaves it, gives it to the
//! other. Called by `ffi` only.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::ffi::constants as c;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::socket::api::{self, SocketCell};
use crate::socket::poll::{PollItem, Target, Watched, poll};

/// Messages forwarded in one direction before the other has its turn.
const BURST: usize = 1000;

/// Frames and bytes of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: Traffic,
    sent: Traffic,
}

#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    frames: u64,
    bytes: u64,
}

impl Traffic {
    fn count(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }
}

/// What the control socket said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Active,
    Paused,
    Terminated,
}

struct Proxy {
    frontend: &'static SocketCell,
    backend: &'static SocketCell,
    capture: Option<&'static SocketCell>,
    /// Counts of frontend and backend.
    counts: [Counts; 2],
    mode: Mode,
}

/// Forwards until TERMINATE (`Ok`) or an error.
pub(crate) fn run(
    frontend: &'static SocketCell,
    backend: &'static SocketCell,
    capture: Option<&'static SocketCell>,
    control: Option<&'static SocketCell>,
) -> Result<()> {
    let mut proxy = Proxy {
        frontend,
        backend,
        capture,
        counts: [Counts::default(); 2],
        mode: Mode::Active,
    };
    let same = std::ptr::eq(frontend, backend);
    while proxy.mode != Mode::Terminated {
        let ready = proxy.wait(control, same)?;
        if let Some(control) = control
            && ready.control
        {
            proxy.obey(control)?;
        }
        if proxy.mode != Mode::Active {
            continue;
        }
        if ready.forth {
            proxy.forward(0, 1)?;
        }
        if ready.back && !same {
            proxy.forward(1, 0)?;
        }
    }
    Ok(())
}

/// What can be done.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    forth: bool,
    back: bool,
    control: bool,
}

impl Proxy {
    /// Waits until a direction has input and room, or the control socket has something. A direction
    /// whose destination is full waits for that destination, not for its source.
    fn wait(&self, control: Option<&'static SocketCell>, same: bool) -> Result<Ready> {
        loop {
            let mut items = Vec::with_capacity(3);
            if let Some(control) = control {
                items.push(item(control, c::ZMQ_POLLIN));
            }
            if self.mode == Mode::Active {
                let front = events(self.frontend)?;
                let back = if same { front } else { events(self.backend)? };
                let ready = Ready {
                    forth: front.input && (same || back.output),
                    back: back.input && (same || front.output),
                    control: match control {
                        Some(control) => events(control)?.input,
                        None => false,
                    },
                };
                if ready.forth || ready.back || ready.control {
                    return Ok(ready);
                }
                items.push(item(self.frontend, wanted(front, back)));
                items.push(item(self.backend, wanted(back, front)));
            }
            poll(&mut items, None, None)?;
            if control.is_some() && items.first().is_some_and(|item| item.revents != 0) {
                return Ok(Ready {
                    control: true,
                    ..Ready::default()
                });
            }
        }
    }

    /// Moves up to a burst of messages from one side to the other.
    fn forward(&mut self, from: usize, to: usize) -> Result<()> {
        let sockets = [self.frontend, self.backend];
        for _ in 0..BURST {
            let mut frame = Message::new();
            match api::receive(sockets[from], &mut Incoming::into_message(&mut frame), true) {
                Ok(()) => {}
                Err(Error::Again) => return Ok(()),
                Err(error) => return Err(error),
            }
            loop {
                let more = frame.more();
                self.counts[from].received.count(frame.len());
                self.counts[to].sent.count(frame.len());
                if let Some(capture) = self.capture {
                    api::send_message(capture, &mut frame.share(), more, false)?;
                }
                api::send_message(sockets[to], &mut frame, more, false)?;
                if !more {
                    break;
                }
                api::receive(
                    sockets[from],
                    &mut Incoming::into_message(&mut frame),
                    false,
                )?;
            }
        }
        Ok(())
    }

    /// Reads one command and answers it.
    fn obey(&mut self, control: &'static SocketCell) -> Result<()> {
        let mut command = Message::new();
        match api::receive(control, &mut Incoming::into_message(&mut command), true) {
            Ok(()) => {}
            Err(Error::Again) => return Ok(()),
            Err(error) => return Err(error),
        }
        match command.bytes() {
            b"PAUSE" => self.mode = Mode::Paused,
            b"RESUME" => self.mode = Mode::Active,
            b"TERMINATE" => self.mode = Mode::Terminated,
            b"STATISTICS" => return self.send_statistics(control),
            _ => {}
        }
        if api::socket_type(control)? == c::ZMQ_REP {
            api::send_bytes(control, &[], false, false)?;
        }
        Ok(())
    }

    /// Eight numbers in host order: per side received frames and bytes, sent frames and bytes.
    fn send_statistics(&self, control: &'static SocketCell) -> Result<()> {
        let side = |counts: &Counts| {
            [
                counts.received.frames,
                counts.received.bytes,
                counts.sent.frames,
                counts.sent.bytes,
            ]
        };
        let numbers: Vec<u64> = self.counts.iter().flat_map(side).collect();
        let last = numbers.len() - 1;
        for (at, number) in numbers.iter().enumerate() {
            api::send_bytes(control, &number.to_ne_bytes(), at < last, false)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct Events {
    input: bool,
    output: bool,
}

fn events(socket: &'static SocketCell) -> Result<Events> {
    let events = api::events(socket)?;
    Ok(Events {
        input: events & c::ZMQ_POLLIN != 0,
        output: events & c::ZMQ_POLLOUT != 0,
    })
}

/// What to wait for on a socket: input, if the other side has room for it; room, if the other side has
/// input for it.
fn wanted(own: Events, other: Events) -> i32 {
    let input = if own.input { 0 } else { c::ZMQ_POLLIN };
    let output = if other.input { c::ZMQ_POLLOUT } else { 0 };
    input | output
}

fn item(socket: &'static SocketCell, events: i32) -> PollItem {
    PollItem {
        target: Target::Socket(Watched::new(socket)),
        events,
        revents: 0,
    }
}
