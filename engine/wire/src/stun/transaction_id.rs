//! The transaction id of a STUN message (RFC 8489 section 5).

/// Ties a response to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);
