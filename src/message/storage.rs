//! Where the bytes of frames lie when they are too many for a message itself, or a user's own.

#![allow(
    unsafe_code,
    reason = "raw memory with a count, part of the message fence"
)]

use std::alloc::{self, Layout};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::process;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::sys::cancel;

use super::{release, spares};

/// A function that takes a user's buffer back: `zmq_free_fn`, called with (data, hint).
pub(crate) type FreeFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void);

/// A counted reference to bytes, or an uncounted one to constant bytes. A clone shares them; whoever
/// drops the last reference frees them, on its thread (for users' buffers see [`release::Hold`]).
pub(crate) struct Storage {
    /// Null only if the user's pointer was, and then `length` is 0.
    data: *mut u8,
    length: usize,
    /// The block that is counted, null for constant bytes. The lowest bit is [`COPIED`].
    owner: *mut Header,
}

// SAFETY: the count is atomic, bytes are written only through a unique reference, and the contract
// allows a user's buffer to be freed on any thread.
unsafe impl Send for Storage {}
// SAFETY: as above; a shared `Storage` only reads.
unsafe impl Sync for Storage {}

/// Copies what of `bytes` fits to the front of a caller's buffer.
#[inline(always)]
pub(crate) fn copy_front(bytes: &[u8], buffer: &mut [MaybeUninit<u8>]) {
    let length = bytes.len().min(buffer.len());
    // SAFETY: both have so many bytes, and what is borrowed uniquely does not overlap anything else.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.as_mut_ptr().cast(), length) };
}

/// Mark in `owner`: some message with this storage was copied (ZMQ_SHARED).
const COPIED: usize = 1;

/// What every counted block begins with. In a block of the library's own the bytes follow at once.
#[repr(C, align(16))]
pub(super) struct Header {
    references: AtomicUsize,
    /// Bytes that follow, or [`FOREIGN`] in a [`Foreign`] block.
    capacity: usize,
}

/// No block of the library's own can be that large.
const FOREIGN: usize = usize::MAX;

/// The block that counts the references to a user's buffer.
#[repr(C)]
pub(super) struct Foreign {
    header: Header,
    free: FreeFn,
    data: *mut c_void,
    hint: *mut c_void,
    /// The next one in the list of [`release`].
    pub(super) next: *mut Self,
}

impl Storage {
    /// `size` bytes of unspecified content. Errors: `NoMemory`.
    pub(crate) fn allocate(size: usize) -> Result<Self> {
        let (owner, capacity) = match spares::take(size) {
            // SAFETY: the block is live and ours.
            Some(spare) => (spare, unsafe { capacity_of(spare.as_ptr()) }),
            None => (allocate_block(size)?, size),
        };
        let header = Header {
            references: AtomicUsize::new(1),
            capacity,
        };
        // SAFETY: the block is large enough and aligned for a header, and new.
        unsafe { owner.write(header) }
        let storage = Self {
            data: body_of(owner.as_ptr()),
            length: size,
            owner: owner.as_ptr(),
        };
        // SAFETY: `size` bytes behind the header belong to the block.
        unsafe { settle(storage.data, size) }
        Ok(storage)
    }

    /// Makes it `size` bytes long, if it is shorter; what comes in addition is of unspecified content. The
    /// system moves large blocks without copying them. Only for the one reference to the library's own
    /// memory.
    ///
    /// Errors: `NoMemory` if there is no memory, or the storage is somebody else's too; it stays as it is.
    pub(crate) fn grow(&mut self, size: usize) -> Result<()> {
        if size <= self.length {
            return Ok(());
        }
        if self.is_user_owned() || !self.is_unique() {
            return Err(Error::NoMemory);
        }
        let owner = untagged(self.owner);
        // SAFETY: a block of the library's own, as it is not the user's.
        let capacity = unsafe { capacity_of(owner) };
        if size > capacity {
            let block = NonNull::new(owner).ok_or(Error::NoMemory)?;
            // SAFETY: as above, and nobody else knows the block.
            let grown = unsafe { grow_block(block, capacity, size)? };
            let mark = self.owner.addr() & COPIED;
            self.owner = grown.as_ptr().map_addr(|address| address | mark);
            self.data = body_of(grown.as_ptr());
        }
        // SAFETY: the block has `size` bytes behind the header.
        let added = unsafe { self.data.add(self.length) };
        // SAFETY: as above.
        unsafe { settle(added, size - self.length) }
        self.length = size;
        Ok(())
    }

