//! Publishers probe for bandwidth with packets of nothing but padding: subscribers see neither a gap nor the probe's weight.

use core::time::Duration;
use corelay_sim::{Source, World};
use corelay_wire::media::Codec;

#[test]
fn padding_only_packets_leave_no_gap() {
    for (seed, codec) in [(1, Codec::Vp8), (2, Codec::Vp9), (3, Codec::H264), (4, Codec::Av1)] {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(), world.join());
        let video = world.publish(alice, Source::new(codec, 11));
        world.subscribe(bob, video, 11);
        world.run_until_connected(Duration::from_secs(2));
        for _ in 0..10 {
            world.run(Duration::from_millis(200));
            world.peer(alice).source(11).pad(7);
        }
        world.run(Duration::from_secs(1));
        let stream = world.received(bob, 11);
        assert_eq!((stream.gaps(), stream.padding.len()), (0, 70), "{codec:?}");
        stream.assert_no_repeats();
        stream.assert_timeline(2);
        assert!(stream.arrivals.len() > 200);
        assert!(world.core.counters().drops.iter().all(|(_, n)| n == 0), "{:?}", world.core.counters().drops);
        // To the publisher they are packets like others.
        assert!(world.peer(alice).told.iter().all(|r| r.cumulative_lost == 0));
    }
}

#[test]
fn padding_before_the_first_keyframe_is_kept_from_the_subscriber() {
    let mut world = World::new(5);
    let (alice, bob) = (world.join(), world.join());
    let video = world.publish(alice, Source::new(Codec::Vp8, 11));
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    world.peer(alice).source(11).pad(7);
    world.subscribe(bob, video, 11);
    world.run(Duration::from_secs(1));
    let stream = world.received(bob, 11);
    assert!(stream.arrivals[0].keyframe);
    assert!(stream.padding.iter().all(|s| *s > stream.arrivals[0].sequence));
    assert_eq!(stream.gaps(), 0);
}
