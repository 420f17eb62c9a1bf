//! What is told of a participant's media while it is traced.

use super::Core;
use crate::control::{Event, Refusal, TRACE_LIFETIME, TRACES_PER_SECOND_MAX, Trace};
use crate::room::Track;
use core::time::Duration;
use corelay_wire::ids::ParticipantId;
use corelay_wire::units::Instant;

/// How many traces of this second were told.
#[derive(Debug, Default)]
pub(super) struct TraceAllowance {
    since: Instant,
    told: u32,
}

impl TraceAllowance {
    fn take(&mut self, now: Instant) -> bool {
        if now.since(self.since) >= Duration::from_secs(1) {
            *self = Self { since: now, told: 0 };
        }
        self.told += 1;
        self.told <= TRACES_PER_SECOND_MAX
    }
}

impl Core {
    pub(super) fn trace(&mut self, now: Instant, id: ParticipantId, on: bool) -> Result<(), Refusal> {
        let slot = self.rooms.participants.slot_of(id)?;
        self.rooms.participants[slot].traced_until = on.then(|| now + TRACE_LIFETIME);
        Ok(())
    }

    /// The publisher on the transport in `slot` is asked for keyframes of the track in `track`.
    pub(super) fn trace_keyframe_requests(&mut self, now: Instant, slot: u32, track: u32) {
        if self.is_traced(slot) {
            for layer in 0..self.rooms.tracks[track].layers.len() {
                let Track { id, layers, .. } = &self.rooms.tracks[track];
                let (track, due) = (*id, layers[layer].keyframes.is_due());
                if due {
                    self.tell_trace(now, slot, || Trace::KeyframeRequested { track, layer: layer as u8 });
                }
            }
        }
    }

    fn is_traced(&self, slot: u32) -> bool {
        self.rooms.participants[self.rooms.transports[slot].participant].traced_until.is_some()
    }

    /// Tells what happened on the transport in `slot`, if its participant is traced.
    pub(super) fn tell_trace(&mut self, now: Instant, slot: u32, trace: impl FnOnce() -> Trace) {
        let participant = &mut self.rooms.participants[self.rooms.transports[slot].participant];
        let Some(until) = participant.traced_until else { return };
        if now >= until {
            participant.traced_until = None;
        } else if self.trace_allowance.take(now) {
            self.events.push_back(Event::Trace { participant: participant.id, at: now, trace: trace() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_allowance() {
        let mut allowance = TraceAllowance::default();
        let told = |allowance: &mut TraceAllowance, ms| (0..300).filter(|_| allowance.take(Instant::from_millis(ms))).count();
        assert_eq!([5_000, 5_500, 6_000].map(|ms| told(&mut allowance, ms)), [200, 0, 200]);
    }
}
