//! JSON answers.

use crate::app::App;
use crate::protocol::{ErrorName, ProtocolError};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A refusal, with the names of the WebSocket protocol.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    /// The HTTP status.
    error_code: u16,
    /// The stable name.
    error: &'static str,
    /// What to do.
    error_reason: String,
}

/// A refusal on its way out.
pub(super) struct Refused(pub(super) ProtocolError);

impl From<ProtocolError> for Refused {
    fn from(error: ProtocolError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let ProtocolError { name, reason } = self.0;
        let status = StatusCode::from_u16(name.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody { error_code: name.code(), error: name.label(), error_reason: reason.into_owned() };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(name);
        response
    }
}

/// Counts refusals on their way out: in one place, so that none goes by uncounted.
pub(super) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(name) = response.extensions().get::<ErrorName>() {
        app.metrics.refused(*name);
    }
    response
}

/// The refusal of a body that does not fit.
pub(super) fn malformed(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused(ProtocolError::new(ErrorName::Malformed, reason))
}
