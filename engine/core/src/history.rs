//! The latest packets of one layer in plaintext, shared by all its subscriptions: what a turn forwards is read from here.
//!
//! ```text
//! bytes  | ..packet 7..|room| ..packet 9..|room| ..packet 8..|room| free |     a ring, in the order of arrival; no packet wraps
//! slots  [ 8 ] [ 9 ] [   ] [   ] ... [ 7 ]                        by index modulo their number: finds a packet by its index
//! order  [ 7, 9, 8 ]                                              indices in the order of arrival; from `settled` on: this turn's
//! ```

use crate::drop_reason::DropReason;
use crate::place::Place;
use core::ops::Range;
use corelay_wire::rtp::ExtensionSpans;
use corelay_wire::units::{Instant, RtpTimestamp};

/// What is known of a packet beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketMeta {
    /// The extended sequence number in the layer: unique over restarts of the publisher.
    pub(crate) index: u64,
    pub(crate) arrived: Instant,
    /// When the kernel took it in: what its way through the server is measured from.
    pub(crate) received: Instant,
    pub(crate) timestamp: RtpTimestamp,
    /// Which of the layer's streams, counted from its first: another one has a timeline of its own.
    pub(crate) generation: u32,
    pub(crate) extensions: ExtensionSpans,
    pub(crate) payload_offset: u16,
    /// Which of the track's formats.
    pub(crate) format: u8,
    pub(crate) marker: bool,
    /// The first packet of a picture that needs no other to be decoded; always so for audio.
    pub(crate) keyframe: bool,
    pub(crate) place: Place,
}

/// Room for padding behind each packet: see [`History::pad`]. A packetizer that cuts a picture evenly needs a byte or two, most
/// others less than this. With less, more packets are sealed in two calls; with more, fewer are kept: it is 1.3 % of video and 8 %
/// of audio as it is.
const PADDING_ROOM: usize = 16;

/// A packet with its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) meta: &'a PacketMeta,
    /// The packet and the padding that it was given.
    padded: &'a [u8],
    /// Of the packet.
    len: u16,
    payload_at: u16,
}

impl<'a> Stored<'a> {
    /// From the first byte of the publisher's header to the last of the payload; padding is cut off.
    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        &self.padded[..usize::from(self.len)]
    }

    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        &self.bytes()[usize::from(self.payload_at)..]
    }

    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        usize::from(self.len - self.payload_at)
    }

    /// The payload and the padding that it was given.
    #[inline]
    pub(crate) fn padded_payload(&self) -> &'a [u8] {
        &self.padded[usize::from(self.payload_at)..]
    }

    /// The same with nothing but the last `len` bytes of its payload, which has as many.
    pub(crate) fn with_payload_len(self, len: usize) -> Self {
        Self { payload_at: self.len - len as u16, ..self }
    }
}

