//! One sample of delay for the packets that left together.
//!
//! ```text
//! sent      |||||        |||        |||||||            a run leaves at once
//! arrived     | | | | |    | | |       | | | | | | |   and is spread by the bottleneck
//!             ^            ^           ^               the first of each tells what was in the queue before the run came
//! ```
//! What a run adds to the queue itself is not congestion: by the next run it is gone, or the next first packet tells.

use core::time::Duration;
use corelay_wire::units::Instant;

/// Packets that left within this time of the first are one group. draft-ietf-rmcat-gcc-02 section 5.2 has 5 ms. Longer takes the
/// least delayed of more packets, which evens jitter out, and makes samples of paced traffic as rare as those of frames, so that the
/// trend is always of the same time; shorter tells a queue sooner, by this much at most.
const GROUP: Duration = Duration::from_millis(20);
/// A delay that moves by more is another clock: the peer slept, or was replaced.
const JUMP_MILLIS: f64 = 10_000.0;

/// The least delayed packet of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct DelaySample {
    /// When it left.
    pub(super) sent: Instant,
    /// When it arrived, on the peer's clock.
    pub(super) arrived: Instant,
    /// In milliseconds, from some origin: only differences mean anything.
    pub(super) delay: f64,
}

/// What a packet is to the samples.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grouped {
    /// One of a group that is not complete.
    Member,
    /// The first of the next group: this is the sample of the one before.
    Next(DelaySample),
    /// The clocks have nothing to do with those of before: begin anew.
    Restart,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// What a delay of zero is, in nanoseconds between the clocks.
    origin: Option<i64>,
    /// When the first packet of the present group left.
    begun: Instant,
    /// Its least delayed packet; `None` when the sample was taken.
    least: Option<DelaySample>,
    /// The delay of the packet that arrived last.
    latest: f64,
}

impl Groups {
    /// Takes in the next packet that arrived.
    pub(super) fn add(&mut self, sent: Instant, arrived: Instant) -> Grouped {
        let apart = (arrived.as_nanos() as i64).wrapping_sub(sent.as_nanos() as i64);
        let Some(origin) = self.origin else {
            self.origin = Some(apart);
            self.begun = sent;
            self.least = Some(DelaySample { sent, arrived, delay: 0.0 });
            return Grouped::Member;
        };
        let delay = apart.wrapping_sub(origin) as f64 / 1e6;
        self.latest = delay;
        let sample = DelaySample { sent, arrived, delay };
        if sent.since(self.begun) < GROUP {
            if let Some(least) = self.least.as_mut().filter(|least| sample.delay < least.delay) {
                *least = sample;
            }
            return Grouped::Member;
        }
        let before = self.least.replace(sample);
        self.begun = sent;
        match before {
            Some(before) if (delay - before.delay).abs() > JUMP_MILLIS => {
                *self = Self::default();
                Grouped::Restart
            }
            Some(before) => Grouped::Next(before),
            None => Grouped::Member,
        }
    }

    /// The delay of the packet that came last, whichever of its group it is: where the path became slow, all that arrives for a while is of
    /// one group.
    pub(super) fn latest(&self) -> f64 {
        self.latest
    }

    /// The sample of the present group, at the end of a report: what else left with it came later.
    pub(super) fn close(&mut self) -> Option<DelaySample> {
        self.least.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_run_is_one_sample_of_its_first_packet() {
        let mut groups = Groups::default();
        for n in 0..8 {
            assert!(matches!(groups.add(at(100), at(5_000 + 4 * n)), Grouped::Member));
        }
        let Grouped::Next(first) = groups.add(at(133), at(5_040)) else { panic!("the second run ends the first") };
        assert_eq!((first.sent, first.arrived, first.delay), (at(100), at(5_000), 0.0));
        assert_eq!(groups.close().map(|s| s.delay), Some(7.0));
        assert!(matches!(groups.add(at(133), at(5_044)), Grouped::Member));
        assert!(groups.close().is_none(), "the rest of a run whose sample was taken");
    }

    #[test]
    fn the_least_delayed_of_a_group_counts() {
        let mut groups = Groups::default();
        groups.add(at(0), at(1_030));
        groups.add(at(5), at(1_011));
        groups.add(at(10), at(1_039));
        assert_eq!(groups.close().map(|s| s.delay), Some(-24.0));
    }

    #[test]
    fn another_clock_begins_anew() {
        let mut groups = Groups::default();
        groups.add(at(0), at(1_000));
        assert!(matches!(groups.add(at(100), at(50_000)), Grouped::Restart));
        assert!(matches!(groups.add(at(200), at(50_100)), Grouped::Member));
    }
}
