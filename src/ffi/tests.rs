//! Wrong arguments: what every function answers to NULL, closed and foreign handles, and to impossible sizes.
//! Contract: functions.tsv, column on_failure.

#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of the C functions with arguments that they check"
)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use super::constants as c;
use super::types::{zmq_msg_t, zmq_poller_event_t};
use super::version::zmq_errno;
use super::{clock_threads::*, proxy::*, socket::*, timers::*, z85::*};
use super::{context::*, counters::*, draft::*, message::*, monitor::*, poller::*};

/// What a call gave: whether that was its failure value, and `errno`.
type Answer = (bool, c_int);

fn answer<T: PartialEq>(failure: T, call: impl FnOnce() -> T) -> Answer {
    super::errno::set(0);
    let failed = call() == failure;
    (failed, unsafe { zmq_errno() })
}

fn message() -> zmq_msg_t {
    let mut message = MaybeUninit::uninit();
    unsafe {
        assert_eq!(zmq_msg_init(message.as_mut_ptr()), 0);
        message.assume_init()
    }
}

/// Handles that are no socket: NULL, closed, of another kind, and memory of the program.
fn no_sockets(foreign: &mut [u64; 16]) -> (*mut c_void, Vec<*mut c_void>) {
    unsafe {
        let context = zmq_ctx_new();
        let closed = zmq_socket(context, c::ZMQ_PAIR);
        assert_eq!(zmq_close(closed), 0);
        let foreign: *mut c_void = foreign.as_mut_ptr().cast();
        (
            context,
            vec![null_mut(), closed, context, foreign, foreign.byte_add(1)],
        )
    }
}

