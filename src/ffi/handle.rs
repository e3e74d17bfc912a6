//! What C holds: pointers to cells of a process-wide pool.
//!
//! A cell is never unmapped and is reused first-in first-out, so that a call on a handle that was just
//! closed finds a cleared magic instead of freed memory (protocols: "Handles").
//!
//! A panic may leave a tenant half changed: it cannot be entered again, only moved out.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::error::{Error, Result};
use crate::sync::{Lock, LockGuard, MappedLockGuard};
use crate::sys::fork::Stamp;

/// Something that C code holds a handle to.
pub(crate) trait Tenant: Send + Sized + 'static {
    /// Tells its cells from other memory.
    const MAGIC: u32;

    /// A call panicked in here, and no other gets in: whoever waits for this one has to be woken.
    fn broke(&self) {}
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
    /// A call panicked inside of the tenant. Under the lock.
    broken: AtomicBool,
    content: Lock<Option<Box<T>>>,
}

/// A tenant, locked.
#[derive(Debug)]
pub(crate) struct Entered<T: Tenant> {
    cell: &'static Cell<T>,
    tenant: MappedLockGuard<'static, Box<T>>,
}

impl<T: Tenant> Deref for Entered<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.tenant
    }
}

impl<T: Tenant> DerefMut for Entered<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.tenant
    }
}

impl<T: Tenant> Drop for Entered<T> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.cell.broken.store(true, Ordering::Relaxed);
            self.tenant.broke();
        }
    }
}

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
        // A late call of the parent's may have locked it at the fork.
        let usable = rested.filter(|cell| cell.lock().is_some());
        let cell = usable.unwrap_or_else(|| {
            Box::leak(Box::new(Cell {
                magic: AtomicU32::new(0),
                generation: AtomicU32::new(0),
                owner: Stamp::new(),
                broken: AtomicBool::new(false),
                content: Lock::new(None),
            }))
        });
        cell.owner.renew();
        let mut content = cell.content.lock();
        *content = Some(Box::new(tenant));
        cell.broken.store(false, Ordering::Relaxed);
        drop(content);
        cell.magic.store(T::MAGIC, Ordering::Release);
        cell
    }

    /// Moves the tenant out; from now on the handle is refused. `None` if somebody was faster.
    pub(crate) fn remove(&self, cell: &'static Cell<T>) -> Option<Box<T>> {
        self.remove_if(cell, |_| true)
    }

    /// As [`Self::remove`], if it is the tenant that is meant and not the next one.
    pub(crate) fn remove_if(
        &self,
        cell: &'static Cell<T>,
        is_meant: impl FnOnce(&T) -> bool,
    ) -> Option<Box<T>> {
        let mut content = cell.lock()?;
        let tenant = content.take_if(|tenant| is_meant(tenant))?;
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
    ///
    /// Errors: `Broken`.
    #[inline]
    pub(crate) fn enter(&'static self) -> Result<Option<Entered<T>>> {
        match self.lock() {
            Some(content) => self.entered(content),
            None => Ok(None),
        }
    }

    /// As [`Self::enter`], for who has just found that the tenant belongs to this process.
    #[inline]
    pub(crate) fn enter_own(&'static self) -> Result<Option<Entered<T>>> {
        self.entered(self.content.lock())
    }

    #[inline]
    fn entered(
        &'static self,
        content: LockGuard<'static, Option<Box<T>>>,
    ) -> Result<Option<Entered<T>>> {
        let Ok(tenant) = LockGuard::try_map(content, Option::as_mut) else {
            return Ok(None);
        };
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::Broken);
        }
        Ok(Some(Entered { cell: self, tenant }))
    }

    /// In a child: looks at the parent's tenant, which stays the parent's. `None` if it has moved out, or was
    /// locked at the fork.
    pub(crate) fn look<R>(&'static self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.content.try_lock()?.as_deref_mut().map(work)
    }

    /// True in a forked child of the process that the tenant belongs to.
    #[inline]
    pub(crate) fn is_of_parent(&self) -> bool {
        self.owner.is_of_parent()
    }

    #[inline(always)]
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[derive(Debug)]
    struct Number(u32);

    impl Tenant for Number {
        const MAGIC: u32 = 0x5a78_5454;
    }

    #[test]
    fn a_tenant_that_broke_can_only_move_out() {
        static NUMBERS: Pool<Number> = Pool::new();
        let cell = NUMBERS.insert(Number(1));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut inside = cell.enter().unwrap().unwrap();
            inside.0 = 2;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(cell.enter().err(), Some(Error::Broken));
        assert_eq!(NUMBERS.remove(cell).map(|number| number.0), Some(2));
        assert!(cell.enter().unwrap().is_none());
        let next = use_again(&NUMBERS, cell);
        assert_eq!(next.enter().unwrap().unwrap().0, 3);
    }

    /// Moves in and out until `cell` has rested; the one who has it then, a number 3.
    fn use_again(pool: &Pool<Number>, cell: &'static Cell<Number>) -> &'static Cell<Number> {
        for _ in 0..RESTING {
            let other = pool.insert(Number(0));
            assert!(!std::ptr::eq(cell, other), "it rests");
            assert!(pool.remove(other).is_some());
        }
        let next = pool.insert(Number(3));
        assert!(std::ptr::eq(cell, next), "the cell is used again");
        next
    }

    /// A call that comes late locks a cell that has no tenant any more.
    #[test]
    #[cfg_attr(miri, ignore = "miri cannot fork")]
    fn a_cell_that_was_locked_at_the_fork_is_not_used_again() {
        static NUMBERS: Pool<Number> = Pool::new();
        let cell = NUMBERS.insert(Number(1));
        assert!(NUMBERS.remove(cell).is_some());
        for _ in 0..RESTING {
            let other = NUMBERS.insert(Number(0));
            assert!(NUMBERS.remove(other).is_some());
        }
        let late_call = cell.content.lock();
        assert!(crate::sys::fork::succeeds_in_child(|| {
            let other = NUMBERS.insert(Number(2));
            !std::ptr::eq(cell, other) && other.enter().is_ok_and(|inside| inside.is_some())
        }));
        drop(late_call);
        assert!(std::ptr::eq(cell, NUMBERS.insert(Number(3))));
    }

    #[test]
    fn only_the_tenant_that_is_meant_moves_out() {
        static NUMBERS: Pool<Number> = Pool::new();
        let cell = NUMBERS.insert(Number(1));
        assert!(NUMBERS.remove_if(cell, |number| number.0 == 2).is_none());
        assert_eq!(cell.enter().unwrap().unwrap().0, 1);
        assert!(NUMBERS.remove_if(cell, |number| number.0 == 1).is_some());
    }
}
