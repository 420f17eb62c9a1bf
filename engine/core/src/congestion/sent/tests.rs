use super::*;
use corelay_wire::rtcp::TransportCcBuilder;
use corelay_wire::units::Ssrc;
use proptest::prelude::*;

fn run(packets: u8, segment: u16, last: u16) -> Departed {
    Departed { packets, segment, last, probe: None, named: None }
}

/// A packet's number, when it left, when it came (both in milliseconds), its bytes and its probe.
type Resolved = (u16, u64, Option<u64>, u32, Option<u8>);

/// What the log makes of feedback that names these numbers, the others up to the last as lost.
fn resolve(log: &mut SentLog, base: u16, arrived: &[(u16, u64)], now: u64) -> Vec<Resolved> {
    let mut builder = TransportCcBuilder::new(SequenceNumber(base));
    for (number, ms) in arrived {
        assert!(builder.push(SequenceNumber(*number), Instant::from_millis(*ms)));
    }
    let message = builder.message(Ssrc(1), Ssrc(2), 0).expect("something arrived");
    let origin = 3_600_000;
    let ms = |at: Instant| at.as_nanos() / 1_000_000;
    log.resolve(&message, Instant::from_millis(now), 28)
        .map(|r| (r.sequence.0, ms(r.sent), r.arrived.map(|at| ms(at) + arrived[0].1 - origin), r.bytes, r.probe))
        .collect()
}

#[test]
fn each_packet_of_a_run_is_found_again_with_its_time_and_length() {
    let mut log = SentLog::default();
    log.note(Instant::from_millis(100), run(3, 1_200, 800));
    log.note(Instant::from_millis(110), Departed { probe: Some(7), ..run(2, 500, 500) });
    assert_eq!(log.next(), SequenceNumber(5));
    let results = resolve(&mut log, 0, &[(0, 1_000), (2, 1_001), (3, 1_011), (4, 1_012)], 200);
    let expected = [
        (0, 100, Some(1_000), 1_228, None),
        (1, 100, None, 1_228, None),
        (2, 100, Some(1_001), 828, None),
        (3, 110, Some(1_011), 528, Some(7)),
        (4, 110, Some(1_012), 528, Some(7)),
    ];
    assert_eq!(results, expected);
}

#[test]
fn what_was_never_sent_or_is_forgotten_is_left_out() {
    let mut log = SentLog::default();
    assert_eq!(resolve(&mut log, 0, &[(0, 5)], 10), []);
    assert_eq!(resolve(&mut log, 60_000, &[(60_000, 5)], 10), []);
    log.note(Instant::from_millis(1), run(2, 100, 100));
    assert_eq!(resolve(&mut log, 0, &[(0, 5), (1, 5), (2, 5), (9, 6)], 10).len(), 2);
    assert_eq!(resolve(&mut log, 2, &[(2, 5)], 10), []);
    for _ in 0..2 * RUNS_MAX {
        log.note(Instant::from_millis(2), run(2, 100, 100));
    }
    assert_eq!(resolve(&mut log, 0, &[(0, 5), (1, 6)], 10), [], "older than the ring");
    let oldest = log.run(0).first;
    assert_eq!(
        resolve(&mut log, oldest - 3, &[(oldest - 3, 5), (oldest + 1, 6)], 10).len(),
        2,
        "the ring begins within the message"
    );
}

#[test]
fn a_short_message_about_everything_ends_with_what_was_sent() {
    let mut log = SentLog::default();
    log.note(Instant::from_millis(1), run(10, 100, 100));
    let mut builder = TransportCcBuilder::new(SequenceNumber(4));
    builder.push(SequenceNumber(4 + 400), Instant::from_millis(3));
    let message = builder.message(Ssrc(1), Ssrc(2), 0).expect("something arrived");
    assert_eq!(log.resolve(&message, Instant::from_millis(9), 28).count(), 6);
}

#[test]
fn what_is_outstanding_is_known() {
    let mut log = SentLog::default();
    let now = Instant::from_millis(1_000);
    assert_eq!(log.outstanding_since(now), None);
    log.note(Instant::from_millis(10), run(2, 100, 100));
    log.note(Instant::from_millis(20), run(2, 100, 100));
    assert_eq!(log.outstanding_since(now), Some(Instant::from_millis(10)));
    resolve(&mut log, 0, &[(0, 5), (1, 5)], 30);
    assert_eq!(log.outstanding_since(now), Some(Instant::from_millis(20)));
    resolve(&mut log, 2, &[(3, 5)], 40);
    assert_eq!(log.outstanding_since(now), None, "the third was reported as lost");
    resolve(&mut log, 0, &[(0, 5)], 40);
    assert_eq!(log.outstanding_since(now), None, "what is said again changes nothing");
}

