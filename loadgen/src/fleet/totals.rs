//! Everything that a fleet has counted, and whether it kept up.

use super::counts::Counts;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Above this share of a core a thread may be what limits the figures: it has no time left for a burst.
const BUSY_MAX: f64 = 0.85;
/// A send this late, by the 99th percentile, is not the load that was asked for: a tenth of a frame at 30 frames per second is 3
/// ms.
const SEND_DELAY_P99_MAX: Duration = Duration::from_millis(10);
/// Receipts that wait this long in a queue of ours, by the 99th percentile, are close to being dropped there.
const READ_DELAY_P99_MAX: Duration = Duration::from_millis(50);
/// Longer delays count as this long.
const DELAY_NS_MAX: u64 = 60_000_000_000;

/// Everything that a fleet has counted.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Since the fleet's start, or the length of the interval.
    pub elapsed: Duration,
    /// Received streams, those that ended included.
    pub received: Counts,
    /// Streams that are expected at the moment.
    pub streams_expected: u64,
    /// Those of them that have brought a packet.
    pub streams_started: u64,
    /// Those of them that have brought one before, but none in the last two seconds.
    pub streams_silent: u64,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// Bytes of UDP payload in them.
    pub sent_bytes: u64,
    /// Packets that the kernel did not take: its send buffer was full, or nobody listens.
    pub sent_refused: u64,
    /// RTP packets that belong to no expected stream.
    pub unexpected: u64,
    /// Keyframes that servers asked publishers for.
    pub keyframes_asked: u64,
    /// Associations whose other side went away.
    pub peers_lost: u64,
    /// From the publisher's stamp, just before it encrypts the packet, to the kernel's receive timestamp, in ns, of verified
    /// packets.
    pub latency_ns: Histogram<u64>,
    /// From the kernel's receive timestamp to when the generator read the packet, in ns. It is not part of `latency_ns`.
    pub read_delay_ns: Histogram<u64>,
    /// How late publishers' bursts left against their schedule, in ns.
    pub send_delay_ns: Histogram<u64>,
    /// Datagrams that the kernel dropped because a receive queue of ours was full.
    pub queue_drops: u64,
    /// Busy share of each thread, 0 to 1: its CPU time against the wall's.
    pub busy: Vec<f64>,
    /// CPU time of each thread.
    pub cpu: Vec<Duration>,
    /// Threads that panicked: an error of the run.
    pub threads_dead: usize,
    /// Publishers send runs of equal packets at once. Turns false by itself where the path has no segmentation.
    pub gso: bool,
}

/// A histogram of delays: 1 ns to a minute, three digits.
pub fn delays() -> Histogram<u64> {
    Histogram::new_with_bounds(1, DELAY_NS_MAX, 3).expect("1 ns to a minute with three digits is a valid range")
}

/// Records a delay.
pub(super) fn record(histogram: &mut Histogram<u64>, delay_ns: u64) {
    histogram.saturating_record(delay_ns.min(DELAY_NS_MAX));
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            elapsed: Duration::ZERO,
            received: Counts::default(),
            streams_expected: 0,
            streams_started: 0,
            streams_silent: 0,
            sent_packets: 0,
            sent_bytes: 0,
            sent_refused: 0,
            unexpected: 0,
            keyframes_asked: 0,
            peers_lost: 0,
            latency_ns: delays(),
            read_delay_ns: delays(),
            send_delay_ns: delays(),
            queue_drops: 0,
            busy: Vec::new(),
            cpu: Vec::new(),
            threads_dead: 0,
            gso: true,
        }
    }
}

impl Totals {
    /// What was counted after `earlier`. Numbers of streams are those of `self`.
    pub fn since(&self, earlier: &Self) -> Self {
        let elapsed = self.elapsed.saturating_sub(earlier.elapsed);
        let cpu: Vec<_> = self
            .cpu
            .iter()
            .enumerate()
            .map(|(i, cpu)| cpu.saturating_sub(earlier.cpu.get(i).copied().unwrap_or_default()))
            .collect();
        Self {
            elapsed,
            received: self.received.since(&earlier.received),
            sent_packets: self.sent_packets.saturating_sub(earlier.sent_packets),
            sent_bytes: self.sent_bytes.saturating_sub(earlier.sent_bytes),
            sent_refused: self.sent_refused.saturating_sub(earlier.sent_refused),
            unexpected: self.unexpected.saturating_sub(earlier.unexpected),
            keyframes_asked: self.keyframes_asked.saturating_sub(earlier.keyframes_asked),
            peers_lost: self.peers_lost.saturating_sub(earlier.peers_lost),
            latency_ns: difference(&self.latency_ns, &earlier.latency_ns),
            read_delay_ns: difference(&self.read_delay_ns, &earlier.read_delay_ns),
            send_delay_ns: difference(&self.send_delay_ns, &earlier.send_delay_ns),
            queue_drops: self.queue_drops.saturating_sub(earlier.queue_drops),
            busy: cpu.iter().map(|cpu| share(*cpu, elapsed)).collect(),
            cpu,
            ..self.clone()
        }
    }

