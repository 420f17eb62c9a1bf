//! Keyframe wishes from other shards: merged there, merged again where the track is, and answered for all.

use core::time::Duration;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::ids::TrackId;
use corelay_wire::media::Codec;

/// Alice on the first shard publishes video; ten on the second are connected and see nothing yet.
fn running(seed: u64) -> (World, PeerId, TrackId, Vec<PeerId>) {
    let mut world = World::with_shards(seed, 2);
    let alice = world.join();
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    let peers = (0..10).map(|_| world.join_on(1)).collect();
    world.run_until_connected(Duration::from_secs(3));
    world.run(Duration::from_secs(1));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 0, "nobody asked");
    (world, alice, video, peers)
}

#[test]
fn joiners_on_another_shard_cost_the_publisher_one_keyframe() {
    let (mut world, alice, video, peers) = running(1);
    let joined = world.now();
    for peer in &peers {
        world.subscribe(*peer, video, 11);
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 1);
    for peer in &peers {
        let first = world.assert_whole(*peer, 11, 100).arrivals[0];
        assert!(first.keyframe, "what came before the keyframe was not sent");
        assert!(first.at.since(joined) < Duration::from_millis(100), "{:?}", first.at.since(joined));
    }
    let late = world.join_on(1);
    world.run_until_connected(Duration::from_secs(2));
    world.subscribe(late, video, 11);
    world.run(Duration::from_secs(1));
    assert!(world.assert_whole(late, 11, 40).arrivals[0].keyframe);
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 2);
}

#[test]
fn a_hundred_wishes_cost_one_request() {
    let (mut world, alice, video, peers) = running(2);
    for peer in &peers {
        world.subscribe(*peer, video, 11);
    }
    world.run(Duration::from_secs(2));
    let before = world.peer(alice).source(11).keyframe_requests;
    for _ in 0..10 {
        peers.iter().for_each(|peer| world.peer(*peer).want_keyframe(11));
        world.run(Duration::from_millis(10));
    }
    assert_eq!(world.peer(alice).source(11).keyframe_requests - before, 1);
    for _ in 0..20 {
        peers.iter().for_each(|peer| world.peer(*peer).want_keyframe(11));
        world.run(Duration::from_millis(100));
    }
    let asked = world.peer(alice).source(11).keyframe_requests - before;
    assert!((4..=7).contains(&asked), "at most one each 500 ms: {asked}");
}

#[test]
fn wishes_of_both_shards_are_one() {
    let (mut world, alice, video, peers) = running(3);
    let near = world.join();
    world.run_until_connected(Duration::from_secs(2));
    for peer in peers.iter().chain([&near]) {
        world.subscribe(*peer, video, 11);
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 1);
    peers.iter().chain([&near]).for_each(|peer| world.peer(*peer).want_keyframe(11));
    world.run(Duration::from_secs(1));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 2);
}
