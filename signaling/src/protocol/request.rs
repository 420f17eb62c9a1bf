//! What a client may ask.

use super::parse::{from_object, from_value};
use super::{DtlsParameters, ErrorName, MediaKind, ProtocolError, RtpCapabilities, RtpParameters};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::num::NonZeroU8;
use utoipa::ToSchema;

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Audio of a microphone: publish grant `audio`.
    Microphone,
    /// Video of a camera: publish grant `video`.
    Camera,
    /// Video of a shared screen: publish grant `screen`.
    Screen,
    /// Audio of a shared screen: publish grant `screen`.
    ScreenAudio,
}

impl Source {
    /// The kind of media of this source.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}

/// Which way media flows on a transport, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportDirection {
    /// The client publishes on it.
    Send,
    /// The client receives on it.
    Recv,
}

/// `join`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Join {
    /// Shown to others; the token's `name` where absent.
    pub display_name: Option<String>,
    /// What the client can receive.
    pub rtp_capabilities: Option<RtpCapabilities>,
    /// What the client is, free of form.
    #[serde(default)]
    pub device: Option<Map<String, Value>>,
}

/// `createWebRtcTransport`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateWebRtcTransport {
    /// Which way media flows.
    pub direction: TransportDirection,
}

/// `connectWebRtcTransport`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectWebRtcTransport {
    /// Which transport.
    pub transport_id: String,
    /// The client's side of DTLS.
    pub dtls_parameters: DtlsParameters,
}

/// `produce`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Produce {
    /// On which transport.
    pub transport_id: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// How its packets look.
    pub rtp_parameters: RtpParameters,
    /// What it is.
    pub source: Source,
    /// Whether it starts paused.
    #[serde(default)]
    pub paused: bool,
    /// The application's own, passed to the others.
    #[serde(default)]
    pub app_data: Map<String, Value>,
}

/// `consume`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consume {
    /// On which transport.
    pub transport_id: String,
    /// What.
    pub producer_id: String,
    /// What the client can receive, if not told at `join`.
    pub rtp_capabilities: Option<RtpCapabilities>,
    /// Whether it starts paused.
    #[serde(default)]
    pub paused: bool,
    /// The highest layers that are wanted.
    #[serde(default)]
    pub preferred_layers: PreferredLayers,
    /// How important it is among the client's consumers; the lowest where absent.
    pub priority: Option<NonZeroU8>,
    /// How large it is shown; unknown where absent.
    pub viewport: Option<Viewport>,
    /// Whether it is a camera that is wanted only while its owner is among the last speakers.
    #[serde(default)]
    pub follow_speakers: bool,
}

/// The highest layers that are wanted, each counted from zero; no limit where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreferredLayers {
    /// The size of the picture: the stream of simulcast, or the spatial layer inside the one stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spatial_layer: Option<u8>,
    /// How many frames a second: the temporal layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporal_layer: Option<u8>,
}

/// How large a picture is shown, in device pixels. A side of zero: not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Viewport {
    /// From left to right.
    pub width: u16,
    /// From top to bottom.
    pub height: u16,
}

/// `setConsumerPreferredLayers`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetConsumerPreferredLayers {
    /// Which consumer.
    pub consumer_id: String,
    /// The size of the picture; no limit where absent.
    pub spatial_layer: Option<u8>,
    /// The temporal layer; no limit where absent.
    pub temporal_layer: Option<u8>,
}

/// `setConsumerPriority`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetConsumerPriority {
    /// Which consumer.
    pub consumer_id: String,
    /// Higher goes first when not all fits.
    pub priority: NonZeroU8,
}

/// `setConsumerViewport`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetConsumerViewport {
    /// Which consumer.
    pub consumer_id: String,
    /// Device pixels from left to right; zero: it is not shown.
    pub width: u16,
    /// Device pixels from top to bottom; zero: it is not shown.
    pub height: u16,
}

/// `setConsumerFollowSpeakers`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetConsumerFollowSpeakers {
    /// Which consumer.
    pub consumer_id: String,
    /// Whether it is paused while its publisher is not among the last speakers.
    pub follow: bool,
}

/// `setAudioLevels`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetAudioLevels {
    /// How often they are told, in milliseconds; not at all where absent.
    pub interval_ms: Option<u32>,
}

/// `setTrace`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetTrace {
    /// Of whom.
    pub participant_id: String,
    /// Whether it is told.
    pub enabled: bool,
}

/// A request about a transport.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransportRef {
    /// Which one.
    pub transport_id: String,
}

/// A request about an own producer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProducerRef {
    /// Which one.
    pub producer_id: String,
}

/// A request about an own consumer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsumerRef {
    /// Which one.
    pub consumer_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

