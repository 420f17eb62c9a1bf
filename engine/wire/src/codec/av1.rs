//! AV1 (RTP Payload Format For AV1, AOMedia, version 1.0, section 4): the aggregation header, and which OBUs a payload holds.
//!
//! ```text
//! |Z|Y| W |N|-|-|-|   then OBU elements; all but the last of W have a leb128 length before them, or all when W is 0
//! ```

use super::PayloadDescription;
use crate::reader::Reader;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;

/// What matters of one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Payload {
    /// Z: the first OBU element continues one of the packet before.
    pub continues: bool,
    /// Y: the last OBU element goes on in the next packet.
    pub continued: bool,
    /// N: the first packet of a coded video sequence, which a keyframe begins.
    pub starts_sequence: bool,
    /// A sequence header begins in it: encoders send one with each keyframe.
    pub sequence_header: bool,
    /// Its first OBU element can be the first of a frame.
    pub starts_frame: bool,
    /// The layer of the first OBU that begins here and names one.
    pub layer: Option<LayerIndices>,
}

/// From the extension of an OBU header (AV1 specification section 5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerIndices {
    /// temporal_id.
    pub temporal: u8,
    /// spatial_id.
    pub spatial: u8,
}

impl Payload {
    /// Reads the aggregation header and the headers of the OBUs that begin in the payload. `None` when an element is cut short or
    /// there are not as many as W says, or when both Z and N are set (section 4.4: N equal to 1 requires Z equal to 0).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let header = reader.u8()?;
        let mut found = Self {
            continues: header & 0x80 != 0,
            continued: header & 0x40 != 0,
            starts_sequence: header & 0x08 != 0,
            ..Self::default()
        };
        if (found.starts_sequence && found.continues) || reader.rest().is_empty() {
            return None;
        }
        let elements = usize::from(header >> 4 & 0x03);
        let mut index = 0usize;
        while !reader.rest().is_empty() {
            index += 1;
            let len = if index == elements { reader.rest().len() } else { read_leb128(&mut reader)? };
            let element = reader.take(len)?;
            if index > 1 || !found.continues {
                found.take_obu(element, index == 1)?;
            }
        }
        (elements == 0 || index == elements).then_some(found)
    }

    /// Whether this is the first packet of a keyframe.
    pub const fn starts_keyframe(&self) -> bool {
        self.starts_sequence || self.sequence_header
    }

    /// The same in words that all codecs share. Where the stream has a dependency descriptor, that knows the frame's bounds better.
    pub fn describe(&self) -> PayloadDescription {
        PayloadDescription {
            starts_frame: self.starts_frame,
            ends_frame: None,
            keyframe: self.starts_keyframe(),
            temporal: self.layer.map(|l| l.temporal),
            spatial: self.layer.map(|l| l.spatial),
            ..PayloadDescription::default()
        }
    }

    /// The header of an OBU (AV1 specification section 5.3.2): a forbidden bit, four bits of type, extension flag, size flag. An
    /// element may be empty, or end after the header: pointless, but its packetizer may cut where it likes.
    fn take_obu(&mut self, obu: &[u8], first: bool) -> Option<()> {
        let Some((&header, rest)) = obu.split_first() else { return Some(()) };
        if header & 0x80 != 0 {
            return None;
        }
        let kind = header >> 3 & 0x0F;
        self.sequence_header |= kind == SEQUENCE_HEADER;
        if let (true, Some(extension)) = (header & 0x04 != 0, rest.first()) {
            self.layer.get_or_insert(LayerIndices { temporal: extension >> 5, spatial: extension >> 3 & 0x03 });
        }
        if first {
            self.starts_frame = matches!(kind, SEQUENCE_HEADER | TEMPORAL_DELIMITER | FRAME_HEADER | METADATA | FRAME);
        }
        Some(())
    }
}

/// Seven bits a byte, lowest first, the top bit says that more follow; a length within a packet needs three bytes at most, and
/// encoders may write up to eight (AV1 specification section 4.10.5).
fn read_leb128(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0;
    for shift in (0..56).step_by(7) {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}
