//! One end of a pipe: the writer of one queue and the reader of the other, with credit and states.

#![forbid(unsafe_code)]

mod reading;
mod writing;

pub(crate) use reading::Head;

use std::sync::Arc;

use crate::message::{Message, PeerInfo};
use crate::pipe::credit::{Credit, low_water_step};
use crate::pipe::introduction::LastIntroduction;
use crate::pipe::leftovers::{Leftover, Leftovers};
use crate::pipe::queue::{self, Reader, Writer};
use crate::pipe::{Notice, Prepared, Wake};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// High-water marks that one end brings into a pipe; 0 = unlimited, `None` = takes no part in the
/// sum (a connection, or an inproc peer that is not there yet).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) send: Option<i32>,
    pub(crate) receive: Option<i32>,
}

impl Limits {
    /// An end that takes no part in the sum.
    pub(crate) const NONE: Self = Self {
        send: None,
        receive: None,
    };
}

/// Which directions of a new pipe keep only their newest message (ZMQ_CONFLATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflate {
    /// What the first end writes.
    pub(crate) first_to_second: bool,
    /// What the second end writes.
    pub(crate) second_to_first: bool,
}

impl Conflate {
    pub(crate) const NEITHER: Self = Self::of(false, false);
    /// What the first end writes.
    pub(crate) const FORTH: Self = Self::of(true, false);
    /// What the second end writes.
    pub(crate) const BACK: Self = Self::of(false, true);
    pub(crate) const BOTH: Self = Self::of(true, true);

    const fn of(first_to_second: bool, second_to_first: bool) -> Self {
        Self {
            first_to_second,
            second_to_first,
        }
    }
}

/// Makes a pipe. `first` and `second` are what each end brings in.
pub(crate) fn pipe(first: Limits, second: Limits, conflate: Conflate) -> (PipeEnd, PipeEnd) {
    let (forth_writer, forth_reader) = queue::queue();
    let (back_writer, back_reader) = queue::queue();
    let link = Arc::new(Link {
        directions: [
            Direction::new(first.send, second.receive, conflate.first_to_second),
            Direction::new(second.send, first.receive, conflate.second_to_first),
        ],
        wakes: [Mutex::new(None), Mutex::new(None)],
        leftover: Mutex::new(None),
    });
    (
        PipeEnd::new(Arc::clone(&link), false, forth_writer, back_reader),
        PipeEnd::new(link, true, back_writer, forth_reader),
    )
}

/// What the two ends share besides the queues.
#[derive(Debug)]
struct Link {
    /// `directions[side]` is what the end of that side writes.
    directions: [Direction; 2],
    /// `wakes[side]` reaches the owner of that side's end.
    wakes: [Mutex<Option<Arc<dyn Wake>>>; 2],
    /// Counts until both ends are gone.
    leftover: Mutex<Option<Leftover>>,
}

#[derive(Debug)]
struct Direction {
    writer: AtomicU8,
    reader_gone: AtomicBool,
    /// The writer has nothing more but what the kernel holds of a peer that has hung up.
    last: AtomicBool,
    credit: Credit,
    /// What the unread markers weigh: they need no credit, but a peer that floods its connection with them has to
    /// wait.
    markers: AtomicU64,
    slot: Option<Box<Slot>>,
    /// The writer's last message when it leaves; see [`PipeEnd::expect_farewell`].
    farewell: Mutex<Option<Box<Prepared>>>,
}

/// Unread markers of this weight make a connection stop reading, half of it lets it go on.
const FLOOD: u64 = 1024 * 1024;

/// Messages that need no credit (ZMQ_HICCUP_MSG): a connection stays away when so many more than the high-water mark
/// are unread.
const BEYOND: u64 = if cfg!(test) { 20 } else { 1000 };

/// The one-message queue of a conflating direction. Markers bypass it.
#[derive(Debug, Default)]
struct Slot {
    newest: Mutex<Option<Message>>,
    /// Only ever swapped.
    reader_asleep: AtomicBool,
}

/// Writer states of a direction; the reader's is a flag (open or gone).
const OPEN: u8 = 0;
/// Nothing comes after what is queued: the delimiter.
const FINISHED: u8 = 1;
/// What is unread is void.
const ABORTED: u8 = 2;

