//! The router's codecs, and whether a peer's codec is one of them.

use super::h264;
use crate::protocol::{CodecParameters, MediaKind, RtcpFeedback};
use corelay_wire::media::{Codec, Extension, ExtensionMap, Feedback, Kind};
use serde_json::{Value, json};

/// One entry of the router's capabilities.
pub(super) struct RouterCodec {
    pub(super) codec: Codec,
    pub(super) mime_type: &'static str,
    pub(super) payload_type: u8,
    pub(super) channels: Option<u8>,
    /// What tells it from others of its name: a profile.
    profile: Profile,
}

enum Profile {
    /// The name says it all.
    None,
    Vp9(u64),
    /// `profile-level-id` (RFC 6184 section 8.1). Packetization mode 1: what every browser sends.
    H264(&'static str),
    /// `profile` (AV1 RTP payload, section 7.2.1).
    Av1(u64),
}

/// Video takes even payload types; the odd one behind each is that of its retransmissions (RFC 4588).
pub(super) const ROUTER_CODECS: &[RouterCodec] = &[
    RouterCodec { codec: Codec::Opus, mime_type: "audio/opus", payload_type: 100, channels: Some(2), profile: Profile::None },
    RouterCodec { codec: Codec::Vp8, mime_type: "video/VP8", payload_type: 102, channels: None, profile: Profile::None },
    RouterCodec { codec: Codec::Vp9, mime_type: "video/VP9", payload_type: 104, channels: None, profile: Profile::Vp9(0) },
    // Constrained Baseline, Main, Constrained High and High: the first is what WebRTC must have (RFC 7742 section 6.2).
    RouterCodec {
        codec: Codec::H264,
        mime_type: "video/H264",
        payload_type: 106,
        channels: None,
        profile: Profile::H264("42e01f"),
    },
    RouterCodec {
        codec: Codec::H264,
        mime_type: "video/H264",
        payload_type: 108,
        channels: None,
        profile: Profile::H264("4d001f"),
    },
    RouterCodec {
        codec: Codec::H264,
        mime_type: "video/H264",
        payload_type: 110,
        channels: None,
        profile: Profile::H264("640c1f"),
    },
    RouterCodec {
        codec: Codec::H264,
        mime_type: "video/H264",
        payload_type: 112,
        channels: None,
        profile: Profile::H264("64001f"),
    },
    RouterCodec { codec: Codec::Av1, mime_type: "video/AV1", payload_type: 114, channels: None, profile: Profile::Av1(0) },
];

/// The parts of a codec description that both capabilities and parameters have.
pub(super) struct Described<'a> {
    pub(super) mime_type: &'a str,
    pub(super) clock_rate: u32,
    pub(super) channels: Option<u8>,
    pub(super) parameters: &'a CodecParameters,
}

impl RouterCodec {
    pub(super) const fn kind(&self) -> MediaKind {
        match self.codec.kind() {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
        }
    }

    pub(super) const fn clock_rate(&self) -> u32 {
        self.codec.clock_rate().0
    }

    pub(super) fn parameters(&self) -> CodecParameters {
        let value = match self.profile {
            Profile::None if self.kind() == MediaKind::Audio => json!({ "minptime": 10, "useinbandfec": 1 }),
            Profile::None => json!({}),
            Profile::Vp9(id) => json!({ "profile-id": id }),
            Profile::H264(id) => json!({ "packetization-mode": 1, "level-asymmetry-allowed": 1, "profile-level-id": id }),
            Profile::Av1(id) => json!({ "profile": id }),
        };
        match value {
            Value::Object(map) => map.into_iter().collect(),
            _ => unreachable!("built as an object above"),
        }
    }

    /// The payload type of its retransmissions. Audio has none: no browser takes them for Opus, and a lost packet is sent again as it
    /// was.
    pub(super) const fn rtx_payload_type(&self) -> Option<u8> {
        match self.kind() {
            MediaKind::Audio => None,
            MediaKind::Video => Some(self.payload_type + 1),
        }
    }

    /// Whether the codec carries spatial layers in one stream, each predicted from the one below.
    pub(super) const fn has_spatial_layers(&self) -> bool {
        matches!(self.codec, Codec::Vp9 | Codec::Av1)
    }