macro_rules! requests {
    ($($(#[$doc:meta])* $method:literal => $variant:ident $(($data:ident))?),+ $(,)?) => {
        /// A request with its data.
        #[derive(Clone, Debug)]
        pub enum Request {
            $($(#[$doc])* $variant $(($data))?),+
        }

        /// The methods that a client may call.
        pub const METHODS: &[&str] = &[$($method),+];

        impl Request {
            /// The request that `method` names, from its `data`.
            pub fn parse(method: &str, data: Value) -> Result<Self, ProtocolError> {
                match method {
                    $($method => requests!(@parse $variant $(($data))?, data),)+
                    _ => Err(unknown_method(method)),
                }
            }

            /// [`Self::parse`] for data that is still text; nothing if it does not fit.
            pub(super) fn read(method: &str, data: &str) -> Option<Self> {
                match method {
                    $($method => requests!(@read $variant $(($data))?, data),)+
                    _ => None,
                }
            }

            /// The method's name, for metrics and logs.
            pub const fn method(&self) -> &'static str {
                match self {
                    $(requests!(@pattern $variant $(($data))?) => $method),+
                }
            }
        }
    };
    (@parse $variant:ident ($data:ident), $value:ident) => { from_value::<$data>("data", $value).map(Self::$variant) };
    (@parse $variant:ident, $value:ident) => { from_value::<Nothing>("data", $value).map(|Nothing {}| Self::$variant) };
    (@read $variant:ident ($data:ident), $text:ident) => { from_object::<$data>($text).map(Self::$variant) };
    (@read $variant:ident, $text:ident) => { from_object::<Nothing>($text).map(|Nothing {}| Self::$variant) };
    (@pattern $variant:ident ($data:ident)) => { Self::$variant(_) };
    (@pattern $variant:ident) => { Self::$variant };
}

requests! {
    /// What the router can carry.
    "getRouterRtpCapabilities" => RouterRtpCapabilities,
    /// Enters the token's room.
    "join" => Join(Join),
    /// Makes a transport.
    "createWebRtcTransport" => CreateWebRtcTransport(CreateWebRtcTransport),
    /// Tells the client's side of DTLS.
    "connectWebRtcTransport" => ConnectWebRtcTransport(ConnectWebRtcTransport),
    /// New ICE credentials.
    "restartIce" => RestartIce(TransportRef),
    /// Ends a transport.
    "closeTransport" => CloseTransport(TransportRef),
    /// Publishes.
    "produce" => Produce(Produce),
    /// Ends a producer.
    "closeProducer" => CloseProducer(ProducerRef),
    /// Pauses a producer for everyone.
    "pauseProducer" => PauseProducer(ProducerRef),
    /// Resumes a producer.
    "resumeProducer" => ResumeProducer(ProducerRef),
    /// Subscribes.
    "consume" => Consume(Consume),
    /// Ends a consumer.
    "closeConsumer" => CloseConsumer(ConsumerRef),
    /// Pauses a consumer.
    "pauseConsumer" => PauseConsumer(ConsumerRef),
    /// Resumes a consumer.
    "resumeConsumer" => ResumeConsumer(ConsumerRef),
    /// Limits the layers of a consumer.
    "setConsumerPreferredLayers" => SetConsumerPreferredLayers(SetConsumerPreferredLayers),
    /// Weighs a consumer against the client's others.
    "setConsumerPriority" => SetConsumerPriority(SetConsumerPriority),
    /// Tells how large a consumer is shown.
    "setConsumerViewport" => SetConsumerViewport(SetConsumerViewport),
    /// Has a camera come only while its owner is among the last speakers.
    "setConsumerFollowSpeakers" => SetConsumerFollowSpeakers(SetConsumerFollowSpeakers),
    /// Asks the publisher for a keyframe.
    "requestConsumerKeyFrame" => RequestConsumerKeyFrame(ConsumerRef),
    /// What the client sends and receives, in numbers.
    "getStats" => Stats,
    /// Has the levels of those who speak told.
    "setAudioLevels" => SetAudioLevels(SetAudioLevels),
    /// Has what happens to a participant's media told: for admins.
    "setTrace" => SetTrace(SetTrace),
    /// Leaves the room.
    "leave" => Leave,
}

impl Request {
    /// Whether everyone in the room is told of it, as often as it is asked for. What ends is told as well, but only once.
    pub const fn is_broadcast(&self) -> bool {
        matches!(self, Self::Produce(_) | Self::PauseProducer(_) | Self::ResumeProducer(_))
    }
}

fn unknown_method(method: &str) -> ProtocolError {
    let shown: String = method.chars().filter(|c| !c.is_control()).take(32).collect();
    ProtocolError::new(ErrorName::UnknownMethod, format!("there is no method \"{shown}\": the methods are {}", METHODS.join(", ")))
}
