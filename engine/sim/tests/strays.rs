//! Packets under an SSRC that nobody announced, with the mid of a track: what displaces the track's stream, and for how long.

use core::time::Duration;
use corelay_core::drop_reason::DropReason;
use corelay_sim::media::{PUBLISHED_MID, Packet, payload, published_type};
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::rtp::{HeaderFields, write_header};
use corelay_wire::units::{PacketIndex, PayloadType, RtpTimestamp, Ssrc};

fn call(seed: u64) -> (World, PeerId, PeerId) {
    let mut world = World::new(seed);
    let (alice, bob) = (world.join(), world.join());
    let track = world.publish(alice, Source::new(Codec::Vp8, 11));
    world.subscribe(bob, track, 11);
    world.run_until_connected(Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    (world, alice, bob)
}

/// One packet of another stream than the track's, from the publisher itself.
fn stray(world: &mut World, alice: PeerId, payload_type: PayloadType) {
    let index = PacketIndex(500);
    let fields = HeaderFields {
        ssrc: Ssrc(0x7777_7777),
        timestamp: RtpTimestamp(1),
        sequence: index.sequence(),
        payload_type,
        marker: true,
        padded: false,
    };
    let mid = world.peer(alice).source(11).mid;
    let mut header = vec![0; 64];
    let len = write_header(&mut header, &fields, [(PUBLISHED_MID, mid.as_bytes())]).expect("64 bytes hold it");
    header.truncate(len);
    let packet = Packet { index, header, payload: payload(Codec::Vp8, false, 0, 11, 1) };
    let (source, sealed) = (world.peer(alice).address, world.peer(alice).seal(&packet).expect("connected"));
    world.inject(source, &sealed);
}

#[test]
fn a_payload_type_that_the_track_has_not_displaces_nothing() {
    let (mut world, alice, bob) = call(1);
    let before = world.received(bob, 11).arrivals.len();
    stray(&mut world, alice, PayloadType(60));
    assert_eq!(world.drops(DropReason::UnknownPayloadType), 1);
    world.run(Duration::from_secs(1));
    assert!(world.received(bob, 11).arrivals.len() >= before + 70);
    assert_eq!((world.received(bob, 11).gaps(), world.drops(DropReason::TooLate)), (0, 0));
}

#[test]
fn a_stream_that_one_packet_displaced_takes_its_place_again() {
    let (mut world, alice, bob) = call(2);
    stray(&mut world, alice, published_type(Codec::Vp8));
    world.run(Duration::from_millis(900));
    let displaced = world.drops(DropReason::TooLate);
    assert!(displaced > 50, "a restart is believed at first: {displaced}");
    let before = world.received(bob, 11).arrivals.len();
    world.run(Duration::from_secs(2));
    let stream = world.received(bob, 11);
    assert!(stream.arrivals.len() >= before + 100, "it goes on after a second, with a keyframe");
    assert_eq!(stream.gaps(), 0);
    stream.assert_no_repeats();
}
