//! The estimator on a small model of a link, by condition. Each runs with several seeds; what is asserted holds for all of them.

mod bench;

use super::*;
use bench::{Bench, Flow, Link, Source};
use corelay_wire::units::SequenceNumber;
use proptest::prelude::*;

const MEGA: f64 = 1e6;
/// More than any of the links carries.
const ALL: f64 = 1e8;

fn each_seed(link: &Link, sources: &[Source], seconds: u64, check: impl Fn(&str, &Bench)) {
    for seed in 0..4 {
        check(&format!("seed {seed}"), &Bench::new(seed, link.clone(), sources).run(seconds));
    }
}

/// That the estimate is the link's rate after 5 s, in the mean and nearly always, and that no queue stands.
fn check_settled(name: &str, flow: &Flow, rate: f64, seconds: u64, within: f64) {
    let (from, end) = (5_000, seconds * 1_000);
    let mean = flow.mean(from, end) / rate;
    assert!((1.0 - within..1.0 + within).contains(&mean), "{name}: the mean estimate is {mean:.2} of {rate}");
    let near = flow.share_within(from, end, rate, 1.7 * within);
    assert!(near > 0.75, "{name}: near {rate} for {near:.2} of the time");
    let queue = flow.standing_queue(from, end);
    assert!(queue < 290.0, "{name}: a queue of {queue:.0} ms stood");
    let long = flow.between(from, end).filter(|s| s.queue > 200.0).count() as f64 / flow.between(from, end).count() as f64;
    // One packet is a tenth of a second on the slowest link.
    let most = if rate < 0.5 * MEGA { 0.1 } else { 0.03 };
    assert!(long < most, "{name}: the queue was over 200 ms for {long:.2} of the time");
}

fn settles(name: &str, link: &Link, rate: f64, within: f64) {
    each_seed(link, &[Source::of(ALL)], 30, |seed, bench| {
        check_settled(&format!("{name}, {seed}"), &bench.flows[0], rate, 30, within);
    });
}

#[test]
fn a_clean_link_is_known_after_five_seconds() {
    for rate in [0.1, 0.3, 1.0, 3.0, 10.0, 50.0] {
        settles("clean", &Link::of(rate * MEGA), rate * MEGA, 0.15);
    }
}

#[test]
fn random_loss_is_no_congestion() {
    for (loss, within) in [(0.02, 0.15), (0.1, 0.15), (0.2, 0.2)] {
        for lost_behind in [true, false] {
            let link = Link { loss: vec![(0, loss)], lost_behind, ..Link::of(3.0 * MEGA) };
            settles(&format!("loss {loss}"), &link, 3.0 * MEGA, within);
        }
    }
    let begins = Link { loss: vec![(0, 0.0), (10_000, 0.1)], ..Link::of(3.0 * MEGA) };
    settles("loss that begins", &begins, 3.0 * MEGA, 0.15);
    let bursts = Link { loss: vec![(0, 0.05)], burst: 4.0, ..Link::of(3.0 * MEGA) };
    settles("loss in bursts", &bursts, 3.0 * MEGA, 0.2);
}

#[test]
fn loss_that_rises_with_the_rate_is_congestion() {
    let shallow = Link { queue: 30.0, ..Link::of(3.0 * MEGA) };
    settles("a short queue", &shallow, 3.0 * MEGA, 0.2);
    let policed = Link { policer: Some((2.0 * MEGA, 10_000.0)), ..Link::of(20.0 * MEGA) };
    settles("a policer", &policed, 2.0 * MEGA, 0.15);
    for link in [shallow, policed] {
        each_seed(&link, &[Source::of(ALL)], 30, |seed, bench| {
            let lost = bench.flows[0].lost as f64 / bench.flows[0].sent as f64;
            assert!(lost < 0.08, "{seed}: {lost} were lost");
        });
    }
}

