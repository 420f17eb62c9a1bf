//! From the publisher's numbers to one subscriber's: an offset for sequence and one for timestamp, anew after each break.
//!
//! ```text
//! in    10 11 12 _ 14 15 | (paused)  | 90 91 92      a gap of the publisher stays a gap: the receiver sees the loss
//! out    1  2  3 _  5  6 |           |  7  8  9      a pause leaves none: what was not sent was not lost
//! ```
//!
//! An outgoing index is never used twice: within a segment it is the incoming one plus a constant, and a new segment begins above
//! the highest index that was sent. AEAD needs that (RFC 7714 section 8.1: a nonce must not repeat under a key).

use crate::history::PacketMeta;
use corelay_wire::units::{ClockRate, Instant, PacketIndex, RtpTimestamp};

/// Which stream of a track: its layer, and which of the layer's streams in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) layer: u8,
    pub(crate) generation: u32,
}

/// The numbers of one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// What the offsets are for; `None` before the first packet.
    source: Option<Source>,
    /// Whether packets of `source` go on; otherwise the next one begins a segment.
    flowing: bool,
    /// The incoming index that the segment began with: older ones belong to what was not sent.
    start: u64,
    /// Outgoing minus incoming index, wrapping.
    sequence_offset: u64,
    /// Outgoing minus incoming timestamp, wrapping.
    timestamp_offset: u32,
    /// The highest index that was sent, or one below the first.
    last_index: u64,
    last_timestamp: RtpTimestamp,
    last_arrived: Instant,
}

impl Mapping {
    /// Nothing sent yet; the first packet gets these numbers.
    ///
    /// The first sequence number is below 2^15: a receiver that misses the first packets guesses the rollover counter from what
    /// it gets first (RFC 3711 section 3.3.1), and would guess wrong just before a wrap.
    pub(crate) fn new(first_sequence: u16, first_timestamp: u32) -> Self {
        Self {
            source: None,
            flowing: false,
            start: 0,
            sequence_offset: 0,
            timestamp_offset: 0,
            last_index: u64::from(first_sequence & 0x7FFF),
            last_timestamp: RtpTimestamp(first_timestamp),
            last_arrived: Instant::ZERO,
        }
    }

    /// The stream whose packets go on, if one does.
    pub(crate) fn flowing(&self) -> Option<Source> {
        if self.flowing { self.source } else { None }
    }

    /// Ends the segment: the next packet continues without a gap.
    pub(crate) fn suspend(&mut self) {
        self.flowing = false;
    }

    /// Begins a segment with this packet of `source`.
    pub(crate) fn begin(&mut self, source: Source, packet: &PacketMeta, clock: ClockRate) {
        let timestamp = self.continued_timestamp(source, packet, clock);
        self.start = packet.index;
        self.sequence_offset = (self.last_index + 1).wrapping_sub(packet.index);
        self.timestamp_offset = timestamp.0.wrapping_sub(packet.timestamp.0);
        self.source = Some(source);
        self.flowing = true;
    }

    /// The packet's numbers for the subscriber; `None` when it is older than the segment. `packet` is of the flowing source.
    pub(crate) fn map(&mut self, packet: &PacketMeta) -> Option<(PacketIndex, RtpTimestamp)> {
        if !self.flowing || packet.index < self.start {
            return None;
        }
        let index = packet.index.wrapping_add(self.sequence_offset);
        let timestamp = packet.timestamp.plus(self.timestamp_offset);
        if index > self.last_index {
            self.last_index = index;
            self.last_timestamp = timestamp;
            self.last_arrived = packet.arrived;
        }
        Some((PacketIndex(index), timestamp))
    }

    /// A timestamp of the publisher in the subscriber's timeline, while packets of `source` go on.
    pub(crate) fn timestamp(&self, source: Source, timestamp: RtpTimestamp) -> Option<RtpTimestamp> {
        (self.flowing() == Some(source)).then(|| timestamp.plus(self.timestamp_offset))
    }

    /// Where the timeline goes on. The same stream after a pause counts its own time, which is exact; where it did not count the
    /// pause, and for another stream, the time that passed between the arrivals is what there is.
    fn continued_timestamp(&self, source: Source, packet: &PacketMeta, clock: ClockRate) -> RtpTimestamp {
        let Some(last_source) = self.source else { return self.last_timestamp };
        let ticks = packet.arrived.since(self.last_arrived).as_nanos() * u128::from(clock.0) / 1_000_000_000;
        let expected = self.last_timestamp.plus((ticks as u32).max(1));
        let own = packet.timestamp.plus(self.timestamp_offset);
        // Timestamps half their range apart and more have no order: after so long a pause any is later.
        let later = ticks >= 1 << 31 || own.distance(self.last_timestamp) > 0;
        let off = own.distance(expected).unsigned_abs();
        if last_source == source && later && off <= clock.0 / 2 { own } else { expected }
    }
}

#[cfg(test)]
mod tests;
