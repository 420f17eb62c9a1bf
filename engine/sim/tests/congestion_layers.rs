//! A subscriber gets the layers that its path carries: down at once when that falls, up again when it returns.

use core::time::Duration;
use corelay_sim::camera::CameraSpec;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::network::{Direction, Faults, Way};
use corelay_sim::world::Reception;
use corelay_sim::{PeerId, World};
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

const SEEDS: u64 = 3;

fn link(kbit: u64) -> Faults {
    Faults { rate: kbit * 1_000, delay: Duration::from_millis(20), queue: Duration::from_millis(400), ..Faults::default() }
}

/// The highest stream that a viewer showed between two times, and how many pictures.
fn shown(world: &World, peer: PeerId, from: u64, to: u64) -> (Option<u8>, usize) {
    let viewer = &world.peers[peer.0].media.viewers[0];
    let (from, to) = (Instant::from_millis(from), Instant::from_millis(to));
    let shown: Vec<u8> = viewer.screen.shown.iter().filter(|s| s.at >= from && s.at < to).map(|s| s.stream).collect();
    (shown.iter().max().copied(), shown.len())
}

/// A camera and a microphone at one peer, watched by another whose downlink is `way`.
fn call(seed: u64, way: Way) -> (World, PeerId) {
    let mut world = World::new(seed);
    let (from, to) = (world.join(), world.join());
    world.run_until_connected(Duration::from_secs(5));
    world.ways.insert((to.0, Direction::Down), way);
    let camera = world.publish_camera(from, CameraSpec::simulcast(Codec::Vp8), 1);
    let microphone = world.publish_microphone(from, MicrophoneSpec::default(), 2);
    world.view(to, camera, 1, Reception::default());
    world.listen(to, microphone, 2, Reception { rtx: false, ..Reception::default() });
    (world, to)
}

#[test]
fn a_clean_link_gets_everything_within_a_second() {
    for seed in 0..SEEDS {
        let (mut world, to) = call(seed, Way::new(link(0)));
        let began = world.now().as_nanos() / 1_000_000;
        world.run(Duration::from_secs(6));
        assert_eq!(shown(&world, to, began + 1_000, began + 6_000).0, Some(2), "seed {seed}");
        assert!(shown(&world, to, began + 2_000, began + 6_000).1 >= 116, "seed {seed}");
        let freezes = &world.peers[to.0].media.viewers[0].screen.freezes;
        assert!(freezes.is_empty(), "seed {seed}: {freezes:?}");
        let estimate = world.core.estimate(world.peers[to.0].transport_id, world.now()).expect("it tells of its path");
        assert!(estimate.target.0 > 2_000_000, "seed {seed}: {estimate:?}");
    }
}

#[test]
fn a_link_that_falls_and_returns_is_followed() {
    for seed in 0..SEEDS {
        let (falls, returns) = (Instant::from_millis(20_000), Instant::from_millis(40_000));
        let (mut world, to) = call(seed, Way::new(link(3_000)).then(falls, link(500)).then(returns, link(3_000)));
        world.run(Duration::from_secs(55));
        assert_eq!(shown(&world, to, 18_000, 20_000).0, Some(2), "seed {seed}");
        let fallen = shown(&world, to, 24_000, 40_000);
        assert!(fallen.0 <= Some(1) && fallen.1 > 220, "seed {seed}: half the frame rate at least, {fallen:?}");
        assert_eq!(shown(&world, to, 50_000, 55_000).0, Some(2), "seed {seed}: back on top within ten seconds");
        let waits = world.waits(to).iter().filter(|w| w.at > Instant::from_millis(24_000)).map(|w| w.wait);
        let (all, long) = (waits.clone().count(), waits.filter(|wait| *wait > Duration::from_millis(200)).count());
        assert!(long * 50 < all, "seed {seed}: no standing queue, {long} of {all}");
    }
}
