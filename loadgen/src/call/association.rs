//! One ICE + DTLS + SRTP association with the server: the controlling side of ICE, the client side of DTLS.

use super::dtls_pipe::DtlsPipe;
use anyhow::{Context, bail, ensure};
use dtls::config::{ClientAuthType, Config as DtlsConfig, ExtendedMasterSecretType};
use dtls::conn::DTLSConn;
use dtls::crypto::Certificate;
use dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute};
use stun::integrity::MessageIntegrity;
use stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter};
use stun::textattrs::TextAttribute;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use webrtc_srtp::context::Context as SrtpContext;
use webrtc_srtp::protection_profile::ProtectionProfile;

/// RFC 8445 appendix B.1 puts checks 50 ms apart at the least; a lost one is repeated after this long.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Below the 5 s at which servers call a silent peer disconnected.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
const SETUP_TIMEOUT: Duration = Duration::from_secs(15);

/// A certificate and its fingerprint, made once for all participants: making one costs more than a handshake.
pub(crate) struct Identity {
    certificate: Certificate,
    fingerprint: String,
}

impl Identity {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let certificate = Certificate::generate_self_signed(vec!["corelay-loadgen".to_owned()])?;
        let fingerprint = fingerprint(certificate.certificate.first().context("a certificate was made")?);
        Ok(Self { certificate, fingerprint })
    }

    /// The `dtlsParameters` for `connectWebRtcTransport`.
    pub(crate) fn dtls_parameters(&self) -> Value {
        json!({ "role": "client", "fingerprints": [{ "algorithm": "sha-256", "value": self.fingerprint }] })
    }
}

/// The keys and socket of an association that is up.
pub(crate) struct Association {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) sender: SrtpContext,
    /// SRTP and SRTCP as they arrived, with the contexts that open them.
    pub(crate) receiver: SrtpContext,
    pub(crate) protected: mpsc::Receiver<Vec<u8>>,
    pub(crate) profile: &'static str,
    /// Keeps the DTLS state: dropping it says goodbye to the server.
    pub(crate) dtls: DTLSConn,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Association {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Association {
    /// Connects to the transport that `createWebRtcTransport` described. The server must know our fingerprint by then, or soon.
    pub(crate) async fn connect(identity: &Identity, transport: &Value) -> anyhow::Result<Self> {
        let server = candidate(transport)?;
        let socket = Arc::new(UdpSocket::bind(if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).await?);
        socket.connect(server).await?;
        let (records_tx, records) = mpsc::channel(64);
        let (protected_tx, protected) = mpsc::channel(8192);
        let (checked_tx, mut checked) = mpsc::channel(1);
        let reader = tokio::spawn(read(Arc::clone(&socket), records_tx, protected_tx, checked_tx));
        let checker = tokio::spawn(check(Arc::clone(&socket), IceTarget::new(transport)?));
        let tasks = vec![reader, checker];
        tokio::time::timeout(SETUP_TIMEOUT, checked.recv()).await.context("no answer to ICE checks")?;
        let pipe = Arc::new(DtlsPipe::new(Arc::clone(&socket), records));
        let config = dtls_config(identity, expected_fingerprints(transport)?);
        let dtls = tokio::time::timeout(SETUP_TIMEOUT, DTLSConn::new(pipe, config, true, None))
            .await
            .context("the DTLS handshake hangs")??;
        let (sender, receiver, profile) = keys(&dtls).await?;
        Ok(Self { socket, sender, receiver, protected, profile, dtls, tasks })
    }
}

fn candidate(transport: &Value) -> anyhow::Result<SocketAddr> {
    let candidates = transport["iceCandidates"].as_array().context("the transport has no candidates")?;
    let first = candidates.iter().find(|c| c["protocol"] == "udp").context("the transport has no UDP candidate")?;
    let ip = first["ip"].as_str().context("the candidate has no ip")?.parse()?;
    let port = u16::try_from(first["port"].as_u64().context("the candidate has no port")?)?;
    Ok(SocketAddr::new(ip, port))
}

fn expected_fingerprints(transport: &Value) -> anyhow::Result<Vec<String>> {
    let all = transport["dtlsParameters"]["fingerprints"].as_array().context("the transport has no fingerprints")?;
    Ok(all.iter().filter(|f| f["algorithm"] == "sha-256").filter_map(|f| Some(f["value"].as_str()?.to_ascii_uppercase())).collect())
}

fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn dtls_config(identity: &Identity, expected: Vec<String>) -> DtlsConfig {
    DtlsConfig {
        certificates: vec![identity.certificate.clone()],
        srtp_protection_profiles: vec![
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ],
        client_auth: ClientAuthType::RequireAnyClientCert,
        extended_master_secret: ExtendedMasterSecretType::Require,
        // WebRTC authenticates by fingerprint (RFC 8827 section 6.5), not by certificate authorities.
        insecure_skip_verify: true,
        verify_peer_certificate: Some(Arc::new(move |chain: &[Vec<u8>], _| {
            let shown = chain.first().map(|der| fingerprint(der)).unwrap_or_default();
            if expected.contains(&shown) {
                Ok(())
            } else {
                Err(dtls::Error::Other("the server's fingerprint is another".to_owned()))
            }
        })),
        ..Default::default()
    }
}

async fn keys(dtls: &DTLSConn) -> anyhow::Result<(SrtpContext, SrtpContext, &'static str)> {
    let (profile, name) = match dtls.selected_srtpprotection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => (ProtectionProfile::AeadAes128Gcm, "AEAD_AES_128_GCM"),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => (ProtectionProfile::Aes128CmHmacSha1_80, "AES_CM_128_HMAC_SHA1_80"),
        other => bail!("the server chose an SRTP profile that was not offered: {other:?}"),
    };
    let mut config = webrtc_srtp::config::Config { profile, ..Default::default() };
    config.extract_session_keys_from_dtls(dtls.connection_state().await, true).await?;
    let keys = &config.keys;
    let sender = SrtpContext::new(&keys.local_master_key, &keys.local_master_salt, profile, None, None)?;
    let receiver = SrtpContext::new(&keys.remote_master_key, &keys.remote_master_salt, profile, None, None)?;
    Ok((sender, receiver, name))
}

