//! The controlling side of ICE, as small as it can be: one pair, checked until it works and then to keep consent.

use aws_lc_rs::hmac;
use core::time::Duration;
use corelay_core::control::IceCredentials;
use corelay_wire::stun::{Class, Message, MessageWriter, Method, TransactionId};
use corelay_wire::units::Instant;

/// Checks until the first answer.
const PACE: Duration = Duration::from_millis(50);
/// Checks that keep consent.
const KEEP: Duration = Duration::from_secs(2);

/// Checks towards one server.
#[derive(Debug)]
pub struct IceClient {
    /// What the server gave out.
    pub remote: IceCredentials,
    next: Instant,
    transactions: u64,
    answered: bool,
}

impl IceClient {
    /// Begins at once.
    pub fn new(remote: IceCredentials, now: Instant) -> Self {
        Self { remote, next: now, transactions: 0, answered: false }
    }

    /// When the next check is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Checks anew, as after a change of address or credentials.
    pub fn begin_again(&mut self, now: Instant) {
        (self.next, self.answered) = (now, false);
    }

    /// The check that is due, if one is.
    pub fn check(&mut self, now: Instant, own_ufrag: &str) -> Option<Vec<u8>> {
        if self.next > now {
            return None;
        }
        self.next = now + if self.answered { KEEP } else { PACE };
        self.transactions += 1;
        Some(binding_request(&self.remote, own_ufrag, self.transactions))
    }

    /// Takes an answer.
    pub fn answer(&mut self, now: Instant, bytes: &[u8]) {
        if Message::parse(bytes).is_ok_and(|m| m.class == Class::Success) && !self.answered {
            self.answered = true;
            self.next = now + KEEP;
        }
    }
}

/// A check that names and knows `credentials`.
pub fn binding_request(credentials: &IceCredentials, from: &str, transaction: u64) -> Vec<u8> {
    let mut bytes = vec![0; 200];
    let mut id = [7; 12];
    id[..8].copy_from_slice(&transaction.to_be_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, credentials.password.as_bytes());
    let len = MessageWriter::new(&mut bytes, Class::Request, Method::BINDING, TransactionId(id))
        .username(&format!("{}:{from}", credentials.ufrag))
        .priority(0x7E00_00FF)
        .ice_controlling(1)
        .use_candidate()
        .finish_with_integrity(|input| hmac::sign(&key, input).as_ref().try_into().expect("20 bytes"))
        .expect("200 bytes hold a check");
    bytes.truncate(len);
    bytes
}
