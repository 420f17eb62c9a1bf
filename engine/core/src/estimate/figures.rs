//! What the estimator tells: the rate, and why it is that.

use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// What the path carries, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What may be sent, headers and retransmissions included.
    pub target: Bitrate,
    /// What the path carried when it was full last; `None` before it was.
    pub link_capacity: Option<Bitrate>,
    /// What arrives at the peer at present; `None` before the first half second.
    pub acknowledged: Option<Bitrate>,
    /// How long packets wait in front of the bottleneck.
    pub queue: Duration,
    /// Packets of the last second or two that were lost, of 1000.
    pub loss_permille: u16,
    /// As many of 1000 are lost whatever is sent: that is not congestion.
    pub loss_random_permille: u16,
    /// The time from sending to its feedback.
    pub round_trip: Duration,
    /// What the estimate does.
    pub state: RateState,
    /// What keeps it from being higher.
    pub limit: Limit,
}

/// A cut of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When.
    pub at: Instant,
    /// How long the path takes for what stood in its queue or was on the way there.
    pub queue: Duration,
}

/// What the estimate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RateState {
    /// It grows.
    #[default]
    Increase,
    /// It stays.
    Hold,
    /// It was cut, and stays below what the path carries until the queue is empty.
    Drain,
}

/// What keeps an estimate from being higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Limit {
    /// Nothing was measured yet.
    #[default]
    Start,
    /// The queue grew at this rate.
    Delay,
    /// More was lost at this rate than below it.
    Loss,
    /// The peer said so by REMB.
    Remb,
    /// No more is sent, so nobody knows.
    Traffic,
    /// The peer fell silent.
    Silence,
    /// The highest that is configured.
    Maximum,
}

/// A probe: for `duration`, everything that leaves is part of cluster `cluster`, and padding makes it `bitrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePlan {
    /// Names the probe in [`super::PacketResult::probe`].
    pub cluster: u8,
    /// Media and padding together.
    pub bitrate: Bitrate,
    /// How long.
    pub duration: Duration,
    /// Packets that it takes at least, however long that is.
    pub packets_min: u32,
}
