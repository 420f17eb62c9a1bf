//! VP8 (RFC 7741 section 4.2): the payload descriptor, and the one bit of the payload header that tells a keyframe.
//!
//! ```text
//! |X|R|N|S|R| PID |   required
//! |I|L|T|K|  RSV  |   if X
//! |M| PictureID   |   if I, and 8 bits more if M
//! |   TL0PICIDX   |   if L
//! |TID|Y| KEYIDX  |   if T or K
//! ```

use super::{PayloadDescription, PictureId};
use crate::reader::Reader;

/// X, and I, L and T of the extension: what counts frames and names layers.
const EXTENDED: u8 = 0x80;
const COUNTED: u8 = 0xE0;
/// M: the picture id has 15 bits.
const LONG: u8 = 0x80;
/// TID and Y.
const LAYER: u8 = 0xE0;

/// Makes the frame one of the base layer, whatever its layer was: TL0PICIDX counts all frames, as the picture id does. Only where both
/// are there, and the picture id has 15 bits, so that the one tells the other; all packets of a stream are alike in that.
///
/// Browsers ask once for what is missing of a frame of an upper layer, and not again when the next frame of the base layer is whole. In
/// one layer each frame waits for the one before, and is asked for until it is there.
#[inline]
pub fn flatten(payload: &mut [u8]) {
    if let [required, extended, first, second, tl0, layer, _, ..] = payload
        && *required & EXTENDED != 0
        && *extended & COUNTED == COUNTED
        && *first & LONG != 0
    {
        *tl0 = *second;
        *layer &= !LAYER;
    }
}

/// What the descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: the payload begins a partition.
    pub starts_partition: bool,
    /// PID: which partition.
    pub partition: u8,
    /// Counts frames.
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX: counts frames of the base temporal layer.
    pub tl0_picture_index: Option<u8>,
    /// TID: the temporal layer.
    pub temporal: Option<u8>,
    /// Y: the frame refers to the base layer only.
    pub layer_sync: bool,
    /// KEYIDX: counts keyframes, 5 bits.
    pub key_index: Option<u8>,
    /// The frame is a keyframe. Known only in its first packet, where the payload header is.
    pub keyframe: bool,
    /// The length of the descriptor.
    pub len: u8,
}

impl Descriptor {
    /// Reads the descriptor, and the first byte of the payload header when the payload begins the first partition.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let required = reader.u8()?;
        let extended = if required & 0x80 != 0 { reader.u8()? } else { 0 };
        let flag = |bit: u8| extended & bit != 0;
        let picture_id = if flag(0x80) { Some(PictureId::read(&mut reader)?) } else { None };
        let tl0_picture_index = if flag(0x40) { Some(reader.u8()?) } else { None };
        let layers = if flag(0x20) || flag(0x10) { reader.u8()? } else { 0 };
        let (starts_partition, partition) = (required & 0x10 != 0, required & 0x07);
        // RFC 7741 section 4.3: P, the lowest bit of the payload header, is 0 for a keyframe.
        let first = *reader.rest().first()?;
        Some(Self {
            non_reference: required & 0x20 != 0,
            starts_partition,
            partition,
            picture_id,
            tl0_picture_index,
            temporal: flag(0x20).then_some(layers >> 6),
            layer_sync: flag(0x20) && layers & 0x20 != 0,
            key_index: flag(0x10).then_some(layers & 0x1F),
            keyframe: starts_partition && partition == 0 && first & 1 == 0,
            len: (payload.len() - reader.rest().len()) as u8,
        })
    }

    /// Whether this is the first packet of its frame: "S bit set and PID 0".
    pub const fn starts_frame(&self) -> bool {
        self.starts_partition && self.partition == 0
    }

    /// Whether it is as [`flatten`] leaves it.
    pub fn is_flat(&self) -> bool {
        let Some(PictureId::Long(picture)) = self.picture_id else { return false };
        self.temporal == Some(0) && self.tl0_picture_index == Some(picture as u8)
    }

    /// The same in words that all codecs share.
    #[inline]
    pub fn describe(&self) -> PayloadDescription {
        PayloadDescription {
            starts_frame: self.starts_frame(),
            ends_frame: None,
            keyframe: self.keyframe,
            temporal: self.temporal,
            synchronizing: self.layer_sync,
            tl0_picture_index: self.tl0_picture_index,
            picture_id: self.picture_id,
            ..PayloadDescription::default()
        }
    }
}
