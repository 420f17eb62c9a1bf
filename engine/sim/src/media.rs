//! Synthetic streams with known content: real payload headers, and a number at the end of each payload that tells the packet.

use arrayvec::ArrayVec;
use core::time::Duration;
use corelay_core::control::{LayerParameters, TrackParameters};
use corelay_wire::media::{Codec, Extension, ExtensionMap, Feedback, Kind, PayloadFormat};
use corelay_wire::rtp::{HeaderFields, write_header};
use corelay_wire::units::{Instant, Mid, NtpTimestamp, PacketIndex, PayloadType, RtpTimestamp, Ssrc};

/// The ids of header extensions at publishers.
pub const PUBLISHED_MID: u8 = 3;
/// See [`PUBLISHED_MID`].
pub const PUBLISHED_LEVEL: u8 = 7;
/// See [`published_type`].
const OPUS: u8 = 111;

/// The payload type of a codec at publishers; retransmissions have one more.
pub const fn published_type(codec: Codec) -> PayloadType {
    PayloadType(match codec {
        Codec::Opus => OPUS,
        Codec::Red => 63,
        Codec::Vp8 => 96,
        Codec::Vp9 => 98,
        Codec::H264 => 102,
        Codec::Av1 => 45,
    })
}

/// The level of a source that is hushed: no voice, silence.
pub const HUSHED: u8 = 0x7F;
/// The payload type of forward error correction.
const UNANNOUNCED: u8 = 49;
/// The padding of a padding-only packet: the most there can be (RFC 3550 section 5.1).
const PADDING_LEN: u8 = 255;

/// The packets of one source: sealed by whoever publishes it.
#[derive(Debug)]
pub struct Source {
    /// What it pretends to be.
    pub codec: Codec,
    /// In the publisher's numbering.
    pub mid: Mid,
    /// The stream's SSRC.
    pub ssrc: Ssrc,
    /// Named in each payload.
    pub tag: u32,
    /// Does not send while set; its clock goes on.
    pub silent: bool,
    /// Tells silence as its level; else one that goes up and down.
    pub hushed: bool,
    /// Whether the SSRC is told to signaling; else mid tells the stream.
    pub announce_ssrc: bool,
    /// Packets of a video frame.
    pub packets_per_frame: u32,
    /// Whether signaling is told that it understands PLI; it always understands FIR.
    pub announce_pli: bool,
    /// How many keyframe requests reached it.
    pub keyframe_requests: u32,
    /// The command sequence numbers of those that were FIR.
    pub fir_sequences: Vec<u8>,
    /// When each packet was captured; the first has number one.
    pub captured: Vec<Instant>,
    /// Packets sent, and their payload bytes, for sender reports.
    pub sent: (u32, u32),
    /// Padding-only packets to send after the next frame.
    padding: u32,
    /// Packets of forward error correction to send after the next frame.
    repair: u32,
    index: u64,
    number: u32,
    timestamp_base: u32,
    next: Instant,
    keyframe: bool,
}

