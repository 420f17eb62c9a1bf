//! When a picture is shown: as evenly as it was taken, late enough that most of them are there by then.
//!
//! As libwebrtc's timing has it: a target that follows the jitter of pictures which came without repair, a round trip more once
//! repairs were needed, and never less than the sender's playout delay. The delay itself grows to the target only by how late
//! pictures were.

use core::time::Duration;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::VecDeque;

const TICKS_PER_SECOND: f64 = 90_000.0;
/// Pictures that the delay is measured on: three seconds.
const WINDOW: usize = 90;
/// More than this is not waited.
const DELAY_MAX: f64 = 1.0;
/// Of a hundred pictures so many came in time. What is farther off than this, and than most are, says nothing: the link was away
/// for a moment (libwebrtc: 2.33 standard deviations, with what is far off cut to 3.5 of them).
const IN_TIME: usize = 95;
const FAR_OFF: f64 = 0.1;
/// Repaired pictures in this time make the delay longer, from three on (libwebrtc: one minute)...
const LOSS_MEMORY: Duration = Duration::from_secs(60);
const LOSSES_MIN: usize = 3;
/// ...by so much of the round trip, up to this.
const ROUND_TRIP_SHARE: f64 = 0.9;
const ROUND_TRIP_MAX: f64 = 0.2;
/// What machines add to the jitter (libwebrtc: 10 ms).
const MACHINE: f64 = 0.01;

/// See the module. Times are in seconds.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<(RtpTimestamp, f64)>,
    /// Arrival less media time of the last pictures.
    lags: VecDeque<f64>,
    losses: VecDeque<Instant>,
    /// Before the first picture, none.
    delay: Option<f64>,
    target: f64,
    /// The sender's.
    least: f64,
    base: Option<f64>,
}

impl Clock {
    /// Media time of a timestamp; begins anywhere.
    fn media(&mut self, timestamp: RtpTimestamp) -> f64 {
        let (last, time) = self.last.unwrap_or((timestamp, 0.0));
        let time = time + f64::from(timestamp.distance(last)) / TICKS_PER_SECOND;
        self.last = Some((timestamp, time));
        time
    }

    /// Notes a picture that is whole. `repaired`: one of its packets was asked for, so that it tells nothing of the jitter.
    pub(crate) fn arrived(&mut self, now: Instant, timestamp: RtpTimestamp, repaired: bool) {
        let lag = seconds(now) - self.media(timestamp);
        if !repaired {
            self.lags.push_back(lag);
            if self.lags.len() > WINDOW {
                self.lags.pop_front();
            }
        }
    }

    /// The sender wants pictures to be shown no sooner than so long after they could be.
    pub(crate) fn wait_at_least(&mut self, least: Duration) {
        self.least = least.as_secs_f64();
    }

    /// When a picture is to be shown.
    pub(crate) fn show_at(&mut self, now: Instant, timestamp: RtpTimestamp) -> Instant {
        let (media, delay) = (self.media(timestamp), self.delay.unwrap_or(0.0).max(self.least));
        self.base = self.lags.iter().copied().min_by(f64::total_cmp);
        match self.base {
            Some(base) => Instant::from_nanos(((media + base + delay + MACHINE).max(0.0) * 1e9) as u64),
            None => now,
        }
    }

    /// A picture is decoded that could be so long after it was to be. Only those without repairs move the delay; one that waited
    /// for another that was repaired does.
    pub(crate) fn decoded(&mut self, now: Instant, late: Duration, repaired: bool, round_trip: Duration) {
        if repaired {
            self.losses.push_back(now);
            return;
        }
        while self.losses.front().is_some_and(|at| now.since(*at) > LOSS_MEMORY) {
            self.losses.pop_front();
        }
        let again = if self.losses.len() >= LOSSES_MIN { ROUND_TRIP_SHARE * round_trip.as_secs_f64() } else { 0.0 };
        self.target = (self.spread() + again.min(ROUND_TRIP_MAX)).max(self.least).min(DELAY_MAX);
        self.delay = Some(self.delay.map_or(self.target, |delay| (delay + late.as_secs_f64()).min(self.target)));
    }

    /// How much later than the first of them nearly all pictures came.
    fn spread(&self) -> f64 {
        let mut sorted: Vec<f64> = self.lags.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        if let (Some(first), Some(middle)) = (sorted.first().copied(), sorted.get(sorted.len() / 2).copied()) {
            sorted.retain(|lag| lag - first <= FAR_OFF + 4.0 * (middle - first));
        }
        let usual = sorted.get((sorted.len() * IN_TIME).div_ceil(100).saturating_sub(1));
        usual.zip(sorted.first()).map_or(0.0, |(usual, first)| usual - first)
    }
}

fn seconds(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Duration = Duration::from_millis(80);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The delay that picture `n` of 30 a second would be shown with, when it comes 20 ms after it was taken.
    fn delay(clock: &mut Clock, n: u32) -> Duration {
        let taken = Instant::from_millis(1_000) + ms(100) * n / 3;
        clock.arrived(taken + ms(20), RtpTimestamp(n * 3_000), false);
        clock.show_at(taken, RtpTimestamp(n * 3_000)).since(taken + ms(20))
    }

    #[test]
    fn a_round_trip_is_added_once_pictures_are_repaired_and_late_ones_show_it() {
        let mut clock = Clock::default();
        let at = Instant::from_millis;
        assert!(delay(&mut clock, 0) <= ms(11));
        for _ in 0..3 {
            clock.decoded(at(1_100), ms(50), true, TRIP);
        }
        clock.decoded(at(1_100), ms(0), false, TRIP);
        assert!(delay(&mut clock, 3) >= ms(80), "the first delay is the target");
        let mut clock = Clock::default();
        delay(&mut clock, 0);
        clock.decoded(at(1_030), ms(0), false, TRIP);
        for _ in 0..3 {
            clock.decoded(at(1_100), ms(50), true, TRIP);
        }
        assert!(delay(&mut clock, 2) <= ms(11), "a repaired picture does not move it");
        clock.decoded(at(1_140), ms(40), false, TRIP);
        assert!((ms(49)..=ms(51)).contains(&delay(&mut clock, 3)), "as late as the picture behind it was");
        clock.decoded(at(1_500), ms(300), false, TRIP);
        assert!((ms(81)..=ms(83)).contains(&delay(&mut clock, 4)), "and no more than the target");
    }

    #[test]
    fn the_senders_delay_holds_at_once_and_only_while_it_is_told() {
        let mut clock = Clock::default();
        delay(&mut clock, 0);
        clock.decoded(Instant::from_millis(1_030), ms(0), false, TRIP);
        clock.wait_at_least(ms(300));
        assert!(delay(&mut clock, 1) >= ms(300));
        clock.wait_at_least(ms(0));
        assert!(delay(&mut clock, 2) <= ms(11));
    }
}
