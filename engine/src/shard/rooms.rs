//! The rooms of a shard, noted outside its core so that they can be ended properly when the core is lost to a panic.

use std::collections::HashSet;

use corelay_core::control::{Command, Event, RoomEndReason};
use corelay_wire::ids::RoomId;

/// Rooms that signaling opened here and did not close.
#[derive(Debug)]
pub(super) struct Rooms {
    open: HashSet<RoomId>,
    max: usize,
}

impl Rooms {
    pub(super) fn new(max: usize) -> Self {
        Self { open: HashSet::with_capacity(max), max }
    }

    /// Follows a command that is about to be carried out. A room beyond the limit is not noted: the core refuses it as well.
    pub(super) fn note(&mut self, command: &Command) {
        match command {
            Command::OpenRoom { room } if self.open.len() < self.max => {
                self.open.insert(*room);
            }
            Command::CloseRoom { room } => {
                self.open.remove(room);
            }
            _ => {}
        }
    }

    /// Ends them all.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Event> {
        self.open.drain().map(|room| Event::RoomEnded { room, reason: RoomEndReason::ShardRestarted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_are_open_end_once() {
        let mut rooms = Rooms::new(2);
        for room in 1..=3 {
            rooms.note(&Command::OpenRoom { room: RoomId(room) });
        }
        rooms.note(&Command::CloseRoom { room: RoomId(1) });
        let ended: Vec<Event> = rooms.end().collect();
        assert!(matches!(ended[..], [Event::RoomEnded { room: RoomId(2), reason: RoomEndReason::ShardRestarted }]), "{ended:?}");
        assert_eq!(rooms.end().count(), 0);
    }
}
