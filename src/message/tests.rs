//! Every storage kind moved, copied and closed; free functions; memory that C owns.

#![allow(unsafe_code, reason = "plays the C program")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::release::Hold;
use super::*;
use crate::error::Error;

/// What a free function saw: it is called with the address of one of these as its hint.
#[derive(Default)]
struct Freed {
    calls: AtomicUsize,
    data: AtomicUsize,
}

impl Freed {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn hint(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }
}

unsafe extern "C-unwind" fn count(data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the hint is a `Freed` that outlives the buffer in each test.
    let freed = unsafe { &*hint.cast::<Freed>() };
    freed.calls.fetch_add(1, Ordering::SeqCst);
    freed.data.store(data.addr(), Ordering::SeqCst);
}

/// A message of a user's buffer, whose release `freed` counts.
fn user_message(bytes: &'static [u8], freed: &Freed) -> Message {
    Message::from_storage(user_storage(bytes, freed))
}

fn user_storage(bytes: &'static [u8], freed: &Freed) -> Storage {
    let data = bytes.as_ptr().cast_mut().cast();
    // SAFETY: static bytes; the function may be called anywhere.
    unsafe { Storage::from_user(data, bytes.len(), count, freed.hint()) }.unwrap()
}

const LONG: &[u8] = &[7; 100];
const EXACT: &[u8] = &[3; INLINE_MAX];
const ABOVE: &[u8] = &[4; INLINE_MAX + 1];

/// One message of each kind, with what ZMQ_SHARED says before and after a copy.
fn each_kind(freed: &Freed, slab: &Slab) -> Vec<(&'static str, Message, bool, bool)> {
    vec![
        ("empty", Message::new(), false, false),
        ("inline", Message::from_slice(b"abc").unwrap(), false, false),
        (
            "inline, full",
            Message::from_slice(EXACT).unwrap(),
            false,
            false,
        ),
        ("heap", Message::from_slice(ABOVE).unwrap(), false, true),
        (
            "slice",
            Message::from_storage(slab.slice(10..110)),
            false,
            true,
        ),
        ("user", user_message(b"tiny", freed), false, true),
        ("user, empty", user_message(b"", freed), false, true),
        ("constant", Message::from_constant(LONG), true, true),
        ("constant, empty", Message::from_constant(b""), true, true),
    ]
}

#[test]
fn every_kind_is_moved_copied_and_dropped() {
    let freed = Freed::default();
    let mut slab = Slab::allocate(200).unwrap();
    slab.room().fill(9);
    slab.fill(200);
    for (kind, mut message, shared, shared_after_copy) in each_kind(&freed, &slab) {
        let bytes = message.bytes().to_vec();
        assert_eq!(message.len(), bytes.len(), "{kind}");
        assert_eq!(message.is_empty(), bytes.is_empty(), "{kind}");
        assert_eq!(message.is_shared(), shared, "{kind}");

        let mut copy = message.share();
        assert_eq!(copy.bytes(), bytes, "{kind}");
        assert_eq!(message.is_shared(), shared_after_copy, "{kind}");
        assert_eq!(copy.is_shared(), shared_after_copy, "{kind}");

        let moved = message.take();
        assert!(message.is_empty() && !message.is_shared(), "{kind}");
        drop(message);
        assert_eq!(moved.bytes(), bytes, "{kind}");
        drop(moved);
        // It stays shared when the other is gone.
        assert_eq!(copy.is_shared(), shared_after_copy, "{kind}");
        assert_eq!(copy.bytes(), bytes, "{kind}");
        let second = copy.share();
        drop(copy);
        assert_eq!(second.bytes(), bytes, "{kind}");
    }
    assert_eq!(freed.calls(), 2);
    assert!(slab.clear());
}

#[test]
fn flags_and_addresses_travel_with_copy_and_move() {
    let peer = Arc::new(PeerInfo::new(Box::default(), None, -1, &[]));
    for group in [
        &b"short"[..],
        b"exactly 14 byt",
        b"a name of 15 by",
        &[b'g'; 255],
    ] {
        let mut message = Message::from_slice(b"x").unwrap();
        message.set_more(true);
        message.set_peer(Some(Arc::clone(&peer)));
        message.set_routing_id(77);
        message.set_group(group).unwrap();
        let copy = message.share();
        let moved = message.take();
        for message in [&copy, &moved] {
            assert!(message.more());
            assert!(Arc::ptr_eq(message.peer().unwrap(), &peer));
            assert_eq!(message.routing_id(), 77);
            assert_eq!(message.group().to_bytes(), group);
        }
        assert!(!message.more());
        assert!(message.peer().is_none());
        assert_eq!(message.routing_id(), 0);
        assert_eq!(message.group(), c"");
        drop(moved);
        assert_eq!(copy.group().to_bytes(), group);
        assert_eq!(Arc::strong_count(&peer), 2);
        let mut copy = copy;
        copy.strip();
        assert_eq!(Arc::strong_count(&peer), 1);
        assert!(copy.more());
    }
}

