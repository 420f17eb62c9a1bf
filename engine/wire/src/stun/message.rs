//! A parsed STUN message, borrowed from its datagram.

use super::attribute as kind;
use super::{FINGERPRINT_XOR, HEADER_LEN, MAGIC_COOKIE, TransactionId, xor_address};
use crate::reader::Reader;
use arrayvec::ArrayVec;
use core::net::SocketAddr;

/// How many unknown attributes are remembered: an error response need not name more to make its point.
pub const UNKNOWN_MAX: usize = 8;

/// What a message is for (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// Says yes.
    Success,
    /// Says no, with an error code.
    Error,
}

/// What is asked, 12 bits (RFC 8489 section 18.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(pub u16);

impl Method {
    /// The only one that ICE uses.
    pub const BINDING: Self = Self(1);
}

/// What one message says. Of attributes that come twice the first counts (RFC 8489 section 14), and what comes after
/// MESSAGE-INTEGRITY is not looked at, except for FINGERPRINT (section 14.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is for.
    pub class: Class,
    /// What is asked.
    pub method: Method,
    /// Ties response to request.
    pub transaction: TransactionId,
    /// Whose password signs: in ICE the receiver's user fragment, a colon, the sender's (RFC 8445 section 7.2.2).
    pub username: Option<&'a str>,
    /// The priority that a peer-reflexive candidate found by this check shall have (RFC 8445 section 7.1.1).
    pub priority: Option<u32>,
    /// The controlling agent nominates this pair (RFC 8445 section 7.1.2).
    pub use_candidate: bool,
    /// The sender believes to be the controlling agent; its tie-breaker (RFC 8445 section 7.1.3).
    pub ice_controlling: Option<u64>,
    /// The sender believes to be the controlled agent; its tie-breaker (RFC 8445 section 7.1.3).
    pub ice_controlled: Option<u64>,
    /// XOR-MAPPED-ADDRESS: where the responder saw the request come from.
    pub mapped_address: Option<SocketAddr>,
    /// Why the answer is no: 300-699.
    pub error_code: Option<u16>,
    /// Attributes that must be understood and are not: a request that has them is answered with 420 (RFC 8489 section 6.3.1).
    pub unknown: ArrayVec<u16, UNKNOWN_MAX>,
    /// Whether there is a FINGERPRINT; it is right.
    pub has_fingerprint: bool,
    bytes: &'a [u8],
    /// Where the MESSAGE-INTEGRITY attribute starts; zero without one.
    integrity_at: usize,
}

/// What MESSAGE-INTEGRITY signs (RFC 8489 section 14.5): HMAC-SHA1 over `header`, then `attributes`, must be `tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrityInput<'a> {
    /// The header with the length that the message has up to and including MESSAGE-INTEGRITY.
    pub header: [u8; HEADER_LEN],
    /// Everything between the header and MESSAGE-INTEGRITY.
    pub attributes: &'a [u8],
    /// The tag that came with the message.
    pub tag: &'a [u8; 20],
}

/// Why bytes are no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Shorter or longer than its header says, or not whole words.
    Length,
    /// The magic cookie is missing, or the top bits of the type are not zero: not STUN.
    NotStun,
    /// An attribute reaches over the end of the message.
    Truncated,
    /// An attribute's value is not what its type asks for.
    Malformed,
    /// FINGERPRINT is wrong, or not the last attribute.
    Fingerprint,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the datagram is not as long as its STUN header says",
            Self::NotStun => "the STUN magic cookie is missing",
            Self::Truncated => "a STUN attribute reaches over the end of the message",
            Self::Malformed => "a STUN attribute has a value that its type does not allow",
            Self::Fingerprint => "the STUN FINGERPRINT is wrong or not the last attribute",
        })
    }
}

impl core::error::Error for ParseError {}

