//! Which RTCP a transport is due, and how far it was sent.

use arrayvec::ArrayVec;
use corelay_wire::units::Ssrc;

/// Goodbyes of one turn. More are not said: receivers time streams out anyhow (RFC 3550 section 6.3.5).
const GOODBYES_MAX: usize = 31;

/// See the module. Reports of many streams take several packets, hence places in the transport's lists.
#[derive(Debug, Default)]
pub(crate) struct PendingControl {
    /// Whether the transport is in the list of those with RTCP to send.
    pub(crate) listed: bool,
    /// The next subscription to report on.
    pub(crate) subscription: Option<usize>,
    /// The next track to report on.
    pub(crate) track: Option<usize>,
    /// Keyframe requests of its tracks are due.
    pub(crate) keyframes: bool,
    /// Packets that are missing of its tracks are to be asked for.
    pub(crate) missing: bool,
    /// Feedback on what arrived of its tracks is due.
    pub(crate) feedback: bool,
    pub(crate) goodbyes: ArrayVec<Ssrc, GOODBYES_MAX>,
}

impl PendingControl {
    pub(crate) fn report(&mut self) {
        self.subscription = Some(0);
        self.track = Some(0);
    }

    pub(crate) fn say_goodbye(&mut self, ssrc: Ssrc) {
        if !self.goodbyes.is_full() {
            self.goodbyes.push(ssrc);
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.subscription.is_some()
            || self.track.is_some()
            || self.keyframes
            || self.feedback
            || self.missing
            || !self.goodbyes.is_empty()
    }
}
