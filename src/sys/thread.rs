//! Threads of the library: named, with all signals blocked, scheduled as the context says.
//!
//! Made without std, whose threads register destructors of thread-locals. That takes the lock which dlopen holds
//! while it runs a constructor: an I/O thread would not begin before a constructor that waits for it has ended.

use std::ffi::{CString, c_void};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// A running thread. Nobody waits for it if this is dropped.
#[derive(Debug)]
pub(crate) struct JoinHandle(libc::pthread_t);

impl JoinHandle {
    /// It is the calling thread, which cannot wait for itself.
    pub(crate) fn is_current(&self) -> bool {
        // SAFETY: no memory is involved.
        let current = unsafe { libc::pthread_self() };
        // SAFETY: compares two numbers.
        unsafe { libc::pthread_equal(self.0, current) != 0 }
    }

    /// Waits for its end, however it ends.
    pub(crate) fn join(self) {
        let thread = ManuallyDrop::new(self);
        // SAFETY: a thread that is neither joined nor detached elsewhere.
        unsafe { libc::pthread_join(thread.0, std::ptr::null_mut()) };
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        // SAFETY: a thread that is neither joined nor detached elsewhere.
        unsafe { libc::pthread_detach(self.0) };
    }
}

/// What std gives its threads: enough, and little to reserve.
const STACK: usize = 2 * 1024 * 1024;

type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread. Errors: those of the system.
pub(crate) fn spawn(
    attributes: &Attributes,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle> {
    let attributes = attributes.clone();
    let work: Work = Box::new(move || {
        apply(&attributes);
        work();
    });
    let argument = Box::into_raw(Box::new(work));
    let old = block_all_signals();
    // SAFETY: `run` takes the argument over, if it runs.
    let started = unsafe { start(run, argument.cast()) };
    restore_signals(&old);
    started.inspect_err(|_| {
        // SAFETY: no thread took it over.
        drop(unsafe { Box::from_raw(argument) });
    })
}

/// # Safety
/// `argument` is what `run` expects.
unsafe fn start(
    run: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> Result<JoinHandle> {
    let mut how = MaybeUninit::uninit();
    // SAFETY: fills the attributes.
    let status = unsafe { libc::pthread_attr_init(how.as_mut_ptr()) };
    if status != 0 {
        return Err(Error::Os(status));
    }
    // Where it is too small the default stays.
    // SAFETY: initialised above.
    unsafe { libc::pthread_attr_setstacksize(how.as_mut_ptr(), STACK) };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: writable, initialised, and passed on from the caller.
    let status = unsafe { libc::pthread_create(thread.as_mut_ptr(), how.as_ptr(), run, argument) };
    // SAFETY: initialised above, and not used any more.
    unsafe { libc::pthread_attr_destroy(how.as_mut_ptr()) };
    if status != 0 {
        return Err(Error::Os(status));
    }
    // SAFETY: written, since a thread was made.
    Ok(JoinHandle(unsafe { thread.assume_init() }))
}

extern "C" fn run(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the box that `spawn` gave to this thread.
    let work = *unsafe { Box::from_raw(argument.cast::<Work>()) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        // It was reported by the hook. Dropping an unknown payload could panic again.
        std::mem::forget(payload);
    }
    std::ptr::null_mut()
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

/// Applies name and scheduling to the calling thread, as far as the system lets it.
fn apply(attributes: &Attributes) {
    set_name(&attributes.name);
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

fn set_name(name: &str) {
    let letters = name.bytes().filter(|letter| *letter != 0).take(15);
    let Ok(name) = CString::new(letters.collect::<Vec<_>>()) else {
        return;
    };
    // SAFETY: no memory is involved.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the calling thread, and a text that is short enough.
    unsafe { libc::pthread_setname_np(this, name.as_ptr()) };
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
