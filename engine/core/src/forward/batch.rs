//! Packets of one transport in its subscribers' numbering, before they are sealed.
//!
//! ```text
//! parts    | subscription 7, VP8 as 96 | subscription 9, Opus as 111 |      what packets have in common
//! packets  | 80 | 81 | 82 | 83 |        | 512 |                              each names its part, and where its payload is
//! ```

use crate::history::Stored;
use crate::outbox::RUN_SEGMENTS_MAX;
use crate::subscriber::{Patch, Rename, Subscriber};
use arrayvec::ArrayVec;
use corelay_wire::media::Codec;
use corelay_wire::rtp::Carried;
use corelay_wire::units::{PacketIndex, PayloadType, RtpTimestamp};

/// What packets have in common that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) subscription: u32,
    pub(super) payload_type: PayloadType,
    pub(super) codec: Codec,
    pub(super) patch: Patch,
    /// What is changed in the payloads.
    pub(super) rename: Option<Rename>,
}

/// Packets of a batch that follow each other.
pub(super) struct Part {
    pub(super) common: Common,
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
    /// The payload, and the padding that it was given in the history.
    pub(super) padded: &'a [u8],
    pub(super) payload_len: u16,
    pub(super) index: PacketIndex,
    pub(super) timestamp: RtpTimestamp,
    pub(super) marker: bool,
    /// Place in the list of parts.
    pub(super) part: u8,
    /// Place in the turn's packets.
    pub(super) place: u16,
    pub(super) header_len: u16,
    /// As it leaves, without any padding.
    pub(super) bare_len: u16,
    /// As it leaves, but for padding that its run asks for: a packet without a payload has a byte of padding at least.
    pub(super) len: u16,
    /// The publisher's packet, where extensions are passed of it, and what it carries.
    pub(super) passed: Option<Stored<'a>>,
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

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.packets.clear();
    }

    /// Begins a part of the subscriber's; gives its place. A batch has no more parts than packets.
    #[inline]
    pub(super) fn begin(&mut self, common: Common, subscriber: &Subscriber) -> u8 {
        let Subscriber { in_place, ref header, .. } = *subscriber;
        self.parts.push(Part { common, numbered: header.is_numbered(), in_place, packets: 0, octets: 0 });
        self.parts.len() as u8 - 1
    }

    /// The part that the last packet is of, if packets that have this in common can join it.
    #[inline]
    pub(super) fn joins(&self, common: &Common) -> Option<u8> {
        self.parts.last().filter(|part| part.common == *common).map(|_| self.parts.len() as u8 - 1)
    }

    #[inline]
    pub(super) fn push(&mut self, packet: Outgoing<'a>) {
        self.packets.push(packet);
    }
}

impl Outgoing<'_> {
    #[inline]
    pub(super) fn payload(&self) -> &[u8] {
        &self.padded[..usize::from(self.payload_len)]
    }

    /// How many bytes of padding fill `dst`.
    #[inline]
    pub(super) fn padding(&self, dst: &[u8]) -> usize {
        dst.len() - usize::from(self.bare_len)
    }
}
