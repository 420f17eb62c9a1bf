//! The bounds of an estimate.

use corelay_wire::units::Bitrate;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstimatorConfig {
    /// Before anything was measured. Higher floods a slow path for its first half second; lower makes the first picture of a fast
    /// one small until the first probes are answered.
    pub start: Bitrate,
    /// An estimate is never below: enough for audio, so that a path which was dead for a while is found alive.
    pub min: Bitrate,
    /// An estimate is never above.
    pub max: Bitrate,
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        Self { start: Bitrate(500_000), min: Bitrate(50_000), max: Bitrate(100_000_000) }
    }
}
