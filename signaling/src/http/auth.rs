//! Tokens of HTTP requests.

use super::answer::Refused;
use crate::app::App;
use crate::protocol::{ErrorName, ProtocolError};
use axum::http::{HeaderMap, header};

/// The token of the `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    // RFC 9110 section 11.1: the scheme is case-insensitive.
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Fails unless the request has an admin's token.
pub(super) async fn admin(app: &App, headers: &HeaderMap) -> Result<(), Refused> {
    Ok(check_admin(app, headers).await?)
}

/// [`admin`], but in development mode everyone on this machine may look.
pub(super) async fn admin_or_development(app: &App, headers: &HeaderMap) -> Result<(), Refused> {
    if app.config.is_development() { Ok(()) } else { admin(app, headers).await }
}

async fn check_admin(app: &App, headers: &HeaderMap) -> Result<(), ProtocolError> {
    let token = bearer(headers)
        .ok_or_else(|| ProtocolError::new(ErrorName::TokenMissing, "send an admin's token as Authorization: Bearer <token>"))?;
    if app.verifier.verify(token).await?.grants.admin {
        Ok(())
    } else {
        Err(ProtocolError::new(ErrorName::NoAdminGrant, "the token is not an admin's: have it say \"admin\": true"))
    }
}
