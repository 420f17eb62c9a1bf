//! A publisher as a browser is one: its packets have the mid extension, and video has picture numbers.

use crate::scene::{Media, PACKETS_PER_PICTURE};
use corelay_sim::Source;
use corelay_sim::media::{PUBLISHED_MID, Packet, published_type};
use corelay_wire::rtp::{HeaderFields, write_header};
use corelay_wire::units::{Mid, PacketIndex, RtpTimestamp, Ssrc};

/// 30 pictures a second on the clock of 90 kHz.
const TICKS_PER_PICTURE: u64 = 3_000;
/// 20 ms on the clock of 48 kHz.
const TICKS_PER_SOUND: u64 = 960;
/// More than the descriptor and the frame tag of a keyframe's first packet.
const HEAD_BYTES_MAX: usize = 14;

/// Numbers packets and makes their plaintext.
#[derive(Debug)]
pub struct Publisher {
    media: Media,
    ssrc: Ssrc,
    mid: Mid,
    made: u64,
}

impl Publisher {
    /// Sends what `source` announced.
    pub fn new(source: &Source, media: Media) -> Self {
        assert_eq!(source.codec, media.codec(), "the packets are of the announced codec");
        Self { media, ssrc: source.ssrc, mid: source.mid, made: 0 }
    }

    /// The next packet. The first picture is a keyframe, all others follow from it.
    pub fn packet(&mut self) -> Packet {
        let pictures = PACKETS_PER_PICTURE as u64;
        let (picture, place) = (self.made / pictures, self.made % pictures);
        let (timestamp, marker, mut payload) = match self.media {
            Media::Audio => (self.made * TICKS_PER_SOUND, false, vec![0x78]),
            Media::Video | Media::Frames => (picture * TICKS_PER_PICTURE, place + 1 == pictures, head(picture, place)),
        };
        let index = PacketIndex(1 + self.made);
        let fields = HeaderFields {
            ssrc: self.ssrc,
            timestamp: RtpTimestamp(timestamp as u32),
            sequence: index.sequence(),
            payload_type: published_type(self.media.codec()),
            marker,
            padded: false,
        };
        let mut header = vec![0; 64];
        let len = write_header(&mut header, &fields, [(PUBLISHED_MID, self.mid.as_bytes())]).expect("64 bytes hold it");
        header.truncate(len);
        let payload_len = self.media.bytes(picture, place as usize) - len;
        payload.extend((payload.len()..payload_len).map(|i| (self.made as u8).wrapping_mul(31).wrapping_add(i as u8)));
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
    use crate::scene::{AUDIO_BYTES, VIDEO_BYTES};
    use corelay_wire::codec;
    use corelay_wire::media::Codec;

    fn packets(media: Media, count: usize) -> Vec<Packet> {
        let mut publisher = Publisher::new(&Source::new(media.codec(), 1), media);
        (0..count).map(|_| publisher.packet()).collect()
    }

    #[test]
    fn packets_are_vp8_of_one_size_and_only_the_first_picture_is_a_keyframe() {
        let packets = packets(Media::Video, 600 * PACKETS_PER_PICTURE);
        assert!(packets.iter().all(|p| p.header.len() + p.payload.len() == VIDEO_BYTES));
        let described = |p: &Packet| codec::describe(Codec::Vp8, &p.payload).expect("VP8");
        let keyframes = packets.iter().filter(|p| described(p).keyframe).count();
        let starts = packets.iter().filter(|p| described(p).starts_frame).count();
        assert_eq!((keyframes, starts), (1, 600));
        let pictures = described(&packets[599 * 9]).picture_id.map(|id| id.value());
        assert_eq!(pictures, Some(599));
    }

    #[test]
    fn audio_is_small_and_frames_are_as_the_media_says() {
        assert!(packets(Media::Audio, 50).iter().all(|p| p.header.len() + p.payload.len() == AUDIO_BYTES));
        let frames = packets(Media::Frames, 2 * PACKETS_PER_PICTURE);
        let sizes: Vec<usize> = frames.iter().map(|p| p.header.len() + p.payload.len()).collect();
        let expected: Vec<usize> = (0..18).map(|n| Media::Frames.bytes(n / 9, n as usize % 9)).collect();
        assert_eq!(sizes, expected);
    }
}