/// A packet as it is before sealing.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its place and rollover.
    pub index: PacketIndex,
    /// The header with its extensions.
    pub header: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Source {
    /// A source whose numbers follow from `tag`. Sequence numbers begin shortly before they wrap.
    pub fn new(codec: Codec, tag: u32) -> Self {
        Self {
            codec,
            mid: Mid::from(&format!("m{tag}")).expect("short"),
            ssrc: Ssrc(0x1000_0000 + tag),
            tag,
            silent: false,
            hushed: false,
            announce_ssrc: true,
            packets_per_frame: 3,
            announce_pli: true,
            keyframe_requests: 0,
            fir_sequences: Vec::new(),
            captured: Vec::new(),
            sent: (0, 0),
            padding: 0,
            repair: 0,
            index: 65_500 + u64::from(tag % 7),
            number: 0,
            timestamp_base: 0xFFFF_0000u32.wrapping_add(tag * 7919),
            next: Instant::ZERO,
            keyframe: true,
        }
    }

    /// What signaling is told.
    pub fn parameters(&self) -> TrackParameters {
        let feedback = Feedback { nack: true, pli: self.announce_pli, fir: true, ..Feedback::default() };
        let payload_type = published_type(self.codec);
        let format = PayloadFormat { codec: self.codec, payload_type, rtx: Some(PayloadType(payload_type.0 + 1)), feedback };
        // What the blocks of redundant audio are.
        let opus = (self.codec == Codec::Red).then_some(PayloadFormat {
            codec: Codec::Opus,
            payload_type: PayloadType(OPUS),
            rtx: None,
            feedback,
        });
        let mut extensions = ExtensionMap::default();
        extensions.insert(Extension::Mid, PUBLISHED_MID);
        extensions.insert(Extension::AudioLevel, PUBLISHED_LEVEL);
        let layer = LayerParameters { ssrc: self.announce_ssrc.then_some(self.ssrc), ..LayerParameters::default() };
        TrackParameters {
            kind: self.codec.kind(),
            mid: Some(self.mid),
            formats: [format].into_iter().chain(opus).collect(),
            extensions,
            layers: ArrayVec::from_iter([layer]),
            screen: false,
            scalability: Default::default(),
        }
    }

    /// Begins another stream: new SSRC, sequence and timestamp.
    pub fn restart(&mut self) {
        self.ssrc = Ssrc(self.ssrc.0 + 0x0100_0000);
        self.index = 300;
        self.timestamp_base = self.timestamp_base.wrapping_add(0x3456_7890);
        self.keyframe = true;
    }

    /// Counts timestamps from elsewhere, in the same stream.
    pub fn restart_timestamps(&mut self) {
        self.timestamp_base = self.timestamp_base.wrapping_add(0x7654_3210);
    }

    /// Sends `packets` packets of nothing but padding after the next frame, as browsers do to probe for bandwidth.
    pub fn pad(&mut self, packets: u32) {
        self.padding += packets;
    }

    /// Sends `packets` packets of forward error correction after the next frame, in the stream itself and under a payload type that was
    /// not announced.
    pub fn protect(&mut self, packets: u32) {
        self.repair += packets;
    }

    /// The next video frame is a keyframe.
    pub fn make_keyframe(&mut self) {
        self.keyframe = true;
        self.keyframe_requests += 1;
    }

    /// When the next frame is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Leaves out one sequence number, as if a packet were lost before the first link.
    pub fn lose_one(&mut self) {
        self.index += 1;
        self.number += 1;
        self.captured.push(self.next);
    }

    /// The timestamp of what is captured at `at`.
    pub fn timestamp(&self, at: Instant) -> RtpTimestamp {
        let ticks = u128::from(at.as_nanos()) * u128::from(self.codec.clock_rate().0) / 1_000_000_000;
        RtpTimestamp(self.timestamp_base.wrapping_add(ticks as u32))
    }

    /// The pair for a sender report at `now`, on a wall clock that is `origin` at the simulation's start.
    pub fn clock_pair(&self, now: Instant, origin: NtpTimestamp) -> (NtpTimestamp, RtpTimestamp) {
        let fraction = (u128::from(now.as_nanos()) << 32) / 1_000_000_000;
        (NtpTimestamp(origin.0.wrapping_add(fraction as u64)), self.timestamp(now))
    }

    /// The frame that is due at `now`, if one is. Nothing is numbered before the publisher is `connected`: SRTP receivers take the
    /// first packet for one of rollover zero.
    pub fn frame(&mut self, now: Instant, connected: bool) -> Vec<Packet> {
        if self.next > now {
            return Vec::new();
        }
        let (period, packets) = match self.codec.kind() {
            Kind::Audio => (Duration::from_millis(20), 1),
            Kind::Video => (Duration::from_millis(40), self.packets_per_frame),
        };
        self.next = now + period;
        if self.silent || !connected {
            return Vec::new();
        }
        let keyframe = core::mem::take(&mut self.keyframe);
        let padding = core::mem::take(&mut self.padding);
        let mut frame: Vec<_> = (0..packets).map(|i| self.packet(now, keyframe, i, packets)).collect();
        frame.extend((0..padding).map(|_| self.padding_packet(now)));
        let repair = core::mem::take(&mut self.repair);
        frame.extend((0..repair).map(|_| self.repair_packet(now)));
        frame
    }

    fn packet(&mut self, now: Instant, keyframe: bool, place: u32, packets: u32) -> Packet {
        self.number += 1;
        self.captured.push(now);
        let (index, header) = self.header(now, place + 1 == packets, false);
        let payload = payload(self.codec, keyframe, place, self.tag, self.number);
        self.sent = (self.sent.0 + 1, self.sent.1 + payload.len() as u32);
        Packet { index, header, payload }
    }

    /// Takes a place in the sequence and carries nothing.
    fn padding_packet(&mut self, now: Instant) -> Packet {
        let (index, header) = self.header(now, false, true);
        let mut payload = vec![0; PADDING_LEN.into()];
        payload[usize::from(PADDING_LEN) - 1] = PADDING_LEN;
        self.sent.0 += 1;
        Packet { index, header, payload }
    }

    /// Takes a place in the sequence and carries what nobody asked for.
    fn repair_packet(&mut self, now: Instant) -> Packet {
        let (index, mut header) = self.header(now, false, false);
        header[1] = UNANNOUNCED;
        Packet { index, header, payload: vec![0xFE; 300] }
    }

    fn header(&mut self, now: Instant, marker: bool, padded: bool) -> (PacketIndex, Vec<u8>) {
        self.index += 1;
        let index = PacketIndex(self.index);
        let fields = HeaderFields {
            ssrc: self.ssrc,
            timestamp: self.timestamp(now),
            sequence: index.sequence(),
            payload_type: published_type(self.codec),
            marker,
            padded,
        };
        let level = [if self.hushed { HUSHED } else { 0x80 | (self.number % 100) as u8 }];
        let mut header = vec![0; 64];
        let extensions = [(PUBLISHED_MID, self.mid.as_bytes()), (PUBLISHED_LEVEL, &level[..])];
        let len = write_header(&mut header, &fields, extensions).expect("64 bytes hold it");
        header.truncate(len);
        (index, header)
    }
}

