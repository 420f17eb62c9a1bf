//! Bursts of joins, and floods of handshakes that never end, against a shard that forwards: nobody's handshake waits for a
//! retransmission, and the media for no more than a few handshakes at once.

use core::time::Duration;
use corelay_core::control::TransportState;
use corelay_core::datagram::Datagram;
use corelay_core::drop_reason::DropReason;
use corelay_core::timer::Timer;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

/// A call that forwards, in which the others join.
fn call(seed: u64) -> (World, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let track = world.publish(alice, Source::new(Codec::Vp8, 10));
    world.subscribe(bob, track, 10);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    (world, bob)
}

/// From opening to being connected, in milliseconds.
fn took(world: &World, peer: PeerId) -> Option<u128> {
    world.states(peer).into_iter().find_map(|state| match state {
        TransportState::Connected { after, .. } => Some(after.as_millis()),
        _ => None,
    })
}

/// Without a retransmission: an engine sends a flight again after 75 ms at the earliest, and only then would it take longer than this.
fn assert_prompt(world: &World, peers: &[PeerId]) {
    for peer in peers {
        let took = took(world, *peer);
        assert!(took.is_some_and(|ms| ms <= 110), "{peer:?}: {took:?}");
    }
}

#[test]
fn five_hundred_joins_a_second_connect_without_a_retransmission() {
    let (mut world, bob) = call(1);
    let peers: Vec<_> = (0..60)
        .map(|_| {
            world.run(Duration::from_millis(2));
            world.join()
        })
        .collect();
    world.run(Duration::from_secs(1));
    assert_prompt(&world, &peers);
    assert_eq!((world.drops(DropReason::DtlsBusy), world.received(bob, 10).gaps()), (0, 0));
}

#[test]
fn joins_of_one_moment_connect_without_a_retransmission() {
    let (mut world, bob) = call(2);
    let peers: Vec<_> = (0..60).map(|_| world.join()).collect();
    world.run(Duration::from_secs(1));
    assert_prompt(&world, &peers);
    assert_eq!((world.drops(DropReason::DtlsBusy), world.received(bob, 10).gaps()), (0, 0));
}

/// What looks like the beginning of a handshake: an unfinished ClientHello of its own number.
fn hello(n: u8) -> Vec<u8> {
    let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, n, 0, 20];
    record.extend([1, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 8]);
    record.extend([n; 8]);
    record
}

#[test]
fn a_flood_from_many_keeps_nobody_out() {
    let (mut world, _) = call(3);
    let hostile: Vec<_> = (0..30).map(|_| world.join()).collect();
    // Their checks have arrived, their own handshakes have not begun.
    world.run(Duration::from_millis(25));
    let sources: Vec<_> = hostile.iter().map(|peer| world.peer(*peer).address).collect();
    hostile.iter().for_each(|peer| world.peer(*peer).asleep = true);
    let honest = [world.join(), world.join()];
    for n in 0..200 {
        for source in &sources {
            (0..20).for_each(|k| world.inject(*source, &hello((n + k) as u8)));
        }
        world.run(Duration::from_millis(1));
    }
    assert_prompt(&world, &honest);
}

#[test]
fn a_turn_takes_a_few_and_the_owner_is_asked_to_go_on() {
    let (mut world, _) = call(4);
    let peers: Vec<_> = (0..10).map(|_| world.join()).collect();
    world.run(Duration::from_millis(25));
    let now = world.now();
    for peer in &peers {
        let source = world.peer(*peer).address;
        for n in 0..3 {
            world.core.handle_datagram(now, Datagram { source, local: SERVER.ip(), received: now, bytes: &mut hello(n) });
        }
    }
    let mut turns = 0;
    while world.core.poll_timeout().is_some_and(|(_, timer)| timer == Timer::Handshakes) {
        world.core.handle_timeout(now);
        while world.core.poll_transmit(now).is_some() {}
        turns += 1;
    }
    assert_eq!(turns, 30_usize.div_ceil(8));
    assert_eq!(world.drops(DropReason::DtlsBusy), 0);
}
