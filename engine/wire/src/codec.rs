//! Codec payload headers, as far as forwarding needs them: where frames and keyframes begin, and which layer a packet is of.

pub mod av1;
pub mod dependency_descriptor;
pub mod h264;
pub mod opus;
pub mod red;
mod renumber;
pub mod vp8;
pub mod vp9;

use crate::media::Codec;
pub use renumber::renumber;

/// What forwarding wants to know of one RTP payload, whatever its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PayloadDescription {
    /// The packet can be the first of a frame (of a layer's frame with VP9). H264 and AV1 do not number the packets of a frame:
    /// there the first one of a timestamp with this set is the start.
    pub starts_frame: bool,
    /// The packet is the last of its (layer's) frame. `None` where the payload does not say: the RTP marker does.
    pub ends_frame: Option<bool>,
    /// The first packet of a keyframe: a receiver can begin here. Every packet of audio is one.
    pub keyframe: bool,
    /// Temporal layer, 0 the base.
    pub temporal: Option<u8>,
    /// Spatial layer, 0 the base.
    pub spatial: Option<u8>,
    /// Who gets this frame can get all higher temporal layers from here on (VP9's switching up point).
    pub switching_up: bool,
    /// Who got the next lower temporal layer can get this frame, and those of its layer from here on (VP8's layer sync).
    pub synchronizing: bool,
    /// No higher spatial layer of the picture refers to the frame.
    pub not_spatial_reference: bool,
    /// How many spatial layers the stream has from this picture on, where the payload says so.
    pub spatial_layers: Option<u8>,
    /// Counts frames of the base temporal layer; wraps.
    pub tl0_picture_index: Option<u8>,
    /// Counts frames; 7 or 15 bits, wraps.
    pub picture_id: Option<PictureId>,
}

/// A frame counter and its width on the wire, which a stream keeps (RFC 7741 section 4.2, RFC 9628 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureId {
    /// 7 bits.
    Short(u8),
    /// 15 bits.
    Long(u16),
}

impl PictureId {
    /// The number, whatever its width.
    pub const fn value(self) -> u16 {
        match self {
            Self::Short(id) => id as u16,
            Self::Long(id) => id,
        }
    }

    fn read(reader: &mut crate::reader::Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        if first & 0x80 == 0 {
            return Some(Self::Short(first));
        }
        Some(Self::Long(u16::from_be_bytes([first & 0x7F, reader.u8()?])))
    }
}

/// Describes the payload of one packet. `None` when it is not a payload of `codec`; that includes the empty payload of packets that
/// are nothing but padding.
#[inline]
pub fn describe(codec: Codec, payload: &[u8]) -> Option<PayloadDescription> {
    match codec {
        Codec::Opus => opus::Packet::parse(payload).map(|p| p.describe()),
        Codec::Red => opus::Packet::parse(red::Packet::parse(payload)?.primary).map(|p| p.describe()),
        Codec::Vp8 => vp8::Descriptor::parse(payload).map(|d| d.describe()),
        Codec::Vp9 => vp9::Descriptor::parse(payload).map(|d| d.describe()),
        Codec::H264 => h264::Payload::parse(payload).map(|p| p.describe()),
        Codec::Av1 => av1::Payload::parse(payload).map(|p| p.describe()),
    }
}

#[cfg(test)]
mod tests;
