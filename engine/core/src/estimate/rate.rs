//! The rate itself: additive or multiplicative increase, and a cut to what arrived when the queue grew
//! (draft-ietf-rmcat-gcc-02 section 5.5).
//!
//! ```text
//!             over                        queue empty
//! Increase ----------> Drain ---------------------------------> Increase, just below what the path carried
//!     ^                  |  `-- over again: cut again
//!     |  under           `-- queue not empty after a while: it is not ours ----^
//!     '----- Hold
//! ```

use super::figures::{Cut, Limit, RateState};
use core::time::Duration;
use corelay_wire::units::Instant;

/// What a cut leaves of what arrived, with an empty queue. draft-ietf-rmcat-gcc-02 section 5.5 has 0.8 to 0.95 and recommends
/// 0.85. Lower empties the queue sooner; higher keeps more of the path in use.
const DRAIN_FACTOR: f64 = 0.85;
/// In how many milliseconds a longer queue is to be empty, and how deep the cut for it may be. Sooner leaves the picture smaller
/// for a moment, later leaves it late for longer.
const DRAIN_MILLIS: f64 = 900.0;
const DRAIN_FACTOR_MIN: f64 = 0.5;
/// And where it did not become empty, to be sure that what is sent is less than the path carries.
const DRAIN_FACTOR_HARD: f64 = 0.7;
/// A queue that is not empty after this long is not emptied by us: others fill it, or the route became longer. Sooner gives in to
/// others whose queue we wait out; later lets them have the path for longer.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// How long after a cut what arrives is of the path as it is. Shorter is of what was before; longer resumes at that.
const DRAIN_MEASURED: Duration = Duration::from_millis(400);
/// Where the rate goes on when the queue is empty, of what arrived. Higher has the queue grow again sooner; lower leaves more
/// unused.
const RESUME_FACTOR: f64 = 0.95;
/// Growth each second while it is unknown what the path carries (the same section has 8 % at most). Higher finds
/// a free path sooner and overshoots a full one by more; probes find it anyhow.
const GROWTH: f64 = 0.08;
/// What is sent may be this much of what arrives, or nobody knows whether the path carries it (the same section has 1.5).
const UNPROVEN_FACTOR: f64 = 1.5;
/// The same near what it carried when it was full, of what is sent. Higher has the estimate creep beyond the capacity while less is
/// sent than that, until a layer is chosen that does not fit; lower has it stay below.
const UNPROVEN_FACTOR_NEAR: f64 = 1.1;
const UNPROVEN_BITS: f64 = 10_000.0;
/// One packet each response time is what a rate near the capacity grows by.
const PACKET_BITS: f64 = 8.0 * 1_200.0;
/// And this much of the rate, where that is more: a fast path is not found packet by packet. Higher takes from slower ones beside
/// it.
const GROWTH_NEAR: f64 = 0.01;
/// What the target loses each second of what is above that, while nobody asks for it. More forgets a fast path while little is asked
/// for; less keeps what was true once for longer.
const UNPROVEN_LOSS: f64 = 0.05;
/// While less than this part of it is sent, nothing is known of what it would be: it stays.
const TOLD_OF: f64 = 0.3;
/// What a new measurement of the capacity weighs.
const CAPACITY_WEIGHT: f64 = 0.25;
/// A rate or measurement further from the capacity, of it, has nothing to do with it: the path has changed.
const CAPACITY_DISTANCE: f64 = 0.2;

/// A probe in front of a queue takes more of it than the rate would: what it finds is news only if it is this much more than the
/// capacity. Lower lets those who probe take from those who do not; higher is late when a little room becomes free.
const SHARE_OF_PROBE: f64 = 1.3;
/// A rate this much above the capacity, without a queue, is news: the path carries more than it did.
const BEYOND: f64 = 1.08;

/// What an update is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    /// The queue shrinks: the rate waits for that.
    pub(super) shrinking: bool,
    /// Whether it is unknown yet if the rate may grow.
    pub(super) undecided: bool,
    /// Others fill the queue.
    pub(super) contested: bool,
    /// Whether the queue is empty, as far as jitter lets that be seen.
    pub(super) queue_empty: bool,
    /// What arrives, in bits per second.
    pub(super) acknowledged: Option<f64>,
    /// What leaves, in bits per second.
    pub(super) sent: Option<f64>,
    /// The path became much slower.
    pub(super) slowed: bool,
    /// What the traffic could use.
    pub(super) demand: f64,
    /// From a change of the rate to the news of what it did.
    pub(super) response: Duration,
}

