//! When a picture is shown: as evenly as it was taken, late enough that most of them are there by then.

use core::time::Duration;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::VecDeque;

const TICKS_PER_SECOND: f64 = 90_000.0;
/// Pictures that the delay is measured on: three seconds.
const WINDOW: usize = 90;
/// The delay changes at most this much each second, so that nobody sees it (libwebrtc: 100 ms).
const SLEW: f64 = 0.1;
/// More than this is not waited.
const DELAY_MAX: f64 = 1.0;
/// Retransmissions in this time make the delay longer by a round trip, from three on (libwebrtc: one minute).
const LOSS_MEMORY: Duration = Duration::from_secs(60);
const LOSSES_MIN: usize = 3;
const DECODE: f64 = 0.01;

/// See the module. Times are in seconds.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<(RtpTimestamp, f64)>,
    /// Arrival less media time of the last pictures.
    lags: VecDeque<f64>,
    losses: VecDeque<Instant>,
    delay: f64,
    target: f64,
    moved: Option<Instant>,
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

    /// Notes a picture that is whole.
    pub(crate) fn arrived(&mut self, now: Instant, timestamp: RtpTimestamp, late: bool, round_trip: Duration) {
        let lag = seconds(now) - self.media(timestamp);
        if late {
            self.losses.push_back(now);
        } else {
            self.lags.push_back(lag);
            if self.lags.len() > WINDOW {
                self.lags.pop_front();
            }
        }
        while self.losses.front().is_some_and(|at| now.since(*at) > LOSS_MEMORY) {
            self.losses.pop_front();
        }
        if self.lags.is_empty() {
            return;
        }
        let mut sorted: Vec<f64> = self.lags.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        self.base = Some(sorted[0]);
        let spread = sorted[(sorted.len() * 95).div_ceil(100) - 1] - sorted[0];
        let again = if self.losses.len() >= LOSSES_MIN { round_trip.as_secs_f64() } else { 0.0 };
        self.target = (spread + again).min(DELAY_MAX);
    }

    /// When a picture is to be shown.
    pub(crate) fn show_at(&mut self, now: Instant, timestamp: RtpTimestamp) -> Instant {
        let since = self.moved.replace(now).map_or(0.0, |moved| now.since(moved).as_secs_f64());
        self.delay += (self.target - self.delay).clamp(-SLEW * since, SLEW * since);
        let media = self.media(timestamp);
        match self.base {
            Some(base) => Instant::from_nanos(((media + base + self.delay + DECODE).max(0.0) * 1e9) as u64),
            None => now,
        }
    }
}

fn seconds(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e9
}
