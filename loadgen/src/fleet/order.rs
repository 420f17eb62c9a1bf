//! Order of a received stream, by its sequence numbers: gaps, late and double packets.

/// How far back a late packet is told from a double one. Higher: more memory in each stream. Lower: a double that is later counts as late.
const WINDOW: u64 = 512;

/// What a sequence number means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrival {
    /// The next one, after `missing` that did not come.
    New { missing: u64 },
    /// It was missing.
    Late,
    /// It was here before.
    Double,
}

/// The sequence numbers of one stream so far.
#[derive(Default)]
pub(super) struct Order {
    /// Extended by the number of wraps, and started above 0 so that a late packet of before the first has a place (RFC 3550 appendix A.1).
    highest: Option<u64>,
    first: u64,
    seen: [u64; (WINDOW / 64) as usize],
}

impl Order {
    /// Takes a sequence number and gives it extended by the wraps.
    pub(super) fn take(&mut self, sequence: u16) -> (u64, Arrival) {
        let Some(highest) = self.highest else {
            let extended = (1 << 16) + u64::from(sequence);
            self.first = extended;
            self.highest = Some(extended);
            self.mark(extended);
            return (extended, Arrival::New { missing: 0 });
        };
        let ahead = sequence.wrapping_sub(highest as u16) as i16;
        let extended = highest.saturating_add_signed(i64::from(ahead));
        if ahead > 0 {
            for missed in (highest + 1).max(extended.saturating_sub(WINDOW))..extended {
                self.clear(missed);
            }
            self.highest = Some(extended);
            self.mark(extended);
            return (extended, Arrival::New { missing: ahead as u64 - 1 });
        }
        let known = highest - extended < WINDOW && self.is_marked(extended);
        if known {
            return (extended, Arrival::Double);
        }
        self.mark(extended);
        // Before the first one nothing was missed.
        self.first = self.first.min(extended);
        (extended, Arrival::Late)
    }

    /// The highest sequence number, extended from 0 wraps, for receiver reports.
    pub(super) fn extended_highest(&self) -> Option<u32> {
        self.highest.map(|highest| (highest - (1 << 16)) as u32)
    }

    /// How many packets there should have been.
    pub(super) fn expected(&self) -> u64 {
        self.highest.map_or(0, |highest| highest - self.first + 1)
    }

    fn mark(&mut self, extended: u64) {
        self.seen[(extended % WINDOW / 64) as usize] |= 1 << (extended % 64);
    }

    fn clear(&mut self, extended: u64) {
        self.seen[(extended % WINDOW / 64) as usize] &= !(1 << (extended % 64));
    }

    fn is_marked(&self, extended: u64) -> bool {
        self.seen[(extended % WINDOW / 64) as usize] & (1 << (extended % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arrival::{Double, Late, New};

    fn arrivals(sequences: &[u16]) -> Vec<Arrival> {
        let mut order = Order::default();
        sequences.iter().map(|sequence| order.take(*sequence).1).collect()
    }

    #[test]
    fn gaps_late_and_double_packets_are_told_apart_across_the_wrap() {
        let next = New { missing: 0 };
        assert_eq!(
            arrivals(&[65534, 65535, 1, 0, 2, 2, 0, 10]),
            [next, next, New { missing: 1 }, Late, next, Double, Double, New { missing: 7 }]
        );
    }

    #[test]
    fn a_gap_longer_than_the_window_leaves_nothing_marked() {
        assert_eq!(
            arrivals(&[0, 1, 2000, 1999, 1999, 1600]),
            [New { missing: 0 }, New { missing: 0 }, New { missing: 1998 }, Late, Double, Late]
        );
    }

    #[test]
    fn numbers_extend_and_count() {
        let mut order = Order::default();
        for sequence in (0..200_000u32).map(|n| n as u16) {
            assert_eq!(order.take(sequence).1, New { missing: 0 });
        }
        assert_eq!((order.expected(), order.extended_highest()), (200_000, Some(199_999)));
        order.take(199_999u32 as u16);
        assert_eq!(order.expected(), 200_000);
    }
}
