//! Three participants, everyone sees everyone: each in its own numbering, and one who leaves leaves nothing behind.

use core::time::Duration;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

const TAGS: [u32; 3] = [10, 20, 30];

fn call(seed: u64) -> (World, [PeerId; 3]) {
    let mut world = World::new(seed);
    let peers = [world.join(), world.join(), world.join()];
    for (from, tag) in peers.into_iter().zip(TAGS) {
        let audio = world.publish(from, Source::new(Codec::Opus, tag));
        let video = world.publish(from, Source::new(Codec::Vp8, tag + 1));
        for to in peers.into_iter().filter(|to| *to != from) {
            world.subscribe(to, audio, tag);
            world.subscribe(to, video, tag + 1);
        }
    }
    world.run_until_connected(Duration::from_secs(2));
    (world, peers)
}

#[test]
fn everyone_gets_everyone_else() {
    let (mut world, peers) = call(1);
    world.run(Duration::from_secs(4));
    for (peer, own) in peers.into_iter().zip(TAGS) {
        for tag in TAGS.into_iter().filter(|tag| *tag != own) {
            let video = world.received(peer, tag + 1);
            assert!(video.arrivals.len() > 250);
            assert_eq!((video.gaps(), world.received(peer, tag).gaps()), (0, 0));
        }
    }
    let counters = world.core.counters();
    assert!(counters.datagrams_out > counters.runs_out, "packets of a frame leave in runs");
}

#[test]
fn leaving_says_goodbye_and_frees_everything() {
    let (mut world, [alice, bob, carol]) = call(2);
    world.run(Duration::from_secs(3));
    world.leave(alice);
    world.run(Duration::from_secs(2));
    assert!(world.received(bob, 10).goodbye && world.received(carol, 11).goodbye, "streams that end say so");
    assert!(!world.received(bob, 30).goodbye);
    let counters = world.core.counters();
    assert_eq!((counters.participants, counters.transports, counters.tracks, counters.subscriptions), (2, 2, 4, 4));
    world.leave(bob);
    world.leave(carol);
    world.command(corelay_core::control::Command::CloseRoom { room: world.room() });
    let counters = world.core.counters();
    assert_eq!((counters.rooms, counters.participants, counters.transports), (0, 0, 0));
    assert_eq!((counters.tracks, counters.subscriptions, counters.connected), (0, 0, [0; 3]));
    assert_eq!((world.core.timers(), world.core.poll_timeout()), (0, None));
}

#[test]
fn a_slot_is_used_again_by_another_transport() {
    let (mut world, [alice, bob, _]) = call(3);
    world.run(Duration::from_secs(1));
    let old = world.peer(alice).ice.remote.clone();
    world.leave(alice);
    let dave = world.join();
    let audio = world.publish(dave, Source::new(Codec::Opus, 40));
    world.subscribe(bob, audio, 40);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    assert!(world.received(bob, 40).arrivals.len() > 30);
    let before = world.drops(corelay_core::drop_reason::DropReason::StunUnknownUfrag);
    let check = corelay_sim::ice_client::binding_request(&old, "late", 1);
    world.inject(world.peers[alice.0].address, &check);
    assert_eq!(world.drops(corelay_core::drop_reason::DropReason::StunUnknownUfrag), before + 1, "the epoch is another");
}
