//! What PUB and XPUB share: peers, their topics, and whom a message goes to (patterns.md 8).

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::memory::ShortBytes;
use crate::message::Message;
use crate::options::{PatternOption, SocketOptions};
use crate::patterns::parts::{Departure, Distributor, Dropped, PublisherTopics, Work};
use crate::pipe::queue::Special;
use crate::pipe::{Item, Leftover, Notice, Outgoing, PipeKey, Pipes, Wake};

/// First byte of a frame that subscribes or unsubscribes (RFC 23, and what ZMTP 3.0 peers send).
pub(super) const SUBSCRIBE: u8 = 1;
pub(super) const UNSUBSCRIBE: u8 = 0;

/// The sending half of publish/subscribe.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    distributor: Distributor,
    /// Whose topics decide whom a message goes to.
    granted: PublisherTopics,
    /// Manual mode: what peers asked for, which decides nothing.
    asked: PublisherTopics,
    /// Manual mode: who sent the subscription that the application received last.
    last_asker: Option<PipeKey>,
    /// How much is taken in of each peer, by the index of its pipe.
    intakes: Vec<Intake>,
    /// What may be taken in of all peers together because time has passed.
    purse: usize,
    gone: Gone,
    options: Options,
    welcome: Option<ShortBytes>,
}

#[derive(Debug, Default)]
struct Options {
    verbose_subscribe: bool,
    verbose_unsubscribe: bool,
    manual: bool,
    /// The first message after a subscription goes to who sent that only; without manual mode it rests.
    last_value: bool,
    only_first: bool,
    no_drop: bool,
    invert: bool,
}

/// What a peer may ask for at once, in [`Work`] (a hundred thousand topics of usual length), and how much more each time
/// that the socket is entered: a peer that does not stop asking delays every call by the second of these only.
pub(super) const BURST: usize = 28 * 1024 * 1024;
pub(super) const STEADY: usize = Work::STEP;
/// Beyond that, what peers ask for may take a quarter of the time that passes ([`Work::STEP`] is a tenth of a millisecond):
/// who publishes now and then, and has peers that ask for much all the time, keeps up with them. In microseconds for
/// [`STEADY`].
const EARNED_IN: usize = 400;
/// But no call longer than some 25 ms.
const PURSE: usize = 256 * STEADY;
/// What does not give the peer a topic more costs as much as so many topics: it may go on without an end, as long as the
/// peer has not hung up.
const ENDLESS: usize = 16;
/// A peer has to wait while so much of it (in bytes, about) is in the inbox and not received: half a million
/// subscriptions, for an XPUB that never receives has to serve its subscribers, too.
const UNREAD: usize = 64 * 1024 * 1024;

/// What is taken in of one peer.
#[derive(Debug)]
struct Intake {
    key: Option<PipeKey>,
    /// What may be taken in before others have their turn.
    allowance: usize,
    /// The weight of what of it is in the inbox.
    unread: usize,
    /// It waits for the application to receive.
    waits: bool,
}

/// What peers left that have gone.
#[derive(Debug, Default)]
struct Gone {
    /// The weight of what of them is in the inbox, notices of their departure included.
    unread: usize,
    /// The weight of the topics of those who leave.
    held: usize,
    /// Those whose topics are taken out bit by bit, oldest first.
    leaving: VecDeque<Leaving>,
    /// The first of them waits for the application to receive.
    waits: bool,
    /// Counts all that, so that nobody new comes when it is much.
    leftover: Option<Leftover>,
}

/// A peer that has gone, and whose topics are still there.
#[derive(Debug)]
struct Leaving {
    key: PipeKey,
    granted: Departure,
    asked: Departure,
    /// Of its topics.
    weight: usize,
    /// Has the socket go on with it. `None` before it is known that there is more to do.
    wake: Option<Arc<dyn Wake>>,
}

impl Leaving {
    fn go_on(&self) {
        if let Some(wake) = &self.wake {
            wake.wake(Notice::Readable);
        }
    }
}

/// What came from the peers, for an application that receives it.
pub(super) type Inbox = VecDeque<Upstream>;

/// One frame from a peer, or made for it.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) message: Message,
    pub(super) kind: UpstreamKind,
    /// Whom it counts for, or, when that peer has gone, those who have.
    from: PipeKey,
}

