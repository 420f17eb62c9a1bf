//! Where each known header extension is in a packet, found once for all subscribers.

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
    fn it_stays_small() {
        assert_eq!(size_of::<ExtensionSpans>(), 36);
    }
}