    /// A copy of `bytes`. Errors: `NoMemory`.
    pub(crate) fn copy_of(bytes: &[u8]) -> Result<Self> {
        let storage = Self::allocate(bytes.len())?;
        // SAFETY: the new block has room for as many bytes and overlaps with nothing.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), storage.data, bytes.len()) }
        Ok(storage)
    }

    /// A user's buffer, which `free(data, hint)` takes back when the last reference is gone. Errors:
    /// `NoMemory`; `free` will not be called then.
    ///
    /// # Safety
    /// `data` points to `length` readable bytes (it may be null if `length` is 0) that stay unchanged until
    /// `free` is called; `free` may be called from any thread.
    pub(crate) unsafe fn from_user(
        data: *mut c_void,
        length: usize,
        free: FreeFn,
        hint: *mut c_void,
    ) -> Result<Self> {
        // SAFETY: the size of the type is not zero.
        let memory = unsafe { alloc::alloc(Layout::new::<Foreign>()) };
        let block = NonNull::new(memory.cast::<Foreign>()).ok_or(Error::NoMemory)?;
        let header = Header {
            references: AtomicUsize::new(1),
            capacity: FOREIGN,
        };
        let foreign = Foreign {
            header,
            free,
            data,
            hint,
            next: ptr::null_mut(),
        };
        // SAFETY: the block was allocated with the type's layout.
        unsafe { block.write(foreign) }
        Ok(Self {
            data: data.cast(),
            length,
            owner: block.as_ptr().cast(),
        })
    }

    /// Bytes that nobody frees.
    #[cfg(test)]
    pub(crate) fn constant(bytes: &'static [u8]) -> Self {
        // SAFETY: static bytes are there for ever.
        unsafe { Self::constant_raw(bytes.as_ptr().cast_mut().cast(), bytes.len()) }
    }

