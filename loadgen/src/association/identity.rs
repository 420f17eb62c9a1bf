//! The certificate that all participants share, and what it offers.

use super::{AssociationError, Fingerprint};
use dtls::config::{ClientAuthType, Config, ExtendedMasterSecretType};
use dtls::crypto::Certificate;
use dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// RFC 6347 section 4.2.4.1 starts at one second and allows less where the round trip is known to be short. Lower: a lost datagram costs
/// less time. Higher: a server that is slow to answer is not asked again while it works.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(500);

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

impl Profiles {
    fn offered(self) -> Vec<SrtpProtectionProfile> {
        let (gcm, sha1) = (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
        match self {
            Self::GcmThenSha1 => vec![gcm, sha1],
            Self::GcmOnly => vec![gcm],
            Self::Sha1Only => vec![sha1],
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
    /// For ICE, and again for DTLS. Waiting for a turn does not count.
    pub timeout: Duration,
}

impl Default for IdentityOptions {
    fn default() -> Self {
        Self { profiles: Profiles::default(), handshakes_max: 64, timeout: Duration::from_secs(15) }
    }
}

/// A certificate and its fingerprint, made once for all participants: making one costs more than a handshake.
pub struct Identity {
    certificate: Certificate,
    fingerprint: String,
    roots: rustls::RootCertStore,
    profiles: Profiles,
    pub(super) timeout: Duration,
    pub(super) turns: Semaphore,
}

impl Identity {
    /// Makes the certificate.
    pub fn new(options: &IdentityOptions) -> Result<Arc<Self>, AssociationError> {
        // `dtls` asks for the process's default, which rustls cannot guess when two providers are compiled in. An error means that one is
        // chosen already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let failed = |error: dtls::Error| AssociationError::Certificate(error.to_string());
        let certificate = Certificate::generate_self_signed(vec!["corelay-loadgen".to_owned()]).map_err(failed)?;
        let Some(der) = certificate.certificate.first().cloned() else {
            return Err(AssociationError::Certificate("an empty chain was made".to_owned()));
        };
        let fingerprint = hex(&Sha256::digest(&der));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der).map_err(|error| AssociationError::Certificate(error.to_string()))?;
        Ok(Arc::new(Self {
            certificate,
            fingerprint,
            roots,
            profiles: options.profiles,
            timeout: options.timeout,
            turns: Semaphore::new(options.handshakes_max.max(1)),
        }))
    }

    /// SHA-256 of the certificate: upper-case hexadecimal with colons.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// For one handshake, with a peer that must show one of `expected`.
    pub(super) fn dtls_config(&self, expected: Vec<Fingerprint>) -> Config {
        Config {
            certificates: vec![self.certificate.clone()],
            srtp_protection_profiles: self.profiles.offered(),
            client_auth: ClientAuthType::RequireAnyClientCert,
            extended_master_secret: ExtendedMasterSecretType::Require,
            flight_interval: RETRANSMIT_AFTER,
            // WebRTC authenticates by fingerprint (RFC 8827 section 6.5), not by certificate authorities. The stack wants some all the same
            // and makes a certificate for each connection if it gets none: 0.2 ms of a handshake.
            insecure_skip_verify: true,
            roots_cas: self.roots.clone(),
            client_cas: self.roots.clone(),
            verify_peer_certificate: Some(Arc::new(move |chain: &[Vec<u8>], _| {
                let shown = chain.first().map(Vec::as_slice).unwrap_or_default();
                if expected.iter().any(|fingerprint| fingerprint.is_of(shown)) {
                    Ok(())
                } else {
                    Err(dtls::Error::Other("its certificate has another fingerprint than the one that signaling gave".to_owned()))
                }
            })),
            ..Default::default()
        }
    }
}

impl Fingerprint {
    /// Of this certificate, in DER.
    fn is_of(&self, der: &[u8]) -> bool {
        let digest = match self.algorithm.to_ascii_lowercase().as_str() {
            "sha-256" => hex(&Sha256::digest(der)),
            "sha-384" => hex(&Sha384::digest(der)),
            "sha-512" => hex(&Sha512::digest(der)),
            _ => return false,
        };
        digest.eq_ignore_ascii_case(&self.value)
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
