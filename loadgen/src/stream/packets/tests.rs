//! Schedules and bytes of published layers.

use super::*;
use crate::stream::LayerPlan;
use rtp::packet::Packet as RtpPacket;
use std::time::Duration;
use webrtc_util::Unmarshal;

const MS: u64 = 1_000_000;

fn numbers(ssrcs: &[u32]) -> Numbers {
    let ids = Numbers { audio_level_id: 1, mid_id: 4, rid_id: 10, mid: "0".to_owned(), ..Numbers::default() };
    Numbers { ssrcs: ssrcs.to_vec(), payload_type: 96, ..ids }
}

fn layer(plan: &StreamPlan) -> Layer {
    Layer::all(plan, &numbers(&[1]), 9, 0).expect("it is a good plan").remove(0)
}

/// One burst: its packets, and when the next is due.
fn burst(layer: &mut Layer, at_ns: u64) -> (Vec<RtpPacket>, u64) {
    let mut packets = Vec::new();
    let next_ns = layer.burst(
        at_ns,
        || at_ns,
        |packet| {
            packets.push(RtpPacket::unmarshal(&mut &packet.bytes[..]).expect("it is RTP"));
        },
    );
    (packets, next_ns)
}

#[test]
fn frames_leave_together_or_as_a_pacer_lets_them() {
    let mut together = layer(&StreamPlan::video(2_592_000, 30));
    let first_ns = together.first_due_ns();
    let (packets, next_ns) = burst(&mut together, first_ns);
    assert_eq!((packets.len(), next_ns - first_ns), (9, 33_333_333));
    let pace = Burst::Paced { packets: 4, gap: Duration::from_millis(5) };
    let mut paced = layer(&StreamPlan { burst: pace, ..StreamPlan::video(2_592_000, 30) });
    let mut due_ns = paced.first_due_ns();
    let start_ns = due_ns;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (packets, next_ns) = burst(&mut paced, due_ns);
        seen.push(((due_ns - start_ns) / MS, packets.len(), packets[0].header.timestamp));
        due_ns = next_ns;
    }
    let timestamp = seen[0].2;
    assert_eq!(seen, [(0, 4, timestamp), (5, 4, timestamp), (10, 1, timestamp), (33, 4, timestamp.wrapping_add(3000))]);
}

#[test]
fn a_pace_that_is_too_slow_ends_with_the_frame() {
    let pace = Burst::Paced { packets: 1, gap: Duration::from_millis(20) };
    let mut layer = layer(&StreamPlan { burst: pace, ..StreamPlan::video(2_592_000, 30) });
    let mut due_ns = layer.first_due_ns();
    let counts: Vec<usize> = (0..4)
        .map(|_| {
            let (packets, next_ns) = burst(&mut layer, due_ns);
            due_ns = next_ns;
            packets.len()
        })
        .collect();
    assert_eq!(counts, [1, 1, 8, 1], "what is left of the first frame leaves with the first packet of the second");
}

#[test]
fn packets_are_numbered_marked_and_of_the_length_that_was_asked_for() {
    let mut layer = layer(&StreamPlan::video(2_592_000, 30));
    let mut due_ns = layer.first_due_ns();
    let mut all = Vec::new();
    for n in 0..3 {
        if n == 2 {
            layer.want_keyframe();
        }
        let (packets, next_ns) = burst(&mut layer, due_ns);
        let is_keyframe = packets[0].payload[vp8::DESCRIPTOR_LEN] & 1 == 0;
        assert_eq!(is_keyframe, n != 1, "the first one and the one that was asked for");
        assert!(packets.iter().enumerate().all(|(i, packet)| packet.header.marker == (i == 8)));
        all.extend(packets);
        due_ns = next_ns;
    }
    for (before, after) in all.iter().zip(&all[1..]) {
        assert_eq!(after.header.sequence_number, before.header.sequence_number.wrapping_add(1));
    }
    let mut bytes = Vec::new();
    layer.burst(due_ns, || 0, |packet| bytes.push(packet.bytes.len()));
    assert_eq!(bytes, [1200; 9]);
}

#[test]
fn extensions_say_level_section_and_layer() {
    let speech = Speech::Turns { voice: Duration::from_secs(1), silence: Duration::from_secs(1) };
    let mut audio = layer(&StreamPlan { speech, ..StreamPlan::audio(160) });
    let first_ns = audio.first_due_ns();
    let levels: Vec<u8> = (0..100)
        .map(|n| {
            let (packets, _) = burst(&mut audio, first_ns + n * 20 * MS);
            packets[0].header.get_extension(1).expect("the level is there")[0]
        })
        .collect();
    let voice = levels.iter().filter(|level| **level == LEVEL_VOICE).count();
    assert!((49..=51).contains(&voice) && levels.contains(&LEVEL_SILENCE), "{voice}");
    let rid = |rid: &str, bitrate| LayerPlan { rid: rid.to_owned(), bitrate, fps: 30 };
    let simulcast = StreamPlan { layers: vec![rid("q", 150_000), rid("f", 1_200_000)], ..StreamPlan::video(0, 0) };
    let mut layers = Layer::all(&simulcast, &numbers(&[1, 2]), 9, 0).expect("it is a good plan");
    for (layer, (rid, ssrc)) in layers.iter_mut().zip([("q", 1), ("f", 2)]) {
        let at_ns = layer.first_due_ns();
        let header = burst(layer, at_ns).0.remove(0).header;
        assert_eq!((header.ssrc, header.get_extension(4).as_deref()), (ssrc, Some(b"0".as_slice())));
        assert_eq!(header.get_extension(10).as_deref(), Some(rid.as_bytes()));
    }
}

#[test]
fn a_machine_that_stood_still_sends_no_flood() {
    let mut layer = layer(&StreamPlan::video(2_592_000, 30));
    let first_ns = layer.first_due_ns();
    let (packets, next_ns) = burst(&mut layer, first_ns + 10_000 * MS);
    assert!(packets.len() <= 9 && next_ns > first_ns + 10_000 * MS, "{} packets", packets.len());
}

#[test]
fn plans_that_cannot_be_sent_say_why() {
    let refused = |plan: StreamPlan, ssrcs: &[u32]| Layer::all(&plan, &numbers(ssrcs), 9, 0).err().expect("it cannot be sent");
    assert!(refused(StreamPlan::audio(20), &[1]).contains("20 bytes"));
    assert!(refused(StreamPlan::video(0, 30), &[1]).contains("bitrate"));
    assert!(refused(StreamPlan::video(1_000_000, 30), &[]).contains("SSRC"));
    assert!(refused(StreamPlan { codec: Codec::H264, ..StreamPlan::video(1_000_000, 30) }, &[1]).contains("clip"));
}