/// See the module. Rates are in bits per second.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    target: f64,
    /// The target is never below: growth by a part of nothing is nothing.
    least: f64,
    state: RateState,
    limit: Limit,
    capacity: Option<f64>,
    /// The last cut, and what the rate goes on with after it.
    cut_at: Option<Instant>,
    cut_queue: f64,
    /// The queue of the last cut, with what was on the way to it.
    cut_length: f64,
    resume: f64,
    drain_since: Instant,
    /// What arrived when the queue began to be emptied.
    carried: f64,
    /// The target and the capacity before that.
    before: (f64, Option<f64>),
    /// Whether it was tried harder.
    harder: bool,
    updated: Instant,
}

impl Rate {
    pub(super) fn new(now: Instant, start: f64, least: f64) -> Self {
        Self {
            target: start,
            least,
            state: RateState::Increase,
            limit: Limit::Start,
            capacity: None,
            cut_at: None,
            cut_queue: 0.0,
            cut_length: 0.0,
            resume: start,
            drain_since: now,
            carried: start,
            before: (start, None),
            harder: false,
            updated: now,
        }
    }

    pub(super) fn target(&self) -> f64 {
        self.target
    }

    pub(super) fn state(&self) -> RateState {
        self.state
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    pub(super) fn capacity(&self) -> Option<f64> {
        self.capacity
    }

    /// How long the queue was at the last cut, while it is being emptied.
    pub(super) fn cut_queue(&self) -> Option<f64> {
        (self.state == RateState::Drain).then_some(self.cut_queue)
    }

    /// The last cut, if there was one.
    pub(super) fn last_cut(&self) -> Option<Cut> {
        let queue = Duration::from_micros((self.cut_length.max(0.0) * 1e3) as u64);
        self.cut_at.map(|at| Cut { at, queue })
    }

    /// Whether what the last cut did can have been seen.
    pub(super) fn may_cut(&self, now: Instant, response: Duration) -> bool {
        self.cut_at.is_none_or(|at| now.since(at) >= response)
    }

    /// Whether a queue is being emptied, and no longer than that.
    pub(super) fn drains_since(&self, now: Instant, time: Duration) -> bool {
        self.state == RateState::Drain && now.since(self.drain_since) <= time
    }

    /// The path carries `carried`, and less than what is sent: so far with `queue` milliseconds of packets in front of it.
    pub(super) fn cut(&mut self, now: Instant, carried: f64, queue: f64, limit: Limit) {
        self.cut_length = queue;
        // While the queue is not empty, more arrives than that only of what was held up.
        let carried = if self.state == RateState::Drain { carried.min(self.carried) } else { carried };
        self.carried = carried;
        let factor = (1.0 - queue / DRAIN_MILLIS).clamp(DRAIN_FACTOR_MIN, DRAIN_FACTOR);
        if self.state != RateState::Drain {
            self.drain_since = now;
            self.before = (self.target, self.capacity);
            self.harder = false;
        }
        self.note_capacity(carried);
        // More than that arrives while a burst that was held up does, or others fall behind for it.
        self.resume = carried.min(self.target.max(self.resume)) * RESUME_FACTOR;
        self.target = self.target.min(carried * factor).max(self.least);
        self.state = RateState::Drain;
        self.limit = limit;
        self.cut_at = Some(now);
        self.cut_queue = queue;
    }

    /// What the path carried when it was full is not what it carries: it is another.
    pub(super) fn forget_capacity(&mut self) {
        self.capacity = None;
    }

    /// A probe was answered: the path carries `carried`, and no more if it was `full`.
    pub(super) fn raise(&mut self, carried: f64, full: bool) {
        if full && self.capacity.is_some_and(|capacity| carried < capacity * SHARE_OF_PROBE) {
            return;
        }
        if full {
            self.note_capacity(carried);
        } else if self.capacity.is_some_and(|capacity| carried > capacity * (1.0 + CAPACITY_DISTANCE)) {
            self.capacity = None;
        }
        let to = if full { carried * RESUME_FACTOR } else { carried };
        if to > self.target && self.state != RateState::Drain {
            self.target = to;
            self.limit = if full { Limit::Delay } else { Limit::Traffic };
        }
        self.resume = self.resume.max(to);
    }

    /// Sets the rate to what is known from elsewhere.
    pub(super) fn set(&mut self, target: f64, limit: Limit) {
        self.target = target.max(self.least);
        self.limit = limit;
        self.state = RateState::Increase;
    }

    /// Lets time pass. Tells whether a queue was not emptied in time: the owner says why, by [`Self::give_up`] or
    /// [`Self::drain_on`].
    pub(super) fn update(&mut self, now: Instant, conditions: &Conditions) -> bool {
        let passed = now.since(self.updated).as_secs_f64().min(1.0);
        self.updated = now;
        if self.state == RateState::Drain {
            // While the queue is not empty, what arrives is what the path carries; when it was cut, some of what arrived was of
            // before.
            if let Some(arrives) = conditions
                .acknowledged
                .filter(|_| conditions.slowed && !conditions.queue_empty && self.is_past(now, DRAIN_MEASURED))
            {
                self.resume = self.resume.min(arrives * RESUME_FACTOR);
                self.capacity = self.capacity.map(|capacity| capacity.min(arrives));
            }
            if self.may_cut(now, conditions.response) && conditions.queue_empty {
                self.go_on();
            }
            return self.state == RateState::Drain && now.since(self.drain_since) > DRAIN_MAX;
        }
        if conditions.shrinking || conditions.undecided {
            self.state = RateState::Hold;
            return false;
        }
        self.state = RateState::Increase;
        self.grow(passed, conditions);
        false
    }

    /// Whether the last cut was so long ago.
    fn is_past(&self, now: Instant, time: Duration) -> bool {
        self.cut_at.is_some_and(|at| now.since(at) >= time)
    }

    /// The queue is not ours to empty.
    pub(super) fn give_up(&mut self) {
        self.go_on();
    }

    /// There was no queue: the rate is what it was.
    pub(super) fn take_back(&mut self) {
        if self.state == RateState::Drain {
            (self.target, self.capacity) = self.before;
            self.state = RateState::Increase;
        }
    }

    /// The queue is ours: what is sent is not low enough yet.
    pub(super) fn drain_on(&mut self, now: Instant) {
        self.drain_since = now;
    }

    /// The queue may be ours, if more arrived than the path carries at present: once, the rate is cut again, far enough. `false`:
    /// it was.
    pub(super) fn drain_harder(&mut self, now: Instant, arrived: f64) -> bool {
        if core::mem::replace(&mut self.harder, true) {
            return false;
        }
        self.drain_since = now;
        self.target = self.target.min(arrived * DRAIN_FACTOR_HARD).max(self.least);
        self.resume = self.resume.min(arrived * RESUME_FACTOR);
        true
    }

    /// What arrived when the queue began to be emptied.
    pub(super) fn carried(&self) -> f64 {
        self.carried
    }

    /// Whether the rate is above what the path carried when it was full, and nothing happened.
    pub(super) fn is_beyond(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.target > capacity * BEYOND)
    }

