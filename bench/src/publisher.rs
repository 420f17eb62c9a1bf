//! A VP8 publisher as a browser is one: 1200-byte packets, nine to a picture, with picture numbers and the mid extension.

use corelay_sim::Source;
use corelay_sim::media::{PUBLISHED_MID, Packet, published_type};
use corelay_wire::media::Codec;
use corelay_wire::rtp::{HeaderFields, write_header};
use corelay_wire::units::{Mid, PacketIndex, RtpTimestamp, Ssrc};

/// Header and payload of each packet, before it is sealed.
pub const PACKET_BYTES: usize = 1_200;
/// A picture of 2.6 Mbit/s at 30 pictures a second.
const PACKETS_PER_PICTURE: u64 = 9;
/// 30 pictures a second on the clock of 90 kHz.
const TICKS_PER_PICTURE: u64 = 3_000;
/// More than the descriptor and the frame tag of a keyframe's first packet.
const HEAD_BYTES_MAX: usize = 14;

/// Numbers packets and makes their plaintext.
#[derive(Debug)]
pub struct Publisher {
    ssrc: Ssrc,
    mid: Mid,
    made: u64,
}

impl Publisher {
    /// Sends what `source` announced.
    pub fn new(source: &Source) -> Self {
        assert_eq!(source.codec, Codec::Vp8, "the packets are VP8");
        Self { ssrc: source.ssrc, mid: source.mid, made: 0 }
    }

    /// The next packet. The first picture is a keyframe, all others follow from it.
    pub fn packet(&mut self) -> Packet {
        let (picture, place) = (self.made / PACKETS_PER_PICTURE, self.made % PACKETS_PER_PICTURE);
        let index = PacketIndex(1 + self.made);
        let fields = HeaderFields {
            ssrc: self.ssrc,
            timestamp: RtpTimestamp((picture * TICKS_PER_PICTURE) as u32),
            sequence: index.sequence(),
            payload_type: published_type(Codec::Vp8),
            marker: place + 1 == PACKETS_PER_PICTURE,
            padded: false,
        };
        let mut header = vec![0; 64];
        let len = write_header(&mut header, &fields, [(PUBLISHED_MID, self.mid.as_bytes())]).expect("64 bytes hold it");
        header.truncate(len);
        let mut payload = head(picture, place);
        payload.extend((payload.len()..PACKET_BYTES - len).map(|i| (self.made as u8).wrapping_mul(31).wrapping_add(i as u8)));
        self.made += 1;
        Packet { index, header, payload }
    }
}

/// The payload descriptor with a picture number of 15 bits (RFC 7741 section 4.2), then the frame tag (section 4.3).
fn head(picture: u64, place: u64) -> Vec<u8> {
    let starts = if place == 0 { 0x10 } else { 0 };
    let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
    head.extend([0x80 | starts, 0x80, 0x80 | (picture >> 8) as u8, picture as u8]);
    match (picture, place) {
        (0, 0) => head.extend([0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00]),
        (_, 0) => head.extend([0x51, 0x00, 0x00]),
        _ => {}
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelay_wire::codec;

    #[test]
    fn packets_are_vp8_of_one_size_and_only_the_first_picture_is_a_keyframe() {
        let mut publisher = Publisher::new(&Source::new(Codec::Vp8, 1));
        let packets: Vec<Packet> = (0..600 * PACKETS_PER_PICTURE).map(|_| publisher.packet()).collect();
        assert!(packets.iter().all(|p| p.header.len() + p.payload.len() == PACKET_BYTES));
        let described = |p: &Packet| codec::describe(Codec::Vp8, &p.payload).expect("VP8");
        let keyframes = packets.iter().filter(|p| described(p).keyframe).count();
        let starts = packets.iter().filter(|p| described(p).starts_frame).count();
        assert_eq!((keyframes, starts), (1, 600));
        let pictures = described(&packets[599 * 9]).picture_id.map(|id| id.value());
        assert_eq!(pictures, Some(599));
    }
}
