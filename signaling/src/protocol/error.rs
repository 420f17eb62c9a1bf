//! The stable error names and the HTTP status that fits each.

use std::borrow::Cow;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal $label:literal),+ $(,)?) => {
        /// Why a request or a connection was refused: the `error` of a response, the `reason` of a goodbye and of the counter
        /// `corelay_signaling_refusals_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorName {
            $($(#[$doc])* $name),+
        }

        impl ErrorName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name on the wire.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label),+
                }
            }

            /// The HTTP status that fits.
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code),+
                }
            }
        }
    };
}

errors! {
    /// Not JSON, not an envelope, or data of the wrong shape.
    Malformed = 400 "malformed",
    /// No such method.
    UnknownMethod = 400 "unknown-method",
    /// No token was given.
    TokenMissing = 401 "token-missing",
    /// The token does not parse, or a claim has the wrong type.
    TokenMalformed = 401 "token-malformed",
    /// `exp` is past.
    TokenExpired = 401 "token-expired",
    /// `nbf` is to come.
    TokenNotYetValid = 401 "token-not-yet-valid",
    /// Signed by another key, by another algorithm than the key's, or not at all.
    TokenBadSignature = 401 "token-bad-signature",
    /// `aud` names another service.
    TokenWrongAudience = 401 "token-wrong-audience",
    /// `iss` names another issuer.
    TokenWrongIssuer = 401 "token-wrong-issuer",
    /// A required claim is not there.
    TokenMissingClaim = 401 "token-missing-claim",
    /// The token does not allow to publish this.
    NoPublishGrant = 403 "no-publish-grant",
    /// The token does not allow to subscribe.
    NoSubscribeGrant = 403 "no-subscribe-grant",
    /// The token is not an admin's.
    NoAdminGrant = 403 "no-admin-grant",
    /// The page that opened the WebSocket is not among the allowed origins.
    OriginNotAllowed = 403 "origin-not-allowed",
    /// Rooms are not made on demand here and this one was not made.
    UnknownRoom = 404 "unknown-room",
    /// No such participant in the room.
    UnknownParticipant = 404 "unknown-participant",
    /// No such transport of the participant.
    UnknownTransport = 404 "unknown-transport",
    /// No such producer of the participant, or in the room.
    UnknownProducer = 404 "unknown-producer",
    /// No such consumer of the participant.
    UnknownConsumer = 404 "unknown-consumer",
    /// Needs another request first, or came twice.
    OutOfOrder = 409 "out-of-order",
    /// Clashes with what the transport already carries.
    Conflict = 409 "conflict",
    /// The message is larger than 64 KiB.
    TooLarge = 413 "too-large",
    /// The receiver has no codec of the producer.
    CannotConsume = 422 "cannot-consume",
    /// A codec or encoding that the router does not have.
    Unsupported = 422 "unsupported",
    /// Slow down.
    TooManyRequests = 429 "too-many-requests",
    /// The node is going away.
    Draining = 503 "draining",
    /// A limit is reached.
    Full = 503 "full",
    /// A shard did not answer in time.
    Busy = 503 "busy",
}

/// A refusal with a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", name.label())]
pub struct ProtocolError {
    /// The stable name.
    pub name: ErrorName,
    /// What to do.
    pub reason: Cow<'static, str>,
}

impl ProtocolError {
    /// A refusal by `name` for `reason`.
    pub fn new(name: ErrorName, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { name, reason: reason.into() }
    }

    /// [`ErrorName::Malformed`] for `reason`.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorName::Malformed, reason)
    }
}
