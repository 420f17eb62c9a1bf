//! Who gets what of an estimate: a pure function from (what a transport carries, what its subscriptions wish) to layers.
//!
//! ```text
//! ladder of a camera   180p 7.5 -> 180p 15 -> 180p 30 -> 360p 15 -> 360p 30 -> 720p 15 -> 720p 30     frames first
//! ladder of a screen   180p 7.5 -> 360p 7.5 -> 720p 7.5 -> 720p 15 -> 720p 30                         lines first
//!
//! steps, in this order   1. everybody's lowest rung, by priority: a picture of each comes before a better picture of any
//!                        2. steps up by priority, and within one by picture gained per bit
//! a step is taken when all that was taken fits with it: below `keep` for what is there already, below `rise` for what is more
//! ```
//!
//! What a step gains is the logarithm of the rate: the first 100 kbit/s of a picture are worth more than the tenth. So of two cameras
//! with equal priority the worse one rises first. A step that does not fit ends its wish's ladder; smaller steps of others may still fit.
//!
//! **Stable under noise.** Each step is decided in a fixed order, on what the steps before it left, and it is taken at a higher estimate
//! than it is given up at ([`Budget`]). So under an estimate that moves by less than that, each changes once at most after those before it
//! came to rest: nothing flaps.

use crate::control::LAYERS_MAX;
use crate::target::{TEMPORAL_MAX, Target, Why};
use corelay_wire::units::Bitrate;

/// What there is to be given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What the transport carries; `None` where nobody estimates it: everybody gets the best.
    pub estimate: Option<Bitrate>,
    /// What goes before video: audio, RTCP, and what resending takes of late.
    pub reserved: Bitrate,
    /// The estimate fell a short time ago: what it says is less certain, and a step up that has to be taken back is seen twice.
    pub fell: bool,
}

/// What tells the picture sizes of a track apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sizes {
    /// Simulcast: each is a stream of its own.
    #[default]
    Streams,
    /// SVC: each is a spatial layer of the one stream, on top of those below.
    Spatial,
}

/// What one subscription of video could get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Higher goes first.
    pub priority: u8,
    /// A screen: lines come before frames.
    pub screen: bool,
    /// What the rows of `rates` are.
    pub sizes: Sizes,
    /// What each size and temporal layer takes, everything below it that it needs included; zero where there is no such layer.
    pub rates: [[Bitrate; TEMPORAL_MAX]; LAYERS_MAX],
    /// The rows that are being sent, as bits. One that is not cannot be had.
    pub live: u8,
    /// The largest row, and temporal layer, that it may get.
    pub most: (u8, u8),
    /// Why it may not get more than `most`: what is told when it got that.
    pub why_most: Why,
    /// What it has.
    pub current: Option<Target>,
}

/// What one subscription of video is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `None`: nothing fits, or nothing is sent.
    pub target: Option<Target>,
    /// Why not more.
    pub why: Why,
}
