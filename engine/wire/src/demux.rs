//! Which protocol a datagram speaks, by its first bytes.

/// What shares the UDP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// ICE connectivity checks (RFC 8489).
    Stun,
    /// Key agreement (RFC 9147, RFC 6347).
    Dtls,
    /// Media, as SRTP.
    Rtp,
    /// Control of media, as SRTCP.
    Rtcp,
}

/// The protocol of a datagram; `None` for an empty one and for those that have no business here.
///
/// ```text
/// first byte   0..=3 STUN   16..=19 ZRTP   20..=63 DTLS   64..=79 TURN channel   128..=191 RTP/RTCP   192..=255 QUIC
/// ```
///
/// The ranges are those of RFC 9443 section 3, which updates RFC 7983 section 7. ZRTP, TURN channels and QUIC are not spoken.
///
/// RTP and RTCP share a range; RFC 5761 section 4 keeps RTP payload types 64-95 unused, so that they name RTCP packet types
/// 192-223. The marker bit of RTP is the top bit of the same byte and does not count.
pub fn classify(datagram: &[u8]) -> Option<Protocol> {
    match datagram {
        [0..=3, ..] => Some(Protocol::Stun),
        [20..=63, ..] => Some(Protocol::Dtls),
        [128..=191, 192..=223, ..] => Some(Protocol::Rtcp),
        [128..=191, second, ..] if !matches!(second & 0x7F, 64..=95) => Some(Protocol::Rtp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_fall_into_their_ranges() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            assert_eq!(classify(&[first, 96]), expected, "first byte {first}");
        }
        assert_eq!(classify(&[]), None);
        assert_eq!(classify(&[0x80]), None);
    }

    #[test]
    fn rtcp_packet_types_are_told_from_payload_types() {
        for packet_type in 192..=223 {
            assert_eq!(classify(&[0x80, packet_type]), Some(Protocol::Rtcp));
        }
        for payload_type in (0..64).chain(96..128) {
            assert_eq!(classify(&[0x90, payload_type]), Some(Protocol::Rtp));
            assert_eq!(classify(&[0x90, 0x80 | payload_type]), Some(Protocol::Rtp), "with the marker");
        }
    }

    #[test]
    fn payload_types_that_clash_with_rtcp_are_nobody_s() {
        for payload_type in 64..96 {
            assert_eq!(classify(&[0x80, payload_type]), None);
        }
    }
}
