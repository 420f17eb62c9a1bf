//! How long a shard that keeps failing waits before it starts anew.

use std::time::{Duration, Instant};

/// A life this long was a good one: the next failure is the first again. Higher: a shard that fails once a minute is slowed down.
/// Lower: a shard that fails under load a little later each time never is.
const GOOD_LIFE: Duration = Duration::from_secs(60);
/// The wait after the second failure in a row; it doubles from there. Higher: calls that would work wait. Lower: a shard that fails at
/// once spends its core on failing.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait. Higher: quieter logs. Lower: calls come back sooner after the cause is gone.
const LONGEST: Duration = Duration::from_secs(5);

/// Failures in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    born: Instant,
}

impl Backoff {
    pub(super) fn new(now: Instant) -> Self {
        Self { failures: 0, born: now }
    }

    /// A life ended at `now`; how long to wait for the next. Nothing after a first failure: a panic is rare and calls are waiting.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        if now.duration_since(self.born) >= GOOD_LIFE {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            1 => Duration::ZERO,
            n => FIRST.saturating_mul(1 << (n - 2).min(16)).min(LONGEST),
        };
        self.born = now + wait;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_bound_and_a_good_life_forgets_it() {
        let start = Instant::now();
        let mut backoff = Backoff::new(start);
        let waits: Vec<u128> = (0..9).map(|_| backoff.failed(start).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.failed(start + GOOD_LIFE + LONGEST), Duration::ZERO);
    }
}