impl Upstream {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.message.bytes().len()
    }
}

/// What an [`Upstream`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpstreamKind {
    User,
    /// An (un)subscription of this peer; `None` if it was made because the peer left.
    Subscription(Option<PipeKey>),
}

impl Publisher {
    pub(super) fn attached(&mut self, pipes: &mut Pipes, key: PipeKey) {
        self.distributor.attach(key);
        let intake = Intake {
            key: Some(key),
            allowance: BURST,
            unread: 0,
            waits: false,
        };
        match self.intakes.get_mut(key.index()) {
            Some(place) => *place = intake,
            None => {
                self.intakes.resize_with(key.index(), || Intake {
                    key: None,
                    ..intake
                });
                self.intakes.push(intake);
            }
        }
        if let Some(welcome) = &self.welcome {
            let _ = pipes.write_bytes(key, welcome, false);
        }
    }

    pub(super) fn detached(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        mut inbox: Option<&mut Inbox>,
    ) {
        self.distributor.remove(key);
        if self.last_asker == Some(key) {
            self.last_asker = None;
        }
        let unread = self.intake(key).map_or(0, |intake| {
            intake.key = None;
            intake.unread
        });
        self.gone.unread += unread;
        let mut leaving = Leaving {
            key,
            granted: Departure::default(),
            asked: Departure::default(),
            weight: self.held_by(key),
            wake: None,
        };
        if !self.let_go(&mut leaving, Work::STEP, &mut inbox) {
            leaving.wake = pipes.hold(key);
            if leaving.wake.is_some() && self.gone.leaving.try_reserve(1).is_ok() {
                self.gone.held += leaving.weight;
                if self.gone.leaving.is_empty() {
                    leaving.go_on();
                }
                self.gone.leaving.push_back(leaving);
            } else {
                // Nobody would come back to it.
                self.let_go(&mut leaving, usize::MAX, &mut inbox);
                pipes.release(key);
            }
        }
        if self.gone.leftover.is_none() {
            self.gone.leftover = pipes.take_leftover(key);
        }
        self.weigh_gone();
    }

    /// Takes out some more topics of a peer that has gone.
    pub(super) fn resume(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        mut inbox: Option<&mut Inbox>,
    ) {
        if self
            .gone
            .leaving
            .front()
            .is_none_or(|first| first.key != key)
        {
            return;
        }
        let Some(mut first) = self.gone.leaving.pop_front() else {
            return;
        };
        self.gone.waits = inbox.is_some() && self.gone.unread >= UNREAD;
        if self.gone.waits || !self.let_go(&mut first, Work::STEP, &mut inbox) {
            // Its place is still there.
            self.gone.leaving.push_front(first);
        } else {
            self.gone.held -= first.weight;
            pipes.release(key);
        }
        if let Some(first) = self.gone.leaving.front().filter(|_| !self.gone.waits) {
            first.go_on();
        }
        self.weigh_gone();
    }

    /// Takes topics out, and tells of them in the inbox. True if there are no more.
    fn let_go(
        &mut self,
        leaving: &mut Leaving,
        work: usize,
        inbox: &mut Option<&mut Inbox>,
    ) -> bool {
        let Options {
            manual,
            verbose_unsubscribe,
            ..
        } = self.options;
        let Leaving {
            key,
            granted,
            asked,
            ..
        } = leaving;
        let (index, unread) = (index(*key), &mut self.gone.unread);
        let mut work = Work::new(work);
        self.granted
            .remove_some(index, granted, &mut work, |topic, last| {
                if !manual && (last || verbose_unsubscribe) {
                    *unread += report_departure(inbox, *key, topic);
                }
            })
            && self.asked.remove_some(index, asked, &mut work, |topic, _| {
                if manual {
                    *unread += report_departure(inbox, *key, topic);
                }
            })
    }

    fn weigh_gone(&mut self) {
        let bytes = self.gone.unread.saturating_add(self.gone.held);
        match &mut self.gone.leftover {
            Some(leftover) if bytes > 0 => leftover.weigh(bytes),
            leftover => *leftover = None,
        }
    }

