//! Redundant audio passes to whoever understands it, under their payload types; others get the present block of each packet.

use core::time::Duration;
use corelay_core::drop_reason::DropReason;
use corelay_sim::{Source, World};
use corelay_wire::media::Codec;

#[test]
fn who_knows_it_gets_it_and_who_does_not_gets_opus() {
    let mut world = World::new(1);
    let (alice, bob, carol) = (world.join(), world.join(), world.join());
    let audio = world.publish(alice, Source::new(Codec::Red, 10));
    world.subscribe(bob, audio, 10);
    world.subscribe_as(carol, audio, 10, Codec::Opus);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    for peer in [bob, carol] {
        // Payloads are compared to the byte as they arrive.
        world.assert_whole(peer, 10, 90);
    }
    assert!(world.core.counters().drops.iter().all(|(_, n)| n == 0), "{:?}", world.core.counters().drops);
}

#[test]
fn packets_for_both_share_runs_and_are_padded() {
    let mut world = World::new(2);
    let (alice, bob, carol) = (world.join(), world.join(), world.join());
    for tag in [10, 11, 12] {
        let codec = if tag == 11 { Codec::Red } else { Codec::Opus };
        let audio = world.publish(alice, Source::new(codec, tag));
        world.subscribe(bob, audio, tag);
        world.subscribe_as(carol, audio, tag, Codec::Opus);
    }
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    for (peer, tag) in [bob, carol].into_iter().flat_map(|peer| [10, 11, 12].map(|tag| (peer, tag))) {
        world.assert_whole(peer, tag, 90);
    }
}

/// Browsers that protect video by FlexFEC or ULPFEC were not offered it; one that sends it nevertheless harms nobody.
#[test]
fn forward_error_correction_that_nobody_asked_for_breaks_nothing() {
    for (seed, codec) in [(3, Codec::Vp8), (4, Codec::H264), (5, Codec::Opus)] {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(), world.join());
        let track = world.publish(alice, Source::new(codec, 11));
        world.subscribe(bob, track, 11);
        world.run_until_connected(Duration::from_secs(2));
        for _ in 0..10 {
            world.run(Duration::from_millis(200));
            world.peer(alice).source(11).protect(3);
        }
        world.run(Duration::from_secs(1));
        let stream = world.received(bob, 11);
        assert_eq!(stream.gaps(), 0, "{codec:?}");
        stream.assert_no_repeats();
        stream.assert_timeline(2);
        assert!(stream.arrivals.len() > 140);
        assert_eq!(world.drops(DropReason::UnknownPayloadType), 30);
        assert_eq!(world.core.counters().nacks_out, 0, "it is not taken for loss");
        assert!(world.peer(alice).told.iter().all(|r| r.cumulative_lost == 0));
    }
}
