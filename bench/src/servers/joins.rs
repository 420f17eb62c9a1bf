//! What a join costs the server, and what a storm of joins does to the media beside it.

use super::corelay::{Corelay, Joining};
use super::fanout::{clients, wait_for_streams};
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::{Result, ensure};
use corelay_loadgen::client::{Client, ClientPlan, Subscribe};
use corelay_loadgen::stream::StreamPlan;
use std::time::{Duration, Instant};

/// Rooms have a host, who publishes, and three guests, who are measured: a guest makes one transport and one consumer.
const GUESTS: usize = 3;
/// What an operator may expect of one core at the opening of a webinar's rooms.
const PER_SECOND: u32 = 300;
/// What a shard that forwards must bear; clients on one core can do little more.
const STORM_PER_SECOND: u32 = 500;
/// Who gets media while others join.
const AUDIENCE: usize = 20;

/// Both.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let (mut cpu, mut own, mut present) = (Vec::new(), Vec::new(), Vec::new());
    let (mut per_s, mut media_p50, mut media_p99, mut slowest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..if effort.quick { 1 } else { 5 } {
        let alone = alone(effort).await?;
        cpu.push(alone.cpu_us);
        own.push(alone.own_cpu_us);
        present.push(alone.present_us_per_s);
        let storm = beside_media(effort).await?;
        per_s.push(storm.per_s);
        media_p50.push(storm.media_p50_us);
        media_p99.push(storm.media_p99_us);
        slowest.push(storm.join_slowest_ms);
    }
    Ok(vec![
        Figure::new("join.cpu_us", "us", cpu),
        Figure::new("join.own_cpu_us", "us", own),
        Figure::new("join.present_us_per_s", "us/s", present),
        Figure::new("join.storm.joins_per_s", "1/s", per_s),
        Figure::new("join.storm.media_p50_us", "us", media_p50),
        Figure::new("join.storm.media_p99_us", "us", media_p99),
        Figure::new("join.storm.slowest_ms", "ms", slowest),
    ]
    .into())
}

/// What joins cost.
struct Alone {
    /// CPU time of the whole server while guests join, by their number.
    cpu_us: f64,
    /// The same without what those who are there cost meanwhile.
    own_cpu_us: f64,
    /// That: checks of consent and reports of a participant with one silent transport, by second.
    present_us_per_s: f64,
}

/// How long those who are there are measured.
const PRESENT: Duration = Duration::from_secs(2);

/// A join: WebSocket, `join`, a transport, ICE, DTLS, the first `consume`.
async fn alone(effort: &Effort) -> Result<Alone> {
    let (identity, fleet) = clients(effort.cores())?;
    let server = Corelay::start(effort.cores().server).await?;
    let count = if effort.quick { 300 } else { 600 };
    let guests = ClientPlan::default();
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &guests, per_second: PER_SECOND };
    let hosts = rooms(&server, &joining, count).await?;
    let idle = idle_share(&server).await?;
    let (began, before) = (Instant::now(), server.process.cpu()?);
    let guests = joining.join(&server, count, guest).await?;
    let (cpu, took) = (server.process.cpu()?.saturating_sub(before), began.elapsed());
    ensure!(guests.iter().all(|guest| guest.progress().0 == 1), "each guest has one consumer");
    let idle_after = idle_share(&server).await?;
    // They come one by one: half of them are there on average.
    let own = cpu.as_secs_f64() - took.as_secs_f64() * (idle + idle_after) / 2.0;
    let per_join = 1e6 / count as f64;
    Ok(Alone {
        cpu_us: cpu.as_secs_f64() * per_join,
        own_cpu_us: own * per_join,
        present_us_per_s: idle_after * 1e6 / (hosts.len() + guests.len()) as f64,
    })
}

/// Hosts of rooms for so many guests. Their producers are silent: joins are measured, not media.
async fn rooms(server: &Corelay, joining: &Joining<'_>, guests: usize) -> Result<Vec<Client>> {
    let publishes =
        ClientPlan { publish: vec![StreamPlan::audio(160)], subscribe: Subscribe::None, idle_transports: false, feedback: false };
    let hosting = Joining { plan: &publishes, per_second: PER_SECOND, ..*joining };
    let hosts = hosting.join(server, guests.div_ceil(GUESTS), |n| (format!("room-{n}"), "host".to_owned())).await?;
    hosts.iter().flat_map(Client::published).for_each(|published| published.pause());
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(hosts)
}

fn guest(n: usize) -> (String, String) {
    (format!("room-{}", n / GUESTS), format!("guest-{n}"))
}

/// The share of a core that the server takes while nobody joins.
async fn idle_share(server: &Corelay) -> Result<f64> {
    let (began, before) = (Instant::now(), server.process.cpu()?);
    tokio::time::sleep(PRESENT).await;
    Ok(server.process.cpu()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64())
}

/// What a storm did.
struct Storm {
    per_s: f64,
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
    let guests = ClientPlan::default();
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &guests, per_second: PER_SECOND };
    let _audience = joining.join(&server, AUDIENCE, |n| ("stage".to_owned(), format!("listener-{n}"))).await?;
    wait_for_streams(&fleet, AUDIENCE as u64, &mut server.process).await?;
    let count = if effort.quick { 500 } else { 1_500 };
    let _hosts = rooms(&server, &joining, count).await?;
    let storm = Joining { per_second: STORM_PER_SECOND, ..joining };
    let (before, began) = (fleet.totals(), Instant::now());
    let joined = storm.join(&server, count, guest).await?;
    let per_s = count as f64 / began.elapsed().as_secs_f64();
    let totals = fleet.totals().since(&before);
    // The clients share their core with their own handshakes: what they send may be late, what the server adds is measured all the
    // same.
    ensure!(totals.received.lost == 0, "{} packets were lost while {count} joined", totals.received.lost);
    let us = |quantile: f64| totals.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
    let slowest = joined.iter().map(|client| client.times().ready).max().unwrap_or_default();
    Ok(Storm { per_s, media_p50_us: us(0.5), media_p99_us: us(0.99), join_slowest_ms: slowest.as_secs_f64() * 1e3 })
}
