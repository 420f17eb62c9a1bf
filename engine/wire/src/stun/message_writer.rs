//! Writes a STUN message.

use super::attribute as kind;
use super::message::{Class, Method};
use super::{FINGERPRINT_XOR, MAGIC_COOKIE, TransactionId, xor_address};
use crate::writer::Writer;
use core::net::SocketAddr;

const LENGTH_AT: usize = 2;
/// The whole attribute MESSAGE-INTEGRITY.
const INTEGRITY_LEN: usize = 24;
/// The whole attribute FINGERPRINT.
const FINGERPRINT_LEN: usize = 8;

/// Appends attributes in the order of its calls. A buffer that is too small shows at the end: `finish` gives `None`.
pub struct MessageWriter<'a> {
    writer: Writer<'a>,
    transaction: TransactionId,
    fits: Option<()>,
}

impl<'a> MessageWriter<'a> {
    /// Begins a message at the front of `dst`.
    pub fn new(dst: &'a mut [u8], class: Class, method: Method, transaction: TransactionId) -> Self {
        let mut writer = Writer::new(dst);
        let fits = writer
            .u16(class.join(method))
            .and_then(|()| writer.u16(0))
            .and_then(|()| writer.u32(MAGIC_COOKIE))
            .and_then(|()| writer.bytes(&transaction.0));
        Self { writer, transaction, fits }
    }

    /// USERNAME (RFC 8489 section 14.3).
    pub fn username(self, username: &str) -> Self {
        self.attribute(kind::USERNAME, username.as_bytes())
    }

    /// PRIORITY (RFC 8445 section 7.1.1).
    pub fn priority(self, priority: u32) -> Self {
        self.attribute(kind::PRIORITY, &priority.to_be_bytes())
    }

    /// USE-CANDIDATE (RFC 8445 section 7.1.2).
    pub fn use_candidate(self) -> Self {
        self.attribute(kind::USE_CANDIDATE, &[])
    }

    /// ICE-CONTROLLING (RFC 8445 section 7.1.3).
    pub fn ice_controlling(self, tie_breaker: u64) -> Self {
        self.attribute(kind::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLED (RFC 8445 section 7.1.3).
    pub fn ice_controlled(self, tie_breaker: u64) -> Self {
        self.attribute(kind::ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    /// SOFTWARE (RFC 8489 section 14.14).
    pub fn software(self, software: &str) -> Self {
        self.attribute(kind::SOFTWARE, software.as_bytes())
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        let mut value = [0; 20];
        let transaction = self.transaction;
        self.attribute(kind::XOR_MAPPED_ADDRESS, xor_address::write(&mut value, address, transaction))
    }

    /// ERROR-CODE, 300-699, with a reason for people to read (RFC 8489 section 14.8).
    pub fn error_code(self, code: u16, reason: &str) -> Self {
        debug_assert!((300..700).contains(&code), "STUN error codes are 300-699");
        let head = [0, 0, (code / 100) as u8, (code % 100) as u8];
        self.attribute_of(kind::ERROR_CODE, &[&head, reason.as_bytes()])
    }

    /// UNKNOWN-ATTRIBUTES, for error 420 (RFC 8489 section 14.13).
    pub fn unknown_attributes(mut self, kinds: &[u16]) -> Self {
        self.fits = self.fits.and_then(|()| {
            self.writer.u16(kind::UNKNOWN_ATTRIBUTES)?;
            self.writer.u16(u16::try_from(2 * kinds.len()).ok()?)?;
            kinds.iter().try_for_each(|k| self.writer.u16(*k))?;
            self.writer.pad_to_word()
        });
        self
    }

    /// Any other attribute.
    pub fn attribute(self, kind: u16, value: &[u8]) -> Self {
        self.attribute_of(kind, &[value])
    }

    /// Ends the message with FINGERPRINT and gives its length.
    pub fn finish(mut self) -> Option<usize> {
        self.fits?;
        self.set_len_with(FINGERPRINT_LEN)?;
        let sum = crc32fast::hash(self.writer.written()) ^ FINGERPRINT_XOR;
        self = self.attribute(kind::FINGERPRINT, &sum.to_be_bytes());
        self.fits.map(|()| self.writer.len())
    }

    /// Ends the message with MESSAGE-INTEGRITY and FINGERPRINT and gives its length. `hmac` gets what is to be signed, and gives
    /// its HMAC-SHA1.
    pub fn finish_with_integrity(mut self, hmac: impl FnOnce(&[u8]) -> [u8; 20]) -> Option<usize> {
        self.fits?;
        self.set_len_with(INTEGRITY_LEN)?;
        let tag = hmac(self.writer.written());
        self.attribute(kind::MESSAGE_INTEGRITY, &tag).finish()
    }

    /// Writes the length that the message has when `more` bytes follow. Both sums are taken over a header whose length includes
    /// the attribute that carries them (RFC 8489 sections 14.5 and 14.7).
    fn set_len_with(&mut self, more: usize) -> Option<()> {
        let len = u16::try_from(self.writer.len() + more - super::HEADER_LEN).ok()?;
        self.writer.set_u16(LENGTH_AT, len);
        Some(())
    }

    fn attribute_of(mut self, kind: u16, parts: &[&[u8]]) -> Self {
        self.fits = self.fits.and_then(|()| {
            let len = parts.iter().map(|p| p.len()).sum::<usize>();
            self.writer.u16(kind)?;
            self.writer.u16(u16::try_from(len).ok()?)?;
            parts.iter().try_for_each(|p| self.writer.bytes(p))?;
            self.writer.pad_to_word()
        });
        self
    }
}
