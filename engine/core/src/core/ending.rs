//! The end of things, from the leaves to the root: whatever hangs on it ends first, and nothing of it stays.

use super::Core;
use crate::timer::Timer;
use corelay_wire::ids::{ParticipantId, RoomId, SubscriptionId, TrackId, TransportId};
use corelay_wire::units::Instant;

impl Core {
    pub(super) fn end_room(&mut self, now: Instant, id: RoomId, slot: u32) {
        while let Some(participant) = self.rooms.rooms[slot].participants.last().copied() {
            let id = self.rooms.participants[participant].id;
            self.end_participant(now, id, participant);
        }
        while let Some(track) = self.rooms.rooms[slot].mirrors.last().copied() {
            self.end_track(now, self.rooms.tracks[track].id, track);
        }
        self.timers.cancel(Timer::Speakers(slot));
        self.rooms.rooms.remove(id);
    }

    pub(super) fn end_participant(&mut self, now: Instant, id: ParticipantId, slot: u32) {
        while let Some(transport) = self.rooms.participants[slot].transports.last().copied() {
            let id = self.rooms.transports[transport].id;
            self.end_transport(now, id, transport);
        }
        self.rooms.remove_participant(id);
    }

    pub(super) fn end_transport(&mut self, now: Instant, id: TransportId, slot: u32) {
        while let Some(subscription) = self.rooms.transports[slot].subscriptions.last().copied() {
            self.end_subscription(now, self.rooms.subscriptions[subscription].id);
        }
        while let Some(track) = self.rooms.transports[slot].tracks.last().copied() {
            self.end_track(now, self.rooms.tracks[track].id, track);
        }
        self.rooms.transports[slot].transport.close(now, &mut self.outbox);
        self.count_unsent(slot);
        self.note_estimate(slot, None);
        self.transport_ended(now, slot);
        self.timers.cancel(Timer::Transport(slot));
        self.timers.cancel(Timer::Pace(slot));
        self.timers.cancel(Timer::Estimate(slot));
        self.handshakes.forget(slot, &mut self.rooms.transports[slot].handshakes);
        self.control.forget(slot);
        self.forwarder.forget_transport(slot);
        self.rooms.remove_transport(id);
    }

    pub(super) fn end_track(&mut self, now: Instant, id: TrackId, slot: u32) {
        while let Some(subscription) = self.rooms.tracks[slot].subscriptions.last().copied() {
            self.end_subscription(now, self.rooms.subscriptions[subscription].id);
        }
        self.timers.cancel(Timer::Keyframe(slot));
        self.timers.cancel(Timer::Rows(slot));
        self.farewell(now, slot);
        self.forwarder.forget(slot);
        let track = &self.rooms.tracks[slot];
        self.relays.forget(slot, track);
        self.counters.mirrors -= u64::from(track.is_mirror());
        self.rooms.remove_track(id);
    }

    /// The subscriber is told that the stream ends, if it ever began.
    pub(super) fn end_subscription(&mut self, now: Instant, id: SubscriptionId) {
        let Some(ended) = self.rooms.remove_subscription(id) else { return };
        let counted = ended.selection.counted;
        self.rooms.tracks[ended.track].rows.recount(counted, 0, now);
        self.want_layers(now, ended.track);
        self.update_mirror(ended.track);
        let connected = self.rooms.transports[ended.transport].connected.is_some();
        if connected && ended.subscriber.has_sent() {
            self.control.say_goodbye(&mut self.rooms, ended.transport, ended.subscriber.ssrc);
        }
    }

    pub(super) fn count_things(&mut self) {
        let count = |n: usize| n as u64;
        self.counters.rooms = count(self.rooms.rooms.len());
        self.counters.participants = count(self.rooms.participants.len());
        self.counters.transports = count(self.rooms.transports.len());
        self.counters.tracks = count(self.rooms.tracks.len()) - self.counters.mirrors;
        self.counters.subscriptions = count(self.rooms.subscriptions.len());
    }
}
