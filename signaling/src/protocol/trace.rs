//! What is told of a participant that is traced.

use super::{Layers, Reason};
use serde::Serialize;

/// Something that happened to a participant's media.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum TraceEvent {
    /// A probe for bandwidth went out.
    Probe {
        /// On which transport.
        transport_id: String,
        /// At what rate, in bit/s.
        bitrate_bps: u64,
    },
    /// The estimate of what a transport carries changed.
    Bwe {
        /// Of which transport.
        transport_id: String,
        /// What it is, in bit/s.
        estimate_bps: u64,
        /// The round trip of that moment.
        #[serde(skip_serializing_if = "Option::is_none")]
        round_trip_ms: Option<f64>,
    },
    /// The publisher was asked for a keyframe.
    KeyframeRequest {
        /// Of which producer.
        producer_id: String,
        /// Of which of its encodings.
        encoding: u8,
    },
    /// A keyframe arrived.
    Keyframe {
        /// Of which producer.
        producer_id: String,
        /// Of which of its encodings.
        encoding: u8,
    },
    /// A consumer goes on with other layers.
    LayerSwitch {
        /// Which.
        consumer_id: String,
        /// With what; nothing: with none.
        layers: Option<Layers>,
        /// Why.
        #[serde(flatten)]
        why: Reason,
    },
    /// The publisher was asked for packets again.
    NackSent {
        /// Of which producer.
        producer_id: String,
        /// Of which of its encodings.
        encoding: u8,
        /// How many packets.
        packets: u16,
    },
    /// The subscriber asked for packets again.
    NackReceived {
        /// Of which consumer.
        consumer_id: String,
        /// How many packets.
        packets: u16,
    },
}
