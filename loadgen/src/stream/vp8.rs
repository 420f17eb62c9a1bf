//! VP8 in RTP (RFC 7741), as much of it as a publisher of pictures without content needs.

/// X and S: an extended descriptor at the start of a partition (section 4.2).
const START: u8 = 0x90;
/// X alone: a packet that continues a frame.
const CONTINUED: u8 = 0x80;
/// I: a picture id follows.
const PICTURE_ID: u8 = 0x80;
pub(crate) const DESCRIPTOR_LEN: usize = 4;
/// P=0, shown, first partition of no length (RFC 6386 section 9.1), start code, 640 x 360.
const KEYFRAME: [u8; 10] = [0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
/// The same with P=1.
const INTERFRAME: [u8; 3] = [0x11, 0x00, 0x00];
/// The longest head of a packet.
pub(crate) const HEAD_MAX: usize = DESCRIPTOR_LEN + KEYFRAME.len();

/// Writes the descriptor with a picture id of 15 bits.
pub(crate) fn write_descriptor(out: &mut Vec<u8>, first: bool, picture_id: u16) {
    let [high, low] = (picture_id | 0x8000).to_be_bytes();
    out.extend_from_slice(&[if first { START } else { CONTINUED }, PICTURE_ID, high, low]);
}

/// Writes the head of a synthetic packet: descriptor, and the frame's own header in its first packet.
pub(crate) fn write_head(out: &mut Vec<u8>, first: bool, keyframe: bool, picture_id: u16) {
    write_descriptor(out, first, picture_id);
    match (first, keyframe) {
        (true, true) => out.extend_from_slice(&KEYFRAME),
        (true, false) => out.extend_from_slice(&INTERFRAME),
        (false, _) => {}
    }
}

/// What stands behind the descriptor, and whether it starts a frame; `None` when it is cut off.
pub(crate) fn behind_descriptor(payload: &[u8]) -> Option<(&[u8], bool)> {
    let first = *payload.first()?;
    let mut len = 1;
    if first & 0x80 != 0 {
        let flags = *payload.get(1)?;
        len += 1;
        if flags & 0x80 != 0 {
            len += if payload.get(len)? & 0x80 != 0 { 2 } else { 1 };
        }
        len += usize::from(flags & 0x40 != 0);
        len += usize::from(flags & 0x30 != 0);
    }
    // Start of the frame: S set and partition 0.
    Some((payload.get(len..)?, first & 0x17 == 0x10))
}

/// What stands behind the head of a synthetic packet; `None` when it is none.
pub(crate) fn behind_head(payload: &[u8]) -> Option<&[u8]> {
    let (body, first) = behind_descriptor(payload)?;
    if !first {
        return Some(body);
    }
    let is_keyframe = body.first()? & 1 == 0;
    body.strip_prefix(if is_keyframe { KEYFRAME.as_slice() } else { INTERFRAME.as_slice() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for (first, keyframe) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut packet = Vec::new();
            write_head(&mut packet, first, keyframe, 0x7fff);
            assert!(packet.len() <= HEAD_MAX);
            packet.extend_from_slice(b"body");
            assert_eq!(behind_head(&packet), Some(b"body".as_slice()));
        }
    }

    #[test]
    fn descriptors_of_other_lengths_are_read() {
        let with_layers = [0x90, 0xf0, 0x80, 1, 9, 0x20, 0x11, 0, 0, 42];
        assert_eq!(behind_head(&with_layers), Some([42].as_slice()));
        assert_eq!(behind_head(&[0x10, 0x11, 0, 0, 42]), Some([42].as_slice()));
        assert_eq!(behind_head(&[0x90, 0x80, 0x80]), None);
    }
}
