use super::*;
use crate::place::Place;
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
        place: Place::WHOLE,
    }
}

fn begun(index: u64, timestamp: u32, millis: u64) -> Mapping {
    let mut m = Mapping::new(999, 5_000);
    let p = packet(index, timestamp, millis);
    m.begin(A, &p, CLOCK, None);
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
    m.begin(A, &p, CLOCK, None);
    assert_eq!(m.map(&p), Some((PacketIndex(1_001), RtpTimestamp(905_300))));
    assert_eq!(m.map(&packet(399, 900_000, 10_001)), None, "older than the resume");
}

#[test]
fn a_stream_that_did_not_count_the_pause_is_moved_by_the_time_that_passed() {
    let mut m = begun(100, 0, 0);
    m.suspend();
    let p = packet(101, 3_000, 10_000);
    m.begin(A, &p, CLOCK, None);
    assert_eq!(m.map(&p), Some((PacketIndex(1_001), RtpTimestamp(905_000))));
}

#[test]
fn after_a_pause_of_hours_or_days_the_stream_s_own_time_goes_on() {
    for hours in [1, 7, 12, 14, 57, 100, 1_000] {
        let mut m = begun(100, 0, 0);
        m.suspend();
        let (millis, off) = (hours * 3_600_000, 4_500);
        let p = packet(400, (millis * 90 + off) as u32, millis);
        m.begin(A, &p, CLOCK, None);
        let expected = RtpTimestamp(5_000u32.wrapping_add((millis * 90 + off) as u32));
        assert_eq!(m.map(&p), Some((PacketIndex(1_001), expected)), "{hours} h");
    }
}

#[test]
fn another_stream_continues_both_lines() {
    let mut m = begun(100, 0, 0);
    let p = packet(7, 0xFFFF_0000, 20);
    m.begin(B, &p, CLOCK, None);
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
                        m.begin(A, &p, CLOCK, None);
                    }
                    if let Some((index, _)) = m.map(&p) {
                        prop_assert!(sent.insert(index));
                    }
                }
            }
        }
    }
}

#[test]
fn numbers_close_up_behind_what_is_skipped() {
    let mut m = begun(100, 0, 0);
    m.skip(&packet(101, 10, 1));
    m.skip(&packet(102, 20, 2));
    assert_eq!(m.map(&packet(103, 30, 3)), Some((PacketIndex(1_001), RtpTimestamp(5_030))));
    // 104 is missing: its number stays free.
    m.skip(&packet(105, 50, 5));
    assert_eq!(m.map(&packet(106, 60, 6)), Some((PacketIndex(1_003), RtpTimestamp(5_060))));
    assert_eq!(m.map(&packet(104, 40, 7)), Some((PacketIndex(1_002), RtpTimestamp(5_040))));
    assert_eq!(m.map(&packet(101, 10, 8)), None, "it was skipped");
}

#[test]
fn what_is_skipped_late_leaves_a_hole_that_is_known() {
    let mut m = begun(100, 0, 0);
    assert_eq!(m.map(&packet(102, 20, 2)), Some((PacketIndex(1_002), RtpTimestamp(5_020))));
    m.skip(&packet(101, 10, 3));
    m.skip(&packet(103, 30, 4));
    assert_eq!(m.map(&packet(104, 40, 5)), Some((PacketIndex(1_003), RtpTimestamp(5_040))));
    let located = |n| m.locate(SequenceNumber(n)).map(|l| (l.index, l.skipped));
    assert_eq!(
        [1_000, 1_001, 1_002, 1_003, 1_004].map(located),
        [Some((100, false)), Some((101, true)), Some((102, false)), Some((104, false)), None]
    );
}

#[test]
fn a_packet_of_an_earlier_segment_is_found_and_not_mapped() {
    let mut m = begun(100, 0, 0);
    m.map(&packet(105, 50, 5));
    m.suspend();
    let resumed = packet(200, 1_000, 50);
    m.begin(A, &resumed, CLOCK, None);
    assert_eq!(m.map(&resumed).map(|(index, _)| index), Some(PacketIndex(1_006)));
    let other = packet(70, 9_000_000, 60);
    m.begin(B, &other, CLOCK, None);
    assert_eq!(m.map(&other).map(|(index, _)| index), Some(PacketIndex(1_007)));
    let located = |n| m.locate(SequenceNumber(n)).map(|l| (l.layer, l.index));
    assert_eq!([1_003, 1_006, 1_007, 1_008].map(located), [Some((0, 103)), Some((0, 200)), Some((1, 70)), None]);
    assert_eq!(m.locate(SequenceNumber(999)), None, "before the first");
    assert_eq!(m.map(&packet(69, 8_999_000, 61)), None);
}

#[test]
fn what_is_long_ago_is_not_found_and_never_wrong() {
    let mut m = begun(100, 0, 0);
    for n in 0..200u64 {
        m.skip(&packet(101 + 2 * n, 0, n));
        assert!(m.map(&packet(102 + 2 * n, 0, n)).is_some());
    }
    assert_eq!(m.locate(SequenceNumber(1_000)), None);
    assert_eq!(m.map(&packet(99, 0, 0)), None);
    assert_eq!(m.locate(SequenceNumber(1_199)).map(|l| l.index), Some(498));
}

