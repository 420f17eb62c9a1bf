//! One STUN message: who sent it, whether it is authentic, and what is answered.

use super::{Checked, Generation, IceAgent};
use crate::control::IceCredentials;
use crate::drop_reason::DropReason;
use crate::outbox::{Outbox, Path};
use aws_lc_rs::{constant_time, hmac};
use corelay_wire::stun::{Class, Message, MessageWriter, Method};
use corelay_wire::units::Instant;

/// A success response to an IPv6 address has 76 bytes; an error with its reason and eight attributes has fewer than this.
const RESPONSE_LEN_MAX: usize = 160;

/// What a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    /// A comprehension-required attribute is unknown: 420 (RFC 8489 section 6.3.1).
    UnknownAttribute,
    /// No PRIORITY, which "MUST be included in a Binding request" (RFC 8445 section 7.1.1): 400.
    BadRequest,
}

impl IceAgent {
    /// Takes a STUN message and answers it. `Ok(None)` for an indication.
    ///
    /// Only who knows the password is answered, even with an error: RFC 8489 section 9.1.3 has 400 and 401 for everyone else, which
    /// would make the server a reflector, and a browser that is answered 401 does nothing that it does not do without an answer.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        path: Path,
        bytes: &[u8],
        out: &mut Outbox,
    ) -> Result<Option<Checked>, DropReason> {
        let message = Message::parse(bytes).map_err(|_| DropReason::StunMalformed)?;
        match (message.class, message.method) {
            (Class::Request, Method::BINDING) => {}
            (Class::Indication, Method::BINDING) => return Ok(None),
            _ => return Err(DropReason::StunUnexpected),
        }
        // Every connectivity check has one (RFC 8445 section 7.1). A wrong one does not parse.
        if !message.has_fingerprint {
            return Err(DropReason::StunMalformed);
        }
        let (generation, key) = self.authenticate(&message)?;
        let verdict = Verdict::of(&message);
        respond(&message, verdict, path, &key, out)?;
        match verdict {
            Verdict::Success => Ok(Some(self.accept(now, path, generation, message.use_candidate))),
            Verdict::UnknownAttribute | Verdict::BadRequest => Err(DropReason::StunMalformed),
        }
    }

    /// USERNAME is our fragment, a colon and the peer's (RFC 8445 section 7.2.2); MESSAGE-INTEGRITY is keyed by our password.
    fn authenticate(&self, message: &Message<'_>) -> Result<(Generation, hmac::Key), DropReason> {
        let (own, _) = message.username.and_then(|u| u.split_once(':')).ok_or(DropReason::StunBadIntegrity)?;
        let (generation, credentials) = self.by_fragment(own).ok_or(DropReason::StunUnknownUfrag)?;
        let input = message.integrity_input().ok_or(DropReason::StunBadIntegrity)?;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, credentials.password.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(&input.header);
        context.update(input.attributes);
        constant_time::verify_slices_are_equal(context.sign().as_ref(), input.tag).map_err(|_| DropReason::StunBadIntegrity)?;
        Ok((generation, key))
    }

    fn by_fragment(&self, ufrag: &str) -> Option<(Generation, &IceCredentials)> {
        let next = self.next.as_ref().map(|c| (Generation::Next, c));
        [Some((Generation::Current, &self.credentials)), next].into_iter().flatten().find(|(_, c)| c.ufrag.as_str() == ufrag)
    }
}

impl Verdict {
    fn of(message: &Message<'_>) -> Self {
        match (message.unknown.is_empty(), message.priority) {
            (false, _) => Self::UnknownAttribute,
            (true, None) => Self::BadRequest,
            (true, Some(_)) => Self::Success,
        }
    }
}

fn respond(request: &Message<'_>, verdict: Verdict, path: Path, key: &hmac::Key, out: &mut Outbox) -> Result<(), DropReason> {
    let class = if verdict == Verdict::Success { Class::Success } else { Class::Error };
    let write = |dst: &mut [u8]| {
        let writer = MessageWriter::new(dst, class, Method::BINDING, request.transaction);
        let writer = match verdict {
            Verdict::Success => writer.xor_mapped_address(path.remote),
            Verdict::UnknownAttribute => writer.error_code(420, "Unknown Attribute").unknown_attributes(&request.unknown),
            Verdict::BadRequest => writer.error_code(400, "PRIORITY is missing"),
        };
        writer.finish_with_integrity(|bytes| hmac_sha1(key, bytes))
    };
    out.push(path, RESPONSE_LEN_MAX, write).map(|_| ()).ok_or(DropReason::OutboxFull)
}

fn hmac_sha1(key: &hmac::Key, bytes: &[u8]) -> [u8; 20] {
    hmac::sign(key, bytes).as_ref().try_into().expect("HMAC-SHA1 gives 20 bytes")
}
