//! Rooms: where they are, when they are made and when they end.

use super::departure::Departure;
use super::refusal::unknown_room;
use super::{Registry, ShardLoad};
use crate::protocol::{ErrorName, GoodbyeReason, LeaveReason, Notification, ProtocolError};
use corelay_engine::control::{Command, RoomEndReason};
use corelay_wire::ids::{ParticipantId, RoomId, ShardId};
use std::collections::BTreeMap;
use std::time::Instant;

/// A call.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) shard: ShardId,
    /// By identity, which is in a room only once.
    pub(crate) participants: BTreeMap<String, ParticipantId>,
    /// Whether it stays when the last participant leaves: it was made by an admin.
    pub(crate) is_kept: bool,
}

impl Registry {
    /// Makes a room that stays until it is closed. False when it is there already.
    pub(crate) fn open_room(&mut self, name: &str) -> Result<bool, ProtocolError> {
        if let Some(room) = self.rooms.get_mut(name) {
            let is_new = !room.is_kept;
            room.is_kept = true;
            return Ok(is_new);
        }
        self.make_room(name, true)?;
        Ok(true)
    }

    /// Ends a room and tells everyone in it.
    pub(crate) fn close_room(&mut self, name: &str) -> Result<(), ProtocolError> {
        let room = self.rooms.get_mut(name).ok_or_else(|| unknown_room(name))?;
        room.is_kept = false;
        let (id, shard) = (room.id, room.shard);
        self.dismiss_all(name, GoodbyeReason::RoomClosed, "an admin ended the room");
        // Without participants there was nobody whose leaving would have ended it.
        if self.rooms.remove(name).is_some() {
            self.room_names.remove(&id);
            self.shards.post(shard, Command::CloseRoom { room: id });
        }
        Ok(())
    }

    /// A room ended in its shard: its participants may come back at once.
    pub(crate) fn room_ended(&mut self, id: RoomId, reason: RoomEndReason) {
        let Some(name) = self.room_names.get(&id).cloned() else { return };
        let RoomEndReason::ShardRestarted = reason;
        if let Some(room) = self.rooms.get(&name) {
            self.restarts.insert(room.shard, Instant::now());
        }
        self.dismiss_all(&name, GoodbyeReason::ShardRestarted, "the media shard of this room started anew: connect again");
        // A kept room is made again in the new shard, so that its participants find it.
        if let Some(room) = self.rooms.get(&name) {
            self.shards.post(room.shard, Command::OpenRoom { room: id });
        }
    }

    /// The room of this name, made if need be and allowed.
    pub(super) fn room_for_join(&mut self, name: &str) -> Result<&mut Room, ProtocolError> {
        if !self.rooms.contains_key(name) {
            if !self.node_limits.room_auto_create {
                return Err(unknown_room(name));
            }
            self.make_room(name, false)?;
        }
        Ok(self.rooms.get_mut(name).expect("found or made above"))
    }

    /// Ends the room if nobody is in it and nobody asked for it to stay.
    pub(super) fn close_if_empty(&mut self, name: &str) {
        let is_over = self.rooms.get(name).is_some_and(|room| room.participants.is_empty() && !room.is_kept);
        if let Some(room) = is_over.then(|| self.rooms.remove(name)).flatten() {
            self.room_names.remove(&room.id);
            self.shards.post(room.shard, Command::CloseRoom { room: room.id });
        }
    }

    fn make_room(&mut self, name: &str, is_kept: bool) -> Result<(), ProtocolError> {
        if self.rooms.len() >= self.node_limits.rooms_max {
            return Err(ProtocolError::new(ErrorName::Full, "the node has as many rooms as it may (ROOMS_MAX): try another node"));
        }
        let shard = self.shard_for_room()?;
        let id = self.ids.room();
        self.shards.post(shard, Command::OpenRoom { room: id });
        self.room_names.insert(id, name.to_owned());
        self.rooms.insert(name.to_owned(), Room { id, shard, participants: BTreeMap::new(), is_kept });
        Ok(())
    }

    /// Healthy ones first: a shard that hangs or fails over and over loses its participants and would get every new room. Then fewest
    /// participants, then fewest rooms: what costs a shard is the fan-out inside its rooms.
    fn shard_for_room(&self) -> Result<ShardId, ProtocolError> {
        let limits = &self.node_limits;
        let has_place = |load: &ShardLoad| {
            load.rooms < limits.shard_rooms_max
                && load.participants < limits.shard_participants_max
                && !self.shards.is_behind(load.shard)
        };
        let loads = self.shard_loads().into_iter().filter(has_place);
        let best = loads.min_by_key(|load| (!self.is_healthy(load.shard), load.participants, load.rooms));
        best.map(|load| load.shard).ok_or_else(|| {
            ProtocolError::new(ErrorName::Full, "no media shard can take another room: try another node, or again later")
        })
    }

    fn is_healthy(&self, shard: ShardId) -> bool {
        let is_reporting = self.shards.snapshot_age(shard) <= self.limits.snapshot_age_max;
        is_reporting && self.restarts.get(&shard).is_none_or(|at| at.elapsed() > self.limits.restart_shadow)
    }

    fn dismiss_all(&mut self, name: &str, reason: GoodbyeReason, message: &str) {
        let members: Vec<ParticipantId> =
            self.rooms.get(name).map(|r| r.participants.values().copied().collect()).unwrap_or_default();
        // All sessions first: those who are about to go need not hear of the others' going.
        for id in &members {
            if let Some(session) = self.participants.get_mut(id).and_then(|p| p.session.take()) {
                session.goodbye(reason, message);
            }
        }
        for id in members {
            self.remove(id, Departure { reason: LeaveReason::Removed, goodbye: None });
        }
    }

    /// Tells everyone in a room but `except`.
    pub(super) fn tell_room(&self, name: &str, except: ParticipantId, notification: &Notification) {
        let Some(room) = self.rooms.get(name) else { return };
        let text = crate::protocol::notification(notification);
        for id in room.participants.values().filter(|id| **id != except) {
            if let Some(session) = self.participants.get(id).and_then(|p| p.session.as_ref()) {
                session.text(text.clone());
            }
        }
    }
}
