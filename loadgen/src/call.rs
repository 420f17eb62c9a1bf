//! The run: everyone joins one room, media flows for a while, everyone leaves, and the counts become a report.

mod association;
mod client;
mod dtls_pipe;
mod signaling;
mod stream;
pub(crate) mod tally;
mod token;

use crate::process::{self, Usage};
use crate::report::{Memory, Report};
use anyhow::Context;
use association::Identity;
use client::{Client, Publishes};
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::sync::watch;

/// How long after the last join the last stream may take to arrive.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Allocators and page tables settle within this time after a join or leave.
const SETTLE: Duration = Duration::from_secs(2);

/// What to do.
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) jwt_secret: Option<String>,
    pub(crate) room: String,
    pub(crate) participants: u32,
    pub(crate) publishers: u32,
    pub(crate) length: Duration,
    pub(crate) video_kbps: u32,
    pub(crate) server_pid: Option<u32>,
}

impl Plan {
    fn publishes(&self, n: u32) -> Publishes {
        let publishes = n < self.publishers;
        Publishes { audio: publishes, video_kbps: if publishes { self.video_kbps } else { 0 } }
    }

    /// Streams that participants receive, together.
    fn streams_expected(&self) -> usize {
        let tracks = self.publishers as usize * if self.video_kbps > 0 { 2 } else { 1 };
        let own = tracks;
        (self.participants as usize * tracks) - own
    }

    fn look(&self) -> anyhow::Result<Option<Usage>> {
        self.server_pid
            .map(|pid| process::usage(pid).with_context(|| format!("there is no process {pid}: pass the server's as --server-pid")))
            .transpose()
    }
}

/// Runs the plan.
pub(crate) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let before = plan.look()?;
    let (stop_tx, stop) = watch::channel(false);
    let clients = join_all(plan, &stop).await?;
    let streams_started = wait_for_streams(plan, &clients).await;
    tokio::time::sleep(SETTLE).await;
    let start = plan.look()?;
    tokio::time::sleep(plan.length).await;
    let end = plan.look()?;
    stop_tx.send_replace(true);
    let profile = clients.first().map_or("none", |c| c.profile);
    let streams_subscribed = clients.iter().map(|c| c.progress().0).sum();
    let mut total = Tally::default();
    for client in clients {
        client.leave().await?.iter().for_each(|tally| total.add(tally));
    }
    tokio::time::sleep(SETTLE).await;
    let after = plan.look()?;
    Ok(Report {
        participants: plan.participants,
        publishers: plan.publishers,
        seconds: plan.length.as_secs(),
        profile,
        streams_expected: plan.streams_expected(),
        streams_subscribed,
        streams_started,
        received: total,
        memory: Memory::between(plan.participants, before, end, after),
        cpu_percent: cpu_percent(start, end, plan.length),
    })
}

async fn join_all(plan: &Plan, stop: &watch::Receiver<bool>) -> anyhow::Result<Vec<Client>> {
    let identity = Arc::new(Identity::new()?);
    let mut clients = Vec::new();
    for n in 0..plan.participants {
        let name = format!("load-{n}");
        let token = match &plan.jwt_secret {
            Some(secret) => token::mint(secret, &plan.room, &name)?,
            None => token::ask(&plan.url, &plan.room, &name).await?,
        };
        let client = Client::join(&plan.url, &token, &identity, plan.publishes(n), stop).await;
        clients.push(client.with_context(|| format!("participant {n} could not join"))?);
    }
    Ok(clients)
}

async fn wait_for_streams(plan: &Plan, clients: &[Client]) -> usize {
    let deadline = tokio::time::Instant::now() + START_TIMEOUT;
    loop {
        let started = clients.iter().map(|c| c.progress().1).sum();
        if started >= plan.streams_expected() || tokio::time::Instant::now() > deadline {
            return started;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn cpu_percent(start: Option<Usage>, end: Option<Usage>, length: Duration) -> Option<f64> {
    let ticks = end?.cpu_ticks.saturating_sub(start?.cpu_ticks);
    Some(ticks as f64 / length.as_secs_f64())
}
