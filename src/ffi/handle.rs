//! What C holds: pointers to cells of a process-wide pool.
//!
//! A cell is never unmapped and is reused first-in first-out, so that a call on a handle that was just
//! closed finds a cleared magic instead of freed memory (protocols: "Handles").

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sync::{Lock, LockGuard, MappedLockGuard};
use crate::sys::fork::Stamp;

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
    /// The process that may wait for the lock.
    owner: Stamp,
    content: Lock<Option<Box<T>>>,
}

/// A tenant, locked.
pub(crate) type Entered<T> = MappedLockGuard<'static, Box<T>>;

/// Cells that wait before they are used again: a call that comes late, or a second close, then finds no
/// tenant instead of another's.
const RESTING: usize = 1000;

/// All cells of one kind.
#[derive(Debug)]
pub(crate) struct Pool<T: Tenant> {
    free: Lock<VecDeque<&'static Cell<T>>>,
    /// The process that may wait for the lock.
    owner: Stamp,
}

impl<T: Tenant> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self {
            free: Lock::new(VecDeque::new()),
            owner: Stamp::unset(),
        }
    }

    /// The unused cells. `None` in a child that was forked while a thread of the parent was in here: nobody
    /// is left to unlock them, and the child does without.
    fn free(&self) -> Option<LockGuard<'_, VecDeque<&'static Cell<T>>>> {
        if !self.owner.is_of_parent() {
            return Some(self.free.lock());
        }
        let free = self.free.try_lock()?;
        self.owner.renew();
        Some(free)
    }

    /// Moves a tenant in; the handle for C.
    pub(crate) fn insert(&self, tenant: T) -> &'static Cell<T> {
        let rested = self.free().and_then(|mut free| {
            if free.len() > RESTING {
                free.pop_front()
            } else {
                None
            }
        });
        let cell = rested.unwrap_or_else(|| {
            Box::leak(Box::new(Cell {
                magic: AtomicU32::new(0),
                generation: AtomicU32::new(0),
                owner: Stamp::new(),
                content: Lock::new(None),
            }))
        });
        cell.owner.renew();
        *cell.content.lock() = Some(Box::new(tenant));
        cell.magic.store(T::MAGIC, Ordering::Release);
        cell
    }

    /// Moves the tenant out; from now on the handle is refused. `None` if somebody was faster.
    pub(crate) fn remove(&self, cell: &'static Cell<T>) -> Option<Box<T>> {
        let mut content = cell.lock()?;
        let tenant = content.take()?;
        cell.magic.store(0, Ordering::Release);
        cell.generation.fetch_add(1, Ordering::Relaxed);
        drop(content);
        if let Some(mut free) = self.free() {
            free.push_back(cell);
        }
        Some(tenant)
    }

    /// In a child: refuses the handle from now on, and leaves the tenant alone, which is the parent's. False
    /// if it was refused before.
    pub(crate) fn disown(&self, cell: &'static Cell<T>) -> bool {
        cell.magic.swap(0, Ordering::AcqRel) == T::MAGIC
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

    /// Locks the tenant; `None` if it has moved out, or is the parent's and was locked at the fork.
    #[inline]
    pub(crate) fn enter(&'static self) -> Option<Entered<T>> {
        LockGuard::try_map(self.lock()?, Option::as_mut).ok()
    }

    /// True in a forked child of the process that the tenant belongs to.
    #[inline]
    pub(crate) fn is_of_parent(&self) -> bool {
        self.owner.is_of_parent()
    }

    #[inline]
    fn lock(&'static self) -> Option<LockGuard<'static, Option<Box<T>>>> {
        if !self.is_of_parent() {
            return Some(self.content.lock());
        }
        // What was locked at the fork stays so: its holder exists in the parent only.
        let content = self.content.try_lock()?;
        self.owner.renew();
        Some(content)
    }

    /// Which tenant it is; compared after a time without the lock.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }
}
