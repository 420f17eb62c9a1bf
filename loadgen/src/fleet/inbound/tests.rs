//! Content that is wrong under keys that are right: only a look at the payload finds it.

use super::*;
use crate::stream::{Layer, Numbers, StreamPlan};
use webrtc_srtp::protection_profile::ProtectionProfile;

fn keys() -> SrtpContext {
    SrtpContext::new(&[7; 16], &[8; 12], ProtectionProfile::AeadAes128Gcm, None, None)
        .expect("the lengths are those of the profile")
}

/// 90 packets of video in the clear, as a publisher under this number sends them.
fn published(stream: u32) -> Vec<Vec<u8>> {
    let numbers = Numbers { ssrcs: vec![5], payload_type: 96, ..Numbers::default() };
    let mut layers = Layer::all(&StreamPlan::video(2_592_000, 30), &numbers, stream, 0).expect("it is a good plan");
    let mut packets = Vec::new();
    let mut due_ns = layers[0].first_due_ns();
    while packets.len() < 90 {
        due_ns = layers[0].burst(due_ns, || 1_000, |packet| packets.push(packet.bytes.to_vec()));
    }
    packets
}

/// What a receiver that opens everything makes of them, and the latencies of the good ones.
fn received(packets: &[Vec<u8>], stream: Option<u32>) -> (Counts, Vec<u64>) {
    let (mut ours, mut theirs) = (keys(), keys());
    let expected = Expected { ssrc: 5, codec: Codec::Vp8, stream, number_id: 0, rtx_ssrc: None };
    let mut inbound = Inbound::new(&expected, 1, Arc::default(), Arc::default());
    let mut latencies = Vec::new();
    for packet in packets {
        let bytes = theirs.encrypt_rtp(packet).expect("it is RTP");
        let clear = Clear::read(&bytes).expect("it has a header");
        latencies.extend(inbound.take(&clear, Arrived { bytes: &bytes, at_ns: 51_000 }, &mut ours));
    }
    (inbound.counts, latencies)
}

fn renumber(packet: &mut [u8], sequence: u16) {
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
}

#[test]
fn what_was_published_is_verified_with_its_latency() {
    let (counts, latencies) = received(&published(9), Some(9));
    assert_eq!((counts.packets, counts.verified, counts.corrupt, counts.skipped), (90, 90, 0, 0));
    assert_eq!(latencies, [50_000; 90]);
}

#[test]
fn a_changed_payload_is_corrupt() {
    let mut packets = published(9);
    *packets[40].last_mut().expect("it is not empty") ^= 1;
    let (counts, latencies) = received(&packets, Some(9));
    assert_eq!((counts.corrupt, counts.unopened, latencies.len()), (1, 0, 89));
}

#[test]
fn another_stream_is_corrupt() {
    assert_eq!(received(&published(9), Some(8)).0.corrupt, 90);
    let mut packets = published(9);
    packets.extend(published(8));
    let counts = received(&packets, None).0;
    assert_eq!(counts.corrupt, 90, "the first one that comes is the right one: {counts:?}");
}

#[test]
fn content_that_goes_back_under_numbers_that_go_on_is_corrupt() {
    let mut packets = published(9);
    let sequence = u16::from_be_bytes([packets[41][2], packets[41][3]]);
    packets[41] = packets[40].clone();
    renumber(&mut packets[41], sequence);
    assert_eq!(received(&packets, Some(9)).0.corrupt, 1);
}

#[test]
fn packets_that_were_left_out_under_numbers_without_a_gap_are_found() {
    let mut packets = published(9);
    let first = u16::from_be_bytes([packets[0][2], packets[0][3]]);
    packets.drain(30..34);
    for (n, packet) in packets.iter_mut().enumerate() {
        renumber(packet, first + n as u16);
    }
    let counts = received(&packets, Some(9)).0;
    assert_eq!((counts.lost, counts.skipped, counts.corrupt), (0, 4, 0));
}
