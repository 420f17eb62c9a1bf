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
/// How far, in standard deviations, more is lost than usual; and by how much, and how many times, at least. Lower takes chance for
/// congestion and costs a test; higher takes congestion for chance, for a while.
const DEVIATIONS: f64 = 3.0;
const EXCESS_MIN: f64 = 0.02;
/// As many events: a burst is one, however many packets it takes.
const EXCESS_EVENTS_MIN: f64 = 3.0;
/// More than this is lost by no radio that a call survives: the rate is cut before the test. Lower cuts where cutting does not
/// help, for a moment; higher floods a link that became much slower for the time of a probe.
const SEVERE: f64 = 0.45;
/// How far between "as before" and "as congestion would have it" the loss of a probe decides.
const TURNING_POINT: f64 = 0.4;
/// A probe that is not this much faster than what was sent shows nothing: feedback on some of it was lost. Higher asks for more
/// probes; lower judges by what chance makes.
const FASTER: f64 = 1.1;
/// Where losses come in bursts (two and a half packets in a row make this much more of chance), it is clear what they are so many
/// standard deviations from the turning point; where it is not, the probe is repeated, so many in all. More padding with higher,
/// and longer on a path that is full; lower has chance decide.
const BURSTY: f64 = 4.0;
const CLEAR: f64 = 1.0;
const PROBES_MAX: u8 = 3;
/// So many standard deviations above the turning point, at last, it is congestion. Higher takes more than is there for random once
/// in a while; lower cuts for what is.
const ABOVE: f64 = 0.4;
/// More in a row is the path's absence, and says nothing of its bursts. Higher takes congestion for bursts, after an outage; lower
/// takes long bursts for as many events.
const IN_ROW_MAX: u32 = 24;
/// How much of the excess must be left after a cut that it is random.
const UNHELPED: f64 = 0.6;
/// And by how many standard deviations less must be lost that the cut is why. Higher gives back a rate that was too high, to be
/// tested; lower takes the end of a burst for what the cut did.
const HELPED_DEVIATIONS: f64 = 2.0;
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

    /// Both together, at the rate of the longer one, nearly.
    fn with(self, other: Self) -> Self {
        let packets = self.packets + other.packets;
        let rate = (self.rate * self.packets + other.rate * other.packets) / packets.max(1.0);
        Self { packets, lost: self.lost + other.lost, rate }
    }
}

