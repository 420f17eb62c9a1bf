//! What the first bytes of a datagram say.

/// What a datagram carries, by its first bytes (RFC 9443 section 3, RFC 5761 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Other,
}

/// Sorts a datagram.
pub(crate) fn content(datagram: &[u8]) -> Content {
    match datagram {
        [0..=3, ..] => Content::Stun,
        [20..=63, ..] => Content::Dtls,
        [128..=191, 192..=223, ..] => Content::Rtcp,
        [128..=191, ..] => Content::Rtp,
        _ => Content::Other,
    }
}

/// The fields of an RTP header that are in the clear and tell one packet from another (RFC 3550 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clear {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Clear {
    /// Reads a datagram that is RTP by its first byte; `None` when it is too short for a header.
    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        let header: &[u8; 12] = datagram.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        Some(Self { sequence: u16::from_be_bytes([header[2], header[3]]), timestamp: word(4), ssrc: word(8) })
    }
}

/// The number of two bytes in a header extension of one-byte form (RFC 8285 section 4.2), as the transport-wide ones are.
pub(crate) fn number_of_extension(datagram: &[u8], id: u8) -> Option<u16> {
    let (flags, after) = (*datagram.first()?, 12 + 4 * usize::from(datagram.first()? & 0x0F));
    let &[0xBE, 0xDE, high, low] = datagram.get(after..)?.first_chunk()? else { return None };
    if flags & 0x10 == 0 {
        return None;
    }
    let mut rest = datagram.get(after + 4..)?.get(..4 * usize::from(u16::from_be_bytes([high, low])))?;
    while let [head, behind @ ..] = rest {
        if *head == 0 {
            rest = behind;
            continue;
        }
        let data = behind.get(..usize::from(head & 0x0F) + 1)?;
        if head >> 4 == id {
            return data.first_chunk().map(|number| u16::from_be_bytes(*number));
        }
        rest = &behind[data.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_by_their_first_bytes() {
        let sorted = [&[0u8, 1][..], &[22], &[0x80, 96], &[0x80, 200], &[0x90, 0x80 | 111], &[64], &[]].map(content);
        assert_eq!(
            sorted,
            [Content::Stun, Content::Dtls, Content::Rtp, Content::Rtcp, Content::Rtp, Content::Other, Content::Other]
        );
    }

    #[test]
    fn a_number_is_found_among_extensions() {
        let mut datagram = vec![0x91; 16];
        datagram.extend([0xBE, 0xDE, 0, 2, 0x12, 1, 2, 3, 0x51, 7, 9, 0]);
        assert_eq!(number_of_extension(&datagram, 5), Some(0x0709));
        assert_eq!(number_of_extension(&datagram, 6), None);
        assert_eq!(number_of_extension(&datagram[..24], 5), None);
        datagram[0] = 0x81;
        assert_eq!(number_of_extension(&datagram, 5), None);
    }

    #[test]
    fn the_clear_header_is_read_where_it_stands() {
        let datagram = [0x80, 96, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99];
        assert_eq!(Clear::read(&datagram), Some(Clear { sequence: 0x0102, timestamp: 0x0304_0506, ssrc: 0x0708_090a }));
        assert_eq!(Clear::read(&datagram[..11]), None);
    }
}
