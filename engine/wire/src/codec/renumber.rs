//! Frame counters within a payload, moved by an offset: what a receiver sees when the server changes streams or leaves frames out.

use crate::media::Codec;

/// Adds `picture` to the picture id and `tl0` to TL0PICIDX, in the widths that they have, where `payload` has them. Other codecs, and
/// bytes that are no payload of `codec`, stay as they are.
pub fn renumber(codec: Codec, payload: &mut [u8], picture: u16, tl0: u8) {
    let _whole = match codec {
        Codec::Vp8 => renumber_vp8(payload, picture, tl0),
        Codec::Vp9 => renumber_vp9(payload, picture, tl0),
        _ => Some(()),
    };
}

/// RFC 7741 section 4.2: X in the first byte, then I and L in the second.
fn renumber_vp8(payload: &mut [u8], picture: u16, tl0: u8) -> Option<()> {
    if payload.first()? & 0x80 == 0 {
        return Some(());
    }
    let flags = *payload.get(1)?;
    let mut at = 2;
    if flags & 0x80 != 0 {
        at += add_to_picture_id(payload.get_mut(at..)?, picture)?;
    }
    if flags & 0x40 != 0 {
        add(payload.get_mut(at)?, tl0);
    }
    Some(())
}

/// RFC 9628 section 4.2: I, L and F in the first byte; TL0PICIDX follows the layer indices, but not in flexible mode.
fn renumber_vp9(payload: &mut [u8], picture: u16, tl0: u8) -> Option<()> {
    let flags = *payload.first()?;
    let mut at = 1;
    if flags & 0x80 != 0 {
        at += add_to_picture_id(payload.get_mut(at..)?, picture)?;
    }
    if flags & 0x30 == 0x20 {
        add(payload.get_mut(at + 1)?, tl0);
    }
    Some(())
}

/// Gives the length of the picture id: its first bit says whether it has 15 bits or 7.
fn add_to_picture_id(field: &mut [u8], offset: u16) -> Option<usize> {
    let first = field.first_mut()?;
    if *first & 0x80 == 0 {
        *first = first.wrapping_add(offset as u8) & 0x7F;
        return Some(1);
    }
    let field: &mut [u8; 2] = field.first_chunk_mut()?;
    *field = (u16::from_be_bytes(*field).wrapping_add(offset) | 0x8000).to_be_bytes();
    Some(2)
}

fn add(byte: &mut u8, offset: u8) {
    *byte = byte.wrapping_add(offset);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{PictureId, describe};
    use proptest::prelude::*;

    #[test]
    fn counters_wrap_in_their_width() {
        // X, S; I, L, T; 7-bit id 127, TL0PICIDX 255.
        let mut short = [0x90, 0xE0, 0x7F, 0xFF, 0x00, 0x01];
        renumber(Codec::Vp8, &mut short, 2, 3);
        assert_eq!(short, [0x90, 0xE0, 0x01, 0x02, 0x00, 0x01]);
        // I, L, B; 15-bit id 0x7FFF.
        let mut long = [0xA8, 0xFF, 0xFF, 0x00, 0x09, 0x01];
        renumber(Codec::Vp9, &mut long, 1, 255);
        assert_eq!(long, [0xA8, 0x80, 0x00, 0x00, 0x08, 0x01]);
        // The same in flexible mode has no TL0PICIDX.
        let mut flexible = [0xB8, 0x05, 0x00, 0x09, 0x01];
        renumber(Codec::Vp9, &mut flexible, 1, 1);
        assert_eq!(flexible, [0xB8, 0x06, 0x00, 0x09, 0x01]);
        let mut bare = [0x10, 0x01, 0x02, 0x03];
        renumber(Codec::Vp8, &mut bare, 9, 9);
        assert_eq!(bare, [0x10, 0x01, 0x02, 0x03]);
    }

    proptest! {
        #[test]
        fn what_moved_is_the_counters_and_nothing_else(
            bytes in prop::collection::vec(any::<u8>(), 0..40), picture in any::<u16>(), tl0 in any::<u8>(), vp9 in any::<bool>(),
        ) {
            let codec = if vp9 { Codec::Vp9 } else { Codec::Vp8 };
            let mut moved = bytes.clone();
            renumber(codec, &mut moved, picture, tl0);
            if let (Some(before), Some(after)) = (describe(codec, &bytes), describe(codec, &moved)) {
                prop_assert_eq!(after.tl0_picture_index, before.tl0_picture_index.map(|i| i.wrapping_add(tl0)));
                prop_assert_eq!(after.picture_id, before.picture_id.map(|id| match id {
                    PictureId::Short(id) => PictureId::Short(id.wrapping_add(picture as u8) & 0x7F),
                    PictureId::Long(id) => PictureId::Long(id.wrapping_add(picture) & 0x7FFF),
                }));
                prop_assert_eq!((after.keyframe, after.temporal, after.spatial), (before.keyframe, before.temporal, before.spatial));
            }
            renumber(codec, &mut moved, picture.wrapping_neg(), tl0.wrapping_neg());
            prop_assert_eq!(moved, bytes);
        }
    }
}