#[derive(Clone, Copy, Debug)]
enum Test {
    /// More is lost than usual: a probe is wanted. `restore`: the rate before it was cut, if it was. `probes`: how many did not make
    /// it clear, and what was lost of them.
    Wanted { since: Instant, before: Stretch, restore: Option<f64>, probes: (u8, Stretch) },
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
    /// Lost in a row, up to the last packet.
    in_row: u32,
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
            in_row: 0,
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
        if !lost {
            self.in_row = 0;
            return;
        }
        self.in_row += 1;
        if self.in_row <= IN_ROW_MAX {
            self.lost += 1.0;
            self.bursts += f64::from(u8::from(self.in_row == 1));
        }
        if self.lost > 200.0 {
            self.lost /= 2.0;
            self.bursts /= 2.0;
        }
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
        // Of the slot that it was cut in, a part left before.
        self.begun = now.as_nanos() / SLOT.as_nanos() as u64 + 1;
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
        let Some(Test::Wanted { before, restore, probes: (count, earlier), .. }) = self.test else { return Verdict::Usual };
        if queue > QUEUE_MILLIS {
            self.test = None;
            return self.congestion(now);
        }
        if probe.rate < FASTER * before.rate {
            // It is sent again, as long as the test has time.
            return Verdict::Undecided;
        }
        let probe = probe.with(earlier);
        let congested = 1.0 - (1.0 - before.fraction()) * before.rate / probe.rate;
        let turning = before.fraction() + TURNING_POINT * (congested - before.fraction());
        let off = (probe.fraction() - turning) / self.deviation(turning, probe.packets);
        if self.burstiness() >= BURSTY && off.abs() < CLEAR && count + 1 < PROBES_MAX {
            self.test = Some(Test::Wanted { since: now, before, restore, probes: (count + 1, probe) });
            return Verdict::Undecided;
        }
        self.test = None;
        // Less is lost of a probe, which is even, than of the runs of frames: a short queue overflows.
        let deviation = self.deviation(before.fraction(), probe.packets);
        let fewer = probe.fraction() < before.fraction() - DEVIATIONS * deviation;
        if off > ABOVE || fewer {
            return self.congestion(now);
        }
        self.accept(before.with(probe));
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
        self.test = Some(Test::Wanted { since: now, before: recent, restore: None, probes: Default::default() });
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
        let chance = HELPED_DEVIATIONS * self.deviation(before.fraction(), before.packets);
        if after.fraction() > self.random + UNHELPED * excess || before.fraction() - after.fraction() < chance {
            self.congested_at = None;
            if can_probe {
                self.test = Some(Test::Wanted { since: now, before: after, restore: Some(target), probes: Default::default() });
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
        let deviation = stretch.packets * self.deviation(self.random.max(0.01), stretch.packets);
        let events = excess * self.bursts / self.lost;
        excess > DEVIATIONS * deviation && events >= EXCESS_EVENTS_MIN && excess > EXCESS_MIN * stretch.packets
    }

    /// By how much chance moves the fraction that is lost of so many packets.
    fn deviation(&self, fraction: f64, packets: f64) -> f64 {
        (fraction * (1.0 - fraction) * self.burstiness() / packets.max(1.0)).sqrt()
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
        let kept = from.max((self.latest + 1).saturating_sub(SLOTS as u64))..=self.latest;
        let slots = kept.map(|number| (number, &self.slots[(number % SLOTS as u64) as usize]));
        let slots = slots.filter(|(number, slot)| slot.number == *number).map(|(_, slot)| slot);
        let (packets, lost, bytes) = slots.fold((0, 0, 0), |sum, s| (sum.0 + s.packets, sum.1 + s.lost, sum.2 + s.bytes));
        let seconds = SLOT.as_secs_f64() * ((self.latest + 1).saturating_sub(from)).max(1) as f64;
        Stretch { packets: packets.into(), lost: lost.into(), rate: bytes as f64 * 8.0 / seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1.6e6;

    /// 200 packets a second of 1000 bytes from second `from` to `until`, of which `lost` tells which are lost; what is judged of it,
    /// each 100 ms.
    fn judged(loss: &mut Loss, [from, until]: [u64; 2], lost: impl Fn(u64) -> bool) -> Vec<Verdict> {
        let packet = |n: u64| (Instant::from_millis(5 * n), lost(n));
        (10 * from..10 * until)
            .map(|tenth| {
                (20 * tenth..20 * (tenth + 1)).map(packet).for_each(|(at, lost)| loss.add(at, 1_000, lost));
                loss.judge(Instant::from_millis(100 * (tenth + 1)), RATE, 0.0, true)
            })
            .collect()
    }

    /// One of ten packets is lost from the second second on: a probe is wanted.
    fn tested() -> Loss {
        let mut loss = Loss::new();
        judged(&mut loss, [0, 1], |_| false);
        assert!(judged(&mut loss, [1, 2], |n| n % 10 == 0).contains(&Verdict::Undecided));
        loss
    }

    fn probe(lost: f64, rate: f64) -> Stretch {
        Stretch { packets: 60.0, lost, rate }
    }

    #[test]
    fn a_probe_tells_what_is_lost_at_random_from_what_is_too_much() {
        let at = Instant::from_millis(2_100);
        let mut random = tested();
        assert_eq!((random.probed(at, probe(6.0, 1.35 * RATE), 0.0), random.wanted_probe()), (Verdict::Usual, None));
        assert!((0.05..0.11).contains(&random.random()), "{}", random.random());
        assert_eq!(tested().probed(at, probe(20.0, 1.35 * RATE), 0.0), Verdict::Congestion);
    }

    #[test]
    fn a_probe_that_was_no_faster_is_sent_again() {
        let mut loss = tested();
        for lost in [0.0, 6.0, 20.0] {
            assert_eq!(loss.probed(Instant::from_millis(2_100), probe(lost, RATE), 0.0), Verdict::Undecided);
            assert!(loss.wanted_probe().is_some());
        }
        assert_eq!(loss.probed(Instant::from_millis(2_500), probe(6.0, 1.35 * RATE), 0.0), Verdict::Usual);
    }

    #[test]
    fn one_burst_is_one_event() {
        // 12 packets in a row, each second, are six of a hundred.
        let mut loss = Loss::new();
        let verdicts = judged(&mut loss, [1, 30], |n| n % 200 < 12);
        let late = &verdicts[50..];
        assert!(late.iter().all(|verdict| *verdict == Verdict::Usual), "{late:?}");
        assert!(judged(&mut loss, [30, 31], |n| n % 4 == 0).contains(&Verdict::Undecided), "a fourth is more than that");
    }

    #[test]
    fn all_that_is_lost_for_a_second_is_no_burst() {
        let mut loss = Loss::new();
        judged(&mut loss, [0, 2], |_| false);
        assert!(judged(&mut loss, [2, 3], |_| true).contains(&Verdict::Undecided));
    }

    #[test]
    fn where_losses_come_in_bursts_one_probe_may_not_be_enough() {
        let mut loss = Loss::new();
        judged(&mut loss, [0, 9], |n| n % 200 < 6);
        judged(&mut loss, [9, 10], |n| n % 30 < 9);
        assert!(loss.burstiness() > BURSTY && loss.wanted_probe().is_some(), "{} {:?}", loss.burstiness(), loss.test);
        let at = Instant::from_millis(10_100);
        assert_eq!(loss.probed(at, probe(16.0, 1.35 * RATE), 0.0), Verdict::Undecided);
        assert_eq!(loss.probed(at, probe(8.0, 1.35 * RATE), 0.0), Verdict::Undecided);
        assert_eq!(loss.probed(at, probe(10.0, 1.35 * RATE), 0.0), Verdict::Usual, "34 of 180 are no more than there were");
    }
}
