//! Who is told what happens to whose media.

use super::Registry;
use super::refusal::unknown_participant;
use crate::protocol::{ErrorName, Notification, ProtocolError, SetTrace, TraceEvent};
use corelay_engine::control::{Command, Trace};
use corelay_wire::ids::{ParticipantId, SubscriptionId, TrackId, TransportId};
use corelay_wire::units::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Who is traced, and by whom.
pub(super) type Tracers = BTreeMap<ParticipantId, BTreeSet<ParticipantId>>;

impl Registry {
    /// An admin wants to be told of a participant of its room, or no more. Asking again lengthens a trace.
    pub(crate) fn set_trace(&mut self, me: ParticipantId, wish: &SetTrace) -> Result<(), ProtocolError> {
        let admin = self.acting(me)?;
        if !admin.grants.admin {
            let reason = "the token is not an admin's: have your token server put \"admin\": true into it";
            return Err(ProtocolError::new(ErrorName::NoAdminGrant, reason));
        }
        let mut members = self.rooms.get(&admin.room).into_iter().flat_map(|room| room.participants.values());
        let is_meant = |id: &&ParticipantId| self.participants.get(id).is_some_and(|p| p.public_id == wish.participant_id);
        let target = *members.find(is_meant).ok_or_else(unknown_participant)?;
        if wish.enabled {
            self.tracers.entry(target).or_default().insert(me);
            self.post_trace(target, true);
        } else {
            self.stop_tracing(target, me);
        }
        Ok(())
    }

    fn stop_tracing(&mut self, target: ParticipantId, listener: ParticipantId) {
        let Some(listeners) = self.tracers.get_mut(&target) else { return };
        if listeners.remove(&listener) && listeners.is_empty() {
            self.tracers.remove(&target);
            self.post_trace(target, false);
        }
    }

    fn post_trace(&self, participant: ParticipantId, on: bool) {
        if let Some(target) = self.participants.get(&participant) {
            self.shards.post(target.shard, Command::Trace { participant, on });
        }
    }

    /// A participant that left is neither traced nor told.
    pub(super) fn forget_traces(&mut self, id: ParticipantId) {
        self.tracers.remove(&id);
        let told_of: Vec<ParticipantId> =
            self.tracers.iter().filter(|(_, listeners)| listeners.contains(&id)).map(|(target, _)| *target).collect();
        told_of.into_iter().for_each(|target| self.stop_tracing(target, id));
    }

    /// Something happened to the media of a participant that is traced.
    pub(crate) fn traced(&self, target: ParticipantId, at: Instant, trace: Trace) {
        let (Some(listeners), Some(participant)) = (self.tracers.get(&target), self.participants.get(&target)) else { return };
        // What ended meanwhile has no name to tell it by.
        let Some(event) = self.trace_event(trace) else { return };
        let at_ms = at.as_nanos() as f64 / 1e6;
        let told = Notification::Trace { participant_id: participant.public_id.clone(), at_ms, event };
        listeners.iter().for_each(|listener| self.tell(*listener, || told.clone()));
    }

    fn trace_event(&self, trace: Trace) -> Option<TraceEvent> {
        Some(match trace {
            Trace::Probe { transport, bitrate } => {
                TraceEvent::Probe { transport_id: self.transport_name(transport)?, bitrate_bps: bitrate.0 }
            }
            Trace::Estimate { transport, estimate, round_trip } => TraceEvent::Bwe {
                transport_id: self.transport_name(transport)?,
                estimate_bps: estimate.0,
                round_trip_ms: round_trip.map(|trip| trip.as_secs_f64() * 1e3),
            },
            Trace::KeyframeRequested { track, layer } => {
                TraceEvent::KeyframeRequest { producer_id: self.track_name(track)?, encoding: layer }
            }
            Trace::Keyframe { track, layer } => TraceEvent::Keyframe { producer_id: self.track_name(track)?, encoding: layer },
            Trace::LayerSwitch { subscription, layers, why } => TraceEvent::LayerSwitch {
                consumer_id: self.subscription_name(subscription)?,
                layers: layers.map(Into::into),
                why: why.into(),
            },
            Trace::NackSent { track, layer, packets } => {
                TraceEvent::NackSent { producer_id: self.track_name(track)?, encoding: layer, packets }
            }
            Trace::NackReceived { subscription, packets } => {
                TraceEvent::NackReceived { consumer_id: self.subscription_name(subscription)?, packets }
            }
        })
    }

    fn transport_name(&self, id: TransportId) -> Option<String> {
        Some(self.transports.get(&id)?.1.clone())
    }

    fn track_name(&self, id: TrackId) -> Option<String> {
        Some(self.names.tracks.get(&id)?.named.public_id.clone())
    }

    fn subscription_name(&self, id: SubscriptionId) -> Option<String> {
        Some(self.names.subscriptions.get(&id)?.public_id.clone())
    }
}
