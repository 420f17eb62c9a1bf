//! What a transport gets of one turn leaves in as few runs as its sizes allow, and what comes in between two hand-overs waits for the
//! next walk.

use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

/// One-packet pictures of four codecs, 408 to 419 bytes long, and audio of 69.
const VIDEO: [(Codec, u32); 4] = [(Codec::Vp8, 11), (Codec::Vp9, 12), (Codec::H264, 13), (Codec::Av1, 14)];
const AUDIO: (Codec, u32) = (Codec::Opus, 15);

fn call(world: &mut World, subscribers: usize) -> Vec<PeerId> {
    let publisher = world.join();
    let subscribers: Vec<PeerId> = (0..subscribers).map(|_| world.join()).collect();
    for (codec, tag) in VIDEO.into_iter().chain([AUDIO]) {
        let mut source = Source::new(codec, tag);
        source.packets_per_frame = 1;
        let track = world.publish(publisher, source);
        for subscriber in &subscribers {
            world.subscribe(*subscriber, track, tag);
        }
    }
    world.run_until_connected(Duration::from_secs(5));
    subscribers
}

#[test]
fn tracks_of_a_turn_share_a_run_and_padding_is_taken_off() {
    let mut world = World::new(1);
    let bob = call(&mut world, 1)[0];
    world.run(Duration::from_secs(1));
    let before = world.core.counters().clone();
    world.run(Duration::from_secs(10));
    let after = world.core.counters();
    let (packets, runs) = (after.packets_out - before.packets_out, after.runs_out - before.runs_out);
    // A picture of each every 40 ms, audio every 20 ms: 6 packets in 2 runs, the audio packet behind the pictures. Both sides report.
    assert!(packets >= 1_490, "{packets}");
    assert!(runs <= 500 + 40, "{packets} packets in {runs} runs");
    for (_, tag) in VIDEO.into_iter().chain([AUDIO]) {
        // What arrived was compared with what was published, byte for byte.
        let stream = world.received(bob, tag);
        assert_eq!(stream.gaps(), 0);
        stream.assert_no_repeats();
        stream.assert_reports(2);
        assert!(stream.arrivals.len() >= 250, "{}", stream.arrivals.len());
    }
}

/// Nothing is in flight: from here on, datagrams are handed over by hand.
fn land(world: &mut World) -> Instant {
    world.run(Duration::from_secs(1));
    world.peers[0].sources.iter_mut().for_each(|s| s.silent = true);
    world.run(Duration::from_secs(1));
    world.peers[0].sources.iter_mut().for_each(|s| s.silent = false);
    world.now()
}

/// Takes in what the peers have to say, and does what is due.
fn work(world: &mut World, now: Instant) {
    for at in 0..world.peers.len() {
        let source = world.peers[at].address;
        for mut bytes in world.peers[at].work(now) {
            let datagram = Datagram { source, local: SERVER.ip(), received: now, bytes: &mut bytes };
            world.core.handle_datagram(now, datagram);
        }
    }
    world.core.handle_timeout(now);
}

/// Sends one hand-over; tells whether there was one, and how many copies it told of.
fn hand_over(world: &mut World, now: Instant) -> Option<u64> {
    let outbox = world.core.poll_transmit(now)?;
    let copies = outbox.forwarded().iter().map(|f| u64::from(f.copies)).sum();
    assert!(outbox.forwarded().iter().all(|f| f.received <= now && f.copies > 0));
    for run in outbox.runs() {
        assert_eq!(run.packets().count(), run.count);
        let peer = world.peers.iter_mut().find(|p| p.address == run.path.remote).expect("a peer");
        run.packets().for_each(|packet| peer.receive(now, &mut packet.to_vec()));
    }
    Some(copies)
}

#[test]
fn what_arrives_while_a_walk_waits_is_the_next_walks() {
    let mut world = World::with_limits(7, Limits { outbox_runs: 3, ..Limits::default() });
    let subscribers = call(&mut world, 5);
    let (mut now, mut copies) = (land(&mut world), 0);
    let before = world.core.counters().clone();
    let mut waited = 0;
    for _ in 0..2_000 {
        now = now + Duration::from_millis(5);
        work(&mut world, now);
        // One hand-over of three runs is not enough for five subscribers: more arrives before the walk is over.
        copies += hand_over(&mut world, now).unwrap_or(0);
        waited += usize::from(hand_over(&mut world, now).map(|c| copies += c).is_some());
    }
    while let Some(more) = hand_over(&mut world, now) {
        copies += more;
    }
    assert!(waited > 100, "walks had to wait: {waited}");
    assert_eq!(world.core.counters().packets_out - before.packets_out, copies, "each copy was told of once");
    for subscriber in subscribers {
        for (_, tag) in VIDEO.into_iter().chain([AUDIO]) {
            let stream = world.received(subscriber, tag);
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            assert!(stream.arrivals.len() >= 250);
        }
    }
    assert!(world.core.counters().drops.iter().eq(before.drops.iter()), "{:?}", world.core.counters().drops);
}

#[test]
fn a_track_that_ends_while_a_walk_waits_takes_nothing_with_it() {
    let mut world = World::with_limits(3, Limits { outbox_runs: 2, ..Limits::default() });
    let subscribers = call(&mut world, 5);
    let mut now = land(&mut world);
    for round in 0..200 {
        now = now + Duration::from_millis(5);
        work(&mut world, now);
        hand_over(&mut world, now);
        if round == 100 {
            let subscription = world.received(subscribers[4], VIDEO[0].1).subscription;
            world.core.handle_command(now, corelay_core::control::Command::Unsubscribe { subscription });
            let participant = world.peers[subscribers[3].0].participant;
            world.core.handle_command(now, corelay_core::control::Command::Leave { participant });
        }
        while hand_over(&mut world, now).is_some() {}
    }
    assert_eq!(world.received(subscribers[2], AUDIO.1).gaps(), 0);
    assert_eq!(world.received(subscribers[4], VIDEO[1].1).gaps(), 0);
    assert!(world.received(subscribers[4], VIDEO[0].1).goodbye);
}
