//! Redundant audio (RFC 2198): one packet carries the present block of audio and those before it, so that a receiver that misses a packet
//! finds its audio in the next.
//!
//! ```text
//! | 1 | type 7 | timestamp offset 14 | length 10 |   for each redundant block, the oldest first
//! | 0 | type 7 |                                     for the primary one, whose length is what is left
//! | redundant block | ... | primary block |
//! ```

use crate::units::PayloadType;

/// Another block follows this one's header.
const FOLLOWS: u8 = 0x80;
const REDUNDANT_HEAD: usize = 4;
/// Redundant blocks of one packet that are understood. Browsers send one or two, at most nine.
const REDUNDANT_MAX: usize = 16;

/// The payload of a redundant packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The present block, with nothing around it.
    pub primary: &'a [u8],
    /// What the present block is.
    pub primary_type: PayloadType,
    /// How many blocks of before there are.
    pub redundant: usize,
    /// How long the headers of all blocks are together.
    pub head_len: usize,
}

impl<'a> Packet<'a> {
    /// Reads the headers. `None` when the blocks are longer than the payload, or more than anybody sends.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (mut redundant, mut blocks_len) = (0, 0);
        let mut rest = payload;
        let primary_type = loop {
            let (&first, after) = rest.split_first()?;
            if first & FOLLOWS == 0 {
                rest = after;
                break PayloadType(first);
            }
            let ([_, _, high, low], after) = rest.split_first_chunk::<REDUNDANT_HEAD>()?;
            blocks_len += usize::from(high & 3) << 8 | usize::from(*low);
            redundant += 1;
            rest = after;
            if redundant > REDUNDANT_MAX {
                return None;
            }
        };
        let primary = rest.get(blocks_len..)?;
        Some(Self { primary, primary_type, redundant, head_len: payload.len() - rest.len() })
    }
}

/// Gives the blocks of a payload another payload type, where they have type `from`. What is no such payload stays as it is.
pub fn rename(payload: &mut [u8], from: PayloadType, to: PayloadType) {
    let Some(Packet { redundant, .. }) = Packet::parse(payload) else { return };
    for at in (0..=redundant).map(|n| n * REDUNDANT_HEAD) {
        if let Some(head) = payload.get_mut(at).filter(|head| **head & !FOLLOWS == from.0) {
            *head = *head & FOLLOWS | to.0 & !FOLLOWS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two redundant blocks, 300 and 1 bytes long, and a primary one.
    fn packet() -> Vec<u8> {
        let mut bytes = vec![0x80 | 111, 0x1E, 0x01, 44, 0x80 | 111, 0x0F, 0, 1, 111];
        bytes.extend([1; 300]);
        bytes.extend([2; 1]);
        bytes.extend([3; 50]);
        bytes
    }

    #[test]
    fn the_primary_block_is_what_is_left() {
        let bytes = packet();
        let read = Packet::parse(&bytes).expect("well-formed");
        assert_eq!((read.primary, read.primary_type), (&[3; 50][..], PayloadType(111)));
        assert_eq!((read.redundant, read.head_len), (2, 9));
        assert_eq!(Packet::parse(&[111, 7]).map(|p| (p.primary, p.redundant)), Some((&[7][..], 0)));
        assert_eq!(Packet::parse(&[111]).map(|p| p.primary), Some(&[][..]), "silence");
    }

    #[test]
    fn what_does_not_add_up_is_none() {
        let bytes = packet();
        assert!(Packet::parse(&bytes[..309]).is_none() && Packet::parse(&bytes[..6]).is_none() && Packet::parse(&[]).is_none());
        assert!(Packet::parse(&[0x80; 400]).is_none(), "more blocks than anybody sends");
    }

    #[test]
    fn blocks_of_the_type_get_another() {
        let mut bytes = packet();
        rename(&mut bytes, PayloadType(111), PayloadType(96));
        assert_eq!((bytes[0], bytes[4], bytes[8]), (0x80 | 96, 0x80 | 96, 96));
        let read = Packet::parse(&bytes).expect("well-formed");
        assert_eq!((read.primary, read.primary_type), (&[3; 50][..], PayloadType(96)));
        rename(&mut bytes, PayloadType(111), PayloadType(5));
        assert_eq!(bytes[8], 96, "of another type");
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let before = Packet::parse(&bytes).map(|p| (p.head_len, p.primary.to_vec()));
            rename(&mut bytes, PayloadType(111), PayloadType(96));
            prop_assert_eq!(Packet::parse(&bytes).map(|p| (p.head_len, p.primary.to_vec())), before);
        }
    }
}
