//! Signatures of peers. The engine's own verifier takes a certificate apart to its last name and date, for the 65 bytes of its key: 9 us of a
//! handshake, a seventh of the verification.
//!
//! What is read here says nothing of who the peer is: that is the certificate's fingerprint, over all of its bytes.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use dimpl::CryptoError;
use dimpl::crypto::{HashAlgorithm, NamedGroup, SignatureAlgorithm, SignatureVerifier};

/// Verifies what ECDSA P-256 keys sign over SHA-256, as those of browsers do. Of anything else it asks the engine's own verifier.
#[derive(Debug)]
pub(super) struct PeerVerifier;

impl SignatureVerifier for PeerVerifier {
    fn verify_signature(
        &self,
        certificate: &[u8],
        data: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        match p256_point(certificate) {
            Some(point) if (hash, algorithm) == (HashAlgorithm::SHA256, SignatureAlgorithm::ECDSA) => {
                let failed = CryptoError::SignatureVerificationFailed { signature: algorithm, hash, group: NamedGroup::Secp256r1 };
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(data, signature).map_err(|_| failed)
            }
            _ => {
                let own = dimpl::crypto::aws_lc_rs::default_provider().signature_verification;
                own.verify_signature(certificate, data, signature, hash, algorithm)
            }
        }
    }
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`, constructed.
const VERSION: u8 = 0xA0;

/// What a `SubjectPublicKeyInfo` of P-256 begins with: the algorithm `id-ecPublicKey` with the curve `secp256r1` (RFC 5480 section 2.1.1),
/// and the head of a bit string of 65 bytes without unused bits.
#[rustfmt::skip]
const P256_KEY: [u8; 24] = [
    SEQUENCE, 19, 0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,
    0x03, 66, 0,
];
const POINT_LEN: usize = 65;

/// The uncompressed point that is the key of a certificate (RFC 5280 section 4.1). `None` for other keys, and for what is no certificate.
fn p256_point(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(SEQUENCE, certificate)?;
    let (mut fields, _) = element(SEQUENCE, certificate)?;
    if let Some((_, after)) = element(VERSION, fields) {
        fields = after;
    }
    // Serial number; signature algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields = element(tag, fields)?.1;
    }
    let (key, _) = element(SEQUENCE, fields)?;
    key.strip_prefix(&P256_KEY).filter(|point| point.len() == POINT_LEN)
}

/// The contents of the element in DER that `bytes` begin with, if it has this tag, and what comes after it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match *bytes {
        [first, len @ 0..=0x7F, ref rest @ ..] if first == tag => (usize::from(len), rest),
        [first, 0x81, len, ref rest @ ..] if first == tag => (usize::from(len), rest),
        [first, 0x82, high, low, ref rest @ ..] if first == tag => (usize::from(u16::from_be_bytes([high, low])), rest),
        // No certificate that fits a handshake is longer.
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dimpl::certificate::generate_self_signed_certificate;
    use dimpl::crypto::Buf;

    #[test]
    fn it_verifies_what_the_key_of_a_certificate_signed_and_nothing_else() {
        let [own, other] = [(); 2].map(|()| generate_self_signed_certificate().expect("generates"));
        let keys = dimpl::crypto::aws_lc_rs::default_provider().key_provider;
        let (mut signer, mut signature) = (keys.load_private_key(&own.private_key).expect("ECDSA P-256"), Buf::new());
        signer.sign(b"a transcript", HashAlgorithm::SHA256, &mut signature).expect("signs");
        let verify = |certificate: &[u8], data: &[u8]| {
            PeerVerifier.verify_signature(certificate, data, &signature, HashAlgorithm::SHA256, SignatureAlgorithm::ECDSA)
        };
        assert!(p256_point(&own.certificate).is_some(), "read here");
        assert!(verify(&own.certificate, b"a transcript").is_ok());
        assert!(verify(&own.certificate, b"another transcript").is_err());
        assert!(verify(&other.certificate, b"a transcript").is_err());
        assert!(verify(b"no certificate", b"a transcript").is_err());
    }

    #[test]
    fn what_is_cut_short_or_altered_is_no_key_or_another() {
        let certificate = generate_self_signed_certificate().expect("generates").certificate;
        let point = p256_point(&certificate).expect("a key of P-256").to_vec();
        assert_eq!((point.len(), point[0]), (POINT_LEN, 4), "uncompressed (RFC 5480 section 2.2)");
        for len in 0..certificate.len() {
            assert_eq!(p256_point(&certificate[..len]), None, "{len} bytes");
        }
        for at in 0..certificate.len() {
            let mut altered = certificate.clone();
            altered[at] ^= 0xFF;
            assert!(p256_point(&altered).is_none_or(|point| point.len() == POINT_LEN));
        }
    }
}
