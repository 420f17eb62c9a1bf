//! Why participants go.

use crate::protocol::{GoodbyeReason, LeaveReason};

/// Why a participant goes and what it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// For the others.
    pub(crate) reason: LeaveReason,
    /// For itself, if it still listens.
    pub(crate) goodbye: Option<(GoodbyeReason, &'static str)>,
}