#[test]
fn the_last_group_wins() {
    let mut message = Message::new();
    for name in [&[b'a'; 200][..], b"b", &[b'c'; 15], &[b'd'; 14], b""] {
        message.set_group(name).unwrap();
        assert_eq!(message.group().to_bytes(), name);
    }
    message.set_group(&[b'e'; 300]).unwrap();
    assert_eq!(message.group().to_bytes(), [b'e'; 255]);
    message.set_group(b"cut\0here").unwrap();
    assert_eq!(message.group(), c"cut");
}

#[test]
fn sizes_beyond_memory_are_refused() {
    for size in [
        usize::MAX,
        usize::MAX - 1,
        usize::MAX - 15,
        isize::MAX as usize,
    ] {
        assert_eq!(Message::with_size(size).unwrap_err(), Error::NoMemory);
        assert_eq!(Slab::allocate(size).unwrap_err(), Error::NoMemory);
    }
    for size in [0, 1, INLINE_MAX, INLINE_MAX + 1, 100_000] {
        let mut message = Message::with_size(size).unwrap();
        assert_eq!(message.len(), size);
        // SAFETY: the message's own bytes, which nothing else refers to.
        unsafe { message.data_ptr().write_bytes(0x5A, size) }
        assert!(message.bytes().iter().all(|byte| *byte == 0x5A));
    }
}

#[test]
fn inline_bytes_lie_in_the_message_and_others_do_not() {
    fn lies_inside(message: &mut Message) -> bool {
        let start = (&raw const *message).addr();
        (start..start + 64).contains(&message.data_ptr().addr())
    }
    assert!(lies_inside(&mut Message::from_slice(EXACT).unwrap()));
    assert!(!lies_inside(&mut Message::from_slice(ABOVE).unwrap()));
    let mut constant = Message::from_constant(b"k");
    assert!(!lies_inside(&mut constant));
}

#[test]
fn pointers_of_users_are_kept() {
    let freed = Freed::default();
    static BYTES: [u8; 2] = [1, 2];
    let mut message = user_message(&BYTES, &freed);
    assert_eq!(message.data_ptr().cast_const(), BYTES.as_ptr());
    // Through a pipe.
    let storage = message.share_storage().unwrap();
    drop(message);
    assert!(storage.is_user_owned());
    let mut received = Message::from_storage(storage);
    assert!(!received.is_shared());
    assert_eq!(received.data_ptr().cast_const(), BYTES.as_ptr());
    assert_eq!(freed.calls(), 0);
    drop(received);
    assert_eq!(freed.calls(), 1);
    assert_eq!(freed.data.load(Ordering::SeqCst), BYTES.as_ptr().addr());

    // SAFETY: no bytes.
    let storage = unsafe { Storage::from_user(std::ptr::null_mut(), 0, count, freed.hint()) };
    let mut empty = Message::from_storage(storage.unwrap());
    assert!(empty.data_ptr().is_null());
    assert_eq!(empty.bytes(), b"");
    drop(empty);
    assert_eq!(freed.calls(), 2);
    assert_eq!(freed.data.load(Ordering::SeqCst), 0);
}

#[test]
fn copied_mark_survives_a_pipe() {
    let mut message = Message::from_slice(LONG).unwrap();
    drop(message.share());
    let received = Message::from_storage(message.share_storage().unwrap());
    assert!(received.is_shared());
    assert!(
        Message::from_slice(b"inline")
            .unwrap()
            .share_storage()
            .is_none()
    );
}

#[test]
fn short_storage_of_ours_is_copied_out() {
    let mut slab = Slab::allocate(64).unwrap();
    slab.room().copy_from_slice(&[1; 64]);
    slab.fill(64);
    let short = Message::from_storage(slab.slice(0..INLINE_MAX));
    assert!(slab.clear());
    slab.fill(64);
    assert_eq!(short.bytes(), [1; INLINE_MAX]);
    let longer = Message::from_storage(slab.slice(0..INLINE_MAX + 1));
    assert!(!slab.clear());
    drop(longer);
    assert!(slab.clear());
}

