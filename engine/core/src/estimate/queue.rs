//! How long packets wait at the bottleneck: the delay of the last moments above the least of the last while.

use super::groups::DelaySample;
use core::time::Duration;
use corelay_wire::units::Instant;

/// A queue this long is too long however slowly it grows, in milliseconds. Higher lets it stand; lower is tripped by a keyframe.
pub(super) const QUEUE_MAX_MILLIS: f64 = 60.0;
/// A queue that comes up to this between three samples is too long, in milliseconds. Higher is late when a link becomes much
/// slower; lower is tripped by one that stops for a moment, as radios do.
pub(super) const QUEUE_SUDDEN_MILLIS: f64 = 90.0;
/// What left and was not answered is a queue when the path takes this much longer for it than feedback takes, in milliseconds.
/// Higher is late when a link becomes much slower; lower takes a keyframe, or feedback that is late, for that.
pub(super) const QUEUE_BEHIND_MILLIS: f64 = 150.0;
/// A queue that grows with each sample is too long from here on, in milliseconds, when much less arrives than is sent. Higher is
/// late when a link becomes slower; lower takes what a few frames add for that.
pub(super) const QUEUE_CLIMBS_MILLIS: f64 = 25.0;
/// A delay that came up at once and stays as it is for so long is the path's: it became longer. A queue that is ours grows or
/// shrinks by what is sent. Longer has less of the path for as long; shorter takes a queue for the path that stood still by chance.
pub(super) const LONGER_PATH: Duration = Duration::from_millis(600);
/// The same of one that did not shrink although much less was sent, twice.
pub(super) const LONGER_PATH_YIELDED: Duration = Duration::from_millis(1_000);
/// A growing queue that is shorter is jitter.
pub(super) const QUEUE_MIN_MILLIS: f64 = 12.0;
/// A queue that is shorter is empty, but for jitter.
pub(super) const QUEUE_EMPTY_MILLIS: f64 = 12.0;
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
/// Delays within so much of each other, in milliseconds, and so many times the jitter are one level. More takes a queue that grows
/// slowly for a level; less ends one at each frame that is larger than others.
const LEVEL_MILLIS: f64 = 6.0;
const LEVEL_JITTERS: f64 = 3.0;
/// So many samples make a level: what comes between two is neither.
const LEVEL_SAMPLES: u32 = 3;

/// A delay that stays as it is.
#[derive(Clone, Copy, Debug)]
struct Level {
    since: Instant,
    least: f64,
    most: f64,
    samples: u32,
    /// The least delay of the level before, if this one began with the sample after it.
    before: Option<f64>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// The least delay of each while, in milliseconds.
    least: [f64; BUCKETS],
    /// The least of all of them.
    base: f64,
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
    level: Option<Level>,
}

/// A queue that is shorter, in milliseconds, is empty.
const EMPTY_MILLIS: f64 = 10.0;

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            least: [f64::INFINITY; BUCKETS],
            base: f64::INFINITY,
            bucket: 0,
            samples: [None; SAMPLES],
            next: 0,
            jitter: 0.0,
            length: 0.0,
            latest: 0.0,
            busy_since: None,
            level: None,
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
        self.base = self.least.iter().copied().fold(f64::INFINITY, f64::min);
        if let (Some(before), Some(first)) = (self.back(1), self.back(2)) {
            // Of what is no trend: a queue that grows evenly is no jitter. As much as two delays that have nothing to do with each
            // other are apart, which three are by the root of three.
            let apart = (sample.delay - 2.0 * before.delay + first.delay).abs() / 3f64.sqrt();
            self.jitter += (apart - self.jitter) / 16.0;
        }
        self.follow(sample);
        self.samples[self.next % SAMPLES] = Some(sample);
        self.next += 1;
        self.length = self.least_of(sample.sent, RECENT) - self.base;
        self.latest = self.least_of(sample.sent, Duration::ZERO) - self.base;
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

    /// The same of a packet with this delay.
    pub(super) fn length_at(&self, delay: f64) -> f64 {
        (delay - self.base).max(0.0)
    }

    /// Whether each of the last delays is more than the one before, and by how much the last is more than the first of them.
    pub(super) fn climbs(&self) -> Option<f64> {
        let [last, third, second, first] = [self.back(1)?, self.back(2)?, self.back(3)?, self.back(4)?].map(|s| s.delay);
        (first < second && second < third && third < last).then_some(last - first)
    }

    /// For how long the delay has stayed as it is since it came up at once, from an empty queue; `None` when it did not.
    pub(super) fn raised_for(&self, empty: f64) -> Option<Duration> {
        let level = self.level.filter(|level| level.samples >= LEVEL_SAMPLES)?;
        let raised = level.before.is_some_and(|before| before < self.base + empty && level.least > before + empty);
        raised.then(|| self.level_time(&level))
    }

    /// For how long the delay has stayed as it is.
    pub(super) fn level_for(&self) -> Duration {
        self.level.map_or(Duration::ZERO, |level| self.level_time(&level))
    }

    fn level_time(&self, level: &Level) -> Duration {
        self.back(1).map_or(Duration::ZERO, |sample| sample.sent.since(level.since))
    }

    /// The mean distance of two delays, in milliseconds.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Since which sample it is not empty.
    pub(super) fn busy_since(&self) -> Option<DelaySample> {
        self.busy_since
    }

    /// What stands in the queue is not ours to drain, or the route became longer: it counts as empty.
    pub(super) fn rebase(&mut self) {
        let level = self.base + self.length;
        self.level = None;
        self.least = [f64::INFINITY; BUCKETS];
        self.least[(self.bucket % BUCKETS as u64) as usize] = level;
        self.base = level;
        self.length = 0.0;
        self.latest = 0.0;
        self.busy_since = None;
    }

    /// Whether the delay stays where it was.
    fn follow(&mut self, sample: DelaySample) {
        let within = LEVEL_MILLIS + LEVEL_JITTERS * self.jitter;
        let (delay, last) = (sample.delay, self.level);
        let goes_on = last.filter(|level| level.most.max(delay) - level.least.min(delay) <= within);
        self.level = Some(match (goes_on, last) {
            (Some(level), _) => {
                Level { least: level.least.min(delay), most: level.most.max(delay), samples: level.samples + 1, ..level }
            }
            (None, last) => {
                // A sample between two levels is of neither.
                let before = last.and_then(|level| if level.samples > 1 { Some(level.least) } else { level.before });
                Level { since: sample.sent, least: delay, most: delay, samples: 1, before }
            }
        });
    }

    /// The `n`th sample from the last.
    fn back(&self, n: usize) -> Option<DelaySample> {
        self.samples[self.next.checked_sub(n)? % SAMPLES]
    }

    /// Of the samples of the last `time`.
    fn least_of(&self, newest: Instant, time: Duration) -> f64 {
        let back = (1..=SAMPLES.min(self.next)).map_while(|back| Some((back, self.samples[(self.next - back) % SAMPLES]?)));
        let recent = back.take_while(|(back, s)| *back <= RECENT_SAMPLES || newest.since(s.sent) < time);
        recent.map(|(_, s)| s.delay).fold(f64::INFINITY, f64::min)
    }
}
