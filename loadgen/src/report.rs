//! What a run showed: a table for people, JSON for programs, and a page with plots. All three say the same.

mod escape;
mod html;
mod plot;
mod table;

use crate::ramp::Climb;
use crate::run::interval::Interval;
use crate::run::joins::{Join, quantile};
use crate::run::sampler::{Window, quantile_us};
use crate::run::verdict::Verdict;
use crate::run::{Closing, Measured, Memory};
use crate::scenario::Scenario;
use corelay_loadgen::fleet::Counts;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Of the JSON. A field that is added leaves it as it is; one that changes its meaning or goes raises it. `docs/loadgen.md` has
/// them all.
pub(crate) const SCHEMA: &str = "corelay-loadgen/1";

/// The result of a run. Times are in microseconds or seconds, as their names say.
#[derive(Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    version: &'static str,
    /// Seconds since 1970 at the report's making.
    written_at: u64,
    scenario: Summary,
    verdict: Verdict,
    /// Length of the measuring.
    seconds: f64,
    profile: Option<&'static str>,
    streams_expected: usize,
    streams_started: usize,
    sent_packets: u64,
    received: Counts,
    loss_share: f64,
    packets_per_s: f64,
    mbit_per_s: f64,
    latency: Option<Latency>,
    joins: Joins,
    server: Option<Server>,
    memory: Option<Memory>,
    generator: Generator,
    failed_to_leave: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp: Option<Climb>,
    intervals: Vec<Interval>,
}

/// The scenario in short; of a ramp, at its last step.
#[derive(Serialize)]
struct Summary {
    name: String,
    summary: String,
    rooms: usize,
    participants: usize,
    publishers: usize,
}

/// End to end: from the publisher's stamp to the kernel's receive timestamp, of the packets that were opened.
#[derive(Serialize)]
pub(crate) struct Latency {
    samples: u64,
    mean_us: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    /// Pairs of a share, 0 to 1, and the latency below which it lies.
    distribution: Vec<(f64, f64)>,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |share| quantile_us(histogram, share);
        // Each step halves what is left, in four parts: the tail is drawn as finely as the middle.
        let shares = (0..).map(|n| 1.0 - 0.5f64.powf(f64::from(n) / 4.0));
        let shares = shares.take_while(|share| (1.0 - share) * histogram.len() as f64 >= 1.0);
        Some(Self {
            samples: histogram.len(),
            mean_us: histogram.mean() / 1e3,
            p50_us: at(0.5)?,
            p90_us: at(0.9)?,
            p99_us: at(0.99)?,
            p999_us: at(0.999)?,
            max_us: at(1.0)?,
            distribution: shares.filter_map(|share| Some((share, at(share)?))).collect(),
        })
    }
}

/// From the first byte of a participant to its first packet, or to the last answer where no packet was due.
#[derive(Serialize)]
struct Joins {
    asked: usize,
    failed: usize,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    max_us: f64,
    /// Medians of the steps, each from the join's beginning.
    steps: Steps,
    /// Why joins failed, and how many by each reason.
    failures: BTreeMap<String, usize>,
    /// Pairs of seconds since the run's beginning and microseconds that a join took.
    #[serde(skip)]
    points: Vec<(f64, f64)>,
}

#[derive(Serialize, Default)]
struct Steps {
    connected_us: f64,
    joined_us: f64,
    transports_us: f64,
    ready_us: f64,
}

impl Joins {
    fn of(joins: &[Join]) -> Self {
        let mut took: Vec<Duration> = joins.iter().filter_map(Join::took).collect();
        took.sort();
        let mut failures = BTreeMap::new();
        for reason in joins.iter().filter_map(|join| join.outcome.as_ref().err()) {
            *failures.entry(without_names(reason)).or_default() += 1;
        }
        Self {
            asked: joins.len(),
            failed: joins.iter().filter(|join| join.outcome.is_err()).count(),
            p50_us: us(quantile(&took, 0.5)),
            p90_us: us(quantile(&took, 0.9)),
            p99_us: us(quantile(&took, 0.99)),
            max_us: us(quantile(&took, 1.0)),
            steps: Steps::of(joins),
            failures,
            points: joins.iter().filter_map(|join| Some((join.at.as_secs_f64(), us(join.took()?)))).collect(),
        }
    }
}

