//! A room over several shards: its participants notice nothing of it, and packets cross once, and only where somebody wants them.

use core::time::Duration;
use corelay_core::control::{Command, Refusal};
use corelay_core::drop_reason::DropReason;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::ids::TrackId;
use corelay_wire::media::Codec;

/// Alice on the first shard publishes audio (10) and video (11); one subscriber of both on each shard.
fn broadcast(seed: u64, shards: u16) -> (World, PeerId, [TrackId; 2], Vec<PeerId>) {
    let mut world = World::with_shards(seed, shards);
    let alice = world.join();
    let tracks = [(Codec::Opus, 10), (Codec::Vp8, 11)].map(|(codec, tag)| world.publish(alice, Source::new(codec, tag)));
    let peers: Vec<PeerId> = (0..usize::from(shards)).map(|shard| world.join_on(shard)).collect();
    world.run_until_connected(Duration::from_secs(2));
    for peer in &peers {
        world.subscribe(*peer, tracks[0], 10);
        world.subscribe(*peer, tracks[1], 11);
    }
    (world, alice, tracks, peers)
}

#[test]
fn three_participants_on_two_shards_see_each_other() {
    let mut world = World::with_shards(1, 2);
    let peers = [world.join_on(0), world.join_on(1), world.join_on(1)];
    let tags = [10, 20, 30];
    for (from, tag) in peers.into_iter().zip(tags) {
        let audio = world.publish(from, Source::new(Codec::Opus, tag));
        let video = world.publish(from, Source::new(Codec::Vp8, tag + 1));
        for to in peers.into_iter().filter(|to| *to != from) {
            world.subscribe(to, audio, tag);
            world.subscribe(to, video, tag + 1);
        }
    }
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(4));
    for (peer, own) in peers.into_iter().zip(tags) {
        for tag in tags.into_iter().filter(|tag| *tag != own) {
            world.assert_whole(peer, tag, 180);
            world.assert_whole(peer, tag + 1, 250);
        }
    }
    assert_eq!((world.counters(0).mirrors, world.counters(1).mirrors), (4, 2));
    assert_eq!((world.counters(0).tracks, world.counters(1).tracks), (2, 4));
}

#[test]
fn every_shard_gets_the_same_packets_once() {
    let (mut world, _, _, peers) = broadcast(2, 3);
    let more: Vec<PeerId> = (0..3).map(|_| world.join_on(2)).collect();
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(4));
    let numbers = |world: &World, peer: PeerId, tag| -> Vec<u32> {
        let stream = world.assert_whole(peer, tag, 150);
        stream.arrivals.iter().map(|a| a.number).collect()
    };
    for tag in [10, 11] {
        let here = numbers(&world, peers[0], tag);
        for peer in &peers[1..] {
            let there = numbers(&world, *peer, tag);
            let from = here.iter().position(|n| *n == there[0]).expect("a packet that all got");
            let both = here.len().min(from + there.len());
            assert!(both - from > 140 && here[from..both] == there[..both - from], "{tag} differs on another shard");
        }
    }
    let before = world.counters(2).relayed_in;
    world.run(Duration::from_secs(2));
    let alone = world.counters(2).relayed_in - before;
    for peer in more {
        for (track, tag) in [(10, 10), (11, 11)].map(|(t, tag)| (world.track_of(t), tag)) {
            world.subscribe(peer, track, tag);
        }
    }
    let before = world.counters(2).relayed_in;
    world.run(Duration::from_secs(2));
    let together = world.counters(2).relayed_in - before;
    assert!(alone.abs_diff(together) <= 4, "a packet crosses once, whatever number wants it: {alone} and {together}");
    let crossed: u64 = (1..3).map(|shard| world.counters(shard).relayed_in).sum();
    assert!(world.counters(0).relayed_out - crossed <= 8, "but for those on their way");
}

#[test]
fn nothing_crosses_while_nobody_wants_it() {
    let (mut world, alice, tracks, peers) = broadcast(3, 2);
    world.run(Duration::from_secs(1));
    let relayed = |world: &mut World| {
        world.run(Duration::from_millis(100));
        let before = world.counters(0).relayed_out;
        world.run(Duration::from_secs(1));
        world.counters(0).relayed_out - before
    };
    assert!(relayed(&mut world) > 100);
    let subscriptions: Vec<_> = world.peers[peers[1].0].received.iter().map(|r| r.subscription).collect();
    for paused in [true, false] {
        for subscription in &subscriptions {
            world.command_to(1, Command::PauseSubscription { subscription: *subscription, paused });
        }
        assert_eq!(relayed(&mut world) == 0, paused, "packets for paused subscriptions do not cross");
    }
    world.leave(peers[1]);
    assert_eq!(relayed(&mut world), 0, "the last one left");
    let (late, asked) = (world.join_on(1), world.peer(alice).source(11).keyframe_requests);
    world.subscribe(late, tracks[1], 11);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    assert!(world.assert_whole(late, 11, 100).arrivals[0].keyframe);
    assert!(world.peer(alice).source(11).keyframe_requests > asked);
}

