//! Garbage, truncated and forged datagrams of every protocol: each is counted by its reason, none moves anything.

use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::datagram::Datagram;
use corelay_core::drop_reason::DropReason;
use corelay_sim::ice_client::binding_request;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;
use rand::{Rng, SeedableRng};

const STRANGER: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 66, 6, 6)), 666);

fn call(seed: u64) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    for (codec, tag) in [(Codec::Opus, 10), (Codec::Vp8, 11)] {
        let track = world.publish(alice, Source::new(codec, tag));
        world.subscribe(bob, track, tag);
    }
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    (world, alice, bob)
}

fn assert_unharmed(mut world: World, alice: PeerId, bob: PeerId) {
    let before = (world.received(bob, 10).arrivals.len(), world.received(bob, 11).arrivals.len());
    world.run(Duration::from_secs(2));
    assert!(world.received(bob, 10).arrivals.len() >= before.0 + 95);
    assert!(world.received(bob, 11).arrivals.len() >= before.1 + 140);
    assert_eq!((world.received(bob, 10).gaps(), world.received(bob, 11).gaps()), (0, 0));
    assert_eq!((world.states(alice).len(), world.states(bob).len()), (3, 3), "no state changed");
}

#[test]
fn each_forgery_has_its_reason() {
    let (mut world, alice, bob) = call(1);
    let (address, credentials) = (world.peer(alice).address, world.peer(alice).ice.remote.clone());
    let mut unknown = credentials.clone();
    unknown.ufrag = arrayvec::ArrayString::from("AAAAAAAAAAAAAAAAAAAA").expect("short");
    let mut guess = credentials.clone();
    guess.password = arrayvec::ArrayString::from("not-the-password-at-all-").expect("short");
    let rtp = [0x80, 111, 35, 1, 0, 0, 0, 1, 0x10, 0, 0, 10].repeat(4);
    let rtcp = [0x80, 201, 0, 1, 0, 0, 0, 1].repeat(5);
    let dtls = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1];
    let cases: [(SocketAddr, Vec<u8>, DropReason); 12] = [
        (STRANGER, vec![], DropReason::NotOurs),
        (STRANGER, vec![0xFF; 100], DropReason::NotOurs),
        (STRANGER, vec![0, 1, 0, 0], DropReason::StunMalformed),
        (STRANGER, binding_request(&unknown, "x", 1), DropReason::StunUnknownUfrag),
        (STRANGER, binding_request(&guess, "x", 2), DropReason::StunBadIntegrity),
        (STRANGER, rtp.clone(), DropReason::UnknownSource),
        (STRANGER, rtcp.clone(), DropReason::UnknownSource),
        (STRANGER, dtls.to_vec(), DropReason::UnknownSource),
        (address, rtp, DropReason::SrtpBadTag),
        (address, rtcp, DropReason::SrtcpBadTag),
        (address, vec![0x90, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE], DropReason::RtpMalformed),
        (world.peer(bob).address, binding_request(&credentials, "x", 3), DropReason::SourceTaken),
    ];
    for (source, bytes, reason) in cases {
        let (before, sent) = (world.drops(reason), world.core.counters().datagrams_out);
        world.inject(source, &bytes);
        assert_eq!(world.drops(reason), before + 1, "{reason:?}");
        assert_eq!(world.core.counters().datagrams_out, sent, "{reason:?} is not answered");
    }
    assert_unharmed(world, alice, bob);
}

#[test]
fn noise_of_every_protocol_from_known_and_unknown_addresses_changes_nothing() {
    let (mut world, alice, bob) = call(2);
    let mut random = rand_chacha::ChaCha12Rng::seed_from_u64(7);
    let sources = [STRANGER, world.peer(alice).address, world.peer(bob).address];
    let timers = world.core.timers();
    for i in 0..6_000usize {
        let mut bytes = vec![0; random.next_u32() as usize % 300];
        random.fill_bytes(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            // DTLS from a peer's own address is the engine's affair: an attacker who can forge it still lacks the keys.
            *first = [0, 1, 22, 0x80, 0x90, 0xB0][i % 6];
        }
        world.inject(sources[i % 3], &bytes);
    }
    assert_eq!(world.core.timers(), timers, "no state was made");
    let dropped: u64 = world.core.counters().drops.iter().map(|(_, n)| n).sum();
    assert!(dropped > 4_000, "{dropped}");
    assert_unharmed(world, alice, bob);
}

/// 100 datagrams that look like DTLS, in one turn.
fn storm(world: &mut World, peer: PeerId) {
    let (now, source) = (world.now(), world.peer(peer).address);
    for _ in 0..100 {
        let mut bytes = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1];
        let local = core::net::IpAddr::from([10, 0, 0, 1]);
        world.core.handle_datagram(now, Datagram { source, local, received: now, bytes: &mut bytes });
    }
}

#[test]
fn a_storm_of_handshake_datagrams_is_bounded_in_a_turn() {
    let (mut world, alice, bob) = call(3);
    let carol = world.join();
    // Her check has arrived at 10 ms; her first DTLS datagram does at 30 ms.
    world.run(Duration::from_millis(25));
    storm(&mut world, carol);
    assert_eq!(world.drops(DropReason::DtlsBusy), 94);
    // Whoever is connected makes no handshake and spends nobody's turn.
    storm(&mut world, alice);
    assert_eq!(world.drops(DropReason::DtlsBusy), 188);
    assert_unharmed(world, alice, bob);
}

#[test]
fn the_storm_of_one_does_not_keep_another_from_joining() {
    let (mut world, _, _) = call(4);
    let (carol, dave) = (world.join(), world.join());
    // Their first DTLS datagrams arrive at 30 ms: in the turn of the storm.
    world.run(Duration::from_millis(29));
    storm(&mut world, carol);
    world.run(Duration::from_millis(5));
    assert_eq!(world.drops(DropReason::DtlsBusy), 94, "carol's own first one waits behind them");
    world.run(Duration::from_millis(60));
    assert!(world.peer(dave).connected);
}
