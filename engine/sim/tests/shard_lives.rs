//! A shard panics and begins another life: the others forget what it wanted, and go on.

use core::time::Duration;
use corelay_core::drop_reason::DropReason;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

/// One publisher and one subscriber of the other's video on each of two shards.
fn call(seed: u64) -> (World, [PeerId; 2]) {
    let mut world = World::with_shards(seed, 2);
    let peers = [world.join_on(0), world.join_on(1)];
    let tracks = [(0, 10), (1, 20)].map(|(peer, tag)| world.publish(peers[peer], Source::new(Codec::Vp8, tag)));
    world.subscribe(peers[1], tracks[0], 10);
    world.subscribe(peers[0], tracks[1], 20);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    (world, peers)
}

#[test]
fn the_subscribers_shard_dies_and_comes_back() {
    let (mut world, [alice, _]) = call(1);
    let local = world.join_on(0);
    world.subscribe(local, world.track_of(10), 10);
    world.restart_shard(1, 9);
    world.run(Duration::from_millis(100));
    let before = world.counters(0).relayed_out;
    world.run(Duration::from_secs(1));
    assert_eq!(world.counters(0).relayed_out, before, "the publisher's shard heard of it and stopped");
    let again = world.join_on(1);
    world.run_until_connected(Duration::from_secs(2));
    world.subscribe(again, world.track_of(10), 10);
    world.run(Duration::from_secs(2));
    assert!(world.assert_whole(again, 10, 100).arrivals[0].keyframe);
    world.assert_whole(local, 10, 200);
    assert!(world.peer(alice).connected && world.received(alice, 20).goodbye, "what came from there ended");
}

#[test]
fn the_publishers_shard_dies_and_comes_back() {
    let (mut world, [_, bob]) = call(2);
    let carol = world.join_on(1);
    world.subscribe(carol, world.track_of(20), 20);
    world.restart_shard(0, 9);
    world.run(Duration::from_secs(2));
    assert!(world.received(bob, 10).goodbye);
    assert_eq!((world.counters(1).mirrors, world.counters(1).relayed_out > 0), (0, true));
    let before = world.counters(1).relayed_out;
    world.run(Duration::from_secs(1));
    assert_eq!(world.counters(1).relayed_out, before, "its subscribers are gone with it");
    world.assert_whole(carol, 20, 100);
    let alice = world.join_on(0);
    let video = world.publish(alice, Source::new(Codec::Vp8, 30));
    world.subscribe(bob, video, 30);
    world.subscribe(alice, world.track_of(20), 20);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    world.assert_whole(bob, 30, 100);
    world.assert_whole(alice, 20, 100);
}

/// Signaling is slow: a mirror whose track died with its shard stays for a while, and costs nothing.
#[test]
fn a_mirror_outlives_its_track_without_harm() {
    let (mut world, [_, bob]) = call(3);
    world.restart_core(0, 9);
    world.run(Duration::from_secs(3));
    assert_eq!(world.counters(1).mirrors, 1, "nobody closed it");
    let strays = world.drops_of(0, DropReason::RelayStray);
    assert!((1..=5).contains(&strays), "attached once more, and keyframes asked for with patience: {strays}");
    world.close_track(world.track_of(10));
    world.run(Duration::from_secs(1));
    assert!(world.received(bob, 10).goodbye);
    assert!(!world.core_of(1).has_relay_due());
}
