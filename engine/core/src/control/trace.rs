//! What is told of one participant while it is traced: see [`crate::control::Command::Trace`].

use crate::target::{Target, Why};
use core::time::Duration;
use corelay_wire::ids::{SubscriptionId, TrackId, TransportId};
use corelay_wire::units::Bitrate;

/// How long a trace goes on that nobody turns off. Longer: one that was forgotten costs for longer. Shorter: it ends under whoever
/// waits for something rare, who turns it on again.
pub const TRACE_LIFETIME: Duration = Duration::from_secs(300);
/// What a shard tells of traces in a second; what is beyond is not told. More: a participant on a bad network (some 100 NACKs a second)
/// is told whole, and signaling writes as many lines. Less: it has gaps.
pub const TRACES_PER_SECOND_MAX: u32 = 200;

/// Something that happened to a participant's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// A probe for bandwidth went out.
    Probe {
        /// On which transport.
        transport: TransportId,
        /// At what rate it was sent.
        bitrate: Bitrate,
    },
    /// The estimate of what a transport carries changed by more than a twentieth.
    Estimate {
        /// Of which transport.
        transport: TransportId,
        /// What it is.
        estimate: Bitrate,
        /// The round trip of that moment.
        round_trip: Option<Duration>,
    },
    /// A publisher was asked for a keyframe.
    KeyframeRequested {
        /// Of which track.
        track: TrackId,
        /// Of which of its streams, lowest first.
        layer: u8,
    },
    /// A keyframe arrived.
    Keyframe {
        /// Of which track.
        track: TrackId,
        /// Of which of its streams, lowest first.
        layer: u8,
    },
    /// A subscription goes on with other layers.
    LayerSwitch {
        /// Which.
        subscription: SubscriptionId,
        /// With what; `None`: with nothing.
        layers: Option<Target>,
        /// Why.
        why: Why,
    },
    /// A publisher was asked for packets again: told once a second for each of its streams.
    NackSent {
        /// Of which track.
        track: TrackId,
        /// Of which of its streams, lowest first.
        layer: u8,
        /// How many, since that was told last.
        packets: u16,
    },
    /// A subscriber asked for packets again: told once a second for each subscription.
    NackReceived {
        /// Of which subscription.
        subscription: SubscriptionId,
        /// How many, since that was told last.
        packets: u16,
    },
}

impl Trace {
    /// A word for APIs.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Probe { .. } => "probe",
            Self::Estimate { .. } => "bwe",
            Self::KeyframeRequested { .. } => "keyframe_request",
            Self::Keyframe { .. } => "keyframe",
            Self::LayerSwitch { .. } => "layer_switch",
            Self::NackSent { .. } => "nack_sent",
            Self::NackReceived { .. } => "nack_received",
        }
    }
}
