//! The interface for servers: rooms and participants, with an admin's token.

use super::answer::{ErrorBody, Refused, malformed};
use super::auth;
use crate::app::App;
use crate::protocol::{ErrorName, ProtocolError};
use crate::registry::{MemberView, RoomView};
use crate::token::is_name;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomInfo {
    /// Its name.
    room: String,
    /// Its home: the shard that it fills first.
    shard: u16,
    /// The shards that carry participants of it, and its home.
    shards: Vec<u16>,
    /// Whether it stays when the last participant leaves.
    kept: bool,
    /// Who is in it.
    participants: Vec<Member>,
}

/// A participant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    /// The token's `sub`.
    identity: String,
    /// Shown to others.
    display_name: String,
    /// The shard that carries it.
    shard: u16,
}

/// The rooms of the node.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomList {
    /// By name.
    rooms: Vec<RoomInfo>,
}

/// A room to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewRoom {
    /// 1 to 128 characters.
    room: String,
    /// How many microphones are forwarded at a time, the loudest; 0: all. Absent: as many as the node's `MICROPHONES_FORWARDED`.
    audio_speakers: Option<u8>,
    /// Of how many participants, those who spoke last, the camera is forwarded to consumers that follow the speakers; 0: of all.
    #[serde(default)]
    video_speakers: u8,
}

impl From<RoomView> for RoomInfo {
    fn from(view: RoomView) -> Self {
        let member = |m: MemberView| Member { identity: m.identity, display_name: m.display_name, shard: m.shard.0 };
        Self {
            room: view.name,
            shard: view.home.0,
            shards: view.shards.iter().map(|shard| shard.0).collect(),
            kept: view.is_kept,
            participants: view.participants.into_iter().map(member).collect(),
        }
    }
}

/// The rooms of the node and who is in them.
#[utoipa::path(get, path = "/api/rooms", security(("admin" = [])), responses(
    (status = 200, description = "the rooms", body = RoomList),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody)))]
pub(super) async fn rooms(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<RoomList>, Refused> {
    auth::admin(&app, &headers).await?;
    let rooms = app.registry().rooms();
    Ok(Json(RoomList { rooms: rooms.into_iter().map(RoomInfo::from).collect() }))
}

/// Makes a room that stays until it is deleted. One that is there already stays from here on, with what is said of its speakers.
#[utoipa::path(post, path = "/api/rooms", security(("admin" = [])), request_body = NewRoom, responses(
    (status = 201, description = "made", body = RoomInfo),
    (status = 200, description = "was there", body = RoomInfo),
    (status = 400, description = "no such body", body = ErrorBody),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody),
    (status = 503, description = "as many rooms as there may be, or draining", body = ErrorBody)))]
pub(super) async fn open_room(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<RoomInfo>), Refused> {
    auth::admin(&app, &headers).await?;
    if app.drain.is_draining() {
        return Err(ProtocolError::new(ErrorName::Draining, "the node takes no new rooms: make it on another node").into());
    }
    let NewRoom { room, audio_speakers, video_speakers } =
        serde_json::from_slice(&body).map_err(|e| malformed(format!("the body must be {{\"room\": \"name\"}}: {e}")))?;
    if !is_name(&room) {
        return Err(malformed("room: must be 1 to 128 characters, none of them a control character"));
    }
    let mut registry = app.registry();
    let status = if registry.open_room(&room)? { StatusCode::CREATED } else { StatusCode::OK };
    registry.limit_speakers(&room, audio_speakers, video_speakers);
    let view = registry.room(&room).expect("opened above");
    Ok((status, Json(view.into())))
}

/// Ends a room: everyone in it is told `room-closed`.
#[utoipa::path(delete, path = "/api/rooms/{room}", security(("admin" = [])), responses(
    (status = 204, description = "ended"),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody),
    (status = 404, description = "no such room", body = ErrorBody)))]
pub(super) async fn close_room(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(room): Path<String>,
) -> Result<StatusCode, Refused> {
    auth::admin(&app, &headers).await?;
    app.registry().close_room(&room)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a participant out of a room: it is told `removed`.
#[utoipa::path(delete, path = "/api/rooms/{room}/participants/{identity}", security(("admin" = [])), responses(
    (status = 204, description = "removed"),
    (status = 401, description = "no good token", body = ErrorBody),
    (status = 403, description = "not an admin's token", body = ErrorBody),
    (status = 404, description = "no such room or participant", body = ErrorBody)))]
pub(super) async fn remove_participant(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path((room, identity)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    auth::admin(&app, &headers).await?;
    app.registry().remove_by_identity(&room, &identity)?;
    Ok(StatusCode::NO_CONTENT)
}
