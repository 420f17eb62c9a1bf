//! Families of values that exist only while they are written.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// Values with their labels.
pub(super) type Rows = Vec<(Vec<(&'static str, String)>, u64)>;

/// Writes families of values that exist only while they are written.
pub(super) struct Writer<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) fn new(encoder: &'a mut DescriptorEncoder<'b>) -> Self {
        Self(encoder)
    }

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
