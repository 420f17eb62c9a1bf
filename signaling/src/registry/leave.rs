//! How participants go, and what goes with them.

use super::departure::Departure;
use super::refusal::unknown_room;
use super::{Participant, Registry};
use crate::outbox::Text;
use crate::protocol::{ErrorName, GoodbyeReason, LeaveReason, Notification, ProtocolError};
use corelay_engine::control::Command;
use corelay_wire::ids::ParticipantId;

impl Registry {
    /// Takes a participant out, with all that is its own, and ends its room, or the room's place on its shard, if it was the last.
    pub(crate) fn remove(&mut self, id: ParticipantId, departure: Departure) {
        if let Some(room) = self.remove_keeping_room(id, departure) {
            self.settle(&room);
        }
    }

    /// [`Self::remove`], but the room stays for whoever is about to come. Gives the room's name.
    pub(super) fn remove_keeping_room(&mut self, id: ParticipantId, departure: Departure) -> Option<String> {
        let participant = self.participants.remove(&id)?;
        if let (Some(session), Some((reason, message))) = (&participant.session, departure.goodbye) {
            session.goodbye(reason, message);
        }
        if let Some(room) = self.rooms.get_mut(&participant.room) {
            room.participants.remove(&participant.identity);
        }
        self.forget_media_of(&participant);
        self.forget_traces(id);
        self.forget_listener(id, &participant.room);
        self.exit_share(&participant.room, participant.shard);
        self.shards.post(participant.shard, Command::Leave { participant: id });
        let left = Notification::ParticipantLeft { participant_id: participant.public_id.clone(), reason: departure.reason };
        self.tell_room(&participant.room, id, &left);
        Some(participant.room)
    }

    /// Its shard ends these by itself when the participant leaves it; other shards are told.
    fn forget_media_of(&mut self, participant: &Participant) {
        for transport in participant.transports.values() {
            self.transports.remove(&transport.id);
        }
        self.names.forget_plans(&participant.plans);
        for (public_id, consumer) in &participant.consumers {
            self.forget_consumption(participant, public_id, consumer);
        }
        for (_, producer) in &participant.planned {
            self.release_track(producer, participant.shard);
        }
        for public_id in &participant.producers {
            self.forget_producer(participant, public_id);
        }
    }

    /// The WebSocket of a session is lost. True when the participant lingers; false when it is another session's or gone.
    pub(crate) fn session_lost(&mut self, id: ParticipantId, session: u64) -> bool {
        match self.participants.get_mut(&id) {
            Some(participant) if participant.session.as_ref().is_some_and(|s| s.session() == session) => {
                participant.session = None;
                true
            }
            _ => false,
        }
    }

    /// A participant lingered long enough. One that came back has another id by then.
    pub(crate) fn linger_over(&mut self, id: ParticipantId) {
        if self.participants.get(&id).is_some_and(|p| p.session.is_none()) {
            self.remove(id, Departure { reason: LeaveReason::Disconnected, goodbye: None });
        }
    }

    /// An admin takes a participant out.
    pub(crate) fn remove_by_identity(&mut self, room: &str, identity: &str) -> Result<(), ProtocolError> {
        let found = self.rooms.get(room).ok_or_else(|| unknown_room(room))?;
        let id = *found.participants.get(identity).ok_or_else(|| {
            ProtocolError::new(ErrorName::UnknownParticipant, "there is no participant of this identity in the room")
        })?;
        let goodbye = Some((GoodbyeReason::Removed, "an admin removed you from the room"));
        self.remove(id, Departure { reason: LeaveReason::Removed, goodbye });
        Ok(())
    }

    /// Tells everyone who listens.
    pub(crate) fn tell_all(&self, notification: &Notification) {
        let text = Text::from(crate::protocol::notification(notification));
        for session in self.participants.values().filter_map(|p| p.session.as_ref()) {
            session.text(text.clone());
        }
    }

    /// The end of the node: everyone goes.
    pub(crate) fn dismiss_everyone(&mut self, reason: GoodbyeReason, message: &'static str) {
        for participant in self.participants.values_mut() {
            if let Some(session) = participant.session.take() {
                session.goodbye(reason, message);
            }
        }
        let everyone: Vec<ParticipantId> = self.participants.keys().copied().collect();
        for id in everyone {
            self.remove(id, Departure { reason: LeaveReason::Left, goodbye: None });
        }
    }
}