    /// Takes in what the peer sent, as far as it may at once. Subscriptions take effect; they and user frames go
    /// to the inbox, where there is one.
    pub(super) fn take_in(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        mut inbox: Option<&mut Inbox>,
    ) {
        while self.may_take_in(pipes, key) {
            let held = self.held_by(key);
            let work = match pipes.head(key) {
                Some(Item::Special(Special::Subscription { subscribe, topic })) => {
                    if self.subscription(key, subscribe, &topic) {
                        self.report(pipes, key, subscribe, &topic, &mut inbox);
                    }
                    Work::of_topic(topic.len())
                }
                Some(Item::Special(_)) => Work::of_topic(0),
                Some(Item::Frame) => self.take_message(pipes, key, &mut inbox),
                None => {
                    if let Some(intake) = self.intake(key) {
                        intake.allowance = (intake.allowance + STEADY).min(BURST);
                    }
                    return;
                }
            };
            let gave_more = self.held_by(key) > held || pipes.is_last(key);
            self.pay(key, work, if gave_more { 1 } else { ENDLESS });
        }
    }

    /// A peer's allowance has paid for this, `times` as much; or the purse has, once: it has an end of its own.
    fn pay(&mut self, key: PipeKey, work: usize, times: usize) {
        match self.intake(key) {
            Some(intake) if intake.allowance > 0 => {
                let cost = work.saturating_mul(times);
                intake.allowance = intake.allowance.saturating_sub(cost);
            }
            Some(_) => self.purse = self.purse.saturating_sub(work),
            None => {}
        }
    }

    /// The weight of a peer's topics.
    fn held_by(&self, key: PipeKey) -> usize {
        let index = index(key);
        self.granted.weight_of(index) + self.asked.weight_of(index)
    }

    fn intake(&mut self, key: PipeKey) -> Option<&mut Intake> {
        let intake = self.intakes.get_mut(key.index())?;
        (intake.key == Some(key)).then_some(intake)
    }

    /// Whether the next frame of a peer may be taken in. If not, the socket comes back to it.
    fn may_take_in(&mut self, pipes: &mut Pipes, key: PipeKey) -> bool {
        let Some(intake) = self.intake(key) else {
            return true;
        };
        intake.waits = intake.unread >= UNREAD;
        if intake.waits {
            return false;
        }
        if intake.allowance > 0 || self.purse > 0 {
            return true;
        }
        if let Some(intake) = self.intake(key) {
            intake.allowance = STEADY;
        }
        pipes.remind(key);
        false
    }

    /// See [`crate::patterns::Pattern::time_passed`].
    pub(super) fn time_passed(&mut self, time: Duration) {
        let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
        let earned = micros.saturating_mul(STEADY) / EARNED_IN;
        self.purse = self.purse.saturating_add(earned).min(PURSE);
    }

    /// The application received this: a peer that had to wait for that goes on.
    pub(super) fn received(&mut self, pipes: &mut Pipes, upstream: &Upstream, inbox: &mut Inbox) {
        let key = upstream.from;
        let Some(intake) = self.intake(key) else {
            let gone = &mut self.gone;
            gone.unread = gone.unread.saturating_sub(upstream.weight());
            if gone.waits && gone.unread <= UNREAD / 2 {
                gone.waits = false;
                gone.leaving.front().into_iter().for_each(Leaving::go_on);
            }
            self.weigh_gone();
            return;
        };
        intake.unread = intake.unread.saturating_sub(upstream.weight());
        if intake.waits && intake.unread <= UNREAD / 2 {
            self.take_in(pipes, key, Some(inbox));
        }
    }

    /// Takes in a message that the peer sent as such, and returns how much [`Work`] that was; one for
    /// whose frames memory lacks is dropped. Subscriptions between its frames take effect, and are reported behind it.
    fn take_message(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        inbox: &mut Option<&mut Inbox>,
    ) -> usize {
        let mut within = Vec::new();
        let mut taken = self.take_frames(pipes, key, inbox, &mut within);
        for (subscribe, topic) in within {
            taken = taken.saturating_add(Work::of_topic(topic.len()));
            self.report(pipes, key, subscribe, &topic, inbox);
        }
        taken
    }

