//! Work of handshakes that may take long is done off the I/O threads, so that it holds up nobody else.
//!
//! The threads for it are the process's, as those of the resolver, and for the same reasons their number is bounded: what a
//! silent server is asked cannot be ended. Nobody works for a connection that does not wait any more.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Weak};

use crate::io::{IoCommand, IoHandle, ObjectId};
use crate::mechanism::{Work, Worked};
use crate::sync::Lock;
use crate::sys;
use crate::sys::fork::PerProcess;

/// Threads that work at the same time. Only this many silent servers let the others wait.
const THREADS: usize = 16;

static JOBS: PerProcess<Lock<Jobs>> = PerProcess::new();

/// Who had work begun has it as long as it waits.
pub(crate) struct Pending(Arc<Lock<Option<Worked>>>);

impl Pending {
    /// What came of it; once.
    pub(crate) fn take(&self) -> Option<Worked> {
        self.0.lock().take()
    }
}

impl Debug for Pending {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pending")
    }
}

struct Job {
    work: Work,
    result: Weak<Lock<Option<Worked>>>,
    /// Who is to hear of it.
    thread: Arc<IoHandle>,
    connection: ObjectId,
}

impl Job {
    fn run(self) {
        if self.result.strong_count() == 0 {
            return;
        }
        let worked = (self.work)();
        if let Some(result) = self.result.upgrade() {
            *result.lock() = Some(worked);
            self.thread.post(IoCommand::Drive(self.connection));
        }
    }
}

/// A leaf: nothing else is locked, posted or done under its lock.
#[derive(Default)]
struct Jobs {
    queue: VecDeque<Job>,
    threads: usize,
}

impl Jobs {
    /// True if a thread has to be started, which is counted already.
    fn add(&mut self, job: Job) -> bool {
        // Those of whom nobody waits any more, as of all that are ahead.
        self.queue.retain(|job| job.result.strong_count() > 0);
        self.queue.push_back(job);
        let is_wanted = self.threads < THREADS;
        self.threads += usize::from(is_wanted);
        is_wanted
    }

    /// `None` ends the thread, which is not counted any more.
    fn next(&mut self) -> Option<Job> {
        let job = self.queue.pop_front();
        if job.is_none() {
            self.threads -= 1;
        }
        job
    }

    /// The system gave no thread. The jobs that nobody will do then.
    fn thread_failed(&mut self) -> VecDeque<Job> {
        self.threads -= 1;
        match self.threads {
            0 => std::mem::take(&mut self.queue),
            _ => VecDeque::new(),
        }
    }
}

/// Has the work done, and wakes the connection when it is. Without a thread for it this never happens, and the handshake's
/// time limit ends it.
pub(crate) fn begin(work: Work, thread: Arc<IoHandle>, connection: ObjectId) -> Pending {
    let pending = Pending(Arc::default());
    let job = Job {
        work,
        result: Arc::downgrade(&pending.0),
        thread,
        connection,
    };
    let jobs = JOBS.get();
    let is_wanted = jobs.lock().add(job);
    if is_wanted && sys::thread::spawn_detached("ZMQbg/Work", || work_off(jobs)).is_err() {
        let failed = jobs.lock().thread_failed();
        drop(failed);
    }
    pending
}

fn work_off(jobs: &Lock<Jobs>) {
    loop {
        let job = jobs.lock().next();
        match job {
            Some(job) => job.run(),
            None => return,
        }
    }
}