/// What a subscription goes through: 0 a pause, 1 a jump of the publisher, 2 a switch, 3 a packet skipped, else a packet sent.
fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
    prop::collection::vec((0u8..12, 0u64..6), 1..400)
}

proptest! {
    #[test]
    fn locate_inverts_map_and_no_index_is_used_twice(steps in steps(), first in 0u16..0x8000, begin in 0u64..1 << 40) {
        let mut m = Mapping::new(first, 0);
        let (mut sent, mut seen) = (Vec::<(u8, u64, u64, u32)>::new(), BTreeSet::new());
        let (mut base, mut source, mut now) = ([begin + 70_000, begin / 2 + 70_000], A, Instant::ZERO);
        for (kind, step) in steps {
            now = now + Duration::from_millis(step);
            let place = &mut base[usize::from(source.layer)];
            match kind {
                0 => m.suspend(),
                1 => *place += 40 * step,
                2 => source = if source == A { B } else { A },
                _ => {
                    // Up to five back: it may have been seen, missed or skipped.
                    *place += 1;
                    let p = PacketMeta { arrived: now, ..packet(*place - step, ((*place - step) as u32).wrapping_mul(90), 0) };
                    if !seen.insert((source.layer, p.index)) {
                        continue;
                    }
                    if kind == 3 {
                        if m.flowing() == Some(source) {
                            m.skip(&p);
                        }
                        continue;
                    }
                    if m.flowing() != Some(source) {
                        m.begin(source, &p, CLOCK, None);
                    }
                    if let Some((index, timestamp)) = m.map(&p) {
                        prop_assert!(sent.iter().all(|s| s.2 != index.0), "used twice");
                        sent.push((source.layer, p.index, index.0, timestamp.0));
                    }
                }
            }
        }
        let mut found = 0;
        for (layer, index, outgoing, timestamp) in sent {
            let Some(located) = m.locate(PacketIndex(outgoing).sequence()) else { continue };
            found += 1;
            let expected = ((index as u32).wrapping_mul(90)).wrapping_add(located.timestamp_offset);
            prop_assert_eq!((located.layer, located.index, located.outgoing.0, expected), (layer, index, outgoing, timestamp));
            prop_assert!(!located.skipped);
        }
        prop_assert!(found > 0 || m.last_index().0 == u64::from(first));
    }
}

#[test]
fn what_came_before_is_squeezed_and_what_is_live_is_not() {
    let mut m = Mapping::new(1_000, 5_000);
    let earlier: Vec<_> = (0..60).map(|n| packet(100 + n, 90 * (33 * n) as u32, 33 * n)).collect();
    m.begin_earlier(A, (&earlier[0], &earlier[59]), CLOCK, None);
    let mut last: Option<RtpTimestamp> = None;
    for p in &earlier {
        let (index, timestamp) = m.map(p).expect("of the segment");
        let told = m.squeezed(A.layer, p.index, timestamp);
        assert!(last.is_none_or(|last| told.distance(last) > 0), "each has a time of its own");
        let located = m.locate(index.sequence()).expect("known");
        assert_eq!(located.timestamp(p.timestamp), told, "it is the same when it is sent again");
        last = Some(told);
    }
    assert_eq!(last, Some(RtpTimestamp(5_000)), "the newest is where a first packet is");
    let live = packet(160, 90 * 33 * 60, 33 * 60);
    let (index, timestamp) = m.map(&live).expect("of the segment");
    assert_eq!(m.squeezed(A.layer, live.index, timestamp), RtpTimestamp(5_000 + 90 * 33));
    assert_eq!(m.locate(index.sequence()).expect("known").timestamp(live.timestamp), RtpTimestamp(5_000 + 90 * 33));
    let key = m.locate(SequenceNumber(1_001)).expect("known");
    assert!(RtpTimestamp(5_000).distance(key.timestamp(earlier[0].timestamp)) < 31 * 90, "all of it is within a moment");
}

#[test]
fn what_came_before_goes_on_behind_what_was_sent() {
    let mut m = begun(100, 0, 0);
    let sent: Vec<_> = (1..30).map(|n| packet(100 + n, 90 * (33 * n) as u32, 33 * n)).collect();
    let last = sent.iter().filter_map(|p| m.map(p)).last().expect("sent");
    m.suspend();
    // A pause of one picture: the same packets leave once more, as others.
    let newest = packet(130, 90 * 33 * 30, 33 * 30);
    m.begin_earlier(A, (&sent[0], &newest), CLOCK, None);
    let (index, timestamp) = m.map(&sent[0]).expect("of the segment");
    assert_eq!(index.0, last.0.0 + 1);
    assert!(m.squeezed(A.layer, sent[0].index, timestamp).distance(last.1) > 0);
    let (_, timestamp) = m.map(&newest).expect("of the segment");
    assert!((1..90 * 66).contains(&timestamp.distance(last.1)));
}
