//! From what a peer tells of its path to what it is sent: estimate, pace, layers.

use super::Core;
use crate::congestion::Probing;
use crate::timer::Timer;
use corelay_wire::units::Instant;

impl Core {
    /// The peer told something of the path to it, or its estimator was due.
    pub(super) fn path_told(&mut self, now: Instant, slot: u32) {
        let Some(congestion) = self.rooms.congestions.get_mut(slot) else { return };
        let mut began = None;
        if congestion.probing.is_none() {
            let plan = congestion.estimator.poll_probe(now);
            began = plan.map(|plan| plan.bitrate);
            congestion.probing = plan.map(|plan| Probing::new(now, plan));
        }
        congestion.retune(now);
        if congestion.probing.is_some() || congestion.pacer.is_waiting() {
            self.forwarder.resume(slot);
        }
        self.timers.set(Timer::Estimate(slot), congestion.poll_timeout(now));
        self.trace_path(now, slot, began);
    }

    /// A transport's estimator wants to be asked although nothing was heard.
    pub(super) fn estimate_due(&mut self, now: Instant, slot: u32) {
        if let Some(congestion) = self.rooms.congestions.get_mut(slot) {
            let outstanding = congestion.sent.outstanding_since(now);
            congestion.estimator.handle_timeout(now, outstanding);
            self.path_told(now, slot);
        }
    }

    /// Video came to wait, and leaves when its path may take more; or packets left after a while without, and the peer may be silent.
    pub(super) fn wake_for_waiting(&mut self, now: Instant) {
        while let Some(slot) = self.forwarder.take_waiting() {
            let Some(congestion) = self.rooms.congestions.get_mut(slot) else { continue };
            let opens = Some(congestion.pacer.opens()).filter(|_| congestion.pacer.is_waiting());
            self.timers.set(Timer::Pace(slot), opens);
            self.timers.set(Timer::Estimate(slot), congestion.poll_timeout(now));
        }
    }
}
