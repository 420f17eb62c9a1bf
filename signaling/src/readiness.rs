//! Whether the node should get new calls, and if not, why.
//!
//! Strict: one shard that does not answer makes the node not ready, although the others could take rooms. A shard fails for reasons that
//! the others share (a bug that a client triggers, a core that something else uses), and a node that is left out of new calls loses
//! nothing: its own calls go on. Rooms that come all the same are placed on the shards that answer.

use crate::limits::Limits;
use crate::shards::Shards;
use crate::stage::Drain;
use corelay_engine::control::Command;
use std::time::Instant;
use tokio::sync::Mutex;

/// The last answer. It is locked while the shards are asked: those who want to know meanwhile wait for the one answer.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Option<String>)>>);

impl Readiness {
    /// Nothing when the node is ready; else why not.
    pub(crate) async fn reason_against(&self, drain: &Drain, shards: &Shards, limits: &Limits) -> Option<String> {
        if drain.is_draining() {
            return Some("draining: the server is about to end".to_owned());
        }
        let mut last = self.0.lock().await;
        if let Some((at, reason)) = &*last
            && at.elapsed() < limits.ready_shared
        {
            return reason.clone();
        }
        let reason = ask(shards, limits).await;
        *last = Some((Instant::now(), reason.clone()));
        reason
    }
}

async fn ask(shards: &Shards, limits: &Limits) -> Option<String> {
    let stale = shards.infos().iter().find(|info| shards.snapshot_age(info.id) > limits.snapshot_age_max);
    if let Some(info) = stale {
        return Some(format!("shard {} has not reported for some seconds", info.id));
    }
    let pings = shards.infos().iter().map(|info| {
        let ping = shards.request_within(limits.ready_timeout, info.id, |request| Command::Ping { request });
        async move { ping.await.is_err().then(|| format!("shard {} does not answer", info.id)) }
    });
    futures_util::future::join_all(pings).await.into_iter().flatten().next()
}
