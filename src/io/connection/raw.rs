//! Raw connections: there is no handshake, and the socket is told of each stream by an empty message when it
//! comes and when it goes (ZMQ_STREAM_NOTIFY).
//!
//! Contract: patterns.md sections 6.4 and 9, zmtp.md section 9.

#![forbid(unsafe_code)]

use super::{Connection, Live, Loss, Phase};
use crate::io::turn::Surroundings;
use crate::message::PeerInfo;

impl Connection {
    /// There is no handshake to wait for.
    pub(super) fn begin_raw_traffic(&mut self, around: &Surroundings<'_>) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        if !live.protocol.is_raw() {
            return Ok(());
        }
        live.phase = Phase::Traffic;
        let address = live.stream.peer_address_text();
        let peer = PeerInfo::learn(Box::default(), address.as_deref(), live.fd, &[])?;
        if self.detached.is_some() {
            return Ok(());
        }
        self.deliver_peer(peer, around)
    }

    /// Tells the socket that the stream is there, before anything that comes through it. False: there is no
    /// room, and nothing may be read before there is. A stream that comes back again and again fills no more
    /// of a pipe that nobody reads than others do.
    pub(crate) fn announce_raw(&mut self) -> Result<bool, Loss> {
        let Some(live) = &mut self.live else {
            return Ok(true);
        };
        if let Some(pipe) = &mut self.pipe
            && !pipe.is_write_closed()
        {
            // Every turn looks for credit anew, whatever it was that brought it about.
            pipe.noticed_writable();
            if !pipe.can_write() {
                return Ok(false);
            }
            pipe.append_bytes(b"", false)?;
            pipe.flush();
        }
        live.unannounced = false;
        Ok(true)
    }

    /// Tells the socket that a stream has gone of which it was told that it was there. Needs no credit: it is
    /// one message more.
    pub(super) fn tell_of_raw_loss(&mut self, live: &Live) {
        let is_told =
            live.protocol.is_raw() && self.session.options.stream_notify && !live.unannounced;
        if let Some(pipe) = &mut self.pipe
            && is_told
            && !pipe.is_write_closed()
        {
            // Without memory for it the end of the pipe, or the next stream, has to do.
            let _ = pipe.append_bytes(b"", false);
            pipe.flush();
        }
    }
}
