//! The publisher begins another stream under the same mid, and moves to another address: subscribers hardly notice.

use core::net::SocketAddr;
use core::time::Duration;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

fn call(seed: u64, announce: bool) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    for (codec, tag) in [(Codec::Opus, 10), (Codec::Vp8, 11)] {
        let mut source = Source::new(codec, tag);
        source.announce_ssrc = announce;
        let track = world.publish(alice, source);
        world.subscribe(bob, track, tag);
    }
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(2));
    (world, alice, bob)
}

#[test]
fn another_ssrc_under_the_same_mid_goes_on_smoothly() {
    for (seed, announce) in [(1, true), (2, false)] {
        let (mut world, alice, bob) = call(seed, announce);
        world.peer(alice).source(10).restart();
        world.peer(alice).source(11).restart();
        world.run(Duration::from_secs(2));
        for (tag, least) in [(10, 180), (11, 250)] {
            let stream = world.received(bob, tag);
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            stream.assert_timeline(3);
            assert!(stream.arrivals.len() > least);
        }
    }
}

#[test]
fn an_authenticated_check_moves_the_path_and_nothing_else_does() {
    let (mut world, alice, bob) = call(3, true);
    let elsewhere = SocketAddr::from(([10, 9, 9, 9], 9_999));
    let before = world.received(bob, 10).arrivals.len();
    let now = world.now();
    world.peer(alice).move_to(now, elsewhere);
    world.run(Duration::from_secs(2));
    let stream = world.received(bob, 10);
    assert!(stream.arrivals.len() > before + 90);
    // Media that left the new address ahead of the check's arrival has no claim to be heard.
    assert!(stream.gaps() <= 2);
    assert_eq!(world.states(alice).len(), 3, "no state changed");
}
