use super::*;
use crate::metrics::writer::Writer;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::{self, prometheus_data_model as model};
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use prost::Message as _;

const BOUNDS: &[f64] = &[100e-6, 1e-3, 10e-3];
const NANOS: f64 = 1e9;

fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 10_000_000_000, 2).expect("constants that fit");
    values.into_iter().for_each(|value| histogram.saturating_record(value));
    histogram
}

/// Latencies of a shard: most near 80 us, a tail to 40 ms.
fn latencies() -> Histogram<u64> {
    let tail = |i: u64| 60_000 + (i * i * i * i) / 25_000_000_000 + (i * 7_919) % 40_000;
    histogram((0..200_000).map(|i| tail(i % 5_623)).chain((0..2_000).map(|i| 1_000_000 + i * 19_500)))
}

#[derive(Debug)]
struct One(Histogram<u64>);

impl Collector for One {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let row = Distribution::new(vec![("shard", "0".to_owned())], &self.0, BOUNDS, NANOS);
        Writer::new(&mut encoder).histograms("latency_seconds", "How long", &[row])
    }
}

fn registry(values: Histogram<u64>) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(One(values)));
    registry
}

/// What a scraper reads from the bytes on the wire.
fn scraped(values: Histogram<u64>) -> model::Histogram {
    let bytes = prometheus_protobuf::encode_to_vec(&registry(values)).expect("it encodes");
    let mut rest = bytes.as_slice();
    let family = model::MetricFamily::decode_length_delimited(&mut rest).expect("it decodes");
    assert!(rest.is_empty(), "one family");
    assert_eq!((family.name.as_str(), family.r#type()), ("latency_seconds", model::MetricType::Histogram));
    assert_eq!(family.metric[0].label[0].value, "0");
    family.metric[0].histogram.clone().expect("a histogram")
}

/// Index and count of each bucket, as the format says: spans and deltas added up.
fn buckets(histogram: &model::Histogram) -> Vec<(i32, i64)> {
    let (mut index, mut count, mut deltas) = (0, 0, histogram.positive_delta.iter());
    let mut buckets = Vec::new();
    for span in &histogram.positive_span {
        index += span.offset;
        for _ in 0..span.length {
            count += deltas.next().expect("a delta for each bucket");
            buckets.push((index, count));
            index += 1;
        }
    }
    assert!(deltas.next().is_none(), "no delta without a bucket");
    buckets
}

/// The bucket in which the quantile lies: its bounds in nanoseconds.
fn quantile(histogram: &model::Histogram, quantile: f64) -> (f64, f64) {
    let rank = (quantile * histogram.sample_count as f64).ceil();
    let mut below = histogram.zero_count as f64;
    for (index, count) in buckets(histogram) {
        below += count as f64;
        if below >= rank {
            let bound = |index: i32| (f64::from(index) / 8.0).exp2() * NANOS;
            return (bound(index - 1), bound(index));
        }
    }
    panic!("the buckets hold less than {rank}");
}

#[test]
fn quantiles_of_what_a_scraper_decodes_are_those_of_the_shard() {
    let values = latencies();
    let decoded = scraped(values.clone());
    assert_eq!((decoded.schema, decoded.sample_count, decoded.zero_count), (i32::from(SCHEMA), values.len(), 0));
    assert_eq!(buckets(&decoded).iter().map(|(_, count)| *count).sum::<i64>(), values.len().cast_signed());
    assert!((decoded.sample_sum / (values.mean() * values.len() as f64 / NANOS) - 1.0).abs() < 1e-6);
    for q in [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
        let exact = values.median_equivalent(values.value_at_quantile(q)) as f64;
        let (low, high) = quantile(&decoded, q);
        assert!(low < exact && exact <= high, "{q}: {exact} outside of {low}..{high}");
        assert!(((low * high).sqrt() / exact - 1.0).abs() < 0.045, "{q}");
    }
}

#[test]
fn each_bucket_holds_what_lies_in_it() {
    // 1 s is the upper bound of bucket 0, 2 s that of bucket 8; 1.5 s lies in bucket 5: 2^(4/8) < 1.5 <= 2^(5/8). Cells are 0.8 % wide,
    // so that the values themselves lie just inside.
    let decoded = scraped(histogram([0, 0, 990_000_000, 1_500_000_000, 1_500_000_000, 1_500_000_000, 1_980_000_000]));
    assert_eq!(decoded.zero_count, 2);
    let filled: Vec<_> = buckets(&decoded).into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(filled, [(0, 1), (5, 3), (8, 1)]);
    // A gap of four begins a span, one of two does not.
    let spans: Vec<_> = decoded.positive_span.iter().map(|span| (span.offset, span.length)).collect();
    assert_eq!(spans, [(0, 1), (4, 4)]);
}

#[test]
fn nothing_yet_is_a_native_histogram_as_well() {
    let decoded = scraped(histogram([]));
    assert_eq!((decoded.sample_count, decoded.positive_span.len()), (0, 1));
    assert_eq!(buckets(&decoded), []);
}

#[test]
fn classic_buckets_add_up_and_are_the_text() {
    let values = latencies();
    let decoded = scraped(values.clone());
    let cumulative: Vec<u64> = decoded.bucket.iter().map(|bucket| bucket.cumulative_count).collect();
    assert_eq!((cumulative.len(), cumulative[3]), (4, values.len()));
    for (bucket, bound) in decoded.bucket.iter().zip(BOUNDS) {
        let exact = values.quantile_below((bound * NANOS) as u64) * values.len() as f64;
        // The cell that lies across the bound counts as a whole, on the side of its middle.
        assert!((bucket.cumulative_count as f64 / exact - 1.0).abs() < 0.02, "{bound}: {} {exact}", bucket.cumulative_count);
    }
    let mut written = String::new();
    text::encode(&mut written, &registry(values.clone())).expect("it encodes");
    let line = format!("latency_seconds_bucket{{le=\"+Inf\",shard=\"0\"}} {}", values.len());
    assert!(written.contains(&line), "{line} in\n{written}");
}
