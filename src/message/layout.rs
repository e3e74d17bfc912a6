//! How a message lies in its 64 bytes, and messages in memory that C owns.

#![allow(
    unsafe_code,
    reason = "one place for two kinds of payload; messages in C memory"
)]

use std::ffi::CStr;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::slice;

use crate::error::{Error, Result};

use super::storage::{Header, Storage};
use super::{INLINE_MAX, Message};

const _: () = {
    assert!(size_of::<Message>() == 64);
    assert!(align_of::<Message>() == 8);
    assert!(std::mem::offset_of!(Message, payload) == 8);
    assert!(std::mem::offset_of!(Message, group) == 48);
    assert!(size_of::<Storage>() <= INLINE_MAX);
};

/// The message at `message`, or `None` if there is none: the pointer is null or misaligned, or the
/// memory was closed or never initialised, as far as the kind byte can tell.
///
/// # Safety
/// `message` is null or points to 64 readable and writable bytes, which hold a message if their kind byte
/// says so, and which nobody else uses during `'a`.
pub(crate) unsafe fn from_raw<'a>(message: *mut Message) -> Option<&'a mut Message> {
    // SAFETY: passed on from the caller.
    if !unsafe { is_live(message) } {
        return None;
    }
    // SAFETY: not null, aligned and live; exclusive by the caller's promise.
    Some(unsafe { &mut *message })
}

/// As [`from_raw`] for calls that only look, which may happen on several threads at once.
///
/// # Safety
/// `message` is null or points to 64 readable bytes, which hold a message if their kind byte says so, and
/// which nobody changes during `'a`.
pub(crate) unsafe fn view_raw<'a>(message: *const Message) -> Option<&'a Message> {
    // SAFETY: passed on from the caller.
    if !unsafe { is_live(message) } {
        return None;
    }
    // SAFETY: not null, aligned and live; not changed by the caller's promise.
    Some(unsafe { &*message })
}

/// Puts `value` at `message`, whatever was there before: it is not dropped.
///
/// # Safety
/// `message` points to 64 writable bytes, aligned to 8.
pub(crate) unsafe fn write_raw(message: *mut Message, value: Message) {
    // SAFETY: the caller's promise.
    unsafe { message.write(value) }
}

/// Drops the message at `message` and marks the memory, so that closing it again is an error.
/// Errors: `Fault`, there is no message.
///
/// # Safety
/// As [`from_raw`].
pub(crate) unsafe fn close_raw(message: *mut Message) -> Result<()> {
    // SAFETY: passed on from the caller.
    let live = unsafe { from_raw(message) }.ok_or(Error::Fault)?;
    let value = live.take();
    live.payload.kind = DEAD;
    // A free function may run here: it finds the memory closed already.
    drop(value);
    Ok(())
}

/// # Safety
/// `message` is null or points to 64 readable bytes.
unsafe fn is_live(message: *const Message) -> bool {
    if message.is_null() || !message.is_aligned() {
        return false;
    }
    // SAFETY: the address lies within the 64 bytes.
    let kind = unsafe { &raw const (*message).payload.kind };
    // SAFETY: the caller's promise.
    let kind = unsafe { kind.read() };
    kind == INLINE || kind == STORED
}

/// Values of the kind byte. Zeroed memory is no message, nor is a closed one; the others are chosen to
/// be rare in memory that holds something else.
const DEAD: u8 = 0;
const INLINE: u8 = 0xA9;
const STORED: u8 = 0xB7;

/// Inline bytes or a [`Storage`], in the same place.
#[repr(C)]
pub(super) struct Payload {
    /// `length` inline bytes from the start, or a `Storage`. The type has no alignment of its own, so
    /// that the kind can follow at once; a storage is read and written unaligned.
    place: [MaybeUninit<u8>; INLINE_MAX],
    kind: u8,
    /// Of inline bytes.
    length: u8,
}

impl Payload {
    pub(super) const fn empty() -> Self {
        Self {
            place: [const { MaybeUninit::uninit() }; INLINE_MAX],
            kind: INLINE,
            length: 0,
        }
    }

    /// A copy of `bytes`; `None` if they are too many.
    pub(super) fn inline(bytes: &[u8]) -> Option<Self> {
        let mut payload = Self::empty();
        let place = payload.place.get_mut(..bytes.len())?;
        for (slot, byte) in place.iter_mut().zip(bytes) {
            slot.write(*byte);
        }
        payload.length = bytes.len() as u8;
        Some(payload)
    }

    /// `size` zero bytes; `None` if they are too many.
    pub(super) fn zeroed(size: usize) -> Option<Self> {
        if size > INLINE_MAX {
            return None;
        }
        Some(Self {
            place: [const { MaybeUninit::new(0) }; INLINE_MAX],
            kind: INLINE,
            length: size as u8,
        })
    }

