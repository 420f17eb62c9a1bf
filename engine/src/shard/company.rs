//! How long a shard waits for more datagrams before it begins a turn.
//!
//! ```text
//! wait
//!  COALESCE_US |            ________
//!              |           /
//!              |          /
//!            0 |_________/
//!              '--------|---|-------- datagrams expected in one window of COALESCE_US
//!                    LONELY CROWDED
//! ```
//!
//! Waiting pays when it brings company: a wake-up costs 21 us, and a run of one 1.5 us a packet where a run of twenty costs 0.3
//! (20,000 packets/s: 26 us each when waking for each, 3.4 us when waiting up to 500 us). So the wait follows what the window can be
//! expected to bring, by the arrival rate of the last [`MEMORY`].
//!
//! ```text
//!  arrives
//!     |-- rest of the last turn --|-- wait --|-- its own turn --| sent
//!     '--------------------- COALESCE_US ----------------------'
//! ```
//!
//! What gathered in the socket while the last turn worked is company already, and what gathers now has a turn as long in front of it: the
//! last turn's work counts twice. So the window is the whole latency of what comes at the worst moment, and a loaded shard, whose turns are
//! longer than half of it, never waits.

use std::time::Duration;

use corelay_wire::units::Instant;

/// Expected datagrams in a window up to which there is no wait. Higher: a small call (two participants send 200 to 400 datagrams/s)
/// keeps its latency, and a medium one pays for wake-ups. Lower: lone datagrams are delayed for company that does not come.
const LONELY: f64 = 1.0;
/// Expected datagrams in a window from which the wait is the whole of it. Higher: the latency of medium load stays lower and its CPU
/// higher. Lower: the other way round; below [`LONELY`] the wait would jump and the shard swing between both.
const CROWDED: f64 = 5.0;
/// How long the rate remembers. Higher: a burst is answered later, and an idle spell too. Lower: the gap between two video frames
/// (33 ms) makes a busy shard look idle.
const MEMORY: Duration = Duration::from_millis(50);

/// The shortest wait that is one: what a wake-up costs. Higher: medium load waits less often. Lower: waits that end before the kernel
/// has put the thread to sleep, and below a microsecond waits that its interface cannot express.
const SHORTEST: Duration = Duration::from_micros(20);

/// The arrival rate of one shard and the wait that follows from it.
#[derive(Debug)]
pub(super) struct Company {
    window: Duration,
    per_second: f64,
    last: Instant,
    worked: Duration,
}

impl Company {
    /// `window`: `COALESCE_US`.
    pub(super) fn new(window: Duration) -> Self {
        Self { window, per_second: 0.0, last: Instant::ZERO, worked: Duration::ZERO }
    }

    /// A turn that began at `now` took in `datagrams` and ended at `end`.
    pub(super) fn observe(&mut self, now: Instant, datagrams: usize, end: Instant) {
        let elapsed = now.since(self.last).as_secs_f64();
        let memory = MEMORY.as_secs_f64();
        // The implicit form of an exponential average: stable for any spacing of turns.
        self.per_second = (self.per_second * memory + datagrams as f64) / (memory + elapsed);
        self.last = now;
        self.worked = end.since(now);
    }

    /// How long to wait for more once one has arrived.
    pub(super) fn wait(&self) -> Duration {
        let expected = self.per_second * self.window.as_secs_f64();
        let share = ((expected - LONELY) / (CROWDED - LONELY)).clamp(0.0, 1.0);
        let wait = self.window.mul_f64(share).saturating_sub(2 * self.worked);
        if wait < SHORTEST { Duration::ZERO } else { wait }
    }
}

const _: () = assert!(LONELY < CROWDED, "the wait rises with the rate");

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_micros(500);

    /// A second of turns, each with `datagrams` and `gap` after the last, each working for `work`.
    fn after(datagrams: usize, gap: Duration, work: Duration) -> Company {
        let mut company = Company::new(WINDOW);
        let mut now = Instant::ZERO;
        for _ in 0..Duration::from_secs(1).as_nanos() / gap.as_nanos() {
            now = now + gap;
            company.observe(now, datagrams, now + work);
        }
        company
    }

    #[test]
    fn an_idle_shard_does_not_wait() {
        assert_eq!(Company::new(WINDOW).wait(), Duration::ZERO);
        // 400 datagrams/s: a call of two.
        assert_eq!(after(1, Duration::from_micros(2500), Duration::ZERO).wait(), Duration::ZERO);
    }

    #[test]
    fn the_wait_rises_with_the_rate_up_to_the_window() {
        let medium = after(1, Duration::from_micros(200), Duration::ZERO).wait();
        assert!(medium > Duration::ZERO && medium < WINDOW, "{medium:?}");
        assert_eq!(after(10, WINDOW, Duration::ZERO).wait(), WINDOW);
        assert_eq!(after(100, WINDOW, Duration::ZERO).wait(), WINDOW);
    }

    #[test]
    fn the_turn_before_and_the_turn_after_are_part_of_the_window() {
        assert_eq!(after(10, WINDOW, Duration::from_micros(200)).wait(), Duration::from_micros(100));
        assert_eq!(after(100, Duration::from_millis(1), Duration::from_millis(1)).wait(), Duration::ZERO);
    }

    /// A wait of a fraction of a microsecond reached the kernel as "until the batch is full": a second without a turn.
    #[test]
    fn there_is_no_wait_that_a_kernel_interface_rounds_to_nothing() {
        let mut company = after(10, WINDOW, Duration::ZERO);
        let now = company.last;
        for nanos in [2, 400, 998, 19_998] {
            company.observe(now, 0, now + (WINDOW - Duration::from_nanos(nanos)) / 2);
            assert_eq!(company.wait(), Duration::ZERO);
        }
        company.observe(now, 0, now + (WINDOW - SHORTEST) / 2);
        assert_eq!(company.wait(), SHORTEST);
    }

    #[test]
    fn a_shard_that_falls_silent_stops_waiting() {
        let mut company = after(10, WINDOW, Duration::ZERO);
        let later = company.last + Duration::from_secs(1);
        company.observe(later, 1, later);
        assert_eq!(company.wait(), Duration::ZERO);
    }

    #[test]
    fn a_window_of_zero_never_waits() {
        let mut company = Company::new(Duration::ZERO);
        let now = Instant::from_millis(1);
        company.observe(now, 1_000_000, now);
        assert_eq!(company.wait(), Duration::ZERO);
    }
}
