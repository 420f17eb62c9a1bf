//! What a token says, checked.

use crate::protocol::{ErrorName, ProtocolError, Source};
use serde::{Deserialize, Serialize};

/// Longest `sub`, `room` and `name`, in characters (`docs/protocol.md`, Token).
pub(crate) const NAME_CHARS_MAX: usize = 128;

/// A kind of media that a token may allow to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishKind {
    /// Microphones.
    Audio,
    /// Cameras.
    Video,
    /// Screens, with their sound.
    Screen,
}

impl PublishKind {
    /// The grant that `source` needs.
    pub const fn of(source: Source) -> Self {
        match source {
            Source::Microphone => Self::Audio,
            Source::Camera => Self::Video,
            Source::Screen | Source::ScreenAudio => Self::Screen,
        }
    }

    /// The name in a token.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Screen => "screen",
        }
    }
}

/// What a participant may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// What it may publish.
    pub publish: Vec<PublishKind>,
    /// Whether it may subscribe.
    pub subscribe: bool,
    /// Whether it may use data channels.
    pub data: bool,
    /// Whether it may use the HTTP interface for servers.
    pub admin: bool,
}

/// A verified token. `identity` and `room` are empty in a token that is only an admin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub identity: String,
    /// Where.
    pub room: String,
    /// How others see it.
    pub name: Option<String>,
    /// What it may do.
    pub grants: Grants,
}

/// The claims as they stand in a token. `exp`, `nbf`, `aud` and `iss` are the JWT library's to check.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct RawClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
    /// RFC 7519 section 2, NumericDate: "non-integer values can be represented".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exp: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publish: Option<Vec<PublishKind>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscribe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<bool>,
}

impl RawClaims {
    pub(super) fn check(self) -> Result<Claims, ProtocolError> {
        let admin = self.admin.unwrap_or(false);
        // A back end's token need not name a participant. It cannot join then: the session asks for both.
        let required = |value: Option<String>, claim| match value {
            Some(value) => name(claim, value),
            None if admin => Ok(String::new()),
            None => Err(missing(claim)),
        };
        Ok(Claims {
            identity: required(self.sub, "sub")?,
            room: required(self.room, "room")?,
            name: self.name.map(|value| name("name", value)).transpose()?,
            grants: Grants {
                publish: self.publish.unwrap_or_default(),
                subscribe: self.subscribe.unwrap_or(true),
                data: self.data.unwrap_or(false),
                admin,
            },
        })
    }
}

/// Whether `value` may be an identity, a room or a display name.
pub(crate) fn is_name(value: &str) -> bool {
    !value.is_empty() && value.chars().count() <= NAME_CHARS_MAX && !value.chars().any(char::is_control)
}

fn name(claim: &str, value: String) -> Result<String, ProtocolError> {
    if is_name(&value) {
        return Ok(value);
    }
    let reason = format!("the token's {claim} must be 1 to {NAME_CHARS_MAX} characters, none of them a control character");
    Err(ProtocolError::new(ErrorName::TokenMalformed, reason))
}

pub(super) fn missing(claim: &str) -> ProtocolError {
    ProtocolError::new(ErrorName::TokenMissingClaim, format!("the token has no {claim}: have your token server put it in"))
}
