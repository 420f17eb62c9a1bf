//! How late the thread is that joins, leaves and speaks WebSocket: a task asks to be woken at certain times, and sees when it is.

use corelay_loadgen::fleet::delays;
use hdrhistogram::Histogram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often it looks. More often costs more of the thread that it looks at.
const EVERY: Duration = Duration::from_millis(20);

/// See the module.
pub(crate) struct Lag {
    late_ns: Mutex<Histogram<u64>>,
}

impl Lag {
    /// Looks until whoever started it is gone.
    pub(crate) fn watch() -> Arc<Self> {
        let lag = Arc::new(Self { late_ns: Mutex::new(delays()) });
        let watched = Arc::downgrade(&lag);
        tokio::spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let due = ticks.tick().await;
                let Some(lag) = watched.upgrade() else { return };
                lag.note(Instant::now().saturating_duration_since(due));
            }
        });
        lag
    }

    /// Everything seen so far, in ns.
    pub(crate) fn seen(&self) -> Histogram<u64> {
        self.late_ns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, late: Duration) {
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        self.late_ns.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_is_kept_busy_is_late() {
        let lag = Lag::watch();
        tokio::time::sleep(EVERY).await;
        let until = Instant::now() + EVERY * 5;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        while lag.seen().len() < 3 {
            tokio::time::sleep(EVERY).await;
        }
        assert!(Duration::from_nanos(lag.seen().max()) >= EVERY * 3);
    }
}
