//! What is changed within the packets of one subscriber, beside their RTP numbers: frame counters, and the marker of a picture whose upper
//! layers are left out.
//!
//! Streams count their frames from anywhere, so a receiver that goes from one to another would see a jump back, and take the keyframe for
//! one that came late. VP8's receivers also count frames: one that was left out is waited for. So VP8's picture ids close up behind it,
//! and TL0PICIDX, which goes with them (`vp8::flatten`).
//! VP9's and the dependency descriptor's do not: references are distances in them.

use crate::history::{PacketMeta, Stored};
use crate::place::Place;
use corelay_wire::codec::dependency_descriptor::DependencyDescriptor;
use corelay_wire::codec::{describe, renumber, vp8};
use corelay_wire::media::{Codec, Extension};
use corelay_wire::rtp::RtpHeader;

/// See the module. Offsets: outgoing minus incoming, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Patch {
    picture: u16,
    /// Of the dependency descriptor's frame number.
    frame: u16,
    tl0: u8,
    /// One more than the spatial layer whose frames end the picture; zero while the publisher's marker tells.
    marked: u8,
}

impl Patch {
    /// Whether payloads leave as they came.
    #[inline]
    pub(crate) fn keeps_payload(self) -> bool {
        self.picture == 0 && self.tl0 == 0
    }

    /// The marker of a packet.
    #[inline]
    pub(crate) fn marker(self, meta: &PacketMeta) -> bool {
        meta.marker || (self.marked != 0 && self.ends_picture(meta.place))
    }

    /// The same, where upper spatial layers are left out: frames of `spatial` end their pictures.
    pub(crate) fn marked(self, spatial: Option<u8>) -> Self {
        Self { marked: spatial.map_or(0, |spatial| spatial + 1), ..self }
    }

    /// The same behind a frame of VP8 that was left out.
    pub(crate) fn without(self, frame: LeftOut) -> Self {
        Self { picture: self.picture.wrapping_sub(1), tl0: self.tl0.wrapping_sub(frame.is_flat.into()), ..self }
    }

    /// Changes the counters of a payload.
    pub(crate) fn change_payload(self, codec: Codec, payload: &mut [u8]) {
        renumber(codec, payload, self.picture, self.tl0);
    }

    /// Changes the counter of a header that was written, whose dependency descriptor has this id.
    #[inline]
    pub(crate) fn change_header(self, id: Option<u8>, header: &mut [u8]) {
        if let (true, Some(id)) = (self.frame != 0, id) {
            self.change_descriptor(id, header);
        }
    }

    /// What makes the counters of `next`, the first packet of another stream, go on behind those of `last`, which went out with this patch.
    pub(crate) fn continued(self, last: (Codec, Stored<'_>), next: (Codec, Stored<'_>)) -> Self {
        let (last, next) = (Counters::of(last.0, last.1), Counters::of(next.0, next.1));
        let behind = |last: Option<u16>, offset: u16, next: Option<u16>| match (last, next) {
            (Some(last), Some(next)) => last.wrapping_add(offset).wrapping_add(1).wrapping_sub(next),
            _ => offset,
        };
        Self {
            picture: behind(last.picture, self.picture, next.picture),
            frame: behind(last.frame, self.frame, next.frame),
            tl0: behind(last.tl0, self.tl0.into(), next.tl0) as u8,
            ..self
        }
    }

    #[cold]
    fn change_descriptor(self, id: u8, header: &mut [u8]) {
        let Ok(parsed) = RtpHeader::parse_sealed(header) else { return };
        if let Some(data) = parsed.find_extension(header, id).and_then(|range| header.get_mut(range)) {
            let number = DependencyDescriptor::read(data).map_or(0, |d| d.frame_number);
            DependencyDescriptor::set_frame_number(data, number.wrapping_add(self.frame));
        }
    }

    fn ends_picture(self, place: Place) -> bool {
        place.ends_frame() && place.own().spatial() + 1 == self.marked
    }
}

/// The frame counters of one packet.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    picture: Option<u16>,
    frame: Option<u16>,
    tl0: Option<u16>,
}

impl Counters {
    fn of(codec: Codec, packet: Stored<'_>) -> Self {
        let described = describe(codec, packet.payload()).unwrap_or_default();
        let descriptor = packet.meta.extensions.find(packet.bytes(), Extension::DependencyDescriptor);
        Self {
            picture: described.picture_id.map(|id| id.value()),
            frame: descriptor.and_then(DependencyDescriptor::read).map(|d| d.frame_number),
            tl0: described.tl0_picture_index.map(u16::from),
        }
    }
}

/// A frame of VP8 that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) picture: u16,
    /// TL0PICIDX counts it as well: see [`vp8::flatten`].
    is_flat: bool,
}

impl LeftOut {
    /// The frame of this packet, if it has a number.
    pub(crate) fn of(packet: Stored<'_>) -> Option<Self> {
        let descriptor = vp8::Descriptor::parse(packet.payload())?;
        Some(Self { picture: descriptor.picture_id?.value(), is_flat: descriptor.is_flat() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_flat_frame_both_counters_close_up() {
        let payload = |picture: u16, tl0: u8| {
            let [first, second] = (picture | 0x8000).to_be_bytes();
            [0x90, 0xE0, first, second, tl0, 0, 1]
        };
        for (is_flat, tl0, expected) in [(true, 0x00, 0xFF), (false, 9, 9)] {
            let mut next = payload(0x0100, tl0);
            Patch::default().without(LeftOut { picture: 0xFF, is_flat }).change_payload(Codec::Vp8, &mut next);
            assert_eq!(next, payload(0xFF, expected));
        }
    }
}
