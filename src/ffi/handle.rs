//! What C holds: pointers to cells of a process-wide pool.
//!
//! A cell is never unmapped and is reused first-in first-out, so that a call on a handle that was just
//! closed finds a cleared magic instead of freed memory (protocols: "Handles"). A forked child has pools of
//! its own: another thread may have held any lock of its parent's at that moment.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use crate::sync::{Lock, LockGuard, MappedLockGuard};
use crate::sys::fork;

/// Something that C code holds a handle to.
pub(crate) trait Tenant: Send + Sized + 'static {
    /// Tells its cells from other memory.
    const MAGIC: u32;
}

/// A place for one tenant after the other.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cell<T: Tenant> {
    /// [`Tenant::MAGIC`] while there is a tenant. First, so that any pointer to a handle of another kind
    /// finds another number.
    magic: AtomicU32,
    /// Counts tenants.
    generation: AtomicU32,
    made_in: fork::Generation,
    content: Lock<Option<Box<T>>>,
}

/// A tenant, locked.
pub(crate) type Entered<T> = MappedLockGuard<'static, Box<T>>;

/// All cells of one kind.
#[derive(Debug)]
pub(crate) struct Pool<T: Tenant> {
    /// Of this process, or, right after a fork, of an ancestor.
    free: AtomicPtr<FreeCells<T>>,
}

/// Cells that wait before they are used again: a call that comes late, or a second close, then finds no
/// tenant instead of another's.
const RESTING: usize = 1000;

/// The cells without a tenant. Never freed.
#[derive(Debug)]
struct FreeCells<T: Tenant> {
    made_in: fork::Generation,
    cells: Lock<VecDeque<&'static Cell<T>>>,
}

impl<T: Tenant> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self {
            free: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Moves a tenant in; the handle for C.
    pub(crate) fn insert(&self, tenant: T) -> &'static Cell<T> {
        let mut free = self.free().cells.lock();
        let rested = if free.len() > RESTING {
            free.pop_front()
        } else {
            None
        };
        drop(free);
        let cell = rested.unwrap_or_else(|| {
            Box::leak(Box::new(Cell {
                magic: AtomicU32::new(0),
                generation: AtomicU32::new(0),
                made_in: fork::generation(),
                content: Lock::new(None),
            }))
        });
        *cell.content.lock() = Some(Box::new(tenant));
        cell.magic.store(T::MAGIC, Ordering::Release);
        cell
    }

    /// Moves the tenant out; from now on the handle is refused. `None` if somebody was faster.
    pub(crate) fn remove(&self, cell: &'static Cell<T>) -> Option<Box<T>> {
        let mut content = cell.content.lock();
        let tenant = content.take()?;
        cell.magic.store(0, Ordering::Release);
        cell.generation.fetch_add(1, Ordering::Relaxed);
        drop(content);
        if !cell.is_of_parent() {
            self.free().cells.lock().push_back(cell);
        }
        Some(tenant)
    }

    fn free(&self) -> &'static FreeCells<T> {
        let known = self.free.load(Ordering::Acquire);
        // SAFETY: NULL or never freed.
        match unsafe { known.as_ref() } {
            Some(free) if !fork::in_child_of(free.made_in) => free,
            _ => self.begin(known),
        }
    }

    /// The first time in this process.
    #[cold]
    fn begin(&self, of_ancestor: *mut FreeCells<T>) -> &'static FreeCells<T> {
        let fresh = Box::leak(Box::new(FreeCells {
            made_in: fork::generation(),
            cells: Lock::new(VecDeque::new()),
        }));
        // A thread that lost the race leaks a list, once.
        let _ = self
            .free
            .compare_exchange(of_ancestor, fresh, Ordering::AcqRel, Ordering::Acquire);
        self.free()
    }
}

impl<T: Tenant> Cell<T> {
    /// The cell that `handle` points to; `None` if it is NULL or has no tenant of this kind.
    ///
    /// # Safety
    /// `handle` is NULL, or points to readable memory, as every handle that this library ever gave out
    /// does for ever.
    pub(crate) unsafe fn from_handle(handle: *mut c_void) -> Option<&'static Self> {
        let cell = handle.cast::<Self>();
        if cell.is_null() || !cell.is_aligned() {
            return None;
        }
        // SAFETY: readable by contract; the magic is the first field and atomic.
        let magic = unsafe { &*cell.cast::<AtomicU32>() };
        if magic.load(Ordering::Acquire) != T::MAGIC {
            return None;
        }
        // SAFETY: the magic says that this is a cell, and cells are never unmapped.
        Some(unsafe { &*cell })
    }

    /// The handle for C.
    pub(crate) fn handle(&'static self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The calling process is a forked child of the one that made the tenant. Asked before the lock is
    /// taken, which may never become free.
    #[inline]
    pub(crate) fn is_of_parent(&self) -> bool {
        fork::in_child_of(self.made_in)
    }

    /// Locks the tenant; `None` if it has moved out.
    pub(crate) fn enter(&'static self) -> Option<Entered<T>> {
        LockGuard::try_map(self.content.lock(), Option::as_mut).ok()
    }

    /// Which tenant it is; compared after a time without the lock.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }
}
