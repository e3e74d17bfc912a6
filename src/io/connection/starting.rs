//! A stream comes up, and the socket hears who is there.
//!
//! Contract: zmtp.md section 5, transports.md section 5.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::authentication::Authentication;
use super::notices::HelloTo;
use super::{Connection, Live, Loss, Phase, Role};
use crate::ffi::constants::ZMQ_NOTIFY_CONNECT;
use crate::io::direct::Lent;
use crate::io::input::Input;
use crate::io::output::Output;
use crate::io::turn::{Outcome, Surroundings};
use crate::message::PeerInfo;
use crate::monitor::Event;
use crate::pipe::PipeEnd;
use crate::pipe::queue::Special;
use crate::protocol::envelope::ReplyEnvelope;
use crate::protocol::{self, Protocol};
use crate::socket::Attachment;
use crate::transport::Stream;

impl Connection {
    pub(super) fn bring_up(&self, stream: Stream, protocol: Protocol) -> Live {
        let fd = stream.as_raw_fd();
        Live {
            protocol,
            input: Input::new(self.session.largest_frame()),
            output: Output::new(),
            sealed: None,
            envelope: self
                .session
                .row
                .checks_reply_envelope
                .then(ReplyEnvelope::default),
            fd,
            phase: Phase::Handshake,
            attachment: None,
            succeeded: false,
            unannounced: self.session.is_raw() && self.session.options.stream_notify,
            stream: Arc::new(stream),
            lent: Lent::default(),
            watches_output: true,
            needs_home: false,
            authentication: Authentication::default(),
        }
    }

    /// First turn of a stream: traffic, or the handshake that precedes it.
    pub(super) fn begin_stream(&mut self, around: &mut Surroundings<'_>) -> Outcome {
        if let Err(loss) = self.begin_raw_traffic(around) {
            return self.lose(loss, around);
        }
        self.drive(around)
    }

    /// The handshake is complete: tell the socket who is there.
    pub(crate) fn begin_traffic(
        &mut self,
        handshake: protocol::Handshake,
        around: &Surroundings<'_>,
    ) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        // First of all: nothing of traffic in clear.
        live.begin_sealing().map_err(|_| NO_MEMORY)?;
        live.phase = Phase::Traffic;
        let is_old = !handshake.version.has_handshake();
        // Messages of old peers carry no metadata, not even what the connection knows itself.
        let (address, fd) = if is_old {
            (None, NO_FD)
        } else {
            (live.stream.peer_address_text(), live.fd)
        };
        // The first of a name counts: what the handler said of the peer comes before what the peer says.
        let mut properties = std::mem::take(&mut live.authentication.properties);
        if !is_old {
            self.greet(HelloTo::Known(&handshake.properties))?;
        }
        properties
            .try_reserve(handshake.properties.len())
            .map_err(|_| NO_MEMORY)?;
        properties.extend(handshake.properties);
        let peer = PeerInfo::learn(
            handshake.routing_id.into_boxed_slice(),
            address.as_deref(),
            fd,
            &properties,
        )?;
        if self.detached.is_some() {
            return Ok(());
        }
        self.deliver_peer(peer, around)?;
        if let Some(live) = &mut self.live {
            live.succeeded = !is_old;
        }
        Ok(())
    }

    /// What was read is in the pipe: gives that to the socket, and tells of the handshake if it was part of what was read.
    pub(crate) fn publish(&mut self) -> Result<(), Loss> {
        let of_handshake = |live: &mut Live| {
            let succeeded = std::mem::take(&mut live.succeeded);
            succeeded.then(|| Arc::clone(&live.stream))
        };
        match self.live.as_mut().and_then(of_handshake) {
            Some(stream) if self.detached.is_none() => {
                // One step: who sees the event finds the peer at the socket, and who has read from the peer has the
                // event, even if the monitor ends then.
                let session = Arc::clone(&self.session);
                let accepted = self.accepted_by().is_some();
                session.emit_of_stream_after(
                    || self.hand_over(),
                    Event::HandshakeSucceeded,
                    &[0],
                    &stream,
                    accepted,
                )
            }
            _ => self.hand_over(),
        }
    }

    /// Lets the socket see what is in the pipe, and the pipe if it is new.
    fn hand_over(&mut self) -> Result<(), Loss> {
        if let Some(pipe) = &mut self.pipe {
            pipe.flush();
        }
        let attachment = self.live.as_mut().and_then(|live| live.attachment.take());
        match attachment {
            Some(attachment) => self.session.attach(attachment).map_err(|_| Loss::Dismissed),
            None => Ok(()),
        }
    }

    /// Puts what is known of the peer into the pipe.
    pub(super) fn deliver_peer(
        &mut self,
        peer: PeerInfo,
        around: &Surroundings<'_>,
    ) -> Result<(), Loss> {
        let mut new_end = self.open_pipe(around);
        let peer = Arc::new(peer);
        if let Some(pipe) = &mut self.pipe {
            match &mut new_end {
                Some(other) => pipe.introduce_to(other, peer),
                None => pipe.introduce(peer).map_err(|_| NO_MEMORY)?,
            }
            if self.session.notifies(ZMQ_NOTIFY_CONNECT) {
                pipe.append_special(Special::Notify)
                    .map_err(|_| NO_MEMORY)?;
            }
        }
        self.attach(new_end, around);
        Ok(())
    }

    /// A peer of ZMTP 1.0 or 2.x takes messages as soon as its version is known, before it has said who it is.
    pub(crate) fn begin_sending(&mut self, around: &Surroundings<'_>) -> Result<(), Loss> {
        if let Some(live) = &mut self.live {
            live.phase = Phase::Sending;
        }
        self.greet(HelloTo::Stranger)?;
        if self.detached.is_some() {
            return Ok(());
        }
        let new_end = self.open_pipe(around);
        self.attach(new_end, around);
        Ok(())
    }

    /// Makes the pipe if there is none, and returns the socket's end of it.
    fn open_pipe(&mut self, around: &Surroundings<'_>) -> Option<PipeEnd> {
        if self.pipe.is_some() {
            return None;
        }
        let (theirs, ours) = self.session.make_pipe();
        ours.set_wake(Arc::new(self.handle(around)));
        self.pipe = Some(ours);
        Some(theirs)
    }

    /// The socket is to get its end of a new pipe.
    fn attach(&mut self, end: Option<PipeEnd>, around: &Surroundings<'_>) {
        let connection = self.handle(around);
        if let (Some(live), Some(end)) = (&mut self.live, end) {
            live.attachment = Some(Box::new(Attachment {
                end,
                origin: self.origin.clone(),
                connection: Some(connection),
                connects: matches!(self.role, Role::Connecting(_)),
                hello: None,
            }));
        }
    }
}

/// There is no memory for what the socket has to know of a peer: as if the stream were lost.
const NO_MEMORY: Loss = Loss::Stream(libc::ENOMEM);
/// Frames that tell no descriptor (ZMQ_SRCFD).
const NO_FD: i32 = -1;