#[test]
fn times_survive_the_wrap_of_their_32_bits() {
    let mut log = SentLog::default();
    let wrap = u64::from(u32::MAX) / 1_000;
    log.note(Instant::from_millis(wrap - 5), run(1, 100, 100));
    log.note(Instant::from_millis(wrap + 5), run(1, 100, 100));
    let sent: Vec<_> = resolve(&mut log, 0, &[(0, 1), (1, 1)], wrap + 100).iter().map(|r| r.1).collect();
    assert_eq!(sent, [wrap - 5, wrap + 5]);
}

/// A log costs what [`RUNS_MAX`] says.
#[test]
fn a_run_is_small() {
    assert_eq!((size_of::<SentRun>(), SentLog::BYTES), (20, 10_240));
}

proptest! {
    #[test]
    fn agrees_with_a_list_of_packets(
        runs in prop::collection::vec((1u8..=64, 1u16..1_400, 0u64..20), 1..900),
        asked in prop::collection::vec((any::<u16>(), prop::collection::vec(1u16..12, 1..30)), 1..20),
    ) {
        let (mut log, mut packets, mut now) = (SentLog::default(), Vec::new(), 1_000);
        for (count, segment, later) in runs {
            now += later;
            log.note(Instant::from_millis(now), run(count, segment, segment.div_ceil(2)));
            packets.extend((1..=count).map(|n| (now, if n == count { segment.div_ceil(2) } else { segment })));
        }
        for (back, steps) in asked {
            let base = (packets.len() as u16).wrapping_sub(back % 20_000);
            let mut number = base;
            let arrived: Vec<_> = steps.iter().map(|step| { number = number.wrapping_add(*step); (number, 5) }).collect();
            for (number, sent, arrived_at, bytes, _) in resolve(&mut log, base, &arrived, now + 5) {
                let ago = (packets.len() as u16).wrapping_sub(number);
                let packet = packets[packets.len() - usize::from(ago)];
                prop_assert_eq!((sent, bytes), (packet.0, u32::from(packet.1) + 28));
                prop_assert_eq!(arrived_at.is_some(), arrived.iter().any(|(n, _)| *n == number));
            }
        }
    }
}

#[test]
fn what_no_feedback_told_of_is_counted_in_bytes() {
    let mut log = SentLog::default();
    for ms in [5, 10, 15] {
        log.note(Instant::from_millis(ms), run(3, 1_000, 400));
    }
    let after = |log: &SentLog, base: u16, last: u16| {
        let mut builder = TransportCcBuilder::new(SequenceNumber(base));
        assert!(builder.push(SequenceNumber(last), Instant::from_millis(1_000)));
        let message = builder.message(Ssrc(1), Ssrc(2), 0).expect("something arrived");
        log.bytes_after(&message, 28)
    };
    let run_bytes = 3 * 28 + 2_400;
    assert_eq!(after(&log, 0, 2), 2 * run_bytes);
    assert_eq!(after(&log, 0, 4), run_bytes + 428);
    assert_eq!(after(&log, 3, 8), 0);
    resolve(&mut log, 0, &[(0, 1_000), (5, 1_010)], 200);
    assert_eq!(after(&log, 0, 1), run_bytes, "more was told before");
}

#[test]
fn packets_that_follow_each_other_are_known_by_name_and_so_is_what_left_again() {
    let mut log = SentLog::default();
    let named = |sequence| Named { subscription: 7, sequence: SequenceNumber(sequence) };
    log.note(Instant::from_millis(1), Departed { named: Some(named(65_534)), ..run(4, 1_200, 800) });
    log.note(Instant::from_millis(2), run(2, 1_200, 800));
    log.note(Instant::from_millis(3), Departed { named: Some(named(65_535)), ..run(1, 1_230, 1_230) });
    let names = [0, 1, 2, 3, 4, 5, 6, 7].map(|number| log.named(SequenceNumber(number)).map(|named| named.sequence.0));
    assert_eq!(names, [Some(65_534), Some(65_535), Some(0), Some(1), None, None, Some(65_535), None]);
    let numbers = |sequence| log.numbers_of(named(sequence)).map(|number| number.0).collect::<Vec<_>>();
    assert_eq!([65_533, 65_534, 65_535, 1, 2].map(numbers), [vec![], vec![0], vec![1, 6], vec![3], vec![]]);
}
