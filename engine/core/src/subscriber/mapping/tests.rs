use super::*;
use core::time::Duration;
use corelay_wire::rtp::ExtensionSpans;
use proptest::prelude::*;
use std::collections::BTreeSet;

const CLOCK: ClockRate = ClockRate(90_000);
const A: Source = Source { layer: 0, generation: 0 };
const B: Source = Source { layer: 1, generation: 0 };

fn packet(index: u64, timestamp: u32, millis: u64) -> PacketMeta {
    PacketMeta {
        index,
        arrived: Instant::from_millis(millis),
        received: Instant::from_millis(millis),
        timestamp: RtpTimestamp(timestamp),
        generation: 0,
        extensions: ExtensionSpans::default(),
        payload_offset: 12,
        format: 0,
        marker: false,
        keyframe: true,
    }
}

fn begun(index: u64, timestamp: u32, millis: u64) -> Mapping {
    let mut m = Mapping::new(999, 5_000);
    let p = packet(index, timestamp, millis);
    m.begin(A, &p, CLOCK);
    assert_eq!(m.map(&p), Some((PacketIndex(1_000), RtpTimestamp(5_000))));
    m
}

#[test]
fn gaps_stay_and_late_packets_take_their_place() {
    let mut m = begun(70_000, 100, 0);
    assert_eq!(m.map(&packet(70_003, 400, 3)), Some((PacketIndex(1_003), RtpTimestamp(5_300))));
    assert_eq!(m.map(&packet(70_001, 200, 4)), Some((PacketIndex(1_001), RtpTimestamp(5_100))));
    assert_eq!(m.map(&packet(69_999, 0, 5)), None);
}

#[test]
fn a_pause_leaves_no_gap_and_keeps_the_stream_s_own_time() {
    let mut m = begun(100, 0, 0);
    m.suspend();
    assert_eq!(m.map(&packet(101, 3_000, 33)), None);
    let p = packet(400, 900_300, 10_000);
    m.begin(A, &p, CLOCK);
    assert_eq!(m.map(&p), Some((PacketIndex(1_001), RtpTimestamp(905_300))));
    assert_eq!(m.map(&packet(399, 900_000, 10_001)), None, "older than the resume");
}

#[test]
fn a_stream_that_did_not_count_the_pause_is_moved_by_the_time_that_passed() {
    let mut m = begun(100, 0, 0);
    m.suspend();
    let p = packet(101, 3_000, 10_000);
    m.begin(A, &p, CLOCK);
    assert_eq!(m.map(&p), Some((PacketIndex(1_001), RtpTimestamp(905_000))));
}

#[test]
fn after_a_pause_of_hours_or_days_the_stream_s_own_time_goes_on() {
    for hours in [1, 7, 12, 14, 57, 100, 1_000] {
        let mut m = begun(100, 0, 0);
        m.suspend();
        let (millis, off) = (hours * 3_600_000, 4_500);
        let p = packet(400, (millis * 90 + off) as u32, millis);
        m.begin(A, &p, CLOCK);
        let expected = RtpTimestamp(5_000u32.wrapping_add((millis * 90 + off) as u32));
        assert_eq!(m.map(&p), Some((PacketIndex(1_001), expected)), "{hours} h");
    }
}

#[test]
fn another_stream_continues_both_lines() {
    let mut m = begun(100, 0, 0);
    let p = packet(7, 0xFFFF_0000, 20);
    m.begin(B, &p, CLOCK);
    assert_eq!(m.map(&p), Some((PacketIndex(1_001), RtpTimestamp(6_800))));
    assert_eq!(m.timestamp(B, RtpTimestamp(0xFFFF_0000)), Some(RtpTimestamp(6_800)));
    assert_eq!(m.timestamp(A, RtpTimestamp(0)), None);
}

proptest! {
    #[test]
    fn no_index_is_used_twice(steps in prop::collection::vec((0u8..8, 0u64..40), 1..300)) {
        let mut m = Mapping::new(0x7FFF, 0);
        let (mut sent, mut seen, mut now) = (BTreeSet::new(), BTreeSet::new(), Instant::ZERO);
        let mut base = 1_000;
        for (kind, step) in steps {
            now = now + Duration::from_millis(step);
            match kind {
                0 => m.suspend(),
                1 => base += step,
                _ => {
                    let p = packet(base + step, 0, 0);
                    if !seen.insert(p.index) {
                        continue;
                    }
                    if m.flowing().is_none() {
                        m.begin(A, &p, CLOCK);
                    }
                    if let Some((index, _)) = m.map(&p) {
                        prop_assert!(sent.insert(index));
                    }
                }
            }
        }
    }
}
