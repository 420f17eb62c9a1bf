//! Telling publishers what arrived allocates nothing once a call is up.

use allocation_counter::measure;
use core::hint::black_box;
use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_sim::camera::CameraSpec;
use corelay_sim::transport_feedback::FeedbackKind;
use corelay_sim::world::{Reception, SERVER};
use corelay_sim::{World, world::PeerId};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

const STEP: Duration = Duration::from_millis(5);

/// Steps of a publisher's packets through the core: what it allocated, and how often it told.
fn run(world: &mut World, publisher: PeerId, now: &mut Instant, steps: u32) -> (u64, u64) {
    let (mut allocations, before) = (0, world.core.counters().feedback_out);
    for _ in 0..steps {
        *now = *now + STEP;
        let (core, peer) = (&mut world.core, &mut world.peers[publisher.0]);
        let source = peer.address;
        for mut bytes in peer.work(*now) {
            let datagram = Datagram { source, local: SERVER.ip(), received: *now, bytes: &mut bytes };
            allocations += measure(|| core.handle_datagram(*now, datagram)).count_total;
        }
        allocations += measure(|| core.handle_timeout(*now)).count_total;
        let mut answers: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut outbox = None;
            allocations += measure(|| outbox = core.poll_transmit(*now)).count_total;
            let Some(outbox) = outbox else { break };
            for run in outbox.runs().filter(|run| run.path.remote == source) {
                answers.extend(run.packets().filter(|p| classify(p) == Some(Protocol::Stun)).map(<[u8]>::to_vec));
            }
        }
        answers.iter_mut().for_each(|answer| peer.receive(*now, answer));
        while let Some(event) = core.poll_event() {
            black_box(event);
        }
    }
    (allocations, world.core.counters().feedback_out - before)
}

#[test]
fn nothing_is_allocated_for_feedback() {
    for kind in [FeedbackKind::TransportWide, FeedbackKind::Remb] {
        let mut world = World::new(1);
        let (publisher, viewer) = (world.join(), world.join());
        let spec = CameraSpec { feedback: kind, ..CameraSpec::simulcast(Codec::Vp8) };
        let track = world.publish_camera(publisher, spec, 1);
        world.view(viewer, track, 1, Reception::default());
        world.run_until_connected(Duration::from_secs(10));
        world.run(Duration::from_secs(2));
        let mut now = world.now();
        run(&mut world, publisher, &mut now, 100);
        let (allocations, told) = run(&mut world, publisher, &mut now, 1_000);
        assert_eq!(allocations, 0, "{kind:?}");
        assert!(told >= 5, "{kind:?}: {told} messages in five seconds");
    }
}
