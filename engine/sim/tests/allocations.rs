//! Nothing is allocated on the packet path once a call is up: a million packets are forwarded, with reports, keyframe requests, consent
//! checks and timers among them, and the allocator is not asked for anything.
//!
//! Takes two seconds, most of them cryptography.

use allocation_counter::measure;
use core::hint::black_box;
use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

const SUBSCRIBERS: usize = 60;
const PACKETS: u64 = 1_000_000;
const STEP: Duration = Duration::from_millis(5);
const VIDEO: u32 = 11;
const AUDIO: u32 = 12;

/// A call of one publisher, and what its core allocated.
struct Call {
    world: World,
    now: Instant,
    allocations: u64,
}

impl Call {
    fn connect() -> Self {
        // A slab that two turns fill: the walk stops and goes on.
        let mut world = World::with_limits(1, Limits { outbox_bytes: 200_000, ..Limits::default() });
        let publisher = world.join();
        let subscribers: Vec<PeerId> = (0..SUBSCRIBERS).map(|_| world.join()).collect();
        let mut video = Source::new(Codec::Vp8, VIDEO);
        video.packets_per_frame = 9;
        let tracks = [(world.publish(publisher, video), VIDEO), (world.publish(publisher, Source::new(Codec::Opus, AUDIO)), AUDIO)];
        for subscriber in subscribers {
            for (track, tag) in tracks {
                world.subscribe(subscriber, track, tag);
            }
        }
        world.run_until_connected(Duration::from_secs(10));
        world.run(Duration::from_secs(2));
        let now = world.now();
        Self { world, now, allocations: 0 }
    }

    /// One turn of a shard: what the peers have to say, what is due, what is to be sent.
    fn step(&mut self) {
        self.now = self.now + STEP;
        let now = self.now;
        let Self { world, allocations, .. } = self;
        let (core, peers) = (&mut world.core, &mut world.peers);
        for peer in peers.iter_mut() {
            let source = peer.address;
            for mut bytes in peer.work(now) {
                let datagram = Datagram { source, local: SERVER.ip(), received: now, bytes: &mut bytes };
                measured(allocations, || core.handle_datagram(now, datagram));
            }
        }
        measured(allocations, || core.handle_timeout(now));
        while let Some(outbox) = measured(allocations, || core.poll_transmit(now)) {
            for run in outbox.runs() {
                // Answers to checks keep the peers checking; media needs nobody to open it.
                for stun in run.packets().filter(|p| classify(p) == Some(Protocol::Stun)) {
                    let peer = peers.iter_mut().find(|p| p.address == run.path.remote).expect("a peer");
                    peer.receive(now, &mut stun.to_vec());
                }
            }
        }
        while let Some(event) = measured(allocations, || core.poll_event()) {
            black_box(event);
        }
    }
}

/// Counts the allocations of `work`.
fn measured<T>(allocations: &mut u64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    *allocations += measure(|| result = Some(work())).count_total;
    result.expect("the work was done")
}

#[test]
fn a_million_packets_are_forwarded_without_an_allocation() {
    let mut call = Call::connect();
    for _ in 0..100 {
        call.step();
    }
    call.allocations = 0;
    let before = call.world.core.counters().clone();
    let mut steps = 0;
    while call.world.core.counters().packets_out - before.packets_out < PACKETS {
        call.step();
        steps += 1;
        assert!(steps < 20_000, "packets flow");
        if steps % 300 == 0 {
            let peer = 1 + steps / 300 % SUBSCRIBERS;
            call.world.peers[peer].want_keyframe(VIDEO);
        }
    }
    assert_eq!(call.allocations, 0);
    let after = call.world.core.counters();
    assert!(after.keyframe_requests_in > before.keyframe_requests_in, "subscribers asked for keyframes");
    assert!(after.keyframe_requests_out > before.keyframe_requests_out, "and the publisher was asked");
    assert!(after.drops.iter().eq(before.drops.iter()), "{:?}", after.drops);
    assert_eq!(after.connected, before.connected, "consent was renewed");
    let run = (after.datagrams_out - before.datagrams_out) / (after.runs_out - before.runs_out);
    assert!(run >= 3, "a picture leaves as two runs, its first packet being short: {run}");
}
