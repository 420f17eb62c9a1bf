//! The dependency descriptor header extension (RTP Payload Format For AV1, appendix A): its mandatory fields.
//!
//! The template dependency structure and the frame's own dependencies are not parsed: single-layer forwarding passes them through.
//! Layer selection needs them, and comes with layers.

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

impl DependencyDescriptor {
    /// The length of the mandatory fields.
    const MANDATORY_LEN: usize = 3;

    /// Reads the extension. What follows the mandatory fields is the extended descriptor, whose first bit says whether there is a
    /// structure.
    pub fn read(data: &[u8]) -> Option<Self> {
        let [flags, frame_high, frame_low] = *data.first_chunk::<{ Self::MANDATORY_LEN }>()?;
        Some(Self {
            starts_frame: flags & 0x80 != 0,
            ends_frame: flags & 0x40 != 0,
            template_id: flags & 0x3F,
            frame_number: u16::from_be_bytes([frame_high, frame_low]),
            has_structure: data.get(Self::MANDATORY_LEN).is_some_and(|b| b & 0x80 != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mandatory_fields_and_the_structure_flag_are_read() {
        let expected = DependencyDescriptor {
            starts_frame: true,
            ends_frame: false,
            template_id: 5,
            frame_number: 0x1234,
            has_structure: false,
        };
        assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34]), Some(expected));
        assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34, 0x7F]), Some(expected), "other flags");
        let with_structure = DependencyDescriptor { has_structure: true, ..expected };
        assert_eq!(DependencyDescriptor::read(&[0x85, 0x12, 0x34, 0x80, 1, 2]), Some(with_structure));
        assert_eq!(DependencyDescriptor::read(&[0x85, 0x12]), None);
    }
}
