//! What subscribers wish is kept, and told to whoever asks for a participant's statistics.

use core::time::Duration;
use corelay_core::control::{
    Command, Event, ParticipantStatistics, Preferences, Refusal, Reply, SpeakerOptions, SubscriptionStatistics, Trace, Viewport,
    Why,
};
use corelay_core::drop_reason::DropReason;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, SubscriptionId};
use corelay_wire::media::{Codec, Kind};

fn statistics(world: &mut World, peer: PeerId) -> ParticipantStatistics {
    let (request, participant) = (RequestId(world.id()), world.peers[peer.0].participant);
    match world.command(Command::Statistics { request, participant }) {
        Some(Ok(Reply::Statistics(statistics))) => *statistics,
        other => panic!("statistics: {other:?}"),
    }
}

fn of_video(world: &mut World, peer: PeerId) -> SubscriptionStatistics {
    let all = statistics(world, peer).subscriptions;
    all.into_iter().find(|s| s.kind == Kind::Video).expect("it subscribes to a video")
}

fn call(seed: u64) -> (World, PeerId, PeerId, SubscriptionId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let audio = world.publish(alice, Source::new(Codec::Opus, 10));
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    world.subscribe(bob, audio, 10);
    let subscription = world.subscribe(bob, video, 11);
    world.run_until_connected(Duration::from_secs(2));
    (world, alice, bob, subscription)
}

#[test]
fn wishes_are_kept_one_by_one() {
    let (mut world, _, bob, subscription) = call(1);
    assert_eq!(of_video(&mut world, bob).preferences, Preferences::default());
    let viewport = Viewport { width: 640, height: 360 };
    world.command(Command::PreferLayers { subscription, spatial: 1, temporal: 2 });
    world.command(Command::SetPriority { subscription, priority: 0 });
    world.command(Command::SetViewport { subscription, viewport });
    world.command(Command::FollowSpeakers { subscription, follow: true });
    let expected = Preferences { spatial: 1, temporal: 2, priority: 1, viewport, follows_speakers: true };
    assert_eq!(of_video(&mut world, bob).preferences, expected);
    world.command(Command::SetPriority { subscription, priority: 200 });
    assert_eq!(of_video(&mut world, bob).preferences, Preferences { priority: 200, ..expected });
    assert_eq!(world.drops(DropReason::UnknownCommandTarget), 0);
    let strange = SubscriptionId(9_999);
    world.command(Command::PreferLayers { subscription: strange, spatial: 1, temporal: 2 });
    world.command(Command::SetSpeakers { room: RoomId(9_999), options: SpeakerOptions::default() });
    assert_eq!(world.drops(DropReason::UnknownCommandTarget), 2);
}

#[test]
fn who_publishes_and_who_receives_is_told() {
    let (mut world, alice, bob, subscription) = call(2);
    world.run(Duration::from_secs(1));
    let sent = statistics(&mut world, alice);
    assert_eq!((sent.transports.len(), sent.tracks.len(), sent.subscriptions.len()), (1, 2, 0));
    let remote = sent.transports[0].remote.expect("it is connected");
    assert!(remote.private && !remote.ipv6 && sent.transports[0].profile.is_some());
    assert!(sent.tracks.iter().all(|t| t.layers.len() == 1 && t.layers[0].live && t.layers[0].packets > 20), "{sent:?}");
    let received = statistics(&mut world, bob);
    assert_eq!((received.tracks.len(), received.subscriptions.len()), (0, 2));
    let video = of_video(&mut world, bob);
    assert_eq!((video.subscription, video.why, video.paused), (subscription, Why::Best, false));
    assert!(video.packets > 20 && video.current.is_some());
    world.command(Command::PauseSubscription { subscription, paused: true });
    let video = of_video(&mut world, bob);
    assert_eq!((video.why, video.paused, video.current), (Why::Paused, true, None));
    let (request, participant) = (RequestId(world.id()), ParticipantId(9_999));
    let refused = world.command(Command::Statistics { request, participant });
    assert!(matches!(refused, Some(Err(Refusal::Unknown("participants")))), "{refused:?}");
}

#[test]
fn a_trace_tells_of_keyframe_requests_until_it_is_turned_off() {
    let (mut world, alice, bob, subscription) = call(3);
    world.run(Duration::from_secs(2));
    let participant = world.peers[alice.0].participant;
    for on in [true, false] {
        world.command(Command::Trace { participant, on });
        let before = world.events.len();
        world.command(Command::RequestKeyframe { subscription });
        world.run(Duration::from_secs(2));
        let traced = |(_, event): &&(_, Event)| matches!(event, Event::Trace { participant: p, trace: Trace::KeyframeRequested { .. }, .. } if *p == participant);
        assert_eq!(world.events[before..].iter().filter(traced).count(), usize::from(on));
    }
    assert!(world.received(bob, 11).arrivals.len() > 100);
}
