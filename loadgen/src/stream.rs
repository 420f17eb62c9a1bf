//! What a participant publishes: kind, rate, shape and content of a stream.

mod frames;
mod packets;
pub(crate) mod stamp;
pub(crate) mod trail;
pub(crate) mod vp8;

pub use crate::codec::{Codec, Kind};
pub(crate) use packets::Layer;

use crate::clip::Clip;
use std::sync::Arc;
use std::time::Duration;

/// One stream to publish.
#[derive(Clone, Debug)]
pub struct StreamPlan {
    /// Opus for audio; VP8 for synthetic video; the clip's for a clip.
    pub codec: Codec,
    /// Where the payload comes from.
    pub source: Source,
    /// Bits per second of RTP in the clear, headers included. Of synthetic video; audio has `fps` packets/s of `packet_bytes`, a clip its own.
    pub bitrate: u32,
    /// Frames per second of synthetic video. Of audio, packets per second; 0 for the usual 50.
    pub fps: u32,
    /// Length of an RTP packet in the clear, header and extensions included; the longest one for a clip.
    pub packet_bytes: usize,
    /// How the packets of a frame are spread in time.
    pub burst: Burst,
    /// What the audio level says.
    pub speech: Speech,
    /// Simulcast layers, lowest first; empty for a stream of one encoding. `bitrate` and `fps` of the plan are then not used.
    pub layers: Vec<LayerPlan>,
}

impl StreamPlan {
    /// 50 packets/s of `packet_bytes` each, someone always speaking.
    pub fn audio(packet_bytes: usize) -> Self {
        Self { codec: Codec::Opus, packet_bytes, ..Self::video(0, 0) }
    }

    /// Synthetic VP8 in packets of 1200 bytes, a frame's packets together.
    pub fn video(bitrate: u32, fps: u32) -> Self {
        Self {
            codec: Codec::Vp8,
            source: Source::Synthetic,
            bitrate,
            fps,
            packet_bytes: 1200,
            burst: Burst::Together,
            speech: Speech::Always,
            layers: Vec::new(),
        }
    }

    /// A clip at its own rate.
    pub fn clip(clip: Arc<Clip>) -> Self {
        Self { codec: clip.codec, source: Source::Clip(clip), ..Self::video(0, 0) }
    }
}

/// Where the payload comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Stamped bytes: the receiver checks content, order, gaps and end-to-end latency.
    Synthetic,
    /// Real frames: the receiver checks that each payload is one of the clip's, and in its order; end-to-end latency as well.
    Clip(Arc<Clip>),
}

/// How the packets of a frame are spread in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Burst {
    /// All at once: what a server sees of a sender behind a fast link without a pacer.
    Together,
    /// As a browser's pacer does: `packets` at once, then `gap`; 3 and 5 ms is typical.
    Paced {
        /// At once.
        packets: u32,
        /// Before the next.
        gap: Duration,
    },
}

/// What the audio level extension (RFC 6464) says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// Voice in every packet.
    Always,
    /// Silence in every packet.
    Never,
    /// Speaks and is silent in turn, starting at a random point of it.
    Turns {
        /// Length of a time of voice.
        voice: Duration,
        /// Length of a time of silence.
        silence: Duration,
    },
}

/// Numbers of a published stream, as signaling agreed on them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// One for each layer, or one.
    pub ssrcs: Vec<u32>,
    /// Payload type.
    pub payload_type: u8,
    /// Canonical name in sender reports.
    pub cname: String,
    /// Id of the audio level (RFC 6464); 0 for an extension that is not sent, as with the others.
    pub audio_level_id: u8,
    /// Id of `urn:ietf:params:rtp-hdrext:sdes:mid`, with [`mid`](Self::mid) as its value.
    pub mid_id: u8,
    /// Id of `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`, with the layer's rid as its value.
    pub rid_id: u8,
    /// Media section.
    pub mid: String,
}

/// One simulcast layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerPlan {
    /// Its restriction identifier (RFC 8851), such as `q`, `h`, `f`.
    pub rid: String,
    /// Bits per second.
    pub bitrate: u32,
    /// Frames per second.
    pub fps: u32,
}
