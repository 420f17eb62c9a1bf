//! Tokens for developers and for the demo page.

use super::claims::{PublishKind, RawClaims};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use std::time::Duration;

/// What a token shall say.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// `room`; nothing for a token of an admin that joins no room.
    pub room: Option<String>,
    /// `sub`; nothing for a token of an admin that joins no room.
    pub identity: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `publish`.
    pub publish: Vec<PublishKind>,
    /// `subscribe`.
    pub subscribe: bool,
    /// `admin`.
    pub admin: bool,
    /// From the issuing until `exp`.
    pub ttl: Duration,
    /// `aud`.
    pub audience: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
}

/// The token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("signing the token failed: {0}")]
pub struct MintError(#[from] jsonwebtoken::errors::Error);

/// A token for `request`, signed with `secret` (HS256).
///
/// # Errors
/// When the crypto library refuses to sign.
pub fn mint(secret: &[u8], request: &TokenRequest) -> Result<String, MintError> {
    let claims = RawClaims {
        sub: request.identity.clone(),
        room: request.room.clone(),
        exp: Some(get_current_timestamp().saturating_add(request.ttl.as_secs()).into()),
        aud: request.audience.clone().map(serde_json::Value::String),
        iss: request.issuer.clone(),
        name: request.name.clone(),
        publish: Some(request.publish.clone()),
        subscribe: Some(request.subscribe),
        data: None,
        admin: request.admin.then_some(true),
    };
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret))?)
}
