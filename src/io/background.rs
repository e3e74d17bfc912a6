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

/// Threads that work at the same time. Each attempt that asks a silent server has one until it is answered, also when
/// the attempt is long over; so one endpoint that tries again and again can let all others wait.
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
    /// Says that it is there.
    tell: Box<dyn FnOnce() + Send>,
}

impl Job {
    fn run(self) {
        if self.result.strong_count() == 0 {
            return;
        }
        let worked = (self.work)();
        if let Some(result) = self.result.upgrade() {
            *result.lock() = Some(worked);
            (self.tell)();
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

fn prepare(work: Work, tell: Box<dyn FnOnce() + Send>) -> (Pending, Job) {
    let pending = Pending(Arc::default());
    let result = Arc::downgrade(&pending.0);
    (pending, Job { work, result, tell })
}

/// Has the work done, and wakes the connection when it is. Without a thread for it this never happens, and the handshake's
/// time limit ends it.
pub(crate) fn begin(work: Work, thread: Arc<IoHandle>, connection: ObjectId) -> Pending {
    let tell = move || {
        thread.post(IoCommand::Drive(connection));
    };
    let (pending, job) = prepare(work, Box::new(tell));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn job(number: i32) -> (Pending, Job) {
        prepare(Box::new(move || Box::new(number)), Box::new(|| ()))
    }

    fn number(pending: &Pending) -> Option<i32> {
        pending
            .take()
            .map(|worked| *worked.downcast().expect("a number"))
    }

    #[test]
    fn work_is_done_and_told_of() {
        let (told, hears) = mpsc::channel();
        let (pending, job) = prepare(
            Box::new(|| Box::new(7)),
            Box::new(move || told.send(()).expect("somebody hears")),
        );
        assert_eq!(number(&pending), None);
        let jobs: &'static Lock<Jobs> = Box::leak(Box::default());
        assert!(jobs.lock().add(job));
        sys::thread::spawn_detached("test", || work_off(jobs)).expect("a thread");
        hears.recv().expect("it is told");
        assert_eq!(number(&pending), Some(7));
        assert_eq!(number(&pending), None);
    }

    #[test]
    fn threads_are_bounded_and_take_what_waits() {
        let mut jobs = Jobs::default();
        let pending: Vec<_> = (0..100)
            .map(|number| {
                let (pending, job) = job(number);
                (pending, jobs.add(job))
            })
            .collect();
        let wanted = pending.iter().filter(|(_, is_wanted)| *is_wanted);
        assert_eq!(wanted.count(), THREADS);
        for (expected, (pending, _)) in pending.iter().enumerate() {
            jobs.next().expect("a job").run();
            assert_eq!(number(pending), Some(expected as i32));
        }
        for _ in 0..THREADS {
            assert!(jobs.next().is_none());
        }
        assert_eq!(jobs.threads, 0);
    }

    #[test]
    fn nobody_works_for_who_has_gone() {
        let mut jobs = Jobs::default();
        let (gone, job_of_gone) = job(1);
        let never = prepare(
            Box::new(|| panic!("nobody waits")),
            Box::new(|| panic!("nobody hears")),
        );
        jobs.add(job_of_gone);
        drop(gone);
        let (here, job_of_here) = job(2);
        jobs.add(job_of_here);
        assert_eq!(jobs.queue.len(), 1);
        jobs.next().expect("a job").run();
        assert_eq!(number(&here), Some(2));
        // Also if it went after that.
        drop(never.0);
        never.1.run();
    }

    #[test]
    fn without_a_thread_nothing_is_kept() {
        let mut jobs = Jobs::default();
        let (_one, first) = job(1);
        let (_other, second) = job(2);
        assert!(jobs.add(first) && jobs.add(second));
        // There is another thread that may take it.
        assert!(jobs.thread_failed().is_empty());
        assert_eq!(jobs.thread_failed().len(), 2);
        assert_eq!((jobs.threads, jobs.queue.len()), (0, 0));
    }
}