    fn take_frames(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        inbox: &mut Option<&mut Inbox>,
        within: &mut Vec<(bool, ShortBytes)>,
    ) -> usize {
        let mut work = 0_usize;
        let whole_inbox = inbox.as_ref().map_or(0, |inbox| inbox.len());
        let (mut first, mut may_subscribe) = (true, true);
        // The application was told that more follows.
        let mut open = false;
        loop {
            let taken = pipes.take(key);
            if taken.is_none()
                && let Some(Item::Special(special)) = pipes.head(key)
            {
                if let Special::Subscription { subscribe, topic } = special
                    && self.subscription(key, subscribe, &topic)
                    // Without memory the application does not hear of it.
                    && within.try_reserve(1).is_ok()
                {
                    within.push((subscribe, topic));
                }
                continue;
            }
            let Some(Ok(frame)) = taken else {
                self.take_back(inbox, whole_inbox, key);
                pipes.skip(key);
                pipes.skip_rest_of_message(key);
                return work;
            };
            work = work.saturating_add(Work::of_topic(frame.bytes().len()));
            let more = frame.more();
            let change = parse_subscription(frame.bytes());
            if first && self.options.only_first {
                may_subscribe = change.is_some();
            }
            first = false;
            match change.filter(|_| may_subscribe) {
                Some((subscribe, topic)) => {
                    let wanted = self.subscription(key, subscribe, topic);
                    // What completes a message is never left out, or the next would be joined to it.
                    if wanted || open {
                        self.report(pipes, key, subscribe, topic, inbox);
                    }
                    open = false;
                }
                None => {
                    open = more;
                    self.push(inbox, frame, UpstreamKind::User, key);
                }
            }
            if !more {
                return work;
            }
        }
    }

    /// Takes the frames of a peer behind the first `whole` ones out of the inbox.
    fn take_back(&mut self, inbox: &mut Option<&mut Inbox>, whole: usize, key: PipeKey) {
        let Some(inbox) = inbox else { return };
        let weight: usize = inbox.range(whole..).map(Upstream::weight).sum();
        inbox.truncate(whole);
        if let Some(intake) = self.intake(key) {
            intake.unread = intake.unread.saturating_sub(weight);
        }
    }

    /// Applies what a peer asked for; true if the application wants to know.
    fn subscription(&mut self, key: PipeKey, subscribe: bool, topic: &[u8]) -> bool {
        let topics = if self.options.manual {
            &mut self.asked
        } else {
            &mut self.granted
        };
        let news = if subscribe {
            // Without memory it is as if the peer had not asked.
            let Ok(first) = topics.add(topic, index(key)) else {
                return false;
            };
            first || self.options.verbose_subscribe
        } else {
            let dropped = topics.remove(topic, index(key));
            dropped != Dropped::Others || self.options.verbose_unsubscribe
        };
        news || self.options.manual
    }

    /// The application received this: from now on SUBSCRIBE and UNSUBSCRIBE mean its sender.
    pub(super) fn delivered(&mut self, kind: UpstreamKind) {
        if let UpstreamKind::Subscription(asker) = kind {
            self.last_asker = asker.filter(|&key| self.distributor.contains(key));
        }
    }

    /// Tells the application what a peer asked for.
    fn report(
        &mut self,
        pipes: &mut Pipes,
        key: PipeKey,
        subscribe: bool,
        topic: &[u8],
        inbox: &mut Option<&mut Inbox>,
    ) {
        if inbox.is_some()
            && let Ok(mut message) = subscription_message(subscribe, topic)
        {
            message.set_peer(pipes.peer(key).cloned());
            self.push(inbox, message, UpstreamKind::Subscription(Some(key)), key);
        }
    }

    /// Puts a frame of a peer into the inbox.
    fn push(
        &mut self,
        inbox: &mut Option<&mut Inbox>,
        message: Message,
        kind: UpstreamKind,
        from: PipeKey,
    ) {
        let Some(inbox) = inbox else { return };
        let upstream = Upstream {
            message,
            kind,
            from,
        };
        if let Some(intake) = self.intake(from) {
            intake.unread = intake.unread.saturating_add(upstream.weight());
        }
        push(inbox, upstream);
    }

