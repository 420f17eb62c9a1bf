//! Families of values that exist only while they are written.

use super::distribution::Distribution;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

/// Labels of one value.
pub(super) type Labels = Vec<(&'static str, String)>;
/// Values with their labels.
pub(super) type Rows = Vec<(Labels, u64)>;

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

    /// Counters that are not whole numbers, such as seconds.
    pub(super) fn float_counters(&mut self, name: &str, help: &str, rows: &[(Labels, f64)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in rows {
            ConstCounter::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }

    /// As [`Self::gauges`], of values that are not whole numbers.
    pub(super) fn float_gauges(&mut self, name: &str, help: &str, rows: &[(Labels, f64)]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
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

    /// One histogram a row, classic and native.
    pub(super) fn histograms(&mut self, name: &str, help: &str, rows: &[Distribution]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for row in rows {
            let mut encoder = family.encode_family(&row.labels)?;
            encoder.encode_histogram_with_native::<NoExemplar>(row.sum, row.count, &row.classic, None, row.native())?;
        }
        Ok(())
    }
}

/// The type of exemplars that are never given.
type NoExemplar = [(&'static str, &'static str); 0];
