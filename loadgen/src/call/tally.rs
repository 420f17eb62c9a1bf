//! What arrived on one consumer, against what should have.

use super::stream::{Stamp, now_us};
use serde::Serialize;

/// Counts of one or many streams.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) reordered: u64,
    pub(crate) duplicated: u64,
    pub(crate) corrupt: u64,
    /// Sum and maximum of the time from the sender's stamp to here.
    pub(crate) latency_sum_us: u64,
    pub(crate) latency_max_us: u64,
    #[serde(skip)]
    next_sequence: Option<u16>,
    #[serde(skip)]
    source: Option<u32>,
}

impl Tally {
    /// One packet of the stream, decrypted.
    pub(crate) fn take(&mut self, sequence: u16, payload: &[u8]) {
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.order(sequence);
        match Stamp::verify(payload) {
            Some(stamp) if self.source.is_none_or(|source| source == stamp.ssrc) => {
                self.source = Some(stamp.ssrc);
                let latency = now_us().saturating_sub(stamp.sent_us);
                self.latency_sum_us += latency;
                self.latency_max_us = self.latency_max_us.max(latency);
            }
            _ => self.corrupt += 1,
        }
    }

    fn order(&mut self, sequence: u16) {
        let ahead = self.next_sequence.map_or(0, |next| sequence.wrapping_sub(next) as i16);
        if ahead >= 0 {
            self.lost += ahead as u64;
            self.next_sequence = Some(sequence.wrapping_add(1));
        } else if ahead == -1 {
            self.duplicated += 1;
        } else {
            self.reordered += 1;
            self.lost = self.lost.saturating_sub(1);
        }
    }

    /// Adds another stream's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.reordered += other.reordered;
        self.duplicated += other.duplicated;
        self.corrupt += other.corrupt;
        self.latency_sum_us += other.latency_sum_us;
        self.latency_max_us = self.latency_max_us.max(other.latency_max_us);
    }

    /// Mean latency in microseconds.
    pub(crate) fn latency_mean_us(&self) -> u64 {
        self.latency_sum_us.checked_div(self.packets).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_late_and_double_packets_are_told_apart() {
        let mut tally = Tally::default();
        for sequence in [65534, 65535, 1, 0, 2, 2] {
            tally.take(sequence, &[]);
        }
        assert_eq!((tally.lost, tally.reordered, tally.duplicated, tally.corrupt), (0, 1, 1, 6));
        tally.take(10, &[]);
        assert_eq!(tally.lost, 7);
    }
}
