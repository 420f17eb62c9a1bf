//! One point of the plots: what happened since the point before.

use serde::Serialize;

/// What the run does at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Joining,
    Warmup,
    Measuring,
    Leaving,
}

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Interval {
    /// Its end, in seconds since the run's beginning.
    pub(crate) at_s: f64,
    pub(crate) phase: Phase,
    pub(crate) participants: u64,
    pub(crate) streams: u64,
    pub(crate) packets_per_s: f64,
    pub(crate) sent_packets_per_s: f64,
    pub(crate) mbit_per_s: f64,
    pub(crate) lost: u64,
    pub(crate) corrupt: u64,
    /// Absent where no packet was checked.
    pub(crate) latency_p50_us: Option<f64>,
    pub(crate) latency_p99_us: Option<f64>,
    pub(crate) latency_max_us: Option<f64>,
    pub(crate) joins_per_s: f64,
    /// CPU of the server, in cores.
    pub(crate) server_cpu: Option<f64>,
    pub(crate) server_rss_kib: Option<u64>,
    /// CPU of this process, in cores.
    pub(crate) generator_cpu: f64,
    /// Busy share of the generator's busiest media thread.
    pub(crate) generator_busy: f64,
}
