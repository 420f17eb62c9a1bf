//! What one transport does about its path: what it sent and when, what the path carries, and what may leave when.
//!
//! ```text
//! run leaves  -> pacer (when may the next one), sent (numbers, lengths, time)
//! feedback    -> sent -> results -> estimator -> estimate -> pacer, allocation of layers
//!                            '-> losses -> what is sent again although nobody asked
//! ```
//!
//! Only transports that can tell have one: whose subscriptions negotiated transport-wide numbers, or that sent a REMB. All others
//! send what there is when it is there. A peer that negotiated feedback and gives none is taken for one of them.

mod decision;
mod losses;
mod pacer;
mod probing;
mod sent;

pub use decision::Decision;
pub use losses::{Losses, Missed};
pub use pacer::{Pacer, Waiting};
pub use probing::Probing;
pub(crate) use probing::STEP;
pub use sent::{Departed, Named, Results, SentLog};

use crate::estimate::{Estimate, Estimator, EstimatorConfig, Limit, RateState};
use core::time::Duration;
use corelay_wire::rtcp::TransportCc;
use corelay_wire::units::{Bitrate, Instant, SequenceNumber};

/// How long after the first packet a peer may be silent before it is taken for one that gives no feedback. Longer keeps such peers
/// at the lowest layers for as long; shorter floods a thin path whose first feedback is late.
const DEAF_AFTER: Duration = Duration::from_secs(2);

/// The least time from one asking to the next.
const AGAIN: Duration = Duration::from_millis(5);
/// For so long after a cut, what was lost of a stream that was left is not sent again. Longer has pictures of before the change
/// stand still that a later loss took; shorter repairs what the full queue lost, in front of the keyframe after it.
const REPAIRS_AFTER: Duration = Duration::from_secs(2);
/// The queue of a bottleneck is not thought to be longer: what did not fit is lost, and does not stand in it.
const QUEUE_USUAL: Duration = Duration::from_millis(300);
/// A queue is emptied in this time, by a pace that is this part of what the path carries at least. Sooner leaves the path idle when
/// the queue was thought to be longer than it is; later keeps sound late.
const DRAINED_IN: Duration = Duration::from_millis(1_500);
const DRAINED_AT_LEAST: f64 = 0.7;
/// For so long after the rate was cut for a queue, and for loss without one, and while a queue is longer than this, sound has no
/// copies: see `copies`. Longer leaves sound without them on a path that loses at random as well, and is cut for that until it is
/// known; shorter adds them to what filled the path.
const FULL_AFTER_QUEUE: Duration = Duration::from_secs(2);
const FULL_AFTER_LOSS: Duration = Duration::from_millis(500);
const QUEUE_FULL: Duration = Duration::from_millis(40);
/// What a viewer begins with behind a keyframe that is past takes so much of the path's time at most. More: what is live waits behind
/// it for longer than a new keyframe would take. Less: one is asked for sooner, ten times a picture's size for everybody who watches.
const HEAD_START: Duration = Duration::from_millis(100);
/// Report blocks that are closer to each other are of one report.
const REPORTS_APART_MIN_MS: u64 = 100;

/// What there is room for to send again on a path that was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repairs {
    /// Bytes of lost video of what goes on; of what was left, none.
    pub video: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Congestion {
    /// What left.
    pub sent: SentLog,
    /// What of it did not arrive.
    losses: Losses,
    /// What the path carries.
    pub estimator: Estimator,
    /// When the next may leave.
    pub pacer: Pacer,
    /// What the layers were chosen by.
    pub decision: Decision,
    /// A probe that is under way.
    pub probing: Option<Probing>,
    /// When the first numbered packet left.
    first: Option<Instant>,
    /// The peer told something of the path.
    heard: bool,
    /// Bytes that left, and how many had when the last receiver report came.
    left: u64,
    reported: Option<(Instant, u64)>,
    /// Somebody will notice when the peer falls silent.
    watched: bool,
}

impl Congestion {
    /// Of a path that nothing is known of.
    pub fn new(now: Instant) -> Self {
        let mut congestion = Self {
            sent: SentLog::default(),
            losses: Losses::default(),
            estimator: Estimator::new(now, EstimatorConfig::default()),
            pacer: Pacer::default(),
            decision: Decision::default(),
            probing: None,
            first: None,
            heard: false,
            left: 0,
            reported: None,
            watched: false,
        };
        congestion.pacer.begin();
        congestion.retune(now);
        congestion
    }

    /// What one takes from the heap at most.
    pub const BYTES: u64 = size_of::<Self>() as u64 + SentLog::BYTES + Pacer::BYTES;