/// `dst` as padding, the last octet of which counts them all (RFC 3550 section 5.1), zeros before it.
pub(crate) fn write_padding(dst: &mut [u8]) {
    let count = dst.len();
    if let [zeros @ .., last] = dst {
        zeros.fill(0);
        *last = count as u8;
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    meta: PacketMeta,
    /// Where the bytes begin, counted from the first byte ever written.
    position: u64,
    /// The same in the ring.
    at: u32,
    len: u16,
    /// Bytes of padding behind them.
    padding: u8,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct History {
    slots: Box<[Slot]>,
    order: Box<[u64]>,
    bytes: Box<[u8]>,
    /// Where the next packet's bytes begin, counted from the first byte ever written.
    position: u64,
    /// The same in the ring: a division less for each packet.
    at: usize,
    /// The highest index that arrived; zero before the first.
    highest: u64,
    /// Packets that arrived.
    arrived: u64,
    /// Packets that a walk has taken.
    settled: u64,
}

impl Slot {
    fn empty() -> Self {
        let meta = PacketMeta {
            index: 0,
            arrived: Instant::ZERO,
            received: Instant::ZERO,
            timestamp: RtpTimestamp(0),
            generation: 0,
            extensions: ExtensionSpans::default(),
            payload_offset: 0,
            format: 0,
            marker: false,
            keyframe: false,
            place: Place::WHOLE,
        };
        Self { meta, position: 0, at: 0, len: 0, padding: 0 }
    }
}

impl History {
    /// Room for `packets` packets, a power of two, with `bytes` bytes together.
    pub(crate) fn new(packets: u32, bytes: u32) -> Self {
        assert!(packets.is_power_of_two() && packets <= 1 << 16, "slots are found by the low bits of an index");
        Self {
            slots: vec![Slot::empty(); packets as usize].into_boxed_slice(),
            order: vec![0; packets as usize].into_boxed_slice(),
            bytes: vec![0; bytes as usize].into_boxed_slice(),
            position: 0,
            at: 0,
            highest: 0,
            arrived: 0,
            settled: 0,
        }
    }

    /// What [`History::new`] takes from the heap.
    pub(crate) const fn bytes(packets: u32, bytes: u32) -> u64 {
        packets as u64 * (size_of::<Slot>() + size_of::<u64>()) as u64 + bytes as u64
    }

    /// Whether a packet with `index` is new and not too old. Exact: a slot holds the highest index that was given to it, so
    /// within the window a packet that was seen is still there.
    pub(crate) fn judge(&self, index: u64) -> Result<(), DropReason> {
        if index + self.slots.len() as u64 <= self.highest {
            return Err(DropReason::TooLate);
        }
        match self.slots[self.slot(index)].meta.index == index {
            true => Err(DropReason::Duplicate),
            false => Ok(()),
        }
    }

    /// Keeps a packet that was judged good. `bytes` are no longer than a datagram. Gives the payload, as it is kept.
    pub(crate) fn insert(&mut self, meta: PacketMeta, bytes: &[u8]) -> &mut [u8] {
        let len = bytes.len() + PADDING_ROOM;
        let at = self.place(len);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let slot = self.slot(meta.index);
        self.slots[slot] = Slot { meta, position: self.position, at: at as u32, len: bytes.len() as u16, padding: 0 };
        self.position += len as u64;
        self.at = at + len;
        let turn = self.arrived as usize & (self.order.len() - 1);
        self.order[turn] = meta.index;
        self.arrived += 1;
        self.highest = self.highest.max(meta.index);
        self.bytes[at..at + bytes.len()].get_mut(meta.payload_offset.into()..).unwrap_or_default()
    }

    /// Gives the packet with this index `count` bytes of padding, where there is room for so many, in place of those that it had:
    /// so that both are sealed in one pass for each subscriber whose run is made of such lengths.
    pub(crate) fn pad(&mut self, index: u64, count: usize) {
        let place = self.slot(index);
        let slot = &self.slots[place];
        if count > PADDING_ROOM || !self.keeps(slot, index) {
            return;
        }
        let end = slot.at as usize + usize::from(slot.len);
        write_padding(&mut self.bytes[end..end + count]);
        self.slots[place].padding = count as u8;
    }

    /// The packets of this turn, in the order of arrival, as numbers for [`History::arrival`].
    pub(crate) fn fresh(&self) -> Range<u64> {
        self.settled..self.arrived
    }

    /// The packet that arrived as number `n`, if newer ones have not overwritten its bytes or taken its slot.
    pub(crate) fn arrival(&self, n: u64) -> Option<Stored<'_>> {
        if n + self.order.len() as u64 <= self.arrived.saturating_sub(1) || n >= self.arrived {
            return None;
        }
        self.find(self.order[n as usize & (self.order.len() - 1)])
    }

    /// The packet that arrived last.
    #[inline]
    pub(crate) fn newest(&self) -> Option<Stored<'_>> {
        let last = self.arrived.checked_sub(1)?;
        self.find(self.order[last as usize & (self.order.len() - 1)])
    }

    /// The packet with this index, if newer ones have not overwritten its bytes or taken its slot.
    #[inline]
    pub(crate) fn find(&self, index: u64) -> Option<Stored<'_>> {
        let slot = &self.slots[self.slot(index)];
        if !self.keeps(slot, index) {
            return None;
        }
        let Slot { ref meta, at, len, padding, .. } = *slot;
        let (at, end) = (at as usize, at as usize + usize::from(len) + usize::from(padding));
        Some(Stored { meta, padded: &self.bytes[at..end], len, payload_at: meta.payload_offset })
    }

    /// Whether the packet with this index was here and is not any more, and no keyframe came after it: who lacks it waits for one.
    pub(crate) fn left_a_hole(&self, index: u64) -> bool {
        let slot = &self.slots[self.slot(index)];
        let is_gone = slot.meta.index >= index && !self.keeps(slot, index);
        is_gone && !self.slots.iter().any(|slot| slot.meta.keyframe && slot.meta.index > index)
    }

    /// The packets that arrived before number `end` are no longer fresh: they are on their way to whoever wants them.
    pub(crate) fn settle(&mut self, end: u64) {
        self.settled = end;
    }

    /// The highest index of what walks have taken; `None` where something of this turn belongs before it, or nothing was taken.
    pub(crate) fn newest_taken(&self) -> Option<u64> {
        let fresh = self.fresh();
        let lowest = fresh.clone().map(|n| self.order[n as usize & (self.order.len() - 1)]).min();
        let Some(lowest) = lowest else { return Some(self.highest).filter(|highest| *highest > 0) };
        let above = (lowest..=self.highest).filter(|index| self.find(*index).is_some()).count();
        (above as u64 == fresh.end - fresh.start).then(|| lowest - 1)
    }

    /// The highest index that arrived; zero before the first.
    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether the slot has the packet with this index, and the ring its bytes.
    #[inline]
    fn keeps(&self, slot: &Slot, index: u64) -> bool {
        slot.meta.index == index && slot.position + self.bytes.len() as u64 >= self.position
    }

    /// Where `len` bytes go: at the write position, or at the start of the ring when they would wrap.
    fn place(&mut self, len: usize) -> usize {
        let ring = self.bytes.len();
        assert!(len <= ring && len <= usize::from(u16::MAX), "a history holds more than one datagram");
        if self.at + len <= ring {
            return self.at;
        }
        self.position += (ring - self.at) as u64;
        0
    }

    fn slot(&self, index: u64) -> usize {
        index as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(packets: u32, bytes: u32, indices: &[u64]) -> History {
        let mut h = History::new(packets, bytes);
        for index in indices {
            h.judge(*index).expect("good");
            h.insert(PacketMeta { index: *index, ..Slot::empty().meta }, &[*index as u8; 10]);
        }
        h
    }

    #[test]
    fn a_turn_is_read_in_the_order_of_arrival_and_only_once() {
        let mut h = history(8, 1000, &[100, 102, 101]);
        let indices: Vec<_> = h.fresh().map(|n| h.arrival(n).expect("kept").meta.index).collect();
        assert_eq!(indices, [100, 102, 101]);
        assert_eq!(h.arrival(1).expect("kept").bytes(), [102; 10]);
        assert_eq!(h.find(102).expect("kept").bytes(), [102; 10]);
        assert!(h.find(103).is_none() && h.find(110).is_none());
        h.settle(2);
        assert_eq!(h.fresh(), 2..3);
        h.settle(3);
        assert!(h.fresh().is_empty());
    }

    #[test]
    fn duplicates_and_late_packets_are_told_apart() {
        let h = history(8, 1000, &[100, 101, 107]);
        assert_eq!(h.judge(100), Err(DropReason::Duplicate));
        assert_eq!(h.judge(107), Err(DropReason::Duplicate));
        assert_eq!(h.judge(99), Err(DropReason::TooLate));
        assert_eq!(h.judge(102), Ok(()));
        assert_eq!(h.judge(5000), Ok(()));
    }

    #[test]
    fn of_two_packets_with_one_slot_the_older_is_gone() {
        let h = history(8, 1000, &[100, 101, 108]);
        let kept: Vec<_> = h.fresh().map(|n| h.arrival(n).map(|p| p.meta.index)).collect();
        assert_eq!(kept, [None, Some(101), Some(108)]);
    }

    #[test]
    fn a_packet_that_is_gone_leaves_a_hole_until_the_next_keyframe() {
        let mut h = history(8, 1000, &[100, 101, 103, 110, 111]);
        assert_eq!([102, 103, 104, 112].map(|index| h.left_a_hole(index)), [true, true, false, false]);
        h.insert(PacketMeta { index: 112, keyframe: true, ..Slot::empty().meta }, &[112; 10]);
        assert!(!h.left_a_hole(103), "whoever lacks it goes on there");
    }

    #[test]
    fn what_was_taken_ends_where_this_turn_begins() {
        assert_eq!(history(8, 1000, &[]).newest_taken(), None);
        let mut h = history(8, 1000, &[100, 101, 102]);
        h.settle(3);
        assert_eq!(h.newest_taken(), Some(102));
        h.settle(1);
        assert_eq!(h.newest_taken(), Some(100));
        let mut h = history(8, 1000, &[100, 102, 101]);
        h.settle(2);
        assert_eq!(h.newest_taken(), None, "what comes belongs before what was taken");
    }

    #[test]
    fn overwritten_bytes_are_gone_and_never_wrong() {
        let indices: Vec<u64> = (100..130).collect();
        let h = history(16, 6 * (10 + PADDING_ROOM as u32) + 4, &indices);
        let kept: Vec<_> = (0..30).filter_map(|n| h.arrival(n)).collect();
        assert_eq!(kept.len(), 6);
        assert!(kept.iter().all(|p| p.bytes() == [p.meta.index as u8; 10]));
        assert_eq!(kept.last().map(|p| p.meta.index), Some(129));
    }

    #[test]
    fn padding_is_behind_a_packet_and_harms_no_other() {
        let mut h = history(8, 1000, &[100, 101, 102]);
        for (count, padded) in [(3, &[101, 101, 0, 0, 3][..]), (0, &[101, 101]), (1, &[101, 101, 1])] {
            h.pad(101, count);
            let packet = h.find(101).expect("kept").with_payload_len(2);
            assert_eq!((packet.bytes(), packet.payload(), packet.payload_len()), (&[101; 10][..], &[101; 2][..], 2));
            assert_eq!(packet.padded_payload(), padded);
        }
        h.pad(101, PADDING_ROOM);
        h.pad(102, PADDING_ROOM + 1);
        h.pad(109, 1);
        assert_eq!([100, 102].map(|index| h.find(index).expect("kept").padded_payload()), [[100; 10], [102; 10]]);
        assert_eq!(h.find(101).expect("kept").padded_payload().len(), 10 + PADDING_ROOM);
    }
}
