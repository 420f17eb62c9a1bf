//! Rooms: where they are, when they are made and when they end.

use super::departure::Departure;
use super::refusal::unknown_room;
use super::speakers::Speakers;
use super::{Registry, RoomPlaces, ShardLoad, Share};
use crate::outbox::Text;
use crate::placement::{NoPlace, place};
use crate::protocol::{ErrorName, GoodbyeReason, LeaveReason, Notification, ProtocolError};
use corelay_engine::control::{RoomEndReason, SpeakerOptions};
use corelay_wire::ids::{ParticipantId, RoomId, ShardId};
use std::collections::BTreeMap;
use std::time::Instant;

/// A call.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) places: RoomPlaces,
    /// By identity, which is in a room only once.
    pub(crate) participants: BTreeMap<String, ParticipantId>,
    /// Whether it stays when the last participant leaves: it was made by an admin.
    pub(crate) is_kept: bool,
    pub(super) speakers: Speakers,
}

impl Registry {
    /// Makes a room that stays until it is closed. False when it is there already.
    pub(crate) fn open_room(&mut self, name: &str) -> Result<bool, ProtocolError> {
        if let Some(room) = self.rooms.get_mut(name) {
            let is_new = !room.is_kept;
            room.is_kept = true;
            return Ok(is_new);
        }
        let home = self.shard_for_room()?;
        self.make_room(name, home, true);
        Ok(true)
    }

    /// Ends a room and tells everyone in it.
    pub(crate) fn close_room(&mut self, name: &str) -> Result<(), ProtocolError> {
        let room = self.rooms.get_mut(name).ok_or_else(|| unknown_room(name))?;
        room.is_kept = false;
        let everyone = room.participants.values().copied().collect();
        self.dismiss(everyone, LeaveReason::Removed, (GoodbyeReason::RoomClosed, "an admin ended the room"));
        // Without participants there was nobody whose leaving would have ended it.
        self.settle(name);
        Ok(())
    }

    /// What a room had on a shard is lost: the participants there may come back at once, to where there is a place. For the others the
    /// call goes on.
    pub(crate) fn room_ended(&mut self, shard: ShardId, id: RoomId, reason: RoomEndReason) {
        let RoomEndReason::ShardRestarted = reason;
        self.restarts.insert(shard, Instant::now());
        let Some(name) = self.room_names.get(&id).cloned() else { return };
        let members = self.rooms.get(&name).into_iter().flat_map(|room| room.participants.values());
        let there = members.copied().filter(|id| self.participants.get(id).is_some_and(|p| p.shard == shard)).collect();
        let message = "the media shard that carried you started anew: connect again";
        self.dismiss(there, LeaveReason::Failed, (GoodbyeReason::ShardRestarted, message));
        // A kept room is made again, so that its participants find it.
        if self.rooms.get(&name).is_some_and(|room| room.participants.is_empty() && room.places.home == shard) {
            let home = self.shard_for_room().unwrap_or(shard);
            self.move_empty(&name, home);
        }
    }

    /// Where whoever joins a room goes. One that comes back has its place where it was, if that works.
    pub(super) fn shard_for_join(&self, name: &str, replaced: Option<ParticipantId>) -> Result<ShardId, ProtocolError> {
        let Some(room) = self.rooms.get(name) else { return self.shard_for_room() };
        let before = replaced.and_then(|old| self.participants.get(&old)).map(|old| old.shard);
        if let Some(shard) = before.filter(|shard| self.is_healthy(*shard) && !self.shards.is_behind(*shard)) {
            return Ok(shard);
        }
        place(Some(&room.places), &self.shard_loads(), &self.capacity).map_err(no_place)
    }

    /// Where a new room has its home.
    fn shard_for_room(&self) -> Result<ShardId, ProtocolError> {
        if self.rooms.len() >= self.node_limits.rooms_max {
            return Err(ProtocolError::new(ErrorName::Full, "the node has as many rooms as it may (ROOMS_MAX): try another node"));
        }
        place(None, &self.shard_loads(), &self.capacity).map_err(no_place)
    }

    pub(super) fn make_room(&mut self, name: &str, home: ShardId, is_kept: bool) {
        let id = self.ids.room();
        self.open_on(home, id, SpeakerOptions::default());
        self.placed[usize::from(home.0)].rooms += 1;
        self.room_names.insert(id, name.to_owned());
        let places = RoomPlaces { home, shares: vec![Share { shard: home, participants: 0, subscriptions: 0 }] };
        self.rooms
            .insert(name.to_owned(), Room { id, places, participants: BTreeMap::new(), is_kept, speakers: Speakers::default() });
    }

    /// What each shard carries, known at once and posted.
    pub(crate) fn shard_loads(&self) -> Vec<ShardLoad> {
        let load = |shard: ShardId, placed| ShardLoad {
            shard,
            placed,
            busy_permille: self.shards.snapshot(shard).busy_permille,
            is_healthy: self.is_healthy(shard),
            is_behind: self.shards.is_behind(shard),
        };
        self.shards.infos().iter().zip(&self.placed).map(|(info, placed)| load(info.id, *placed)).collect()
    }

    /// A shard that hangs or fails over and over loses its participants, and would get every new one.
    fn is_healthy(&self, shard: ShardId) -> bool {
        let is_reporting = self.shards.snapshot_age(shard) <= self.limits.snapshot_age_max;
        is_reporting && self.restarts.get(&shard).is_none_or(|at| at.elapsed() > self.limits.restart_shadow)
    }

    fn dismiss(&mut self, members: Vec<ParticipantId>, reason: LeaveReason, (goodbye, message): (GoodbyeReason, &str)) {
        // All sessions first: those who are about to go need not hear of the others' going.
        for id in &members {
            if let Some(session) = self.participants.get_mut(id).and_then(|p| p.session.take()) {
                session.goodbye(goodbye, message);
            }
        }
        for id in members {
            self.remove(id, Departure { reason, goodbye: None });
        }
    }

    /// Tells everyone in a room but `except`.
    pub(super) fn tell_room(&self, name: &str, except: ParticipantId, notification: &Notification) {
        self.tell_members(name, notification, |id| id != except);
    }

    /// Tells everyone in a room.
    pub(super) fn tell_everyone(&self, name: &str, notification: &Notification) {
        self.tell_members(name, notification, |_| true);
    }

    /// Tells one participant, if it listens.
    pub(super) fn tell(&self, id: ParticipantId, notification: impl FnOnce() -> Notification) {
        if let Some(session) = self.participants.get(&id).and_then(|p| p.session.as_ref()) {
            session.notify(&notification());
        }
    }

    fn tell_members(&self, name: &str, notification: &Notification, is_meant: impl Fn(ParticipantId) -> bool) {
        let Some(room) = self.rooms.get(name) else { return };
        let text = Text::from(crate::protocol::notification(notification));
        for id in room.participants.values().filter(|id| is_meant(**id)) {
            if let Some(session) = self.participants.get(id).and_then(|p| p.session.as_ref()) {
                session.tell(text.clone(), notification.can_wait());
            }
        }
    }
}

fn no_place(reason: NoPlace) -> ProtocolError {
    match reason {
        NoPlace::Full => ProtocolError::new(
            ErrorName::Full,
            "every media shard holds as much as it can: raise PARTICIPANTS_MAX or ROOMS_MAX, or try another node",
        ),
        NoPlace::Behind => ProtocolError::new(ErrorName::Busy, "the media shards are behind: try again in a moment"),
    }
}
