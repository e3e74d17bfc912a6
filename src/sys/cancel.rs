//! pthread_cancel: a thread that waits in a call is one that may be ended.
//!
//! The C library ends a thread by an exception of its own, at any function of its that may wait. No frame of Rust may meet
//! that. So such functions are called behind a [`Shield`], where the request stays pending, and two places let it in: a
//! wait ([`ppoll`]), and a function of the application's that is called from here ([`call_out`]). There it ends in a few
//! instructions of assembler, which catch it as C code would that has a clean-up handler. A wait then is interrupted as by
//! a signal, the call goes back as it does then, and [`end_if_due`] goes on with the end where nothing of ours is left on
//! the stack. [`end_if_asked`] is for calls that may never wait.
//!
//! Where there is no such assembler, a thread is ended when its call returns.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{nfds_t, pollfd, sigset_t, timespec};

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

unsafe extern "C-unwind" {
    fn pthread_exit(value: *mut c_void) -> !;
    fn pthread_testcancel();
}

const DISABLE: c_int = 1;

/// A thread of this process was due once. Where none ever was, nobody looks at a variable of its own thread, which takes a
/// call.
static IS_ANY_DUE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What a wait allows, as long as a shield is up.
    static ALLOWED: Cell<Option<c_int>> = const { Cell::new(None) };
    /// What the caller allows.
    static OUTSIDE: Cell<c_int> = const { Cell::new(DISABLE) };
    /// The thread is to end.
    static IS_DUE: Cell<bool> = const { Cell::new(false) };
}

/// While this is there, no system call of the thread is where it ends, but for those that wait in [`ppoll`].
#[derive(Debug)]
pub(crate) struct Shield {
    /// What [`ALLOWED`] was before; `None`: the outermost one, which takes it down.
    before: Option<c_int>,
}

impl Shield {
    pub(crate) fn raise() -> Self {
        Self::allow(None)
    }

    /// Not even those: what waits for no time is only a look, whose failure nobody hears of.
    pub(crate) fn close() -> Self {
        Self::allow(Some(DISABLE))
    }

    /// Where waits let the thread end as `state` says, if that is said, or else as those around do.
    fn allow(state: Option<c_int>) -> Self {
        let before = ALLOWED.get();
        let around = before.unwrap_or_else(|| set_state(DISABLE));
        ALLOWED.set(Some(state.unwrap_or(around)));
        if before.is_none() {
            OUTSIDE.set(around);
        }
        Self { before }
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        ALLOWED.set(self.before);
        if self.before.is_none() {
            set_state(OUTSIDE.get());
        }
    }
}

/// The state before.
fn set_state(state: c_int) -> c_int {
    let mut old = 0;
    // SAFETY: writable. It fails for no valid state, and these are.
    unsafe { pthread_setcancelstate(state, &raw mut old) };
    old
}

/// As the function of the C library; how many are ready. With a thread that is cancelled in it, or was before, it fails as
/// after a signal.
///
/// # Safety
/// As for that function.
pub(crate) unsafe fn ppoll(
    descriptors: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> io::Result<usize> {
    let _shield = Shield::raise();
    let mut wait = Wait {
        descriptors,
        count,
        timeout,
        mask,
        allowed: ALLOWED.get().unwrap_or(DISABLE),
        ended: Err(libc::EINTR),
    };
    // SAFETY: as the caller says.
    if IS_DUE.get() || unsafe { catching::is_cancelled_in(Wait::run, (&raw mut wait).cast()) } {
        set_due();
    }
    wait.ended.map_err(io::Error::from_raw_os_error)
}

/// Ends the thread if it was cancelled while it waited, unless this is a call within another one. Nothing that has to be
/// dropped may be on the stack.
#[inline]
pub(crate) fn end_if_due() {
    if IS_ANY_DUE.load(Ordering::Relaxed) {
        end_if_this_is_due();
    }
}

#[cold]
#[inline(never)]
fn end_if_this_is_due() {
    if IS_DUE.get() && ALLOWED.get().is_none() {
        end();
    }
}

/// The thread is to end as soon as nothing of ours is in the way.
fn set_due() {
    IS_DUE.set(true);
    IS_ANY_DUE.store(true, Ordering::Relaxed);
}

/// As [`end_if_due`], and also if it is cancelled now: who tries in vain again and again meets no system call.
pub(crate) fn end_if_asked() {
    end_if_due();
    if ALLOWED.get().is_none() {
        // SAFETY: what is on the stack below was called from C, whose clean-up handlers run.
        unsafe { pthread_testcancel() }
    }
}

#[cold]
#[inline(never)]
fn end() -> ! {
    const PTHREAD_CANCELED: *mut c_void = std::ptr::without_provenance_mut(usize::MAX);
    // Clean-up handlers and destructors may call us, and wait: nobody cancels the thread once more.
    IS_DUE.set(false);
    // SAFETY: what is on the stack below was called from C, whose clean-up handlers run; see the callers.
    unsafe { pthread_exit(PTHREAD_CANCELED) }
}

/// A wait, and what came of it.
struct Wait {
    descriptors: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
    allowed: c_int,
    /// How many are ready, or the errno.
    ended: Result<usize, i32>,
}

impl Wait {
    /// Waits as the caller allows, if that can be caught. No frame between the assembler and the C library has anything to
    /// drop.
    unsafe extern "C-unwind" fn run(wait: *mut c_void) {
        unsafe extern "C-unwind" {
            fn ppoll(
                descriptors: *mut pollfd,
                count: nfds_t,
                timeout: *const timespec,
                mask: *const sigset_t,
            ) -> c_int;
        }
        // SAFETY: the caller's.
        let wait = unsafe { &mut *wait.cast::<Self>() };
        set_state(catching::caught(wait.allowed));
        // SAFETY: as for `cancel::ppoll`.
        let ready = unsafe { ppoll(wait.descriptors, wait.count, wait.timeout, wait.mask) };
        wait.ended = usize::try_from(ready).map_err(|_| {
            io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EINVAL)
        });
        set_state(DISABLE);
    }
}