#[test]
fn storage_grows_where_nobody_else_has_it() {
    let mut storage = Storage::copy_of(b"front").unwrap();
    // Through the sizes whose freed blocks are kept, and beyond them.
    for size in [6, 100, 20_000, 40_000, 300_000, 3_000_000] {
        storage.grow(size).unwrap();
        assert_eq!(storage.len(), size);
        assert_eq!(&storage.bytes()[..5], b"front");
        let bytes = storage.bytes_mut().unwrap();
        bytes[5..].fill(7);
    }
    storage.grow(10).unwrap();
    assert_eq!(storage.len(), 3_000_000, "it never shrinks");
    assert!(storage.bytes()[5..].iter().all(|byte| *byte == 7));
    assert_eq!(storage.grow(usize::MAX).unwrap_err(), Error::NoMemory);
    assert_eq!(storage.len(), 3_000_000);

    let other = storage.clone();
    assert_eq!(storage.grow(4_000_000).unwrap_err(), Error::NoMemory);
    assert_eq!(other.bytes(), storage.bytes());
    drop(other);
    storage.grow(4_000_000).unwrap();
    let mut constant = Storage::constant(b"a user's");
    assert_eq!(constant.grow(100).unwrap_err(), Error::NoMemory);
}

#[test]
fn storage_is_written_to_only_while_unique() {
    let mut storage = Storage::allocate(4).unwrap();
    storage.bytes_mut().unwrap().copy_from_slice(b"abcd");
    let clone = storage.clone();
    assert!(storage.bytes_mut().is_none());
    assert_eq!(clone.bytes(), b"abcd");
    drop(clone);
    assert!(storage.bytes_mut().is_some());
    assert_eq!(storage.len(), 4);
    assert!(!storage.is_user_owned());

    assert!(Storage::constant(b"abc").bytes_mut().is_none());
    assert!(Storage::constant(b"abc").is_user_owned());
    let freed = Freed::default();
    let mut users = user_storage(b"abc", &freed);
    assert!(users.bytes_mut().is_none());
}

#[test]
fn slab_outlives_its_owner_through_slices() {
    let mut slab = Slab::allocate(16).unwrap();
    assert_eq!(slab.capacity(), 16);
    for (place, byte) in (0..).zip(slab.room()) {
        *byte = place;
    }
    slab.fill(12);
    let slice = slab.slice(4..8);
    let beyond = slab.slice(8..99);
    let outside = slab.slice(50..60);
    assert_eq!(slab.bytes().len(), 12);
    assert_eq!(slab.room(), [12, 13, 14, 15]);
    slab.room().fill(7);
    drop(slab);
    assert_eq!(slice.bytes(), [4, 5, 6, 7]);
    assert_eq!(beyond.bytes(), [8, 9, 10, 11]);
    assert_eq!(outside.bytes(), b"");
}

#[test]
fn slab_is_used_again_when_no_slice_is_out() {
    let mut slab = Slab::allocate(8).unwrap();
    slab.fill(99);
    assert!(slab.room().is_empty());
    let slice = slab.slice(0..1);
    assert!(!slab.clear());
    assert!(slab.room().is_empty());
    drop(slice);
    assert!(slab.clear());
    assert_eq!(slab.room().len(), 8);
    assert_eq!(slab.bytes(), b"");
}

#[test]
fn freed_once_by_the_last_of_many_threads() {
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let freed = Arc::new(Freed::default());
        let mut message = user_message(LONG, &freed);
        let (start, threads): (Vec<_>, Vec<_>) = (0..4)
            .map(|_| {
                let (start, started) = mpsc::channel::<()>();
                let mut mine = message.share();
                let thread = thread::spawn(move || {
                    started.recv().unwrap();
                    let second = mine.share();
                    drop(mine);
                    assert_eq!(second.bytes(), LONG);
                });
                (start, thread)
            })
            .unzip();
        for start in start {
            start.send(()).unwrap();
        }
        drop(message);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(freed.calls(), 1);
    }
}

#[test]
fn hold_defers_until_the_outermost_ends() {
    let freed = Freed::default();
    let outer = Hold::new();
    drop(user_message(b"1", &freed));
    {
        let _inner = Hold::new();
        drop(user_message(b"2", &freed));
    }
    assert_eq!(freed.calls(), 0);
    // Another thread does not wait for this one's.
    thread::scope(|scope| {
        let message = user_message(b"3", &freed);
        scope.spawn(move || drop(message));
    });
    assert_eq!(freed.calls(), 1);
    drop(outer);
    assert_eq!(freed.calls(), 3);
    drop(user_message(b"4", &freed));
    assert_eq!(freed.calls(), 4);
}