#[test]
fn a_muted_track_is_muted_everywhere_and_goes_on_everywhere() {
    let (mut world, alice, tracks, peers) = broadcast(4, 3);
    world.run(Duration::from_secs(2));
    for paused in [true, false] {
        for track in tracks {
            world.pause_track(track, paused);
        }
        world.run(Duration::from_secs(3));
    }
    for peer in &peers {
        for tag in [10, 11] {
            let stream = world.received(*peer, tag);
            assert_eq!(stream.gaps(), 0, "what was not sent was not lost");
            stream.assert_no_repeats();
            stream.assert_timeline(25);
            stream.assert_reports(50);
            let pause = stream.arrivals.windows(2).find(|w| w[1].at.since(w[0].at) > Duration::from_secs(2)).expect("a pause");
            assert!(tag == 10 || pause[1].keyframe, "a picture goes on with a keyframe");
        }
    }
    assert!(world.peer(alice).source(11).keyframe_requests <= 3, "one for the joiners, one for the pause, for all shards");
}

#[test]
fn who_leaves_and_what_closes_leaves_nothing_behind() {
    let (mut world, alice, tracks, peers) = broadcast(5, 2);
    world.run(Duration::from_secs(2));
    world.close_track(tracks[0]);
    world.run(Duration::from_secs(1));
    assert!(world.received(peers[1], 10).goodbye, "on the other shard as well");
    assert!(!world.received(peers[1], 11).goodbye);
    assert_eq!((world.counters(1).mirrors, world.counters(1).subscriptions), (1, 1));
    world.leave(alice);
    world.close_track(tracks[1]);
    world.run(Duration::from_secs(1));
    assert!(world.received(peers[1], 11).goodbye);
    peers.iter().for_each(|peer| world.leave(*peer));
    world.run(Duration::from_secs(1));
    let room = world.room();
    for shard in 0..2 {
        world.command_to(shard, Command::CloseRoom { room });
        let counters = world.counters(shard);
        assert_eq!((counters.rooms, counters.participants, counters.transports), (0, 0, 0));
        assert_eq!((counters.tracks, counters.mirrors, counters.subscriptions), (0, 0, 0));
        let core = world.core_of(shard);
        assert_eq!((core.timers(), core.poll_timeout(), core.has_relay_due()), (0, None, false));
    }
}

#[test]
fn a_mirror_ends_with_its_room_and_its_track_s_shard_is_told() {
    let (mut world, _, tracks, peers) = broadcast(6, 2);
    world.run(Duration::from_secs(1));
    let room = world.room();
    world.peers[peers[1].0].asleep = true;
    world.command_to(1, Command::CloseRoom { room });
    assert_eq!((world.counters(1).mirrors, world.counters(1).rooms), (0, 0));
    world.run(Duration::from_millis(100));
    let before = world.counters(0).relayed_out;
    world.run(Duration::from_secs(1));
    assert_eq!(world.counters(0).relayed_out, before);
    assert!(world.drops_of(1, DropReason::RelayStray) < 20, "only what crossed the end");
    let reply = world.ask_mirror(1, tracks[0]);
    assert!(matches!(reply, Some(Err(Refusal::Unknown("rooms")))), "{reply:?}");
}

#[test]
fn a_mirror_may_be_asked_for_again_but_not_in_the_place_of_a_track() {
    let (mut world, _, tracks, _) = broadcast(7, 2);
    assert!(matches!(world.ask_mirror(1, tracks[0]), Some(Ok(_))));
    assert_eq!(world.counters(1).mirrors, 2);
    assert!(matches!(world.ask_mirror(0, tracks[0]), Some(Err(Refusal::Exists("track")))));
}

#[test]
fn another_stream_of_the_publisher_goes_on_smoothly_on_each_shard() {
    let (mut world, alice, _, peers) = broadcast(8, 2);
    world.run(Duration::from_secs(2));
    [10, 11].into_iter().for_each(|tag| world.peer(alice).source(tag).restart());
    world.run(Duration::from_secs(2));
    for peer in peers {
        for (tag, least) in [(10, 180), (11, 250)] {
            let stream = world.received(peer, tag);
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            stream.assert_timeline(3);
            stream.assert_reports(50);
            assert!(stream.arrivals.len() > least);
        }
    }
}
