//! Pollers inside the library, and changed, destroyed or shared while threads wait in them.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::thread;

use super::*;
use crate::context::Context;
use crate::message::Message;
use crate::pipe::Incoming;
use crate::socket::api;

type Socket = &'static SocketCell;

/// Longer than anything that is to come takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(context: &Arc<Context>, socket_type: i32) -> Socket {
    api::open(context, socket_type).expect("socket")
}

/// A PULL, bound, and the PUSH that is connected to it.
fn pair(context: &Arc<Context>, endpoint: &[u8]) -> (Socket, Socket) {
    let (pull, push) = (open(context, c::ZMQ_PULL), open(context, c::ZMQ_PUSH));
    api::bind(pull, endpoint).expect("bind");
    api::connect(push, endpoint).expect("connect");
    (pull, push)
}

fn send(socket: Socket, bytes: &[u8]) {
    assert_eq!(api::send_bytes(socket, bytes, false, true), Ok(()));
}

fn receive(socket: Socket) {
    let mut message = Message::new();
    let received = api::receive(socket, &mut Incoming::into_message(&mut message), true);
    assert!(received.is_ok());
}

/// User data and events of what a wait reports.
fn wait_all(
    poller: &Poller<u32>,
    room: usize,
    timeout: Option<Duration>,
) -> Result<Vec<(u32, i32)>> {
    let mut all = Vec::new();
    let count = poller.wait(room, timeout, &mut |at, found| {
        all.truncate(at);
        all.push((found.user_data, found.events));
    })?;
    assert_eq!(count, all.len());
    Ok(all)
}

fn now(poller: &Poller<u32>) -> Result<Vec<(u32, i32)>> {
    wait_all(poller, 10, Some(Duration::ZERO))
}

fn end(context: &Context, sockets: &[Socket]) {
    for socket in sockets {
        api::close(socket).expect("close");
    }
    assert_eq!(context.terminate(), Ok(()));
}

#[test]
fn events_come_in_the_order_of_registration() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let (one, to_one) = pair(&context, b"inproc://one");
    let (two, to_two) = pair(&context, b"inproc://two");
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    poller.add_socket(two, 2, c::ZMQ_POLLIN).expect("add");
    poller
        .add_descriptor(reader.as_raw_fd(), 3, c::ZMQ_POLLIN)
        .expect("add");
    poller.add_socket(one, 1, c::ZMQ_POLLIN).expect("add");
    assert_eq!(poller.size(), 3);
    assert_eq!(now(&poller), Err(Error::Again));
    send(to_one, b"x");
    assert_eq!(now(&poller), Ok(vec![(1, c::ZMQ_POLLIN)]));
    send(to_two, b"x");
    writer.write_all(b"x").expect("write");
    let all = vec![(2, c::ZMQ_POLLIN), (3, c::ZMQ_POLLIN), (1, c::ZMQ_POLLIN)];
    assert_eq!(now(&poller).as_ref(), Ok(&all));
    assert_eq!(wait_all(&poller, 2, None).as_deref(), Ok(&all[..2]));
    receive(two);
    assert_eq!(wait_all(&poller, 2, None).as_deref(), Ok(&all[1..]));
    // A disabled entry counts, and says nothing; a hang-up is told unasked.
    poller.modify(Key::Socket(one), 0).expect("modify");
    drop(writer);
    poller
        .modify(Key::Descriptor(reader.as_raw_fd()), c::ZMQ_POLLOUT)
        .expect("modify");
    assert_eq!(now(&poller), Ok(vec![(3, c::ZMQ_POLLERR)]));
    poller
        .remove_descriptor(reader.as_raw_fd())
        .expect("remove");
    assert_eq!((poller.size(), now(&poller)), (2, Err(Error::Again)));
    poller
        .modify(Key::Socket(one), c::ZMQ_POLLIN | c::ZMQ_POLLOUT)
        .expect("modify");
    assert_eq!(now(&poller), Ok(vec![(1, c::ZMQ_POLLIN)]));
    poller.destroy();
    end(&context, &[one, two, to_one, to_two]);
}

