//! Names resolve off the I/O threads, so that a slow name server holds up nobody else.
//!
//! The threads for it are the process's: a look-up cannot be ended, and takes a thread and a descriptor, perhaps for half a
//! minute. Their number is bounded; a name that is being asked for is not asked for twice at the same time; and nobody
//! asks for a connection that does not wait any more. So sockets that come and go while the name servers are silent use
//! nothing up.

#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use crate::endpoint::{TcpHost, TcpSource};
use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::sync::Lock;
use crate::sys;
use crate::sys::fork::PerProcess;
use crate::transport::resolve;

/// Threads that look up at the same time. Only this many names of silent servers let the others wait.
const THREADS: usize = 64;

/// So many waiting names are looked through for some that nobody waits for any more; then twice as many as are left.
const SWEEP: usize = 1024;

static LOOK_UPS: PerProcess<Lock<LookUps<Reply>>> = PerProcess::new();

/// Where the answer goes. The attempt number lets a late one find nobody.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) thread: Arc<IoHandle>,
    pub(crate) connection: ObjectId,
    pub(crate) attempt: u64,
}

/// Who asks has it as long as it waits.
#[derive(Debug)]
pub(crate) struct Waiting(#[allow(dead_code, reason = "counted, not read")] Arc<()>);

/// What is asked: a host, and whether for IPv6 addresses.
type Question = (TcpHost, bool);

#[derive(Debug)]
struct Asker<R> {
    reply: R,
    port: u16,
    waits: Weak<()>,
}

impl Asker<Reply> {
    /// `found` has no ports.
    fn answer(self, found: &[SocketAddr]) {
        if self.waits.strong_count() == 0 {
            return;
        }
        let with_port = |address: &SocketAddr| {
            let mut address = *address;
            address.set_port(self.port);
            address
        };
        let addresses = found.iter().map(with_port).collect();
        let Reply {
            thread,
            connection,
            attempt,
        } = self.reply;
        thread.post(IoCommand::Resolved(connection, attempt, addresses));
    }
}

/// A leaf: nothing else is locked, posted or asked under its lock.
#[derive(Debug)]
struct LookUps<R> {
    /// Who waits for each answer, whether it is being asked for or still in `queue`.
    askers: HashMap<Question, Vec<Asker<R>>>,
    queue: VecDeque<Question>,
    threads: usize,
    sweep_at: usize,
}

impl<R> Default for LookUps<R> {
    fn default() -> Self {
        Self {
            askers: HashMap::new(),
            queue: VecDeque::new(),
            threads: 0,
            sweep_at: 0,
        }
    }
}

impl<R> LookUps<R> {
    /// True if a thread has to be started, which is counted already.
    fn add(&mut self, question: Question, asker: Asker<R>) -> bool {
        if let Some(askers) = self.askers.get_mut(&question) {
            askers.push(asker);
            return false;
        }
        if self.queue.len() >= self.sweep_at.max(SWEEP) {
            let askers = &mut self.askers;
            self.queue.retain(|question| {
                let is_awaited = is_awaited(askers.get(question));
                if !is_awaited {
                    askers.remove(question);
                }
                is_awaited
            });
            self.sweep_at = 2 * self.queue.len();
        }
        self.askers.insert(question.clone(), vec![asker]);
        self.queue.push_back(question);
        let is_wanted = self.threads < THREADS;
        self.threads += usize::from(is_wanted);
        is_wanted
    }

    /// The next question that somebody waits for. `None` ends the thread, which is not counted any more.
    fn next(&mut self) -> Option<Question> {
        while let Some(question) = self.queue.pop_front() {
            if is_awaited(self.askers.get(&question)) {
                return Some(question);
            }
            self.askers.remove(&question);
        }
        self.threads -= 1;
        if self.threads == 0 {
            // Nobody asks: what many have asked for takes no memory any more.
            *self = Self::default();
        }
        None
    }

    /// The system gave no thread. Whose questions nobody will take then.
    fn thread_failed(&mut self) -> Vec<Asker<R>> {
        self.threads -= 1;
        if self.threads > 0 {
            return Vec::new();
        }
        self.queue.clear();
        self.askers.drain().flat_map(|(_, askers)| askers).collect()
    }
}

fn is_awaited<R>(askers: Option<&Vec<Asker<R>>>) -> bool {
    askers
        .into_iter()
        .flatten()
        .any(|asker| asker.waits.strong_count() > 0)
}

/// See [`resolve::uses_ipv6`].
pub(crate) fn uses_ipv6(wanted: bool) -> bool {
    resolve::uses_ipv6(wanted)
}

/// The addresses of a host that needs no look-up.
pub(crate) fn numeric(host: &TcpHost, port: u16, ipv6: bool) -> Option<Vec<SocketAddr>> {
    resolve::numeric(host, port, ipv6)
}

/// The local address to connect from: a literal or an interface name.
pub(crate) fn local(source: &TcpSource, ipv6: bool) -> Option<SocketAddr> {
    resolve::local(&source.host, source.port, ipv6).ok()
}

/// Asks for `host`, and posts the addresses, none if it failed. Nobody is told any more when what is returned is dropped.
pub(crate) fn resolve(host: TcpHost, port: u16, ipv6: bool, reply: Reply) -> Waiting {
    let waiting = Arc::new(());
    let asker = Asker {
        reply,
        port,
        waits: Arc::downgrade(&waiting),
    };
    let look_ups = LOOK_UPS.get();
    let is_wanted = look_ups.lock().add((host, ipv6), asker);
    if is_wanted && sys::thread::spawn_detached("ZMQbg/Resolve", || work(look_ups)).is_err() {
        // Without a thread it is a failed attempt like any other.
        let failed = look_ups.lock().thread_failed();
        failed.into_iter().for_each(|asker| asker.answer(&[]));
    }
    Waiting(waiting)
}

fn work(look_ups: &Lock<LookUps<Reply>>) {
    loop {
        let question = look_ups.lock().next();
        let Some(question) = question else {
            return;
        };
        let found = resolve::connect(&question.0, 0, question.1);
        let askers = look_ups.lock().askers.remove(&question);
        for asker in askers.into_iter().flatten() {
            asker.answer(&found);
        }
    }
}

#[cfg(test)]
mod tests;