#[test]
fn a_bad_path_does_not_bring_it_down() {
    let three = || Link::of(3.0 * MEGA);
    for (jitter, reorder) in [(10.0, false), (10.0, true), (30.0, false), (30.0, true)] {
        settles(&format!("jitter {jitter} {reorder}"), &Link { jitter, reorder, ..three() }, 3.0 * MEGA, 0.15);
    }
    settles("lost feedback", &Link { feedback_loss: 0.3, ..three() }, 3.0 * MEGA, 0.15);
    settles("feedback in bunches", &Link { feedback_bunch: 400.0, ..three() }, 3.0 * MEGA, 0.2);
    settles("frequent feedback", &Link { feedback_every: 50.0, ..three() }, 3.0 * MEGA, 0.15);
    settles("a fast clock", &Link { drift: 200.0, ..three() }, 3.0 * MEGA, 0.15);
    settles("a slow clock", &Link { drift: -200.0, ..three() }, 3.0 * MEGA, 0.15);
    settles("a long queue", &Link { queue: 1_000.0, ..three() }, 3.0 * MEGA, 0.15);
}

fn layered() -> Source {
    Source { layers: vec![0.15 * MEGA, 0.5 * MEGA, 1.5 * MEGA], ..Source::of(2.0 * MEGA) }
}

#[test]
fn a_link_that_falls_and_returns_is_followed() {
    for (source, queue) in [(Source::of(ALL), 300.0), (layered(), 300.0), (layered(), 50.0)] {
        let rates = vec![(0, 3.0 * MEGA), (10_000, 0.5 * MEGA), (25_000, 3.0 * MEGA)];
        let link = Link { rates, queue, ..Link::of(3.0 * MEGA) };
        each_seed(&link, &[source], 40, |seed, bench| {
            let flow = &bench.flows[0];
            let down = flow.mean(12_000, 25_000);
            assert!((0.4 * MEGA..0.575 * MEGA).contains(&down), "{seed}: {down} on a link of 500 kbit/s");
            assert!(flow.between(11_500, 12_000).all(|s| s.target < 0.575 * MEGA), "{seed}: too slow down");
            assert!(flow.standing_queue(12_000, 25_000) < 200.0, "{seed}: the queue was not emptied");
            let up = flow.mean(35_000, 40_000);
            assert!(up > 1.7 * MEGA, "{seed}: {up} ten seconds after the link was back");
        });
    }
}

#[test]
fn it_returns_after_an_outage() {
    let link = Link { rates: vec![(0, 3.0 * MEGA), (10_000, 0.0), (13_000, 3.0 * MEGA)], ..Link::of(3.0 * MEGA) };
    for source in [Source::of(ALL), layered()] {
        each_seed(&link, &[source], 20, |seed, bench| {
            let flow = &bench.flows[0];
            assert!(flow.between(12_500, 13_000).all(|s| s.target < 0.6 * MEGA), "{seed}: it sent into nothing");
            let back = flow.mean(15_000, 20_000);
            assert!(back > 1.7 * MEGA, "{seed}: {back} two seconds after the outage");
        });
    }
}

#[test]
fn another_way_that_is_longer_is_no_queue() {
    for (later, rate) in [(60.0, 3.0), (-30.0, 3.0), (60.0, 0.7)] {
        let rates = vec![(0, 3.0 * MEGA), (10_000, rate * MEGA)];
        let link = Link { moves: Some((10_000, later)), rates, ..Link::of(3.0 * MEGA) };
        each_seed(&link, &[Source::of(ALL)], 20, |seed, bench| {
            let known = bench.flows[0].mean(12_000, 20_000) / (rate * MEGA);
            assert!((0.85..1.15).contains(&known), "{seed}, {later} ms later: {known:.2} of {rate}");
        });
    }
}

#[test]
fn sparse_traffic_proves_nothing_and_loses_nothing() {
    let idle = Source { demand: vec![(0, ALL), (10_000, 0.0), (20_000, ALL)], ..Source::of(ALL) };
    each_seed(&Link::of(3.0 * MEGA), &[idle], 25, |seed, bench| {
        let flow = &bench.flows[0];
        assert!(flow.mean(19_000, 20_000) > 2.3 * MEGA, "{seed}: it forgot the path while nothing was sent");
        check_settled(seed, flow, 3.0 * MEGA, 10, 0.15);
    });
    let audio = Source { demand: vec![(0, 50_000.0)], ..Source::of(ALL) };
    each_seed(&Link::of(3.0 * MEGA), &[audio], 20, |seed, bench| {
        let flow = &bench.flows[0];
        assert!(flow.between(0, 20_000).all(|s| s.target == 0.5 * MEGA), "{seed}: audio alone tells nothing of the path");
        assert!(flow.padding == 0.0, "{seed}: it probed for what nobody wants");
    });
}

