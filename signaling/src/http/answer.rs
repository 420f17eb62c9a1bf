//! JSON answers.

use crate::protocol::{ErrorName, ProtocolError};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
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
        (status, Json(body)).into_response()
    }
}

/// The refusal of a body that does not fit.
pub(super) fn malformed(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refused {
    Refused(ProtocolError::new(ErrorName::Malformed, reason))
}
