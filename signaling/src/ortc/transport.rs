//! ICE and DTLS parameters on the wire and in the engine.

use crate::protocol::{DtlsParameters, DtlsRoleName, Fingerprint as WireFingerprint, IceCandidate, IceParameters, ProtocolError};
use arrayvec::ArrayVec;
use corelay_engine::control::{DtlsRole, Fingerprint, FingerprintAlgorithm, IceCredentials, RemoteDtls};
use std::net::SocketAddr;

/// RFC 8445 section 5.1.2.2: "The RECOMMENDED values for type preferences are 126 for host candidates".
const HOST_TYPE_PREFERENCE: u32 = 126;
/// RFC 8445 section 4: RTP, and RTCP with it (RFC 8843 section 9.3.1 has every bundle use rtcp-mux).
const COMPONENT: u32 = 1;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// The server's credentials on the wire.
pub(crate) fn ice_parameters(credentials: &IceCredentials) -> IceParameters {
    IceParameters { username_fragment: credentials.ufrag.to_string(), password: credentials.password.to_string(), ice_lite: true }
}

/// The shard's addresses as host candidates, the first preferred.
pub(crate) fn candidates(addresses: &[SocketAddr]) -> Vec<IceCandidate> {
    addresses
        .iter()
        .zip((0..=u32::from(u16::MAX)).rev())
        .enumerate()
        .map(|(i, (address, local_preference))| IceCandidate {
            // RFC 8445 section 5.1.1.3: another base address, another foundation.
            foundation: format!("host{i}"),
            priority: (HOST_TYPE_PREFERENCE << 24) + (local_preference << 8) + (256 - COMPONENT),
            address: address.ip().to_string(),
            ip: address.ip().to_string(),
            protocol: "udp",
            port: address.port(),
            candidate_type: "host",
        })
        .collect()
}

/// The server's side of DTLS: the client chooses the role.
pub(crate) fn dtls_parameters(fingerprint: &Fingerprint) -> DtlsParameters {
    let mut value = String::with_capacity(3 * fingerprint.digest.len());
    for byte in &fingerprint.digest {
        value.extend([byte >> 4, byte & 0xF].map(|digit| char::from(DIGITS[usize::from(digit)])));
        value.push(':');
    }
    value.pop();
    let algorithm = match fingerprint.algorithm {
        FingerprintAlgorithm::Sha256 => "sha-256",
        FingerprintAlgorithm::Sha384 => "sha-384",
        FingerprintAlgorithm::Sha512 => "sha-512",
    };
    DtlsParameters { role: DtlsRoleName::Auto, fingerprints: vec![WireFingerprint { algorithm: algorithm.to_owned(), value }] }
}

/// The client's side of DTLS. Digests by functions that the server does not take (SHA-1 and older among them) are passed over.
pub(crate) fn remote_dtls(parameters: &DtlsParameters) -> Result<RemoteDtls, ProtocolError> {
    let mut fingerprints = ArrayVec::new();
    for (i, wire) in parameters.fingerprints.iter().enumerate() {
        let Some((algorithm, len)) = algorithm(&wire.algorithm) else { continue };
        let digest = digest(&wire.value).filter(|d| d.len() == len).ok_or_else(|| {
            ProtocolError::malformed(format!(
                "data.dtlsParameters.fingerprints[{i}].value: must be {len} hexadecimal bytes with colons"
            ))
        })?;
        if fingerprints.try_push(Fingerprint { algorithm, digest }).is_err() {
            return Err(ProtocolError::malformed("data.dtlsParameters.fingerprints: too many: four are enough"));
        }
    }
    if fingerprints.is_empty() {
        return Err(ProtocolError::malformed("data.dtlsParameters.fingerprints: must have one of sha-256, sha-384 or sha-512"));
    }
    // RFC 8842 section 5.3 has the answerer of actpass be active by choice, and a client that leaves it open gets the client's part.
    let role = match parameters.role {
        DtlsRoleName::Auto | DtlsRoleName::Client => DtlsRole::Client,
        DtlsRoleName::Server => DtlsRole::Server,
    };
    Ok(RemoteDtls { role, fingerprints })
}

fn algorithm(name: &str) -> Option<(FingerprintAlgorithm, usize)> {
    match name.to_ascii_lowercase().as_str() {
        "sha-256" => Some((FingerprintAlgorithm::Sha256, 32)),
        "sha-384" => Some((FingerprintAlgorithm::Sha384, 48)),
        "sha-512" => Some((FingerprintAlgorithm::Sha512, 64)),
        _ => None,
    }
}

/// RFC 8122 section 5: pairs of hexadecimal digits with colons between.
fn digest(value: &str) -> Option<ArrayVec<u8, 64>> {
    let mut digest = ArrayVec::new();
    for pair in value.split(':') {
        if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        digest.try_push(u8::from_str_radix(pair, 16).ok()?).ok()?;
    }
    Some(digest)
}
