//! What a join costs the server, and what a storm of joins does to the media beside it.

use super::corelay::{Corelay, Joining};
use super::fanout::{clients, wait_for_streams};
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::{Result, ensure};
use corelay_loadgen::client::{Client, ClientPlan, Subscribe};
use corelay_loadgen::stream::StreamPlan;
use std::time::Duration;

/// Rooms have a host, who publishes, and three guests, who are measured: a guest makes one transport and one consumer.
const GUESTS: usize = 3;
/// What an operator may expect of one core at the opening of a webinar's rooms, and what one core of clients can do.
const PER_SECOND: u32 = 300;
/// Who gets media while others join.
const AUDIENCE: usize = 20;

/// Both.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let (mut cpu, mut media_p50, mut media_p99, mut slowest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..if effort.quick { 1 } else { 5 } {
        cpu.push(alone(effort).await?);
        let storm = beside_media(effort).await?;
        media_p50.push(storm.media_p50_us);
        media_p99.push(storm.media_p99_us);
        slowest.push(storm.join_slowest_ms);
    }
    Ok(vec![
        Figure::new("join.cpu_us", "us", cpu),
        Figure::new("join.storm.media_p50_us", "us", media_p50),
        Figure::new("join.storm.media_p99_us", "us", media_p99),
        Figure::new("join.storm.slowest_ms", "ms", slowest),
    ]
    .into())
}

/// CPU time of the whole server for a join: WebSocket, `join`, a transport, ICE, DTLS, the first `consume`.
async fn alone(effort: &Effort) -> Result<f64> {
    let (identity, fleet) = clients(effort.cores())?;
    let server = Corelay::start(effort.cores().server).await?;
    let count = if effort.quick { 300 } else { 600 };
    let hosts =
        ClientPlan { publish: vec![StreamPlan::audio(160)], subscribe: Subscribe::None, idle_transports: false, feedback: false };
    let hosting = Joining { identity: &identity, fleet: &fleet, plan: &hosts, per_second: PER_SECOND };
    let hosts = hosting.join(&server, count / GUESTS, |n| (format!("room-{n}"), "host".to_owned())).await?;
    // Consumers of a silent producer: the joins are measured, not the media.
    hosts.iter().flat_map(Client::published).for_each(|published| published.pause());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.process.cpu()?;
    let joining = Joining { plan: &ClientPlan::default(), ..hosting };
    let guests = joining.join(&server, count, |n| (format!("room-{}", n / GUESTS), format!("guest-{n}"))).await?;
    let cpu = server.process.cpu()?.saturating_sub(before);
    ensure!(guests.iter().all(|guest| guest.progress().0 == 1), "each guest has one consumer");
    Ok(cpu.as_secs_f64() * 1e6 / count as f64)
}

/// What a storm did.
struct Storm {
    media_p50_us: f64,
    media_p99_us: f64,
    join_slowest_ms: f64,
}

/// Video to an audience on the shard that others join meanwhile.
async fn beside_media(effort: &Effort) -> Result<Storm> {
    let (identity, fleet) = clients(effort.cores())?;
    let mut server = Corelay::start(effort.cores().server).await?;
    let publishes = ClientPlan {
        publish: vec![StreamPlan::video(2_592_000, 30)],
        subscribe: Subscribe::None,
        idle_transports: false,
        feedback: false,
    };
    let _publisher = server.join(&identity, "stage", "publisher", &publishes, &fleet).await?;
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &ClientPlan::default(), per_second: PER_SECOND };
    let _audience = joining.join(&server, AUDIENCE, |n| ("stage".to_owned(), format!("listener-{n}"))).await?;
    wait_for_streams(&fleet, AUDIENCE as u64, &mut server.process).await?;
    let before = fleet.totals();
    let plan = ClientPlan { publish: Vec::new(), subscribe: Subscribe::All, idle_transports: true, feedback: false };
    let storm = Joining { plan: &plan, ..joining };
    let count = if effort.quick { 450 } else { 900 };
    let joined = storm.join(&server, count, |n| (format!("foyer-{}", n / 4), format!("guest-{n}"))).await?;
    let totals = fleet.totals().since(&before);
    // The clients share their core with their own handshakes: what they send may be late, what the server adds is measured all the
    // same.
    ensure!(totals.received.lost == 0, "{} packets were lost while {count} joined", totals.received.lost);
    let us = |quantile: f64| totals.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
    let slowest = joined.iter().map(|client| client.times().ready).max().unwrap_or_default();
    Ok(Storm { media_p50_us: us(0.5), media_p99_us: us(0.99), join_slowest_ms: slowest.as_secs_f64() * 1e3 })
}