/// A function of the application's, and as what it runs.
struct Out<F> {
    function: Option<F>,
    allowed: c_int,
}

impl<F: FnOnce()> Out<F> {
    /// As [`Wait::run`].
    unsafe extern "C-unwind" fn run(out: *mut c_void) {
        // SAFETY: the caller's.
        let out = unsafe { &mut *out.cast::<Self>() };
        set_state(catching::caught(out.allowed));
        if let Some(function) = out.function.take() {
            function();
        }
        set_state(DISABLE);
    }
}

/// Calls a function of the application's from within a call of its. The thread may be cancelled in it, and in what it calls
/// of ours, as if nothing were around that; here the end waits until the call that is around is over.
///
/// # Safety
/// `function` has nothing to drop, and calls nothing but that function.
pub(crate) unsafe fn call_out<F: FnOnce()>(function: F) {
    let _shield = Shield::raise();
    let allowed = ALLOWED.replace(None);
    let mut out = Out {
        function: Some(function),
        allowed: allowed.unwrap_or(DISABLE),
    };
    // SAFETY: as the caller says; where it runs there is nothing to drop either.
    if unsafe { catching::is_cancelled_in(Out::<F>::run, (&raw mut out).cast()) } {
        set_due();
        set_state(DISABLE);
    }
    ALLOWED.set(allowed);
}

#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
mod catching {
    use std::ffi::{c_int, c_void};

    unsafe extern "C-unwind" {
        /// Calls `run` with `argument`; 1 if the thread was cancelled in it, or else 0.
        fn zeroxide_run_cancellable(
            run: unsafe extern "C-unwind" fn(*mut c_void),
            argument: *mut c_void,
        ) -> c_int;
    }

    // What the macros pthread_cleanup_push and pthread_cleanup_pop of C do: a buffer (a jmp_buf of 64 bytes, a number, and
    // four pointers: 104 bytes) is filled by __sigsetjmp and registered. Who is cancelled comes back there with 1.
    std::arch::global_asm!(
        ".pushsection .text.zeroxide_run_cancellable,\"ax\",@progbits",
        ".hidden zeroxide_run_cancellable",
        ".globl zeroxide_run_cancellable",
        ".type zeroxide_run_cancellable,@function",
        "zeroxide_run_cancellable:",
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        ".cfi_offset rbx, -24",
        "push r12",
        ".cfi_offset r12, -32",
        "sub rsp, 128",
        "mov rbx, rdi",
        "mov r12, rsi",
        "mov rdi, rsp",
        "xor esi, esi",
        "call __sigsetjmp@PLT",
        "test eax, eax",
        "jne 2f",
        "mov rdi, rsp",
        "call __pthread_register_cancel@PLT",
        "mov rdi, r12",
        "call rbx",
        "xor ebx, ebx",
        "jmp 3f",
        "2:",
        "mov ebx, 1",
        "3:",
        "mov rdi, rsp",
        "call __pthread_unregister_cancel@PLT",
        "mov eax, ebx",
        "add rsp, 128",
        "pop r12",
        "pop rbx",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
        ".size zeroxide_run_cancellable, .-zeroxide_run_cancellable",
        ".popsection",
    );

    /// What a thread may be asked for where that is caught.
    pub(super) fn caught(allowed: c_int) -> c_int {
        allowed
    }

    /// Runs a function; true if the thread was cancelled, or ended by itself, meanwhile.
    ///
    /// # Safety
    /// It takes the argument, and has nothing to drop where that may happen.
    pub(super) unsafe fn is_cancelled_in(
        run: unsafe extern "C-unwind" fn(*mut c_void),
        argument: *mut c_void,
    ) -> bool {
        // SAFETY: as the caller says.
        unsafe { zeroxide_run_cancellable(run, argument) != 0 }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_env = "gnu")))]
mod catching {
    use std::ffi::{c_int, c_void};

    /// Nothing is caught, so nothing is allowed.
    pub(super) fn caught(_allowed: c_int) -> c_int {
        super::DISABLE
    }

    /// Runs a function.
    ///
    /// # Safety
    /// It takes the argument.
    pub(super) unsafe fn is_cancelled_in(
        run: unsafe extern "C-unwind" fn(*mut c_void),
        argument: *mut c_void,
    ) -> bool {
        // SAFETY: as the caller says.
        unsafe { run(argument) };
        false
    }
}
