//! Whether what is lost is lost by congestion.
//!
//! Packets that are lost whatever the rate is (by a radio, say) are no reason to send less: it would not help. Packets that are
//! lost because the rate is more than the path carries, in front of a queue too short to show as delay or a policer that has none,
//! are. At one rate the two look alike, so more loss than is usual on the path is put to a test:
//!
//! ```text
//!              more is lost                 as much is lost at 1.3 times the rate: random, the usual from here on
//! usual loss ----------------> probe up --+
//!     ^                                   `- more is lost: congestion ---.
//!     |                                                                  v
//!     '-- it helped: congestion, and the next time no probe is asked ---- cut, and see whether it helps
//!     '-- it did not, nor is less lost of a probe: random, the rate is given back ---'
//! ```

use core::time::Duration;
use corelay_wire::units::Instant;

/// Packets are counted by this much of time.
const SLOT: Duration = Duration::from_millis(100);
const SLOTS: usize = 24;
/// Packets that a judgement wants: fewer judge sooner and by chance. It goes back as far as it must for them, if the slots reach.
const PACKETS_WANTED: u32 = 50;
const PACKETS_NEEDED: u32 = 20;
/// It goes back this far at least: bursts of loss even out.
const SPAN_MIN: u64 = 5;
/// How far, in standard deviations, more is lost than usual; and by how much, and how many, at least. Lower takes chance for
/// congestion and costs a test; higher takes congestion for chance, for a while.
const DEVIATIONS: f64 = 3.0;
const EXCESS_MIN: f64 = 0.02;
const EXCESS_PACKETS_MIN: f64 = 3.0;
/// More than this is lost by no radio that a call survives: the rate is cut before the test. Lower cuts where cutting does not
/// help, for a moment; higher floods a link that became much slower for the time of a probe.
const SEVERE: f64 = 0.45;
/// How far between "as before" and "as congestion would have it" the loss of a probe decides.
const TURNING_POINT: f64 = 0.4;
/// How much of the excess must be left after a cut that it is random.
const UNHELPED: f64 = 0.6;
/// A rate that is not this much lower after a cut shows nothing.
const LOWER: f64 = 0.93;
/// The longest that a probe, or the effect of a cut, is waited for.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// For so long after a test said congestion, more loss is taken for congestion without one. Longer cuts for random loss that begins
/// then; shorter asks for more probes on a path that polices.
const REMEMBERED: Duration = Duration::from_secs(30);
/// What usual loss moves towards what is lost, each feedback, where that is less, or insignificantly more. More forgetting tests
/// again when loss comes back; more learning takes what rises slowly with the rate for random.
const FORGETTING: f64 = 0.02;
const LEARNING: f64 = 0.01;
/// The most that is usual.
const RANDOM_MAX: f64 = 0.45;
/// A queue that is this long, in milliseconds, makes more loss congestion without a test.
const QUEUE_MILLIS: f64 = 15.0;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: u64,
    packets: u32,
    lost: u32,
    bytes: u64,
}

/// What was lost of the packets that left in some stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stretch {
    pub(super) packets: f64,
    pub(super) lost: f64,
    /// At which they left, in bits per second.
    pub(super) rate: f64,
}

impl Stretch {
    fn fraction(&self) -> f64 {
        if self.packets > 0.0 { self.lost / self.packets } else { 0.0 }
    }
}

#[derive(Clone, Copy, Debug)]
enum Test {
    /// More is lost than usual: a probe is wanted. `restore`: the rate before it was cut, if it was.
    Wanted { since: Instant, before: Stretch, restore: Option<f64> },
    /// The rate was cut.
    Cut { at: Instant, before: Stretch, target: f64 },
}

/// What to do about loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing.
    Usual,
    /// Not to grow, until it is known what kind of loss it is.
    Undecided,
    /// To cut the rate to what arrives.
    Congestion,
    /// To give back the rate that was cut for it.
    Restore(f64),
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    slots: [Slot; SLOTS],
    latest: u64,
    /// What left in slots before this one is not looked at.
    begun: u64,
    /// Packets that were lost, and how many times one was after one that was not: bursts tell less than as many single losses.
    lost: f64,
    bursts: f64,
    last_lost: bool,
    /// The fraction that is lost whatever is sent.
    random: f64,
    test: Option<Test>,
    congested_at: Option<Instant>,
}

