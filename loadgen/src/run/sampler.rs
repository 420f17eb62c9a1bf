//! Looks at the fleet, the server's process and our own at the scenario's interval, and keeps what it saw for the plots.

use super::generator::Generator;
use super::interval::{Interval, Phase};
use super::progress::Progress;
use corelay_loadgen::fleet::{Totals, difference};
use corelay_loadgen::process::{self, Usage};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Everything at one moment.
#[derive(Clone)]
pub(crate) struct Look {
    pub(crate) at: Instant,
    pub(crate) totals: Totals,
    pub(crate) server: Option<Usage>,
    own: Usage,
    joins: u64,
    late_ns: Histogram<u64>,
}

/// What happened between two looks.
pub(crate) struct Window {
    pub(crate) length: Duration,
    pub(crate) totals: Totals,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) server_threads: BTreeMap<String, Duration>,
    pub(crate) own_cpu: Duration,
    /// Joins that were done.
    pub(crate) joins: u64,
    /// How late the thread was that joins and leaves, in ns.
    pub(crate) late_ns: Histogram<u64>,
}

impl Window {
    pub(crate) fn between(earlier: &Look, later: &Look) -> Self {
        let servers = later.server.as_ref().zip(earlier.server.as_ref());
        Self {
            length: later.at - earlier.at,
            totals: later.totals.since(&earlier.totals),
            server_cpu: servers.map(|(later, earlier)| later.cpu_since(earlier)),
            server_threads: servers.map(|(later, earlier)| later.cpu_by_name_since(earlier)).unwrap_or_default(),
            own_cpu: later.own.cpu_since(&earlier.own),
            joins: later.joins - earlier.joins,
            late_ns: difference(&later.late_ns, &earlier.late_ns),
        }
    }

    /// The busiest media thread.
    pub(crate) fn busiest(&self) -> f64 {
        self.totals.busy.iter().copied().fold(0.0, f64::max)
    }

    /// Of what should have come, how much is missing.
    pub(crate) fn loss(&self) -> f64 {
        let received = &self.totals.received;
        let due = received.packets + received.lost;
        if due == 0 { 0.0 } else { received.lost as f64 / due as f64 }
    }
}

/// A latency in microseconds; `None` where there is no sample.
pub(crate) fn quantile_us(histogram: &Histogram<u64>, share: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(share) as f64 / 1e3)
}

/// See the module.
pub(crate) struct Sampler {
    generator: Arc<Generator>,
    progress: Progress,
    begun: Instant,
    last: Look,
    pub(crate) series: Vec<Interval>,
}

impl Sampler {
    pub(crate) fn new(generator: &Arc<Generator>, progress: Progress) -> Self {
        let last = look(generator);
        Self { generator: Arc::clone(generator), progress, begun: last.at, last, series: Vec::new() }
    }

    /// Everything at this moment.
    pub(crate) fn look(&self) -> Look {
        look(&self.generator)
    }

    /// Takes points for ever: to be raced against what is waited for.
    pub(crate) async fn watch(&mut self, phase: Phase, title: &str) -> Infallible {
        loop {
            tokio::time::sleep_until(self.last.at + self.generator.scenario.measure.interval).await;
            self.point(phase, title, None);
        }
    }

    /// Takes points for a time, the last one at its end.
    pub(crate) async fn watch_for(&mut self, phase: Phase, title: &str, length: Duration) {
        let (start, end) = (Instant::now(), Instant::now() + length);
        let interval = self.generator.scenario.measure.interval;
        while Instant::now() < end {
            let next = self.last.at + interval;
            // A rest shorter than half an interval is added to the point before it: its rates would be noise.
            tokio::time::sleep_until(if next + interval / 2 > end { end } else { next }).await;
            self.point(phase, title, Some((start.elapsed(), length)));
        }
    }

    /// Ends the live lines.
    pub(crate) fn finish(&mut self) {
        self.progress.finish();
    }

    fn point(&mut self, phase: Phase, title: &str, part: Option<(Duration, Duration)>) {
        let look = look(&self.generator);
        let window = Window::between(&self.last, &look);
        let interval = self.interval(phase, &look, &window);
        self.progress.show(&interval, title, part);
        self.series.push(interval);
        self.last = look;
    }

    fn interval(&self, phase: Phase, look: &Look, window: &Window) -> Interval {
        let seconds = window.length.as_secs_f64().max(1e-6);
        let (received, latency) = (&window.totals.received, &window.totals.latency_ns);
        Interval {
            at_s: (look.at - self.begun).as_secs_f64(),
            phase,
            participants: self.generator.present(),
            streams: look.totals.streams_started,
            packets_per_s: received.packets as f64 / seconds,
            sent_packets_per_s: window.totals.sent_packets as f64 / seconds,
            mbit_per_s: received.bytes as f64 * 8e-6 / seconds,
            lost: received.lost,
            corrupt: received.corrupt + received.unopened,
            latency_p50_us: quantile_us(latency, 0.5),
            latency_p99_us: quantile_us(latency, 0.99),
            latency_max_us: quantile_us(latency, 1.0),
            joins_per_s: window.joins as f64 / seconds,
            server_cpu: window.server_cpu.map(|cpu| cpu.as_secs_f64() / seconds),
            server_rss_kib: look.server.as_ref().map(|server| server.rss_kib),
            generator_cpu: window.own_cpu.as_secs_f64() / seconds,
            generator_busy: window.busiest(),
        }
    }
}

fn look(generator: &Generator) -> Look {
    Look {
        at: Instant::now(),
        totals: generator.fleet.totals(),
        server: generator.target.server_pid.and_then(process::usage),
        own: process::usage(std::process::id()).unwrap_or_default(),
        joins: generator.joins_done.load(Ordering::Relaxed),
        late_ns: generator.lag.seen(),
    }
}
