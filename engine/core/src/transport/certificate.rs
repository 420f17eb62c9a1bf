//! The node's certificate, and the check of the peer's against what signaling announced.

use super::node_key::NodeKey;
use crate::control::{Fingerprint, FingerprintAlgorithm};
use arrayvec::ArrayVec;
use aws_lc_rs::digest;
use std::sync::Arc;

/// A self-signed ECDSA P-256 certificate with its key, one a node. Clones share it.
#[derive(Clone, Debug)]
pub struct Certificate {
    inner: Arc<dimpl::DtlsCertificate>,
    key: &'static NodeKey,
}

/// The certificate could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The system's source of randomness or the signature failed.
    #[error("no certificate could be generated: check that the system's source of randomness works, then start again")]
    Generation,
}

impl Certificate {
    /// A new key and certificate from the system's randomness, valid for a year: peers compare its fingerprint, not its dates.
    pub fn generate() -> Result<Self, CertificateError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().map_err(|_| CertificateError::Generation)?;
        let key = NodeKey::load(&certificate.private_key).ok_or(CertificateError::Generation)?;
        Ok(Self { inner: Arc::new(certificate), key })
    }

    /// The SHA-256 digest that signaling tells the peer.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(FingerprintAlgorithm::Sha256, &self.inner.certificate)
    }

    /// The certificate in DER, as it is shown to peers.
    pub fn der(&self) -> &[u8] {
        &self.inner.certificate
    }

    /// The key that belongs to it, loaded.
    pub(super) fn key(&self) -> &'static NodeKey {
        self.key
    }

    pub(crate) fn to_dimpl(&self) -> dimpl::DtlsCertificate {
        dimpl::DtlsCertificate::clone(&self.inner)
    }
}

impl Fingerprint {
    /// The digest of a certificate in DER (RFC 8122 section 5).
    pub fn of(algorithm: FingerprintAlgorithm, der: &[u8]) -> Self {
        let function = match algorithm {
            FingerprintAlgorithm::Sha256 => &digest::SHA256,
            FingerprintAlgorithm::Sha384 => &digest::SHA384,
            FingerprintAlgorithm::Sha512 => &digest::SHA512,
        };
        let digest = digest::digest(function, der);
        Self { algorithm, digest: ArrayVec::try_from(digest.as_ref()).expect("a digest has at most 64 bytes") }
    }

    /// Whether this is the digest of `der`. Fingerprints are public: the comparison need not take constant time.
    pub fn matches(&self, der: &[u8]) -> bool {
        *self == Self::of(self.algorithm, der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_matches_only_its_certificate() {
        let (a, b) = (Certificate::generate().expect("generates"), Certificate::generate().expect("generates"));
        for (algorithm, len) in
            [(FingerprintAlgorithm::Sha256, 32), (FingerprintAlgorithm::Sha384, 48), (FingerprintAlgorithm::Sha512, 64)]
        {
            let fingerprint = Fingerprint::of(algorithm, &a.inner.certificate);
            assert_eq!(fingerprint.digest.len(), len);
            assert!(fingerprint.matches(&a.inner.certificate) && !fingerprint.matches(&b.inner.certificate));
        }
        let truncated = Fingerprint { digest: a.fingerprint().digest[..31].iter().copied().collect(), ..a.fingerprint() };
        assert!(!truncated.matches(&a.inner.certificate));
    }
}
