//! What a synthetic packet says about itself, at the end of its payload, where neither a codec's head nor a relay touches it.
//!
//! ```text
//! | head of the codec | filler | tag, stream, layer, place, picture, captured | references | length of all from the tag on |
//! ```
//! A decoder would notice a reference that it has not decoded by a wrong picture: here the packet names its references, so that a
//! receiver can tell a corrupt picture from a good one, and a picture of another track or of the past from the right one.

use arrayvec::ArrayVec;
use corelay_wire::units::Instant;

/// The most that one frame refers to: an earlier picture and the spatial layer below.
pub const REFERENCES_MAX: usize = 3;
const FIXED_LEN: usize = 4 + 1 + 1 + 2 + 2 + 4 + 8;
const REFERENCE_LEN: usize = 5;

/// One frame: of a picture, one spatial layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameName {
    /// Counts the pictures of a stream; never begins again.
    pub picture: u32,
    /// The spatial layer; zero without any.
    pub spatial: u8,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Names the track.
    pub tag: u32,
    /// The simulcast stream, lowest first.
    pub stream: u8,
    /// The frame.
    pub frame: FrameName,
    /// The temporal layer; of audio, 1 is the comfort noise of a pause.
    pub temporal: u8,
    /// Predicted from nothing but its own picture.
    pub key: bool,
    /// The packet's place in its frame.
    pub place: u16,
    /// How many packets the frame has.
    pub of: u16,
    /// When the camera or the microphone took it.
    pub captured: Instant,
    /// Frames of the same stream that must have been decoded before this one.
    pub references: ArrayVec<FrameName, REFERENCES_MAX>,
}

impl Content {
    /// How many bytes it takes.
    pub fn len(&self) -> usize {
        FIXED_LEN + REFERENCE_LEN * self.references.len() + 1
    }

    /// Puts it behind a payload.
    pub fn append(&self, payload: &mut Vec<u8>) {
        payload.extend(self.tag.to_be_bytes());
        payload.push(self.stream << 1 | u8::from(self.key));
        payload.push(self.frame.spatial << 4 | self.temporal);
        payload.extend(self.place.to_be_bytes());
        payload.extend(self.of.to_be_bytes());
        payload.extend(self.frame.picture.to_be_bytes());
        payload.extend(self.captured.as_nanos().to_be_bytes());
        for FrameName { picture, spatial } in &self.references {
            payload.push(*spatial);
            payload.extend(picture.to_be_bytes());
        }
        payload.push(self.len() as u8);
    }

    /// Reads it from the end of a payload; `None` when there is none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let len = usize::from(*payload.last()?);
        let bytes = payload.get(payload.len().checked_sub(len)?..payload.len() - 1)?;
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_LEN>()?;
        let [t0, t1, t2, t3, stream, layer, p0, p1, o0, o1, i0, i1, i2, i3, captured @ ..] = *fixed;
        let reference =
            |r: &[u8; REFERENCE_LEN]| FrameName { spatial: r[0], picture: u32::from_be_bytes([r[1], r[2], r[3], r[4]]) };
        let (references, left) = rest.as_chunks();
        if !left.is_empty() || references.len() > REFERENCES_MAX {
            return None;
        }
        Some(Self {
            tag: u32::from_be_bytes([t0, t1, t2, t3]),
            stream: stream >> 1,
            key: stream & 1 == 1,
            frame: FrameName { picture: u32::from_be_bytes([i0, i1, i2, i3]), spatial: layer >> 4 },
            temporal: layer & 0x0F,
            place: u16::from_be_bytes([p0, p1]),
            of: u16::from_be_bytes([o0, o1]),
            captured: Instant::from_nanos(u64::from_be_bytes(captured)),
            references: references.iter().map(reference).collect(),
        })
    }

    /// Nothing: what has no length cannot be read back.
    pub const fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read_back_whatever_stands_before() {
        let content = Content {
            tag: 7,
            stream: 2,
            frame: FrameName { picture: 70_000, spatial: 2 },
            temporal: 1,
            key: true,
            place: 3,
            of: 9,
            captured: Instant::from_millis(12_345),
            references: [FrameName { picture: 69_999, spatial: 2 }, FrameName { picture: 70_000, spatial: 1 }]
                .into_iter()
                .collect(),
        };
        let mut payload = vec![9; 100];
        content.append(&mut payload);
        assert_eq!(payload.len(), 100 + content.len());
        assert_eq!(Content::read(&payload), Some(content));
        assert_eq!(Content::read(&[0]), None);
        assert_eq!(Content::read(&[]), None);
        assert_eq!(Content::read(&[1, 2, 3, 200]), None);
    }
}
