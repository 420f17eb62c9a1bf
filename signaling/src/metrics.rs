//! What `/metrics` shows: counters of signaling, and on each scrape what the registry and the shards have.
//!
//! The names without our prefix are those of the replaced system, so that its dashboards go on.

mod collector;
mod distribution;
mod exposition;
mod process;
mod shard;
mod writer;

use crate::protocol::ErrorName;
use crate::registry::Registry as Rooms;
use crate::shards::Shards;
use collector::{Live, LiveCollector};
pub(crate) use exposition::Format;
pub(crate) use process::resident_bytes;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, NativeHistogramConfig};
use prometheus_client::registry::Registry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type ByLabel = Family<[(&'static str, &'static str); 1], Counter>;

/// The counters of signaling.
pub(crate) struct Metrics {
    registry: Registry,
    refusals: ByLabel,
    requests: ByLabel,
    sessions_ended: ByLabel,
    /// WebSockets at present.
    pub(crate) sessions: Gauge,
    transport_connection: Histogram,
    producer_creation: Histogram,
    consumer_creation: Histogram,
    track_start: Histogram,
    subscription_start: Histogram,
}

/// Why a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The client said `leave` or closed with 1000.
    Left,
    /// The connection broke, or the client closed with another code.
    Lost,
    /// No message and no pong for too long.
    Silent,
    /// It does not read what it is sent.
    SlowReader,
    /// The server said goodbye.
    Dismissed,
}

impl SessionEnd {
    const fn label(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::SlowReader => "slow-reader",
            Self::Dismissed => "dismissed",
        }
    }
}

/// From a local call in one hop (5 ms) to a peer that gave up (30 s).
fn seconds() -> Histogram {
    let classic = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    Histogram::new_classic_and_native(classic, NativeHistogramConfig::with_schema(distribution::SCHEMA))
}

impl Metrics {
    pub(crate) fn new(shards: Arc<Shards>, rooms: Arc<Mutex<Rooms>>) -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            refusals: Family::default(),
            requests: Family::default(),
            sessions_ended: Family::default(),
            sessions: Gauge::default(),
            transport_connection: seconds(),
            producer_creation: seconds(),
            consumer_creation: seconds(),
            track_start: seconds(),
            subscription_start: seconds(),
            registry: Registry::default(),
        };
        // Each reason has its counter from the start: a rate needs the zero before the one.
        for name in ErrorName::ALL {
            let _ = metrics.refusals.get_or_create(&[("reason", name.label())]);
        }
        metrics.register(&mut registry);
        registry.register_collector(Box::new(LiveCollector(Live { shards, rooms })));
        Self { registry, ..metrics }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("corelay_signaling_refusals", "Refused requests and connections, by reason", self.refusals.clone());
        registry.register("corelay_signaling_requests", "Requests of clients, by method", self.requests.clone());
        registry.register("corelay_signaling_sessions_ended", "WebSockets that ended, by cause", self.sessions_ended.clone());
        registry.register("corelay_signaling_sessions", "WebSockets at present", self.sessions.clone());
        // Of calls that move between peers and the server. Every call is the server's here: nothing ever moves.
        registry.register(
            "calls_mode_transitions",
            "Calls that moved to or from the server; none ever does",
            Counter::<u64>::default(),
        );
        registry.register("call_mode_transition_duration_seconds", "How long such a move took", seconds());
        registry.register(
            "webrtc_transport_connection_duration_seconds",
            "From making a transport to its first connected state",
            self.transport_connection.clone(),
        );
        registry.register(
            "producer_creation_duration_seconds",
            "From a produce request to its answer",
            self.producer_creation.clone(),
        );
        registry.register(
            "consumer_creation_duration_seconds",
            "From a consume request to its answer",
            self.consumer_creation.clone(),
        );
        registry.register("corelay_track_start_seconds", "From publishing a track to its first packet", self.track_start.clone());
        registry.register(
            "corelay_subscription_start_seconds",
            "From subscribing to the first packet that left",
            self.subscription_start.clone(),
        );
    }

    pub(crate) fn refused(&self, name: ErrorName) {
        self.refusals.get_or_create(&[("reason", name.label())]).inc();
    }

    pub(crate) fn requested(&self, method: &'static str) {
        self.requests.get_or_create(&[("method", method)]).inc();
    }

    pub(crate) fn session_ended(&self, end: SessionEnd) {
        self.sessions_ended.get_or_create(&[("cause", end.label())]).inc();
    }

    pub(crate) fn transport_connected(&self, after: Duration) {
        self.transport_connection.observe(after.as_secs_f64());
    }

    pub(crate) fn produced(&self, after: Duration) {
        self.producer_creation.observe(after.as_secs_f64());
    }

    pub(crate) fn consumed(&self, after: Duration) {
        self.consumer_creation.observe(after.as_secs_f64());
    }

    pub(crate) fn track_started(&self, after: Duration) {
        self.track_start.observe(after.as_secs_f64());
    }

    pub(crate) fn subscription_started(&self, after: Duration) {
        self.subscription_start.observe(after.as_secs_f64());
    }

    /// Everything, as OpenMetrics text.
    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
