//! What is asked for on each scrape.

use super::{process, shard};
use crate::registry::Registry as Rooms;
use crate::shards::Shards;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the values come from.
pub(super) struct Live {
    pub(super) shards: Arc<Shards>,
    pub(super) rooms: Arc<Mutex<Rooms>>,
}

pub(super) struct LiveCollector(pub(super) Live);

impl fmt::Debug for LiveCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveCollector")
    }
}

impl Collector for LiveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut writer = Writer(&mut encoder);
        self.rooms(&mut writer)?;
        shard::write(&self.0.shards, &mut writer)?;
        process::write(&mut writer)
    }
}

impl LiveCollector {
    fn rooms(&self, out: &mut Writer<'_, '_>) -> fmt::Result {
        let (totals, loads) = {
            let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            (rooms.totals(), rooms.shard_loads())
        };
        out.gauge("mediasoup_workers_total", "Shards", self.0.shards.infos().len())?;
        out.gauge("mediasoup_routers_total", "Rooms", totals.rooms)?;
        out.gauge("mediasoup_transports_total", "Transports", totals.transports)?;
        out.gauge("mediasoup_producers_total", "Published tracks", totals.producers)?;
        out.gauge("mediasoup_consumers_total", "Subscriptions", totals.consumers)?;
        out.gauge("calls_active_total", "Rooms with someone in them", totals.calls)?;
        out.gauge("calls_mode_p2p_total", "Calls without the server; this server carries every call", 0)?;
        out.gauge("calls_mode_sfu_total", "Calls over the server", totals.calls)?;
        out.gauge("corelay_participants", "Participants, those that linger included", totals.participants)?;
        out.gauge("corelay_participants_lingering", "Participants whose WebSocket is lost", totals.lingering)?;
        let per_shard = |pick: fn(&crate::registry::ShardLoad) -> usize| {
            loads.iter().map(|load| (vec![("shard", load.shard.to_string())], pick(load) as u64)).collect::<Vec<_>>()
        };
        out.gauges("corelay_placed_rooms", "Rooms that signaling placed on the shard", &per_shard(|l| l.rooms))?;
        out.gauges("corelay_placed_participants", "Participants that signaling placed on the shard", &per_shard(|l| l.participants))
    }
}

/// Values with their labels.
pub(super) type Rows = Vec<(Vec<(&'static str, String)>, u64)>;

/// Writes families of values that exist only while they are written.
pub(super) struct Writer<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Writer<'_, '_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: usize) -> fmt::Result {
        self.float(name, help, value as f64)
    }

    pub(super) fn float(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    pub(super) fn float_counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        counter.encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    pub(super) fn gauges(&mut self, name: &str, help: &str, rows: &Rows) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            ConstGauge::new(*value as f64).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }

    pub(super) fn counters(&mut self, name: &str, help: &str, rows: &Rows) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            ConstCounter::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }

    /// One histogram a row: labels, sum, count, and how many were at most each bound.
    pub(super) fn histograms(&mut self, name: &str, help: &str, rows: &[HistogramRow]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for row in rows {
            let mut encoder = family.encode_family(&row.labels)?;
            encoder.encode_histogram::<NoExemplar>(row.sum, row.count, &row.buckets, None)?;
        }
        Ok(())
    }
}

/// The type of exemplars that are never given.
type NoExemplar = [(&'static str, &'static str); 0];

/// One histogram as Prometheus has it. `buckets`: upper bound and how many lie between the bound before it and this one.
pub(super) struct HistogramRow {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) sum: f64,
    pub(super) count: u64,
    pub(super) buckets: Vec<(f64, u64)>,
}
