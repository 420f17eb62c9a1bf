//! Whether the path became slower than what is sent, before its queue has been measured to the end: by what arrives, what is still on
//! the way, and a delay that climbs.

use super::queue::{QUEUE_BEHIND_MILLIS, QUEUE_CLIMBS_MILLIS, QUEUE_MAX_MILLIS};
use super::trend::Usage;
use super::{ACKNOWLEDGED_WINDOW, BUSY_WINDOW_MIN, Estimator, FEEDBACK_INTERVAL, RateState};
use core::time::Duration;
use corelay_wire::units::Instant;

/// Much less: this part. Higher takes a few small frames for a slower link; lower is late on one that became a little slower.
const MUCH_LESS: f64 = 0.8;
/// For so long after the rate was cut for a path that became slower, what it carries is not known yet, and less is cut for at once. Longer
/// takes a radio that stops for a moment for that; shorter fills the queue at a rate that was of before in part.
const CUT_SETTLES: Duration = Duration::from_millis(300);
/// Less in that time makes no rate.
const SLOWER_BYTES_MIN: u64 = 2_500;
/// A packet of video.
const PACKET_BYTES: u64 = 1_200;
/// More than this of what arrives is sent, or the queue does not grow by it.
const TOO_MUCH: f64 = 1.1;

impl Estimator {
    /// What arrives at present, where the path became slower, and for how many milliseconds of it there is in front of what leaves
    /// next.
    pub(super) fn became_slower(&self, noise: f64) -> Option<(f64, f64)> {
        let (bytes, _) = self.arrivals.recent(BUSY_WINDOW_MIN);
        let arrives = self.arrivals.rate(BUSY_WINDOW_MIN).filter(|_| bytes >= SLOWER_BYTES_MIN)?;
        // A part of that time may be of before.
        let carried = self.backlog.rate(self.queue.jitter()).map_or(arrives, |rate| rate.min(arrives));
        // Few samples come of one that became much slower, and what is behind them says as much as they.
        let latest = self.queue.length_at(self.groups.latest());
        let late = latest > QUEUE_MAX_MILLIS + 4.0 * noise && self.behind(carried) > QUEUE_BEHIND_MILLIS;
        let queue = QUEUE_CLIMBS_MILLIS + 2.0 * noise;
        let climbs = self.queue.latest() > queue && self.queue.climbs().is_some_and(|by| by > queue);
        match () {
            () if late => Some((carried, self.behind(carried))),
            () if climbs && self.arrives_less() => Some((carried, self.on_the_way(carried))),
            () => None,
        }
    }

    /// What arrives where the rate was cut a moment ago for a path that became slower, and what it was cut to was of before in part.
    pub(super) fn carries_less_still(&self, now: Instant) -> Option<(f64, f64)> {
        let carried = self.backlog.rate(self.queue.jitter()).filter(|_| self.slowed && self.rate.drains_since(now, CUT_SETTLES))?;
        (carried < MUCH_LESS * self.rate.carried()).then(|| (carried, self.on_the_way(carried)))
    }

    /// Whether much less arrives at present than is sent.
    pub(super) fn arrives_less(&self) -> bool {
        let rates = self.arrivals.rate(BUSY_WINDOW_MIN).zip(self.departures.rate(ACKNOWLEDGED_WINDOW));
        rates.is_some_and(|(arrived, sent)| arrived < MUCH_LESS * sent)
    }

    /// Whether so much is sent that a large frame is a queue.
    pub(super) fn is_near_capacity(&self) -> bool {
        let sent = self.departures.rate(ACKNOWLEDGED_WINDOW).unwrap_or(0.0);
        self.rate.capacity().is_some_and(|capacity| sent > MUCH_LESS * capacity)
    }

    /// Whether much more arrives than did when the rate was cut.
    pub(super) fn arrives_more(&self) -> bool {
        let (bytes, time) = self.arrivals.recent(BUSY_WINDOW_MIN);
        // But for one packet, which a moment has by chance: on a thin path that is a third of all.
        let arrived = bytes.saturating_sub(PACKET_BYTES) as f64 * 8.0 / time.max(BUSY_WINDOW_MIN).as_secs_f64();
        arrived * MUCH_LESS > self.rate.carried()
    }

    /// Whether no queue stands or grows, and none is being emptied.
    pub(super) fn is_calm(&self) -> bool {
        self.rate.state() != RateState::Drain && self.trend.usage() != Usage::Over && self.queue.length() < self.empty()
    }

    /// How long a path that carries so much takes for what left and was not reported on, in milliseconds, beyond the time that
    /// feedback takes without a queue.
    pub(super) fn behind(&self, carried: f64) -> f64 {
        self.on_the_way(carried) - FEEDBACK_INTERVAL.as_secs_f64() * 1e3
    }

    /// The same, where the feedback has just come.
    pub(super) fn on_the_way(&self, carried: f64) -> f64 {
        let millis = self.outstanding as f64 * 8e3 / carried.max(1.0);
        millis - self.round_trip.unwrap_or(FEEDBACK_INTERVAL).as_secs_f64() * 1e3
    }

    /// Whether the queue grows by what is sent: much more leaves than arrives. A queue that grows while as much arrives is others'.
    pub(super) fn sends_too_much(&self) -> bool {
        let rates = self.departures.rate(ACKNOWLEDGED_WINDOW).zip(self.arrivals.rate(ACKNOWLEDGED_WINDOW));
        rates.is_none_or(|(sent, arrived)| sent * (1.0 - self.loss.fraction()) > TOO_MUCH * arrived)
    }
}
