//! Probes of a publisher: bursts of a known rate, and what their arrival says.

use super::Fate;
use crate::outgoing::Outlet;
use core::time::Duration;
use corelay_wire::units::Instant;
use std::collections::VecDeque;

/// A probe lasts so long and has so many packets, at least.
const LASTS: f64 = 0.015;
const PACKETS: u64 = 5;
/// The first two, as multiples of the beginning rate; then of what the one before found.
const FIRST: [f64; 2] = [3.0, 6.0];
const FURTHER: f64 = 2.0;
/// Another follows where this part of a probe's rate was found.
const FURTHER_FROM: f64 = 0.7;
/// While the application is the limit, so often.
const IDLE_EVERY: Duration = Duration::from_secs(5);
/// This part of a probe has to be heard of.
const HEARD: f64 = 0.8;
/// Less than this of the sent rate arrived: the link is full, and carries a little less than arrived.
const UNSATURATED: f64 = 0.9;
const UTILIZED: f64 = 0.95;
/// More than that cannot be.
const VALID: f64 = 2.0;
/// What is not heard of by then is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// A burst; its numbers are those between `first` and `end`, media included.
#[derive(Clone, Debug)]
struct Cluster {
    rate: f64,
    begun: Instant,
    /// Bytes that had left when it began.
    bytes: u64,
    first: u64,
    /// While it is being sent there is none.
    end: Option<u64>,
    fates: Vec<Fate>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Probes {
    /// Rates to be probed at.
    due: VecDeque<f64>,
    clusters: VecDeque<Cluster>,
    /// The most that is worth a probe.
    most: f64,
    last: Instant,
}

impl Probes {
    pub(super) fn new(begin: f64) -> Self {
        let due = FIRST.iter().map(|scale| scale * begin).collect();
        Self { due, clusters: VecDeque::new(), most: f64::INFINITY, last: Instant::ZERO }
    }

    /// Whether one is due while the rate is `rate`.
    pub(super) fn look(&mut self, now: Instant, rate: f64, most: f64, idle: bool) {
        self.most = most;
        if idle && self.due.is_empty() && self.clusters.is_empty() && now.since(self.last) >= IDLE_EVERY && rate < most {
            self.due.push_back(FURTHER * rate);
        }
    }

    /// Whether one more packet is to leave for what is being sent.
    pub(super) fn wants_more(&mut self, now: Instant, outlet: &Outlet) -> bool {
        let number = outlet.first + outlet.sent.len() as u64;
        if self.clusters.back().is_none_or(|cluster| cluster.end.is_some()) {
            let Some(rate) = self.due.pop_front() else { return false };
            let rate = rate.min(self.most);
            let cluster = Cluster { rate, begun: now, bytes: outlet.bytes, first: number, end: None, fates: Vec::new() };
            self.clusters.push_back(cluster);
            self.last = now;
        }
        let Some(cluster) = self.clusters.back_mut() else { return false };
        let (seconds, left) = (now.since(cluster.begun).as_secs_f64(), (outlet.bytes - cluster.bytes) as f64 * 8.0);
        // The first packet leaves at once.
        let short = left <= cluster.rate * seconds;
        if !short && seconds >= LASTS && number - cluster.first >= PACKETS {
            cluster.end = Some(number);
        }
        short
    }

    /// What is being sent cannot be filled up.
    pub(super) fn give_up(&mut self) {
        if let Some(cluster) = self.clusters.back().filter(|cluster| cluster.end.is_none()) {
            self.due.push_front(cluster.rate);
            self.clusters.pop_back();
        }
    }

    pub(super) fn add(&mut self, fate: &Fate) {
        let within = |c: &&mut Cluster| fate.number >= c.first && c.end.is_none_or(|end| fate.number < end);
        if let Some(cluster) = self.clusters.iter_mut().find(within) {
            cluster.fates.push(*fate);
        }
    }

