//! Synthetic media: RTP payloads with the headers that the server reads, and a body that tells each packet from all others.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaKind, Mid};
use str0m::rtp::{ExtensionValues, RtpWrite, Ssrc};

/// Time between two frames.
pub(crate) const FRAME_MS: u32 = 10;

/// The end of the 16-bit range is near, so that every stream wraps on its way in.
const FIRST_SEQUENCE: u64 = 65_500;

/// What a codec looks like on both sides. The payload types of publishers overlap with those of the router on purpose.
pub(crate) struct Format {
    pub(crate) codec: Codec,
    pub(crate) mime_type: &'static str,
    pub(crate) published_as: u8,
    pub(crate) forwarded_as: u8,
    pub(crate) parameters: fn() -> Value,
}

pub(crate) const OPUS: &Format =
    &Format { codec: Codec::Opus, mime_type: "audio/opus", published_as: 111, forwarded_as: 100, parameters: || json!({}) };
pub(crate) const VP8: &Format =
    &Format { codec: Codec::Vp8, mime_type: "video/VP8", published_as: 96, forwarded_as: 102, parameters: || json!({}) };
pub(crate) const VP9: &Format = &Format {
    codec: Codec::Vp9,
    mime_type: "video/VP9",
    published_as: 98,
    forwarded_as: 104,
    parameters: || json!({ "profile-id": 0 }),
};
pub(crate) const H264: &Format = &Format {
    codec: Codec::H264,
    mime_type: "video/H264",
    published_as: 102,
    forwarded_as: 106,
    parameters: || json!({ "packetization-mode": 1, "level-asymmetry-allowed": 1, "profile-level-id": "42e01f" }),
};
pub(crate) const AV1: &Format = &Format {
    codec: Codec::Av1,
    mime_type: "video/AV1",
    published_as: 45,
    forwarded_as: 114,
    parameters: || json!({ "profile": 0 }),
};
pub(crate) const FORMATS: [&Format; 5] = [OPUS, VP8, VP9, H264, AV1];

impl Format {
    pub(crate) fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    pub(crate) fn clock_rate(&self) -> u32 {
        if self.codec.is_audio() { 48_000 } else { 90_000 }
    }

    pub(crate) fn frequency(&self) -> Frequency {
        if self.codec.is_audio() { Frequency::FORTY_EIGHT_KHZ } else { Frequency::NINETY_KHZ }
    }

    pub(crate) fn channels(&self) -> Option<u8> {
        self.codec.is_audio().then_some(2)
    }

    /// What `str0m` is told: it matches payload types by number here, there is no SDP that would compare the rest.
    pub(crate) fn format_params(&self) -> FormatParams {
        FormatParams::default()
    }

    /// The codec's entry in capabilities (`preferredPayloadType`) or parameters (`payloadType`).
    pub(crate) fn description(&self, payload_type_key: &str, payload_type: u8) -> Value {
        let feedback = if self.codec.is_audio() {
            json!([])
        } else {
            json!([{ "type": "nack", "parameter": "pli" }, { "type": "ccm", "parameter": "fir" }])
        };
        let mut value = json!({
            "mimeType": self.mime_type,
            payload_type_key: payload_type,
            "clockRate": self.clock_rate(),
            "parameters": (self.parameters)(),
            "rtcpFeedback": feedback,
        });
        if let Some(channels) = self.channels() {
            value["channels"] = json!(channels);
        }
        value
    }

