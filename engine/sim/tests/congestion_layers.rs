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

fn trace(world: &mut World, to: PeerId, seconds: u64) {
    for s in 0..seconds {
        world.run(Duration::from_secs(1));
        let id = world.peers[to.0].transport_id;
        let estimate = world.core.estimate(id, world.now());
        let now = world.now().as_nanos() / 1_000_000;
        let wait = world.waits(to).iter().rev().take(50).map(|w| w.wait.as_millis()).max();
        eprintln!("{s}: {:?} shown {:?} wait {wait:?} waited {} runs {}", estimate.map(|e| (e.target.0 / 1000, e.acknowledged.map(|a| a.0/1000), e.limit, e.queue)), shown(world, to, now - 1_000, now), world.core.counters().packets_waited, world.core.counters().runs_out);
    }
}

#[test]
fn a_clean_link_gets_everything() {
    for seed in 0..SEEDS {
        let (mut world, to) = call(seed, Way::new(link(0)));
        trace(&mut world, to, 10);
        let now = world.now().as_nanos() / 1_000_000;
        assert_eq!(shown(&world, to, now - 2_000, now).0, Some(2), "seed {seed}");
    }
}

#[test]
fn a_link_that_falls_and_returns() {
    for seed in 0..1 {
        let way = Way::new(link(3_000)).then(Instant::from_millis(20_000), link(500)).then(Instant::from_millis(40_000), link(3_000));
        let (mut world, to) = call(seed, way);
        trace(&mut world, to, 60);
        eprintln!("freezes {:?}", world.peers[to.0].media.viewers[0].screen.freezes);
    }
}
