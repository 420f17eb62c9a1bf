//! A DTLS engine that agrees at once, without cryptography, on a profile of choice.
//!
//! For what comes after the handshake and needs many peers, or a profile that [`corelay_core`]'s own engine would not choose: its DTLS
//! 1.2 server takes AEAD_AES_256_GCM from every client that offers it. Both sides of a transport must have this engine.
//!
//! ```text
//! client                                   server
//!   record(certificate, secret)  ------->    certificate, complete, keys of the secret
//!   certificate, complete, keys  <-------  record(certificate)
//! ```
//! It protects nothing: the secret is a count. Only the simulator has it, so no server can be built with it.

use core::time::Duration;
use corelay_core::control::{DtlsRole, SrtpProfile};
use corelay_core::transport::DtlsSetup;
use corelay_core::transport::dtls::{DtlsEngine, DtlsEngines, DtlsError, DtlsOutput};
use corelay_core::transport::srtp::KeyingMaterial;
use corelay_wire::units::Instant;
use std::collections::VecDeque;

/// A handshake record of DTLS 1.2 (RFC 6347 section 4.1): type, version, epoch and sequence number, length.
const HEADER_LEN: usize = 13;
const HANDSHAKE: u8 = 22;
const SECRET_LEN: usize = 8;
/// More than a certificate of ours takes.
const BODY_LEN: usize = 640;
/// When the client says again what was not answered.
const AGAIN: Duration = Duration::from_millis(100);

/// The setup with these engines, all of which agree on `AEAD_AES_128_GCM`.
pub fn aead_128(setup: DtlsSetup) -> DtlsSetup {
    let engines: DtlsEngines = |setup, now, role| Box::new(Prearranged::new(setup, now, role, SrtpProfile::AeadAes128Gcm));
    setup.with_engines(engines)
}

/// The same with `AES_CM_128_HMAC_SHA1_80`.
pub fn aes_cm(setup: DtlsSetup) -> DtlsSetup {
    let engines: DtlsEngines = |setup, now, role| Box::new(Prearranged::new(setup, now, role, SrtpProfile::Aes128CmSha1_80));
    setup.with_engines(engines)
}

/// What is still to be told.
#[derive(Debug)]
enum Pending {
    Datagram(Vec<u8>),
    Certificate(Vec<u8>),
    Complete,
    Keys(KeyingMaterial),
}

#[derive(Debug)]
struct Prearranged {
    role: DtlsRole,
    profile: SrtpProfile,
    certificate: Vec<u8>,
    /// The client's, before it has said it; then both sides'.
    secret: [u8; SECRET_LEN],
    pending: VecDeque<Pending>,
    complete: bool,
    /// When the client says its part again.
    next: Option<Instant>,
}

impl Prearranged {
    fn new(setup: &DtlsSetup, now: Instant, role: DtlsRole, profile: SrtpProfile) -> Self {
        let certificate = setup.certificate().der().to_vec();
        let next = (role == DtlsRole::Client).then_some(now);
        // The same at every run of the same world: time is simulated.
        let secret = now.as_nanos().to_be_bytes();
        Self { role, profile, certificate, secret, pending: VecDeque::new(), complete: false, next }
    }

    fn finish(&mut self, certificate: &[u8]) {
        self.complete = true;
        self.next = None;
        self.pending.push_back(Pending::Certificate(certificate.to_vec()));
        self.pending.push_back(Pending::Complete);
        // Bytes that differ from place to place: each direction has a key of its own.
        let export: Vec<u8> = (0..self.profile.keying_material_len())
            .map(|i| self.secret[i % SECRET_LEN].wrapping_mul(31).wrapping_add(i as u8))
            .collect();
        let keys = KeyingMaterial::new(self.profile, &export).expect("the export has the profile's length");
        self.pending.push_back(Pending::Keys(keys));
    }

    fn say(&mut self) {
        let mut body = [&self.secret[..], &(self.certificate.len() as u16).to_be_bytes(), &self.certificate[..]].concat();
        // The signature in a certificate has one of several lengths: on a slow link a byte is time, and two runs would differ.
        body.resize(BODY_LEN.max(body.len()), 0);
        let mut record = vec![HANDSHAKE, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        self.pending.push_back(Pending::Datagram(record));
    }
}

impl DtlsEngine for Prearranged {
    fn handle_datagram(&mut self, _now: Instant, bytes: &[u8]) -> Result<(), DtlsError> {
        let (secret, certificate) =
            bytes.get(HEADER_LEN..).and_then(|body| body.split_first_chunk::<SECRET_LEN>()).ok_or(DtlsError)?;
        let (len, rest) = certificate.split_first_chunk::<2>().ok_or(DtlsError)?;
        let certificate = rest.get(..u16::from_be_bytes(*len).into()).ok_or(DtlsError)?;
        if self.role == DtlsRole::Server {
            self.secret = *secret;
            // The client may not have had the answer.
            self.say();
        }
        if !self.complete {
            self.finish(certificate);
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + AGAIN);
            self.say();
        }
        Ok(())
    }

    fn poll<'a>(&mut self, scratch: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsError> {
        Ok(match self.pending.pop_front() {
            Some(Pending::Datagram(bytes)) => DtlsOutput::Datagram(copy(&bytes, scratch)),
            Some(Pending::Certificate(der)) => DtlsOutput::PeerCertificate(copy(&der, scratch)),
            Some(Pending::Complete) => DtlsOutput::Complete,
            Some(Pending::Keys(keys)) => DtlsOutput::Keys(keys),
            None => DtlsOutput::Idle(self.next),
        })
    }

    fn close(&mut self, _now: Instant) {}
}

fn copy<'a>(bytes: &[u8], scratch: &'a mut [u8]) -> &'a [u8] {
    let place = &mut scratch[..bytes.len()];
    place.copy_from_slice(bytes);
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, World};
    use corelay_core::limits::Limits;
    use corelay_wire::media::Codec;

    #[test]
    fn peers_agree_on_the_chosen_profile_and_media_flows_with_loss_in_the_handshake_too() {
        for (choose, profile) in [(aead_128 as fn(_) -> _, SrtpProfile::AeadAes128Gcm), (aes_cm, SrtpProfile::Aes128CmSha1_80)] {
            let mut world = World::with_dtls(7, Limits::default(), choose);
            world.faults.loss = 200;
            let (from, to) = (world.join(), world.join());
            world.run_until_connected(Duration::from_secs(20));
            assert_eq!(world.core.counters().connected_with(profile), 2);
            world.faults.loss = 0;
            let track = world.publish(from, Source::new(Codec::Opus, 1));
            world.subscribe(to, track, 1);
            world.run(Duration::from_secs(1));
            assert!(world.received(to, 1).arrivals.len() > 40);
        }
    }
}
