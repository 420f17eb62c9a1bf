//! Latency through the whole server: with hardly any load, and with its core at seventy percent.
//!
//! From the publisher's stamp, just before it encrypts, to the kernel's receive timestamp at the subscriber's socket.

use super::corelay::{Corelay, Joining};
use super::fanout::{check, clients, wait_for_streams};
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::{Result, ensure};
use corelay_loadgen::client::{Client, ClientPlan, Subscribe};
use corelay_loadgen::fleet::{Fleet, Totals};
use corelay_loadgen::stream::{Burst, StreamPlan};
use std::time::Duration;

/// Of the server's core.
const LOAD: f64 = 0.70;
/// Near enough to it: one more publisher is a step of this size or less.
const NEAR: f64 = 0.64;
const AUDIENCE: usize = 250;
const PUBLISHERS_MAX: usize = 40;
const PACED: Burst = Burst::Paced { packets: 3, gap: Duration::from_millis(5) };
const PROBE: Duration = Duration::from_secs(2);

/// Both loads.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let mut findings = Findings { figures: low(effort).await?, notes: Vec::new() };
    findings.figures.extend(loaded(effort).await?);
    Ok(findings)
}

/// One voice to one listener: fifty packets a second, the server asleep before each.
async fn low(effort: &Effort) -> Result<Vec<Figure>> {
    let (identity, fleet) = clients(effort.cores())?;
    let mut server = Corelay::start(effort.cores().server).await?;
    let speaks =
        ClientPlan { publish: vec![StreamPlan::audio(160)], subscribe: Subscribe::None, idle_transports: false, feedback: false };
    let _speaker = server.join(&identity, "pair", "speaker", &speaks, &fleet).await?;
    let _listener = server.join(&identity, "pair", "listener", &ClientPlan::default(), &fleet).await?;
    wait_for_streams(&fleet, 1, &mut server.process).await?;
    let mut windows = Vec::new();
    for _ in 0..if effort.quick { 3 } else { 9 } {
        windows.push(window(&fleet, Duration::from_secs(2)).await?);
    }
    Ok(figures("latency.low", &windows))
}

/// Videos, paced as browsers do, to an audience: one more until the server's core is at its load.
async fn loaded(effort: &Effort) -> Result<Vec<Figure>> {
    let (identity, fleet) = clients(effort.cores())?;
    let mut server = Corelay::start(effort.cores().server).await?;
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &ClientPlan::default(), per_second: 200 };
    let _audience = joining.join(&server, AUDIENCE, |n| ("hall".to_owned(), format!("listener-{n}"))).await?;
    let stream = StreamPlan { burst: PACED, ..StreamPlan::video(2_592_000, 30) };
    let publishes = ClientPlan { publish: vec![stream], subscribe: Subscribe::None, idle_transports: false, feedback: false };
    let mut publishers: Vec<Client> = Vec::new();
    let mut load = 0.0;
    while load < NEAR {
        ensure!(publishers.len() < PUBLISHERS_MAX, "{PUBLISHERS_MAX} publishers load the server's core with {load:.2} only");
        let name = format!("publisher-{}", publishers.len());
        publishers.push(server.join(&identity, "hall", &name, &publishes, &fleet).await?);
        wait_for_streams(&fleet, (publishers.len() * AUDIENCE) as u64, &mut server.process).await?;
        let before = server.process.cpu()?;
        tokio::time::sleep(PROBE).await;
        load = server.process.cpu()?.saturating_sub(before).as_secs_f64() / PROBE.as_secs_f64();
        ensure!(load < 0.95 || publishers.len() > 1, "one publisher is more than the core's load");
    }
    let (mut windows, before) = (Vec::new(), server.process.cpu()?);
    let length = Duration::from_secs(if effort.quick { 3 } else { 6 });
    let begin = tokio::time::Instant::now();
    for _ in 0..if effort.quick { 2 } else { 5 } {
        windows.push(window(&fleet, length).await?);
    }
    let share = server.process.cpu()?.saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64();
    let mut figures = figures("latency.load70", &windows);
    figures.push(Figure::of("latency.load70.cpu_share", "ratio", share));
    figures.push(Figure::of("latency.load70.target", "ratio", LOAD));
    let rate = windows.iter().map(|w| w.received.packets as f64 / w.elapsed.as_secs_f64()).collect();
    figures.push(Figure::new("latency.load70.packets_per_s", "1/s", rate));
    Ok(figures)
}

async fn window(fleet: &Fleet, length: Duration) -> Result<Totals> {
    let before = fleet.totals();
    tokio::time::sleep(length).await;
    let totals = fleet.totals().since(&before);
    check(&totals)?;
    Ok(totals)
}

fn figures(name: &str, windows: &[Totals]) -> Vec<Figure> {
    let of = |quantile: f64| windows.iter().map(|w| w.latency_ns.value_at_quantile(quantile) as f64 / 1e3).collect();
    [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)]
        .map(|(short, quantile)| Figure::new(format!("{name}.{short}_us"), "us", of(quantile)))
        .into()
}
