//! Makes transport-wide congestion control feedback from arrivals.

use super::transport_cc::{LARGE_DELTA, NOT_RECEIVED, SMALL_DELTA, TICKS_PER_REFERENCE, TransportCc};
use crate::units::{Instant, SequenceNumber, Ssrc};
use arrayvec::ArrayVec;

/// How many packets, lost ones included, one message reports on. More would make fewer messages on a fast transport; with more, the
/// worst case would no longer fit the smallest path that media is sent on.
pub const PACKETS_MAX: usize = 512;

/// Every chunk but the last holds seven statuses or more.
const CHUNKS_MAX: usize = PACKETS_MAX.div_ceil(7);
const DELTAS_MAX: usize = 2 * PACKETS_MAX;
/// The first word, the two sources, and the fixed part before the chunks.
const FIXED_LEN: usize = 4 + 8 + 8;
const _: () = assert!(FIXED_LEN + 2 * CHUNKS_MAX + DELTAS_MAX <= 1_200, "every message fits a packet");

const NANOS_PER_TICK: u64 = 250_000;
/// The reference time is 24 bits of 64 ms.
const REFERENCE_BITS: u32 = 24;

/// Takes arrivals in the order of their sequence numbers.
#[derive(Clone, Debug)]
pub struct TransportCcBuilder {
    base: SequenceNumber,
    /// In units of 64 ms, of the first arrival.
    reference: i64,
    /// Of the last arrival that was taken in.
    ticks: i64,
    statuses: ArrayVec<u8, PACKETS_MAX>,
    deltas: ArrayVec<u8, DELTAS_MAX>,
    chunks: ArrayVec<[u8; 2], CHUNKS_MAX>,
}

impl TransportCcBuilder {
    /// A message that reports on `base` and what follows it: `base` is the sequence number after the last one of the message before,
    /// so that a packet which was lost between two messages is reported too.
    pub const fn new(base: SequenceNumber) -> Self {
        Self {
            base,
            reference: 0,
            ticks: 0,
            statuses: ArrayVec::new_const(),
            deltas: ArrayVec::new_const(),
            chunks: ArrayVec::new_const(),
        }
    }

    /// Takes in the next arrival; the sequence numbers that were skipped are reported as lost. `false` when it does not fit this
    /// message (full, 8 s from the arrival before, or not after it): it begins the next one.
    pub fn push(&mut self, sequence: SequenceNumber, arrival: Instant) -> bool {
        let lost = usize::from(sequence.0.wrapping_sub(self.next().0));
        if lost + 1 > PACKETS_MAX - self.statuses.len() {
            return false;
        }
        let ticks = (arrival.as_nanos() / NANOS_PER_TICK).cast_signed();
        if self.deltas.is_empty() {
            self.reference = ticks / TICKS_PER_REFERENCE;
            self.ticks = self.reference * TICKS_PER_REFERENCE;
        }
        let Ok(delta) = i16::try_from(ticks - self.ticks) else { return false };
        self.statuses.extend(core::iter::repeat_n(NOT_RECEIVED, lost));
        match u8::try_from(delta) {
            Ok(small) => {
                self.statuses.push(SMALL_DELTA);
                self.deltas.push(small);
            }
            Err(_) => {
                self.statuses.push(LARGE_DELTA);
                self.deltas.extend(delta.to_be_bytes());
            }
        }
        self.ticks = ticks;
        true
    }

    /// The sequence number after the last one that was taken in: the `base` of the next message.
    pub fn next(&self) -> SequenceNumber {
        self.base.plus(self.statuses.len() as u16)
    }

    /// The message; `None` when nothing was taken in.
    pub fn message(&mut self, sender: Ssrc, media: Ssrc, feedback_count: u8) -> Option<TransportCc<'_>> {
        if self.statuses.is_empty() {
            return None;
        }
        self.chunks.clear();
        let mut rest = &self.statuses[..];
        while !rest.is_empty() {
            let (chunk, taken) = next_chunk(rest);
            self.chunks.push(chunk.to_be_bytes());
            rest = &rest[taken..];
        }
        Some(TransportCc {
            sender,
            media,
            base: self.base,
            status_count: self.statuses.len() as u16,
            reference_time: ((self.reference << (64 - REFERENCE_BITS)) >> (64 - REFERENCE_BITS)) as i32,
            feedback_count,
            chunks: &self.chunks,
            deltas: &self.deltas,
        })
    }
}

/// A chunk for the front of `statuses`, and how many it takes: seven or more, or all.
fn next_chunk(statuses: &[u8]) -> (u16, usize) {
    let symbol = statuses[0];
    let run = statuses.iter().take_while(|s| **s == symbol).count();
    let pairs = &statuses[..statuses.len().min(7)];
    let bits = &statuses[..statuses.len().min(14)];
    let bits_suffice = !bits.contains(&LARGE_DELTA);
    if run == statuses.len() || run >= 14 || (run >= 7 && !bits_suffice) {
        (u16::from(symbol) << 13 | run as u16, run)
    } else if bits_suffice {
        (0x8000 | pack(bits, 1), bits.len())
    } else {
        (0xC000 | pack(pairs, 2), pairs.len())
    }
}

/// Statuses of `width` bits each, the first in the highest of the 14 bits.
fn pack(statuses: &[u8], width: usize) -> u16 {
    statuses.iter().enumerate().fold(0, |bits, (at, status)| bits | u16::from(*status) << (14 - width * (at + 1)))
}
