//! What is told of a participant's media: rates, loss, what was asked for again, and a score that falls when the network gets worse.

use core::time::Duration;
use corelay_core::control::{Command, Event, ParticipantStatistics, Reply, Trace};
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, Source, World};
use corelay_wire::ids::{RequestId, SubscriptionId};
use corelay_wire::media::{Codec, Kind};

fn statistics(world: &mut World, peer: PeerId) -> ParticipantStatistics {
    let (request, participant) = (RequestId(world.id()), world.peers[peer.0].participant);
    match world.command(Command::Statistics { request, participant }) {
        Some(Ok(Reply::Statistics(statistics))) => *statistics,
        other => panic!("statistics: {other:?}"),
    }
}

/// One who sends a camera (11) and a microphone (12), and one who gets both.
fn call(seed: u64) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    let audio = world.publish_microphone(alice, MicrophoneSpec::default(), 12);
    world.run_until_connected(Duration::from_secs(2));
    world.subscribe(bob, video, 11);
    world.listen(bob, audio, 12, Reception::default());
    world.run(Duration::from_secs(5));
    (world, alice, bob)
}

fn scores(world: &World, from: usize, id: SubscriptionId) -> Vec<u8> {
    let score = |(_, event): &(_, Event)| match event {
        Event::SubscriptionScore { subscription, score, .. } if *subscription == id => Some(*score),
        _ => None,
    };
    world.events[from..].iter().filter_map(score).collect()
}

#[test]
fn rates_are_those_of_what_is_sent() {
    let (mut world, alice, bob) = call(1);
    let sent = statistics(&mut world, alice);
    let video = sent.tracks.iter().find(|t| t.kind == Kind::Video).expect("a camera");
    let layer = &video.layers[0];
    // 25 pictures a second of one packet of some 410 bytes and two of some 910.
    let flow = layer.flow.expect("seconds went by");
    assert!((74..=76).contains(&flow.packets_per_second) && (430_000..470_000).contains(&flow.bitrate.0), "{flow:?}");
    assert!((24..=26).contains(&layer.frames_per_second.expect("of a video")), "{layer:?}");
    assert_eq!((layer.lost_permille, layer.score, video.score), (Some(0), Some(10), Some(10)));
    assert!(layer.keyframes >= 1 && layer.jitter.is_some_and(|jitter| jitter < Duration::from_millis(3)));
    let audio = sent.tracks.iter().find(|t| t.kind == Kind::Audio).expect("a microphone");
    assert!(audio.heard && audio.dbov.is_some_and(|dbov| (-42..=-28).contains(&dbov)), "{audio:?}");
    let [transport] = &sent.transports[..] else { panic!("one transport") };
    assert_eq!(transport.received.video, flow);
    assert_eq!((transport.received_lost_permille, transport.sent_lost_permille), (Some(0), None));
    let received = statistics(&mut world, bob);
    for subscription in &received.subscriptions {
        let flow = subscription.flow.expect("seconds went by");
        let expected = if subscription.kind == Kind::Video { 74..=76 } else { 49..=51 };
        assert!(expected.contains(&flow.packets_per_second) && subscription.score == Some(10), "{subscription:?}");
        assert!(subscription.round_trip.is_some_and(|trip| trip < Duration::from_millis(60)), "{subscription:?}");
    }
    assert!(received.transports[0].estimate.is_some(), "it tells of its path");
    assert!(world.core.counters().estimated >= 1 && world.core.counters().estimates_bits > 0);
    let told = |(_, event): &&(_, Event)| matches!(event, Event::TrackScore { .. } | Event::SubscriptionScore { .. });
    assert_eq!(world.events.iter().filter(told).count(), 0, "all is well from the beginning");
}

#[test]
fn a_bad_network_is_told_and_so_is_its_end() {
    let (mut world, alice, bob) = call(2);
    let audio = statistics(&mut world, bob).subscriptions.into_iter().find(|s| s.kind == Kind::Audio).expect("it listens");
    let from = world.events.len();
    world.faults = Faults { loss: 250, ..Faults::default() };
    world.run(Duration::from_secs(10));
    let worse = statistics(&mut world, bob).subscriptions.into_iter().find(|s| s.kind == Kind::Audio).expect("it listens");
    assert!(worse.lost_permille.is_some_and(|lost| (80..=450).contains(&lost)), "{worse:?}");
    assert!(worse.nacked > 20 && worse.resent > 10, "{worse:?}");
    assert!(worse.score < audio.score, "{worse:?}");
    let sent = statistics(&mut world, alice);
    assert!(sent.transports[0].received_lost_permille.is_some_and(|lost| (100..=400).contains(&lost)), "{sent:?}");
    assert!(sent.tracks.iter().all(|track| track.layers[0].nacked > 20 && track.score.is_some_and(|score| score < 10)), "{sent:?}");
    world.faults = Faults::default();
    world.run(Duration::from_secs(5));
    let told = scores(&world, from, audio.subscription);
    assert!(told.iter().any(|score| *score < 9) && told.last().is_some_and(|score| *score >= 9), "{told:?}");
    assert!(told.len() <= 15, "once a second at most: {told:?}");
    assert_eq!(statistics(&mut world, bob).transports[0].sent_lost_permille, Some(0));
}

#[test]
fn a_publisher_that_falls_silent_scores_nothing_until_it_is_paused() {
    let (mut world, alice, bob) = call(3);
    world.peer(alice).source(11).silent = true;
    world.run(Duration::from_secs(4));
    let of_video = |world: &mut World, peer| {
        let all = statistics(world, peer);
        (all.tracks.iter().find(|t| t.kind == Kind::Video).map(|t| (t.score, t.layers[0].live)), all.subscriptions)
    };
    assert_eq!(of_video(&mut world, alice).0, Some((Some(0), false)));
    let video = of_video(&mut world, bob).1.into_iter().find(|s| s.kind == Kind::Video).expect("it watches");
    assert_eq!((video.score, video.flow.map(|flow| flow.packets_per_second)), (None, Some(0)));
    let track = video.track;
    world.pause_track(track, true);
    world.run(Duration::from_secs(2));
    assert_eq!(of_video(&mut world, alice).0, Some((None, false)));
}

#[test]
fn a_trace_tells_of_what_is_lost_and_of_the_path_and_of_nobody_else() {
    let (mut world, alice, bob) = call(4);
    let participant = world.peers[bob.0].participant;
    world.command(Command::Trace { participant, on: true });
    world.faults = Faults { loss: 100, ..Faults::default() };
    let from = world.events.len();
    world.run(Duration::from_secs(10));
    let traces: Vec<Trace> = world.events[from..]
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Trace { participant: p, trace, .. } => {
                assert_eq!(*p, participant);
                Some(*trace)
            }
            _ => None,
        })
        .collect();
    let count = |label| traces.iter().filter(|trace| trace.label() == label).count();
    assert!((3..=30).contains(&count("nack_received")) && count("bwe") >= 1, "{traces:?}");
    assert_eq!((count("nack_sent"), count("keyframe")), (0, 0), "those are of who publishes");
    let participant = world.peers[alice.0].participant;
    world.command(Command::Trace { participant, on: true });
    let from = world.events.len();
    world.peer(alice).source(11).make_keyframe();
    world.run(Duration::from_secs(5));
    let of_alice = |label: &str| {
        let is = |(_, event): &&(_, Event)| matches!(event, Event::Trace { participant: p, trace, .. } if *p == participant && trace.label() == label);
        world.events[from..].iter().filter(is).count()
    };
    assert!(of_alice("nack_sent") >= 2 && of_alice("keyframe") >= 1);
}
