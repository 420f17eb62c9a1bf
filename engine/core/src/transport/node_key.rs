//! The node's private key, parsed and checked once. The engine would do so anew for each handshake, which costs more than the signature
//! that it is for, and keep a copy in each.

use super::peer_key::PeerVerifier;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use dimpl::crypto::{Buf, CryptoProvider, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey};
use dimpl::{CryptoError, CryptoOperation};
use std::sync::Arc;

/// Lives as long as the process: engines take their cryptography by static reference, and a node has one certificate for life.
#[derive(Debug)]
pub(crate) struct NodeKey {
    der: Box<[u8]>,
    pair: Arc<EcdsaKeyPair>,
}

impl NodeKey {
    /// The key of a certificate, in PKCS #8. `None` for anything but ECDSA P-256.
    pub(crate) fn load(der: &[u8]) -> Option<&'static Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).ok()?;
        Some(Box::leak(Box::new(Self { der: der.into(), pair: Arc::new(pair) })))
    }

    /// The engine's own cryptography, with this key, and a shorter way to those of peers.
    pub(super) fn provider(&'static self) -> CryptoProvider {
        let own = dimpl::crypto::aws_lc_rs::default_provider();
        CryptoProvider { key_provider: self, signature_verification: &PeerVerifier, ..own }
    }
}

impl KeyProvider for NodeKey {
    fn load_private_key(&self, der: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        // The engine has no other key to ask for: if it did, its own provider would know what to do.
        match *der == *self.der {
            true => Ok(Box::new(Signer(Arc::clone(&self.pair)))),
            false => dimpl::crypto::aws_lc_rs::default_provider().key_provider.load_private_key(der),
        }
    }
}

/// The key in one handshake.
#[derive(Debug)]
struct Signer(Arc<EcdsaKeyPair>);

impl SigningKey for Signer {
    #[expect(
        clippy::disallowed_types,
        reason = "the engine draws on the system's randomness in a handshake: none is replayed from a seed"
    )]
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        let (key_hash, requested) = (self.hash_algorithm(), hash);
        if requested != key_hash {
            return Err(CryptoError::SigningKeyHashMismatch { key_hash, requested });
        }
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signature = self.0.sign(&random, data).map_err(|_| CryptoError::OperationFailed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dimpl::certificate::generate_self_signed_certificate;

    #[test]
    fn it_signs_what_the_engine_asks_for_and_nothing_else() {
        let certificate = generate_self_signed_certificate().expect("generates");
        let key = NodeKey::load(&certificate.private_key).expect("ECDSA P-256");
        let mut signer = key.load_private_key(&certificate.private_key).expect("the same key");
        let (data, mut signature) = (b"a transcript", Buf::new());
        signer.sign(data, HashAlgorithm::SHA256, &mut signature).expect("signs");
        let verifier = dimpl::crypto::aws_lc_rs::default_provider().signature_verification;
        let verify = |data| {
            verifier.verify_signature(&certificate.certificate, data, &signature, HashAlgorithm::SHA256, SignatureAlgorithm::ECDSA)
        };
        assert!(verify(data).is_ok() && verify(b"another transcript").is_err());
        assert!(signer.sign(data, HashAlgorithm::SHA384, &mut Buf::new()).is_err(), "a P-256 key signs SHA-256");
    }

    #[test]
    fn another_key_is_loaded_as_ever() {
        let (own, other) = [(); 2].map(|()| generate_self_signed_certificate().expect("generates")).into();
        let key = NodeKey::load(&own.private_key).expect("ECDSA P-256");
        assert!(key.load_private_key(&other.private_key).is_ok());
        assert!(key.load_private_key(b"no key").is_err() && NodeKey::load(b"no key").is_none());
    }
}
