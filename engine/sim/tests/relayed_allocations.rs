//! Nothing is allocated for a relayed packet, on the shard that it leaves and on the shard that it reaches.

use allocation_counter::measure;
use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_core::relay::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use corelay_sim::shards::Shards;
use corelay_sim::{Source, World};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::media::Codec;

const PACKETS: u64 = 100_000;
const STEP: Duration = Duration::from_millis(5);
const MESSAGE_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;
/// More than a turn has.
const MESSAGES_MAX: usize = 64;

/// What one shard told the other in a turn.
struct Ring {
    messages: Vec<[u8; MESSAGE_BYTES_MAX]>,
    lens: Vec<usize>,
}

fn call() -> World {
    let mut world = World::with_shards(1, 2);
    let (alice, bob) = (world.join_on(0), world.join_on(1));
    let mut video = Source::new(Codec::Vp8, 11);
    video.packets_per_frame = 9;
    let tracks = [(world.publish(alice, video), 11), (world.publish(alice, Source::new(Codec::Opus, 10)), 10)];
    for (track, tag) in tracks {
        world.subscribe(bob, track, tag);
    }
    world.run_until_connected(Duration::from_secs(5));
    world.run(Duration::from_secs(2));
    world
}

/// Takes what `from` has for the other shard there; gives how often either allocated.
fn relay(world: &mut World, from: usize, now: corelay_wire::units::Instant, ring: &mut Ring) -> u64 {
    ring.lens.clear();
    let core = world.core_of(from);
    let leaving = measure(|| {
        core.poll_relay(now, |parcel| {
            let message = &mut ring.messages[ring.lens.len()];
            message[..parcel.head.len()].copy_from_slice(parcel.head);
            message[parcel.head.len()..][..parcel.body.len()].copy_from_slice(parcel.body);
            ring.lens.push(parcel.head.len() + parcel.body.len());
            Ok(())
        });
    });
    let id = world.shards.id(from);
    let core = world.core_of(1 - from);
    let reaching = measure(|| {
        for (message, len) in ring.messages.iter().zip(&ring.lens) {
            core.handle_relay(now, id, &message[..*len]);
        }
    });
    leaving.count_total + reaching.count_total
}

fn step(world: &mut World, now: corelay_wire::units::Instant, ring: &mut Ring) -> u64 {
    for at in 0..world.peers.len() {
        let shard = world.shards.home(at);
        let source = world.peers[at].address;
        for mut bytes in world.peers[at].work(now) {
            let datagram = Datagram { source, local: Shards::address(shard).ip(), received: now, bytes: &mut bytes };
            world.core_of(shard).handle_datagram(now, datagram);
        }
        world.core_of(shard).handle_timeout(now);
    }
    let mut allocations = 0;
    for from in 0..2 {
        allocations += relay(world, from, now, ring);
    }
    for shard in 0..2 {
        let mut answers = Vec::new();
        let core = world.core_of(shard);
        while let Some(outbox) = core.poll_transmit(now) {
            let stun = |run: &corelay_core::outbox::Run<'_>| classify(run.bytes) == Some(Protocol::Stun);
            answers.extend(outbox.runs().filter(stun).map(|run| (run.path.remote, run.bytes.to_vec())));
        }
        while core.poll_event().is_some() {}
        for (to, mut bytes) in answers {
            let peer = world.peers.iter_mut().find(|p| p.address == to).expect("a peer");
            peer.receive(now, &mut bytes);
        }
    }
    allocations
}

#[test]
fn a_hundred_thousand_packets_cross_without_an_allocation() {
    let mut world = call();
    let mut ring = Ring { messages: vec![[0; MESSAGE_BYTES_MAX]; MESSAGES_MAX], lens: Vec::with_capacity(MESSAGES_MAX) };
    let (mut now, before) = (world.now(), world.counters(1).relayed_in);
    let mut allocations = 0;
    while world.counters(1).relayed_in - before < PACKETS {
        now = now + STEP;
        allocations += step(&mut world, now, &mut ring);
    }
    assert_eq!(allocations, 0);
    assert!(world.counters(1).packets_out >= PACKETS, "and they are forwarded there");
    assert!(world.counters(1).connected.iter().sum::<u64>() == 1, "to somebody who is still there");
}