    pub(super) fn send(&mut self, pipes: &mut Pipes, frame: &mut Outgoing<'_>) -> Result<()> {
        if !self.distributor.is_mid_message() {
            self.choose_receivers(pipes, frame.bytes())?;
        }
        self.distributor.send(pipes, frame);
        Ok(())
    }

    fn choose_receivers(&mut self, pipes: &mut Pipes, first_frame: &[u8]) -> Result<()> {
        let distributor = &mut self.distributor;
        distributor.begin();
        self.granted
            .matching(first_frame, |pipe| distributor.choose(pipe));
        if self.options.invert {
            distributor.invert();
        }
        let last_value = self.options.manual && self.options.last_value;
        let only = self.last_asker.filter(|_| last_value);
        if let Some(only) = only {
            distributor.restrict_to(only);
        }
        if self.options.no_drop && distributor.is_any_full(pipes) {
            return Err(Error::Again);
        }
        if only.is_some() {
            self.last_asker = None;
        }
        Ok(())
    }

    pub(super) fn set_option(&mut self, option: PatternOption) -> Result<()> {
        let options = &mut self.options;
        match option {
            PatternOption::Subscribe(topic) if options.manual => {
                if let Some(asker) = self.last_asker {
                    self.granted.add(&topic, index(asker))?;
                }
            }
            PatternOption::Unsubscribe(topic) if options.manual => {
                if let Some(asker) = self.last_asker {
                    self.granted.remove(&topic, index(asker));
                }
            }
            PatternOption::XpubVerbose(on) => {
                options.verbose_subscribe = on;
                options.verbose_unsubscribe = false;
            }
            PatternOption::XpubVerboser(on) => {
                options.verbose_subscribe = on;
                options.verbose_unsubscribe = on;
            }
            PatternOption::XpubManual(on) => options.manual = on,
            PatternOption::XpubManualLastValue(on) => {
                options.manual = on;
                options.last_value = on;
            }
            PatternOption::XpubNodrop(on) => options.no_drop = on,
            PatternOption::OnlyFirstSubscribe(on) => options.only_first = on,
            PatternOption::XpubWelcomeMsg(message) => {
                self.welcome = Some(message).filter(|message| !message.is_empty());
            }
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    pub(super) fn options_changed(&mut self, options: &SocketOptions) {
        self.options.invert = options.invert_matching;
    }

    pub(super) fn topics_count(&self) -> usize {
        self.granted.len()
    }
}

/// (subscribe, topic) of a frame that is an (un)subscription by its first byte.
pub(super) fn parse_subscription(frame: &[u8]) -> Option<(bool, &[u8])> {
    match frame.split_first()? {
        (&SUBSCRIBE, topic) => Some((true, topic)),
        (&UNSUBSCRIBE, topic) => Some((false, topic)),
        _ => None,
    }
}

/// The number by which topics name a pipe.
fn index(key: PipeKey) -> u32 {
    // There are never more pipes than descriptors.
    u32::try_from(key.index()).unwrap_or(u32::MAX)
}

/// The weight of the notice that a peer which has gone does not want a topic any more.
fn report_departure(inbox: &mut Option<&mut Inbox>, from: PipeKey, topic: &[u8]) -> usize {
    let Some(inbox) = inbox else { return 0 };
    let Ok(message) = subscription_message(false, topic) else {
        return 0;
    };
    let upstream = Upstream {
        message,
        kind: UpstreamKind::Subscription(None),
        from,
    };
    let weight = upstream.weight();
    push(inbox, upstream);
    weight
}

/// Puts a frame into the inbox; without memory it is lost.
fn push(inbox: &mut Inbox, upstream: Upstream) {
    if inbox.try_reserve(1).is_ok() {
        inbox.push_back(upstream);
    }
}

fn subscription_message(subscribe: bool, topic: &[u8]) -> Result<Message> {
    let mut frame = Vec::new();
    let size = topic.len().saturating_add(1);
    frame.try_reserve_exact(size).map_err(|_| Error::NoMemory)?;
    frame.push(if subscribe { SUBSCRIBE } else { UNSUBSCRIBE });
    frame.extend_from_slice(topic);
    Message::from_slice(&frame)
}
