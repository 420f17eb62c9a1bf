//! Where each known header extension is in a packet, found once for all subscribers.

use super::extension_set::{Carried, ExtensionSet};
use super::{Extensions, RtpHeader};
use crate::media::{Extension, ExtensionMap};

/// Offset and length of every [`Extension`] in one packet. A plain value: it can be kept beside the packet's bytes.
///
/// An element of the one-byte form is never empty and one of the two-byte form may be, so absence is the offset zero, which
/// lies in the fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExtensionSpans {
    offsets: [u16; Extension::COUNT],
    lens: [u8; Extension::COUNT],
}

impl ExtensionSpans {
    /// The length of [`ExtensionSpans::to_bytes`].
    pub const BYTES: usize = 3 * Extension::COUNT;

    /// Reads the extensions of `packet`, whose header is `header`, in the sender's numbering. The first of several with one id
    /// counts.
    pub fn read(header: &RtpHeader, packet: &[u8], numbering: &ExtensionMap) -> Self {
        let mut spans = Self::default();
        let mut elements: Extensions<'_> = header.extensions(packet);
        while let Some((id, range)) = elements.next_range() {
            let Some(extension) = numbering.extension(id).map(|e| e as usize) else { continue };
            if spans.offsets[extension] == 0 {
                spans.offsets[extension] = range.start as u16;
                spans.lens[extension] = range.len() as u8;
            }
        }
        spans
    }

    /// The data of `extension` in the packet that was read.
    pub fn find<'a>(&self, packet: &'a [u8], extension: Extension) -> Option<&'a [u8]> {
        let start = usize::from(self.offsets[extension as usize]);
        let len = usize::from(self.lens[extension as usize]);
        if start == 0 {
            return None;
        }
        packet.get(start..start + len)
    }

    /// As [`ExtensionSpans::from_bytes`] reads it: for a packet that goes to another shard with what is known of it.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (offsets, lens) = bytes.split_at_mut(2 * Extension::COUNT);
        for (place, offset) in offsets.as_chunks_mut().0.iter_mut().zip(self.offsets) {
            *place = offset.to_le_bytes();
        }
        lens.copy_from_slice(&self.lens);
        bytes
    }

    /// What [`ExtensionSpans::to_bytes`] gave. Any bytes make spans: those that lie outside a packet find nothing in it.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut spans = Self::default();
        let (offsets, lens) = bytes.split_at(2 * Extension::COUNT);
        for (offset, place) in spans.offsets.iter_mut().zip(offsets.as_chunks().0) {
            *offset = u16::from_le_bytes(*place);
        }
        spans.lens.copy_from_slice(lens);
        spans
    }

    /// Which extensions there are, and which of them are long.
    pub fn carried(&self) -> Carried {
        // Without a branch for each of them.
        let (mut present, mut two_byte) = (0, 0);
        for (at, (offset, len)) in self.offsets.iter().zip(self.lens).enumerate() {
            let there = u16::from(*offset != 0) << at;
            present |= there;
            two_byte |= if len.wrapping_sub(1) < 16 { 0 } else { there };
        }
        Carried { present: ExtensionSet::from_bits(present), two_byte: ExtensionSet::from_bits(two_byte) }
    }

    /// All extensions of the packet that was read, in the order of [`Extension::ALL`].
    pub fn iter<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = (Extension, &'a [u8])> + Clone + use<'a> {
        let spans = *self;
        Extension::ALL.into_iter().filter_map(move |e| Some((e, spans.find(packet, e)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{HeaderFields, write_header};

    #[test]
    fn the_senders_numbering_is_undone_once() {
        let mut numbering = ExtensionMap::default();
        numbering.insert(Extension::Mid, 4);
        numbering.insert(Extension::AudioLevel, 1);
        let mut packet = [0; 64];
        let elements: [(u8, &[u8]); 4] = [(9, &[1, 2]), (1, &[0x85]), (4, b"a0"), (4, b"second")];
        let len = write_header(&mut packet, &HeaderFields::default(), elements).expect("it fits");
        let header = RtpHeader::parse(&packet[..len]).expect("just written");

        let spans = ExtensionSpans::read(&header, &packet[..len], &numbering);
        assert_eq!(spans.find(&packet, Extension::Mid), Some(&b"a0"[..]));
        assert_eq!(spans.find(&packet, Extension::Rid), None);
        let found: Vec<_> = spans.iter(&packet).collect();
        assert_eq!(found, [(Extension::Mid, &b"a0"[..]), (Extension::AudioLevel, &[0x85][..])]);
    }

    #[test]
    fn it_is_the_same_on_another_shard() {
        let mut numbering = ExtensionMap::default();
        numbering.insert(Extension::VideoOrientation, 4);
        let mut packet = [0; 300];
        let elements: [(u8, &[u8]); 2] = [(9, &[7; 200]), (4, &[1])];
        let len = write_header(&mut packet, &HeaderFields::default(), elements).expect("it fits");
        let header = RtpHeader::parse(&packet[..len]).expect("just written");
        let spans = ExtensionSpans::read(&header, &packet[..len], &numbering);
        assert_eq!(ExtensionSpans::from_bytes(&spans.to_bytes()), spans);
        let anything = ExtensionSpans::from_bytes(&[0xFF; ExtensionSpans::BYTES]);
        assert_eq!(anything.iter(&packet).count(), 0, "what lies outside is not found");
    }

    #[test]
    fn it_stays_small() {
        assert_eq!(size_of::<ExtensionSpans>(), 36);
    }
}
