//! What the server tells unasked.

use super::{ActiveSpeaker, ErrorName, Layers, ParticipantInfo, ProducerInfo, Reason, TraceEvent};
use serde::{Serialize, Serializer};

/// Why a participant left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// Its WebSocket was lost and did not come back in time.
    Disconnected,
    /// The same identity joined again.
    Replaced,
    /// An admin removed it.
    Removed,
    /// The server gave up on it.
    Failed,
}

/// Where a transport is in its life, in the names of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportStateName {
    /// Nothing has arrived.
    New,
    /// A valid STUN check arrived.
    Checking,
    /// ICE has a pair and DTLS runs.
    Connecting,
    /// Media flows.
    Connected,
    /// Consent is stale.
    Disconnected,
    /// The end: consent expired, or DTLS could not agree.
    Failed,
    /// The client's DTLS said goodbye.
    Closed,
}

/// Why the server closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GoodbyeReason {
    /// A refusal that ends the connection.
    Error(ErrorName),
    /// The same identity joined again.
    Replaced,
    /// An admin removed the participant.
    Removed,
    /// An admin ended the room.
    RoomClosed,
    /// The server ends.
    ServerShutdown,
    /// The room's shard failed and started anew.
    ShardRestarted,
}

impl GoodbyeReason {
    /// The stable name on the wire.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Error(name) => name.label(),
            Self::Replaced => "replaced",
            Self::Removed => "removed",
            Self::RoomClosed => "room-closed",
            Self::ServerShutdown => "server-shutdown",
            Self::ShardRestarted => "shard-restarted",
        }
    }

    /// Whether connecting again makes sense: at once, or at another node.
    pub const fn reconnect(self) -> bool {
        match self {
            Self::Error(name) => {
                matches!(name, ErrorName::Draining | ErrorName::Full | ErrorName::Busy | ErrorName::TooManyRequests)
            }
            Self::Replaced | Self::Removed | Self::RoomClosed => false,
            Self::ServerShutdown | Self::ShardRestarted => true,
        }
    }

    /// The WebSocket close code (`docs/protocol.md`, Errors).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Error(name) => match name {
                ErrorName::Draining | ErrorName::Full | ErrorName::Busy => 4503,
                ErrorName::TooLarge => 1009,
                _ if name.code() == 401 => 4401,
                _ => 1008,
            },
            Self::Replaced => 4409,
            Self::Removed | Self::RoomClosed => 4403,
            Self::ServerShutdown => 1001,
            // Registered with IANA as "Service Restart".
            Self::ShardRestarted => 1012,
        }
    }
}

impl Serialize for GoodbyeReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

/// How loud a microphone was of late.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioLevel {
    /// Which.
    pub producer_id: String,
    /// Whose.
    pub participant_id: String,
    /// Mean level in dBov (RFC 6464): 0 is the loudest, -127 silence.
    pub dbov: i8,
}

/// A notification with its data.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "method", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Notification {
    /// Another participant joined.
    ParticipantJoined(ParticipantInfo),
    /// Another participant left.
    ParticipantLeft {
        /// Who.
        participant_id: String,
        /// Why.
        reason: LeaveReason,
    },
    /// Another participant publishes.
    NewProducer(ProducerInfo),
    /// Another participant's producer ended.
    ProducerClosed {
        /// Which.
        producer_id: String,
        /// Whose.
        participant_id: String,
    },
    /// Another participant's producer paused.
    ProducerPaused {
        /// Which.
        producer_id: String,
        /// Whose.
        participant_id: String,
    },
    /// Another participant's producer resumed.
    ProducerResumed {
        /// Which.
        producer_id: String,
        /// Whose.
        participant_id: String,
    },
    /// An own consumer ended with its producer.
    ConsumerClosed {
        /// Which.
        consumer_id: String,
        /// What it received.
        producer_id: String,
    },
    /// An own consumer gets other layers from here on.
    ConsumerLayersChanged {
        /// Which.
        consumer_id: String,
        /// What it gets; nothing: no picture.
        layers: Option<Layers>,
        /// Why it is that and no more.
        #[serde(flatten)]
        why: Reason,
    },
    /// The quality of what an own consumer gets moved.
    ConsumerScore {
        /// Which.
        consumer_id: String,
        /// 0 to 10: of the way from the server.
        score: u8,
        /// 0 to 10: of the way from its publisher to the server.
        producer_score: u8,
    },
    /// The quality of what an own producer sends, as it arrives, moved.
    ProducerScore {
        /// Which.
        producer_id: String,
        /// 0 to 10: of its best encoding that sends.
        score: u8,
        /// Of each encoding, in their order; `null` for one that does not send.
        encodings: Vec<Option<u8>>,
    },
    /// Which encodings of an own producer anybody receives: the others need not be sent.
    ProducerLayersWanted {
        /// Which.
        producer_id: String,
        /// One entry an encoding, in their order.
        encodings: Vec<bool>,
    },
    /// Another one speaks.
    ActiveSpeaker(ActiveSpeaker),
    /// How loud those are who speak: for who asked for it.
    AudioLevels {
        /// Loudest first; empty when all fell silent.
        levels: Vec<AudioLevel>,
    },
    /// Something happened to the media of a participant: for who asked for it.
    Trace {
        /// Whose.
        participant_id: String,
        /// When, in milliseconds on the node's clock, which begins at any time.
        at_ms: f64,
        /// What.
        #[serde(flatten)]
        event: TraceEvent,
    },
    /// An own transport changed its state.
    TransportState {
        /// Which.
        transport_id: String,
        /// What it is from here on.
        state: TransportStateName,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
    },
    /// The server is about to end.
    ServerDraining {
        /// How long calls may go on.
        deadline_seconds: u64,
    },
    /// The last message before a close.
    Goodbye {
        /// Why.
        reason: GoodbyeReason,
        /// What to do.
        message: String,
        /// Whether connecting again makes sense.
        reconnect: bool,
    },
}

impl Notification {
    /// Whether nobody acts on it at once: it may leave together with the next messages. What brings a picture or ends one may not.
    pub(crate) fn can_wait(&self) -> bool {
        use TransportStateName::{Checking, Connected, Connecting, New};
        match self {
            Self::ParticipantJoined(_) | Self::ParticipantLeft { .. } | Self::ProducerScore { .. } | Self::ConsumerScore { .. } => {
                true
            }
            Self::TransportState { state, .. } => matches!(state, New | Checking | Connecting | Connected),
            _ => false,
        }
    }

    /// A goodbye for `reason`.
    pub fn goodbye(reason: GoodbyeReason, message: impl Into<String>) -> Self {
        Self::Goodbye { reason, message: message.into(), reconnect: reason.reconnect() }
    }
}
