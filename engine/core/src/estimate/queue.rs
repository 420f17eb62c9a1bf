//! How long packets wait at the bottleneck: the delay of the last moments above the least of the last while.

use super::groups::DelaySample;
use core::time::Duration;
use corelay_wire::units::Instant;

/// The least delay is remembered for ten times this. Longer keeps the empty queue in mind while it stands full; shorter follows a
/// route that became longer, and a clock that drifts: 0.1 ms a second for a bad one.
const BUCKET: Duration = Duration::from_secs(2);
const BUCKETS: usize = 10;
/// The present delay is the least of this time. Longer is blind to a queue for longer; shorter takes jitter for a queue: the least
/// of the six frames in 200 ms is a sixth of what jitter adds.
const RECENT: Duration = Duration::from_millis(200);
/// Of this many samples at least, where they are rare.
const RECENT_SAMPLES: usize = 3;
const SAMPLES: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// The least delay of each while, in milliseconds.
    least: [f64; BUCKETS],
    bucket: u64,
    samples: [Option<DelaySample>; SAMPLES],
    next: usize,
    /// The mean distance of a delay from the one before.
    jitter: f64,
    length: f64,
    /// The same of the last samples only.
    latest: f64,
    /// Since when, in the sender's time, it is not empty.
    busy_since: Option<DelaySample>,
}

/// A queue that is shorter, in milliseconds, is empty.
const EMPTY_MILLIS: f64 = 10.0;

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            least: [f64::INFINITY; BUCKETS],
            bucket: 0,
            samples: [None; SAMPLES],
            next: 0,
            jitter: 0.0,
            length: 0.0,
            latest: 0.0,
            busy_since: None,
        }
    }

    pub(super) fn add(&mut self, sample: DelaySample) {
        let bucket = sample.sent.as_nanos() / BUCKET.as_nanos() as u64;
        for passed in self.bucket + 1..=bucket.min(self.bucket + BUCKETS as u64) {
            self.least[(passed % BUCKETS as u64) as usize] = f64::INFINITY;
        }
        self.bucket = self.bucket.max(bucket);
        let slot = &mut self.least[(self.bucket % BUCKETS as u64) as usize];
        *slot = slot.min(sample.delay);
        if let Some(before) = self.samples[self.next.wrapping_sub(1) % SAMPLES] {
            self.jitter += ((sample.delay - before.delay).abs() - self.jitter) / 16.0;
        }
        self.samples[self.next % SAMPLES] = Some(sample);
        self.next += 1;
        self.length = self.least_of(sample.sent, RECENT) - self.base();
        self.latest = self.least_of(sample.sent, Duration::ZERO) - self.base();
        if self.latest < EMPTY_MILLIS {
            self.busy_since = None;
        } else {
            self.busy_since.get_or_insert(sample);
        }
    }

    /// How long, in milliseconds.
    pub(super) fn length(&self) -> f64 {
        self.length
    }

    /// The same of the last three samples: jitter is in it, and a queue that came up suddenly.
    pub(super) fn latest(&self) -> f64 {
        self.latest
    }

    /// The same of the last sample alone.
    pub(super) fn newest(&self) -> f64 {
        self.samples[self.next.wrapping_sub(1) % SAMPLES].map_or(0.0, |sample| sample.delay - self.base())
    }

    /// The mean distance of a delay from the one before, in milliseconds.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Since which sample it is not empty.
    pub(super) fn busy_since(&self) -> Option<DelaySample> {
        self.busy_since
    }

    /// What stands in the queue is not ours to drain, or the route became longer: it counts as empty.
    pub(super) fn rebase(&mut self) {
        let level = self.base() + self.length;
        self.least = [f64::INFINITY; BUCKETS];
        self.least[(self.bucket % BUCKETS as u64) as usize] = level;
        self.length = 0.0;
        self.latest = 0.0;
        self.busy_since = None;
    }

    fn base(&self) -> f64 {
        self.least.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Of the samples of the last `time`.
    fn least_of(&self, newest: Instant, time: Duration) -> f64 {
        let back = (1..=SAMPLES.min(self.next)).map_while(|back| Some((back, self.samples[(self.next - back) % SAMPLES]?)));
        let recent = back.take_while(|(back, s)| *back <= RECENT_SAMPLES || newest.since(s.sent) < time);
        recent.map(|(_, s)| s.delay).fold(f64::INFINITY, f64::min)
    }
}
