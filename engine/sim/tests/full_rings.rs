//! A shard that does not read its rings: packets for it are lost and counted, nothing else is, and the picture comes back.

use core::time::Duration;
use corelay_core::control::Command;
use corelay_core::drop_reason::DropReason;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

fn call(seed: u64, capacity: usize) -> (World, PeerId, PeerId) {
    let mut world = World::with_shards(seed, 2);
    world.shards.rings.capacity = capacity;
    let (alice, bob) = (world.join_on(0), world.join_on(1));
    for (codec, tag) in [(Codec::Opus, 10), (Codec::Vp8, 11)] {
        let track = world.publish(alice, Source::new(codec, tag));
        world.subscribe(bob, track, tag);
    }
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    (world, alice, bob)
}

#[test]
fn overflow_is_counted_and_ends_with_a_keyframe() {
    let (mut world, alice, bob) = call(1, 40_000);
    assert_eq!(world.drops_of(0, DropReason::RelayFull), 0);
    let asked = world.peer(alice).source(11).keyframe_requests;
    world.stall(1, true);
    world.run(Duration::from_secs(2));
    let lost = world.drops_of(0, DropReason::RelayFull);
    assert!(lost > 100, "{lost}");
    world.stall(1, false);
    let resumed = world.now();
    world.run(Duration::from_secs(2));
    assert_eq!(world.drops_of(0, DropReason::RelayFull), lost, "it is over");
    assert!(world.peer(alice).source(11).keyframe_requests > asked, "nobody on the other shard had to ask");
    let video = world.received(bob, 11);
    assert!(video.gaps() > 50, "what was lost is a gap: the receiver sees it");
    let keyframe = video.arrivals.iter().find(|a| a.keyframe && a.at >= resumed).expect("the picture comes back");
    assert!(keyframe.at.since(resumed) < Duration::from_millis(1_100), "{:?}", keyframe.at.since(resumed));
    let after = video.arrivals.iter().filter(|a| a.at > keyframe.at).map(|a| a.sequence);
    assert!(after.clone().zip(after.skip(1)).all(|(a, b)| b == a + 1), "and is whole from there on");
    world.received(bob, 10).assert_no_repeats();
    assert_eq!(lost as usize, video.gaps() + world.received(bob, 10).gaps(), "each is counted once");
}

#[test]
fn what_is_asked_for_waits_for_room() {
    let (mut world, alice, bob) = call(2, 1_000);
    // Its own shard does not read: nothing that the other asks arrives.
    world.stall(0, true);
    let ids: Vec<_> = world.peers[bob.0].received.iter().map(|r| r.subscription).collect();
    let due: Vec<bool> = (0..102)
        .map(|round| {
            let paused = round % 2 == 1;
            for subscription in ids.iter().copied() {
                world.command_to(1, Command::PauseSubscription { subscription, paused });
            }
            world.core_of(1).has_relay_due()
        })
        .collect();
    assert!(!due[3] && due[100] != due[101], "the ring is full, and one of both states is what was told last: {:?}", &due[98..]);
    world.stall(0, false);
    world.run(Duration::from_secs(1));
    let before = world.counters(0).relayed_out;
    world.run(Duration::from_secs(1));
    assert_eq!(world.counters(0).relayed_out, before, "the last that was asked for is what is done");
    assert!(!world.core_of(1).has_relay_due());
    for subscription in ids {
        world.command_to(1, Command::PauseSubscription { subscription, paused: false });
    }
    let (resumed, _) = (world.now(), alice);
    world.run(Duration::from_secs(1));
    let back = world.received(bob, 11).arrivals.iter().find(|a| a.at > resumed).expect("it goes on");
    assert!(back.keyframe);
}