#[test]
fn what_is_no_socket_is_refused_by_every_function() {
    let mut foreign = [0x5a5a_5a5a_5a5a_5a5a; 16];
    let (context, handles) = no_sockets(&mut foreign);
    let mut part = message();
    let part = &raw mut part;
    let mut length = 0usize;
    let mut buffers = [libc::iovec {
        iov_base: null_mut(),
        iov_len: 0,
    }];
    let iov = buffers.as_mut_ptr();
    let endpoint = c"inproc://refused".as_ptr();
    for handle in handles {
        let mut count = 1usize;
        let answers = unsafe {
            [
                ("close", answer(-1, || zmq_close(handle))),
                (
                    "setsockopt",
                    answer(-1, || zmq_setsockopt(handle, c::ZMQ_LINGER, null(), 0)),
                ),
                (
                    "getsockopt",
                    answer(-1, || {
                        zmq_getsockopt(handle, 16, null_mut(), &raw mut length)
                    }),
                ),
                ("bind", answer(-1, || zmq_bind(handle, endpoint))),
                ("connect", answer(-1, || zmq_connect(handle, endpoint))),
                ("unbind", answer(-1, || zmq_unbind(handle, endpoint))),
                (
                    "disconnect",
                    answer(-1, || zmq_disconnect(handle, endpoint)),
                ),
                ("send", answer(-1, || zmq_send(handle, null(), 0, 0))),
                (
                    "send_const",
                    answer(-1, || zmq_send_const(handle, null(), 0, 0)),
                ),
                ("recv", answer(-1, || zmq_recv(handle, null_mut(), 0, 0))),
                ("msg_send", answer(-1, || zmq_msg_send(part, handle, 0))),
                ("msg_recv", answer(-1, || zmq_msg_recv(part, handle, 0))),
                (
                    "msg_send without message",
                    answer(-1, || zmq_msg_send(null_mut(), handle, 0)),
                ),
                ("sendmsg", answer(-1, || zmq_sendmsg(handle, part, 0))),
                ("recvmsg", answer(-1, || zmq_recvmsg(handle, part, 0))),
                ("sendiov", answer(-1, || zmq_sendiov(handle, iov, 1, 0))),
                (
                    "recviov",
                    answer(-1, || zmq_recviov(handle, iov, &raw mut count, 0)),
                ),
                (
                    "monitor",
                    answer(-1, || zmq_socket_monitor(handle, endpoint, 1)),
                ),
                (
                    "versioned",
                    answer(-1, || {
                        zmq_socket_monitor_versioned(handle, endpoint, 1, 2, 0)
                    }),
                ),
                (
                    "stats",
                    answer(-1, || zmq_socket_monitor_pipes_stats(handle)),
                ),
                ("join", answer(-1, || zmq_join(handle, endpoint))),
                ("leave", answer(-1, || zmq_leave(handle, endpoint))),
                (
                    "connect_peer",
                    answer(0, || zmq_connect_peer(handle, endpoint)),
                ),
                (
                    "disconnect_peer",
                    answer(-1, || zmq_disconnect_peer(handle, 1)),
                ),
                (
                    "peer_state",
                    answer(-1, || zmq_socket_get_peer_state(handle, null(), 0)),
                ),
            ]
        };
        for (name, answer) in answers {
            assert_eq!(answer, (true, libc::ENOTSOCK), "{name}({handle:?})");
        }
        assert_eq!(count, 1);
    }
    unsafe {
        assert_eq!(zmq_msg_close(part), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn what_is_no_context_poller_or_timers_is_refused() {
    let mut foreign = [0u64; 16];
    unsafe {
        let ended = zmq_ctx_new();
        assert_eq!(zmq_ctx_term(ended), 0);
        let mut timers = zmq_timers_new();
        for handle in [null_mut(), foreign.as_mut_ptr().cast(), timers] {
            let mut place = handle;
            let answers = [
                ("ctx_term", answer(-1, || zmq_ctx_term(handle))),
                ("term", answer(-1, || zmq_term(handle))),
                ("ctx_destroy", answer(-1, || zmq_ctx_destroy(handle))),
                ("ctx_shutdown", answer(-1, || zmq_ctx_shutdown(handle))),
                (
                    "ctx_set",
                    answer(-1, || zmq_ctx_set(handle, c::ZMQ_IO_THREADS, 1)),
                ),
                (
                    "ctx_get",
                    answer(-1, || zmq_ctx_get(handle, c::ZMQ_IO_THREADS)),
                ),
                (
                    "ctx_set_ext",
                    answer(-1, || zmq_ctx_set_ext(handle, 1, null(), 0)),
                ),
                (
                    "ctx_get_ext",
                    answer(-1, || zmq_ctx_get_ext(handle, 1, null_mut(), null_mut())),
                ),
                (
                    "socket",
                    answer(null_mut(), || zmq_socket(handle, c::ZMQ_PAIR)),
                ),
                (
                    "poller_destroy",
                    answer(-1, || zmq_poller_destroy(&raw mut place)),
                ),
                ("poller_size", answer(-1, || zmq_poller_size(handle))),
                (
                    "poller_add",
                    answer(-1, || zmq_poller_add(handle, null_mut(), null_mut(), 1)),
                ),
                (
                    "poller_modify",
                    answer(-1, || zmq_poller_modify(handle, null_mut(), 1)),
                ),
                (
                    "poller_remove",
                    answer(-1, || zmq_poller_remove(handle, null_mut())),
                ),
                (
                    "poller_add_fd",
                    answer(-1, || zmq_poller_add_fd(handle, -1, null_mut(), 1)),
                ),
                (
                    "poller_modify_fd",
                    answer(-1, || zmq_poller_modify_fd(handle, -1, 1)),
                ),
                (
                    "poller_remove_fd",
                    answer(-1, || zmq_poller_remove_fd(handle, -1)),
                ),
                (
                    "poller_wait",
                    answer(-1, || {
                        zmq_poller_wait(handle, null_mut::<zmq_poller_event_t>(), 0)
                    }),
                ),
                (
                    "poller_wait_all",
                    answer(-1, || {
                        zmq_poller_wait_all(handle, null_mut::<zmq_poller_event_t>(), -1, 0)
                    }),
                ),
                (
                    "poller_fd",
                    answer(-1, || zmq_poller_fd(handle, null_mut())),
                ),
            ];
            for (name, answer) in answers {
                assert_eq!(answer, (true, libc::EFAULT), "{name}({handle:?})");
            }
            assert_eq!(place, handle);
        }
        let context = zmq_ctx_new();
        for handle in [null_mut(), foreign.as_mut_ptr().cast(), context] {
            let mut place = handle;
            let answers = [
                ("destroy", answer(-1, || zmq_timers_destroy(&raw mut place))),
                (
                    "add",
                    answer(-1, || zmq_timers_add(handle, 1, None, null_mut())),
                ),
                ("cancel", answer(-1, || zmq_timers_cancel(handle, 1))),
                (
                    "set_interval",
                    answer(-1, || zmq_timers_set_interval(handle, 1, 1)),
                ),
                ("reset", answer(-1, || zmq_timers_reset(handle, 1))),
                ("execute", answer(-1, || zmq_timers_execute(handle))),
            ];
            for (name, answer) in answers {
                assert_eq!(answer, (true, libc::EFAULT), "timers_{name}({handle:?})");
            }
            assert_eq!(
                answer(-1, || zmq_timers_timeout(handle)),
                (true, libc::EFAULT)
            );
        }
        assert_eq!(
            answer(-1, || zmq_timers_destroy(null_mut())),
            (true, libc::EFAULT)
        );
        assert_eq!(
            answer(-1, || zmq_poller_destroy(null_mut())),
            (true, libc::EFAULT)
        );
        assert_eq!(zmq_timers_destroy(&raw mut timers), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let zeroed = zmq_msg_t::zeroed();
    let mut closed = message();
    unsafe {
        assert_eq!(zmq_msg_close(&raw mut closed), 0);
        let mut live = message();
        let live = &raw mut live;
        for msg in [null_mut(), (&raw const zeroed).cast_mut(), &raw mut closed] {
            let answers = [
                ("close", answer(-1, || zmq_msg_close(msg))),
                ("move to", answer(-1, || zmq_msg_move(msg, live))),
                ("move from", answer(-1, || zmq_msg_move(live, msg))),
                ("copy to", answer(-1, || zmq_msg_copy(msg, live))),
                ("copy from", answer(-1, || zmq_msg_copy(live, msg))),
                ("data", answer(null_mut(), || zmq_msg_data(msg))),
                ("size", answer(0, || zmq_msg_size(msg))),
                ("get", answer(-1, || zmq_msg_get(msg, c::ZMQ_MORE))),
                (
                    "gets",
                    answer(null(), || zmq_msg_gets(msg, c"Identity".as_ptr())),
                ),
                (
                    "set_routing_id",
                    answer(-1, || zmq_msg_set_routing_id(msg, 1)),
                ),
                ("routing_id", answer(0, || zmq_msg_routing_id(msg))),
                (
                    "set_group",
                    answer(-1, || zmq_msg_set_group(msg, c"".as_ptr())),
                ),
                ("group", answer(null(), || zmq_msg_group(msg))),
            ];
            for (name, answer) in answers {
                assert_eq!(answer, (true, libc::EFAULT), "{name}({msg:?})");
            }
            assert_eq!(zmq_msg_more(msg), 0);
            assert_eq!(
                answer(-1, || zmq_msg_set(msg, c::ZMQ_MORE, 1)),
                (true, libc::EINVAL)
            );
        }
        assert_eq!(
            answer(-1, || zmq_msg_init(null_mut())),
            (true, libc::EFAULT)
        );
        assert_eq!(answer(-1, || zmq_msg_get(live, 4711)), (true, libc::EINVAL));
        assert_eq!(
            answer(-1, || zmq_msg_get(live, c::ZMQ_SRCFD)),
            (true, libc::EINVAL)
        );
        assert_eq!(
            answer(null(), || zmq_msg_gets(live, null())),
            (true, libc::EINVAL)
        );
        assert_eq!(
            answer(-1, || zmq_msg_set_routing_id(live, 0)),
            (true, libc::EINVAL)
        );
        assert_eq!(zmq_msg_close(live), 0);
    }
}

#[test]
fn sizes_that_no_memory_has_are_errors() {
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, c::ZMQ_PUB);
        let byte = [0u8; 1];
        let data: *const c_void = byte.as_ptr().cast();
        let mut msg = message();
        for size in [usize::MAX, usize::MAX / 2 + 1, isize::MAX as usize] {
            assert_eq!(
                answer(-1, || zmq_msg_init_size(&raw mut msg, size)),
                (true, libc::ENOMEM)
            );
            let set = answer(-1, || zmq_setsockopt(socket, c::ZMQ_LINGER, data, size));
            assert_eq!(set, (true, libc::EINVAL));
        }
        for size in [usize::MAX, usize::MAX / 2 + 1] {
            assert_eq!(
                answer(-1, || zmq_send(socket, data, size, 0)),
                (true, libc::ENOMEM)
            );
            assert_eq!(
                answer(-1, || zmq_send_const(socket, data, size, 0)),
                (true, libc::ENOMEM)
            );
            let made = answer(-1, || zmq_msg_init_buffer(&raw mut msg, data, size));
            assert_eq!(made, (true, libc::ENOMEM));
        }
        // Within the limit of an object, and still more than there is: refused before it is read.
        let (one, other) = (
            zmq_socket(context, c::ZMQ_PAIR),
            zmq_socket(context, c::ZMQ_PAIR),
        );
        assert_eq!(zmq_bind(one, c"inproc://sizes".as_ptr()), 0);
        assert_eq!(zmq_connect(other, c"inproc://sizes".as_ptr()), 0);
        let most = isize::MAX as usize;
        assert_eq!(
            answer(-1, || zmq_send(one, data, most, 0)),
            (true, libc::ENOMEM)
        );
        assert_eq!((zmq_close(one), zmq_close(other)), (0, 0));
        // The failures above left the message alone.
        assert_eq!(zmq_msg_close(&raw mut msg), 0);
        assert_eq!(
            answer(null_mut(), || zmq_z85_encode(
                null_mut(),
                data.cast(),
                usize::MAX - 3
            )),
            (true, libc::ENOMEM)
        );
        assert_eq!(zmq_close(socket), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn arrays_of_buffers() {
    unsafe {
        let context = zmq_ctx_new();
        let (one, other) = (
            zmq_socket(context, c::ZMQ_PAIR),
            zmq_socket(context, c::ZMQ_PAIR),
        );
        assert_eq!(zmq_bind(one, c"inproc://buffers".as_ptr()), 0);
        assert_eq!(zmq_connect(other, c"inproc://buffers".as_ptr()), 0);
        let part = |text: &'static str| libc::iovec {
            iov_base: text.as_ptr().cast_mut().cast(),
            iov_len: text.len(),
        };
        let mut parts = [part("one"), part(""), part("three")];
        let parts = parts.as_mut_ptr();
        let mut room = [part(""); 3];
        let room = room.as_mut_ptr();
        let mut count = 0usize;
        let invalid = (true, libc::EINVAL);
        assert_eq!(answer(-1, || zmq_sendiov(one, null_mut(), 1, 0)), invalid);
        assert_eq!(answer(-1, || zmq_sendiov(one, parts, 0, 0)), invalid);
        assert_eq!(
            answer(-1, || zmq_recviov(other, room, &raw mut count, 0)),
            invalid
        );
        assert_eq!(
            answer(-1, || zmq_recviov(other, room, null_mut(), 0)),
            invalid
        );
        count = 3;
        assert_eq!(
            answer(-1, || zmq_recviov(other, null_mut(), &raw mut count, 0)),
            invalid
        );
        let nothing = answer(-1, || {
            zmq_recviov(other, room, &raw mut count, c::ZMQ_DONTWAIT)
        });
        assert_eq!(nothing, (true, libc::EAGAIN));
        assert_eq!(count, 0);

        // The size of the last part; one message.
        assert_eq!(zmq_sendiov(one, parts, 3, c::ZMQ_SNDMORE), 5);
        count = 2;
        assert_eq!(zmq_recviov(other, room, &raw mut count, 0), 2);
        assert_eq!(count, 2);
        let (mut more, mut length) = (0, size_of::<c_int>());
        let value: *mut c_void = (&raw mut more).cast();
        assert_eq!(
            zmq_getsockopt(other, c::ZMQ_RCVMORE, value, &raw mut length),
            0
        );
        assert_eq!(more, 1);
        for (index, text) in ["one", ""].iter().enumerate() {
            let buffer = *room.add(index);
            let bytes = std::slice::from_raw_parts(buffer.iov_base.cast::<u8>(), buffer.iov_len);
            assert_eq!(bytes, text.as_bytes());
            libc::free(buffer.iov_base);
        }
        count = 3;
        assert_eq!(zmq_recviov(other, room, &raw mut count, 0), 1);
        libc::free((*room).iov_base);

        // Three messages.
        assert_eq!(zmq_sendiov(one, parts, 3, 0), 5);
        for _ in 0..3 {
            count = 3;
            assert_eq!(zmq_recviov(other, room, &raw mut count, 0), 1);
            libc::free((*room).iov_base);
        }
        assert_eq!((zmq_close(one), zmq_close(other)), (0, 0));
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn the_end_of_the_context_comes_before_complaints() {
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, c::ZMQ_PAIR);
        let mut zeroed = zmq_msg_t::zeroed();
        let wrong = &raw mut zeroed;
        assert_eq!(
            answer(-1, || zmq_msg_recv(wrong, socket, 0)),
            (true, libc::EFAULT)
        );
        assert_eq!(
            answer(-1, || zmq_msg_send(wrong, socket, 0)),
            (true, libc::EFAULT)
        );
        assert_eq!(
            answer(-1, || zmq_proxy(socket, null_mut(), null_mut())),
            (true, libc::EFAULT)
        );
        assert_eq!(
            answer(-1, || zmq_device(0, null_mut(), socket)),
            (true, libc::EFAULT)
        );
        assert_eq!(zmq_ctx_shutdown(context), 0);
        assert_eq!(zmq_ctx_shutdown(context), 0);
        let ended = (true, c::ETERM);
        assert_eq!(answer(-1, || zmq_msg_recv(wrong, socket, 0)), ended);
        assert_eq!(answer(-1, || zmq_msg_send(wrong, socket, 0)), ended);
        assert_eq!(answer(-1, || zmq_unbind(socket, null())), ended);
        assert_eq!(
            answer(-1, || zmq_disconnect(socket, c"nonsense".as_ptr())),
            ended
        );
        assert_eq!(answer(-1, || zmq_bind(socket, c"nonsense".as_ptr())), ended);
        assert_eq!(
            answer(-1, || zmq_setsockopt(socket, 4711, null(), 0)),
            ended
        );
        assert_eq!(answer(-1, || zmq_socket_monitor(socket, null(), 0)), ended);
        assert_eq!(answer(null_mut(), || zmq_socket(context, 4711)), ended);
        assert_eq!(zmq_close(socket), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn context_options_with_lengths() {
    unsafe {
        let context = zmq_ctx_new();
        let invalid = (true, libc::EINVAL);
        let mut value: c_int = 0;
        let place: *mut c_void = (&raw mut value).cast();
        let mut length = size_of::<c_int>();
        let io_threads = c::ZMQ_IO_THREADS;
        assert_eq!(
            zmq_ctx_get_ext(context, io_threads, place, &raw mut length),
            0
        );
        assert_eq!((value, length), (1, 4));
        assert_eq!(
            answer(-1, || zmq_ctx_get_ext(
                context,
                io_threads,
                place,
                null_mut()
            )),
            invalid
        );
        let get = answer(-1, || {
            zmq_ctx_get_ext(context, io_threads, null_mut(), &raw mut length)
        });
        assert_eq!(get, invalid);
        length = 3;
        assert_eq!(
            answer(-1, || zmq_ctx_get_ext(
                context,
                io_threads,
                place,
                &raw mut length
            )),
            invalid
        );
        assert_eq!(
            answer(-1, || zmq_ctx_set_ext(context, io_threads, place, 3)),
            invalid
        );
        assert_eq!(
            answer(-1, || zmq_ctx_set_ext(context, io_threads, null(), 4)),
            invalid
        );
        assert_eq!(
            answer(-1, || zmq_ctx_set_ext(context, 4711, place, 4)),
            invalid
        );
        place.cast::<c_int>().write(2);
        assert_eq!(zmq_ctx_set_ext(context, io_threads, place, 4), 0);
        assert_eq!(zmq_ctx_get(context, io_threads), 2);
        let name = c::ZMQ_THREAD_NAME_PREFIX;
        assert_eq!(zmq_ctx_set_ext(context, name, c"abc".as_ptr().cast(), 3), 0);
        assert_eq!(zmq_ctx_term(context), 0);
    }
}

#[test]
fn null_is_harmless_where_there_is_no_error() {
    unsafe {
        zmq_atomic_counter_set(null_mut(), 1);
        zmq_atomic_counter_destroy(null_mut());
        assert_eq!(zmq_atomic_counter_value(null_mut()), 0);
        assert_eq!(zmq_atomic_counter_inc(null_mut()), 0);
        assert_eq!(zmq_atomic_counter_dec(null_mut()), 0);
        assert_eq!(zmq_stopwatch_intermediate(null_mut()), 0);
        assert_eq!(zmq_stopwatch_stop(null_mut()), 0);
        zmq_threadclose(null_mut());
        zmq_sleep(-1);
        let mut text = [0; 6];
        assert_eq!(
            answer(null_mut(), || zmq_z85_decode(null_mut(), null())),
            (true, libc::EFAULT)
        );
        assert_eq!(
            answer(null_mut(), || zmq_z85_encode(text.as_mut_ptr(), null(), 4)),
            (true, libc::EFAULT)
        );
        assert!(!zmq_z85_encode(text.as_mut_ptr(), null(), 0).is_null());
    }
}
