//! VP9 (RFC 9628 section 4.2): the payload descriptor.
//!
//! ```text
//! |I|P|L|F|B|E|V|Z|   required
//! |M| PICTURE ID  |   if I, and 8 bits more if M
//! | TID |U| SID |D|   if L
//! |   TL0PICIDX   |   if L and not F
//! |   P_DIFF    |N|   if P and F, up to three times while N
//! |      SS ...   |   if V
//! ```

use super::{PayloadDescription, PictureId};
use crate::reader::Reader;
use arrayvec::ArrayVec;

/// The most references that a frame may name in flexible mode.
const REFERENCES_MAX: usize = 3;
/// The most spatial layers that the scalability structure can name.
const SPATIAL_LAYERS_MAX: usize = 8;

/// What the descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Counts pictures: all spatial layers of one have the same.
    pub picture_id: Option<PictureId>,
    /// P: the frame refers to earlier pictures.
    pub inter_predicted: bool,
    /// F: references are named frame by frame.
    pub flexible: bool,
    /// B: the first packet of a layer's frame.
    pub starts_frame: bool,
    /// E: the last packet of a layer's frame.
    pub ends_frame: bool,
    /// Z: the frame is no reference for a higher spatial layer.
    pub not_spatial_reference: bool,
    /// The layer, where the stream has layers.
    pub layer: Option<LayerIndices>,
    /// TL0PICIDX: counts pictures of the base temporal layer. Only without flexible mode.
    pub tl0_picture_index: Option<u8>,
    /// P_DIFF: how many pictures back the references are. Only in flexible mode.
    pub references: ArrayVec<u8, REFERENCES_MAX>,
    /// V: which layers there are.
    pub structure: Option<ScalabilityStructure>,
    /// The length of the descriptor.
    pub len: u16,
}

/// Which layer a frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerIndices {
    /// TID: the temporal layer.
    pub temporal: u8,
    /// U: a receiver of lower temporal layers can go up here.
    pub switching_up: bool,
    /// SID: the spatial layer.
    pub spatial: u8,
    /// D: the frame refers to the next lower spatial layer of its picture.
    pub inter_layer_predicted: bool,
}

/// Which layers there are (RFC 9628 section 4.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalabilityStructure {
    /// How many spatial layers, 1-8.
    pub spatial_layers: u8,
    /// Width and height of each spatial layer, where they are said.
    pub resolutions: ArrayVec<(u16, u16), SPATIAL_LAYERS_MAX>,
    /// The length of the picture group, zero when none is said. Its pictures are checked and not kept: layer selection goes by the
    /// indices in each packet.
    pub picture_group_len: u8,
}

impl Descriptor {
    /// Reads the descriptor. `None` when it is cut short, says more than three references, or no payload follows it.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let flags = reader.u8()?;
        let flag = |bit: u8| flags & bit != 0;
        let (inter_predicted, flexible) = (flag(0x40), flag(0x10));
        let picture_id = if flag(0x80) { Some(PictureId::read(&mut reader)?) } else { None };
        let layer = if flag(0x20) { Some(LayerIndices::from_byte(reader.u8()?)) } else { None };
        let tl0_picture_index = if layer.is_some() && !flexible { Some(reader.u8()?) } else { None };
        let references = if inter_predicted && flexible { read_references(&mut reader)? } else { ArrayVec::new() };
        let structure = if flag(0x02) { Some(ScalabilityStructure::read(&mut reader)?) } else { None };
        if reader.rest().is_empty() {
            return None;
        }
        Some(Self {
            picture_id,
            inter_predicted,
            flexible,
            starts_frame: flag(0x08),
            ends_frame: flag(0x04),
            not_spatial_reference: flag(0x01),
            layer,
            tl0_picture_index,
            references,
            structure,
            len: (payload.len() - reader.rest().len()) as u16,
        })
    }

    /// Whether this is the first packet of a keyframe: the base spatial layer, predicted from nothing. The higher spatial layers of
    /// a key picture are predicted from the lower ones, so that a receiver cannot begin with them.
    pub fn starts_keyframe(&self) -> bool {
        let base = self.layer.is_none_or(|l| l.spatial == 0 && !l.inter_layer_predicted);
        self.starts_frame && !self.inter_predicted && base
    }

    /// The same in words that all codecs share.
    pub fn describe(&self) -> PayloadDescription {
        PayloadDescription {
            starts_frame: self.starts_frame,
            ends_frame: Some(self.ends_frame),
            keyframe: self.starts_keyframe(),
            temporal: self.layer.map(|l| l.temporal),
            spatial: self.layer.map(|l| l.spatial),
            switching_up: self.layer.is_some_and(|l| l.switching_up),
            synchronizing: false,
            not_spatial_reference: self.not_spatial_reference,
            spatial_layers: self.structure.as_ref().map(|s| s.spatial_layers),
            tl0_picture_index: self.tl0_picture_index,
            picture_id: self.picture_id,
        }
    }
}

impl LayerIndices {
    const fn from_byte(byte: u8) -> Self {
        Self {
            temporal: byte >> 5,
            switching_up: byte & 0x10 != 0,
            spatial: byte >> 1 & 0x07,
            inter_layer_predicted: byte & 0x01 != 0,
        }
    }
}

impl ScalabilityStructure {
    /// ```text
    /// | N_S |Y|G|-|-|-|
    /// | WIDTH, HEIGHT |   if Y, 16 bits each, N_S + 1 times
    /// |      N_G      |   if G
    /// | TID |U| R |-|-|   N_G times, each followed by R times P_DIFF
    /// ```
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let flags = reader.u8()?;
        let spatial_layers = (flags >> 5) + 1;
        let mut resolutions = ArrayVec::new();
        if flags & 0x10 != 0 {
            for _ in 0..spatial_layers {
                resolutions.push((reader.u16()?, reader.u16()?));
            }
        }
        let picture_group_len = if flags & 0x08 != 0 { reader.u8()? } else { 0 };
        for _ in 0..picture_group_len {
            let references = reader.u8()? >> 2 & 0x03;
            reader.take(usize::from(references))?;
        }
        Some(Self { spatial_layers, resolutions, picture_group_len })
    }
}

/// N, the lowest bit, says that another one follows.
fn read_references(reader: &mut Reader<'_>) -> Option<ArrayVec<u8, REFERENCES_MAX>> {
    let mut references = ArrayVec::new();
    loop {
        let byte = reader.u8()?;
        references.try_push(byte >> 1).ok()?;
        if byte & 1 == 0 {
            return Some(references);
        }
    }
}
