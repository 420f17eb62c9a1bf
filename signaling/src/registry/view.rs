//! The registry in numbers and for servers.

use super::{Participant, Registry};
use corelay_wire::ids::ShardId;

/// What the node carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    pub(crate) lingering: usize,
    pub(crate) transports: usize,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    /// Rooms with someone in them.
    pub(crate) calls: usize,
}

/// A room for servers.
#[derive(Clone, Debug)]
pub(crate) struct RoomView {
    pub(crate) name: String,
    pub(crate) home: ShardId,
    /// On which shards it is, in their order.
    pub(crate) shards: Vec<ShardId>,
    pub(crate) is_kept: bool,
    pub(crate) participants: Vec<MemberView>,
}

/// A participant for servers.
#[derive(Clone, Debug)]
pub(crate) struct MemberView {
    pub(crate) identity: String,
    pub(crate) display_name: String,
    pub(crate) shard: ShardId,
}

impl Registry {
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            rooms: self.rooms.len(),
            participants: self.participants.len(),
            lingering: self.participants.values().filter(|p| p.session.is_none()).count(),
            transports: self.transports.len(),
            producers: self.producers.len(),
            consumers: self.participants.values().map(|p| p.consumers.len()).sum(),
            calls: self.rooms.values().filter(|room| !room.participants.is_empty()).count(),
        }
    }

    pub(crate) fn rooms(&self) -> Vec<RoomView> {
        let mut rooms: Vec<RoomView> = self.rooms.keys().filter_map(|name| self.room(name)).collect();
        rooms.sort_by(|a, b| a.name.cmp(&b.name));
        rooms
    }

    pub(crate) fn room(&self, name: &str) -> Option<RoomView> {
        let room = self.rooms.get(name)?;
        let member =
            |p: &Participant| MemberView { identity: p.identity.clone(), display_name: p.display_name.clone(), shard: p.shard };
        let mut shards: Vec<ShardId> = room.places.shares.iter().map(|share| share.shard).collect();
        shards.sort_unstable();
        Some(RoomView {
            name: name.to_owned(),
            home: room.places.home,
            shards,
            is_kept: room.is_kept,
            participants: room.participants.values().filter_map(|id| self.participants.get(id)).map(member).collect(),
        })
    }
}