    /// The number of the next packet.
    #[inline]
    pub fn next_number(&self) -> SequenceNumber {
        self.sent.next()
    }

    /// A run left, of `bytes` bytes with UDP and IP headers; `numbered` of its packets have the numbers from [`Self::next_number`]
    /// on.
    #[inline]
    pub fn depart(&mut self, now: Instant, bytes: u64, numbered: Departed) {
        self.pacer.charge(now, bytes);
        self.left += bytes;
        let mut probe = None;
        if let Some(probing) = &mut self.probing {
            probing.count(bytes, numbered.packets.into());
            probe = Some(probing.cluster());
        }
        if numbered.packets > 0 {
            self.first.get_or_insert(now);
            self.sent.note(now, Departed { probe, ..numbered });
        }
    }

    /// The peer told when packets arrived. `overhead`: what UDP and IP add to each.
    pub fn hear(&mut self, now: Instant, message: &TransportCc<'_>, overhead: u32) {
        self.heard = true;
        let Self { sent, losses, estimator, .. } = self;
        estimator.set_outstanding(sent.bytes_after(message, overhead));
        losses.begin();
        estimator.on_feedback(now, sent.resolve(message, now, overhead), |result, news| losses.take_in(result, news));
    }

    /// What the peer has not, and what is not on its way either, by what it told last. Nothing where the path is full: there, it is
    /// better asked for what it still wants.
    pub fn missed(&mut self, now: Instant) -> Missed {
        let missed = self.losses.missed(&self.sent, |number| self.estimator.may_arrive(number));
        if self.is_full(now) { Missed::new() } else { missed }
    }

    /// The peer told what it thinks that the path carries.
    pub fn hear_remb(&mut self, now: Instant, bitrate: Bitrate) {
        self.heard = true;
        self.estimator.on_remb(now, bitrate);
    }

    /// A receiver report told how much of a stream was lost since the last, of 256.
    pub fn hear_loss(&mut self, now: Instant, fraction_lost: u8) {
        let (since, left) = self.reported.unwrap_or((now, self.left));
        let millis = now.since(since).as_millis() as u64;
        if millis >= REPORTS_APART_MIN_MS {
            let sent = Bitrate((self.left - left) * 8 * 1_000 / millis);
            self.estimator.on_loss(now, fraction_lost, sent);
        }
        if self.reported.is_none() || millis >= REPORTS_APART_MIN_MS {
            self.reported = Some((now, self.left));
        }
    }

    /// What the path carries; `None`: nobody can tell.
    pub fn estimate(&self, now: Instant) -> Option<Bitrate> {
        let deaf = !self.heard && self.first.is_some_and(|first| now.since(first) > DEAF_AFTER);
        (!deaf).then(|| self.estimator.target())
    }

    /// How many bytes of what is past may leave at once, so that a viewer can begin with what is there.
    pub fn head_start(&self, now: Instant) -> u64 {
        let carried = self.estimate(now).map_or(u64::MAX, |estimate| estimate.0 / 8 * HEAD_START.as_millis() as u64 / 1_000);
        self.pacer.allowance(now).max(carried)
    }

    /// Whether the estimate is no more than a guess.
    pub fn is_unmeasured(&self) -> bool {
        !self.heard || self.estimator.limit() == Limit::Start
    }

    /// What there is room for to send again, of what the peer lost; `None` where its path was not full of late: all of it.
    pub fn repairs(&self, now: Instant) -> Option<Repairs> {
        self.estimator.cut().filter(|cut| self.heard && now.since(cut.at) < REPAIRS_AFTER)?;
        let drains = self.estimator.state() == RateState::Drain;
        Some(Repairs { video: if drains { self.pacer.repairs(now) } else { u64::MAX } })
    }

    /// What is sent again is there after the round trip and this: the queue in front of it.
    pub fn queue(&self, now: Instant) -> Duration {
        let queue = self.estimator.queue();
        let cut =
            self.estimator.cut().filter(|cut| self.estimator.state() == RateState::Drain && now.since(cut.at) < REPAIRS_AFTER);
        // What was on the way to it when the rate was cut is not measured yet.
        cut.map_or(queue, |cut| cut.queue.max(queue)).min(QUEUE_USUAL)
    }

