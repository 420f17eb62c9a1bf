//! Where the stages that seal write to. A full outbox stops a stage between two packets; it goes on when the outbox was sent.

use crate::control::Event;
use crate::counters::Counters;
use crate::outbox::Outbox;
use corelay_wire::units::Instant;
use std::collections::VecDeque;

/// Whether a stage finished, or the outbox has to be sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    Full,
}

/// Where sealing writes to, and what it tells.
pub(crate) struct Departures<'a> {
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) events: &'a mut VecDeque<Event>,
    pub(crate) counters: &'a mut Counters,
    pub(crate) now: Instant,
}
