//! The media objects in the shape that `mediasoup-client` takes and gives.
//!
//! Members that the server does not read (such as an encoding's `maxBitrate`) are let pass, because each version of that library
//! adds some.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// The `a=fmtp` parameters of a codec: strings and numbers.
pub type CodecParameters = BTreeMap<String, Value>;

/// Feedback that may be sent for a codec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcpFeedback {
    /// `nack`, `ccm`, `transport-cc`, `goog-remb`.
    #[serde(rename = "type")]
    pub feedback_type: String,
    /// `pli`, `fir`, or empty.
    #[serde(default)]
    pub parameter: String,
}

/// A codec that a side can carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecCapability {
    /// Audio or video.
    pub kind: MediaKind,
    /// Such as `video/VP8`; case does not count.
    pub mime_type: String,
    /// The payload type that the side would like.
    pub preferred_payload_type: u8,
    /// The RTP clock.
    pub clock_rate: u32,
    /// Audio channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters.
    #[serde(default)]
    pub parameters: CodecParameters,
    /// Feedback.
    #[serde(default)]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// Which way a header extension may travel, seen from the side whose capabilities it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderExtensionDirection {
    /// Both ways.
    SendRecv,
    /// Out.
    SendOnly,
    /// In.
    RecvOnly,
    /// Not at all.
    Inactive,
}

/// A header extension that a side can carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpHeaderExtension {
    /// Audio or video.
    pub kind: MediaKind,
    /// What it is.
    pub uri: String,
    /// The id that the side would like.
    pub preferred_id: u8,
    /// Encrypted extensions (RFC 6904) are not supported.
    #[serde(default)]
    pub preferred_encrypt: bool,
    /// Which way.
    #[serde(default = "send_recv")]
    pub direction: HeaderExtensionDirection,
}

const fn send_recv() -> HeaderExtensionDirection {
    HeaderExtensionDirection::SendRecv
}

/// What a side can carry.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCapabilities {
    /// Codecs.
    #[serde(default)]
    pub codecs: Vec<RtpCodecCapability>,
    /// Header extensions.
    #[serde(default)]
    pub header_extensions: Vec<RtpHeaderExtension>,
}

/// A codec in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpCodecParameters {
    /// Such as `video/VP8`; case does not count.
    pub mime_type: String,
    /// Its payload type.
    pub payload_type: u8,
    /// The RTP clock.
    pub clock_rate: u32,
    /// Audio channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Format parameters.
    #[serde(default)]
    pub parameters: CodecParameters,
    /// Feedback.
    #[serde(default)]
    pub rtcp_feedback: Vec<RtcpFeedback>,
}

/// A header extension in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeaderExtensionParameters {
    /// What it is.
    pub uri: String,
    /// Its id.
    pub id: u8,
    /// Encrypted extensions (RFC 6904) are not supported.
    #[serde(default)]
    pub encrypt: bool,
    /// Its own parameters.
    #[serde(default)]
    pub parameters: CodecParameters,
}

/// The SSRC of an encoding's retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodingSsrc {
    /// The SSRC.
    pub ssrc: u32,
}

/// One stream of a track.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpEncodingParameters {
    /// Its SSRC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Its rid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Its retransmissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx: Option<EncodingSsrc>,
    /// Whether silence is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtx: Option<bool>,
    /// Layers inside the stream, such as `L1T3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability_mode: Option<String>,
}

/// RTCP of a track.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtcpParameters {
    /// Ties streams together for lip-sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cname: Option<String>,
    /// RFC 5506.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced_size: Option<bool>,
}

/// How the packets of a track look.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RtpParameters {
    /// The media section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Codecs, the one in use first.
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions.
    #[serde(default)]
    pub header_extensions: Vec<HeaderExtensionParameters>,
    /// Streams.
    #[serde(default)]
    pub encodings: Vec<RtpEncodingParameters>,
    /// RTCP.
    #[serde(default)]
    pub rtcp: RtcpParameters,
}

/// What the client must prove to know in its STUN checks.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IceParameters {
    /// User fragment.
    pub username_fragment: String,
    /// Password.
    pub password: String,
    /// Always true: the server answers checks and sends none.
    pub ice_lite: bool,
}

impl std::fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IceParameters({})", self.username_fragment)
    }
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceCandidate {
    /// Candidates with one foundation share their fate.
    pub foundation: String,
    /// RFC 8445 section 5.1.2.1.
    pub priority: u32,
    /// The address.
    pub address: String,
    /// The address again, for older clients.
    pub ip: String,
    /// `udp`.
    pub protocol: &'static str,
    /// The port.
    pub port: u16,
    /// `host`.
    #[serde(rename = "type")]
    pub candidate_type: &'static str,
}

/// Who sends the ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsRoleName {
    /// The other side may choose.
    #[default]
    Auto,
    /// This side does.
    Client,
    /// The other side does.
    Server,
}

/// The digest of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Such as `sha-256`.
    pub algorithm: String,
    /// Hexadecimal with colons.
    pub value: String,
}

/// One side of DTLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsParameters {
    /// The role of the side that sends this.
    #[serde(default)]
    pub role: DtlsRoleName,
    /// Its certificates.
    pub fingerprints: Vec<Fingerprint>,
}