    /// Whether more would not help: what is lost, or late, is so because there is too much of it.
    pub fn is_full(&self, now: Instant) -> bool {
        let for_long = |(at, limit): (Instant, Limit)| match limit {
            Limit::Delay => now.since(at) < FULL_AFTER_QUEUE,
            Limit::Loss => now.since(at) < FULL_AFTER_LOSS,
            _ => false,
        };
        // A peer that tells a rate alone tells of no queue.
        let is_short = || self.estimator.limit() == Limit::Remb && self.estimator.is_short();
        self.heard && (self.estimator.cut_for().is_some_and(for_long) || self.estimator.queue() > QUEUE_FULL || is_short())
    }

    /// So much was lost of what left of late, of 1000; `None` where that says nothing of what is lost at random.
    pub fn random_loss(&self, now: Instant) -> Option<u16> {
        (!self.is_full(now)).then(|| self.estimator.loss_permille())
    }

    /// What leaves next begins something new: it waits until there is room for it in the queue that the rate was cut for.
    pub fn wait_for_room(&mut self, now: Instant) {
        if let Some(cut) = self.estimator.cut().filter(|cut| cut.at == now) {
            self.pacer.hold(now, cut.queue);
        }
    }

    /// All of what is known of it.
    pub fn details(&self) -> Estimate {
        self.estimator.estimate()
    }

    /// The estimate may be another: the pace follows it.
    pub fn retune(&mut self, now: Instant) {
        let (queue, limit) = (self.estimator.queue(), self.estimator.limit());
        let drains = self.estimator.state() == RateState::Drain;
        // While its queue is not empty, the path is busy whatever the pace: what waits here arrives no later than what waits there,
        // and sound passes it. So the pace is what empties the queue in time, and what the path carries when it is empty.
        let left = (DRAINED_IN.saturating_sub(queue).as_secs_f64() / DRAINED_IN.as_secs_f64()).max(DRAINED_AT_LEAST);
        let carried = self.estimator.link_capacity().filter(|_| drains).map_or(0.0, |carried| carried.0 as f64 * left);
        let at_least = self.probing.as_ref().map_or(Bitrate(0), Probing::bitrate).max(Bitrate(carried as u64));
        self.pacer.set_proven(!matches!(limit, Limit::Start | Limit::Traffic));
        self.pacer.set_draining(drains);
        self.pacer.set_rate(now, self.estimate(now), at_least);
    }

    /// When to ask the estimator and the decision again, if no feedback comes before.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let estimate = self.estimator.poll_timeout(self.sent.outstanding_since(now));
        self.watched = estimate.is_some();
        let deaf = self.first.filter(|_| !self.heard).map(|first| first + DEAF_AFTER + Duration::from_millis(1));
        let again = self.decision.again();
        let next = [estimate, again].into_iter().flatten().chain(deaf.filter(|at| *at > now)).min();
        // What was due and is not done is not done a moment later.
        next.map(|at| at.max(now + AGAIN))
    }

    /// A probe goes on: how many bytes have to leave beside media. `None` when there is none, or it is over.
    pub fn probe(&mut self, now: Instant) -> Option<u64> {
        if self.probing.as_ref().is_some_and(|probing| probing.is_over(now)) {
            self.probing = None;
            self.retune(now);
        }
        self.probing.as_ref().map(|probing| probing.short(now))
    }

    /// Whether something left or waits that nobody will come for yet: from here on, somebody will.
    #[inline]
    pub fn take_unscheduled(&mut self) -> bool {
        let unwatched = !self.watched && self.sent.is_outstanding();
        self.watched |= unwatched;
        self.pacer.take_unscheduled() || unwatched
    }
}

/// Those of all transports, by their slots: a walk looks here for each transport, and finds eight bytes where there is none.
#[derive(Debug)]
pub(crate) struct Congestions {
    places: Vec<Option<Box<Congestion>>>,
}

impl Congestions {
    /// What each transport takes here, beside [`Congestion::BYTES`] where it has one.
    pub(crate) const BYTES: u64 = size_of::<Option<Box<Congestion>>>() as u64;

    pub(crate) fn new(transports_max: u32) -> Self {
        Self { places: Vec::with_capacity(transports_max as usize) }
    }

    /// That of the transport in `slot`.
    pub(crate) fn get(&self, slot: u32) -> Option<&Congestion> {
        self.places.get(slot as usize)?.as_deref()
    }

    /// The same, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Congestion> {
        self.places.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The same; begun when there is none.
    pub(crate) fn get_or_begin(&mut self, slot: u32, now: Instant) -> &mut Congestion {
        let at = slot as usize;
        if at >= self.places.len() {
            self.places.resize_with(at + 1, || None);
        }
        self.places[at].get_or_insert_with(|| Box::new(Congestion::new(now)))
    }

    /// The transport ended.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = None;
        }
    }
}
