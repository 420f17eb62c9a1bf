//! What became of the packets of one probe: the rate at which they left, and at which they arrived.

use super::report::PacketResult;
use core::time::Duration;
use corelay_wire::units::Instant;

/// How much faster than they left packets arrived that arrived at one time.
const AT_ONCE: f64 = 10.0;

/// Fewer packets make no rate.
const ARRIVED_MIN: f64 = 3.0;

/// The line of least squares of time over bytes: the bytes are exact, the times are not.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    count: f64,
    bytes: f64,
    time: f64,
    bytes_bytes: f64,
    bytes_time: f64,
    time_time: f64,
}

impl Line {
    /// `time` in seconds, after so many bytes.
    fn add(&mut self, bytes: f64, time: f64) {
        self.count += 1.0;
        self.bytes += bytes;
        self.time += time;
        self.bytes_bytes += bytes * bytes;
        self.bytes_time += bytes * time;
        self.time_time += time * time;
    }

    /// In bits per second; `None` for too few packets, or when all were at one time.
    fn rate(&self) -> Option<f64> {
        let over = self.count * self.bytes_bytes - self.bytes * self.bytes;
        let under = self.count * self.bytes_time - self.bytes * self.time;
        (self.count >= ARRIVED_MIN && under > 0.0).then(|| 8.0 * over / under)
    }

    /// By how much of it the rate is off as a rule: by how far the points are off the line.
    fn error(&self) -> f64 {
        let over = self.count * self.bytes_bytes - self.bytes * self.bytes;
        let under = self.count * self.bytes_time - self.bytes * self.time;
        let spread = self.count * self.time_time - self.time * self.time;
        let free = self.count - 2.0;
        if free < 1.0 || under <= 0.0 { 0.0 } else { ((spread * over / (under * under) - 1.0).max(0.0) / free).sqrt() }
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cluster {
    packets: u32,
    lost: u32,
    begun: Option<(Instant, Option<Instant>)>,
    span: Duration,
    bytes: f64,
    sent: Line,
    arrived: Line,
}

/// What a probe found: the rates at which its packets left, and at which they came through. What was lost counts as come through, with
/// its neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) sent: f64,
    pub(super) arrived: f64,
    /// What part of `arrived` that may be off, by jitter.
    pub(super) error: f64,
    pub(super) packets: u32,
    pub(super) lost: u32,
}

/// A finding is never thought to be more exact.
const ERROR_MIN: f64 = 0.005;

impl Finding {
    /// Both together, of two probes of one rate, each as far as it is exact.
    pub(super) fn with(self, other: Self) -> Self {
        let [own, others] = [self, other].map(|finding| finding.error.max(ERROR_MIN).powi(-2));
        let mean = |a: f64, b: f64| (a * own + b * others) / (own + others);
        Self {
            sent: mean(self.sent, other.sent),
            arrived: mean(self.arrived, other.arrived),
            error: (own + others).sqrt().recip(),
            packets: self.packets + other.packets,
            lost: self.lost + other.lost,
        }
    }
}

impl Cluster {
    pub(super) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    pub(super) fn packets(&self) -> u32 {
        self.packets
    }

    /// One that was told as lost came: it was overtaken.
    pub(super) fn arrived_late(&mut self) {
        self.lost = self.lost.saturating_sub(1);
    }

    /// Whether some were lost, as far as is known.
    pub(super) fn lacks(&self) -> bool {
        self.lost > 0
    }

    /// From the first that left to the last.
    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// Takes in the fate of a packet of the probe.
    pub(super) fn add(&mut self, result: &PacketResult) {
        self.packets += 1;
        let (sent_first, arrived_first) = *self.begun.get_or_insert((result.sent, None));
        // Each packet marks the end of the bytes before it, lost ones included: those that were lost behind the bottleneck took their time.
        let before = self.bytes;
        self.bytes += f64::from(result.bytes);
        self.span = result.sent.since(sent_first);
        self.sent.add(before, self.span.as_secs_f64());
        let Some(arrived) = result.arrived else {
            self.lost += 1;
            return;
        };
        let first = arrived_first.unwrap_or(arrived);
        self.begun = Some((sent_first, Some(first)));
        let time = (arrived.as_nanos() as i64).wrapping_sub(first.as_nanos() as i64) as f64 / 1e9;
        self.arrived.add(before, time);
    }

    /// `None` when too few were sent, or arrived, to tell.
    pub(super) fn finding(&self) -> Option<Finding> {
        let sent = self.sent.rate()?;
        let several = self.arrived.count >= ARRIVED_MIN;
        // Several that arrive at one time came through a link that is faster than anything that is asked of it.
        let arrived = self.arrived.rate().or(several.then_some(AT_ONCE * sent))?;
        Some(Finding { sent, arrived, error: self.arrived.error(), packets: self.packets, lost: self.lost })
    }
}
