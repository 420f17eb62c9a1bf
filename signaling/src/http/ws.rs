//! The door to the WebSocket.

use super::answer::Refused;
use super::{auth, origin};
use crate::app::App;
use crate::connections::ConnectionPlace;
use crate::protocol::{ErrorName, ProtocolError, SUBPROTOCOL};
use crate::session;
use crate::token::Claims;
use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// How a browser, which cannot set headers, hands over its token.
const BEARER_PROTOCOL: &str = "bearer.";

/// What a WebSocket reads at once, and holds for as long as it lives. The library's default is 128 KiB, more than all else of a
/// participant together, and it is written over with zeros at every read. Larger spares a `read` or two for `join` (3 KiB, 30 KiB with many
/// codecs); smaller makes the short requests that follow take several. A longer message grows the buffer until it is read.
const READ_BUFFER_LEN: usize = 2 * 1024;

/// Beyond this many bytes a message is written before the next is encoded. Each message is flushed anyway: more would only copy.
const WRITE_BUFFER_LEN: usize = 0;

#[derive(Deserialize)]
pub(super) struct Parameters {
    token: Option<String>,
}

/// `GET /ws`. A refused token does not stop the upgrade: a browser could not read why.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
    Extension(place): Extension<ConnectionPlace>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin::is_allowed(&headers, &app.config.allowed_origins) {
        let reason = "the page's origin may not connect: add it to ALLOWED_ORIGINS";
        return Refused(ProtocolError::new(ErrorName::OriginNotAllowed, reason)).into_response();
    }
    let verified = admit(&app, &headers, parameters.token.as_deref()).await;
    // Twice what is allowed, so that a message that is a little too large is read to its end and refused with words: closing with
    // unread bytes resets the connection. What is larger still is refused all the same, but the words may be lost.
    let len_max = 2 * app.limits.message_len_max;
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_LEN).write_buffer_size(WRITE_BUFFER_LEN);
    upgrade.protocols([SUBPROTOCOL]).max_message_size(len_max).max_frame_size(len_max).on_upgrade(async move |websocket| {
        match verified {
            Ok(claims) => session::run(app, websocket, claims).await,
            Err(error) => session::refuse(app, websocket, error).await,
        }
        drop(place);
    })
}

async fn admit(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<Claims, ProtocolError> {
    let token = auth::bearer(headers).or_else(|| subprotocol_token(headers)).or(query).ok_or_else(|| {
        ProtocolError::new(
            ErrorName::TokenMissing,
            "no token came: send one as a header, as a subprotocol bearer.<token>, or as ?token=",
        )
    })?;
    let claims = app.verifier.verify(token).await?;
    if claims.identity.is_empty() || claims.room.is_empty() {
        return Err(ProtocolError::new(
            ErrorName::TokenMissingClaim,
            "a token that joins a room needs sub and room: have both put in",
        ));
    }
    Ok(claims)
}

fn subprotocol_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER_PROTOCOL))
}
