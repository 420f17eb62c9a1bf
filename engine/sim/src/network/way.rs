//! One direction of a participant's link, over time: its faults, and when they change.

use super::Faults;
use core::time::Duration;
use corelay_wire::units::Instant;

/// Towards the server or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the participant to the server.
    Up,
    /// From the server to the participant.
    Down,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Way {
    faults: Faults,
    changes: Vec<(Instant, Faults)>,
    /// The bottleneck that it goes through with others; its own without.
    pub shared: Option<u32>,
}

impl Way {
    /// A way that stays as it is.
    pub fn new(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Through a bottleneck that others go through too.
    pub fn through(self, shared: u32) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// From `at` on it is otherwise. Changes are told in their order.
    pub fn then(mut self, at: Instant, faults: Faults) -> Self {
        debug_assert!(self.changes.last().is_none_or(|(before, _)| *before <= at), "changes are told in their order");
        self.changes.push((at, faults));
        self
    }

    /// Nothing passes for a while; then it is as before.
    pub fn outage(self, at: Instant, lasts: Duration) -> Self {
        let faults = *self.at(at);
        self.then(at, Faults { loss: 1_000, ..faults }).then(at + lasts, faults)
    }

    /// What it does at a time.
    pub fn at(&self, now: Instant) -> &Faults {
        self.changes.iter().rfind(|(at, _)| *at <= now).map_or(&self.faults, |(_, faults)| faults)
    }
}
