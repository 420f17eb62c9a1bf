//! When to probe, how fast, and what a probe found.

use super::cluster::{Cluster, Finding};
use super::figures::ProbePlan;
use super::report::PacketResult;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// How much faster than the estimate a probe is: at the start and after one that went through, and out of the calm. Higher finds a
/// fast path in fewer steps; lower fills the queue of a slow one less.
const STEP_START: f64 = 3.0;
const STEP_ON: f64 = 2.0;
const STEP_CALM: f64 = 1.5;
/// And for a test of what kind loss is.
const STEP_LOSS: f64 = 1.35;
/// How much of the demand is probed for: what leaves is never exactly what was planned.
const DEMAND_FACTOR: f64 = 1.1;
/// A probe is as long as jitter, times this, within bounds. Longer tells more exactly; shorter queues less if the path does not carry it.
const JITTERS: f64 = 8.0;
const DURATION_MIN: f64 = 60.0;
const DURATION_MAX: f64 = 150.0;
const PACKETS_MIN: u32 = 8;
/// A test of loss wants more packets, for chance.
const LOSS_DURATION: f64 = 250.0;
const LOSS_PACKETS_MIN: u32 = 30;
/// Time between two probes out of the calm: after one that went through or a cut, and at most, after several that did not. Longer is
/// late on a link that became faster; shorter costs more padding.
const INTERVAL_MIN: Duration = Duration::from_secs(2);
const INTERVAL_MAX: Duration = Duration::from_secs(6);
/// An answer that is not here by then will not come.
const PATIENCE: Duration = Duration::from_secs(2);
/// News of a packet that left so long after a probe, and none of the probe: what told of it was lost. Longer is later by as much;
/// shorter takes a probe that waited in the pacer for one.
const UNHEARD_AFTER: Duration = Duration::from_millis(50);
/// So many of them are sent again at once, one after the other. More pads a path that loses nearly all feedback; with fewer, a path
/// that loses a fifth of it is found out seconds later.
const UNHEARD_MAX: u8 = 3;
/// Of the rate at which it left, a probe that went through arrives at this or more. Lower takes a full path for a free one.
const THROUGH: f64 = 0.9;
/// A probe that may have gone through, by so many of the errors that jitter makes, is sent again, so often. More pads a path that is
/// full, and fills its queue; less takes a free path for a full one, and finds that out seconds later.
const ERRORS: f64 = 4.0;
const UNCLEAR_MAX: u8 = 2;
/// For so long after a packet was overtaken, what is missing of a probe is waited for until the next feedback.
const OVERTAKEN_LATELY: Duration = Duration::from_secs(5);
/// More than chance makes of what is lost anyhow, in standard deviations, is lost because of the probe. At least so much counts as usual:
/// a few packets of a probe are no sample.
const LOST_DEVIATIONS: f64 = 2.0;
const LOST_LEAST: f64 = 0.02;

/// A demand that is so much above the target, of it, asks for more. Higher leaves a little of what could be used; lower probes for
/// what comes of a rate that is measured anew.
const MORE: f64 = 1.02;

/// Whether the traffic would use more than there is.
pub(super) fn is_more(demand: f64, target: f64) -> bool {
    demand > target * MORE
}

/// Why a probe is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing is known of the path.
    Start,
    /// More could be used than is known to fit.
    Growth,
    /// To tell random loss from congestion.
    Loss,
    /// The path was dead, or nothing was sent: this is what it carried before.
    Return,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    plan: ProbePlan,
    reason: Reason,
    asked: Instant,
    cluster: Cluster,
    /// It is over, and may have been overtaken in part.
    over: Option<Instant>,
}

/// What there is to know for whether and how to probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) target: f64,
    pub(super) demand: f64,
    /// No queue, and no cut whose effect is waited for.
    pub(super) calm: bool,
    /// The rate at which a test of loss began.
    pub(super) loss_test: Option<f64>,
    /// Of delay, in milliseconds.
    pub(super) jitter: f64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Prober {
    open: Option<Open>,
    cluster: u8,
    next: Instant,
    interval: Duration,
    /// What the next probe is for, and how much faster than the estimate, or how fast.
    reason: Reason,
    step: f64,
    known: Option<f64>,
    /// Probes in a row that nothing was heard of.
    unheard: u8,
    /// Until when a probe that did not go through is news.
    full_until: Instant,
    /// Probes in a row that did not make it clear, and what they found together.
    unclear: Option<(u8, Finding)>,
    /// When a packet came that had been told as lost.
    overtaken: Option<Instant>,
}

