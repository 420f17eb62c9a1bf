//! What is changed within the packets of one subscriber, beside their RTP numbers: frame counters, and the marker of a picture whose upper
//! layers are left out.
//!
//! Streams count their frames from anywhere, so a receiver that goes from one to another would see a jump back, and take the keyframe for
//! one that came late. VP8's receivers also count frames: one that was left out is waited for. So VP8's picture ids close up behind it.
//! VP9's and the dependency descriptor's do not: references are distances in them.

use crate::history::{PacketMeta, Stored};
use crate::place::Place;
use corelay_wire::codec::dependency_descriptor::DependencyDescriptor;
use corelay_wire::codec::{describe, renumber};
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

    /// The same behind a frame that was left out.
    pub(crate) fn without_picture(self) -> Self {
        Self { picture: self.picture.wrapping_sub(1), ..self }
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

/// The picture id of a VP8 packet that is left out.
pub(crate) fn vp8_picture(packet: Stored<'_>) -> Option<u16> {
    Some(describe(Codec::Vp8, packet.payload())?.picture_id?.value())
}