/// What a check must carry.
struct IceTarget {
    username: String,
    password: String,
}

impl IceTarget {
    fn new(transport: &Value) -> anyhow::Result<Self> {
        let ice = &transport["iceParameters"];
        let ufrag = ice["usernameFragment"].as_str().context("the transport has no ICE user fragment")?;
        let password = ice["password"].as_str().context("the transport has no ICE password")?.to_owned();
        ensure!(ice["iceLite"] == true, "the server is expected to be ICE-lite");
        Ok(Self { username: format!("{ufrag}:{:08x}", rand::random::<u32>()), password })
    }

    /// A Binding request that nominates (RFC 8445 section 7.2.2).
    fn check(&self) -> anyhow::Result<Vec<u8>> {
        let mut message = Message::new();
        let attribute = |typ, value: Vec<u8>| RawAttribute { typ, length: value.len() as u16, value };
        let setters: [Box<dyn Setter>; 8] = [
            Box::new(BINDING_REQUEST),
            Box::<stun::agent::TransactionId>::default(),
            Box::new(TextAttribute::new(ATTR_USERNAME, self.username.clone())),
            Box::new(attribute(ATTR_PRIORITY, 0x6e7f_1eff_u32.to_be_bytes().to_vec())),
            Box::new(attribute(ATTR_ICE_CONTROLLING, 1u64.to_be_bytes().to_vec())),
            Box::new(attribute(ATTR_USE_CANDIDATE, Vec::new())),
            Box::new(MessageIntegrity::new_short_term_integrity(self.password.clone())),
            Box::new(stun::fingerprint::FINGERPRINT),
        ];
        message.build(&setters)?;
        Ok(message.raw)
    }
}

async fn check(socket: Arc<UdpSocket>, target: IceTarget) {
    let started = tokio::time::Instant::now();
    while let Ok(request) = target.check() {
        // A refused send means that the server is away for the moment; consent decides, not one datagram.
        let _ = socket.send(&request).await;
        let young = started.elapsed() < Duration::from_secs(1);
        tokio::time::sleep(if young { CHECK_INTERVAL } else { CONSENT_INTERVAL }).await;
    }
}

/// Sorts what arrives by its first byte (RFC 9443 section 3).
async fn read(socket: Arc<UdpSocket>, records: mpsc::Sender<Vec<u8>>, protected: mpsc::Sender<Vec<u8>>, checked: mpsc::Sender<()>) {
    let mut buf = vec![0; 2048];
    loop {
        let Ok(len) = socket.recv(&mut buf).await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        match buf[..len].first() {
            Some(0..=3) if is_binding_success(&buf[..len]) => drop(checked.try_send(())),
            Some(20..=63) => drop(records.try_send(buf[..len].to_vec())),
            Some(128..=191) => drop(protected.try_send(buf[..len].to_vec())),
            _ => {}
        }
    }
}

fn is_binding_success(bytes: &[u8]) -> bool {
    let mut message = Message::new();
    message.raw = bytes.to_vec();
    message.decode().is_ok() && message.typ == BINDING_SUCCESS
}
