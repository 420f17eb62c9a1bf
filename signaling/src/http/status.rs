//! What watches the node: health, readiness, metrics, statistics.

use super::answer::{ErrorBody, Refused};
use super::auth;
use crate::app::App;
use crate::metrics::Format;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// `ok`, or why not.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// `ok`, `ready` or `not-ready`.
    status: &'static str,
    /// Why the node is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What the node carries and may carry.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stats {
    /// Rooms with someone in them.
    calls: usize,
    /// Rooms.
    rooms: usize,
    /// Participants.
    participants: usize,
    /// Transports.
    transports: usize,
    /// Published tracks.
    producers: usize,
    /// Subscriptions.
    consumers: usize,
    /// The operator's limits.
    capacity: Capacity,
    /// Whether joins are refused because the node is about to end.
    draining: bool,
    /// Resident memory of the process in bytes.
    resident_bytes: Option<u64>,
    /// One entry a shard.
    shards: Vec<ShardStats>,
}

/// The operator's limits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Capacity {
    /// `ROOMS_MAX`.
    rooms: usize,
    /// `PARTICIPANTS_MAX`.
    participants: usize,
    /// `ROOM_PARTICIPANTS_MAX`.
    room_participants: usize,
}

/// What a shard carries: `rooms`, `participants` and `mirrors` as signaling placed them, the rest as the shard counted it within the
/// last second.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShardStats {
    /// The shard.
    shard: u16,
    /// The core it is pinned to.
    core: usize,
    /// Its I/O back-end.
    backend: &'static str,
    /// Work of the last second in thousandths of it. Above 700 it gets no participants while another shard is free.
    busy_permille: u32,
    /// Rooms with participants here, or with their home here.
    rooms: usize,
    /// Participants.
    participants: usize,
    /// Tracks of other shards that are made known here.
    mirrors: usize,
    /// Transports.
    transports: u64,
    /// Tracks.
    tracks: u64,
    /// Subscriptions.
    subscriptions: u64,
    /// RTP packets taken in.
    packets_in: u64,
    /// RTP packets sent.
    packets_out: u64,
    /// Bytes taken in.
    bytes_in: u64,
    /// Bytes sent.
    bytes_out: u64,
    /// Datagrams and packets that were not processed.
    drops: u64,
    /// Times that it failed and started anew.
    restarts: u64,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "the process runs", body = Status)))]
pub(super) async fn health() -> Json<Status> {
    Json(Status { status: "ok", reason: None })
}

/// Whether the node should get new calls.
#[utoipa::path(get, path = "/ready", responses(
    (status = 200, description = "takes new calls", body = Status),
    (status = 503, description = "draining, or a shard does not answer", body = Status)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.readiness.reason_against(&app.drain, &app.shards, &app.limits).await {
        None => Json(Status { status: "ready", reason: None }).into_response(),
        reason => (StatusCode::SERVICE_UNAVAILABLE, Json(Status { status: "not-ready", reason })).into_response(),
    }
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "OpenMetrics text, or the protobuf format when `Accept` asks for it", body = String,
        content_type = "application/openmetrics-text"),
    (status = 401, description = "METRICS_PUBLIC is off and there is no good admin's token", body = ErrorBody)))]
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refused> {
    if !app.config.metrics_public {
        auth::admin(&app, &headers).await?;
    }
    let format = Format::wanted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default());
    Ok(match app.metrics.encode(format) {
        Ok(body) => ([(header::CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
}

/// What the node carries and may carry.
#[utoipa::path(get, path = "/api/stats", security(("admin" = [])), responses(
    (status = 200, description = "calls, participants, capacity, per shard", body = Stats),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody)))]
pub(super) async fn stats(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<Stats>, Refused> {
    auth::admin_or_development(&app, &headers).await?;
    let (totals, loads) = {
        let registry = app.registry();
        (registry.totals(), registry.shard_loads())
    };
    Ok(Json(Stats {
        calls: totals.calls,
        rooms: totals.rooms,
        participants: totals.participants,
        transports: totals.transports,
        producers: totals.producers,
        consumers: totals.consumers,
        capacity: Capacity {
            rooms: app.config.rooms_max,
            participants: app.config.participants_max,
            room_participants: app.config.room_participants_max,
        },
        draining: app.drain.is_draining(),
        resident_bytes: crate::metrics::resident_bytes(),
        shards: loads.iter().map(|load| shard_stats(&app, load)).collect(),
    }))
}

fn shard_stats(app: &App, load: &crate::registry::ShardLoad) -> ShardStats {
    let info = app.shards.info(load.shard);
    let snapshot = app.shards.snapshot(load.shard);
    ShardStats {
        shard: load.shard.0,
        core: info.core,
        backend: info.backend,
        busy_permille: load.busy_permille,
        rooms: load.placed.rooms,
        participants: load.placed.participants,
        mirrors: load.placed.mirrors,
        transports: snapshot.core.transports,
        tracks: snapshot.core.tracks,
        subscriptions: snapshot.core.subscriptions,
        packets_in: snapshot.core.packets_in,
        packets_out: snapshot.core.packets_out,
        bytes_in: snapshot.core.bytes_in,
        bytes_out: snapshot.core.bytes_out,
        drops: snapshot.core.drops.iter().map(|(_, n)| n).sum(),
        restarts: snapshot.restarts,
    }
}
