//! What the server itself says that it added: its histogram of forwarding latency, as a scraper reads it.
//!
//! ```text
//! GET /metrics -> corelay_forward_seconds_bucket{shard="0",le="0.001"} 4711 -> Forwarded -> less an earlier one -> quantiles
//! ```

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const BUCKET: &str = "corelay_forward_seconds_bucket{";

/// How many forwarded packets were with the kernel again at most so long after they had come from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forwarded {
    /// Upper bound in seconds, ascending and the last infinite, and how many packets are at or below it.
    buckets: Vec<(f64, u64)>,
}

impl Forwarded {
    /// Everything since the server on this port of loopback started. The server counts once a second.
    pub(super) async fn read(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("the server takes no connection")?;
        let (mut requests, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = hyper::Request::get("/metrics").header("host", "127.0.0.1").body(Empty::<Bytes>::new())?;
        let answer = requests.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        connection.abort();
        ensure!(status.is_success(), "the server does not show its metrics: {status}");
        Self::parse(std::str::from_utf8(&body)?)
    }

    /// Of all shards together.
    fn parse(metrics: &str) -> Result<Self> {
        let mut buckets: Vec<(f64, u64)> = Vec::new();
        for line in metrics.lines().filter_map(|line| line.strip_prefix(BUCKET)) {
            let bound = line.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(bound, _)| bound);
            // The parser of numbers knows `+Inf`.
            let bound: f64 = bound.context("a bucket has no bound")?.parse()?;
            let count = line.rsplit_once(' ').context("a bucket has no count")?.1.parse::<f64>()? as u64;
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        ensure!(!buckets.is_empty(), "the metrics have no {BUCKET}..}}");
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self { buckets })
    }

    /// What came after `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&earlier.buckets).map(|((bound, now), (_, then))| (*bound, now - then)).collect();
        Self { buckets }
    }

    /// The quantile in microseconds as Prometheus has it (`histogram_quantile`): a bucket's packets are spread evenly over it, and those
    /// above the last bound are at it.
    pub(super) fn quantile_us(&self, quantile: f64) -> f64 {
        let all = self.buckets.last().map_or(0, |(_, count)| *count);
        let rank = quantile * all as f64;
        let mut below = (0.0, 0);
        for (bound, count) in self.buckets.iter().copied() {
            if count > below.1 && count as f64 >= rank && bound.is_finite() {
                return 1e6 * (below.0 + (bound - below.0) * (rank - below.1 as f64) / (count - below.1) as f64);
            }
            if bound.is_finite() {
                below = (bound, count);
            }
        }
        1e6 * below.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# TYPE corelay_forward_seconds histogram
corelay_forward_seconds_sum{shard=\"0\"} 1.5
corelay_forward_seconds_bucket{shard=\"0\",le=\"0.0005\"} 40
corelay_forward_seconds_bucket{shard=\"0\",le=\"0.001\"} 89
corelay_forward_seconds_bucket{shard=\"0\",le=\"+Inf\"} 90
corelay_forward_seconds_bucket{shard=\"1\",le=\"0.0005\"} 10
corelay_forward_seconds_bucket{shard=\"1\",le=\"0.001\"} 10
corelay_forward_seconds_bucket{shard=\"1\",le=\"+Inf\"} 10
";

    #[test]
    fn shards_are_summed_and_quantiles_lie_within_buckets() {
        let forwarded = Forwarded::parse(METRICS).expect("it is what a server writes");
        assert_eq!(forwarded.buckets, [(0.0005, 50), (0.001, 99), (f64::INFINITY, 100)]);
        assert_eq!(forwarded.quantile_us(0.25), 250.0);
        assert_eq!(forwarded.quantile_us(0.5), 500.0);
        assert_eq!(forwarded.quantile_us(0.99), 1000.0);
        assert_eq!(forwarded.quantile_us(0.999), 1000.0);
    }

    #[test]
    fn an_interval_has_what_came_in_it() {
        let later = Forwarded::parse(METRICS).expect("it is what a server writes");
        let earlier = Forwarded { buckets: vec![(0.0005, 50), (0.001, 50), (f64::INFINITY, 51)] };
        assert_eq!(later.since(&earlier).buckets, [(0.0005, 0), (0.001, 49), (f64::INFINITY, 49)]);
    }

    #[test]
    fn metrics_of_something_else_are_refused() {
        assert!(Forwarded::parse("up 1\n").is_err());
    }
}
