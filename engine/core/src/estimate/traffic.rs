//! Bytes by time, for the rate over any of the last moments.

use core::time::Duration;
use corelay_wire::units::Instant;

/// Finer tells a rate over a shorter time; each slot costs 8 bytes.
const SLOT_NANOS: u64 = 20_000_000;
const SLOTS: usize = 64;

/// The longest window that a rate can be asked for.
pub(super) const WINDOW_MAX: Duration = Duration::from_nanos(SLOT_NANOS * (SLOTS as u64 - 4));

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Of the time since the origin.
    number: u32,
    bytes: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    slots: [Slot; SLOTS],
    first: Option<Instant>,
    last: Instant,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self { slots: [Slot::default(); SLOTS], first: None, last: Instant::ZERO }
    }

    /// Forgets everything: what comes next is on another line of time.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// The latest time at which there was anything.
    pub(super) fn last(&self) -> Instant {
        self.last
    }

    pub(super) fn add(&mut self, at: Instant, bytes: u32) {
        self.first.get_or_insert(at);
        self.last = self.last.max(at);
        let number = (at.as_nanos() / SLOT_NANOS) as u32;
        let slot = &mut self.slots[number as usize % SLOTS];
        if slot.number < number {
            *slot = Slot { number, bytes: 0 };
        }
        // What is older than the ring is left out.
        if slot.number == number {
            slot.bytes = slot.bytes.saturating_add(bytes);
        }
    }

    /// Adds bytes that were spread evenly over the time since the last that were added, until `until`.
    pub(super) fn spread(&mut self, until: Instant, bytes: u64) {
        let slots = (until.since(self.last).as_nanos() as u64 / SLOT_NANOS).clamp(1, SLOTS as u64);
        let first = until.as_nanos().saturating_sub((slots - 1) * SLOT_NANOS);
        for slot in 0..slots {
            self.add(Instant::from_nanos(first + slot * SLOT_NANOS), (bytes / slots).min(u32::MAX.into()) as u32);
        }
    }

    /// Bytes of the last `window`, and how long that was: up to a slot longer, or shorter where there was nothing before.
    pub(super) fn recent(&self, window: Duration) -> (u64, Duration) {
        let Some(first) = self.first else { return (0, Duration::ZERO) };
        let until = self.last.as_nanos();
        let from = until.saturating_sub(window.min(WINDOW_MAX).as_nanos() as u64) / SLOT_NANOS;
        let newest = until / SLOT_NANOS;
        let slots = (from..=newest).map(|number| (number, &self.slots[number as usize % SLOTS]));
        let bytes = slots.filter(|(number, slot)| u64::from(slot.number) == *number).map(|(_, slot)| u64::from(slot.bytes)).sum();
        (bytes, Duration::from_nanos(until - first.as_nanos().max(from * SLOT_NANOS).min(until)))
    }

    /// Bits per second over the last `window`; `None` before half of it.
    pub(super) fn rate(&self, window: Duration) -> Option<f64> {
        let (bytes, time) = self.recent(window);
        (time >= window / 2).then(|| bytes as f64 * 8.0 / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_its_window() {
        let mut traffic = Traffic::new();
        for at in 0..1_000 {
            traffic.add(Instant::from_millis(at), 1_250);
        }
        for at in 1_000..1_200 {
            traffic.add(Instant::from_millis(at), 125);
        }
        let short = traffic.rate(Duration::from_millis(150)).expect("half of it passed");
        assert!((0.9e6..1.1e6).contains(&short), "{short}");
        let long = traffic.rate(Duration::from_millis(1_000)).expect("half of it passed");
        assert!((7.5e6..9.0e6).contains(&long), "{long}");
    }

    #[test]
    fn it_says_nothing_too_early_and_forgets_what_is_old() {
        let mut traffic = Traffic::new();
        traffic.add(Instant::from_millis(10), 1_000);
        assert_eq!(traffic.rate(Duration::from_millis(500)), None);
        traffic.add(Instant::from_millis(100_000), 1_000);
        let rate = traffic.rate(Duration::from_millis(500)).expect("half of it passed");
        assert!(rate < 17_000.0, "{rate}");
        traffic.add(Instant::from_millis(50_000), 1_000_000);
        assert!(traffic.rate(Duration::from_millis(500)).expect("half of it passed") < 17_000.0);
    }
}
