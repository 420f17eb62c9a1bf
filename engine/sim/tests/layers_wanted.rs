//! Publishers learn which streams anybody wants, and joiners together cost them one keyframe.

use core::time::Duration;
use corelay_core::control::{Command, Event};
use corelay_core::limits::Limits;
use corelay_sim::camera::CameraSpec;
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::Reception;
use corelay_sim::{PeerId, World};
use corelay_wire::media::Codec;

const TAG: u32 = 7;
/// Longer than what nobody wants goes on.
const PATIENCE: Duration = Duration::from_secs(12);
const PLAIN: Reception = Reception { feedback: FeedbackKind::None, rtx: true, nack: true, red: false };

fn told(world: &World) -> Vec<u8> {
    let layers = |(_, event): &(_, Event)| match event {
        Event::LayersWanted { layers, .. } => Some(*layers),
        _ => None,
    };
    world.events.iter().filter_map(layers).collect()
}

#[test]
fn what_nobody_wants_is_told_after_a_while_and_what_somebody_wants_at_once() {
    for (seed, shard) in [(1, 0), (2, 1)] {
        let mut world = World::with_shards(seed, 2);
        let (alice, bob) = (world.join(), world.join_on(shard));
        let track = world.publish_camera(alice, CameraSpec::simulcast(Codec::Vp8), TAG);
        world.run_until_connected(Duration::from_secs(3));
        let subscription = world.view(bob, track, TAG, PLAIN);
        world.run(PATIENCE);
        // Without a size that it prefers, the subscriber has the largest; the smallest is there to fall back on.
        assert_eq!(told(&world).last(), Some(&0b101), "shard {shard}");
        world.command_to(shard, Command::PreferLayers { subscription, spatial: 1, temporal: u8::MAX });
        world.run(Duration::from_millis(100));
        assert_eq!(told(&world).last(), Some(&0b111), "wanted at once");
        world.run(PATIENCE);
        assert_eq!(told(&world).last(), Some(&0b011));
        world.command_to(shard, Command::Unsubscribe { subscription });
        world.run(PATIENCE);
        assert_eq!(told(&world).last(), Some(&0));
    }
}

#[test]
fn a_hundred_joins_in_one_second_cost_one_keyframe_of_a_stream() {
    let limits = Limits { transports_max: 128, tracks_max: 128, subscriptions_max: 512, ..Limits::default() };
    let mut world = World::with_limits(3, limits);
    let alice = world.join();
    let track = world.publish_camera(alice, CameraSpec::single(Codec::Vp8, 300, 1), TAG);
    let peers: Vec<PeerId> = (0..100).map(|_| world.join()).collect();
    world.run_until_connected(Duration::from_secs(10));
    world.run(Duration::from_secs(2));
    let before = world.peer(alice).media.cameras[0].keyframe_requests;
    for peer in peers.chunks(50) {
        peer.iter().for_each(|peer| _ = world.view(*peer, track, TAG, PLAIN));
        world.run(Duration::from_millis(10));
    }
    world.run(Duration::from_secs(1));
    assert_eq!(world.peer(alice).media.cameras[0].keyframe_requests - before, 1);
    assert!(peers.iter().all(|peer| world.peers[peer.0].media.viewers[0].screen.shown.len() > 20));
}
