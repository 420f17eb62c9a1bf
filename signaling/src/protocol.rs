//! The messages of `docs/protocol.md` as types: what a client may ask, what the server answers and tells.
//!
//! A message that does not fit is refused with [`ErrorName::Malformed`] and a reason that names the field. Objects of
//! `mediasoup-client` may carry members that the server does not read; everything else is taken strictly.

mod envelope;
mod error;
mod layers;
mod media;
mod notification;
mod parse;
mod request;
mod response;
mod statistics;
mod trace;

pub use envelope::{Envelope, IncomingRequest, MalformedMessage, failure, notification, success};
pub use error::{ErrorName, ProtocolError};
pub use layers::{Layers, Reason, ReasonName};
pub use media::{
    CodecParameters, DtlsParameters, DtlsRoleName, EncodingSsrc, Fingerprint, HeaderExtensionDirection, HeaderExtensionParameters,
    IceCandidate, IceParameters, MediaKind, RtcpFeedback, RtcpParameters, RtpCapabilities, RtpCodecCapability, RtpCodecParameters,
    RtpEncodingParameters, RtpHeaderExtension, RtpParameters,
};
pub use notification::{AudioLevel, GoodbyeReason, LeaveReason, Notification, TransportStateName};
pub use request::{
    ConnectWebRtcTransport, Consume, ConsumerRef, CreateWebRtcTransport, Join, METHODS, PreferredLayers, Produce, ProducerRef,
    Request, SetAudioLevels, SetConsumerFollowSpeakers, SetConsumerPreferredLayers, SetConsumerPriority, SetConsumerViewport,
    SetTrace, Source, TransportDirection, TransportRef, Viewport,
};
pub use response::{
    ActiveSpeaker, Consumed, ConsumerType, Created, Joined, ParticipantInfo, ProducerInfo, TransportCreated, TransportIce,
};
pub use statistics::{ConsumerStats, EncodingStats, FlowStats, FlowsStats, ParticipantStats, ProducerStats, TransportStats};
pub use trace::TraceEvent;

/// The version of the protocol, told in the answer to `join`.
pub const PROTOCOL_VERSION: u32 = 1;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "corelay.v1";
