//! Threads of the library: named, with all signals blocked, scheduled as the context says.

use std::mem::MaybeUninit;
use std::os::unix::thread::JoinHandleExt;
use std::thread;

use crate::error::{Error, Result};

/// How a thread is to run. What the system refuses is ignored (design choice of api.md section 2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    /// At most 15 bytes.
    pub(crate) name: String,
    pub(crate) priority: Option<i32>,
    pub(crate) sched_policy: Option<i32>,
    /// CPUs it may run on; empty = all.
    pub(crate) cpus: Vec<usize>,
}

/// A running thread.
#[derive(Debug)]
pub(crate) struct JoinHandle(thread::JoinHandle<()>);

impl JoinHandle {
    /// It is the calling thread, which cannot wait for itself.
    pub(crate) fn is_current(&self) -> bool {
        // Not by std's id of the current thread, which a thread that is ending does not have any more.
        // SAFETY: no memory is involved.
        let current = unsafe { libc::pthread_self() };
        // SAFETY: compares two numbers.
        unsafe { libc::pthread_equal(self.0.as_pthread_t(), current) != 0 }
    }

    /// Waits for its end, however it ends.
    pub(crate) fn join(self) {
        // A panic was reported by the hook; there is nothing to add.
        let _ = self.0.join();
    }
}

/// Starts a thread. Errors: those of the system.
pub(crate) fn spawn(
    attributes: &Attributes,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle> {
    let attributes = attributes.clone();
    let old = block_all_signals();
    let name: String = attributes
        .name
        .chars()
        .filter(|letter| *letter != '\0')
        .collect();
    let spawned = thread::Builder::new().name(name).spawn(move || {
        apply(&attributes);
        work();
    });
    restore_signals(&old);
    Ok(JoinHandle(spawned.map_err(Error::from)?))
}

/// Starts a thread that nobody waits for.
pub(crate) fn spawn_detached(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    spawn(
        &Attributes {
            name: name.to_owned(),
            ..Attributes::default()
        },
        work,
    )
    .map(drop)
}

/// Blocks every signal in the calling thread; a thread it starts inherits that.
fn block_all_signals() -> libc::sigset_t {
    let mut all = MaybeUninit::uninit();
    let mut old = MaybeUninit::uninit();
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: both point to sets, the first one filled; with a valid `how` the call cannot fail.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()) };
    // SAFETY: the call above filled it.
    unsafe { old.assume_init() }
}

fn restore_signals(old: &libc::sigset_t) {
    // SAFETY: a set that pthread_sigmask gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old, std::ptr::null_mut()) };
}

/// Applies scheduling to the calling thread, as far as the system lets it.
fn apply(attributes: &Attributes) {
    if !attributes.cpus.is_empty() {
        restrict_to(&attributes.cpus);
    }
    if attributes.priority.is_none() && attributes.sched_policy.is_none() {
        return;
    }
    let mut policy = 0;
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: no memory is involved.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: both point to live values; the thread is the calling one.
    let current = unsafe { libc::pthread_getschedparam(this, &mut policy, &mut parameters) };
    if current != 0 {
        return;
    }
    policy = attributes.sched_policy.unwrap_or(policy);
    let fair = matches!(
        policy,
        libc::SCHED_OTHER | libc::SCHED_IDLE | libc::SCHED_BATCH
    );
    match attributes.priority {
        Some(priority) if fair && priority > 0 => {
            // SAFETY: no memory is involved.
            let _ = unsafe { libc::nice(-20) };
        }
        Some(priority) if !fair => parameters.sched_priority = priority,
        _ => {}
    }
    // SAFETY: the thread is the calling one, the parameters are live.
    let _ = unsafe { libc::pthread_setschedparam(this, policy, &parameters) };
}

fn restrict_to(cpus: &[usize]) {
    // SAFETY: a CPU set is plain bits, and all zero is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus.iter().filter(|cpu| **cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: the index was checked against the size of the set.
        unsafe { libc::CPU_SET(*cpu, &mut set) };
    }
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: the set is live and `size` its size.
    let _ = unsafe { libc::sched_setaffinity(0, size, &set) };
}