    /// Whether the generator kept up in this interval. Take it of the interval that is measured, not of the joins before it.
    pub fn headroom(&self) -> Headroom {
        let worst = self.busy.iter().copied().fold(0.0, f64::max);
        let p99 = |histogram: &Histogram<u64>| Duration::from_nanos(histogram.value_at_quantile(0.99));
        if self.threads_dead > 0 {
            return Headroom::Exhausted(format!("{} of its threads panicked: see what they said above", self.threads_dead));
        }
        if self.queue_drops > 0 {
            return Headroom::Exhausted(format!(
                "its receive queues overflowed by {} datagrams: give it more threads or cores, or raise net.core.rmem_max",
                self.queue_drops
            ));
        }
        if worst > BUSY_MAX {
            return Headroom::Exhausted(format!(
                "a thread was busy for {:.0} % of the time: give it more threads or cores",
                worst * 100.0
            ));
        }
        let late = p99(&self.send_delay_ns);
        if late > SEND_DELAY_P99_MAX {
            return Headroom::Exhausted(format!("1 % of its sends were more than {late:?} late: give it cores of its own"));
        }
        let unread = p99(&self.read_delay_ns);
        if unread > READ_DELAY_P99_MAX {
            return Headroom::Exhausted(format!(
                "1 % of what it got waited more than {unread:?} to be read: give it cores of its own"
            ));
        }
        Headroom::Enough
    }
}

/// What was recorded after `earlier`.
pub fn difference(all: &Histogram<u64>, earlier: &Histogram<u64>) -> Histogram<u64> {
    let mut rest = all.clone();
    if rest.subtract(earlier).is_err() {
        // Another fleet's, or a later one's: nothing was recorded between.
        rest.reset();
    }
    rest
}

/// Share of `whole` that `part` is.
pub(super) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

/// Whether a figure is one of the server's or of the generator's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Headroom {
    /// The generator kept up.
    Enough,
    /// The generator was the bottleneck: its figures say nothing about the server. Why, and what to do.
    Exhausted(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_what_came_after_its_start() {
        let mut start = Totals { elapsed: Duration::from_secs(1), cpu: vec![Duration::from_millis(100)], ..Totals::default() };
        start.latency_ns += 5_000;
        let mut end =
            Totals { elapsed: Duration::from_secs(3), sent_packets: 7, cpu: vec![Duration::from_millis(600)], ..start.clone() };
        end.latency_ns += 9_000;
        let interval = end.since(&start);
        assert_eq!((interval.elapsed, interval.sent_packets), (Duration::from_secs(2), 7));
        assert_eq!((interval.latency_ns.len(), interval.latency_ns.max() / 1_000), (1, 9));
        assert_eq!(interval.busy, [0.25]);
    }

    #[test]
    fn each_way_to_be_the_bottleneck_is_named() {
        assert_eq!(Totals { busy: vec![0.5, 0.1], ..Totals::default() }.headroom(), Headroom::Enough);
        let mut late = Totals::default();
        late.send_delay_ns += 50_000_000;
        let mut unread = Totals::default();
        unread.read_delay_ns += 500_000_000;
        let exhausted = [
            (Totals { busy: vec![0.1, 0.95], ..Totals::default() }, "busy"),
            (Totals { queue_drops: 1, ..Totals::default() }, "overflowed"),
            (Totals { threads_dead: 1, ..Totals::default() }, "panicked"),
            (late, "late"),
            (unread, "waited"),
        ];
        for (totals, word) in exhausted {
            assert!(matches!(totals.headroom(), Headroom::Exhausted(reason) if reason.contains(word)), "{word}");
        }
    }
}