    /// Feedback that the router understands and gives.
    pub(super) fn feedback(&self) -> Vec<RtcpFeedback> {
        let list: &[(&str, &str)] = match self.kind() {
            MediaKind::Audio => &[("nack", ""), ("transport-cc", "")],
            MediaKind::Video => &[("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", ""), ("transport-cc", "")],
        };
        list.iter().map(|(t, p)| RtcpFeedback { feedback_type: (*t).to_owned(), parameter: (*p).to_owned() }).collect()
    }

    /// What both the router and a peer that lists `theirs` understand.
    pub(super) fn common_feedback(&self, theirs: &[RtcpFeedback]) -> Vec<RtcpFeedback> {
        self.feedback().into_iter().filter(|ours| theirs.contains(ours)).collect()
    }

    fn fits(&self, described: &Described<'_>) -> bool {
        described.mime_type.eq_ignore_ascii_case(self.mime_type)
            && described.clock_rate == self.clock_rate()
            && (self.channels.is_none() || described.channels == self.channels)
            && self.profile.fits(described.parameters)
    }
}

impl Profile {
    fn fits(&self, parameters: &CodecParameters) -> bool {
        match self {
            Self::None => true,
            Self::Vp9(id) => number(parameters, "profile-id").unwrap_or(0) == *id,
            Self::Av1(id) => number(parameters, "profile").unwrap_or(0) == *id,
            Self::H264(ours) => {
                let theirs = parameters.get("profile-level-id").and_then(Value::as_str);
                // RFC 6184 section 8.1: "If no profile-level-id is present, the Baseline profile [...] MUST be inferred", mode 0 without one.
                number(parameters, "packetization-mode").unwrap_or(0) == 1
                    && h264::profile(theirs.unwrap_or("42000a")).is_some_and(|p| Some(p) == h264::profile(ours))
            }
        }
    }
}

/// The router's codec that a peer's description names.
pub(super) fn router_codec(described: &Described<'_>) -> Option<&'static RouterCodec> {
    ROUTER_CODECS.iter().find(|ours| ours.fits(described))
}

/// The name of retransmissions of video (RFC 4588 section 8.6).
pub(super) const RTX_VIDEO: &str = "video/rtx";

/// The format parameters of retransmissions of `payload_type`.
pub(super) fn apt(payload_type: u8) -> CodecParameters {
    CodecParameters::from([("apt".to_owned(), json!(payload_type))])
}

/// Whether a description is one of retransmissions (RFC 4588).
pub(super) fn is_rtx(mime_type: &str) -> bool {
    mime_type.to_ascii_lowercase().ends_with("/rtx")
}

/// Whether a description is one of redundancy, comfort noise or tones: the router offers none of them, and a client that lists them
/// sends without.
pub(super) fn is_redundancy(mime_type: &str) -> bool {
    const NAMES: [&str; 6] =
        ["video/red", "video/ulpfec", "video/flexfec", "video/flexfec-03", "audio/cn", "audio/telephone-event"];
    NAMES.contains(&mime_type.to_ascii_lowercase().as_str())
}

/// What a description of retransmissions repairs: the payload type in its `apt`.
pub(super) fn associated(parameters: &CodecParameters) -> Option<u8> {
    u8::try_from(number(parameters, "apt")?).ok()
}

/// A number that a peer may have written as text, as `a=fmtp` does not tell them apart.
fn number(parameters: &CodecParameters, key: &str) -> Option<u64> {
    match parameters.get(key)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// Of the two kinds of feedback on congestion a stream has one at most: the one whose numbers its packets carry.
pub(super) fn one_congestion_feedback(feedback: &mut Vec<RtcpFeedback>, extensions: &ExtensionMap) {
    let has_numbers = extensions.id(Extension::TransportSequence).is_some();
    let has_times = extensions.id(Extension::AbsSendTime).is_some();
    let has_transport_cc = has_numbers && feedback.iter().any(|f| f.feedback_type == "transport-cc");
    feedback.retain(|f| match f.feedback_type.as_str() {
        "transport-cc" => has_transport_cc,
        "goog-remb" => has_times && !has_transport_cc,
        _ => true,
    });
}

/// `feedback` in the engine's form.
pub(super) fn engine_feedback(feedback: &[RtcpFeedback]) -> Feedback {
    let has = |t: &str, p: &str| feedback.iter().any(|f| f.feedback_type == t && f.parameter == p);
    Feedback {
        nack: has("nack", ""),
        pli: has("nack", "pli"),
        fir: has("ccm", "fir"),
        transport_cc: has("transport-cc", ""),
        remb: has("goog-remb", ""),
    }
}
