//! Messages of the library's own that a connection sends, or delivers to its socket, when it comes and goes:
//! ZMQ_HELLO_MSG, ZMQ_DISCONNECT_MSG, ZMQ_HICCUP_MSG, ZMQ_ROUTER_NOTIFY.
//!
//! Contract: patterns.md sections 6.4 and 16.

#![forbid(unsafe_code)]

use super::{Connection, Loss, Role};
use crate::ffi::constants::ZMQ_NOTIFY_DISCONNECT;
use crate::io::Session;
use crate::pipe::queue::Special;

const SOCKET_TYPE: &[u8] = b"Socket-Type";
const REQ: &str = "REQ";

/// What is known of the peer when it might get ZMQ_HELLO_MSG.
#[derive(Clone, Copy, Debug)]
pub(super) enum HelloTo<'a> {
    /// A peer of ZMTP 1.0 or 2.x, which never says of what type it is.
    Stranger,
    /// The properties of its handshake.
    Known(&'a [(Vec<u8>, Vec<u8>)]),
}

impl Connection {
    /// Sends ZMQ_HELLO_MSG: called when messages may be sent, before anything of the pipe is.
    pub(super) fn greet(&mut self, peer: HelloTo<'_>) -> Result<(), Loss> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        let Session { row, options, .. } = &*self.session;
        if !row.says_hello || options.hello_message.is_empty() {
            return Ok(());
        }
        // REQ takes replies only: anything else would end its connection for good.
        let may_be_req = match peer {
            HelloTo::Stranger => row.peers.contains(&REQ),
            HelloTo::Known(properties) => properties.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case(SOCKET_TYPE) && value == REQ.as_bytes()
            }),
        };
        if may_be_req {
            return Ok(());
        }
        if let Some(head) = live.output.at_boundary()
            && let Some(of_protocol) = live.protocol.poll_output()
        {
            // Behind what is left to say of the handshake.
            head.try_reserve(of_protocol.len())
                .map_err(|_| Loss::Stream(libc::ENOMEM))?;
            let from = head.len();
            head.append(of_protocol);
            live.protocol
                .encode_message(false, &options.hello_message, head)?;
            live.seal_behind(from)?;
            live.output.note_messages();
        }
        Ok(())
    }

    /// A peer is lost whose handshake was over: puts what the application wants to read then behind the
    /// peer's last whole message.
    pub(super) fn tell_of_loss(&mut self) {
        if self.detached.is_some() || self.session.is_raw() {
            return;
        }
        let Some(pipe) = &mut self.pipe else { return };
        let Session { row, options, .. } = &*self.session;
        let message = match self.role {
            Role::Accepted { .. } => row.disconnect_message(options),
            Role::Connecting(_) => row.hiccup_message(options),
        };
        pipe.rollback();
        // Without memory it goes untold; nothing else suffers.
        if self.session.notifies(ZMQ_NOTIFY_DISCONNECT) {
            let _ = pipe.append_special(Special::Notify);
        }
        if let Ok(Some(message)) = message {
            if row.checks_reply_envelope {
                // For REQ it stands for the reply: a request that did not go out would get another one, which
                // would be taken for that to the next request.
                pipe.drop_unsent();
            }
            let _ = pipe.write_prepared(&message);
        }
        pipe.flush();
    }

    /// The application asked for a word about the loss of connections that it made.
    pub(super) fn tells_of_loss(&self) -> bool {
        let Session { row, options, .. } = &*self.session;
        self.session.notifies(ZMQ_NOTIFY_DISCONNECT)
            || (row.hears_of_hiccups && !options.hiccup_message.is_empty())
    }
}
