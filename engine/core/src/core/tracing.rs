//! What is told of a participant's media while it is traced.

use super::Core;
use crate::control::{Event, Refusal, TRACE_LIFETIME, TRACES_PER_SECOND_MAX, Target, Trace, Why};
use crate::room::Track;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, SubscriptionId};
use corelay_wire::units::{Bitrate, Instant};

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

    /// A picture of the track in `track` begins that needs no other.
    pub(super) fn trace_keyframe(&mut self, now: Instant, slot: u32, track: u32) {
        let Track { id, layers, .. } = &self.rooms.tracks[track];
        let arrived = layers.iter().position(|layer| layer.last_packet == Some(now));
        let (track, layer) = (*id, arrived.unwrap_or(0) as u8);
        self.tell_trace(now, slot, || Trace::Keyframe { track, layer });
    }

    /// A subscription gets other layers: counted, and told.
    pub(super) fn note_selection(&mut self, subscription: SubscriptionId, layers: Option<Target>, why: Why) {
        self.counters.selections[usize::from(layers.is_none())][why.index()] += 1;
        if let Ok(slot) = self.rooms.subscriptions.slot_of(subscription) {
            let transport = self.rooms.subscriptions[slot].transport;
            self.tell_trace(self.latest, transport, || Trace::LayerSwitch { subscription, layers, why });
        }
    }

    /// The path of the transport in `slot` is probed, or is thought to carry more or less than was told.
    pub(super) fn trace_path(&mut self, now: Instant, slot: u32, probe: Option<Bitrate>) {
        self.counters.probes += u64::from(probe.is_some());
        if !self.is_traced(slot) {
            return;
        }
        let transport = self.rooms.transports[slot].id;
        if let Some(bitrate) = probe {
            self.tell_trace(now, slot, || Trace::Probe { transport, bitrate });
        }
        let Some(estimate) = self.rooms.congestions.get(slot).and_then(|congestion| congestion.estimate(now)) else { return };
        let entry = &mut self.rooms.transports[slot];
        if estimate.0.abs_diff(entry.estimate_told) > entry.estimate_told / 20 {
            entry.estimate_told = estimate.0;
            let round_trip = entry.round_trip;
            self.tell_trace(now, slot, || Trace::Estimate { transport, estimate, round_trip });
        }
    }

    /// What was asked for again since that was told last.
    pub(super) fn trace_nacks(&mut self, now: Instant, slot: u32) {
        if !self.is_traced(slot) {
            return;
        }
        for at in 0..self.rooms.transports[slot].tracks.len() {
            let place = self.rooms.transports[slot].tracks[at];
            for n in 0..self.rooms.tracks[place].layers.len() {
                let Track { id, layers, .. } = &mut self.rooms.tracks[place];
                let (track, tally) = (*id, &mut layers[n].tally);
                let packets = since(tally.nacked, &mut tally.nacked_told);
                if packets > 0 {
                    self.tell_trace(now, slot, || Trace::NackSent { track, layer: n as u8, packets });
                }
            }
        }
        for at in 0..self.rooms.transports[slot].subscriptions.len() {
            let known = &mut self.rooms.subscriptions[self.rooms.transports[slot].subscriptions[at]];
            let (subscription, record) = (known.id, &mut known.record);
            let packets = since(record.nacked, &mut record.nacked_told);
            if packets > 0 {
                self.tell_trace(now, slot, || Trace::NackReceived { subscription, packets });
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

/// How many came since that was told, which it is by this.
fn since(total: u64, told: &mut u64) -> u16 {
    let before = core::mem::replace(told, total);
    u16::try_from(total - before).unwrap_or(u16::MAX)
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