/// The payload of packet `number` of the stream `tag`: all that a receiver needs to make it again is in it.
pub fn payload(codec: Codec, keyframe: bool, place: u32, tag: u32, number: u32) -> Vec<u8> {
    let mut payload = head(codec, keyframe, place);
    let filler = match codec {
        Codec::Opus | Codec::Red => 60,
        _ if place == 0 => 400,
        _ => 900,
    };
    payload.extend((0..filler).map(|i| (number as u8).wrapping_mul(31).wrapping_add(i as u8)));
    payload.extend(tag.to_be_bytes());
    payload.extend(number.to_be_bytes());
    payload
}

/// The first bytes as the codec's RTP payload format has them.
fn head(codec: Codec, keyframe: bool, place: u32) -> Vec<u8> {
    match (codec, keyframe, place) {
        (Codec::Opus, ..) => vec![0x78],
        // Three bytes of the packet before, then the present block (RFC 2198 section 3).
        (Codec::Red, ..) => vec![0x80 | OPUS, 0x0F, 0x00, 3, OPUS, 7, 8, 9, 0x78],
        (Codec::Vp8, true, 0) => vec![0x10, 0x50, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00],
        (Codec::Vp8, false, 0) => vec![0x10, 0x51, 0x00, 0x00],
        (Codec::Vp8, ..) => vec![0x00, 0x33],
        (Codec::Vp9, true, 0) => vec![0x88, 0x05, 0x82],
        (Codec::Vp9, false, 0) => vec![0xC8, 0x06, 0x86],
        (Codec::Vp9, ..) => vec![0xC0, 0x06, 0x11],
        (Codec::H264, true, 0) => vec![0x67, 0x42, 0xE0, 0x1F],
        (Codec::H264, false, 0) => vec![0x41, 0x9A],
        (Codec::H264, true, _) => vec![0x7C, 0x05, 0x11],
        (Codec::H264, false, _) => vec![0x7C, 0x01, 0x11],
        (Codec::Av1, true, 0) => vec![0x18, 0x08, 0x00],
        (Codec::Av1, false, 0) => vec![0x10, 0x30, 0x00],
        (Codec::Av1, ..) => vec![0x90, 0x22],
    }
}
