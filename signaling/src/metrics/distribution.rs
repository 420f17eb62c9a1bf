//! A shard's histogram as Prometheus has it: classic buckets for every scraper, native ones for those that take protobuf.
//!
//! ```text
//! shard's   |.|.|.|.|.|.|.|.|.|.|.|.|     cells 0.8 % wide (two significant digits); a cell counts where its middle lies
//! native    |    |     |      |           bucket i: (2^((i-1)/8), 2^(i/8)], 9 % wide; empty ones are left out
//! classic   |               |         |   the bounds of the table in `shard`
//! ```
//!
//! **Native buckets** have schema 3: eight a doubling, each 9.05 % wider than the one before. A quantile read from them is off by 4.4 %
//! at most when the reader takes a bucket's geometric middle, 9.05 % wherever it looks in the bucket, and by half a cell (0.4 %) more at
//! a bucket's edge. Schema 4 would halve that for twice the buckets (a latency that spreads over three powers of ten fills 80 of them), and
//! Prometheus gives a series some 160 before it merges them. Zero has the zero bucket; nothing else is in it.

use hdrhistogram::Histogram;
use prometheus_client::encoding::{NativeHistogram, NativeHistogramBuckets};

/// Buckets a doubling, as a power of two.
pub(super) const SCHEMA: i8 = 3;
/// Nothing that is measured here lies between zero and this; it is what Prometheus takes by default.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;
/// Empty buckets between two others that are written out: a new span costs as much as two.
const GAP_MAX: i32 = 2;

/// One histogram of one shard.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Upper bound, and how many lie between the bound before it and this one.
    pub(super) classic: Vec<(f64, u64)>,
    native: Native,
}

/// Sparse buckets: spans of (distance to the end of the span before, or the index of the first bucket; buckets), and for each bucket by
/// how much its count differs from the bucket before.
#[derive(Debug, Default)]
struct Native {
    zeros: u64,
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    /// The last bucket's index and count.
    last: Option<(i32, u64)>,
}

impl Distribution {
    /// `values`, `scale` of which are one of the metric's unit, cut at `bounds` of that unit.
    pub(super) fn new(labels: Vec<(&'static str, String)>, values: &Histogram<u64>, bounds: &[f64], scale: f64) -> Self {
        let mut classic: Vec<(f64, u64)> = bounds.iter().copied().chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
        let mut native = Native::default();
        let mut sum = 0.0;
        let mut bucket = (i32::MIN, 0);
        for cell in values.iter_recorded() {
            let (count, value) = (cell.count_at_value(), values.median_equivalent(cell.value_iterated_to()) as f64 / scale);
            sum += value * count as f64;
            let at = classic.partition_point(|(bound, _)| *bound < value).min(bounds.len());
            classic[at].1 += count;
            match index(value) {
                None => native.zeros += count,
                Some(index) if index == bucket.0 => bucket.1 += count,
                Some(index) => native.push(std::mem::replace(&mut bucket, (index, count))),
            }
        }
        native.push(bucket);
        Self { labels, sum, count: values.len(), classic, native }
    }

    /// For the encoder. One that knows no native buckets takes the classic ones.
    pub(super) fn native(&self) -> NativeHistogram<'_> {
        // A histogram without any bucket is told from a classic one by an empty span.
        let spans = if self.native.spans.is_empty() { &[(0, 0)] } else { self.native.spans.as_slice() };
        NativeHistogram {
            schema: i32::from(SCHEMA),
            zero_threshold: ZERO_THRESHOLD,
            zero_count: self.native.zeros,
            positive: NativeHistogramBuckets { spans, deltas: &self.native.deltas },
            negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
            created: None,
        }
    }
}

impl Native {
    /// The next bucket with something in it, in ascending order.
    fn push(&mut self, (index, count): (i32, u64)) {
        if count == 0 {
            return;
        }
        let gap = self.last.map_or(index, |(last, _)| index - last - 1);
        match self.spans.last_mut() {
            Some(span) if gap <= GAP_MAX => {
                span.1 += gap.unsigned_abs() + 1;
                (0..gap).for_each(|_| self.count(0));
            }
            _ => self.spans.push((gap, 1)),
        }
        self.count(count);
        self.last = Some((index, count));
    }

    fn count(&mut self, count: u64) {
        let before = self.last.map_or(0, |(_, count)| count);
        self.deltas.push(count.wrapping_sub(before).cast_signed());
        self.last = self.last.map(|(index, _)| (index, count));
    }
}

/// The native bucket of a value; zero has none.
fn index(value: f64) -> Option<i32> {
    (value > ZERO_THRESHOLD).then(|| (value.log2() * f64::from(1 << SCHEMA)).ceil() as i32)
}

#[cfg(test)]
mod tests;
