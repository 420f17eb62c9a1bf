//! Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1).

pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
pub(super) const REALM: u16 = 0x0014;
pub(super) const NONCE: u16 = 0x0015;
pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const PRIORITY: u16 = 0x0024;
pub(super) const USE_CANDIDATE: u16 = 0x0025;
pub(super) const SOFTWARE: u16 = 0x8022;
pub(super) const FINGERPRINT: u16 = 0x8028;
pub(super) const ICE_CONTROLLED: u16 = 0x8029;
pub(super) const ICE_CONTROLLING: u16 = 0x802A;

/// Whether an agent that does not know `kind` must refuse the request: "Attributes with type values between 0x0000 and 0x7FFF are
/// comprehension-required attributes" (RFC 8489 section 14).
pub(super) const fn is_comprehension_required(kind: u16) -> bool {
    kind < 0x8000
}

/// Comprehension-required attributes that are understood, though nothing in ICE with short-term credentials acts on them.
pub(super) const fn is_tolerated(kind: u16) -> bool {
    matches!(kind, MAPPED_ADDRESS | UNKNOWN_ATTRIBUTES | REALM | NONCE | MESSAGE_INTEGRITY_SHA256)
}
