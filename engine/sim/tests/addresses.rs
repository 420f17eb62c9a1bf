//! Whose an address is: of whoever uses it with keys, for as long as it does, and of nobody for longer.

use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::drop_reason::DropReason;
use corelay_sim::ice_client::binding_request;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;

const RELAY: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 50, 0, 1)), 3_478);

fn call(seed: u64) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let track = world.publish(alice, Source::new(Codec::Opus, 10));
    world.subscribe(bob, track, 10);
    world.run_until_connected(Duration::from_secs(2));
    (world, alice, bob)
}

fn move_to(world: &mut World, peer: PeerId, address: SocketAddr) {
    let now = world.now();
    world.peer(peer).move_to(now, address);
    world.run(Duration::from_secs(1));
}

#[test]
fn an_address_that_its_owner_left_is_free_again() {
    let (mut world, alice, _) = call(1);
    let home = world.peer(alice).address;
    move_to(&mut world, alice, RELAY);
    move_to(&mut world, alice, home);
    let carol = world.join();
    world.peer(carol).address = RELAY;
    world.run(Duration::from_secs(5));
    assert!(world.drops(DropReason::SourceTaken) > 50 && !world.peer(carol).connected, "alice may come back to it");
    world.run(Duration::from_secs(27));
    assert!(world.peer(carol).connected);
}

#[test]
fn a_forged_check_takes_no_address_from_one_who_makes_a_handshake() {
    let (mut world, alice, _) = call(2);
    let hostile = world.peer(alice).ice.remote.clone();
    let carol = world.join();
    let address = world.peer(carol).address;
    // Her first check has arrived at 10 ms; her first DTLS datagram does at 30 ms.
    world.run(Duration::from_millis(25));
    world.inject(address, &binding_request(&hostile, "x", 1));
    world.run_until_connected(Duration::from_secs(2));
}

#[test]
fn a_forged_check_takes_no_address_in_advance() {
    let (mut world, alice, _) = call(3);
    let hostile = world.peer(alice).ice.remote.clone();
    let carol = world.join();
    let address = world.peer(carol).address;
    world.inject(address, &binding_request(&hostile, "x", 1));
    world.run_until_connected(Duration::from_secs(2));
    world.inject(address, &binding_request(&hostile, "x", 2));
    assert_eq!(world.drops(DropReason::SourceTaken), 1, "it is proven to be carol's");
}