impl Loss {
    pub(super) fn new() -> Self {
        Self {
            slots: [Slot::default(); SLOTS],
            latest: 0,
            begun: 0,
            lost: 1.0,
            bursts: 1.0,
            last_lost: false,
            random: 0.0,
            test: None,
            congested_at: None,
        }
    }

    /// The fraction that is lost whatever is sent.
    pub(super) fn random(&self) -> f64 {
        self.random
    }

    /// The fraction that was lost of late.
    pub(super) fn fraction(&self) -> f64 {
        self.recent().fraction()
    }

    /// A packet that left at `sent` arrived or was lost.
    pub(super) fn add(&mut self, sent: Instant, bytes: u32, lost: bool) {
        self.add_many(sent, u64::from(bytes), 1, lost.into());
        if lost {
            self.lost += 1.0;
            self.bursts += f64::from(u8::from(!self.last_lost));
            if self.lost > 200.0 {
                self.lost /= 2.0;
                self.bursts /= 2.0;
            }
        }
        self.last_lost = lost;
    }

    /// As many packets, of which some were lost, all at once.
    pub(super) fn add_many(&mut self, sent: Instant, bytes: u64, packets: u32, lost: u32) {
        let number = sent.as_nanos() / SLOT.as_nanos() as u64;
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.number < number && number >= self.begun {
            *slot = Slot { number, ..Slot::default() };
        }
        if slot.number == number && number >= self.begun {
            slot.packets += packets;
            slot.lost += lost;
            slot.bytes += bytes;
        }
        self.latest = self.latest.max(number);
    }

    /// The rate was cut for a queue at `now`: what left before was lost at the rate before, and is known to be too much.
    pub(super) fn forget_before(&mut self, now: Instant) {
        self.begun = now.as_nanos() / SLOT.as_nanos() as u64;
        let begun = self.begun;
        self.slots
            .iter_mut()
            .filter(|slot| slot.number < begun)
            .for_each(|slot| *slot = Slot { number: slot.number, ..Slot::default() });
    }

    /// A packet that was told to be lost arrived after all.
    pub(super) fn arrived_late(&mut self) {
        let (latest, slots) = (self.latest, &mut self.slots);
        let recent = slots.iter_mut().filter(|s| s.lost > 0 && s.number + SLOTS as u64 > latest);
        if let Some(slot) = recent.max_by_key(|s| s.number) {
            slot.lost -= 1;
        }
    }

    /// The rate to probe for a test; `None` when none is under way.
    pub(super) fn wanted_probe(&self) -> Option<f64> {
        match self.test {
            Some(Test::Wanted { before, .. }) => Some(before.rate),
            _ => None,
        }
    }

    /// A probe for a test was answered.
    pub(super) fn probed(&mut self, now: Instant, probe: Stretch, queue: f64) -> Verdict {
        let Some(Test::Wanted { before, restore, .. }) = self.test else { return Verdict::Usual };
        let congested = 1.0 - (1.0 - before.fraction()) * (before.rate / probe.rate).min(1.0);
        let turning = before.fraction() + TURNING_POINT * (congested - before.fraction());
        self.test = None;
        if queue > QUEUE_MILLIS || probe.rate < 1.1 * before.rate {
            return self.congestion(now);
        }
        // Less is lost of a probe, which is even, than of the runs of frames: a short queue overflows.
        let deviation = (before.fraction() * (1.0 - before.fraction()) * self.burstiness() / probe.packets.max(1.0)).sqrt();
        let fewer = probe.fraction() < before.fraction() - DEVIATIONS * deviation;
        if probe.fraction() > turning || fewer {
            return self.congestion(now);
        }
        self.accept(Stretch { packets: before.packets + probe.packets, lost: before.lost + probe.lost, rate: before.rate });
        restore.map_or(Verdict::Usual, Verdict::Restore)
    }

