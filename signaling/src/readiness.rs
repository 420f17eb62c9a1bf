//! Whether the node should get new calls, and if not, why.

use crate::app::App;
use corelay_engine::control::Command;

/// Nothing when the node is ready; else why not.
pub(crate) async fn reason_not_ready(app: &App) -> Option<String> {
    if app.drain.is_draining() {
        return Some("draining: the server is about to end".to_owned());
    }
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
