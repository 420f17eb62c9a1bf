//! The same seed gives the same run, whatever the keys; another seed gives another.
//!
//! The handshake runs over a perfect link: the DTLS engine varies the time of a repetition by a random source of its own.

use core::time::Duration;
use corelay_sim::{Faults, Source, World};
use corelay_wire::media::Codec;

fn trace(seed: u64) -> u64 {
    let mut world = World::new(seed);
    let peers = [world.join(), world.join(), world.join()];
    let video = world.publish(peers[0], Source::new(Codec::Vp8, 11));
    world.subscribe(peers[1], video, 11);
    world.subscribe(peers[2], video, 11);
    world.run_until_connected(Duration::from_secs(2));
    world.faults = Faults { jitter: Duration::from_millis(30), reorder: true, loss: 50, ..Faults::default() };
    world.run(Duration::from_secs(10));
    assert!(world.received(peers[1], 11).arrivals.len() > 300);
    world.trace()
}

#[test]
fn the_same_seed_is_the_same_run() {
    let first = trace(42);
    assert_eq!(first, trace(42));
    assert_ne!(first, trace(43));
}