    /// Judges what was lost of late. `target`: the present rate; `queue` in milliseconds; `can_probe`: whether a probe will be sent
    /// when one is wanted.
    pub(super) fn judge(&mut self, now: Instant, target: f64, queue: f64, can_probe: bool) -> Verdict {
        if queue > QUEUE_MILLIS {
            // What is lost in front of a queue says nothing about what is lost without one.
            self.test = None;
        }
        match self.test {
            Some(Test::Cut { at, before, target }) => return self.judge_cut(now, at, before, target, can_probe),
            Some(Test::Wanted { since, .. }) if now.since(since) < PATIENCE => {
                if self.is_unusual(&self.recent()) {
                    return Verdict::Undecided;
                }
                self.test = None;
                return Verdict::Usual;
            }
            Some(Test::Wanted { before, restore: Some(target), .. }) => {
                self.test = None;
                self.accept(before);
                return Verdict::Restore(target);
            }
            Some(Test::Wanted { .. }) => return self.cut(now, target),
            None => {}
        }
        let recent = self.recent();
        if !self.is_unusual(&recent) {
            if recent.packets >= f64::from(PACKETS_NEEDED) && queue <= QUEUE_MILLIS {
                let more = recent.fraction() - self.random;
                self.random += more * if more < 0.0 { FORGETTING } else { LEARNING };
            }
            return Verdict::Usual;
        }
        if queue > QUEUE_MILLIS {
            return Verdict::Congestion;
        }
        let known = self.congested_at.is_some_and(|at| now.since(at) < REMEMBERED);
        if known || !can_probe || recent.fraction() > SEVERE {
            return self.cut(now, target);
        }
        self.test = Some(Test::Wanted { since: now, before: recent, restore: None });
        Verdict::Undecided
    }

    fn judge_cut(&mut self, now: Instant, at: Instant, before: Stretch, target: f64, can_probe: bool) -> Verdict {
        let after = self.stretch((at.as_nanos() / SLOT.as_nanos() as u64) + 1);
        let enough = after.packets >= f64::from(PACKETS_NEEDED) && after.rate < LOWER * before.rate;
        if !enough && now.since(at) < PATIENCE {
            return Verdict::Usual;
        }
        self.test = None;
        if !enough {
            return Verdict::Usual;
        }
        let excess = before.fraction() - self.random;
        if after.fraction() > self.random + UNHELPED * excess {
            self.congested_at = None;
            if can_probe {
                self.test = Some(Test::Wanted { since: now, before: after, restore: Some(target) });
                return Verdict::Undecided;
            }
            self.accept(after);
            return Verdict::Restore(target);
        }
        self.congested_at = Some(now);
        Verdict::Usual
    }

    fn cut(&mut self, now: Instant, target: f64) -> Verdict {
        self.test = Some(Test::Cut { at: now, before: self.recent(), target });
        Verdict::Congestion
    }

    fn congestion(&mut self, now: Instant) -> Verdict {
        self.congested_at = Some(now);
        Verdict::Congestion
    }

    fn accept(&mut self, lost: Stretch) {
        self.random = lost.fraction().min(RANDOM_MAX);
    }

    /// Whether more was lost than chance makes of what is usual.
    fn is_unusual(&self, stretch: &Stretch) -> bool {
        if stretch.packets < f64::from(PACKETS_NEEDED) {
            return false;
        }
        let expected = stretch.packets * self.random;
        let excess = stretch.lost - expected;
        let usual = self.random.max(0.01);
        let deviation = (stretch.packets * usual * (1.0 - usual) * self.burstiness()).sqrt();
        excess > DEVIATIONS * deviation && excess >= EXCESS_PACKETS_MIN && excess > EXCESS_MIN * stretch.packets
    }

    /// How much more by chance is lost at once than of single losses. A burst is one event: its packets are no independent
    /// evidence.
    fn burstiness(&self) -> f64 {
        2.0 * (self.lost / self.bursts).max(1.0) - 1.0
    }

    /// The last packets, as far back as it takes.
    fn recent(&self) -> Stretch {
        let mut from = (self.latest + 1).saturating_sub(SPAN_MIN);
        let mut stretch = self.stretch(from);
        while stretch.packets < f64::from(PACKETS_WANTED) && from + SLOTS as u64 > self.latest + 1 && from > 0 {
            from -= 1;
            stretch = self.stretch(from);
        }
        stretch
    }

    fn stretch(&self, from: u64) -> Stretch {
        let slots = self.slots.iter().filter(|s| s.number >= from && s.number <= self.latest);
        let (packets, lost, bytes) = slots.fold((0, 0, 0), |sum, s| (sum.0 + s.packets, sum.1 + s.lost, sum.2 + s.bytes));
        let seconds = SLOT.as_secs_f64() * ((self.latest + 1).saturating_sub(from)).max(1) as f64;
        Stretch { packets: packets.into(), lost: lost.into(), rate: bytes as f64 * 8.0 / seconds }
    }
}
