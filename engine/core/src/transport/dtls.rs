//! DTLS as the transport sees it: a small trait, so that a second engine can serve peers that the first cannot (RSA certificates).

mod association;
mod dimpl_engine;
mod early;
mod record;

use super::certificate::Certificate;
use super::srtp::KeyingMaterial;
use crate::control::DtlsRole;
pub(crate) use association::{Association, DtlsEvent};
use core::time::Duration;
use corelay_wire::units::Instant;
use dimpl_engine::DimplEngine;
pub(crate) use early::EarlyDatagrams;
pub(crate) use record::has_clear_alert;
use std::sync::Arc;

/// How long a handshake may take, from ICE and signaling being ready. Longer keeps dead peers; shorter fails bad links: a flight
/// that is lost eight times in a row takes 25 s.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(30);

/// When an unanswered flight is sent again first; the engine varies it by a quarter and doubles it each time. RFC 9147 section 5.8.2
/// recommends 400 ms for DTLS-SRTP. But a person waits for a picture: at 30 % loss both ways, 10 ms each, 95 % of the handshakes were
/// complete within 3.1 s with 400 ms, 0.9 s with 100 ms, 0.6 s with 50 ms (`corelay-sim`'s example `handshakes`, 1,200 and more).
/// Shorter sends flights again whose answer is under way: with 100 ms once where the round trip is longer than that, twice where it
/// is longer than 300 ms, which costs one to three datagrams each time.
const FLIGHT_RTO: Duration = Duration::from_millis(100);

/// How often a flight is sent again. High enough that [`HANDSHAKE_DEADLINE`] ends the handshake, not this.
const FLIGHT_RETRIES: usize = 9;

const _: () = assert!(FLIGHT_RTO.as_millis() << FLIGHT_RETRIES > HANDSHAKE_DEADLINE.as_millis());

/// The largest DTLS datagram that is sent: fits IPv6's minimum MTU of 1280 with IPv6 and UDP headers.
const DTLS_MTU: usize = 1_200;

/// The largest piece that an engine hands out: a datagram, the peer's certificate or application data.
pub const SCRATCH_LEN: usize = 4_096;

/// The versions that the server speaks.
///
/// The version decides who chooses the SRTP profile: dimpl's DTLS 1.2 server takes AEAD_AES_256_GCM before AEAD_AES_128_GCM before
/// AES_CM_128_HMAC_SHA1_80; its 1.3 server takes the first that the client offers, which for browsers may be the last of these,
/// five times as dear. So 1.2 is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DtlsVersions {
    /// DTLS 1.2 (RFC 6347).
    #[default]
    V12,
    /// DTLS 1.3 (RFC 9147).
    V13,
    /// What the peer offers, 1.3 first.
    Auto,
}

/// What all handshakes of a core have in common. Cheap to clone.
#[derive(Clone)]
pub struct DtlsSetup {
    certificate: Certificate,
    versions: DtlsVersions,
    /// The engine counts in the clock's instants; this is the one that [`Instant::ZERO`] stands for.
    origin: std::time::Instant,
    config: Arc<dimpl::Config>,
    engines: DtlsEngines,
}

/// Makes an engine in a role, at rest.
pub type DtlsEngines = fn(&DtlsSetup, Instant, DtlsRole) -> Box<dyn DtlsEngine>;

impl core::fmt::Debug for DtlsSetup {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DtlsSetup").field("versions", &self.versions).finish_non_exhaustive()
    }
}

impl DtlsSetup {
    /// Made once a core: it checks the cryptography, which takes a few milliseconds.
    pub fn new(certificate: Certificate, versions: DtlsVersions, origin: std::time::Instant) -> Self {
        let engines: DtlsEngines = |setup, now, role| Box::new(DimplEngine::new(setup, now, role));
        let config = Arc::new(dimpl_engine::config(certificate.key()));
        Self { certificate, versions, origin, config, engines }
    }

    /// The same with engines of another making.
    pub fn with_engines(self, engines: DtlsEngines) -> Self {
        Self { engines, ..self }
    }

    /// The certificate that peers are shown.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// An engine in `role`, at rest.
    pub(crate) fn engine(&self, now: Instant, role: DtlsRole) -> Box<dyn DtlsEngine> {
        (self.engines)(self, now, role)
    }
}

/// The engine gave up: it must be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtlsError;

/// What an engine has to say.
#[derive(Debug)]
pub enum DtlsOutput<'a> {
    /// Send this.
    Datagram(&'a [u8]),
    /// The peer showed this certificate (DER) and proved or will prove that it has the key. Comes before the keys.
    PeerCertificate(&'a [u8]),
    /// The handshake is complete.
    Complete,
    /// The SRTP keys.
    Keys(KeyingMaterial),
    /// The peer said goodbye.
    PeerClosed,
    /// Nothing more; call `handle_timeout` then.
    Idle(Option<Instant>),
}

/// A DTLS endpoint without I/O. After each `handle_*` and `close`, `poll` is called until it is idle.
pub trait DtlsEngine: core::fmt::Debug + Send {
    /// Takes a datagram from the peer.
    fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), DtlsError>;
    /// Sends again what was not answered; begins the handshake in the client role.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError>;
    /// The next thing to do. `scratch` has [`SCRATCH_LEN`] bytes.
    fn poll<'a>(&mut self, scratch: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsError>;
    /// Says goodbye, if there is someone to say it to.
    fn close(&mut self, now: Instant);
}
