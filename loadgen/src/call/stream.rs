//! Synthetic media that can be checked at the other end: each payload says who sent it, which packet it is and when it left, and the
//! rest is filled with bytes that follow from that.
//!
//! ```text
//! | codec header (VP8 only) | magic 4 | ssrc 4 | counter 4 | sent_us 8 | filler ... |
//! ```

use rtp::header::Header;
use rtp::packet::Packet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use webrtc_util::Marshal;

const MAGIC: [u8; 4] = *b"CRLY";
const STAMP_LEN: usize = 20;
const VIDEO_PAYLOAD_LEN: usize = 1_100;
/// 20 ms of Opus at 48 kbit/s.
const AUDIO_PAYLOAD_LEN: usize = 120;
/// VP8 payload descriptor with S=1 (RFC 7741 section 4.2), then the frame tag of a keyframe: P=0, start code, 640 x 360.
const VP8_KEY: [u8; 11] = [0x10, 0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
/// The same for a frame that is no keyframe: P=1.
const VP8_DELTA: [u8; 4] = [0x10, 0x11, 0x00, 0x00];
/// A packet that continues a frame: S=0.
const VP8_CONTINUED: [u8; 1] = [0x00];

/// Audio or video.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// One published stream.
pub(crate) struct Stream {
    kind: Kind,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    counter: u32,
    packets_per_frame: usize,
    keyframe_wanted: bool,
}

impl Stream {
    pub(crate) fn audio() -> Self {
        Self::new(Kind::Audio, 111, 1)
    }

    pub(crate) fn video(kbps: u32) -> Self {
        let bytes_per_frame = kbps as usize * 125 / FRAMES_PER_SECOND as usize;
        Self::new(Kind::Video, 96, bytes_per_frame.div_ceil(VIDEO_PAYLOAD_LEN).max(1))
    }

    fn new(kind: Kind, payload_type: u8, packets_per_frame: usize) -> Self {
        let (sequence, timestamp) = (rand::random(), rand::random());
        Self { kind, ssrc: rand::random(), payload_type, sequence, timestamp, counter: 0, packets_per_frame, keyframe_wanted: true }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Time between frames.
    pub(crate) fn interval(&self) -> Duration {
        match self.kind {
            Kind::Audio => Duration::from_millis(20),
            Kind::Video => Duration::from_micros(1_000_000 / FRAMES_PER_SECOND),
        }
    }

    /// The server asked for a keyframe.
    pub(crate) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// The packets of the next frame, in the clear.
    pub(crate) fn next_frame(&mut self) -> Vec<Vec<u8>> {
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        let packets = (0..self.packets_per_frame).filter_map(|n| self.packet(n, keyframe)).collect();
        self.timestamp = self.timestamp.wrapping_add(match self.kind {
            Kind::Audio => 960,
            Kind::Video => (90_000 / FRAMES_PER_SECOND) as u32,
        });
        packets
    }

    fn packet(&mut self, n: usize, keyframe: bool) -> Option<Vec<u8>> {
        let header = Header {
            version: 2,
            marker: self.kind == Kind::Video && n + 1 == self.packets_per_frame,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        let payload = self.payload(n, keyframe).into();
        self.sequence = self.sequence.wrapping_add(1);
        self.counter += 1;
        Packet { header, payload }.marshal().ok().map(|bytes| bytes.to_vec())
    }

    fn payload(&self, n: usize, keyframe: bool) -> Vec<u8> {
        let (head, len): (&[u8], usize) = match (self.kind, n, keyframe) {
            (Kind::Audio, ..) => (&[], AUDIO_PAYLOAD_LEN),
            (Kind::Video, 0, true) => (&VP8_KEY, VIDEO_PAYLOAD_LEN),
            (Kind::Video, 0, false) => (&VP8_DELTA, VIDEO_PAYLOAD_LEN),
            (Kind::Video, ..) => (&VP8_CONTINUED, VIDEO_PAYLOAD_LEN),
        };
        let mut payload = head.to_vec();
        payload.extend(MAGIC);
        payload.extend(self.ssrc.to_be_bytes());
        payload.extend(self.counter.to_be_bytes());
        payload.extend(now_us().to_be_bytes());
        let filler = len.saturating_sub(payload.len());
        payload.extend((0..filler).map(|i| filler_byte(self.counter, i)));
        payload
    }
}

const FRAMES_PER_SECOND: u64 = 30;

/// What a received payload says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub(crate) ssrc: u32,
    pub(crate) counter: u32,
    pub(crate) sent_us: u64,
}

impl Stamp {
    /// Reads and checks a payload; `None` when a byte of it is not what was sent.
    pub(crate) fn verify(payload: &[u8]) -> Option<Self> {
        let start = payload.windows(4).take(VP8_KEY.len() + 1).position(|w| w == MAGIC)?;
        let body = payload.get(start..start + STAMP_LEN)?;
        let word = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
        let stamp = Self { ssrc: word(4)?, counter: word(8)?, sent_us: u64::from(word(12)?) << 32 | u64::from(word(16)?) };
        let filler = &payload[start + STAMP_LEN..];
        filler.iter().enumerate().all(|(i, byte)| *byte == filler_byte(stamp.counter, i)).then_some(stamp)
    }
}

fn filler_byte(counter: u32, i: usize) -> u8 {
    (counter as usize).wrapping_mul(31).wrapping_add(i) as u8
}

/// Microseconds since 1970: both ends of a measurement run in this process.
pub(crate) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use webrtc_util::Unmarshal;

    #[test]
    fn a_frame_carries_what_the_other_end_checks() {
        for mut stream in [Stream::audio(), Stream::video(1_000)] {
            let frame = stream.next_frame();
            assert_eq!(frame.len(), if stream.kind() == Kind::Audio { 1 } else { 4 });
            for (counter, bytes) in frame.iter().enumerate() {
                let packet = Packet::unmarshal(&mut bytes.as_slice()).expect("it was marshalled by the same crate");
                let stamp = Stamp::verify(&packet.payload).expect("nothing touched it");
                assert_eq!((stamp.ssrc, stamp.counter as usize), (stream.ssrc(), counter));
            }
        }
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let bytes = Stream::video(300).next_frame().remove(0);
        let mut payload = Packet::unmarshal(&mut bytes.as_slice()).expect("it was marshalled by the same crate").payload.to_vec();
        *payload.last_mut().expect("it is not empty") ^= 1;
        assert_eq!(Stamp::verify(&payload), None);
    }
}
