//! Tokens for the demo page, in development mode only: the route does not exist otherwise.

use super::answer::{Refused, malformed};
use crate::app::App;
use crate::protocol::{ErrorName, ProtocolError};
use crate::registry::public_id;
use crate::token::{PublishKind, TokenRequest, is_name, mint};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// A demo token lasts for a day of development.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Who wants to join which room.
#[derive(Deserialize, ToSchema)]
pub(super) struct DemoRequest {
    /// The room.
    room: String,
    /// The display name.
    name: String,
    /// The identity of an earlier answer, for whoever comes back.
    identity: Option<String>,
}

/// A token that may do everything in the room.
#[derive(Serialize, ToSchema)]
pub(super) struct DemoToken {
    /// The token.
    token: String,
    /// Its `sub`.
    identity: String,
}

/// Mints a token for the demo page.
#[utoipa::path(post, path = "/api/demo/token", request_body = DemoRequest, responses(
    (status = 200, description = "a token; development mode only", body = DemoToken),
    (status = 400, description = "no such body", body = super::answer::ErrorBody)))]
pub(super) async fn token(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<Json<DemoToken>, Refused> {
    // Another page in the same browser must not fetch tokens for this server.
    if !super::origin::is_allowed(&headers, &app.config.allowed_origins) {
        return Err(Refused(ProtocolError::new(
            ErrorName::OriginNotAllowed,
            "the page's origin may not ask: add it to ALLOWED_ORIGINS",
        )));
    }
    let DemoRequest { room, name, identity } = serde_json::from_slice(&body)
        .map_err(|e| malformed(format!("the body must be {{\"room\": \"...\", \"name\": \"...\"}}: {e}")))?;
    let identity = identity.unwrap_or_else(public_id);
    if ![&room, &name, &identity].into_iter().all(|value| is_name(value)) {
        return Err(malformed("room, name and identity: must be 1 to 128 characters, none of them a control character"));
    }
    let secret =
        app.demo_secret().ok_or_else(|| malformed("demo tokens exist in development mode only: mint one with JWT_SECRET"))?;
    let request = TokenRequest {
        room: Some(room),
        identity: Some(identity.clone()),
        name: Some(name),
        publish: vec![PublishKind::Audio, PublishKind::Video, PublishKind::Screen],
        subscribe: true,
        admin: false,
        ttl: TTL,
        audience: app.config.jwt_audience.clone(),
        issuer: app.config.jwt_issuer.clone(),
    };
    let token = mint(secret, &request).map_err(|e| Refused(ProtocolError::new(ErrorName::Busy, e.to_string())))?;
    Ok(Json(DemoToken { token, identity }))
}