    pub(super) fn stored(storage: Storage) -> Self {
        let mut payload = Self::empty();
        payload.kind = STORED;
        // SAFETY: the place is large enough (asserted above), and has nothing to be dropped.
        unsafe {
            payload
                .place
                .as_mut_ptr()
                .cast::<Storage>()
                .write_unaligned(storage)
        }
        payload
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self.peek() {
            // SAFETY: the storage is held by `self`, which is borrowed as long as the bytes.
            Some(storage) => unsafe { storage.bytes_for() },
            // SAFETY: the first `length` bytes of the place were written when it was made inline.
            None => unsafe {
                slice::from_raw_parts(self.place.as_ptr().cast(), self.length.into())
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.peek()
            .map_or_else(|| self.length.into(), |storage| storage.len())
    }

    pub(super) fn data_ptr(&mut self) -> *mut u8 {
        match self.peek() {
            Some(storage) => storage.data_ptr(),
            None => self.place.as_mut_ptr().cast(),
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.peek().is_some_and(|storage| storage.is_shared())
    }

    pub(super) fn is_own_block(&self) -> bool {
        self.peek().is_some_and(|storage| !storage.is_user_owned())
    }

    pub(super) fn storage(&self) -> Option<Storage> {
        self.peek().map(|storage| Storage::clone(&storage))
    }

    /// Inline bytes are copied, storage is shared and marked so.
    pub(super) fn share(&mut self) -> Self {
        let Some(mut storage) = self.peek() else {
            return Self {
                place: self.place,
                kind: INLINE,
                length: self.length,
            };
        };
        let other = storage.share();
        // SAFETY: the place is large enough; what it holds is the same reference, without the mark.
        unsafe {
            self.place
                .as_mut_ptr()
                .cast::<ManuallyDrop<Storage>>()
                .write_unaligned(storage)
        }
        Self::stored(other)
    }

    /// The storage as a bitwise copy, to look at; the reference stays the payload's.
    fn peek(&self) -> Option<ManuallyDrop<Storage>> {
        if self.kind != STORED {
            return None;
        }
        // SAFETY: the kind says what the place holds. Not dropped, so nothing is counted twice.
        Some(unsafe {
            self.place
                .as_ptr()
                .cast::<ManuallyDrop<Storage>>()
                .read_unaligned()
        })
    }
}

impl Drop for Payload {
    #[inline]
    fn drop(&mut self) {
        if let Some(storage) = self.peek() {
            self.kind = DEAD;
            drop(ManuallyDrop::into_inner(storage));
        }
    }
}

/// The name of a group with its NUL: up to 14 bytes inline, or in a shared block.
#[repr(C, align(8))]
pub(super) struct Group {
    /// The name and its NUL, or a pointer to the block and the name's length in one byte.
    place: [MaybeUninit<u8>; SHORT + 1],
    /// Length of an inline name, or [`IN_BLOCK`].
    tag: u8,
}

/// Longest inline name.
const SHORT: usize = 14;
/// Longest name (zmq.h: ZMQ_GROUP_MAX_LENGTH).
const LONGEST: usize = 255;
const IN_BLOCK: u8 = 0xFF;

impl Group {
    pub(super) const fn none() -> Self {
        let mut place = [const { MaybeUninit::uninit() }; SHORT + 1];
        place[0] = MaybeUninit::new(0);
        Self { place, tag: 0 }
    }

    /// The name up to its first NUL, cut to 255 bytes. Errors: `NoMemory`.
    pub(super) fn named(name: &[u8]) -> Result<Self> {
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = name.get(..LONGEST).unwrap_or(name);
        if name.len() > SHORT {
            return Self::in_block(name);
        }
        let mut group = Self::none();
        for (slot, byte) in group.place.iter_mut().zip(name.iter().chain(&[0])) {
            slot.write(*byte);
        }
        group.tag = name.len() as u8;
        Ok(group)
    }

    pub(super) fn name(&self) -> &CStr {
        let bytes: &[u8] = match self.peek() {
            // SAFETY: the block is held by `self`, which is borrowed as long as the bytes.
            Some(storage) => unsafe { storage.bytes_for() },
            // SAFETY: an inline name and its NUL were written when it was set.
            None => unsafe {
                slice::from_raw_parts(self.place.as_ptr().cast(), usize::from(self.tag) + 1)
            },
        };
        CStr::from_bytes_until_nul(bytes).unwrap_or_default()
    }

    fn in_block(name: &[u8]) -> Result<Self> {
        let mut storage = Storage::allocate(name.len() + 1)?;
        if let Some((end, bytes)) = storage.bytes_mut().and_then(<[u8]>::split_last_mut) {
            bytes.copy_from_slice(name);
            *end = 0;
        }
        let block = storage.into_block().ok_or(Error::NoMemory)?;
        Ok(Self::of_block(block, name.len() as u8))
    }

    fn of_block(block: NonNull<Header>, length: u8) -> Self {
        let mut group = Self::none();
        group.tag = IN_BLOCK;
        // SAFETY: the place begins aligned to 8 and has room for a pointer.
        unsafe {
            group
                .place
                .as_mut_ptr()
                .cast::<NonNull<Header>>()
                .write(block)
        }
        group.place[size_of::<NonNull<Header>>()] = MaybeUninit::new(length);
        group
    }

    fn block(&self) -> Option<(NonNull<Header>, u8)> {
        if self.tag != IN_BLOCK {
            return None;
        }
        // SAFETY: the tag says that `of_block` wrote the place.
        let block = unsafe { self.place.as_ptr().cast::<NonNull<Header>>().read() };
        // SAFETY: as above.
        let length = unsafe { self.place[size_of::<NonNull<Header>>()].assume_init() };
        Some((block, length))
    }

    /// The block as storage, to look at; the reference stays the group's.
    fn peek(&self) -> Option<ManuallyDrop<Storage>> {
        let (block, length) = self.block()?;
        // SAFETY: the block comes from `into_block` of a name and its NUL. Not dropped, so nothing
        // is counted twice.
        let storage = unsafe { Storage::from_block(block, usize::from(length) + 1) };
        Some(ManuallyDrop::new(storage))
    }
}

impl Clone for Group {
    fn clone(&self) -> Self {
        if let Some(storage) = self.peek() {
            // The new reference is kept by the copy of the place.
            std::mem::forget(Storage::clone(&storage));
        }
        Self {
            place: self.place,
            tag: self.tag,
        }
    }
}

impl Drop for Group {
    #[inline]
    fn drop(&mut self) {
        if let Some(storage) = self.peek() {
            drop(ManuallyDrop::into_inner(storage));
        }
    }
}
