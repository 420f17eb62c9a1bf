//! The dependency descriptor header extension (RTP Payload Format For AV1, appendix A): which layers a frame is of, and which decode
//! targets need it.
//!
//! ```text
//! |S|E| template |   frame number   |   mandatory: 3 bytes
//! |T|A|D|F|C| structure if T | active decode targets if A | DTIs if D | fdiffs if F | chains if C | zeros
//! ```
//!
//! A keyframe carries the structure: templates of frames, and what each decode target needs of them. The other frames name their template,
//! so that they are read with the structure of the latest keyframe.

mod bits;
mod structure;

use bits::{BitReader, BitWriter};
pub use structure::{DECODE_TARGETS_MAX, Indication, Indications, SPATIAL_LAYERS_MAX, Structure, TEMPLATES_MAX, Template};

/// The mandatory fields (appendix A.8.1), and whether a structure follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The first packet of a frame.
    pub starts_frame: bool,
    /// The last packet of a frame.
    pub ends_frame: bool,
    /// Which template of the structure describes the frame.
    pub template_id: u8,
    /// Counts frames; wraps.
    pub frame_number: u16,
    /// A template dependency structure is attached: the frame is a keyframe, or at least a place where receivers can begin.
    pub has_structure: bool,
}

/// What a descriptor says of its frame, with the structure that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDependencies {
    /// The spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
    /// What the frame is to each decode target.
    pub indications: Indications,
    /// Decode targets that are being sent from here on, as bits, where the descriptor says so.
    pub active: Option<u32>,
    /// Where the bitmask of active decode targets is, or would be, counted in bits.
    active_at: usize,
    /// Where the fields end.
    end: usize,
}

impl DependencyDescriptor {
    /// The length of the mandatory fields.
    pub const MANDATORY_LEN: usize = 3;
    /// The most that an extension can hold (RFC 8285 section 4.3).
    pub const LEN_MAX: usize = 255;

    /// Reads the mandatory fields. What follows them is the extended descriptor, whose first bit says whether there is a structure.
    pub fn read(data: &[u8]) -> Option<Self> {
        let [flags, frame_high, frame_low] = *data.first_chunk::<{ Self::MANDATORY_LEN }>()?;
        Some(Self {
            starts_frame: flags & 0x80 != 0,
            ends_frame: flags & 0x40 != 0,
            template_id: flags & 0x3F,
            frame_number: u16::from_be_bytes([frame_high, frame_low]),
            has_structure: data.get(Self::MANDATORY_LEN).is_some_and(|b| b & STRUCTURE != 0),
        })
    }

    /// Overwrites the frame number of the descriptor in `data`; nothing when it is none.
    pub fn set_frame_number(data: &mut [u8], number: u16) {
        if let Some([_, number_bytes @ ..]) = data.first_chunk_mut::<{ Self::MANDATORY_LEN }>() {
            *number_bytes = number.to_be_bytes();
        }
    }

    /// Writes the descriptor in `data`, whose frame is `frame`, with these decode targets active, and gives its length. `None` when it
    /// does not fit.
    pub fn write_active(data: &[u8], frame: &FrameDependencies, targets: u8, active: u32, dst: &mut [u8]) -> Option<usize> {
        let extended = data.get(Self::MANDATORY_LEN).copied().unwrap_or(0);
        let mut writer = BitWriter::new(dst);
        writer.copy(data, 0, 8 * Self::MANDATORY_LEN)?;
        let flags = (extended | ACTIVE) >> (8 - FLAG_BITS);
        writer.bits(u64::from(flags), FLAG_BITS)?;
        writer.copy(data, EXTENDED_AT + FLAG_BITS, frame.active_at)?;
        writer.bits(u64::from(active), usize::from(targets))?;
        let after = frame.active_at + if extended & ACTIVE != 0 { usize::from(targets) } else { 0 };
        writer.copy(data, after, frame.end)?;
        Some(writer.len())
    }
}

const EXTENDED_AT: usize = 8 * DependencyDescriptor::MANDATORY_LEN;
const FLAG_BITS: usize = 5;
const STRUCTURE: u8 = 0x80;
const ACTIVE: u8 = 0x40;
const CUSTOM_DTIS: u8 = 0x20;
const CUSTOM_FDIFFS: u8 = 0x10;
const CUSTOM_CHAINS: u8 = 0x08;

impl FrameDependencies {
    /// Reads what the descriptor in `data` says of its frame. `None` when it is cut short, or names a template that `structure` has not.
    /// A descriptor that brings a structure is read with that one: [`Structure::read`].
    pub fn read(data: &[u8], structure: &Structure) -> Option<Self> {
        let descriptor = DependencyDescriptor::read(data)?;
        let template = structure.template(descriptor.template_id)?;
        let flags = data.get(DependencyDescriptor::MANDATORY_LEN).copied().unwrap_or(0);
        let mut reader = BitReader::new(data, EXTENDED_AT + FLAG_BITS);
        let mut active = None;
        if flags & STRUCTURE != 0 {
            reader = BitReader::new(data, structure.end());
            active = Some(structure.all_targets());
        }
        let active_at = reader.position();
        let targets = usize::from(structure.targets());
        if flags & ACTIVE != 0 {
            active = Some(reader.bits(targets)? as u32);
        }
        let indications = if flags & CUSTOM_DTIS != 0 { Indications::read(&mut reader, targets)? } else { template.indications };
        if flags & CUSTOM_FDIFFS != 0 {
            skip_fdiffs(&mut reader)?;
        }
        if flags & CUSTOM_CHAINS != 0 {
            reader.skip(8 * usize::from(structure.chains()))?;
        }
        let Template { spatial, temporal, .. } = *template;
        Some(Self { spatial, temporal, indications, active, active_at, end: reader.position() })
    }
}

/// `frame_fdiffs`: two bits say how many groups of four bits the difference has; zero ends the list.
fn skip_fdiffs(reader: &mut BitReader<'_>) -> Option<()> {
    loop {
        match reader.bits(2)? {
            0 => return Some(()),
            groups => reader.skip(4 * groups as usize)?,
        }
    }
}

#[cfg(test)]
mod tests;