    /// Payload headers of a frame's packets. Minimal, but what they say is true: RFC 7741 section 4, RFC 9628 section 4.2, RFC 6184
    /// section 5, and section 4 of the AV1 payload format.
    fn headers(&self, keyframe: bool, frame: u32) -> Vec<Vec<u8>> {
        let picture = (frame & 0x7F) as u8;
        match (self.codec, keyframe) {
            (Codec::Opus, _) => vec![vec![0x78]],
            (Codec::Vp8, true) => {
                vec![vec![0x10, 0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00], vec![0x00], vec![0x00]]
            }
            (Codec::Vp8, false) => vec![vec![0x10, 0x51, 0x00, 0x00], vec![0x00]],
            // I and B; I; I and E. Not predicted: a keyframe.
            (Codec::Vp9, true) => vec![vec![0x88, picture, 0x82], vec![0x80, picture], vec![0x84, picture]],
            (Codec::Vp9, false) => vec![vec![0xC8, picture, 0x86], vec![0xC4, picture]],
            // SPS, PPS, an IDR slice in three fragments.
            (Codec::H264, true) => {
                vec![vec![0x67, 0x42, 0xE0, 0x1F], vec![0x68, 0xCE], vec![0x7C, 0x85, 0x88], vec![0x7C, 0x05], vec![0x7C, 0x45]]
            }
            (Codec::H264, false) => vec![vec![0x7C, 0x81, 0x9A], vec![0x7C, 0x41]],
            // W = 1; N with a sequence header; then a frame that goes on (Y), and its end (Z).
            (Codec::Av1, true) => vec![vec![0x18, 0x08, 0x00], vec![0x50, 0x30], vec![0x90]],
            (Codec::Av1, false) => vec![vec![0x50, 0x30], vec![0x90]],
            (other, _) => panic!("no payloads for {other:?}"),
        }
    }
}

/// A packet as it was sent.
pub(crate) struct Sent {
    pub(crate) payload: Arc<[u8]>,
    pub(crate) marker: bool,
    pub(crate) timestamp: u32,
    /// The first of a frame where a receiver can begin.
    pub(crate) is_start: bool,
}

/// One published stream.
pub(crate) struct Source {
    pub(crate) format: &'static Format,
    pub(crate) producer: String,
    pub(crate) ssrc: Ssrc,
    pub(crate) mid: Mid,
    /// Keyframe requests that were answered.
    pub(crate) answered: usize,
    pub(crate) sent: Vec<Sent>,
    timestamp: u32,
    frames: u32,
}

impl Source {
    pub(crate) fn new(format: &'static Format, producer: String, ssrc: Ssrc, mid: Mid) -> Self {
        // Timestamps wrap within the first second.
        let timestamp = u32::MAX - format.clock_rate() / 2;
        Self { format, producer, ssrc, mid, answered: 0, sent: Vec::new(), timestamp, frames: 0 }
    }

    /// The packets of the next frame. The first one is a keyframe in any case.
    pub(crate) fn frame(&mut self, wants_keyframe: bool) -> Vec<RtpWrite> {
        let is_audio = self.format.codec.is_audio();
        let keyframe = wants_keyframe || self.frames == 0;
        let headers = self.format.headers(keyframe, self.frames);
        let count = headers.len();
        let mut packets = Vec::with_capacity(count);
        for (i, header) in headers.into_iter().enumerate() {
            let (sequence, number) = (FIRST_SEQUENCE + self.sent.len() as u64, self.sent.len() as u32);
            let payload: Arc<[u8]> = body(header, *self.ssrc, number, if is_audio { 60 } else { 1_000 }).into();
            let marker = !is_audio && i + 1 == count;
            let write = RtpWrite::new(
                self.format.published_as.into(),
                sequence.into(),
                self.timestamp,
                Instant::now(),
                Arc::clone(&payload),
            );
            let level = ExtensionValues {
                audio_level: is_audio.then_some(-30),
                voice_activity: is_audio.then_some(true),
                ..ExtensionValues::default()
            };
            packets.push(write.marker(marker).ext_vals(level));
            self.sent.push(Sent { payload, marker, timestamp: self.timestamp, is_start: is_audio || (keyframe && i == 0) });
        }
        self.frames += 1;
        self.timestamp = self.timestamp.wrapping_add(self.format.clock_rate() / 1_000 * FRAME_MS);
        packets
    }
}

/// `header`, then the stream and the number of the packet, then filler whose length varies so that packets of a run differ in size.
fn body(mut header: Vec<u8>, ssrc: u32, number: u32, len: usize) -> Vec<u8> {
    header.extend_from_slice(&ssrc.to_be_bytes());
    header.extend_from_slice(&number.to_be_bytes());
    let len = len + number as usize % 7;
    header.resize(len.max(header.len()), number as u8);
    header
}