#[test]
fn layers_leave_room_that_probes_find() {
    each_seed(&Link::of(1.0 * MEGA), &[layered()], 30, |seed, bench| {
        check_settled(seed, &bench.flows[0], 1.0 * MEGA, 30, 0.15);
        let (padding, all) = (bench.flows[0].padding, bench.flows[0].mean_arrived(0, 30_000) / 8.0 * 30.0);
        assert!(padding < 0.06 * all, "{seed}: {padding} bytes of padding in {all}");
    });
}

#[test]
fn two_share_a_link() {
    let late = Source { begin: 10_000, ..Source::of(ALL) };
    let lossy = Link { loss: vec![(0, 0.1)], ..Link::of(3.0 * MEGA) };
    let cases = [(Link::of(3.0 * MEGA), late.clone()), (Link::of(0.6 * MEGA), late.clone()), (lossy, late)];
    for (link, other) in cases {
        each_seed(&link, &[Source::of(ALL), other], 60, |seed, bench| {
            let shares = [0, 1].map(|at| bench.flows[at].mean_arrived(40_000, 60_000));
            let ratio = shares[0].max(shares[1]) / shares[0].min(shares[1]);
            assert!(ratio < 2.0, "{seed}: {shares:?}");
        });
    }
}

#[test]
fn a_greedy_transfer_leaves_a_usable_share() {
    let link = Link { greedy: Some(10_000), ..Link::of(3.0 * MEGA) };
    each_seed(&link, &[Source::of(ALL)], 60, |seed, bench| {
        let share = bench.flows[0].mean_arrived(30_000, 60_000);
        assert!((0.5 * MEGA..2.6 * MEGA).contains(&share), "{seed}: {share} beside a greedy transfer");
        assert!(bench.greedy_bytes() * 8.0 / 60.0 > 0.3 * MEGA, "{seed}: it starved the other");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_link_is_known(rate in 100_000f64..50e6, delay in 2f64..150.0, queue in 100f64..600.0, loss in 0f64..0.1, seed: u64) {
        let link = Link { delay, queue, loss: vec![(0, loss)], ..Link::of(rate) };
        let bench = Bench::new(seed, link, &[Source::of(ALL)]).run(25);
        let mean = bench.flows[0].mean(8_000, 25_000) / rate;
        prop_assert!((0.75..1.25).contains(&mean), "{mean:.2} of {rate} with a delay of {delay}, a queue of {queue}, loss of {loss}");
    }

    #[test]
    fn whatever_it_is_told_it_stays_in_bounds(
        reports in prop::collection::vec((any::<u16>(), 0u64..1 << 42, prop::option::of(any::<u64>()), any::<u32>(), any::<Option<u8>>()), 0..300),
        step in 0u64..2_000,
        remb: Option<u64>,
    ) {
        let config = EstimatorConfig::default();
        let mut estimator = Estimator::new(Instant::ZERO, config);
        for (at, (sequence, sent, arrived, bytes, probe)) in reports.into_iter().enumerate() {
            let now = Instant::from_millis(at as u64 * step);
            let sent = Instant::from_nanos(sent);
            let arrived = arrived.map(Instant::from_nanos);
            estimator.on_feedback(now, [PacketResult { sequence: SequenceNumber(sequence), sent, arrived, bytes, probe }], |_, _| {});
            estimator.set_demand(now, Bitrate(sent.as_nanos()));
            estimator.on_loss(now, sequence as u8, Bitrate(bytes.into()));
            remb.into_iter().for_each(|remb| estimator.on_remb(now, Bitrate(remb)));
            estimator.poll_probe(now);
            if estimator.poll_timeout(Some(sent)).is_some_and(|at| at <= now) {
                estimator.handle_timeout(now, Some(sent));
            }
            let target = estimator.estimate().target;
            prop_assert!((config.min..=config.max).contains(&target), "{target:?}");
        }
    }
}

#[test]
fn remb_is_the_estimate_without_feedback_and_a_cap_with_it() {
    let mut estimator = Estimator::new(Instant::ZERO, EstimatorConfig::default());
    estimator.on_remb(Instant::ZERO, Bitrate(1_700_000));
    assert_eq!(estimator.estimate().target, Bitrate(1_700_000));
    assert_eq!(estimator.estimate().limit, Limit::Remb);
    estimator.on_remb(Instant::from_millis(500), Bitrate(700_000));
    assert_eq!(estimator.estimate().target, Bitrate(700_000));

    let mut bench = Bench::new(1, Link::of(3.0 * MEGA), &[Source::of(ALL)]).run(5);
    let estimator = &mut bench.flows[0].estimator;
    estimator.on_remb(Instant::from_millis(5_000), Bitrate(1_000_000));
    assert_eq!(estimator.estimate().target, Bitrate(1_000_000));
    estimator.on_remb(Instant::from_millis(5_000), Bitrate(9_000_000));
    assert!(estimator.estimate().target > Bitrate(2_000_000));
}

/// A packet each 10 ms, over a way that becomes longer by so many milliseconds after 5 s: the estimates, one each 100 ms.
fn moved(by: u64) -> Vec<Estimate> {
    let mut estimator = Estimator::new(Instant::ZERO, EstimatorConfig::default());
    let report = |nth: u64| {
        let delay = if nth < 50 { 20 } else { 20 + by };
        let packets = (nth * 10..nth * 10 + 10).map(move |number| PacketResult {
            sequence: SequenceNumber(number as u16),
            sent: Instant::from_millis(number * 10),
            arrived: Some(Instant::from_millis(number * 10 + delay)),
            bytes: 1_200,
            probe: None,
        });
        (Instant::from_millis((nth + 1) * 100 + delay + 20), packets)
    };
    let told = (0..100).map(report).map(|(now, packets)| {
        estimator.on_feedback(now, packets, |_, _| {});
        estimator.estimate()
    });
    told.collect()
}

#[test]
fn a_path_that_becomes_longer_has_no_queue() {
    for by in [20, 40, 80, 200] {
        let told = moved(by);
        let (before, after) = (told[49].target, &told[50..]);
        assert!(after.iter().all(|e| e.target.0 * 10 >= before.0 * 9), "{by}: {before:?} {after:?}");
        let queued = after.iter().filter(|e| e.queue > Duration::from_millis(10)).count();
        assert!(queued <= 8, "{by}: a queue was seen for {queued} tenths of a second");
    }
}

/// Reports of a receiver whose link carries `carries`, once a second.
fn by_reports(carries: f64, random: f64) -> f64 {
    let mut estimator = Estimator::new(Instant::ZERO, EstimatorConfig::default());
    for second in 1..120 {
        let sent = estimator.estimate().target.0 as f64;
        let lost = (1.0 - (carries / sent).min(1.0)).max(random);
        estimator.on_loss(Instant::from_millis(second * 1_000), (lost * 256.0) as u8, Bitrate(sent as u64));
    }
    estimator.estimate().target.0 as f64
}

#[test]
fn receiver_reports_alone_find_the_rate() {
    let limited = by_reports(1.5 * MEGA, 0.0);
    assert!((1.2 * MEGA..1.65 * MEGA).contains(&limited), "{limited}");
    let lossy = by_reports(ALL, 0.1);
    assert!(lossy > 3.0 * MEGA, "{lossy} with loss that has nothing to do with the rate");
}

#[test]
fn it_is_not_woken_for_nothing() {
    for deaf in [true, false] {
        let mut estimator = Estimator::new(Instant::ZERO, EstimatorConfig::default());
        let (mut now, mut wakes) = (Instant::ZERO, 0);
        let outstanding = deaf.then_some(Instant::ZERO);
        while let Some(at) = estimator.poll_timeout(outstanding).filter(|at| *at < Instant::from_millis(60_000)) {
            assert!(at > now || wakes == 0, "{at:?} is not after {now:?}");
            now = at;
            wakes += 1;
            estimator.handle_timeout(now, outstanding);
            estimator.poll_probe(now);
        }
        assert!(wakes < 150, "{wakes} in a minute in which nothing was heard");
    }
}

#[test]
fn it_is_small() {
    assert!(size_of::<Estimator>() <= 4_096, "{}", size_of::<Estimator>());
}