impl<'a> Message<'a> {
    /// Parses the message that is the whole of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut message = Self::parse_header(bytes)?;
        let mut reader = Reader::new(&bytes[HEADER_LEN..]);
        while !reader.rest().is_empty() {
            let at = bytes.len() - reader.rest().len();
            let (kind, value) = read_attribute(&mut reader).ok_or(ParseError::Truncated)?;
            match kind {
                kind::FINGERPRINT => message.check_fingerprint(at, value)?,
                _ if message.integrity_at != 0 => {}
                kind::MESSAGE_INTEGRITY if value.len() == 20 => message.integrity_at = at,
                _ => message.take(kind, value).ok_or(ParseError::Malformed)?,
            }
        }
        Ok(message)
    }

    /// The parts to check MESSAGE-INTEGRITY with; `None` when the message has none.
    pub fn integrity_input(&self) -> Option<IntegrityInput<'a>> {
        if self.integrity_at == 0 {
            return None;
        }
        let mut header = *self.bytes.first_chunk()?;
        let signed_len = u16::try_from(self.integrity_at + 24 - HEADER_LEN).ok()?;
        header[2..4].copy_from_slice(&signed_len.to_be_bytes());
        let tag = self.bytes.get(self.integrity_at + 4..)?.first_chunk()?;
        Some(IntegrityInput { header, attributes: self.bytes.get(HEADER_LEN..self.integrity_at)?, tag })
    }

    fn parse_header(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let mut fields = || Some((reader.u16()?, reader.u16()?, reader.u32()?, reader.array()?));
        let (kind, len, cookie, transaction) = fields().ok_or(ParseError::Length)?;
        if kind >> 14 != 0 || cookie != MAGIC_COOKIE {
            return Err(ParseError::NotStun);
        }
        if len % 4 != 0 || usize::from(len) != bytes.len() - HEADER_LEN {
            return Err(ParseError::Length);
        }
        let (class, method) = Class::split(kind);
        Ok(Self {
            class,
            method,
            transaction: TransactionId(transaction),
            username: None,
            priority: None,
            use_candidate: false,
            ice_controlling: None,
            ice_controlled: None,
            mapped_address: None,
            error_code: None,
            unknown: ArrayVec::new(),
            has_fingerprint: false,
            bytes,
            integrity_at: 0,
        })
    }

    /// RFC 8489 section 14.7: the CRC-32 of everything before the attribute, which "MUST be the last attribute in the message".
    fn check_fingerprint(&mut self, at: usize, value: &[u8]) -> Result<(), ParseError> {
        let sum = crc32fast::hash(&self.bytes[..at]) ^ FINGERPRINT_XOR;
        if value != sum.to_be_bytes() || at + 8 != self.bytes.len() {
            return Err(ParseError::Fingerprint);
        }
        self.has_fingerprint = true;
        Ok(())
    }

    /// Takes one attribute in; `None` when its value does not fit its type.
    fn take(&mut self, kind: u16, value: &'a [u8]) -> Option<()> {
        match kind {
            kind::USERNAME => first(&mut self.username, read_username(value)?),
            kind::PRIORITY => first(&mut self.priority, u32::from_be_bytes(value.try_into().ok()?)),
            kind::USE_CANDIDATE => self.use_candidate = value.is_empty().then_some(true)?,
            kind::ICE_CONTROLLING => first(&mut self.ice_controlling, u64::from_be_bytes(value.try_into().ok()?)),
            kind::ICE_CONTROLLED => first(&mut self.ice_controlled, u64::from_be_bytes(value.try_into().ok()?)),
            kind::XOR_MAPPED_ADDRESS => first(&mut self.mapped_address, xor_address::read(value, self.transaction)?),
            kind::ERROR_CODE => first(&mut self.error_code, read_error_code(value)?),
            kind::MESSAGE_INTEGRITY => return None,
            _ if kind::is_comprehension_required(kind) && !kind::is_tolerated(kind) => {
                // Full is enough: the request is refused by the first one.
                let _ = self.unknown.try_push(kind);
            }
            _ => {}
        }
        Some(())
    }
}

impl Class {
    /// Takes the class and the method out of a message type, where their bits are interleaved (RFC 8489 section 5):
    ///
    /// ```text
    /// | 0 0 | M11 M10 M9 M8 M7 | C1 | M6 M5 M4 | C0 | M3 M2 M1 M0 |
    /// ```
    const fn split(kind: u16) -> (Self, Method) {
        let class = match kind & 0x0110 {
            0x0000 => Self::Request,
            0x0010 => Self::Indication,
            0x0100 => Self::Success,
            _ => Self::Error,
        };
        (class, Method(kind & 0x000F | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2))
    }

    /// The message type of this class and `method`.
    pub(super) const fn join(self, method: Method) -> u16 {
        let class = match self {
            Self::Request => 0x0000,
            Self::Indication => 0x0010,
            Self::Success => 0x0100,
            Self::Error => 0x0110,
        };
        class | method.0 & 0x000F | (method.0 & 0x0070) << 1 | (method.0 & 0x0F80) << 2
    }
}

/// Type and value of the next attribute. The padding to whole words after it is skipped: it "MUST be ignored by the receiver"
/// (RFC 8489 section 14).
fn read_attribute<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = reader.u16()?;
    let len = usize::from(reader.u16()?);
    let value = reader.take(len)?;
    reader.take(len.wrapping_neg() % 4)?;
    Some((kind, value))
}

/// UTF-8 of less than 509 bytes (RFC 8489 section 14.3).
fn read_username(value: &[u8]) -> Option<&str> {
    if value.len() > 508 {
        return None;
    }
    core::str::from_utf8(value).ok()
}

/// Class 3-6 and number 0-99 (RFC 8489 section 14.8). The reason phrase is for people, and no one reads it here.
fn read_error_code(value: &[u8]) -> Option<u16> {
    let [_, _, class, number] = *value.first_chunk()?;
    let class = class & 0x07;
    ((3..=6).contains(&class) && number < 100).then_some(u16::from(class) * 100 + u16::from(number))
}

fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}
