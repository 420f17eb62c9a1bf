//! A late joiner has a picture quickly, and many of them cost the publisher one keyframe.

use core::time::Duration;
use corelay_core::control::Command;
use corelay_sim::{Faults, PeerId, Source, World};
use corelay_wire::ids::TrackId;
use corelay_wire::media::Codec;

fn running(seed: u64, joiners: usize) -> (World, PeerId, TrackId, Vec<PeerId>) {
    running_with(seed, joiners, Source::new(Codec::Vp8, 11))
}

fn running_with(seed: u64, joiners: usize, source: Source) -> (World, PeerId, TrackId, Vec<PeerId>) {
    let mut world = World::new(seed);
    let alice = world.join();
    let video = world.publish(alice, source);
    let peers = (0..joiners).map(|_| world.join()).collect();
    world.run_until_connected(Duration::from_secs(3));
    world.run(Duration::from_secs(2));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 0, "nobody asked");
    (world, alice, video, peers)
}

#[test]
fn a_burst_of_joiners_makes_one_request() {
    let (mut world, alice, video, peers) = running(1, 12);
    let joined = world.now();
    for peer in &peers {
        world.subscribe(*peer, video, 11);
    }
    world.run(Duration::from_secs(3));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 1);
    for peer in peers {
        let first = world.received(peer, 11).arrivals[0];
        assert!(first.keyframe, "what came before the keyframe was not sent");
        assert!(first.at.since(joined) < Duration::from_millis(100), "{:?}", first.at.since(joined));
        assert_eq!(world.received(peer, 11).gaps(), 0);
    }
    assert_eq!(world.core.counters().keyframe_requests_out, 1);
}

#[test]
fn requests_of_subscribers_are_merged_and_throttled() {
    let (mut world, alice, video, peers) = running(2, 3);
    for peer in &peers {
        world.subscribe(*peer, video, 11);
    }
    world.run(Duration::from_secs(2));
    let before = world.peer(alice).source(11).keyframe_requests;
    for _ in 0..20 {
        peers.iter().for_each(|p| world.peer(*p).want_keyframe(11));
        world.run(Duration::from_millis(100));
    }
    world.run(Duration::from_secs(1));
    let asked = world.peer(alice).source(11).keyframe_requests - before;
    assert!((4..=5).contains(&asked), "60 wishes in 2 s, one request each 500 ms: {asked}");
}

#[test]
fn a_lost_request_is_repeated() {
    let (mut world, alice, video, peers) = running(3, 1);
    world.faults = Faults { loss: 1000, ..Faults::default() };
    world.subscribe(peers[0], video, 11);
    world.run(Duration::from_millis(300));
    world.faults = Faults::default();
    world.run(Duration::from_millis(700));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 1);
    assert!(world.received(peers[0], 11).arrivals[0].keyframe);
}

#[test]
fn signaling_may_ask_too() {
    let (mut world, alice, video, peers) = running(4, 1);
    let subscription = world.subscribe(peers[0], video, 11);
    world.run(Duration::from_secs(1));
    world.command(Command::RequestKeyframe { subscription });
    world.run(Duration::from_millis(100));
    assert_eq!(world.peer(alice).source(11).keyframe_requests, 2);
}

#[test]
fn fir_of_subscribers_reaches_the_publisher_once_as_what_it_understands() {
    for (seed, announce_pli, fir) in [(5, true, vec![]), (6, false, vec![1, 2])] {
        let mut source = Source::new(Codec::Vp8, 11);
        source.announce_pli = announce_pli;
        let (mut world, alice, video, peers) = running_with(seed, 3, source);
        for peer in &peers {
            world.subscribe(*peer, video, 11);
        }
        world.run(Duration::from_secs(2));
        assert_eq!(world.peer(alice).source(11).keyframe_requests, 1, "for the joiners");
        peers.iter().for_each(|p| world.peer(*p).want_keyframe_by_fir(11));
        world.run(Duration::from_secs(2));
        let source = world.peer(alice).source(11);
        assert_eq!((source.keyframe_requests, &source.fir_sequences), (2, &fir), "one more for all three");
        let keyframes = |p: &PeerId| world.received(*p, 11).arrivals.iter().filter(|a| a.keyframe).count();
        assert!(peers.iter().all(|p| keyframes(p) == 2));
    }
}
