//! Corelay beside Janus and mediasoup: the same publisher, the same subscribers, one server after the other, round by round.

use super::contestant::Contestant;
use super::fanout::{Fanout, Outcome};
use super::{janus, mediasoup};
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::{Context, Result, anyhow};
use corelay_loadgen::stream::{Burst, StreamPlan};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const SUBSCRIBERS: usize = 100;
/// 9 packets of 1200 bytes, 30 times a second.
const BITRATE: u32 = 9 * 1200 * 8 * 30;
const FPS: u32 = 30;
/// What a browser's pacer makes of a frame.
const PACED: Burst = Burst::Paced { packets: 3, gap: Duration::from_millis(5) };

/// Calls that are tried of one server before it is left out.
const ATTEMPTS: u32 = 2;
/// Joining, settling and measuring take about 30 s where all goes well; a server that has not begun by then will not.
const ATTEMPT_MAX: Duration = Duration::from_secs(90);

/// How a frame's packets come.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    burst: Burst,
}

const SHAPES: [Shape; 2] = [Shape { name: "together", burst: Burst::Together }, Shape { name: "paced", burst: PACED }];

/// A contestant under its name, with its outcomes by shape.
struct Entry {
    name: &'static str,
    contestant: Contestant,
    outcomes: [Vec<Outcome>; 2],
}

/// Measures all that are installed.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut entries = contestants(&mut findings.notes);
    for _ in 0..if effort.quick { 1 } else { 3 } {
        for (at, shape) in SHAPES.iter().enumerate() {
            let plan = fanout(effort, *shape);
            let mut round = Vec::new();
            for entry in &entries {
                round.push(attempt(entry, &plan, shape).await);
            }
            keep(&mut entries, at, round, &mut findings.notes)?;
        }
    }
    findings.figures = figures(&entries);
    let shape = format!("{SUBSCRIBERS} subscribers, VP8 of 9 x 1200 bytes at {FPS} frames/s, AEAD_AES_128_GCM, over loopback");
    findings.notes.push(format!("{shape}; paced: bursts of 3 packets, 5 ms apart. The clients take runs as one (UDP_GRO)"));
    Ok(findings)
}

/// One call through one server; tried again when it fails, for the machine may have been busy for a moment.
async fn attempt(entry: &Entry, plan: &Fanout, shape: &Shape) -> Result<Outcome> {
    let mut result = Ok(Outcome::default());
    for _ in 0..ATTEMPTS {
        let began = Instant::now();
        result = match timeout(ATTEMPT_MAX, entry.contestant.run(plan)).await {
            Ok(result) => result,
            Err(_) => Err(anyhow!("it was not done after {ATTEMPT_MAX:?}")),
        };
        let how = result.as_ref().map_or_else(|error| format!("{error:#}"), |outcome| format!("{:.2?} us", outcome.cpu_us));
        eprintln!("peers: {} with frames {}, after {:.0?}: {how}", entry.name, shape.name, began.elapsed());
        if result.is_ok() {
            break;
        }
    }
    result.with_context(|| format!("{} with frames {}", entry.name, shape.name))
}

/// Keeps a round's outcomes. Another server that fails is left out from here on, with a note; this project's own ends the section.
fn keep(entries: &mut Vec<Entry>, at: usize, round: Vec<Result<Outcome>>, notes: &mut Vec<String>) -> Result<()> {
    let mut kept = Vec::new();
    for (mut entry, outcome) in entries.drain(..).zip(round) {
        match outcome {
            Ok(outcome) => {
                entry.outcomes[at].push(outcome);
                kept.push(entry);
            }
            Err(error) if matches!(entry.contestant, Contestant::Corelay { .. }) => return Err(error),
            Err(error) => notes.push(format!("left out: {error:#}")),
        }
    }
    *entries = kept;
    Ok(())
}

fn fanout(effort: &Effort, shape: Shape) -> Fanout {
    let stream = StreamPlan { burst: shape.burst, ..StreamPlan::video(BITRATE, FPS) };
    let (windows, window) = if effort.quick { (2, Duration::from_secs(3)) } else { (3, Duration::from_secs(5)) };
    Fanout { stream, subscribers: SUBSCRIBERS, cores: effort.cores(), windows, window }
}

fn contestants(notes: &mut Vec<String>) -> Vec<Entry> {
    let entry = |name, contestant| Entry { name, contestant, outcomes: [Vec::new(), Vec::new()] };
    let own = [("corelay", false), ("corelay_feedback", true)];
    let mut entries: Vec<Entry> = own.map(|(name, feedback)| entry(name, Contestant::Corelay { feedback })).into();
    if janus::is_installed() {
        entries.push(entry("janus", Contestant::Janus { event_loops: None }));
        entries.push(entry("janus_event_loops", Contestant::Janus { event_loops: Some(1) }));
    } else {
        notes.push("Janus was skipped: it is not installed (Debian package janus)".to_owned());
    }
    match mediasoup::missing() {
        None => entries.push(entry("mediasoup", Contestant::Mediasoup)),
        Some(reason) => notes.push(format!("mediasoup was skipped: {reason}")),
    }
    entries
}

fn figures(entries: &[Entry]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (at, shape) in SHAPES.iter().enumerate() {
        for entry in entries {
            let of = |values: fn(&Outcome) -> &Vec<f64>| entry.outcomes[at].iter().flat_map(values).copied().collect();
            let (name, shape) = (entry.name, shape.name);
            figures.push(Figure::new(format!("peers.{name}.{shape}.cpu_us"), "us", of(|o| &o.cpu_us)));
            figures.push(Figure::new(format!("peers.{name}.{shape}.latency_p50_us"), "us", of(|o| &o.latency_p50_us)));
            figures.push(Figure::new(format!("peers.{name}.{shape}.latency_p99_us"), "us", of(|o| &o.latency_p99_us)));
            let memory = entry.outcomes[at].iter().map(|outcome| outcome.rss_subscriber_kib).collect();
            figures.push(Figure::new(format!("peers.{name}.{shape}.rss_subscriber_kib"), "KiB", memory));
        }
        for other in &entries[1..] {
            figures.push(ratio(&entries[0], other, at));
        }
    }
    figures
}

/// How many times the CPU of Corelay another takes, round by round. The plain name is the one of frames that come together.
fn ratio(ours: &Entry, other: &Entry, at: usize) -> Figure {
    let median = |outcome: &Outcome| Figure::new("cpu", "us", outcome.cpu_us.clone()).median();
    let rounds = ours.outcomes[at].iter().zip(&other.outcomes[at]).map(|(ours, other)| median(other) / median(ours)).collect();
    let shape = if at == 0 { String::new() } else { format!("{}.", SHAPES[at].name) };
    Figure::new(format!("peers.{}.{shape}cpu_ratio", other.name), "ratio", rounds)
}