#[test]
fn what_is_watched_is_watched_once() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let socket = open(&context, c::ZMQ_PAIR);
    assert_eq!(poller.add_socket(socket, 1, 0), Ok(()));
    assert_eq!(poller.add_socket(socket, 2, 0), Err(Error::Invalid));
    assert_eq!(poller.add_descriptor(0, 1, 0), Ok(()));
    assert_eq!(poller.add_descriptor(0, 2, 0), Err(Error::Invalid));
    assert_eq!(poller.modify(Key::Descriptor(1), 0), Err(Error::Invalid));
    assert_eq!(poller.remove_descriptor(1), Err(Error::Invalid));
    assert_eq!(poller.remove_socket(socket.handle()), Ok(()));
    assert_eq!(poller.remove_socket(socket.handle()), Err(Error::Invalid));
    assert_eq!(poller.modify(Key::Socket(socket), 0), Err(Error::Invalid));
    assert!(
        !Watched::new(socket)
            .mailbox()
            .expect("socket")
            .has_audience()
    );
    end(&context, &[socket]);
}

#[test]
fn nothing_to_wait_for() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let socket = open(&context, c::ZMQ_PUB);
    for _ in 0..2 {
        // Empty, then disabled.
        assert_eq!(wait_all(&poller, 1, None), Err(Error::Fault));
        assert_eq!(now(&poller), Err(Error::Again));
        let begin = clock::now();
        let time = Duration::from_millis(20);
        assert_eq!(wait_all(&poller, 1, Some(time)), Err(Error::Again));
        assert!(clock::now() - begin >= time);
        let _ = poller.add_socket(socket, 1, 0);
    }
    poller
        .modify(Key::Socket(socket), c::ZMQ_POLLOUT)
        .expect("modify");
    assert_eq!(wait_all(&poller, 0, None), Err(Error::Again));
    assert_eq!(
        wait_all(&poller, 0, Some(Duration::ZERO)),
        Err(Error::Again)
    );
    assert_eq!(wait_all(&poller, 1, None), Ok(vec![(1, c::ZMQ_POLLOUT)]));
    end(&context, &[socket]);
}

#[test]
fn a_socket_that_was_closed_can_be_taken_out() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let (closed, open) = (open(&context, c::ZMQ_PULL), open(&context, c::ZMQ_PUB));
    poller.add_socket(closed, 1, c::ZMQ_POLLIN).expect("add");
    poller.add_socket(open, 2, c::ZMQ_POLLOUT).expect("add");
    let waits = |poller: &Poller<u32>| wait_all(poller, 2, Some(PATIENCE));
    api::close(closed).expect("close");
    assert_eq!(waits(&poller), Err(Error::NotSocket));
    assert_eq!(waits(&poller), Err(Error::NotSocket));
    assert_eq!(
        poller.modify(Key::Socket(closed), c::ZMQ_POLLIN),
        Err(Error::Invalid)
    );
    assert_eq!(poller.remove_socket(closed.handle()), Ok(()));
    assert_eq!(waits(&poller), Ok(vec![(2, c::ZMQ_POLLOUT)]));
    end(&context, &[open]);
}

#[test]
fn a_stopped_context_is_told() {
    let context = Arc::new(Context::new());
    let (seen, unseen) = (
        Poller::new().expect("poller"),
        Poller::new().expect("poller"),
    );
    let socket = open(&context, c::ZMQ_PULL);
    for poller in [&seen, &unseen] {
        poller.add_socket(socket, 1, c::ZMQ_POLLIN).expect("add");
    }
    assert_eq!(now(&seen), Err(Error::Again));
    context.shutdown();
    assert_eq!(now(&seen), Err(Error::Terminated));
    assert_eq!(wait_all(&unseen, 1, None), Err(Error::Terminated));
    assert_eq!(seen.modify(Key::Socket(socket), c::ZMQ_POLLOUT), Ok(()));
    assert_eq!(seen.remove_socket(socket.handle()), Ok(()));
    end(&context, &[socket]);
}

/// Does `act` while a thread waits in a poller; what the wait came back with.
fn while_waiting(poller: &Poller<u32>, act: impl FnOnce()) -> Result<Vec<(u32, i32)>> {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_all(poller, 10, Some(PATIENCE)));
        while poller.waiting.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        act();
        let begin = clock::now();
        let result = waiting.join().expect("thread");
        assert!(clock::now() - begin < PATIENCE / 2, "it was not woken");
        result
    })
}

