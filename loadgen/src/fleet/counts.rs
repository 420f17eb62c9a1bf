//! Counts that one thread writes and others read.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of received streams. Those of a live stream or fleet only grow, but for `lost`, which shrinks when a late packet comes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Counts {
    /// RTP packets, duplicates included.
    pub packets: u64,
    /// Bytes of UDP payload in them.
    pub bytes: u64,
    /// Missing in the sequence numbers.
    pub lost: u64,
    /// Came after one with a higher sequence number.
    pub reordered: u64,
    /// Came again.
    pub duplicates: u64,
    /// Opened and checked.
    pub verified: u64,
    /// Opened, and not what was sent: an error of the run.
    pub corrupt: u64,
    /// Did not open with the association's keys: an error of the run.
    pub unopened: u64,
    /// Packets that the publisher sent and the server left out without a gap in the sequence numbers, as found between samples.
    pub skipped: u64,
}

const FIELDS: usize = 9;

impl Counts {
    fn to_array(self) -> [u64; FIELDS] {
        let Self { packets, bytes, lost, reordered, duplicates, verified, corrupt, unopened, skipped } = self;
        [packets, bytes, lost, reordered, duplicates, verified, corrupt, unopened, skipped]
    }

    fn from_array(array: [u64; FIELDS]) -> Self {
        let [packets, bytes, lost, reordered, duplicates, verified, corrupt, unopened, skipped] = array;
        Self { packets, bytes, lost, reordered, duplicates, verified, corrupt, unopened, skipped }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let (a, b) = (self.to_array(), other.to_array());
        *self = Self::from_array(std::array::from_fn(|i| a[i].wrapping_add(b[i])));
    }

    /// What was counted after `earlier`. A `lost` that shrank counts as none.
    pub fn since(&self, earlier: &Self) -> Self {
        let (a, b) = (self.to_array(), earlier.to_array());
        Self::from_array(std::array::from_fn(|i| a[i].saturating_sub(b[i])))
    }

    /// Takes a stream's step from `before` to `after` in; `lost` may step back.
    pub(super) fn step(&mut self, before: &Self, after: &Self) {
        let (sum, a, b) = (self.to_array(), after.to_array(), before.to_array());
        *self = Self::from_array(std::array::from_fn(|i| sum[i].wrapping_add(a[i].wrapping_sub(b[i]))));
    }
}

/// [`Counts`] that one thread stores and others load. Each field is whole; together they may be of two moments.
#[derive(Default)]
pub(super) struct CountCells([AtomicU64; FIELDS]);

impl CountCells {
    pub(super) fn store(&self, counts: &Counts) {
        for (cell, value) in self.0.iter().zip(counts.to_array()) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    pub(super) fn load(&self) -> Counts {
        Counts::from_array(std::array::from_fn(|i| self.0[i].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_follow_their_streams_also_back() {
        let one = Counts { packets: 10, lost: 3, ..Counts::default() };
        let next = Counts { packets: 11, lost: 2, reordered: 1, ..Counts::default() };
        let mut sum = one;
        sum.step(&one, &next);
        assert_eq!(sum, next);
        let cells = CountCells::default();
        cells.store(&sum);
        assert_eq!(cells.load(), next);
        assert_eq!(next.since(&one), Counts { packets: 1, reordered: 1, ..Counts::default() });
    }
}
