//! STUN by hand, so that requests can be wrong in any way and answers are read by other code than the server's.

use aws_lc_rs::hmac;

pub(crate) const BINDING_REQUEST: u16 = 0x0001;
pub(crate) const BINDING_INDICATION: u16 = 0x0011;
pub(crate) const BINDING_SUCCESS: u16 = 0x0101;
pub(crate) const BINDING_ERROR: u16 = 0x0111;

pub(crate) const USERNAME: u16 = 0x0006;
pub(crate) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(crate) const ERROR_CODE: u16 = 0x0009;
pub(crate) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
pub(crate) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(crate) const PRIORITY: u16 = 0x0024;
pub(crate) const USE_CANDIDATE: u16 = 0x0025;
pub(crate) const FINGERPRINT: u16 = 0x8028;
pub(crate) const ICE_CONTROLLED: u16 = 0x8029;
pub(crate) const ICE_CONTROLLING: u16 = 0x802A;

const COOKIE: u32 = 0x2112_A442;

/// A message in the making.
#[derive(Clone)]
pub(crate) struct Stun {
    bytes: Vec<u8>,
}

impl Stun {
    pub(crate) fn new(kind: u16) -> Self {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(COOKIE.to_be_bytes());
        bytes.extend(*b"transaction!");
        Self { bytes }
    }

    /// What a browser sends to `ufrag`.
    pub(crate) fn check(ufrag: &str) -> Self {
        Self::new(BINDING_REQUEST)
            .with(USERNAME, format!("{ufrag}:peer").as_bytes())
            .with(ICE_CONTROLLING, &[1; 8])
            .with(PRIORITY, &[0x6E, 0, 1, 0xFF])
    }

    pub(crate) fn nominate(self) -> Self {
        self.with(USE_CANDIDATE, &[])
    }

    pub(crate) fn with(mut self, attribute: u16, value: &[u8]) -> Self {
        self.bytes.extend(attribute.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0);
        self
    }

    pub(crate) fn sign(mut self, password: &str) -> Self {
        self.set_length(24);
        let tag = hmac_sha1(password, &self.bytes);
        self.with(MESSAGE_INTEGRITY, &tag)
    }

    /// Without FINGERPRINT.
    pub(crate) fn bare(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.set_length(8);
        let crc = crc32(&self.bytes) ^ 0x5354_554E;
        self.with(FINGERPRINT, &crc.to_be_bytes()).bytes
    }

    /// The length of the attributes, `more` to come included.
    fn set_length(&mut self, more: usize) {
        let len = (self.bytes.len() - 20 + more) as u16;
        self.bytes[2..4].copy_from_slice(&len.to_be_bytes());
    }
}

/// An answer: its kind, its attributes; integrity and fingerprint are checked.
pub(crate) struct Answer {
    pub(crate) kind: u16,
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Answer {
    pub(crate) fn read(bytes: &[u8], password: &str) -> Self {
        assert_eq!(&bytes[8..20], b"transaction!");
        let mut attributes = Vec::new();
        let mut at = 20;
        while at < bytes.len() {
            let field = |i: usize| u16::from_be_bytes([bytes[i], bytes[i + 1]]);
            let (kind, len) = (field(at), usize::from(field(at + 2)));
            let value = bytes[at + 4..at + 4 + len].to_vec();
            let mut covered = bytes[..at].to_vec();
            covered[2..4].copy_from_slice(&((at - 20 + 4 + len) as u16).to_be_bytes());
            match kind {
                MESSAGE_INTEGRITY => assert_eq!(value, hmac_sha1(password, &covered)),
                FINGERPRINT => assert_eq!(value, (crc32(&covered) ^ 0x5354_554E).to_be_bytes()),
                _ => {}
            }
            attributes.push((kind, value));
            at += 4 + len.next_multiple_of(4);
        }
        let answer = Self { kind: u16::from_be_bytes([bytes[0], bytes[1]]), attributes };
        assert!(answer.attribute(MESSAGE_INTEGRITY).is_some() && answer.attribute(FINGERPRINT).is_some());
        answer
    }

    pub(crate) fn attribute(&self, kind: u16) -> Option<&[u8]> {
        self.attributes.iter().find(|(k, _)| *k == kind).map(|(_, v)| v.as_slice())
    }

    /// Class and number of ERROR-CODE.
    pub(crate) fn error_code(&self) -> u16 {
        let value = self.attribute(ERROR_CODE).unwrap();
        u16::from(value[2]) * 100 + u16::from(value[3])
    }

    /// Port of XOR-MAPPED-ADDRESS and its IPv4 address.
    pub(crate) fn mapped_address(&self) -> std::net::SocketAddr {
        let value = self.attribute(XOR_MAPPED_ADDRESS).unwrap();
        let port = u16::from_be_bytes([value[2], value[3]]) ^ (COOKIE >> 16) as u16;
        let address = u32::from_be_bytes(value[4..8].try_into().unwrap()) ^ COOKIE;
        (std::net::Ipv4Addr::from(address), port).into()
    }
}

fn hmac_sha1(password: &str, bytes: &[u8]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    hmac::sign(&key, bytes).as_ref().try_into().unwrap()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
