//! Which layers a consumer gets, and why.

use corelay_engine::control::{Target, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// Layers of a video, each counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Layers {
    /// The size of the picture: the stream of simulcast, or the spatial layer inside the one stream.
    pub spatial_layer: u8,
    /// The temporal layer.
    pub temporal_layer: u8,
}

impl From<Target> for Layers {
    fn from(target: Target) -> Self {
        Self { spatial_layer: target.size(), temporal_layer: target.temporal }
    }
}

/// Why a consumer gets what it gets, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The reason in a word.
    pub why: ReasonName,
    /// For `bandwidth`: what the transport was thought to carry when that was decided, in bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_bps: Option<u64>,
}

/// A reason in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonName {
    /// It is all there is.
    Best,
    /// The client asked for no more.
    Preferred,
    /// The client shows it too small for more.
    Viewport,
    /// More does not fit the estimate.
    Bandwidth,
    /// The publisher does not send the layer that it would get.
    LayerSilent,
    /// The publisher paused it.
    PublisherPaused,
    /// It waits for a keyframe.
    Waiting,
    /// The client paused it.
    Paused,
    /// Its owner is not among the last speakers.
    NotSpeaking,
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        let (why, estimate_bps) = match why {
            Why::Best => (ReasonName::Best, None),
            Why::Preferred => (ReasonName::Preferred, None),
            Why::Viewport => (ReasonName::Viewport, None),
            Why::Bandwidth { estimate } => (ReasonName::Bandwidth, Some(estimate.0)),
            Why::LayerSilent => (ReasonName::LayerSilent, None),
            Why::PublisherPaused => (ReasonName::PublisherPaused, None),
            Why::Waiting => (ReasonName::Waiting, None),
            Why::Paused => (ReasonName::Paused, None),
            Why::NotSpeaking => (ReasonName::NotSpeaking, None),
        };
        Self { why, estimate_bps }
    }
}
