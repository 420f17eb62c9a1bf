//! The ICE share of an association: checks as the controlling agent, their answers, and answers to checks of the other side.

use rand::RngExt;
use std::net::SocketAddr;
use stun::agent::TransactionId;
use stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute};
use stun::error_code::{CODE_UNAUTHORIZED, ErrorCodeAttribute};
use stun::integrity::MessageIntegrity;
use stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, Setter};
use stun::textattrs::TextAttribute;
use stun::xoraddr::XorMappedAddress;

/// Above that of any other agent: when both sides believe that they control, the other one gives in (RFC 8445 section 7.3.1.1).
const TIE_BREAKER: u64 = u64::MAX;
/// A host candidate of one interface and component 1 (RFC 8445 section 5.1.2.1), as a peer-reflexive one.
const PRIORITY: u32 = 0x6e7f_1eff;

/// What a STUN datagram means to the association.
pub(crate) enum Heard {
    /// The other side answered our check.
    Confirmed,
    /// It checks us: send this back.
    Answer(Vec<u8>),
    /// Nothing that we asked for.
    Noise,
}

/// Credentials of both sides and the check that waits for its answer.
pub(crate) struct Ice {
    username: String,
    expected_username: String,
    remote: MessageIntegrity,
    local: MessageIntegrity,
    pending: TransactionId,
}

impl Ice {
    pub(crate) fn new(local: (&str, &str), remote: (&str, &str)) -> Self {
        Self {
            username: format!("{}:{}", remote.0, local.0),
            expected_username: format!("{}:{}", local.0, remote.0),
            remote: MessageIntegrity::new_short_term_integrity(remote.1.to_owned()),
            local: MessageIntegrity::new_short_term_integrity(local.1.to_owned()),
            pending: TransactionId::default(),
        }
    }

    /// A Binding request that nominates (RFC 8445 section 7.2.2); its answer confirms, later ones do not.
    pub(crate) fn check(&mut self) -> Vec<u8> {
        self.pending = TransactionId::new();
        build(&[
            Box::new(BINDING_REQUEST),
            Box::new(self.pending),
            Box::new(TextAttribute::new(ATTR_USERNAME, self.username.clone())),
            Box::new(attribute(ATTR_PRIORITY, PRIORITY.to_be_bytes().to_vec())),
            Box::new(attribute(ATTR_ICE_CONTROLLING, TIE_BREAKER.to_be_bytes().to_vec())),
            Box::new(attribute(ATTR_USE_CANDIDATE, Vec::new())),
            Box::new(self.remote.clone()),
            Box::new(stun::fingerprint::FINGERPRINT),
        ])
    }

    /// Reads a datagram that is STUN by its first byte.
    pub(crate) fn hear(&mut self, datagram: &[u8], from: SocketAddr) -> Heard {
        let mut message = Message::new();
        message.raw = datagram.to_vec();
        if message.decode().is_err() {
            return Heard::Noise;
        }
        if message.typ == BINDING_REQUEST {
            return Heard::Answer(self.answer(&mut message, from));
        }
        let answers = message.typ == BINDING_SUCCESS && message.transaction_id == self.pending;
        if answers && self.remote.check(&mut message).is_ok() { Heard::Confirmed } else { Heard::Noise }
    }

    fn answer(&self, request: &mut Message, from: SocketAddr) -> Vec<u8> {
        let username = TextAttribute::get_from_as(request, ATTR_USERNAME).map(|name| name.text).unwrap_or_default();
        if username != self.expected_username || self.local.check(request).is_err() {
            let unauthorized = ErrorCodeAttribute { code: CODE_UNAUTHORIZED, reason: Vec::new() };
            return build(&[Box::new(BINDING_ERROR), Box::new(request.transaction_id), Box::new(unauthorized)]);
        }
        build(&[
            Box::new(BINDING_SUCCESS),
            Box::new(request.transaction_id),
            Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
            Box::new(self.local.clone()),
            Box::new(stun::fingerprint::FINGERPRINT),
        ])
    }
}

/// A user fragment and a password of the lengths that RFC 8445 section 5.3 asks for.
pub(crate) fn credentials() -> (String, String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rng = rand::rng();
    let mut word = |len: usize| (0..len).map(|_| char::from(ALPHABET[rng.random_range(0..64)])).collect::<String>();
    (word(8), word(24))
}

fn attribute(typ: stun::attributes::AttrType, value: Vec<u8>) -> RawAttribute {
    RawAttribute { typ, length: u16::try_from(value.len()).expect("it is a few bytes long"), value }
}

fn build(setters: &[Box<dyn Setter>]) -> Vec<u8> {
    let mut message = Message::new();
    message.build(setters).expect("user names are shorter than the 513 bytes that STUN allows, the rest is of fixed size");
    message.raw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Ice, Ice) {
        let (a, b) = (credentials(), credentials());
        let (a, b) = ((a.0.as_str(), a.1.as_str()), (b.0.as_str(), b.1.as_str()));
        (Ice::new(a, b), Ice::new(b, a))
    }

    fn somewhere() -> SocketAddr {
        "127.0.0.1:26000".parse().expect("it is an address")
    }

    #[test]
    fn a_check_is_answered_and_the_answer_confirms_once() {
        let (mut one, mut other) = pair();
        let check = one.check();
        let Heard::Answer(answer) = other.hear(&check, somewhere()) else { panic!("a check asks for an answer") };
        assert!(matches!(one.hear(&answer, somewhere()), Heard::Confirmed));
        one.check();
        assert!(matches!(one.hear(&answer, somewhere()), Heard::Noise), "it answers a check of before");
    }

    #[test]
    fn a_stranger_is_told_no() {
        let (mut one, _) = pair();
        let (mut stranger, _) = pair();
        let Heard::Answer(answer) = one.hear(&stranger.check(), somewhere()) else { panic!("a check asks for an answer") };
        assert!(matches!(stranger.hear(&answer, somewhere()), Heard::Noise));
        assert!(matches!(one.hear(&[0, 1, 2], somewhere()), Heard::Noise));
    }
}