    fn go_on(&mut self) {
        self.target = self.target.max(self.resume);
        self.state = RateState::Increase;
    }

    fn grow(&mut self, passed: f64, conditions: &Conditions) {
        // What arrives without a queue is carried, whatever was thought of the path: so media that waited in the pacer is as good
        // as a probe.
        let arrives = conditions.acknowledged.filter(|_| conditions.queue_empty && !conditions.contested).unwrap_or(0.0);
        self.target = self.target.max(arrives * RESUME_FACTOR);
        let near = self.capacity.is_some_and(|capacity| (self.target - capacity).abs() < capacity * CAPACITY_DISTANCE);
        // Near the capacity it is what leaves that has to be as much as what may: what is lost at random does not arrive.
        let proven = match (near, conditions.sent) {
            (true, Some(sent)) => (UNPROVEN_FACTOR_NEAR * sent).max(sent + UNPROVEN_BITS),
            _ => conditions.acknowledged.map_or(0.0, |rate| UNPROVEN_FACTOR * rate + UNPROVEN_BITS),
        };
        if self.target >= proven {
            if !near {
                self.limit = Limit::Traffic;
                self.forget_unproven(passed, proven, conditions);
            }
            return;
        }
        let packet = (PACKET_BITS / conditions.response.as_secs_f64().max(0.05)).max(self.target * GROWTH_NEAR);
        let step = match near {
            _ if conditions.contested => packet,
            true => packet.min(self.target * GROWTH),
            false => self.target * GROWTH,
        };
        self.target = (self.target + step * passed).min(proven);
    }

    /// What is neither sent nor asked for was true once.
    fn forget_unproven(&mut self, passed: f64, proven: f64, conditions: &Conditions) {
        // What leaves, and not what arrives: what is lost at random says nothing of the rate.
        let Some(sent) = conditions.sent.filter(|sent| *sent > TOLD_OF * self.target) else { return };
        let kept = proven.max(UNPROVEN_FACTOR * sent).max(conditions.demand);
        if self.target > kept {
            self.target = (self.target * (1.0 - UNPROVEN_LOSS * passed)).max(kept);
        }
    }

    fn note_capacity(&mut self, carried: f64) {
        let known = self.capacity.filter(|known| (carried - known).abs() < known * CAPACITY_DISTANCE);
        self.capacity = Some(known.map_or(carried, |known| known + CAPACITY_WEIGHT * (carried - known)));
    }
}
