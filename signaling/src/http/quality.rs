//! What the participants of a room send and receive, for servers: with the reason for each layer.

use super::answer::{ErrorBody, Refused};
use super::auth;
use crate::app::App;
use crate::protocol::{ErrorName, ParticipantStats, ProtocolError};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Participants that are asked about at a time. More: a large room's answer is there sooner. Fewer: what is asked for calls waits less
/// behind it in the mailboxes.
const ASKED_AT_A_TIME: usize = 32;

/// The numbers of a room.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomStats {
    /// Its name.
    room: String,
    /// Who is in it, by identity. Who left while it was asked for is left out.
    participants: Vec<MemberStats>,
}

/// The numbers of one participant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberStats {
    /// The token's `sub`.
    identity: String,
    /// The numbers.
    #[serde(flatten)]
    stats: ParticipantStats,
}

/// What everyone in a room sends and receives.
#[utoipa::path(get, path = "/api/stats/rooms/{room}", security(("admin" = [])), responses(
    (status = 200, description = "the numbers", body = RoomStats),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody),
    (status = 404, description = "no such room", body = ErrorBody)))]
pub(super) async fn room(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<Json<RoomStats>, Refused> {
    auth::admin_or_development(&app, &headers).await?;
    let members = app.registry().members(&room).ok_or_else(|| unknown_room(&room))?;
    let ask = |(identity, id)| {
        let app = Arc::clone(&app);
        async move { app.participant_stats(id).await.ok().map(|stats| MemberStats { identity, stats }) }
    };
    let participants = stream::iter(members).map(ask).buffered(ASKED_AT_A_TIME).filter_map(std::future::ready).collect().await;
    Ok(Json(RoomStats { room, participants }))
}

/// What a participant sends and receives.
#[utoipa::path(get, path = "/api/stats/rooms/{room}/participants/{identity}", security(("admin" = [])), responses(
    (status = 200, description = "the numbers", body = MemberStats),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody),
    (status = 404, description = "no such room or participant", body = ErrorBody),
    (status = 503, description = "the shard does not answer", body = ErrorBody)))]
pub(super) async fn participant(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path((room, identity)): Path<(String, String)>,
) -> Result<Json<MemberStats>, Refused> {
    auth::admin_or_development(&app, &headers).await?;
    let members = app.registry().members(&room).ok_or_else(|| unknown_room(&room))?;
    let found = members.into_iter().find(|(name, _)| *name == identity);
    let (_, id) = found
        .ok_or_else(|| ProtocolError::new(ErrorName::UnknownParticipant, "there is no participant of this identity in the room"))?;
    let stats = app.participant_stats(id).await?;
    Ok(Json(MemberStats { identity, stats }))
}

fn unknown_room(room: &str) -> ProtocolError {
    ProtocolError::new(ErrorName::UnknownRoom, format!("there is no room \"{room}\": GET /api/rooms lists those that there are"))
}