impl Prober {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            open: None,
            cluster: 0,
            next: now,
            interval: INTERVAL_MIN,
            reason: Reason::Start,
            step: STEP_START,
            known: None,
            unheard: 0,
            full_until: now,
            unclear: None,
            overtaken: None,
        }
    }

    /// When the next probe may be due.
    pub(super) fn next(&self) -> Instant {
        self.open.map_or(self.next, |open| open.asked + open.plan.duration + PATIENCE)
    }

    /// The rate was cut: nothing is known above it for a while.
    pub(super) fn cut(&mut self, now: Instant) {
        self.calm(now);
    }

    /// The path carries more than it did.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = self.next.min(now.max(self.full_until));
    }

    /// The path was dead or unused, and carried `known` before.
    pub(super) fn returned(&mut self, now: Instant, known: f64) {
        (self.open, self.unclear) = (None, None);
        self.next = now;
        self.reason = Reason::Return;
        self.known = Some(known);
        self.interval = INTERVAL_MIN;
    }

    pub(super) fn poll(&mut self, now: Instant, situation: &Situation) -> Option<ProbePlan> {
        if self.open.is_some_and(|open| now.since(open.asked) >= open.plan.duration + PATIENCE) {
            self.open = None;
            self.unheard = 0;
            self.calm(now);
        }
        if self.open.is_some() {
            return None;
        }
        let (reason, rate) = match situation.loss_test {
            Some(rate) => (Reason::Loss, rate * STEP_LOSS),
            None if now < self.next || !situation.calm || !is_more(situation.demand, situation.target) => return None,
            None => {
                let most = situation.demand * DEMAND_FACTOR;
                let rate = self.known.take().unwrap_or(self.step * situation.target);
                (self.reason, rate.min(most))
            }
        };
        let (millis, packets_min) = match reason {
            Reason::Loss => (LOSS_DURATION, LOSS_PACKETS_MIN),
            _ => ((situation.jitter * JITTERS).clamp(DURATION_MIN, DURATION_MAX), PACKETS_MIN),
        };
        self.cluster = self.cluster.wrapping_add(1);
        let duration = Duration::from_micros((millis * 1e3) as u64);
        let plan = ProbePlan { cluster: self.cluster, bitrate: Bitrate(rate as u64), duration, packets_min };
        self.open = Some(Open { plan, reason, asked: now, cluster: Cluster::default(), over: None });
        Some(plan)
    }

    /// Takes in the fate of a packet. Gives what the probe found when this is the first one after it.
    pub(super) fn add(&mut self, now: Instant, result: &PacketResult) -> Option<(Reason, Finding)> {
        let open = self.open.as_mut()?;
        if result.probe == Some(open.plan.cluster) {
            open.cluster.add(result);
            return None;
        }
        if open.cluster.is_empty() {
            if result.sent > open.asked + open.plan.duration + UNHEARD_AFTER {
                self.miss();
            }
            return None;
        }
        self.conclude(now)
    }

    /// A packet came that had been told as lost.
    pub(super) fn arrived_late(&mut self, now: Instant, result: &PacketResult) {
        self.overtaken = Some(now);
        let open = self.open.as_mut().filter(|open| result.probe == Some(open.plan.cluster));
        open.into_iter().for_each(|open| open.cluster.arrived_late());
    }

    /// The feedback on the probe was lost: the same once more, as nobody learnt anything.
    fn miss(&mut self) {
        if self.unheard == UNHEARD_MAX {
            // What is asked for is no longer new: as without an answer, see `poll`.
            return;
        }
        self.unheard += 1;
        if let Some(open) = self.open.take().filter(|open| open.reason == Reason::Return) {
            self.known = Some(open.plan.bitrate.0 as f64);
        }
    }

    /// At the end of feedback: what the probe found, when all of it was reported on and nothing is sent after it.
    pub(super) fn finish(&mut self, now: Instant) -> Option<(Reason, Finding)> {
        let open = self.open?;
        let plan = open.plan;
        let complete = open.cluster.span() >= plan.duration * 9 / 10 && open.cluster.packets() >= plan.packets_min;
        if complete { self.conclude(now) } else { None }
    }

    /// What it found. Where packets are overtaken, what is missing of it may come with the next feedback.
    fn conclude(&mut self, now: Instant) -> Option<(Reason, Finding)> {
        let overtakes = self.overtaken.is_some_and(|at| now.since(at) < OVERTAKEN_LATELY);
        let open = self.open.as_mut()?;
        let over = *open.over.get_or_insert(now);
        if overtakes && open.cluster.lacks() && over == now {
            return None;
        }
        let open = self.open.take()?;
        self.unheard = 0;
        Some((open.reason, open.cluster.finding()?))
    }

    /// Whether a probe that found this went through, where `usual` of the packets are lost anyhow.
    pub(super) fn went_through(finding: &Finding, usual: f64) -> bool {
        let packets = f64::from(finding.packets);
        let lost = packets * usual + LOST_DEVIATIONS * (packets * usual.max(LOST_LEAST)).sqrt() + 1.0;
        finding.arrived >= THROUGH * finding.sent && f64::from(finding.lost) <= lost
    }

    /// What the path carries by a probe that did not go through, packets counted that are lost anyhow.
    pub(super) fn carried(finding: &Finding, usual: f64) -> f64 {
        let arrived = 1.0 - f64::from(finding.lost) / f64::from(finding.packets.max(1));
        finding.arrived.min(finding.sent * arrived / (1.0 - usual))
    }

    /// Whether a probe went through that found this; `None` when jitter is more than what there is to see, and it is sent once more.
    /// With it, what all of them found.
    pub(super) fn judge(&mut self, now: Instant, finding: &Finding, usual: f64) -> Option<(bool, Finding)> {
        let (before, all) = match self.unclear.take() {
            Some((probes, found)) => (probes, found.with(*finding)),
            None => (0, *finding),
        };
        if Self::went_through(&all, usual) {
            return Some((true, all));
        }
        // It may have been as fast as it was sent.
        let unclear = all.arrived * (1.0 + ERRORS * all.error) >= all.sent && all.arrived < THROUGH * all.sent;
        if unclear && before < UNCLEAR_MAX {
            self.unclear = Some((before + 1, all));
            self.next = now;
            self.known = Some(all.sent);
            return None;
        }
        Some((unclear && all.arrived * (1.0 + all.error) >= all.sent, all))
    }

    /// Plans the next probe after one that went through, or did not.
    pub(super) fn go_on(&mut self, now: Instant, went_through: bool) {
        if went_through {
            self.next = now;
            self.interval = INTERVAL_MIN;
            self.step = STEP_ON;
            self.reason = Reason::Growth;
        } else {
            let interval = (self.interval * 3 / 2).min(INTERVAL_MAX);
            self.calm(now);
            self.interval = interval;
            self.full_until = now + INTERVAL_MIN;
        }
    }

    fn calm(&mut self, now: Instant) {
        self.next = now + self.interval;
        self.reason = Reason::Growth;
        self.step = STEP_CALM;
        self.known = None;
        self.unclear = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn finding(arrived: f64, error: f64) -> Finding {
        Finding { sent: 1.5e6, arrived, error, packets: 28, lost: 0 }
    }

    #[test]
    fn what_jitter_may_have_done_is_probed_again_and_both_are_one() {
        let mut prober = Prober::new(at(0));
        assert_eq!(prober.judge(at(100), &finding(1.25e6, 0.09), 0.0), None);
        let situation = Situation { target: 1.2e6, demand: 4e6, calm: true, loss_test: None, jitter: 10.0 };
        let again = prober.poll(at(100), &situation).map(|plan| plan.bitrate);
        assert_eq!(again, Some(Bitrate(1_500_000)), "at once, and as fast");
        let found = prober.judge(at(200), &finding(1.65e6, 0.09), 0.0).map(|(through, all)| (through, all.packets));
        assert_eq!(found, Some((true, 56)));
        for _ in 0..UNCLEAR_MAX {
            assert_eq!(prober.judge(at(300), &finding(1.25e6, 0.09), 0.0), None);
        }
        assert_eq!(
            prober.judge(at(300), &finding(1.25e6, 0.09), 0.0).map(|(through, _)| through),
            Some(false),
            "three say the same"
        );
    }

    #[test]
    fn a_full_path_is_clear_at_once() {
        let mut prober = Prober::new(at(0));
        assert_eq!(prober.judge(at(100), &finding(1e6, 0.02), 0.0).map(|(through, _)| through), Some(false));
    }

    #[test]
    fn what_was_overtaken_is_waited_for() {
        let mut prober = Prober::new(at(0));
        let situation = Situation { target: 5e5, demand: 4e6, calm: true, loss_test: None, jitter: 10.0 };
        let plan = prober.poll(at(0), &situation).expect("the first one");
        let packet = |n: u16, came: bool| {
            let (sent, arrived) = (at(6 * u64::from(n)), came.then(|| at(500 + 6 * u64::from(n))));
            let sequence = corelay_wire::units::SequenceNumber(n);
            PacketResult { sequence, sent, arrived, bytes: 1_100, probe: (n < 20).then_some(plan.cluster) }
        };
        prober.arrived_late(at(0), &packet(99, true));
        (0..20).for_each(|n| assert_eq!(prober.add(at(140), &packet(n, n != 18)), None));
        assert_eq!(prober.add(at(140), &packet(20, true)), None);
        prober.arrived_late(at(200), &packet(18, true));
        let found = prober.add(at(200), &packet(21, true)).map(|(_, finding)| finding.lost);
        assert_eq!(found, Some(0));
    }
}
