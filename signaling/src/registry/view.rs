//! The registry in numbers and for servers.

use super::Registry;
use corelay_wire::ids::ShardId;

/// What a shard carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardLoad {
    pub(crate) shard: ShardId,
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
}

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
    pub(crate) shard: ShardId,
    pub(crate) is_kept: bool,
    /// Identities and display names.
    pub(crate) participants: Vec<(String, String)>,
}

impl Registry {
    pub(crate) fn shard_loads(&self) -> Vec<ShardLoad> {
        let mut loads: Vec<ShardLoad> =
            self.shards.infos().iter().map(|info| ShardLoad { shard: info.id, rooms: 0, participants: 0 }).collect();
        for room in self.rooms.values() {
            if let Some(load) = loads.iter_mut().find(|load| load.shard == room.shard) {
                load.rooms += 1;
                load.participants += room.participants.len();
            }
        }
        loads
    }

    /// What one shard carries.
    pub(super) fn load(&self, shard: ShardId) -> ShardLoad {
        let on_it = self.rooms.values().filter(|room| room.shard == shard);
        on_it.fold(ShardLoad { shard, rooms: 0, participants: 0 }, |load, room| ShardLoad {
            rooms: load.rooms + 1,
            participants: load.participants + room.participants.len(),
            ..load
        })
    }

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
        let participants = room.participants.values().filter_map(|id| self.participants.get(id));
        Some(RoomView {
            name: name.to_owned(),
            shard: room.shard,
            is_kept: room.is_kept,
            participants: participants.map(|p| (p.identity.clone(), p.display_name.clone())).collect(),
        })
    }
}
