//! The door to the WebSocket.

use super::answer::{self, Refused};
use super::{auth, origin};
use crate::app::App;
use crate::connections::ConnectionPlace;
use crate::protocol::{ErrorName, ProtocolError, SUBPROTOCOL};
use crate::session;
use crate::token::Claims;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

/// How a browser, which cannot set headers, hands over its token.
const BEARER_PROTOCOL: &str = "bearer.";

#[derive(Deserialize)]
pub(super) struct Parameters {
    token: Option<String>,
}

/// `GET /ws`. A refused token does not stop the upgrade: a browser could not read why.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
    Extension(place): Extension<ConnectionPlace>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    if !origin::is_allowed(headers, &app.config.allowed_origins) {
        let reason = "the page's origin may not connect: add it to ALLOWED_ORIGINS";
        return Refused(ProtocolError::new(ErrorName::OriginNotAllowed, reason)).into_response();
    }
    let mut response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => return answer::malformed(format!("{error}: connect here with a WebSocket")).into_response(),
    };
    if protocols(headers).any(|protocol| protocol == SUBPROTOCOL) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    let verified = admit(&app, headers, parameters.token.as_deref()).await;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // An error is the client's: it went before it was answered.
        let Ok(connection) = upgrade.await else { return };
        let websocket = session::open(connection, &app.limits).await;
        match verified {
            Ok(claims) => session::run(app, websocket, claims).await,
            Err(error) => session::refuse(app, websocket, error).await,
        }
        drop(place);
    });
    response
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
    protocols(headers).find_map(|protocol| protocol.strip_prefix(BEARER_PROTOCOL))
}

/// The subprotocols that the client offers.
fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}