/// What a hold has collected can be given to another thread, which observes its own holds.
#[test]
fn what_was_released_moves_to_another_thread() {
    let freed = Freed::default();
    let hold = Hold::new();
    assert!(hold.take().is_none());
    drop(user_message(b"1", &freed));
    drop(user_message(b"2", &freed));
    let released = hold.take().unwrap();
    assert!(hold.take().is_none());
    drop(user_message(b"3", &freed));
    drop(hold);
    assert_eq!(freed.calls(), 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let hold = Hold::new();
            drop(released);
            assert_eq!(freed.calls(), 1);
            drop(hold);
            assert_eq!(freed.calls(), 3);
        });
    });
}

/// Free functions that note their order, release further messages and use the library.
struct Chain {
    order: std::cell::RefCell<Vec<usize>>,
    then: std::cell::RefCell<Vec<Message>>,
    nesting: std::cell::Cell<usize>,
}

unsafe extern "C-unwind" fn note(data: *mut c_void, hint: *mut c_void) {
    // SAFETY: the hint is a `Chain` of the test's thread that outlives the buffers.
    let chain = unsafe { &*hint.cast::<Chain>() };
    assert_eq!(chain.nesting.replace(1), 0);
    chain.order.borrow_mut().push(data.addr());
    {
        let _hold = Hold::new();
        chain.then.borrow_mut().pop();
    }
    chain.nesting.set(0);
}

#[test]
fn held_functions_run_in_order_and_may_use_the_library() {
    let chain = Chain {
        order: Default::default(),
        then: Default::default(),
        nesting: Default::default(),
    };
    let message = |number: usize| {
        let data = std::ptr::without_provenance_mut(number);
        let hint = (&raw const chain).cast_mut().cast();
        // SAFETY: no bytes, and the test's thread alone frees them.
        Message::from_storage(unsafe { Storage::from_user(data, 0, note, hint) }.unwrap())
    };
    chain.then.borrow_mut().extend([message(5), message(4)]);
    let hold = Hold::new();
    for number in [1, 2, 3] {
        drop(message(number));
    }
    assert!(chain.order.borrow().is_empty());
    drop(hold);
    assert_eq!(*chain.order.borrow(), [1, 2, 3, 4, 5]);
    // The list is in order again afterwards.
    let hold = Hold::new();
    drop(message(6));
    drop(message(7));
    drop(hold);
    assert_eq!(*chain.order.borrow(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
#[allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one sentence holds for all of them"
)]
fn memory_of_c() {
    let freed = Freed::default();
    let mut memory = MaybeUninit::<Message>::zeroed();
    let at = memory.as_mut_ptr();
    // SAFETY: 64 bytes of this test's own, aligned as a message, in all the blocks below.
    unsafe {
        assert!(from_raw(at).is_none());
        assert!(view_raw(at).is_none());
        assert_eq!(close_raw(at), Err(Error::Fault));
        assert!(from_raw(std::ptr::null_mut()).is_none());
        assert_eq!(close_raw(std::ptr::null_mut()), Err(Error::Fault));
        assert!(from_raw(at.wrapping_byte_add(1)).is_none());
    }
    // SAFETY: as above.
    unsafe { write_raw(at, user_message(b"payload", &freed)) }
    // SAFETY: as above.
    assert_eq!(unsafe { view_raw(at) }.unwrap().bytes(), b"payload");
    // SAFETY: as above.
    let message = unsafe { from_raw(at) }.unwrap();
    message.set_group(&[b'g'; 100]).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { close_raw(at) }, Ok(()));
    assert_eq!(freed.calls(), 1);
    // SAFETY: as above.
    assert_eq!(unsafe { close_raw(at) }, Err(Error::Fault));
    assert_eq!(freed.calls(), 1);
    // SAFETY: as above.
    unsafe { write_raw(at, Message::new()) }
    // SAFETY: as above.
    assert_eq!(unsafe { close_raw(at) }, Ok(()));
    // SAFETY: as above.
    assert!(unsafe { from_raw(at) }.is_none());
}

unsafe extern "C-unwind" fn close_again(_data: *mut c_void, hint: *mut c_void) {
    let message = hint.cast::<Message>();
    // SAFETY: the hint is the memory of the message whose buffer is being freed.
    assert_eq!(unsafe { close_raw(message) }, Err(Error::Fault));
}

#[test]
fn a_free_function_finds_its_message_closed() {
    let mut memory = MaybeUninit::<Message>::zeroed();
    let at = memory.as_mut_ptr();
    // SAFETY: no bytes.
    let storage =
        unsafe { Storage::from_user(std::ptr::null_mut(), 0, close_again, at.cast()) }.unwrap();
    // SAFETY: memory of this test's own.
    unsafe { write_raw(at, Message::from_storage(storage)) }
    // SAFETY: as above.
    assert_eq!(unsafe { close_raw(at) }, Ok(()));
}
