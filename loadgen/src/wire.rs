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
    fn the_clear_header_is_read_where_it_stands() {
        let datagram = [0x80, 96, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99];
        assert_eq!(Clear::read(&datagram), Some(Clear { sequence: 0x0102, timestamp: 0x0304_0506, ssrc: 0x0708_090a }));
        assert_eq!(Clear::read(&datagram[..11]), None);
    }
}
