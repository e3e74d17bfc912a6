//! zmq_socket_monitor_versioned and zmq_socket_monitor_pipes_stats. Contract: api.md section 9.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::context::Slot;
use crate::context::inproc::Owner;
use crate::endpoint::{Endpoint, Use};
use crate::error::{Error, Result};
use crate::io::{EndpointTexts, IoCommand};
use crate::monitor::{Event, Kind};
use crate::pipe::PipeKey;
use crate::socket::Core;

impl Core {
    /// Checks a monitor endpoint: inproc only.
    fn monitor_name(text: &[u8]) -> Result<Box<[u8]>> {
        match Endpoint::parse(text, Use::Bind)? {
            Endpoint::Inproc(name) => Ok(name),
            Endpoint::Ipc(_) | Endpoint::Tcp(_) => Err(Error::ProtocolNotSupported),
        }
    }

    /// The stop of a monitor frees its slot.
    pub(super) fn stop_monitor(&mut self) {
        if self.monitor.stop() {
            self.context.names.unbind_monitor(&self.monitor);
        }
        self.monitor_slot = None;
    }

    /// zmq_socket_monitor_versioned. Order of checks: functions.tsv.
    pub(super) fn start_monitor(
        &mut self,
        endpoint: Option<&[u8]>,
        events: u64,
        version: i32,
        socket_type: i32,
    ) -> Result<()> {
        self.refuse_if_stopped()?;
        crate::monitor::check(events, version)?;
        let Some(endpoint) = endpoint else {
            self.stop_monitor();
            return Ok(());
        };
        let name = Self::monitor_name(endpoint)?;
        self.stop_monitor();
        let kind = Kind::find(socket_type)?;
        let slot = Slot::take(&self.context)?;
        let owner = Owner::Monitor(Arc::clone(&self.monitor));
        self.monitor.start(events, version, kind);
        match self.context.names.bind(&name, owner) {
            Ok(parked) => {
                for parked in parked {
                    self.monitor.attach(parked.end);
                }
                self.monitor_slot = Some(slot);
                Ok(())
            }
            Err(error) => {
                self.monitor.stop();
                Err(error)
            }
        }
    }

    /// One ZMQ_EVENT_PIPES_STATS per pipe; those of connections come from their threads. `Invalid` if the
    /// event was not asked for, `Again` if there are no pipes.
    pub(super) fn report_pipes(&mut self) -> Result<()> {
        if !self.monitor.wants(Event::PipesStats) {
            return Err(Error::Invalid);
        }
        let keys = self.pipes.keys();
        if keys.is_empty() {
            return Err(Error::Again);
        }
        for key in keys {
            self.report_pipe(key);
        }
        Ok(())
    }

    fn report_pipe(&mut self, key: PipeKey) {
        let Some(end) = self.pipes.get(key) else {
            return;
        };
        let outbound = end.outbound_queue_length();
        if let Some(connection) = self.connections.get(&key) {
            let (thread, connection) = connection.home();
            thread.post(IoCommand::ReportPipe(connection, outbound));
            return;
        }
        let values = [outbound, end.inbound_queue_length()];
        // Of the two sockets only the one that connected knows a name of the pipe.
        let name = self.endpoints.inproc_text(key).unwrap_or_default();
        let texts = EndpointTexts {
            local: String::new(),
            remote: String::from_utf8_lossy(name).into_owned(),
        };
        self.monitor.emit(Event::PipesStats, &values, name, &texts);
    }
}
