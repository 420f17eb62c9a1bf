//! Whether the delay grows: the slope of a line through the last samples, held against a threshold that adapts to what is usual on
//! the path (draft-ietf-rmcat-gcc-02 section 5.4; the line in place of its Kalman filter is what browsers do).

use super::groups::DelaySample;
use corelay_wire::units::Instant;

/// Samples that the line goes through. More tells a slow growth from jitter; fewer tells a fast one sooner.
const SAMPLES: usize = 20;
/// What a new sample weighs less than the smoothed delay. Nearer to one hides jitter, and the queue for longer.
const SMOOTHING: f64 = 0.9;
/// From slope to the milliseconds that the threshold is in: samples that were seen, at most this many, times the gain.
const SAMPLES_COUNTED_MAX: usize = 60;
const GAIN: f64 = 4.0;
/// The threshold in milliseconds, at first and its bounds.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_MIN: f64 = 6.0;
const THRESHOLD_MAX: f64 = 600.0;
/// How fast the threshold follows what it is compared with, up and down, each millisecond.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A trend this far above the threshold is an event, not what is usual.
const FOLLOW_DISTANCE_MAX: f64 = 15.0;
/// How long the trend is above the threshold before it counts, in milliseconds.
const OVER_MILLIS: f64 = 10.0;

/// What the path does with what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Usage {
    #[default]
    Normal,
    /// The queue grows.
    Over,
    /// The queue shrinks.
    Under,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Trend {
    /// Arrival and smoothed delay, in milliseconds.
    samples: [(f64, f64); SAMPLES],
    count: usize,
    origin: Option<Instant>,
    smoothed: f64,
    before: f64,
    threshold: f64,
    last_arrival: f64,
    over_for: f64,
    over_count: u32,
    usage: Usage,
}

impl Trend {
    pub(super) fn new() -> Self {
        Self {
            samples: [(0.0, 0.0); SAMPLES],
            count: 0,
            origin: None,
            smoothed: 0.0,
            before: 0.0,
            threshold: THRESHOLD,
            last_arrival: 0.0,
            over_for: 0.0,
            over_count: 0,
            usage: Usage::Normal,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn add(&mut self, sample: DelaySample) {
        let origin = *self.origin.get_or_insert(sample.arrived);
        let arrival = (sample.arrived.as_nanos() as i64).wrapping_sub(origin.as_nanos() as i64) as f64 / 1e6;
        if self.count == 0 {
            self.smoothed = sample.delay;
        }
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * sample.delay;
        self.samples[self.count % SAMPLES] = (arrival, self.smoothed);
        self.count += 1;
        let passed = (arrival - self.last_arrival).max(0.0);
        self.last_arrival = arrival;
        if self.count >= SAMPLES {
            let slope = slope(&self.samples).unwrap_or(self.before);
            self.detect(slope, passed);
        }
    }

    fn detect(&mut self, slope: f64, passed: f64) {
        let trend = self.count.min(SAMPLES_COUNTED_MAX) as f64 * slope * GAIN;
        if trend > self.threshold {
            self.over_for += passed.min(100.0);
            self.over_count += 1;
            if self.over_for > OVER_MILLIS && self.over_count > 1 && slope >= self.before {
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = 0.0;
            self.over_count = 0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.before = slope;
        self.follow(trend.abs(), passed);
    }

    fn follow(&mut self, trend: f64, passed: f64) {
        if trend > self.threshold + FOLLOW_DISTANCE_MAX {
            return;
        }
        let rate = if trend < self.threshold { FOLLOW_DOWN } else { FOLLOW_UP };
        let step = (rate * passed.min(100.0)).min(1.0);
        self.threshold = (self.threshold + step * (trend - self.threshold)).clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }
}

/// Of the line of least squares; `None` when all are at one place.
fn slope(points: &[(f64, f64); SAMPLES]) -> Option<f64> {
    let n = SAMPLES as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (over, under) = points.iter().fold((0.0, 0.0), |(o, u), p| (o + (p.0 - x) * (p.1 - y), u + (p.0 - x) * (p.0 - x)));
    (under > 0.0).then(|| over / under)
}