impl Steps {
    fn of(joins: &[Join]) -> Self {
        let median = |step: fn(&corelay_loadgen::client::Times) -> Duration| {
            let mut times: Vec<Duration> = joins.iter().filter_map(|join| join.outcome.as_ref().ok()).map(step).collect();
            times.sort();
            us(quantile(&times, 0.5))
        };
        Self {
            connected_us: median(|times| times.connected),
            joined_us: median(|times| times.joined),
            transports_us: median(|times| times.transports),
            ready_us: median(|times| times.ready),
        }
    }
}

/// `load-3-17 could not join room x-3: full` and its like are one reason: what stands behind the first colon.
fn without_names(reason: &str) -> String {
    reason.split_once(": ").map_or(reason, |(_, rest)| rest).to_owned()
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// CPU of the server's process while it was measured.
#[derive(Serialize)]
struct Server {
    cpu_seconds: f64,
    /// Of one core.
    cpu_percent: f64,
    /// Per packet that receivers got.
    cpu_us_per_packet: Option<f64>,
    /// By thread name.
    threads: BTreeMap<String, f64>,
}

impl Server {
    fn of(window: &Window) -> Option<Self> {
        let cpu = window.server_cpu?.as_secs_f64();
        let packets = window.totals.received.packets;
        Some(Self {
            cpu_seconds: cpu,
            cpu_percent: cpu / window.length.as_secs_f64() * 100.0,
            cpu_us_per_packet: (packets > 0).then(|| cpu * 1e6 / packets as f64),
            threads: window.server_threads.iter().map(|(name, cpu)| (name.clone(), cpu.as_secs_f64())).collect(),
        })
    }
}

/// How the generator itself did.
#[derive(Serialize)]
struct Generator {
    /// Of one core, the whole process.
    cpu_percent: f64,
    /// Busy share of each media thread, 0 to 1.
    busy: Vec<f64>,
    checked_packets: u64,
    /// From the kernel's receive timestamp to when the generator read the packet: not part of the latency.
    read_delay_p99_us: Option<f64>,
    /// How late publishers' bursts left against their schedule.
    send_delay_p99_us: Option<f64>,
    /// How late the thread was that joins and leaves.
    join_delay_p99_us: Option<f64>,
    sent_refused: u64,
    queue_drops: u64,
    unexpected_packets: u64,
}

impl Generator {
    fn of(window: &Window) -> Self {
        let totals = &window.totals;
        Self {
            cpu_percent: window.own_cpu.as_secs_f64() / window.length.as_secs_f64() * 100.0,
            busy: totals.busy.clone(),
            checked_packets: totals.received.verified,
            read_delay_p99_us: quantile_us(&totals.read_delay_ns, 0.99),
            send_delay_p99_us: quantile_us(&totals.send_delay_ns, 0.99),
            join_delay_p99_us: quantile_us(&window.late_ns, 0.99),
            sent_refused: totals.sent_refused,
            queue_drops: totals.queue_drops,
            unexpected_packets: totals.unexpected,
        }
    }
}

impl Report {
    /// Of a plain run, or of the step of a ramp that tells its capacity.
    pub(crate) fn new(scenario: &Scenario, measured: Measured, closing: Closing, ramp: Option<Climb>) -> Self {
        let Measured { rooms, participants, window, joins, streams_expected, streams_started, verdict } = measured;
        let seconds = window.length.as_secs_f64();
        let received = window.totals.received;
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            written_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            scenario: Summary::of(scenario, rooms, participants),
            verdict,
            seconds,
            profile: closing.profile,
            streams_expected,
            streams_started,
            sent_packets: window.totals.sent_packets,
            received,
            loss_share: window.loss(),
            packets_per_s: received.packets as f64 / seconds,
            mbit_per_s: received.bytes as f64 * 8e-6 / seconds,
            latency: Latency::of(&window.totals.latency_ns),
            joins: Joins::of(&joins),
            server: Server::of(&window),
            memory: closing.memory,
            generator: Generator::of(&window),
            failed_to_leave: closing.failed_to_leave,
            ramp,
            intervals: closing.series,
        }
    }

    /// How it ended.
    pub(crate) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The JSON of `docs/loadgen.md`.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Summary {
    fn of(scenario: &Scenario, rooms: usize, participants: usize) -> Self {
        Self {
            name: scenario.name.clone(),
            summary: scenario.summary.clone(),
            rooms,
            participants,
            publishers: scenario.publishers.of(participants),
        }
    }
}

#[cfg(test)]
mod tests;
