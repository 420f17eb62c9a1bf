//! Whether the node should get new calls, and if not, why.
//!
//! Strict: one shard that does not answer makes the node not ready, although the others could take rooms. A shard fails for reasons that
//! the others share (a bug that a client triggers, a core that something else uses), and a node that is left out of new calls loses
//! nothing: its own calls go on. Rooms that come all the same are placed on the shards that answer.

use crate::app::App;
use corelay_engine::control::Command;
use std::time::Instant;
use tokio::sync::Mutex;

/// The last answer. It is locked while the shards are asked: those who want to know meanwhile wait for the one answer.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Option<String>)>>);

/// Nothing when the node is ready; else why not.
pub(crate) async fn reason_not_ready(app: &App) -> Option<String> {
    if app.drain.is_draining() {
        return Some("draining: the server is about to end".to_owned());
    }
    let mut last = app.readiness.0.lock().await;
    if let Some((at, reason)) = &*last
        && at.elapsed() < app.limits.ready_shared
    {
        return reason.clone();
    }
    let reason = ask_shards(app).await;
    *last = Some((Instant::now(), reason.clone()));
    reason
}

async fn ask_shards(app: &App) -> Option<String> {
    let stale = app.shards.infos().iter().find(|info| app.shards.snapshot_age(info.id) > app.limits.snapshot_age_max);
    if let Some(info) = stale {
        return Some(format!("shard {} has not reported for some seconds", info.id));
    }
    let pings = app.shards.infos().iter().map(|info| {
        let ping = app.shards.request_within(app.limits.ready_timeout, info.id, |request| Command::Ping { request });
        async move { ping.await.is_err().then(|| format!("shard {} does not answer", info.id)) }
    });
    futures_util::future::join_all(pings).await.into_iter().flatten().next()
}
