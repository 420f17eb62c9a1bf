//! One ICE + DTLS + SRTP association: ICE controlling, the client or the server side of DTLS.
//!
//! What the other side must be told and what it told are plain values ([`Local`], [`Remote`]), so that any server can be driven.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// SRTP profiles to offer, the first one preferred.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Profiles {
    /// AEAD_AES_128_GCM, then AES_CM_128_HMAC_SHA1_80.
    #[default]
    GcmThenSha1,
    /// AEAD_AES_128_GCM and nothing else.
    GcmOnly,
    /// AES_CM_128_HMAC_SHA1_80 and nothing else, for peers without GCM.
    Sha1Only,
}

/// The profile that a handshake ended with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Profile {
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 3711.
    Aes128CmSha1_80,
}

impl Profile {
    /// Its name in the IANA registry, without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes128CmSha1_80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }
}

/// How associations are made.
#[derive(Clone, Debug)]
pub struct IdentityOptions {
    /// SRTP profiles to offer.
    pub profiles: Profiles,
    /// Handshakes at a time; more wait for their turn. Higher: a join storm is steeper. Lower: each handshake ends sooner.
    pub handshakes_max: usize,
    /// For ICE, and again for DTLS.
    pub timeout: Duration,
}

impl Default for IdentityOptions {
    fn default() -> Self {
        Self { profiles: Profiles::default(), handshakes_max: 64, timeout: Duration::from_secs(15) }
    }
}

/// A certificate and its fingerprint, made once for all participants: making one costs more than a handshake.
pub struct Identity {
    fingerprint: String,
}

impl Identity {
    /// Makes the certificate.
    pub fn new(_options: &IdentityOptions) -> Result<Arc<Self>, AssociationError> {
        Ok(Arc::new(Self { fingerprint: String::new() }))
    }

    /// SHA-256 of the certificate: upper-case hexadecimal with colons.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Our end before it is connected: for servers that must be told of it first.
pub struct Local {
    /// Where we send from.
    pub address: SocketAddr,
    /// For `a=ice-ufrag`.
    pub ufrag: String,
    /// For `a=ice-pwd`: with it, checks of a server that is not ICE-lite are answered.
    pub password: String,
}

impl Local {
    /// A socket that can reach `remote`: on loopback for loopback, on any address else.
    pub fn open(_remote: SocketAddr) -> Result<Self, AssociationError> {
        Err(AssociationError::IceTimeout)
    }
}

/// The other side's DTLS role, as its `a=setup` says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Setup {
    /// It lets us choose: we are the client.
    #[default]
    ActPass,
    /// It waits: we are the client.
    Passive,
    /// It calls: we are the server.
    Active,
}

/// The other side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// Its UDP candidate.
    pub candidate: SocketAddr,
    /// Its ICE user fragment.
    pub ufrag: String,
    /// Its ICE password.
    pub password: String,
    /// Its certificate must match one of these.
    pub fingerprints: Vec<Fingerprint>,
    /// Its DTLS role.
    pub setup: Setup,
}

/// A certificate's fingerprint (RFC 8122).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    /// `sha-256`, `sha-384` or `sha-512`.
    pub algorithm: String,
    /// Hexadecimal with colons, in any case.
    pub value: String,
}

/// An association that is up: a socket and keys, to be given to a [`Fleet`](crate::fleet::Fleet).
pub struct Association {
    profile: Profile,
}

impl Association {
    /// Opens a [`Local`] and connects it.
    pub async fn connect(identity: &Identity, remote: &Remote) -> Result<Self, AssociationError> {
        Self::connect_from(identity, Local::open(remote.candidate)?, remote).await
    }

    /// Connects to the other side, which must know our fingerprint by then, or soon.
    pub async fn connect_from(_identity: &Identity, _local: Local, _remote: &Remote) -> Result<Self, AssociationError> {
        Err(AssociationError::IceTimeout)
    }

    /// The SRTP profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }
}

/// Why there is no association.
#[derive(Debug, thiserror::Error)]
pub enum AssociationError {
    /// The other side is not there, or does not know us.
    #[error("no answer to ICE checks: is the server's UDP port reachable, and are ufrag and password the ones it gave?")]
    IceTimeout,
}
