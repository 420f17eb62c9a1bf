//! The DTLS engine for peers with ECDSA certificates, on the `dimpl` crate.
//!
//! Its key exchange and signatures draw on the system's randomness: a handshake is not replayed bit by bit from a seed.

use super::{DTLS_MTU, DtlsEngine, DtlsError, DtlsOutput, DtlsSetup, DtlsVersions, FLIGHT_RETRIES, FLIGHT_RTO, HANDSHAKE_DEADLINE};
use crate::control::{DtlsRole, SrtpProfile};
use crate::transport::node_key::NodeKey;
use crate::transport::srtp::KeyingMaterial;
use corelay_wire::units::Instant;
use dimpl::{Dtls, Output};

/// The settings of every handshake.
pub(super) fn config(key: &'static NodeKey) -> dimpl::Config {
    dimpl::Config::builder()
        .with_crypto_provider(key.provider())
        .mtu(DTLS_MTU)
        // The cookie proves that the peer receives at its address. ICE has proved that already, and it costs a round trip.
        .use_server_cookie(false)
        .require_client_certificate(true)
        .flight_start_rto(FLIGHT_RTO)
        .flight_retries(FLIGHT_RETRIES)
        .handshake_timeout(HANDSHAKE_DEADLINE)
        .build()
        .expect("constant settings that the engine takes")
}

/// One handshake and what follows it.
pub(super) struct DimplEngine {
    dtls: Dtls,
    origin: std::time::Instant,
}

impl core::fmt::Debug for DimplEngine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.dtls.fmt(f)
    }
}

impl DimplEngine {
    pub(super) fn new(setup: &DtlsSetup, now: Instant, role: DtlsRole) -> Self {
        let (config, certificate) = (setup.config.clone(), setup.certificate.to_dimpl());
        let now = setup.origin + now.since_origin();
        let mut dtls = match setup.versions {
            DtlsVersions::V12 => Dtls::new_12(config, certificate, now),
            DtlsVersions::V13 => Dtls::new_13(config, certificate, now),
            DtlsVersions::Auto => Dtls::new_auto(config, certificate, now),
        };
        dtls.set_active(role == DtlsRole::Client);
        Self { dtls, origin: setup.origin }
    }

    /// The instant of the clock that the engine counts in.
    fn clock(&self, now: Instant) -> std::time::Instant {
        self.origin + now.since_origin()
    }

    /// The other way round. The engine has no deadlines before the origin.
    fn since_origin(&self, at: std::time::Instant) -> Instant {
        Instant::ZERO + at.saturating_duration_since(self.origin)
    }
}

impl DtlsEngine for DimplEngine {
    fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), DtlsError> {
        // Its time moves only by this call, and retransmission timers start from it.
        self.handle_timeout(now)?;
        self.dtls.handle_packet(bytes).map_err(|_| DtlsError)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        self.dtls.handle_timeout(self.clock(now)).map_err(|_| DtlsError)
    }

    fn poll<'a>(&mut self, scratch: &'a mut [u8]) -> Result<DtlsOutput<'a>, DtlsError> {
        match self.dtls.poll_output(scratch) {
            Output::Packet(bytes) => Ok(DtlsOutput::Datagram(bytes)),
            Output::PeerCert(der) => Ok(DtlsOutput::PeerCertificate(der)),
            Output::Connected => Ok(DtlsOutput::Complete),
            Output::KeyingMaterial(export, profile) => keys(&export, profile).map(DtlsOutput::Keys),
            Output::CloseNotify => Ok(DtlsOutput::PeerClosed),
            // Nobody reads application data yet: an empty datagram stands for "go on polling".
            Output::ApplicationData(_) => Ok(DtlsOutput::Datagram(&[])),
            Output::Timeout(at) => Ok(DtlsOutput::Idle(Some(self.since_origin(at)))),
            // Too small a buffer means a certificate of over 4 KiB, which no ECDSA peer has.
            _ => Err(DtlsError),
        }
    }

    fn close(&mut self, now: Instant) {
        // An engine that fails here has nobody to say goodbye to.
        let _ = self.handle_timeout(now);
        let _ = self.dtls.close();
    }
}

fn keys(export: &[u8], profile: dimpl::SrtpProfile) -> Result<KeyingMaterial, DtlsError> {
    let profile = match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
        _ => return Err(DtlsError),
    };
    KeyingMaterial::new(profile, export).ok_or(DtlsError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_of_the_engine_is_one_of_ours() {
        let expected = [SrtpProfile::AeadAes256Gcm, SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
        assert_eq!(dimpl::SrtpProfile::ALL.len(), expected.len());
        for (theirs, ours) in dimpl::SrtpProfile::ALL.iter().zip(expected) {
            let export = vec![1; theirs.keying_material_len()];
            assert_eq!(keys(&export, *theirs).map(|k| k.profile()), Ok(ours));
            assert_eq!(keys(&export[1..], *theirs), Err(DtlsError));
        }
    }
}
