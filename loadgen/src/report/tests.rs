use super::*;
use crate::run::interval::Phase;
use crate::run::verdict::{Evidence, Outcome};
use corelay_loadgen::client::Times;
use corelay_loadgen::fleet::{Totals, delays};

fn scenario() -> Scenario {
    let text = "summary = \"Four & <friends>\"\nparticipants = 4\n[audio]\n[slo]\nlatency_p99 = \"2 ms\"\n";
    Scenario::parse("mine", "mine.toml", text.to_owned(), &[]).expect("it is complete")
}

fn interval(at_s: f64, phase: Phase) -> Interval {
    Interval {
        at_s,
        phase,
        participants: 4,
        streams: 12,
        packets_per_s: 600.0,
        sent_packets_per_s: 200.0,
        mbit_per_s: 0.8,
        lost: 0,
        corrupt: 0,
        latency_p50_us: Some(300.0 + at_s),
        latency_p99_us: Some(900.0),
        latency_max_us: None,
        joins_per_s: 0.0,
        server_cpu: Some(0.2),
        server_rss_kib: Some(20_000),
        generator_cpu: 0.4,
        generator_busy: 0.1,
    }
}

fn join(millis: u64, outcome: Result<(), &str>) -> Join {
    let times =
        Times { ready: Duration::from_millis(millis), first_packet: Some(Duration::from_millis(millis)), ..Times::default() };
    Join { at: Duration::from_millis(millis), expects_media: true, outcome: outcome.map(|()| times).map_err(str::to_owned) }
}

/// 10 s, 6,000 packets of which `lost` are missing, latencies of 1 us to `latency_max_us` in equal steps.
fn window(lost: u64, latency_max_us: u64) -> Window {
    let received = Counts { packets: 6_000 - lost, bytes: 1_000_000, lost, verified: 1_000, ..Counts::default() };
    let mut totals = Totals { received, ..Totals::default() };
    for n in 1..=1_000 {
        totals.latency_ns.record(n * latency_max_us).expect("it is within the bounds");
    }
    Window {
        length: Duration::from_secs(10),
        totals,
        server_cpu: Some(Duration::from_millis(600)),
        server_threads: BTreeMap::from([("shard-0".to_owned(), Duration::from_millis(500))]),
        own_cpu: Duration::from_secs(4),
        joins: 0,
        late_ns: delays(),
    }
}

fn measured(lost: u64, latency_max_us: u64, joins: Vec<Join>) -> Measured {
    let (window, scenario) = (window(lost, latency_max_us), scenario());
    let evidence =
        Evidence { slo: &scenario.slo, window: &window, joins: &joins, streams_expected: 12, streams_started: 12, lost: &[] };
    let verdict = Verdict::of(&evidence);
    Measured { rooms: 1, participants: 4, window, joins, streams_expected: 12, streams_started: 12, verdict }
}

fn report(lost: u64, latency_max_us: u64, joins: Vec<Join>) -> Report {
    let series = vec![interval(1.0, Phase::Joining), interval(2.0, Phase::Measuring), interval(3.0, Phase::Measuring)];
    let memory = Memory { before: 10_000, during: 14_000, after: 11_000, per_participant: 1_000, pss: None };
    let closing = Closing { profile: Some("AEAD_AES_128_GCM"), memory: Some(memory), series, failed_to_leave: 0 };
    Report::new(&scenario(), measured(lost, latency_max_us, joins), closing, None)
}

#[test]
fn a_whole_run_is_ok_in_all_three_forms() {
    let report = report(0, 1_500, vec![join(20, Ok(())), join(40, Ok(()))]);
    assert_eq!(report.verdict().outcome, Outcome::Ok);
    let table = report.table();
    for part in ["12 of 12", "6.0 % of a core, 100.00 us per received packet", "shard-0 5.0 %", "ok: everything arrived"] {
        assert!(table.contains(part), "`{part}` is missing in {table}");
    }
    let json: serde_json::Value = serde_json::from_str(&report.json().expect("it is plain data")).expect("it is JSON");
    assert_eq!(json["schema"], SCHEMA);
    assert_eq!(json["server"]["cpu_us_per_packet"], 100.0);
    assert_eq!(json["joins"]["p99_us"], 40_000.0);
    assert_eq!(json["memory"]["per_participant"], 1_000);
    assert_eq!(json["intervals"][1]["phase"], "measuring");
}

#[test]
fn the_page_stands_alone_and_takes_names_as_text() {
    let scenario = scenario();
    let page = report(0, 1_500, vec![join(20, Ok(()))]).html(&scenario);
    assert!(page.contains("Four &amp; &lt;friends&gt;") && !page.contains("<friends>"));
    assert!(page.matches("<svg").count() >= 8, "{} plots", page.matches("<svg").count());
    for fetched in ["http:", "https:", "src=", "@import", "url(", "<script"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    assert!(!page.contains("NaN"));
}

#[test]
fn what_failed_is_said_with_its_reason() {
    let outcome = |report: &Report| (report.verdict().outcome, report.conclusion());
    let (lost, reason) = outcome(&report(60, 1_500, Vec::new()));
    assert!(lost == Outcome::NotWhole && reason.contains("60 packets (1.0000 %) are missing"), "{reason}");
    let (slow, reason) = outcome(&report(0, 9_000, Vec::new()));
    assert!(slow == Outcome::SloBroken && reason.contains("above slo.latency_p99 of 2.00 ms"), "{reason}");
    let refused = vec![join(20, Ok(())), join(1, Err("load-0-1 could not join room x: join was refused with 503 full: no"))];
    let full = report(0, 1_500, refused);
    assert!(outcome(&full).1.contains("1 of 2 joins failed"), "{:?}", outcome(&full));
    assert_eq!(full.joins.failures.keys().next().map(String::as_str), Some("join was refused with 503 full: no"));
}

#[test]
fn a_generator_without_headroom_outranks_loss_and_corruption_outranks_all() {
    let slo = scenario().slo;
    let judge = |window: &Window| {
        Verdict::of(&Evidence { slo: &slo, window, joins: &[], streams_expected: 12, streams_started: 11, lost: &["x".to_owned()] })
    };
    let mut window = window(60, 9_000);
    assert_eq!((judge(&window).outcome, judge(&window).outcome.exit_code()), (Outcome::NotWhole, 3));
    window.totals.queue_drops = 1;
    let verdict = judge(&window);
    assert_eq!((verdict.outcome, verdict.outcome.exit_code()), (Outcome::Bottleneck, 4));
    assert!(verdict.reasons[0].starts_with("the generator was the bottleneck, so there is no result"), "{:?}", verdict.reasons);
    assert!(verdict.reasons.iter().any(|reason| reason.contains("11 of 12 streams")), "{:?}", verdict.reasons);
    window.totals.queue_drops = 0;
    let waited = |millis| Times { waited: Duration::from_millis(millis), ..Times::default() };
    let at = |waited| Join { at: Duration::ZERO, expects_media: false, outcome: Ok(waited) };
    let of = |joins: &[Join]| {
        Verdict::of(&Evidence { slo: &slo, window: &window, joins, streams_expected: 12, streams_started: 12, lost: &[] }).outcome
    };
    assert_eq!((of(&[at(waited(20))]), of(&[at(waited(20)), at(waited(200))])), (Outcome::NotWhole, Outcome::Bottleneck));
    window.totals.received.corrupt = 1;
    assert_eq!((judge(&window).outcome, judge(&window).outcome.exit_code()), (Outcome::Corrupt, 3));
}