    /// A user's buffer that nobody frees.
    ///
    /// # Safety
    /// `data` points to `length` readable bytes (it may be null if `length` is 0) that stay unchanged as
    /// long as any reference lives.
    pub(crate) unsafe fn constant_raw(data: *mut c_void, length: usize) -> Self {
        Self {
            data: data.cast(),
            length,
            owner: ptr::null_mut(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the bytes live as long as `self`, and nobody writes to them while it is borrowed.
        unsafe { self.bytes_for() }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The bytes for writing, while this is the only reference to the library's own memory.
    pub(crate) fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.is_user_owned() || !self.is_unique() {
            return None;
        }
        // SAFETY: the block's bytes, which `settle` made initialised; nobody else can see them.
        Some(unsafe { slice::from_raw_parts_mut(self.data, self.length) })
    }

    /// The bytes belong to the application: it gave a free function, or they are constant.
    pub(crate) fn is_user_owned(&self) -> bool {
        self.header()
            .is_none_or(|header| header.capacity == FOREIGN)
    }

    /// As `ZMQ_SHARED` tells it: constant, or copied at some time.
    pub(super) fn is_shared(&self) -> bool {
        self.owner.is_null() || self.owner.addr() & COPIED != 0
    }

    /// A clone, after which both count as copied.
    pub(super) fn share(&mut self) -> Self {
        if !self.owner.is_null() {
            self.owner = self.owner.map_addr(|address| address | COPIED);
        }
        self.clone()
    }

    /// Where the bytes begin, null if the user said so.
    pub(super) fn data_ptr(&self) -> *mut u8 {
        self.data
    }

    /// The bytes, for a life that the caller knows.
    ///
    /// # Safety
    /// A reference to this storage lives for `'a`, and nobody writes to its bytes meanwhile.
    pub(super) unsafe fn bytes_for<'a>(&self) -> &'a [u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: not null as it is not empty; the rest is what the constructors and the caller promise.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }

    /// The block alone, for whoever remembers the length and has no room for the rest.
    /// `None` unless the storage is a whole block of the library's own.
    pub(super) fn into_block(self) -> Option<NonNull<Header>> {
        let header = self.header()?;
        if header.capacity != self.length {
            return None;
        }
        let owner = NonNull::new(untagged(self.owner));
        std::mem::forget(self);
        owner
    }

    /// Undoes [`Storage::into_block`].
    ///
    /// # Safety
    /// `owner` comes from `into_block` of a storage of `length` bytes, and this takes its reference over.
    pub(super) unsafe fn from_block(owner: NonNull<Header>, length: usize) -> Self {
        Self {
            data: body_of(owner.as_ptr()),
            length,
            owner: owner.as_ptr(),
        }
    }

    fn is_unique(&self) -> bool {
        // Acquire: what former holders did is over before the bytes are written to.
        self.header()
            .is_some_and(|header| header.references.load(Ordering::Acquire) == 1)
    }

    fn header(&self) -> Option<&Header> {
        // SAFETY: null, or a block that lives at least as long as this reference to it.
        unsafe { untagged(self.owner).as_ref() }
    }
}

impl Clone for Storage {
    fn clone(&self) -> Self {
        if let Some(header) = self.header() {
            // Relaxed: a new reference is made from one that is there.
            let before = header.references.fetch_add(1, Ordering::Relaxed);
            if before > isize::MAX as usize {
                // Only leaked references get here; wrapping round would free what is in use.
                process::abort();
            }
        }
        Self {
            data: self.data,
            length: self.length,
            owner: self.owner,
        }
    }
}

impl Drop for Storage {
    #[inline]
    fn drop(&mut self) {
        let Some(header) = self.header() else {
            return;
        };
        // The only holder needs no read-modify-write: nobody can make it two meanwhile.
        if header.references.load(Ordering::Acquire) != 1 {
            if header.references.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            // A load, not a fence: ThreadSanitizer does not see what a fence orders, and nothing pays for it.
            header.references.load(Ordering::Acquire);
        }
        let is_foreign = header.capacity == FOREIGN;
        let owner = untagged(self.owner);
        if is_foreign {
            // SAFETY: the capacity says which kind of block it is; this was the last reference.
            unsafe { release::release(owner.cast()) }
        } else {
            // SAFETY: this was the last reference.
            unsafe { spares::put(owner) }
        }
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storage")
            .field("len", &self.length)
            .field("user_owned", &self.is_user_owned())
            .finish_non_exhaustive()
    }
}

/// A block to receive into, of which frames become slices.
///
/// It fills from front to back, so that slices that are out and room that is still written to never
/// overlap: one slab serves many reads, whoever keeps slices of it.
#[derive(Debug)]
pub(crate) struct Slab {
    storage: Storage,
    /// Bytes in front that are filled; the rest belongs to nobody yet.
    filled: usize,
}

impl Slab {
    /// An empty slab of `capacity` bytes. Errors: `NoMemory`.
    pub(crate) fn allocate(capacity: usize) -> Result<Self> {
        Ok(Self {
            storage: Storage::allocate(capacity)?,
            filled: 0,
        })
    }

    /// Size in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// Empties the slab, if no slice is out; whether it is empty now.
    pub(crate) fn clear(&mut self) -> bool {
        if self.storage.is_unique() {
            self.filled = 0;
        }
        self.filled == 0
    }

    /// What is not filled, of unspecified content.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let length = self.capacity() - self.filled;
        // SAFETY: `filled` is at most the block's size.
        let start = unsafe { self.storage.data.add(self.filled) };
        // SAFETY: the bytes lie in the block, are set, and no slice reaches into them.
        unsafe { slice::from_raw_parts_mut(start, length) }
    }

    /// The first `count` bytes of the room are filled now.
    pub(crate) fn fill(&mut self, count: usize) {
        self.filled = self.capacity().min(self.filled.saturating_add(count));
    }

    /// What is filled.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.bytes().get(..self.filled).unwrap_or_default()
    }

    /// A frame's bytes, which keep the whole slab. What lies beyond the filled bytes is cut off.
    pub(crate) fn slice(&self, range: Range<usize>) -> Storage {
        let end = range.end.min(self.filled);
        let start = range.start.min(end);
        let mut slice = self.storage.clone();
        // SAFETY: `start` is at most the block's size.
        slice.data = unsafe { slice.data.add(start) };
        slice.length = end - start;
        slice
    }
}

