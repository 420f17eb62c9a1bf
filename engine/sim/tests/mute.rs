//! Pauses of the track, of the subscription and of the publisher itself: the receiver's sequence has no hole and its time goes on.

use core::time::Duration;
use corelay_core::control::Command;
use corelay_core::drop_reason::DropReason;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::ids::{SubscriptionId, TrackId};
use corelay_wire::media::Codec;

struct Call {
    world: World,
    alice: PeerId,
    bob: PeerId,
    tracks: [TrackId; 2],
    subscriptions: [SubscriptionId; 2],
}

fn call(seed: u64) -> Call {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let audio = world.publish(alice, Source::new(Codec::Opus, 10));
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    let subscriptions = [world.subscribe(bob, audio, 10), world.subscribe(bob, video, 11)];
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    Call { world, alice, bob, tracks: [audio, video], subscriptions }
}

fn assert_smooth(call: &Call, requests: u32) {
    for tag in [10, 11] {
        let stream = call.world.received(call.bob, tag);
        assert_eq!(stream.gaps(), 0, "what was not sent was not lost");
        stream.assert_no_repeats();
        stream.assert_timeline(25);
        stream.assert_reports(50);
        let quiet = stream.arrivals.windows(2).find(|w| w[1].at.since(w[0].at) > Duration::from_secs(2)).expect("a pause");
        assert!(tag == 10 || requests == 0 || quiet[1].keyframe, "a picture goes on with a keyframe");
        assert!(stream.arrivals.len() > 150, "it goes on");
    }
}

#[test]
fn a_paused_track() {
    let mut call = call(1);
    for paused in [true, false] {
        for track in call.tracks {
            call.world.command(Command::PauseTrack { track, paused });
        }
        call.world.run(Duration::from_secs(3));
    }
    assert!(call.world.drops(DropReason::TrackPaused) > 300);
    assert_smooth(&call, 1);
    assert!(call.world.peer(call.alice).source(11).keyframe_requests >= 1);
}

#[test]
fn a_paused_subscription() {
    let mut call = call(2);
    for paused in [true, false] {
        for subscription in call.subscriptions {
            call.world.command(Command::PauseSubscription { subscription, paused });
        }
        call.world.run(Duration::from_secs(3));
    }
    assert_smooth(&call, 1);
}

#[test]
fn a_silent_publisher() {
    let mut call = call(3);
    for silent in [true, false] {
        for tag in [10, 11] {
            call.world.peer(call.alice).source(tag).silent = silent;
        }
        call.world.run(Duration::from_secs(3));
    }
    assert_smooth(&call, 0);
}

#[test]
fn a_publisher_whose_timestamps_restart_after_a_pause() {
    for (seed, whole_track) in [(4, true), (5, false)] {
        let mut call = call(seed);
        for paused in [true, false] {
            for (track, subscription) in call.tracks.into_iter().zip(call.subscriptions) {
                call.world.command(match whole_track {
                    true => Command::PauseTrack { track, paused },
                    false => Command::PauseSubscription { subscription, paused },
                });
            }
            if paused {
                [10, 11].into_iter().for_each(|tag| call.world.peer(call.alice).source(tag).restart_timestamps());
            }
            call.world.run(Duration::from_secs(3));
        }
        assert_smooth(&call, 1);
    }
}

/// Its own last report is of the old count: it says nothing of the packets that follow. (When the server reports is random.)
#[test]
fn a_publisher_that_was_silent_and_whose_timestamps_restart() {
    for seed in 6..12 {
        let mut call = call(seed);
        for paused in [true, false] {
            for (track, tag) in call.tracks.into_iter().zip([10, 11]) {
                call.world.command(Command::PauseTrack { track, paused });
                let source = call.world.peer(call.alice).source(tag);
                source.silent = paused;
                if !paused {
                    source.restart_timestamps();
                }
            }
            call.world.run(Duration::from_secs(3));
        }
        assert_smooth(&call, 1);
    }
}
