//! What the server answers.

use super::{DtlsParameters, IceCandidate, IceParameters, MediaKind, RtpParameters, Source};
use serde::Serialize;
use serde_json::{Map, Value};

/// A published media source, as others see it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: String,
    /// Whose it is.
    pub participant_id: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// What it is.
    pub source: Source,
    /// Whether its publisher paused it.
    pub paused: bool,
    /// The publisher's application's own.
    pub app_data: Map<String, Value>,
}

/// One user in a room, as others see it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantInfo {
    /// Its id; another one after each join.
    pub participant_id: String,
    /// The token's `sub`.
    pub identity: String,
    /// Shown to others.
    pub display_name: String,
    /// What it publishes.
    pub producers: Vec<ProducerInfo>,
}

/// The answer to `join`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The client's own id.
    pub participant_id: String,
    /// The token's `sub`.
    pub identity: String,
    /// The room.
    pub room: String,
    /// [`super::PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// The others.
    pub participants: Vec<ParticipantInfo>,
    /// Who speaks.
    pub active_speaker: ActiveSpeaker,
}

/// Who speaks in a room, or spoke last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveSpeaker {
    /// Who; nothing: nobody yet, or who spoke last is gone or muted.
    pub participant_id: Option<String>,
    /// With which microphone.
    pub producer_id: Option<String>,
}

/// The answer to `createWebRtcTransport`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportCreated {
    /// The transport.
    pub id: String,
    /// The server's ICE credentials.
    pub ice_parameters: IceParameters,
    /// Where the server listens.
    pub ice_candidates: Vec<IceCandidate>,
    /// The server's certificate.
    pub dtls_parameters: DtlsParameters,
}

/// The answer to `restartIce`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportIce {
    /// The server's new ICE credentials.
    pub ice_parameters: IceParameters,
}

/// The answer to `produce`.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// The producer.
    pub id: String,
}

/// How a stream is made of layers: the `type` of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsumerType {
    /// One stream without layers.
    Simple,
    /// Several streams, or one of a codec that would send several, with temporal layers.
    Simulcast,
    /// One stream with layers inside.
    Svc,
}

/// The answer to `consume`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumed {
    /// The consumer.
    pub id: String,
    /// What it receives.
    pub producer_id: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// How the stream is made of layers.
    #[serde(rename = "type")]
    pub consumer_type: ConsumerType,
    /// How its packets look.
    pub rtp_parameters: RtpParameters,
    /// Whether the publisher paused it.
    pub producer_paused: bool,
    /// What it is.
    pub source: Source,
    /// The publisher's application's own.
    pub app_data: Map<String, Value>,
}
