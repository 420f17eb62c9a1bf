//! What a room has on each of its shards.
//!
//! A room is open on its home and on every other shard that has participants of it. A home that everyone left gives way to the shard with
//! the most participants, so that a room that shrinks gathers in one place again. [`Registry::settle`] makes both true after
//! participants came or went.

use super::room::Room;
use super::{Registry, Share};
use corelay_engine::control::Command;
use corelay_wire::ids::{RoomId, ShardId};

impl Registry {
    /// One participant more of a room on `shard`, made and opened there if need be.
    pub(super) fn enter_share(&mut self, name: &str, shard: ShardId) -> RoomId {
        if !self.rooms.contains_key(name) {
            self.make_room(name, shard, false);
        }
        let room = self.rooms.get_mut(name).expect("is there or made above");
        if room.share_mut(shard).is_none() {
            room.places.shares.push(Share { shard, participants: 0, subscriptions: 0 });
            self.placed[usize::from(shard.0)].rooms += 1;
            let (id, options) = (room.id, room.speakers.options());
            self.open_on(shard, id, options);
        }
        let room = self.rooms.get_mut(name).expect("found above");
        room.share_mut(shard).expect("is there or pushed above").participants += 1;
        self.placed[usize::from(shard.0)].participants += 1;
        room.id
    }

    /// One participant less of a room on `shard`. The share stays until the room is settled.
    pub(super) fn exit_share(&mut self, name: &str, shard: ShardId) {
        let share = self.rooms.get_mut(name).and_then(|room| room.share_mut(shard));
        share.expect("a participant has a share").participants -= 1;
        self.placed[usize::from(shard.0)].participants -= 1;
    }

    /// One subscription more of a room on `shard`.
    pub(super) fn add_subscription(&mut self, name: &str, shard: ShardId) {
        let share = self.rooms.get_mut(name).and_then(|room| room.share_mut(shard));
        share.expect("a participant has a share").subscriptions += 1;
        self.placed[usize::from(shard.0)].subscriptions += 1;
    }

    /// One subscription less of a room on `shard`.
    pub(super) fn remove_subscription(&mut self, name: &str, shard: ShardId) {
        let share = self.rooms.get_mut(name).and_then(|room| room.share_mut(shard));
        share.expect("a participant has a share").subscriptions -= 1;
        self.placed[usize::from(shard.0)].subscriptions -= 1;
    }

    /// Whether a shard has room for a subscription, whatever else is under way: each participant asks for one at a time.
    pub(super) fn has_room_for_subscriptions(&self, shard: ShardId) -> bool {
        let placed = &self.placed[usize::from(shard.0)];
        placed.subscriptions + placed.participants < self.capacity.subscriptions_max
    }

    /// Ends the room if nobody is in it and nobody asked for it to stay; else chooses its home and closes it where nobody is.
    pub(super) fn settle(&mut self, name: &str) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        if room.participants.is_empty() && !room.is_kept {
            let room = self.rooms.remove(name).expect("found above");
            self.room_names.remove(&room.id);
            room.places.shares.iter().for_each(|share| self.close_share(room.id, *share));
            return;
        }
        room.choose_home();
        let (id, home) = (room.id, room.places.home);
        let is_over = |share: &mut Share| share.participants == 0 && share.shard != home;
        let over: Vec<Share> = room.places.shares.extract_if(.., is_over).collect();
        over.into_iter().for_each(|share| self.close_share(id, share));
    }

    /// Has a room that nobody is in on `shard` instead of its home, or there anew.
    pub(super) fn move_empty(&mut self, name: &str, shard: ShardId) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let (id, options) = (room.id, room.speakers.options());
        room.places.home = shard;
        let fresh = vec![Share { shard, participants: 0, subscriptions: 0 }];
        let over = std::mem::replace(&mut room.places.shares, fresh);
        over.into_iter().for_each(|share| self.close_share(id, share));
        self.placed[usize::from(shard.0)].rooms += 1;
        self.open_on(shard, id, options);
    }

    fn close_share(&mut self, room: RoomId, share: Share) {
        debug_assert_eq!((share.participants, share.subscriptions), (0, 0), "what a room has on a shard goes before it does");
        self.placed[usize::from(share.shard.0)].rooms -= 1;
        self.shards.post(share.shard, Command::CloseRoom { room });
    }
}

impl Room {
    fn share_mut(&mut self, shard: ShardId) -> Option<&mut Share> {
        self.places.shares.iter_mut().find(|share| share.shard == shard)
    }

    /// A home that everyone left gives way to the shard with the most participants.
    fn choose_home(&mut self) {
        let home = self.places.home;
        if self.share_mut(home).is_some_and(|share| share.participants > 0) {
            return;
        }
        let most = self.places.shares.iter().filter(|share| share.participants > 0).max_by_key(|share| share.participants);
        self.places.home = most.map_or(home, |share| share.shard);
    }
}
