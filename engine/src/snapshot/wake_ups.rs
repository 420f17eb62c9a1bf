//! What ends the sleeps of a shard.

/// What a turn began with: the `cause` of the metric `corelay_wake_ups_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WakeCause {
    /// A datagram was there.
    Datagram,
    /// No datagram, and another thread called: for commands, or because there is room for events.
    Command,
    /// No datagram, and another shard called: it relayed something.
    Relay,
    /// Nothing but time: a timer of the core, or the post of the counters.
    Timer,
}

impl WakeCause {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Datagram, Self::Command, Self::Relay, Self::Timer];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Datagram => "datagram",
            Self::Command => "command",
            Self::Relay => "relay",
            Self::Timer => "timer",
        }
    }
}

/// Turns before which the shard might have slept, by what it woke for. A turn that had to follow at once is not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WakeUps([u64; WakeCause::ALL.len()]);

impl WakeUps {
    pub(crate) fn count(&mut self, cause: WakeCause) {
        self.0[cause as usize] += 1;
    }

    /// How many for `cause` so far.
    pub const fn total(&self, cause: WakeCause) -> u64 {
        self.0[cause as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (WakeCause, u64)> {
        WakeCause::ALL.iter().map(|cause| (*cause, self.total(*cause)))
    }
}
