//! A shard that panics: its rooms end, the others do not notice, and it answers again.

#[path = "common/nodes.rs"]
mod nodes;

use corelay_core::drop_reason::DropReason;
use corelay_engine::control::{Event, Refusal, Reply, RoomEndReason};
use corelay_wire::ids::{RoomId, ShardId};
use nodes::{PATIENCE, TestNode, backends, client, start};

/// The room that ended, and on which shard.
fn ended(shard: ShardId, event: &Event) -> Option<(ShardId, RoomId)> {
    match event {
        Event::RoomEnded { room, reason: RoomEndReason::ShardRestarted } => Some((shard, *room)),
        _ => None,
    }
}

fn rooms_ended(node: &mut TestNode, count: usize) -> Vec<(ShardId, RoomId)> {
    let mut rooms: Vec<_> = (0..count).map(|_| node.wait_for(ended)).collect();
    rooms.sort_unstable();
    rooms
}

#[test]
fn a_panic_ends_the_rooms_of_its_shard_only() {
    for backend in backends() {
        let mut node = start(backend, 2);
        let address = node.address(0);
        for (shard, room) in [(0, 1), (0, 2), (1, 3)] {
            node.open_transport(shard, room);
        }
        node.node.inject_panic(ShardId(0));
        assert_eq!(rooms_ended(&mut node, 2), [(ShardId(0), RoomId(1)), (ShardId(0), RoomId(2))]);

        // The other shard has its room, and this one answers again, on the same port, with nothing left of its rooms.
        node.ping(1, 100);
        node.ping(0, 101);
        let snapshot = node.snapshot(0, |s| s.restarts == 1 && s.core.rooms == 0 && s.commands > 6);
        assert_eq!(snapshot.core.transports, 0);
        assert_eq!(node.snapshot(1, |s| s.core.rooms == 1).restarts, 0);
        let again = node.open_transport(0, 1);
        assert!(again.ufrag.len() >= 4, "the name of a lost room is free again");

        let client = client(address.ip(), PATIENCE);
        client.send_to(&[0xFF; 40], address).expect("it is sent");
        node.snapshot(0, |s| s.core.drops.total(DropReason::NotOurs) == 1);
    }
}

#[test]
fn a_shard_that_panics_again_and_again_is_slowed_down_and_comes_back() {
    for backend in backends() {
        let mut node = start(backend, 2);
        for round in 1..=3 {
            node.open_transport(0, round);
            node.node.inject_panic(ShardId(0));
            assert_eq!(rooms_ended(&mut node, 1), [(ShardId(0), RoomId(round))]);
        }
        node.ping(1, 100);
        node.ping(0, 101);
        node.snapshot(0, |s| s.restarts == 3);
    }
}

#[test]
fn commands_that_wait_over_a_restart_are_answered_by_the_next_life() {
    for backend in backends() {
        let mut node = start(backend, 1);
        node.node.inject_panic(ShardId(0));
        for n in 0..50 {
            node.send(0, corelay_engine::control::Command::Ping { request: corelay_wire::ids::RequestId(n) });
        }
        for n in 0..50 {
            let answer: Result<Reply, Refusal> = node.answer(0, n);
            assert!(answer.is_ok());
        }
    }
}

#[test]
fn a_node_stops_while_a_shard_waits_for_its_next_life() {
    for backend in backends() {
        let node = start(backend, 1);
        let started = std::time::Instant::now();
        for restarts in 1..=6 {
            node.node.inject_panic(ShardId(0));
            // The fourth wait and those after it are long enough to be interrupted.
            if restarts < 4 {
                node.snapshot(0, |s| s.restarts == restarts);
            }
        }
        node.node.shutdown();
        assert!(started.elapsed() < PATIENCE);
    }
}
