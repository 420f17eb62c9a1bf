//! A probe that is under way: how much more than media has to leave for its rate.
//!
//! ```text
//! bytes
//!   |            .  '  bitrate x time
//!   |       .  '   |  short: padding, or packets once more
//!   |  .  '  ______|
//!   | '  ____|  media
//!   +----------------------> until the plan's end, and until enough packets have left
//! ```

use crate::estimate::ProbePlan;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// How often what is short is sent. Longer makes lumps, which the path's queue takes for a moment's overuse; shorter wakes more often.
pub(crate) const STEP: Duration = Duration::from_millis(2);
/// How many times longer than planned a probe may take for its packets.
const OVERTIME: u32 = 2;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Probing {
    plan: ProbePlan,
    began: Instant,
    bytes: u64,
    packets: u32,
}

impl Probing {
    /// Begins.
    pub fn new(now: Instant, plan: ProbePlan) -> Self {
        Self { plan, began: now, bytes: 0, packets: 0 }
    }

    /// Names it in what is noted as sent.
    pub fn cluster(&self) -> u8 {
        self.plan.cluster
    }

    /// How fast it is.
    pub fn bitrate(&self) -> Bitrate {
        self.plan.bitrate
    }

    /// So much left: media or padding.
    pub fn count(&mut self, bytes: u64, packets: u32) {
        self.bytes += bytes;
        self.packets += packets;
    }

    /// How many bytes have to leave at `now` beside media.
    pub fn short(&self, now: Instant) -> u64 {
        // What leaves at once stands for the time until the next step.
        let elapsed = (now.since(self.began) + STEP).min(self.plan.duration * OVERTIME);
        let due = u128::from(self.plan.bitrate.0) * elapsed.as_micros() / 8_000_000;
        (due as u64).saturating_sub(self.bytes)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Instant) -> bool {
        let elapsed = now.since(self.began);
        elapsed >= self.plan.duration && (self.packets >= self.plan.packets_min || elapsed >= self.plan.duration * OVERTIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_counts_and_padding_fills_up() {
        let plan = ProbePlan { cluster: 3, bitrate: Bitrate(8_000_000), duration: Duration::from_millis(15), packets_min: 5 };
        let mut probing = Probing::new(Instant::from_millis(100), plan);
        assert_eq!(probing.short(Instant::from_millis(100)), 2_000);
        probing.count(2_400, 2);
        assert_eq!(probing.short(Instant::from_millis(100)), 0);
        assert_eq!(probing.short(Instant::from_millis(104)), 3_600);
        assert!(!probing.is_over(Instant::from_millis(114)));
        assert!(!probing.is_over(Instant::from_millis(116)), "two packets are too few");
        assert!(probing.is_over(Instant::from_millis(130)), "there is no more");
        probing.count(20_000, 3);
        assert!(probing.is_over(Instant::from_millis(115)));
    }
}
