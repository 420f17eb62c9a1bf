//! Which numbers were reported on: nothing counts twice, and feedback that was lost is seen.

use corelay_wire::units::SequenceNumber;

/// Numbers that are remembered: more than one message of feedback reports on, and as many again that a later one may repeat.
const REMEMBERED: u64 = 1024;
const WORDS: usize = (REMEMBERED / 64) as usize;

/// What a report on a number is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first about it. So many numbers before it were never reported on.
    First {
        /// How many.
        unreported: u32,
    },
    /// It arrived after it was reported as lost.
    Late,
    /// Nothing new.
    Known,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The number after the highest that was reported on, without wraps.
    next: Option<u64>,
    arrived: [u64; WORDS],
}

impl Ledger {
    /// Takes in a report on `sequence`.
    pub(crate) fn note(&mut self, sequence: SequenceNumber, arrived: bool) -> News {
        // As far from zero as numbers are remembered, so that what is late at the very beginning has a place.
        let next = *self.next.get_or_insert(u64::from(sequence.0) + 65_536);
        let distance = sequence.distance(SequenceNumber(next as u16));
        let number = next.saturating_add_signed(distance.into());
        if distance >= 0 {
            (next..number).rev().take(REMEMBERED as usize).for_each(|n| self.set(n, false));
            self.set(number, arrived);
            self.next = Some(number + 1);
            return News::First { unreported: distance.unsigned_abs().into() };
        }
        if !arrived || number + REMEMBERED < next || self.is_set(number) {
            return News::Known;
        }
        self.set(number, true);
        News::Late
    }

    /// Whether `sequence` arrived, or may do so yet: nothing was told of it. `false`: it was lost, or what told of it.
    pub(crate) fn may_arrive(&self, sequence: SequenceNumber) -> bool {
        let Some(next) = self.next else { return true };
        let distance = sequence.distance(SequenceNumber(next as u16));
        let number = next.saturating_add_signed(distance.into());
        distance >= 0 || (number + REMEMBERED >= next && self.is_set(number))
    }

    fn set(&mut self, number: u64, arrived: bool) {
        let (word, bit) = Self::place(number);
        self.arrived[word] = self.arrived[word] & !bit | if arrived { bit } else { 0 };
    }

    fn is_set(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.arrived[word] & bit != 0
    }

    const fn place(number: u64) -> (usize, u64) {
        ((number % REMEMBERED / 64) as usize, 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(ledger: &mut Ledger, sequence: u16, arrived: bool) -> News {
        ledger.note(SequenceNumber(sequence), arrived)
    }

    #[test]
    fn each_number_counts_once_over_the_wrap() {
        let mut ledger = Ledger::default();
        assert_eq!(note(&mut ledger, 65_534, true), News::First { unreported: 0 });
        assert_eq!(note(&mut ledger, 65_535, false), News::First { unreported: 0 });
        assert_eq!(note(&mut ledger, 2, true), News::First { unreported: 2 });
        assert_eq!(note(&mut ledger, 65_534, true), News::Known);
        assert_eq!(note(&mut ledger, 65_535, false), News::Known);
        assert_eq!(note(&mut ledger, 65_535, true), News::Late);
        assert_eq!(note(&mut ledger, 65_535, true), News::Known);
        assert_eq!(note(&mut ledger, 65_533, true), News::Late, "from before the first report");
        assert_eq!(note(&mut ledger, 3, false), News::First { unreported: 0 });
        let may_arrive = [65_532, 65_533, 65_535, 0, 2, 3, 4, 900].map(|n| ledger.may_arrive(SequenceNumber(n)));
        assert_eq!(may_arrive, [false, true, true, false, true, false, true, true]);
    }

    #[test]
    fn what_was_forgotten_is_no_news() {
        let mut ledger = Ledger::default();
        note(&mut ledger, 0, false);
        assert_eq!(note(&mut ledger, 5_000, true), News::First { unreported: 4_999 });
        assert_eq!(note(&mut ledger, 0, true), News::Known);
        assert_eq!(note(&mut ledger, 4_500, true), News::Late);
        assert_eq!(note(&mut ledger, 4_500, true), News::Known);
    }
}
