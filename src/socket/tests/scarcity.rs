//! Callers who hand in what there is no memory for get an error, and nothing has changed.

use super::*;
use crate::sys::scarcity::Scarcity;

/// Bytes for which there is no memory.
const LENGTH: usize = 5000;

fn without_memory<R>(length: usize, call: impl FnOnce() -> R) -> R {
    let scarcity = Scarcity::of(length..=16 * length);
    let result = call();
    assert!(scarcity.refusals() > 0, "there was memory");
    result
}

/// Two sockets that are connected over inproc, all on the calling thread.
fn joined(context: &Arc<Context>, binds: i32, connects: i32) -> [&'static SocketCell; 2] {
    let (one, other) = (open(context, binds), open(context, connects));
    api::bind(one, b"inproc://joined").expect("bind");
    api::connect(other, b"inproc://joined").expect("connect");
    [one, other]
}

fn end(context: &Arc<Context>, sockets: [&'static SocketCell; 2]) {
    for socket in sockets {
        api::close(socket).expect("close");
    }
    assert_eq!(context.terminate(), Ok(()));
}

#[test]
fn a_frame_without_memory_can_be_sent_again() {
    let context = Arc::new(Context::new());
    let [pull, push] = joined(&context, c::ZMQ_PULL, c::ZMQ_PUSH);
    let frame = vec![7; LENGTH];
    send(push, b"first", true);
    let sent = without_memory(LENGTH, || api::send_bytes(push, &frame, false, false));
    assert_eq!(sent, Err(Error::NoMemory));
    send(push, &frame, false);
    assert_eq!(receive(pull), b"first");
    assert_eq!(receive(pull), frame);
    end(&context, [pull, push]);
}

#[test]
fn messages_without_memory_are_not_made() {
    let bytes = vec![7; LENGTH];
    for make in [
        || Message::with_size(LENGTH),
        || Message::from_slice(&[7; LENGTH]),
    ] {
        let made = without_memory(LENGTH, make);
        assert_eq!(made.err(), Some(Error::NoMemory));
        assert_eq!(make().expect("memory").bytes().len(), bytes.len());
    }
}

#[test]
fn options_without_memory_are_not_set() {
    let property = [b"X-long:".as_slice(), &[7; LENGTH]].concat();
    for (socket_type, option, value, copied) in [
        (c::ZMQ_DEALER, c::ZMQ_ROUTING_ID, &[7; 251][..], 251),
        (c::ZMQ_ROUTER, c::ZMQ_CONNECT_ROUTING_ID, &[7; 251], 251),
        (c::ZMQ_DEALER, c::ZMQ_METADATA, &property, LENGTH),
        (c::ZMQ_SUB, c::ZMQ_SUBSCRIBE, &[7; LENGTH], LENGTH),
        (c::ZMQ_XPUB, c::ZMQ_XPUB_WELCOME_MSG, &[7; LENGTH], LENGTH),
        (c::ZMQ_DEALER, c::ZMQ_HELLO_MSG, &[7; LENGTH], LENGTH),
    ] {
        let context = Arc::new(Context::new());
        let socket = open(&context, socket_type);
        let set = || api::set_option(socket, option, Some(value), value.len());
        assert_eq!(
            without_memory(copied, set),
            Err(Error::NoMemory),
            "{option}"
        );
        assert_eq!(set(), Ok(()), "{option}");
        api::close(socket).expect("close");
        assert_eq!(context.terminate(), Ok(()));
    }
}

/// For an XPUB without memory it is as if the peer had not asked.
#[test]
fn a_topic_without_memory_is_not_taken_in() {
    let context = Arc::new(Context::new());
    let [xpub, sub] = joined(&context, c::ZMQ_XPUB, c::ZMQ_SUB);
    let subscribe = |topic: &[u8]| {
        let option = c::ZMQ_SUBSCRIBE;
        api::set_option(sub, option, Some(topic), topic.len()).expect("option");
    };
    subscribe(&[7; LENGTH]);
    without_memory(LENGTH, || {
        let mut message = Message::new();
        let received = api::receive(xpub, &mut Incoming::into_message(&mut message), true);
        assert_eq!(received, Err(Error::Again));
    });
    subscribe(b"short");
    assert_eq!(receive(xpub), b"\x01short");
    send(xpub, &[7; LENGTH], false);
    send(xpub, b"shorter", false);
    assert!(receive(sub) == b"shorter", "the long one went out");
    end(&context, [xpub, sub]);
}
