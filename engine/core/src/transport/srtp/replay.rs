//! Which packets of a stream were seen, and which rollover counter a sequence number belongs to.

use corelay_wire::units::{PacketIndex, SequenceNumber};

/// How far back a packet may be and still be told from a replay. RFC 3711 section 3.3.2 asks for 64 at
/// least. A keyframe at 4 Mbit/s is a burst of more than that, and reordering that large happens where
/// paths change; 128 is what one machine word pair holds. Larger would accept older packets, which the history of a track has
/// given up on; smaller would drop reordered ones that it can still use.
pub(crate) const REPLAY_WINDOW: u64 = 128;

/// The newest index of a stream, and which of the [`REPLAY_WINDOW`] below it were seen.
///
/// ```text
/// seen, bit:   127 ...............  3  2  1  0
/// index:       highest - 127 ...            highest
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplayWindow {
    highest: u64,
    seen: u128,
}

impl ReplayWindow {
    /// A window whose first packet is `index`.
    pub(crate) fn starting_with(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// Whether `index` was not seen and is not too old to tell.
    pub(crate) fn is_fresh(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(age) => age < REPLAY_WINDOW && self.seen >> age & 1 == 0,
        }
    }

    /// Notes `index`. Only after its tag was verified.
    pub(crate) fn accept(&mut self, index: u64) {
        match index.checked_sub(self.highest) {
            Some(0) => self.seen |= 1,
            Some(advance) => {
                self.seen = if advance < REPLAY_WINDOW { self.seen << advance | 1 } else { 1 };
                self.highest = index;
            }
            None => {
                let age = self.highest - index;
                if age < REPLAY_WINDOW {
                    self.seen |= 1 << age;
                }
            }
        }
    }

    /// The index that a packet with `sequence` most likely has: the one nearest to the newest (RFC 3711 section 3.3.1, appendix A).
    /// `None` for one before the stream's beginning.
    pub(crate) fn estimate(&self, sequence: SequenceNumber) -> Option<PacketIndex> {
        let newest = PacketIndex(self.highest);
        let distance = i64::from(sequence.distance(newest.sequence()));
        self.highest.checked_add_signed(distance).map(PacketIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn estimate(highest: u64, sequence: u16) -> Option<u64> {
        ReplayWindow::starting_with(highest).estimate(SequenceNumber(sequence)).map(|i| i.0)
    }

    #[test]
    fn rollover_is_estimated_both_ways() {
        assert_eq!(estimate(0x0_FFFF, 0), Some(0x1_0000));
        assert_eq!(estimate(0x1_0000, 0xFFFF), Some(0x0_FFFF));
        assert_eq!(estimate(0x1_0005, 0x0007), Some(0x1_0007));
        assert_eq!(estimate(0x5_C000, 0x0001), Some(0x6_0001));
        assert_eq!(estimate(0x5_8000, 0x0001), Some(0x5_0001));
        assert_eq!(estimate(0x5_3FFF, 0xFFFF), Some(0x4_FFFF));
        assert_eq!(estimate(0xFFFF_FFFF_FFFF, 3), Some(0x1_0000_0000_0003), "beyond 48 bits: the session refuses it");
    }

    #[test]
    fn a_stream_has_nothing_before_its_beginning() {
        assert_eq!(estimate(2, 0xFFFE), None);
    }

    #[test]
    fn the_window_slides() {
        let mut window = ReplayWindow::starting_with(1000);
        assert!(!window.is_fresh(1000));
        assert!(window.is_fresh(1000 - 127) && !window.is_fresh(1000 - 128));
        window.accept(1000 - 127);
        assert!(!window.is_fresh(1000 - 127));
        window.accept(1001);
        assert!(!window.is_fresh(1001) && !window.is_fresh(1000) && window.is_fresh(999));
        window.accept(10_000);
        assert!(!window.is_fresh(10_000) && !window.is_fresh(1001) && window.is_fresh(9999));
    }

    proptest! {
        /// Nothing is accepted twice, and everything inside the window is accepted once.
        #[test]
        fn agrees_with_a_set(steps in proptest::collection::vec(-200i64..200, 1..400)) {
            let mut window = ReplayWindow::starting_with(100_000);
            let mut seen = BTreeSet::from([100_000u64]);
            let mut highest = 100_000u64;
            for step in steps {
                let index = highest.saturating_add_signed(step);
                let expected = !seen.contains(&index) && index + REPLAY_WINDOW > highest;
                prop_assert_eq!(window.is_fresh(index), expected);
                if expected {
                    window.accept(index);
                    seen.insert(index);
                    highest = highest.max(index);
                }
            }
        }
    }
}