impl Direction {
    fn new(writer_limit: Option<i32>, reader_limit: Option<i32>, conflate: bool) -> Self {
        use crate::pipe::credit::NOT_COUNTED;
        Self {
            writer: AtomicU8::new(OPEN),
            reader_gone: AtomicBool::new(false),
            last: AtomicBool::new(false),
            credit: Credit::new(
                writer_limit.unwrap_or(NOT_COUNTED),
                reader_limit.unwrap_or(NOT_COUNTED),
            ),
            markers: AtomicU64::new(0),
            slot: conflate.then(Box::default),
            farewell: Mutex::new(None),
        }
    }
}

/// One end of a pipe. Dropping it without [`PipeEnd::abort`] or [`PipeEnd::finish`] aborts it.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    link: Arc<Link>,
    /// The second end.
    side: bool,
    writer: Writer,
    reader: Reader,
    /// Whole messages written.
    pub(super) written: u64,
    /// `reported` of the outbound credit, as last looked at.
    reported: u64,
    /// Found full; stays so until the reader's next report is noticed.
    full: bool,
    /// The other end is a connection's.
    into_stream: bool,
    /// Frames of an unfinished message were written.
    mid_write: bool,
    /// Users' buffers are among what was appended since the last commit.
    foreign: bool,
    /// The weight of markers among them.
    mid_write_markers: u64,
    /// Whole messages read.
    read: u64,
    /// Reports go out when `read` reaches this; `u64::MAX` = never.
    next_report: u64,
    step: u64,
    /// The last frame read had MORE.
    mid_read: bool,
    /// What this side said last of a peer behind it.
    pub(super) introduction: LastIntroduction,
    /// What the peer's last handshake said; in force for the messages that follow.
    pub(super) peer: Option<Arc<PeerInfo>>,
    /// `peer` has metadata for messages to carry; over inproc it has none.
    pub(super) stamps: bool,
    /// The inbound direction is finished or aborted and read to its end.
    exhausted: bool,
    /// This side ended the outbound direction.
    out_ended: bool,
    /// This side told the writer that it reads no more.
    reading_stopped: bool,
}

impl PipeEnd {
    fn new(link: Arc<Link>, side: bool, writer: Writer, reader: Reader) -> Self {
        let mut end = Self {
            link,
            side,
            writer,
            reader,
            written: 0,
            reported: 0,
            full: false,
            into_stream: false,
            mid_write: false,
            foreign: false,
            mid_write_markers: 0,
            read: 0,
            next_report: u64::MAX,
            step: 0,
            mid_read: false,
            introduction: LastIntroduction::WithPipe(0),
            peer: None,
            stamps: false,
            exhausted: false,
            out_ended: false,
            reading_stopped: false,
        };
        end.adopt_step(low_water_step(end.inbound().credit.limit()));
        end
    }

    /// What is written here goes to a connection.
    pub(crate) fn leads_to_stream(&mut self) {
        self.into_stream = true;
    }

    /// From now on `wake` reaches the owner. The caller looks at the pipe once afterwards, since what
    /// happened before could not wake anybody.
    pub(crate) fn set_wake(&self, wake: Arc<dyn Wake>) {
        *self.link.wakes[usize::from(self.side)].lock() = Some(wake);
    }

    #[inline(always)]
    fn out(&self) -> &Direction {
        &self.link.directions[usize::from(self.side)]
    }

    #[inline(always)]
    fn inbound(&self) -> &Direction {
        &self.link.directions[usize::from(!self.side)]
    }

    /// What reaches this side's own owner.
    pub(super) fn own_wake(&self) -> Option<Arc<dyn Wake>> {
        self.link.wakes[usize::from(self.side)].lock().clone()
    }

    /// What the other side counts until both are gone, for this one to count instead.
    pub(super) fn take_leftover(&self) -> Option<Leftover> {
        self.link.leftover.lock().take()
    }

    /// Has this side's own owner come back to what it left unread.
    pub(crate) fn remind(&self) {
        self.wake_own(Notice::Readable);
    }

    fn wake_own(&self, notice: Notice) {
        if let Some(wake) = self.own_wake() {
            wake.wake(notice);
        }
    }

    fn wake_other(&self, notice: Notice) {
        let wake = self.link.wakes[usize::from(!self.side)].lock().clone();
        if let Some(wake) = wake {
            wake.wake(notice);
        }
    }

    // ---- limits ----

    /// Changes this end's high-water marks. `None` leaves one as it is.
    pub(crate) fn set_limits(&mut self, send: Option<i32>, receive: Option<i32>) {
        if let Some(limit) = send {
            self.out().credit.set_writer_limit(limit);
            self.wake_other(Notice::LimitsChanged);
        }
        if let Some(limit) = receive {
            self.inbound().credit.set_reader_limit(limit);
            self.limits_changed();
        }
    }

