//! Memory of the server by what is in it.

use super::corelay::{Corelay, Joining};
use super::fanout::{clients, wait_for_streams};
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::Result;
use corelay_loadgen::client::{ClientPlan, Subscribe};
use corelay_loadgen::stream::StreamPlan;
use std::time::Duration;

/// Participants that only hold their transports, in rooms of this size.
const IDLE: usize = 400;
const IDLE_ROOM: usize = 8;
const SUBSCRIBERS: usize = 1_000;
const PER_SECOND: u32 = 200;
/// Handshakes' leftovers are given back by then.
const SETTLE: Duration = Duration::from_secs(4);

/// An idle participant, with both of its transports connected; and a subscriber in a room of one publisher and a thousand.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let idle = idle(effort).await?;
    let (empty, subscriber) = subscriber(effort).await?;
    Ok(vec![
        Figure::of("memory.empty_server_kib", "KiB", empty),
        Figure::of("memory.idle_participant_kib", "KiB", idle),
        Figure::of("memory.subscriber_kib", "KiB", subscriber),
    ]
    .into())
}

async fn idle(effort: &Effort) -> Result<f64> {
    let (identity, fleet) = clients(effort.cores())?;
    let server = Corelay::start(effort.cores().server).await?;
    let plan = ClientPlan { publish: Vec::new(), subscribe: Subscribe::None, idle_transports: true, feedback: false };
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &plan, per_second: PER_SECOND };
    let _idle = joining.join(&server, IDLE, |n| (format!("room-{}", n / IDLE_ROOM), format!("idle-{n}"))).await?;
    tokio::time::sleep(SETTLE).await;
    grown(&server, IDLE)
}

async fn subscriber(effort: &Effort) -> Result<(f64, f64)> {
    let (identity, fleet) = clients(effort.cores())?;
    let mut server = Corelay::start(effort.cores().server).await?;
    let publishes = ClientPlan {
        publish: vec![StreamPlan::video(200_000, 15)],
        subscribe: Subscribe::None,
        idle_transports: false,
        feedback: false,
    };
    let _publisher = server.join(&identity, "hall", "publisher", &publishes, &fleet).await?;
    let joining = Joining { identity: &identity, fleet: &fleet, plan: &ClientPlan::default(), per_second: PER_SECOND };
    let _audience = joining.join(&server, SUBSCRIBERS, |n| ("hall".to_owned(), format!("listener-{n}"))).await?;
    wait_for_streams(&fleet, SUBSCRIBERS as u64, &mut server.process).await?;
    tokio::time::sleep(SETTLE).await;
    Ok((server.rss_empty_kib() as f64, grown(&server, SUBSCRIBERS)?))
}

/// What each of `count` added.
fn grown(server: &Corelay, count: usize) -> Result<f64> {
    Ok(server.process.rss_kib()?.saturating_sub(server.rss_empty_kib()) as f64 / count as f64)
}
