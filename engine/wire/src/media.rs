//! What a stream carries, in the numbering of one peer: codecs, header extensions, feedback.

use crate::units::{ClockRate, PayloadType};
use arrayvec::ArrayVec;

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// The codecs that the forwarding stage understands: it finds keyframes and (later) layers in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Opus with copies of what was sent before (RFC 2198, `audio/red`). Beside [`Codec::Opus`] in a track's formats, never alone:
    /// the blocks have that format's payload type.
    Red,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// AV1 RTP payload, AOMedia.
    Av1,
}

impl Codec {
    /// The kind of media the codec carries.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus | Self::Red => Kind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => Kind::Video,
        }
    }

    /// The RTP clock of the codec.
    pub const fn clock_rate(self) -> ClockRate {
        match self {
            Self::Opus | Self::Red => ClockRate(48_000),
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => ClockRate(90_000),
        }
    }
}

/// The header extensions (RFC 8285) that the server reads, writes or passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Extension {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`: read at the publisher's, written for the subscriber.
    Mid,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`: read.
    Rid,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`: read.
    RepairedRid,
    /// abs-send-time: written at send.
    AbsSendTime,
    /// transport-wide-cc-01: read at the publisher's, written at send.
    TransportSequence,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464): read, passed.
    AudioLevel,
    /// `urn:3gpp:video-orientation`: passed.
    VideoOrientation,
    /// toffset: passed.
    TransmissionOffset,
    /// abs-capture-time: passed.
    AbsCaptureTime,
    /// playout-delay: passed, or written where the server wants one.
    PlayoutDelay,
    /// AV1 dependency descriptor: read, passed.
    DependencyDescriptor,
    /// video-layers-allocation: read, not passed.
    VideoLayersAllocation,
}

impl Extension {
    /// How many variants there are: the size of a map indexed by extension.
    pub const COUNT: usize = 12;

    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AbsSendTime,
        Self::TransportSequence,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::TransmissionOffset,
        Self::AbsCaptureTime,
        Self::PlayoutDelay,
        Self::DependencyDescriptor,
        Self::VideoLayersAllocation,
    ];
}

/// Extension ids in one peer's numbering, 1-255 (RFC 8285: 1-14 fit the one-byte form).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ExtensionMap {
    ids: [u8; Extension::COUNT],
}

impl ExtensionMap {
    /// The id of `extension` in this numbering, if it was negotiated.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        match self.ids[extension as usize] {
            0 => None,
            id => Some(id),
        }
    }

    /// What travels under `id` in this numbering, if anything does.
    pub fn extension(&self, id: u8) -> Option<Extension> {
        if id == 0 {
            return None;
        }
        // Without a branch for each of them; the first one counts.
        let bits = self.ids.iter().enumerate().fold(0u32, |bits, (at, known)| bits | u32::from(*known == id) << at);
        Extension::ALL.get(bits.trailing_zeros() as usize).copied()
    }

    /// Records that `extension` travels under `id`; zero takes it out.
    pub fn insert(&mut self, extension: Extension, id: u8) {
        self.ids[extension as usize] = id;
    }
}

/// RTCP feedback that was negotiated for a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Feedback {
    /// Generic NACK (RFC 4585 section 6.2.1).
    pub nack: bool,
    /// Picture loss indication (RFC 4585 section 6.3.1).
    pub pli: bool,
    /// Full intra request (RFC 5104 section 4.3.1).
    pub fir: bool,
    /// Transport-wide congestion control.
    pub transport_cc: bool,
    /// Receiver estimated maximum bitrate.
    pub remb: bool,
}

/// A codec under the payload type that one peer gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadFormat {
    /// The codec.
    pub codec: Codec,
    /// Its payload type in this peer's numbering.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions (RFC 4588), where negotiated.
    pub rtx: Option<PayloadType>,
    /// The feedback that may be sent for it.
    pub feedback: Feedback,
}

/// The formats of one stream. Eight: a browser lists a handful even with several H264 profiles.
pub type PayloadFormats = ArrayVec<PayloadFormat, 8>;
