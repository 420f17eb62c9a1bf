//! JSON Web Tokens: who may join which room and what they may do there.
//!
//! Every key belongs to one algorithm: `JWT_SECRET` to HS256, a key of a JWKS to the one that its type names. The header of a token
//! chooses among keys, never among algorithms for a key, so a public key cannot be taken for an HMAC secret (RFC 8725 section 3.1).

mod claims;
mod jwks;
mod mint;
#[cfg(test)]
mod tests;

pub(crate) use claims::is_name;
pub use claims::{Claims, Grants, PublishKind};
pub use mint::{MintError, TokenRequest, mint};

use crate::protocol::{ErrorName, ProtocolError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claims::RawClaims;
use corelay_engine::config::Config;
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use jwks::Jwks;
pub use jwks::JwksError;
pub(crate) use jwks::KEY_AGE_MAX;
use serde::Deserialize;
use std::time::Duration;

/// Clocks of issuer and server may differ by this much. Higher: a token lives longer than its issuer said. Lower: tokens of an issuer
/// whose clock is ahead are "not yet valid".
pub const LEEWAY_S: u64 = 10;

/// Longer tokens are refused unread: headers and URLs of that length do not pass proxies either.
const TOKEN_LEN_MAX: usize = 8 * 1024;

/// Verifies tokens by the configured keys.
#[derive(Debug)]
pub struct Verifier {
    secret: Option<DecodingKey>,
    jwks: Option<Jwks>,
    audience: Option<String>,
    issuer: Option<String>,
}

/// The part of a JOSE header that chooses the key (RFC 7515 section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default, rename = "crit", deserialize_with = "is_there")]
    has_crit: bool,
}

impl Verifier {
    /// A verifier for the keys that `config` names; `secret` is its HS256 secret, or the one made up in development mode.
    pub(crate) fn new(config: &Config, secret: Option<&[u8]>) -> Result<Self, JwksError> {
        Ok(Self {
            secret: secret.map(DecodingKey::from_secret),
            jwks: Jwks::new(config.jwks_file.as_deref(), config.jwks_url.as_deref())?,
            audience: config.jwt_audience.clone(),
            issuer: config.jwt_issuer.clone(),
        })
    }

    /// Fetches the keys of `JWKS_URL`, if there is one, so that the first token does not wait for them.
    pub(crate) async fn prefetch(&self) {
        if let Some(jwks) = &self.jwks {
            jwks.refresh().await;
        }
    }

    /// Fetches the keys of `JWKS_URL` anew each time that they are old.
    pub(crate) async fn run_refresh(&self, age_max: Duration) {
        let Some(jwks) = &self.jwks else { return };
        loop {
            tokio::time::sleep(age_max).await;
            jwks.refresh().await;
        }
    }

    /// The claims of `token`, if every check passes.
    pub async fn verify(&self, token: &str) -> Result<Claims, ProtocolError> {
        let (header, algorithm) = header_of(token)?;
        let key = self.key(&header, algorithm).await?;
        let validation = self.validation(algorithm);
        let data = jsonwebtoken::decode::<RawClaims>(token, &key, &validation).map_err(|e| self.refusal(&e))?;
        data.claims.check()
    }

    async fn key(&self, header: &Header, algorithm: Algorithm) -> Result<DecodingKey, ProtocolError> {
        let found = match (algorithm, &self.jwks) {
            (Algorithm::HS256, _) => self.secret.clone(),
            (_, Some(jwks)) => jwks.key(header.kid.as_deref(), algorithm).await,
            (_, None) => None,
        };
        found.ok_or_else(|| {
            bad_signature(
                "no key of this server fits the token's alg and kid: sign with a key that JWT_SECRET, JWKS_FILE or JWKS_URL holds",
            )
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        validation
    }

    fn refusal(&self, error: &JwtError) -> ProtocolError {
        match error.kind() {
            ErrorKind::ExpiredSignature => {
                ProtocolError::new(ErrorName::TokenExpired, "the token's exp is past: ask your server for a new token")
            }
            ErrorKind::ImmatureSignature => {
                ProtocolError::new(ErrorName::TokenNotYetValid, "the token's nbf is to come: wait, or set the issuer's clock")
            }
            ErrorKind::InvalidAudience if self.audience.is_none() => ProtocolError::new(
                ErrorName::TokenWrongAudience,
                "the token has an aud and this server has no JWT_AUDIENCE to compare it with (RFC 7519 section 4.1.3): set it, or leave aud out",
            ),
            ErrorKind::InvalidAudience => {
                ProtocolError::new(ErrorName::TokenWrongAudience, "the token's aud is not this server's JWT_AUDIENCE")
            }
            ErrorKind::InvalidIssuer => {
                ProtocolError::new(ErrorName::TokenWrongIssuer, "the token's iss is not this server's JWT_ISSUER")
            }
            ErrorKind::MissingRequiredClaim(claim) => claims::missing(claim),
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => {
                bad_signature("the signature does not verify: sign with the key and algorithm that this server is configured for")
            }
            other => malformed(format!("the token does not parse ({other:?}): send a signed JWT as your token server made it")),
        }
    }
}

/// Whatever the value is.
fn is_there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn header_of(token: &str) -> Result<(Header, Algorithm), ProtocolError> {
    if token.len() > TOKEN_LEN_MAX {
        return Err(malformed(format!("the token is longer than {TOKEN_LEN_MAX} bytes: leave out what this server does not read")));
    }
    let mut parts = token.split('.');
    let (Some(encoded), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("a token has three parts with dots between: send a signed JWT (JWS compact serialization)"));
    };
    let header: Header = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| malformed("the token's header is not base64url of a JSON object with alg: send a signed JWT"))?;
    // RFC 7515 section 4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the recipient, then
    // the JWS is invalid." None is understood here.
    if header.has_crit {
        return Err(malformed("the token's header has crit, and this server knows no extensions: leave it out"));
    }
    let algorithm = match header.alg.as_str() {
        "HS256" => Algorithm::HS256,
        "RS256" => Algorithm::RS256,
        "ES256" => Algorithm::ES256,
        "EdDSA" => Algorithm::EdDSA,
        "none" => return Err(bad_signature("unsigned tokens (alg none) are refused: sign the token")),
        _ => return Err(bad_signature("the token's alg is not among HS256, RS256, ES256 and EdDSA: sign it with one of these")),
    };
    Ok((header, algorithm))
}

fn bad_signature(reason: &'static str) -> ProtocolError {
    ProtocolError::new(ErrorName::TokenBadSignature, reason)
}

fn malformed(reason: impl Into<std::borrow::Cow<'static, str>>) -> ProtocolError {
    ProtocolError::new(ErrorName::TokenMalformed, reason)
}
