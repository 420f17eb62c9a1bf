//! What a participant sends and receives: the answer to `getStats`, and to servers that ask for a room's.
//!
//! Totals count from the beginning of the thing. Rates and losses are of about the last second, and absent before there was one.

use super::{Layers, MediaKind, PreferredLayers, Reason, Source, Viewport};
use serde::Serialize;
use utoipa::ToSchema;

/// All of one participant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantStats {
    /// Who.
    pub participant_id: String,
    /// Its transports.
    pub transports: Vec<TransportStats>,
    /// What it publishes.
    pub producers: Vec<ProducerStats>,
    /// What it receives.
    pub consumers: Vec<ConsumerStats>,
}

/// A flow, without headers and encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowStats {
    /// Bits of payload per second.
    pub bitrate_bps: u64,
    /// Packets per second.
    pub packets_per_second: u32,
}

/// Flows by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FlowsStats {
    /// Audio.
    pub audio: FlowStats,
    /// Video.
    pub video: FlowStats,
}

/// A transport.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransportStats {
    /// Which.
    pub transport_id: String,
    /// The SRTP profile, while media may flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtp_profile: Option<&'static str>,
    /// `ipv4` or `ipv6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_family: Option<&'static str>,
    /// Whether the client's address is one that the internet does not route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_is_private: Option<bool>,
    /// The latest round trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// What comes in.
    pub received: FlowsStats,
    /// What goes out, without what is sent again.
    pub sent: FlowsStats,
    /// Packets lost on the way to the server, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_lost_percent: Option<f64>,
    /// Packets lost on the way to the client, 0 to 100, as it reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_lost_percent: Option<f64>,
    /// What it is thought to carry to the client, in bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_bps: Option<u64>,
    /// Packets sent again.
    pub resent: u64,
}

/// What is published.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProducerStats {
    /// Which.
    pub producer_id: String,
    /// On which transport.
    pub transport_id: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// What it is.
    pub source: Source,
    /// Whether its publisher paused it.
    pub paused: bool,
    /// 0 to 10: how well its best encoding arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Mean level of a microphone in dBov: 0 is the loudest, -127 silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dbov: Option<i8>,
    /// For audio: whether it is forwarded, or the room has enough that are louder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<bool>,
    /// In the order of the encodings.
    pub encodings: Vec<EncodingStats>,
}

/// One stream of a producer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodingStats {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Whether it sends.
    pub live: bool,
    /// What arrives.
    #[serde(flatten)]
    pub flow: Option<FlowStats>,
    /// Pictures per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_per_second: Option<u16>,
    /// Width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u16>,
    /// Packets that arrived.
    pub packets: u64,
    /// Packets lost on the way to the server, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_percent: Option<f64>,
    /// RFC 3550 section 6.4.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f64>,
    /// Keyframes that arrived.
    pub keyframes: u64,
    /// Keyframes that were asked for.
    pub keyframe_requests: u64,
    /// Packets that were asked for again.
    pub nacked: u64,
    /// 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
}

/// What is received.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerStats {
    /// Which.
    pub consumer_id: String,
    /// Of what.
    pub producer_id: String,
    /// Of whom.
    pub publisher_id: String,
    /// On which transport.
    pub transport_id: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// What it is.
    pub source: Source,
    /// Whether the client paused it.
    pub paused: bool,
    /// 1 to 255.
    pub priority: u8,
    /// The highest layers that the client wants; absent without a limit.
    #[serde(skip_serializing_if = "is_unlimited")]
    pub preferred_layers: PreferredLayers,
    /// How large the client shows it; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewport: Option<Viewport>,
    /// What it gets.
    pub layers: Option<Layers>,
    /// What it is to get.
    pub target_layers: Option<Layers>,
    /// Why it is to get that and no more.
    #[serde(flatten)]
    pub why: Reason,
    /// What is sent.
    #[serde(flatten)]
    pub flow: Option<FlowStats>,
    /// Packets sent, without those that were sent again.
    pub packets: u32,
    /// Packets lost on the way to the client, 0 to 100, as it reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_percent: Option<f64>,
    /// As the client reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f64>,
    /// The latest round trip of its transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Packets that the client asked for again.
    pub nacked: u64,
    /// Packets that were sent again.
    pub resent: u64,
    /// 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
}

fn is_unlimited(layers: &PreferredLayers) -> bool {
    *layers == PreferredLayers::default()
}
