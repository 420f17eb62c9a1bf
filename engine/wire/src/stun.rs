//! STUN (RFC 8489) as far as ICE needs it (RFC 8445).
//!
//! The crate has no cryptography: [`Message::integrity_input`] gives the parts to check a MESSAGE-INTEGRITY with, and
//! [`MessageWriter::finish_with_integrity`] asks for the tag. FINGERPRINT is checked and written here.

mod attribute;
mod message;
mod message_writer;
mod transaction_id;
mod xor_address;

pub use message::{Class, IntegrityInput, Message, Method, ParseError, UNKNOWN_MAX};
pub use message_writer::MessageWriter;
pub use transaction_id::TransactionId;

/// The first word after the type and length (RFC 8489 section 5).
const MAGIC_COOKIE: u32 = 0x2112_A442;
/// What FINGERPRINT is XORed with (RFC 8489 section 14.7): "STUN" in ASCII.
const FINGERPRINT_XOR: u32 = 0x5354_554E;
/// The header: type, length, magic cookie, transaction id.
const HEADER_LEN: usize = 20;

#[cfg(test)]
mod tests;