    /// Sets what the far end contributes (a parked connect that finds its binder). Clears "full".
    pub(crate) fn join_limits(&mut self, send: i32, receive: i32) {
        self.out().credit.set_writer_limit(send);
        self.inbound().credit.set_reader_limit(receive);
        self.adopt_step(low_water_step(self.inbound().credit.limit()));
        if self.inbound().credit.take_full() {
            self.wake_other(Notice::Writable);
        }
        self.wake_other(Notice::LimitsChanged);
    }

    // ---- ending ----

    /// Writes no more: what is committed stays readable at the other side. An unfinished message is
    /// taken back.
    pub(crate) fn finish(&mut self) {
        self.end_writing(FINISHED);
    }

    /// Writes no more, and what the other side has not read is void.
    pub(crate) fn abort(&mut self) {
        self.end_writing(ABORTED);
    }

    fn end_writing(&mut self, state: u8) {
        self.rollback();
        self.out_ended = true;
        self.out().writer.fetch_max(state, Ordering::AcqRel);
        self.wake_other(Notice::Ended);
    }

    /// Reads no more: the writer's further messages go nowhere. What is queued is dropped here.
    pub(crate) fn stop_reading(&mut self) {
        self.exhausted = true;
        self.reading_stopped = true;
        self.inbound().reader_gone.store(true, Ordering::Release);
        self.reader.discard();
        if let Some(slot) = &self.inbound().slot {
            let unread = slot.newest.lock().take();
            drop(unread);
        }
        self.wake_other(Notice::Ended);
    }

    /// When the other side leaves, this is the last that is read from it (ZMQ_DISCONNECT_MSG over inproc).
    pub(crate) fn expect_farewell(&self, message: Option<Prepared>) {
        *self.inbound().farewell.lock() = message.map(Box::new);
    }

    /// This side is through with the pipe in both directions, orderly: the peer reads to the end.
    pub(crate) fn leave(&mut self) {
        let farewell = self.out().farewell.lock().take();
        // Not to a peer that left first, or that wants no more of this side.
        if let Some(farewell) = farewell
            && !self.is_write_closed()
            && !self.is_inbound_ended()
        {
            // Without memory the peer sees the end alone.
            let _ = self.write_prepared(&farewell);
        }
        self.finish();
        self.stop_reading();
    }

    /// As [`PipeEnd::leave`], and what the other side has not read is counted until it lets go of the pipe.
    pub(crate) fn leave_behind(&mut self, leftovers: &Arc<Leftovers>) {
        self.count_as_left(leftovers);
        self.leave();
    }

    /// As [`PipeEnd::abort`], and the pipe is counted until the other side lets go of it.
    pub(crate) fn abort_behind(&mut self, leftovers: &Arc<Leftovers>) {
        self.count_as_left(leftovers);
        self.abort();
    }

    fn count_as_left(&self, leftovers: &Arc<Leftovers>) {
        *self.link.leftover.lock() = Some(self.count_unread(leftovers));
    }

    /// Counts what the other side has not read, until the result is dropped.
    pub(crate) fn count_unread(&self, leftovers: &Arc<Leftovers>) -> Leftover {
        let markers = self.out().markers.load(Ordering::Relaxed);
        let markers = usize::try_from(markers).unwrap_or(usize::MAX);
        leftovers.count(
            self.outbound_queue_length(),
            markers.saturating_add(self.introduction.beside_the_queue()),
        )
    }

    /// Asks the socket to begin the queue anew: a restart marker, then what every peer must know.
    pub(crate) fn announce_restart(&self) {
        self.wake_other(Notice::Restarted);
    }

    /// The socket lacked memory for that, and is to come back to it.
    pub(crate) fn postpone_restart(&self) {
        self.wake_own(Notice::Restarted);
    }

    /// Nothing is left to read, and nothing will come.
    pub(crate) fn is_drained(&mut self) -> bool {
        self.head() == Head::Empty && !self.mid_read
    }

    /// At least one message was written in the pipe's life.
    pub(crate) fn has_written_messages(&self) -> bool {
        self.written > 0
    }

    /// Messages written and not reported as read.
    pub(crate) fn outbound_queue_length(&self) -> u64 {
        match &self.out().slot {
            Some(slot) => u64::from(slot.newest.lock().is_some()),
            None => self.written.wrapping_sub(self.out().credit.reported()),
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        if !self.out_ended {
            self.abort();
        }
        if !self.reading_stopped {
            self.stop_reading();
        }
    }
}
