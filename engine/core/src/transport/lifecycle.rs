//! The phase of a transport, and the states that its owner has yet to read.

use super::state::{Phase, Step};
use crate::control::{SrtpProfile, TransportFailure, TransportState};
use arrayvec::ArrayVec;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::units::Instant;

/// States that nobody has read yet. One call makes three at most; the oldest gives way if nobody reads.
const STATES_MAX: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    opened_at: Instant,
    phase: Phase,
    /// From opening to being connected first.
    connected_after: Option<Duration>,
    unread: ArrayVec<TransportState, STATES_MAX>,
}

impl Lifecycle {
    pub(crate) fn new(opened_at: Instant) -> Self {
        Self { opened_at, phase: Phase::New, connected_after: None, unread: ArrayVec::new() }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn checked(&mut self) {
        self.enter(Step::Check, TransportState::Checking);
    }

    pub(crate) fn paired(&mut self) {
        self.enter(Step::Pair, TransportState::Connecting);
    }

    pub(crate) fn keyed(&mut self, now: Instant, profile: SrtpProfile, remote: SocketAddr) {
        self.connect(Step::Keys, now, profile, remote);
    }

    pub(crate) fn heard(&mut self, now: Instant, profile: SrtpProfile, remote: SocketAddr) {
        self.connect(Step::Heard, now, profile, remote);
    }

    pub(crate) fn silent(&mut self) {
        self.enter(Step::Silence, TransportState::Disconnected);
    }

    pub(crate) fn failed(&mut self, failure: TransportFailure) {
        self.enter(Step::Fail, TransportState::Failed(failure));
    }

    pub(crate) fn closed(&mut self) {
        self.enter(Step::Close, TransportState::Closed);
    }

    /// The oldest state that was not read.
    pub(crate) fn poll(&mut self) -> Option<TransportState> {
        self.unread.pop_at(0)
    }

    fn connect(&mut self, step: Step, now: Instant, profile: SrtpProfile, remote: SocketAddr) {
        let after = self.connected_after.unwrap_or(now.since(self.opened_at));
        if self.enter(step, TransportState::Connected { after, profile, remote }) {
            self.connected_after = Some(after);
        }
    }

    /// Moves along the table; says whether it did.
    fn enter(&mut self, step: Step, state: TransportState) -> bool {
        let Some(next) = self.phase.after(step) else { return false };
        self.phase = next;
        if self.unread.is_full() {
            self.unread.remove(0);
        }
        self.unread.push(state);
        true
    }
}
