//! How much the path to a peer carries, from what the peer tells of the packets that were sent to it. Pure: time and feedback are
//! arguments, nothing is allocated after construction, and the same input gives the same output.
//!
//! See `docs/congestion.md` for how it works, and for what each constant trades.

mod arrival_clock;
mod figures;
mod report;

pub use arrival_clock::ArrivalClock;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};
pub use figures::{Estimate, Limit, ProbePlan, RateState};
pub use report::PacketResult;

/// The bounds of an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstimatorConfig {
    /// Before anything was measured. Higher floods a slow path for its first half second; lower makes the first picture of a fast one
    /// small until the first probes are answered.
    pub start: Bitrate,
    /// An estimate is never below: enough for audio, so that a path which was dead for a while is found alive.
    pub min: Bitrate,
    /// An estimate is never above.
    pub max: Bitrate,
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        Self { start: Bitrate(500_000), min: Bitrate(50_000), max: Bitrate(100_000_000) }
    }
}

/// The estimator of one path. **The driving contract**: tell it all feedback by [`Estimator::on_feedback`], and what the traffic could
/// use by [`Estimator::set_demand`]; then ask [`Estimator::poll_probe`] for a probe to send, and read [`Estimator::estimate`].
/// [`Estimator::poll_timeout`] says when to call [`Estimator::handle_timeout`] without feedback: while packets are sent and none is
/// reported on.
#[derive(Clone, Debug)]
pub struct Estimator {
    config: EstimatorConfig,
    target: Bitrate,
    demand: Bitrate,
    remb: Option<Bitrate>,
    round_trip: Duration,
}

impl Estimator {
    /// An estimator of a path that nothing is known of.
    pub fn new(_now: Instant, config: EstimatorConfig) -> Self {
        Self { config, target: config.start, demand: config.max, remb: None, round_trip: Duration::from_millis(100) }
    }

    /// Takes in transport-wide feedback: what became of packets, in the order of their numbers.
    pub fn on_feedback(&mut self, _now: Instant, results: impl IntoIterator<Item = PacketResult>) {
        results.into_iter().for_each(drop);
    }

    /// The round trip that a receiver report told.
    pub fn on_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// The peer's own estimate (draft-alvestrand-rmcat-remb-03): the estimate, while there is no transport-wide feedback; a cap where
    /// there is.
    pub fn on_remb(&mut self, _now: Instant, bitrate: Bitrate) {
        self.remb = Some(bitrate);
    }

    /// A receiver report's fraction lost (RFC 3550 section 6.4.1), of 256, while `sent` was sent: for a peer that gives no
    /// transport-wide feedback.
    pub fn on_loss(&mut self, _now: Instant, _fraction_lost: u8, _sent: Bitrate) {}

    /// What the traffic would use if there were room for all of it: nothing is probed above.
    pub fn set_demand(&mut self, _now: Instant, demand: Bitrate) {
        self.demand = demand;
    }

    /// A probe to be sent from `now` on; `None` when none is due.
    pub fn poll_probe(&mut self, _now: Instant) -> Option<ProbePlan> {
        None
    }

    /// When [`Self::handle_timeout`] is due, or a probe.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The owner calls it when [`Self::poll_timeout`] is reached; `outstanding` since when packets are unanswered, if any are.
    pub fn handle_timeout(&mut self, _now: Instant, _outstanding: Option<Instant>) {}

    /// What the path carries.
    pub fn estimate(&self) -> Estimate {
        let cap = self.remb.unwrap_or(self.config.max);
        Estimate {
            target: self.target.min(cap).clamp(self.config.min, self.config.max),
            link_capacity: None,
            acknowledged: None,
            queue: Duration::ZERO,
            loss_permille: 0,
            loss_random_permille: 0,
            round_trip: self.round_trip,
            state: RateState::Increase,
            limit: Limit::Start,
        }
    }
}
