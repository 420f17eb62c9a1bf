//! What came through of late while packets found a queue: as fast as the path carries it, and none of it of the time before.
//!
//! ```text
//! arrived   | | | | | | |    |    |    |    |         the path became slower here: what arrived in the last 100 ms is of both
//! queue     0 0 0 0 0 0 0    8   15   24   31 ms
//!                              '-------------' bytes by time
//! ```

use super::ACKNOWLEDGED_WINDOW;
use core::time::Duration;
use corelay_wire::units::Instant;

/// A packet that was held up by less, in milliseconds, found no queue. Higher counts from later on; lower takes jitter for a queue.
const QUEUE_LEAST_MILLIS: f64 = 12.0;
/// Less time makes no rate, nor do so many times the jitter. More is late, by as much of what a link that became slower is sent beyond
/// what it carries; less makes a rate of jitter.
const SPAN_MIN_MILLIS: f64 = 40.0;
const JITTERS: f64 = 4.0;
/// Packets that are remembered: 40 ms of 3 Mbit/s, half a second of 250 kbit/s. Each costs 16 bytes.
const PACKETS: usize = 16;

#[derive(Clone, Copy, Debug, Default)]
struct Arrived {
    at: Instant,
    bytes: u32,
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backlog {
    packets: [Arrived; PACKETS],
    count: usize,
}

impl Backlog {
    /// The next packet arrived, and was held up by so many milliseconds.
    pub(super) fn add(&mut self, at: Instant, bytes: u32, queue: f64) {
        if queue < QUEUE_LEAST_MILLIS {
            self.count = 0;
            return;
        }
        self.packets[self.count % PACKETS] = Arrived { at, bytes };
        self.count += 1;
    }

    /// Bits per second of the last packets that make a rate, where delays are as far apart as `jitter`, in milliseconds.
    pub(super) fn rate(&self, jitter: f64) -> Option<f64> {
        let span_min = Duration::from_micros((1e3 * (SPAN_MIN_MILLIS + JITTERS * jitter)) as u64).min(ACKNOWLEDGED_WINDOW);
        let back = |n: usize| self.packets[(self.count - n) % PACKETS];
        let mut bytes = 0;
        for n in 2..=self.count.min(PACKETS) {
            // What came before is when the link began with it.
            bytes += u64::from(back(n - 1).bytes);
            let span = back(1).at.since(back(n).at);
            if span >= span_min {
                return Some(bytes as f64 * 8.0 / span.as_secs_f64());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_the_queue_is_not_counted() {
        let mut backlog = Backlog::default();
        for n in 0..20 {
            backlog.add(Instant::from_millis(n), 1_250, 1.0);
        }
        assert_eq!(backlog.rate(0.0), None);
        for n in 0..5u32 {
            // 1250 bytes each 20 ms.
            backlog.add(Instant::from_millis(40 + 20 * u64::from(n)), 1_250, 19.0 * f64::from(n + 1));
        }
        let rate = |backlog: &Backlog, jitter| backlog.rate(jitter).map(|rate| rate.round());
        assert_eq!([rate(&backlog, 0.0), rate(&backlog, 5.0), rate(&backlog, 25.0)], [Some(500_000.0), Some(500_000.0), None]);
        backlog.add(Instant::from_millis(300), 1_250, 2.0);
        assert_eq!(backlog.rate(0.0), None, "it is empty");
    }

    #[test]
    fn a_moment_makes_no_rate() {
        let mut backlog = Backlog::default();
        for n in 0..30 {
            backlog.add(Instant::from_millis(2 * n), 1_250, 50.0);
        }
        assert_eq!(backlog.rate(0.0), None);
    }
}