/// Calls the free function of a user's buffer and frees the block that counted it.
///
/// # Safety
/// `block` is live, and the caller was the last to know it.
pub(super) unsafe fn dispose_foreign(block: *mut Foreign) {
    // SAFETY: the block is live and read only once.
    let foreign = unsafe { block.read() };
    // SAFETY: `from_user` allocated it with this layout; nobody else knows it.
    unsafe { alloc::dealloc(block.cast(), Layout::new::<Foreign>()) }
    // SAFETY: the promise of `from_user`'s caller.
    let free = || unsafe { (foreign.free)(foreign.data, foreign.hint) };
    // SAFETY: pointers have nothing to drop.
    unsafe { cancel::call_out(free) }
}

/// Room for a header and `size` bytes.
fn allocate_block(size: usize) -> Result<NonNull<Header>> {
    let layout = block_layout(size).ok_or(Error::NoMemory)?;
    // SAFETY: the layout has a header in it, so its size is not zero.
    let memory = unsafe { alloc::alloc(layout) };
    NonNull::new(memory.cast::<Header>()).ok_or(Error::NoMemory)
}

/// Where the block is now, with room for `size` bytes. Errors: `NoMemory`; the block stays as it is.
///
/// # Safety
/// `block` is a live block of the library's own with `capacity` bytes, which nobody else knows; `size` is
/// larger.
unsafe fn grow_block(
    block: NonNull<Header>,
    capacity: usize,
    size: usize,
) -> Result<NonNull<Header>> {
    let old = block_layout(capacity).ok_or(Error::NoMemory)?;
    let new = block_layout(size).ok_or(Error::NoMemory)?;
    // SAFETY: the block was allocated with the layout of its capacity; the new size is not zero, and no
    // layout is larger than memory can be.
    let memory = unsafe { alloc::realloc(block.as_ptr().cast(), old, new.size()) };
    let grown = NonNull::new(memory.cast::<Header>()).ok_or(Error::NoMemory)?;
    // SAFETY: the header moved along with the block.
    unsafe { (*grown.as_ptr()).capacity = size }
    Ok(grown)
}

/// # Safety
/// `block` is a live block of the library's own.
pub(super) unsafe fn capacity_of(block: *mut Header) -> usize {
    // SAFETY: the block is live.
    unsafe { (*block).capacity }
}

/// # Safety
/// `owner` is a live block of the library's own, and the caller was the last to know it.
pub(super) unsafe fn free_block(owner: *mut Header) {
    // SAFETY: the block is live.
    let capacity = unsafe { capacity_of(owner) };
    if let Some(layout) = block_layout(capacity) {
        // SAFETY: it was allocated with the layout of this capacity.
        unsafe { alloc::dealloc(owner.cast(), layout) }
    }
}

/// `None`: no memory can be that large.
fn block_layout(capacity: usize) -> Option<Layout> {
    let size = capacity.checked_add(size_of::<Header>())?;
    Layout::from_size_align(size, align_of::<Header>()).ok()
}

fn body_of(owner: *mut Header) -> *mut u8 {
    owner.wrapping_add(1).cast()
}

fn untagged(owner: *mut Header) -> *mut Header {
    owner.map_addr(|address| address & !COPIED)
}

/// Makes fresh memory hold *some* bytes. For the compiler it holds none before it is written to, and
/// C programs may send what they never wrote; filling it would cost a pass over each large frame.
///
/// # Safety
/// `size` bytes from `memory` belong to the caller.
#[inline]
unsafe fn settle(memory: *mut u8, size: usize) {
    #[cfg(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = size;
        // SAFETY: the template is empty; as it is not said to leave memory alone, the compiler has to assume
        // that it wrote the bytes.
        unsafe {
            std::arch::asm!("/* {0} */", in(reg) memory, options(nostack, preserves_flags));
        }
    }
    #[cfg(not(all(not(miri), any(target_arch = "x86_64", target_arch = "aarch64"))))]
    // SAFETY: the bytes are the caller's.
    unsafe {
        memory.write_bytes(0, size);
    }
}
