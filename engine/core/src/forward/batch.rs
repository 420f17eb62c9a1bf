//! Packets of one transport in its subscribers' numbering, before they are sealed.
//!
//! ```text
//! parts    | subscription 7: +1000, +90000 | subscription 9: +40, +3 |      what packets have in common
//! packets  | 80 | 81 | 82 | 83 |            | 512 |                          each names its part, and where it is in the history
//! ```

use crate::history::Stored;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::subscriber::{Patch, Rename, Subscriber};
use arrayvec::ArrayVec;
use corelay_wire::media::Codec;
use corelay_wire::rtp::Carried;
use corelay_wire::units::{PacketIndex, PayloadType, RtpTimestamp};

/// How packets of one subscription are numbered, and what is changed in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) subscription: u32,
    /// Outgoing minus incoming index, wrapping.
    pub(super) index_offset: u64,
    /// Outgoing minus incoming timestamp, wrapping.
    pub(super) timestamp_offset: u32,
    pub(super) payload_type: PayloadType,
    pub(super) codec: Codec,
    pub(super) patch: Patch,
    /// What is changed in the payloads.
    pub(super) rename: Option<Rename>,
}

/// What packets have in common that follow each other.
pub(super) struct Part {
    pub(super) numbers: Numbers,
    /// Each packet takes a transport-wide number.
    pub(super) numbered: bool,
    /// Lost packets are sent again as they were: what they were is noted.
    pub(super) in_place: bool,
    /// Packets that were sealed, and the bytes of their payloads.
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// A packet of a part.
pub(super) struct Outgoing<'a> {
    pub(super) stored: Stored<'a>,
    /// As it leaves, but for padding that its run asks for.
    pub(super) len: u16,
    pub(super) header_len: u16,
    /// Place in the turn's packets.
    pub(super) place: u16,
    pub(super) part: u8,
    /// Extensions of the publisher's are passed with it: some of these.
    pub(super) extended: bool,
    pub(super) carried: Carried,
}

/// Packets whose lengths are known before the first of them is sealed: as many as one run can hold.
pub(super) struct Batch<'a> {
    pub(super) parts: ArrayVec<Part, RUN_SEGMENTS_MAX>,
    pub(super) packets: ArrayVec<Outgoing<'a>, RUN_SEGMENTS_MAX>,
}

impl<'a> Batch<'a> {
    pub(super) const fn new() -> Self {
        const { assert!(RUN_SEGMENTS_MAX <= u8::MAX as usize, "a part has a number of 8 bits") };
        Self { parts: ArrayVec::new_const(), packets: ArrayVec::new_const() }
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.packets.clear();
    }

    /// Begins a part of the subscriber's; gives its number. A batch has no more parts than packets.
    #[inline]
    pub(super) fn begin(&mut self, numbers: Numbers, subscriber: &Subscriber) -> u8 {
        let Subscriber { in_place, ref header, .. } = *subscriber;
        self.parts.push(Part { numbers, numbered: header.is_numbered(), in_place, packets: 0, octets: 0 });
        self.parts.len() as u8 - 1
    }

    /// The part that the last packet is of, if packets that are numbered like this can join it.
    #[inline]
    pub(super) fn joins(&self, numbers: &Numbers) -> Option<u8> {
        self.parts.last().filter(|part| part.numbers == *numbers).map(|_| self.parts.len() as u8 - 1)
    }

    #[inline]
    pub(super) fn push(&mut self, packet: Outgoing<'a>) {
        self.packets.push(packet);
    }
}

impl Outgoing<'_> {
    #[inline]
    pub(super) fn index(&self, numbers: &Numbers) -> PacketIndex {
        PacketIndex(self.stored.meta.index.wrapping_add(numbers.index_offset))
    }

    #[inline]
    pub(super) fn timestamp(&self, numbers: &Numbers) -> RtpTimestamp {
        self.stored.meta.timestamp.plus(numbers.timestamp_offset)
    }

    /// How many bytes of padding fill `dst`. A packet without a payload has one at least.
    #[inline]
    pub(super) fn padding(&self, dst: &[u8]) -> usize {
        dst.len() - usize::from(self.len) + usize::from(self.stored.payload().is_empty())
    }
}
