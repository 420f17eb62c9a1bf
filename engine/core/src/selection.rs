//! What a subscription is to get of its track: what was asked for, what was decided, and the gate that carries it out.
//!
//! ```text
//! signaling: preferred, priority --.
//! layers that are being sent ------+--> target, why --> gate (in the subscriber) --> packets
//! allocation, where there is one --'
//! ```

mod gate;

pub(crate) use gate::{Arriving, Gate, Verdict};

use crate::target::{Target, Why};

/// What one subscription gets, and why. The part that packets ask is its subscriber's [`Gate`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// What it is to get; `None`: nothing, for now.
    pub(crate) target: Option<Target>,
    pub(crate) why: Why,
    /// An allocation decides the target; otherwise it is the best that is sent, within what is preferred.
    pub(crate) allocated: bool,
    /// Its viewer came, or comes back, and sees nothing yet: what is past is new to it. One that it was taken from for a moment has seen
    /// that already.
    pub(crate) fresh: bool,
    /// Signaling was told which layers it gets, and not that it gets none since.
    pub(crate) told: bool,
    /// The rows of the track that it is counted as a watcher of, as bits.
    pub(crate) counted: u8,
}

impl Selection {
    /// No limits, and nothing decided.
    pub(crate) const fn new() -> Self {
        Self { target: None, why: Why::Waiting, allocated: false, fresh: true, told: false, counted: 0 }
    }
}
