//! Where a transport is in its life, as a table.
//!
//! ```text
//!           check          pair            keys           silence
//!   New ----------> Checking -----> Connecting ----> Connected ------> Disconnected
//!    |                 |                |             |    ^-- heard -------'  |
//!    '-----------------'----------------'-------------'------------------------'---> Failed (fail) | Closed (close)
//! ```

/// [`crate::control::TransportState`] without what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    New,
    Checking,
    Connecting,
    Connected,
    Disconnected,
    Failed,
    Closed,
}

/// What moves a transport along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An authenticated check arrived.
    Check,
    /// The peer nominated a pair, or completed DTLS on one.
    Pair,
    /// DTLS is done and there is a pair.
    Keys,
    /// Nothing authentic was heard for a while.
    Silence,
    /// Something authentic was heard.
    Heard,
    /// The transport cannot go on.
    Fail,
    /// One side ended it.
    Close,
}

impl Phase {
    /// Where `step` leads; `None` where it changes nothing.
    pub(crate) fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Failed | Self::Closed, _) => None,
            (_, Step::Fail) => Some(Self::Failed),
            (_, Step::Close) => Some(Self::Closed),
            (Self::New, Step::Check) => Some(Self::Checking),
            (Self::Checking, Step::Pair) => Some(Self::Connecting),
            (Self::Connecting, Step::Keys) | (Self::Disconnected, Step::Heard) => Some(Self::Connected),
            (Self::Connected, Step::Silence) => Some(Self::Disconnected),
            _ => None,
        }
    }

    /// Whether nothing can follow.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::Phase::*;
    use super::*;

    const STEPS: [Step; 7] = [Step::Check, Step::Pair, Step::Keys, Step::Silence, Step::Heard, Step::Fail, Step::Close];

    /// Every transition, legal and not.
    #[test]
    fn the_whole_table() {
        const NO: Option<Phase> = None;
        #[rustfmt::skip]
        let table = [
            //              Check           Pair              Keys             Silence             Heard            Fail          Close
            (New,          [Some(Checking), NO,               NO,              NO,                 NO,              Some(Failed), Some(Closed)]),
            (Checking,     [NO,             Some(Connecting), NO,              NO,                 NO,              Some(Failed), Some(Closed)]),
            (Connecting,   [NO,             NO,               Some(Connected), NO,                 NO,              Some(Failed), Some(Closed)]),
            (Connected,    [NO,             NO,               NO,              Some(Disconnected), NO,              Some(Failed), Some(Closed)]),
            (Disconnected, [NO,             NO,               NO,              NO,                 Some(Connected), Some(Failed), Some(Closed)]),
            (Failed,       [NO,             NO,               NO,              NO,                 NO,              NO,           NO]),
            (Closed,       [NO,             NO,               NO,              NO,                 NO,              NO,           NO]),
        ];
        for (phase, expected) in table {
            for (step, next) in STEPS.into_iter().zip(expected) {
                assert_eq!(phase.after(step), next, "{phase:?} on {step:?}");
            }
        }
    }
}