#[test]
fn changes_reach_a_thread_that_waits() {
    for _ in 0..50 {
        let context = Arc::new(Context::new());
        let poller = Poller::new().expect("poller");
        let idle = open(&context, c::ZMQ_PULL);
        let ready = open(&context, c::ZMQ_PUB);
        poller.add_socket(idle, 1, c::ZMQ_POLLIN).expect("add");
        let found = Ok(vec![(2, c::ZMQ_POLLOUT)]);
        let add = || poller.add_socket(ready, 2, c::ZMQ_POLLOUT).expect("add");
        assert_eq!(while_waiting(&poller, add), found);
        poller.modify(Key::Socket(ready), 0).expect("modify");
        let enable = || {
            let _ = poller.modify(Key::Socket(ready), c::ZMQ_POLLOUT);
        };
        assert_eq!(while_waiting(&poller, enable), found);
        poller.remove_socket(ready.handle()).expect("remove");
        let (reader, mut writer) = std::io::pipe().expect("pipe");
        let fd = reader.as_raw_fd();
        writer.write_all(b"x").expect("write");
        let add = || poller.add_descriptor(fd, 3, c::ZMQ_POLLIN).expect("add");
        assert_eq!(while_waiting(&poller, add), Ok(vec![(3, c::ZMQ_POLLIN)]));
        poller.remove_descriptor(fd).expect("remove");
        let close = || api::close(idle).expect("close");
        assert_eq!(while_waiting(&poller, close), Err(Error::NotSocket));
        poller.remove_socket(idle.handle()).expect("remove");
        poller.add_socket(ready, 2, c::ZMQ_POLLIN).expect("add");
        assert_eq!(
            while_waiting(&poller, || poller.destroy()),
            Err(Error::Fault)
        );
        assert_eq!(poller.add_socket(ready, 2, 0), Err(Error::Fault));
        end(&context, &[ready]);
    }
}

/// Two threads wait in one poller for one wake-up each.
#[test]
fn threads_that_share_a_poller_all_wake() {
    for _ in 0..200 {
        let context = Arc::new(Context::new());
        let poller = Poller::new().expect("poller");
        let (pull, push) = pair(&context, b"inproc://shared");
        poller.add_socket(pull, 1, c::ZMQ_POLLIN).expect("add");
        let found = Ok(vec![(1, c::ZMQ_POLLIN)]);
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| wait_all(&poller, 1, Some(PATIENCE))))
                .collect();
            while poller.waiting.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let begin = clock::now();
            send(push, b"x");
            for thread in waiting {
                assert_eq!(thread.join().expect("thread"), found);
            }
            assert!(clock::now() - begin < PATIENCE / 2, "it was not woken");
        });
        poller.destroy();
        end(&context, &[pull, push]);
    }
}

fn is_readable(fd: RawFd) -> bool {
    let mut descriptors = [Descriptor::new(fd, poll::IN)];
    poll::poll(&mut descriptors, Some(Duration::ZERO), None) == Ok(1)
}

/// An event loop that waits for the descriptor needs to look only then, and may take one event at a time.
#[test]
fn the_descriptor_is_readable_as_long_as_there_are_events() {
    let context = Arc::new(Context::new());
    let poller = Poller::new().expect("poller");
    let (pull, push) = pair(&context, b"inproc://descriptor");
    poller.add_socket(pull, 1, c::ZMQ_POLLIN).expect("add");
    assert_eq!(poller.descriptor(), Err(Error::Invalid));
    poller.state.lock().had_thread_safe = true;
    send(push, b"x");
    assert!(now(&poller).is_ok());
    let fd = poller.descriptor().expect("descriptor");
    assert!(is_readable(fd), "there is something already");
    assert!(now(&poller).is_ok());
    assert!(is_readable(fd), "it is still there");
    receive(pull);
    assert_eq!(now(&poller), Err(Error::Again));
    assert!(!is_readable(fd));
    send(push, b"x");
    assert!(is_readable(fd));
    poller.remove_socket(pull.handle()).expect("remove");
    assert_eq!(poller.descriptor(), Ok(fd), "once and for all");
    end(&context, &[pull, push]);
}