    /// What the probes found that were heard of.
    pub(super) fn finish(&mut self, now: Instant) -> Option<f64> {
        let mut found = None;
        let mut further = None;
        self.clusters.retain(|cluster| {
            let heard = cluster.end.is_some_and(|end| cluster.arrived().count() as f64 >= HEARD * (end - cluster.first) as f64);
            if let Some(rate) = heard.then(|| cluster.found()).flatten() {
                found = Some(rate);
                further = (rate >= FURTHER_FROM * cluster.rate && cluster.rate < self.most).then_some(FURTHER * rate);
            }
            !heard && now.since(cluster.begun) < FORGOTTEN
        });
        if self.clusters.is_empty() && self.due.is_empty() {
            self.due.extend(further);
        }
        found
    }
}

impl Cluster {
    fn arrived(&self) -> impl Iterator<Item = (&Fate, f64)> + Clone {
        self.fates.iter().filter_map(|fate| Some((fate, fate.arrived?)))
    }

    /// The least of the rates at which it was sent and arrived.
    fn found(&self) -> Option<f64> {
        let bits: f64 = self.arrived().map(|(fate, _)| fate.bytes * 8.0).sum();
        let (first_sent, last_sent) = ends(self.arrived().map(|(fate, _)| (fate.sent, fate.bytes * 8.0)))?;
        let (first, last) = ends(self.arrived().map(|(fate, at)| (at, fate.bytes * 8.0)))?;
        // What left last says nothing of the time before it, what arrived first nothing of the time after.
        let sent = (bits - last_sent.1) / (last_sent.0 - first_sent.0).max(0.001);
        let arrived = (bits - first.1) / (last.0 - first.0).max(0.001);
        (arrived <= VALID * sent).then(|| if arrived < UNSATURATED * sent { UTILIZED * arrived } else { sent.min(arrived) })
    }
}

/// The earliest and the latest.
fn ends(of: impl Iterator<Item = (f64, f64)> + Clone) -> Option<((f64, f64), (f64, f64))> {
    of.clone().min_by(|a, b| a.0.total_cmp(&b.0)).zip(of.max_by(|a, b| a.0.total_cmp(&b.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster of ten packets of 1200 bytes, sent at one rate and received at another.
    fn cluster(sent: f64, arrived: f64) -> Cluster {
        let bits = 9_600.0;
        let fate = |n: u64| Fate {
            number: n,
            sent: n as f64 * bits / sent,
            arrived: Some(1.0 + n as f64 * bits / arrived),
            bytes: bits / 8.0,
        };
        Cluster { rate: sent, begun: Instant::ZERO, bytes: 0, first: 0, end: Some(10), fates: (0..10).map(fate).collect() }
    }

    #[test]
    fn a_full_link_is_found_to_carry_a_little_less_than_arrived() {
        let found = cluster(2e6, 1e6).found().expect("all arrived");
        assert!((found - 0.95e6).abs() < 1e3, "{found}");
        let found = cluster(2e6, 2e6).found().expect("all arrived");
        assert!((found - 2e6).abs() < 1e3, "{found}");
        assert!(cluster(1e6, 5e6).found().is_none(), "what arrives so much faster was held up");
    }

    #[test]
    fn a_probe_that_went_through_is_followed_by_another() {
        let mut probes = Probes::new(300_000.0);
        assert_eq!(probes.due, [900_000.0, 1_800_000.0]);
        probes.due.clear();
        probes.most = 4e6;
        probes.clusters.push_back(cluster(1_800_000.0, 1_800_000.0));
        let found = probes.finish(Instant::from_millis(100)).expect("all arrived");
        assert!((found - 1.8e6).abs() < 1e3, "{found}");
        assert_eq!(probes.due.len(), 1);
        probes.due.clear();
        probes.clusters.push_back(cluster(1_800_000.0, 900_000.0));
        assert!(probes.finish(Instant::from_millis(200)).is_some());
        assert!(probes.due.is_empty(), "the link is full");
    }

    #[test]
    fn who_sends_little_probes_every_five_seconds() {
        let mut probes = Probes::new(300_000.0);
        probes.due.clear();
        probes.look(Instant::from_millis(4_000), 1e6, 4e6, true);
        probes.look(Instant::from_millis(6_000), 1e6, 4e6, false);
        probes.look(Instant::from_millis(6_000), 4e6, 4e6, true);
        assert!(probes.due.is_empty());
        probes.look(Instant::from_millis(6_000), 1e6, 4e6, true);
        assert_eq!(probes.due, [2e6]);
    }
}
