//! The transport under test with its clock, and a peer: a DTLS endpoint of its own and the keys that it gets.

use crate::stun::Stun;
use corelay_core::control::{DtlsRole, Fingerprint, FingerprintAlgorithm, IceCredentials, RemoteDtls, SrtpProfile, TransportState};
use corelay_core::drop_reason::DropReason;
use corelay_core::outbox::{Outbox, Path, RUN_BYTES_MAX};
use corelay_core::transport::srtp::{KeyingMaterial, SrtpSession};
use corelay_core::transport::{Certificate, DtlsSetup, DtlsVersions, Transport, ufrag};
use corelay_wire::ids::{ShardId, TransportId};
use corelay_wire::units::{Instant, PacketIndex};
use dimpl::{Dtls, DtlsCertificate, Output};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The peer's address with `port`, and ours.
pub(crate) fn path(port: u16) -> Path {
    Path { remote: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), port)), local: IpAddr::from([127, 0, 0, 1]) }
}

pub(crate) fn credentials(seed: u64) -> IceCredentials {
    ufrag::credentials(ShardId(0), TransportId(1), &mut ChaCha12Rng::seed_from_u64(seed))
}

/// The transport, what it sends and what time it is.
pub(crate) struct Subject {
    pub(crate) transport: Transport,
    pub(crate) credentials: IceCredentials,
    pub(crate) certificate: Certificate,
    pub(crate) now: Instant,
    outbox: Outbox,
}

impl Subject {
    pub(crate) fn new(versions: DtlsVersions) -> Self {
        let (certificate, credentials) = (Certificate::generate().unwrap(), credentials(1));
        let setup = DtlsSetup::new(certificate.clone(), versions, origin());
        let transport = Transport::new(Instant::ZERO, TransportId(1), credentials.clone(), setup);
        Self { transport, credentials, certificate, now: Instant::ZERO, outbox: Outbox::new(RUN_BYTES_MAX, 64) }
    }

    pub(crate) fn stun(&mut self, path: Path, message: &[u8]) -> Result<(), DropReason> {
        self.transport.handle_stun(self.now, path, message, &mut self.outbox)
    }

    /// A check as a browser makes it, nominating.
    pub(crate) fn nominate(&mut self, path: Path) {
        let check = Stun::check(&self.credentials.ufrag).nominate().sign(&self.credentials.password).finish();
        self.stun(path, &check).unwrap();
    }

    /// A check that does not nominate.
    pub(crate) fn check(&mut self, path: Path) {
        let check = Stun::check(&self.credentials.ufrag).sign(&self.credentials.password).finish();
        self.stun(path, &check).unwrap();
    }

    pub(crate) fn dtls(&mut self, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        self.transport.handle_dtls(self.now, path, bytes, &mut self.outbox)
    }

    pub(crate) fn connect(&mut self, peer: &Peer) {
        self.transport.connect(self.now, peer.remote()).unwrap();
    }

    pub(crate) fn close(&mut self) {
        self.transport.close(self.now, &mut self.outbox);
    }

    pub(crate) fn timeout(&mut self) {
        self.transport.handle_timeout(self.now, &mut self.outbox);
    }

    /// Lets time pass, waking the transport whenever it asks for it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.transport.poll_timeout().filter(|at| *at <= end) {
            let woken_before = self.now;
            self.now = at.max(self.now);
            self.timeout();
            let next = self.transport.poll_timeout();
            assert!(next != Some(at) || self.now > woken_before, "woken for nothing, again and again");
        }
        self.now = end;
    }

    /// What was sent since the last time, one by one.
    pub(crate) fn sent(&mut self) -> Vec<(Path, Vec<u8>)> {
        let sent = self.outbox.runs().flat_map(|run| run.packets().map(move |p| (run.path, p.to_vec()))).collect();
        self.outbox.clear();
        sent
    }

    pub(crate) fn states(&mut self) -> Vec<TransportState> {
        core::iter::from_fn(|| self.transport.poll_state()).collect()
    }

    pub(crate) fn last_state(&mut self) -> Option<TransportState> {
        self.states().pop()
    }
}

/// The instant of the clock that zero stands for. Only differences matter.
#[expect(clippy::disallowed_methods, reason = "a test owns its clock, and there is no other way to an instant")]
fn origin() -> std::time::Instant {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    *ORIGIN.get_or_init(std::time::Instant::now)
}

/// The other side.
pub(crate) struct Peer {
    dtls: Dtls,
    certificate: DtlsCertificate,
    role: DtlsRole,
    pub(crate) path: Path,
    pub(crate) session: Option<SrtpSession>,
    /// The certificate that the server showed.
    pub(crate) shown: Option<Vec<u8>>,
    pub(crate) said_goodbye: bool,
    wake: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(role: DtlsRole, versions: DtlsVersions) -> Self {
        Self::with_mtu(role, versions, 1200)
    }

    /// Its flights are cut to `mtu`.
    pub(crate) fn with_mtu(role: DtlsRole, versions: DtlsVersions, mtu: usize) -> Self {
        let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
        let config = Arc::new(dimpl::Config::builder().mtu(mtu).max_queue_tx(100).build().unwrap());
        let mut dtls = match versions {
            DtlsVersions::V12 => Dtls::new_12(config, certificate.clone(), origin()),
            DtlsVersions::V13 => Dtls::new_13(config, certificate.clone(), origin()),
            DtlsVersions::Auto => Dtls::new_auto(config, certificate.clone(), origin()),
        };
        dtls.set_active(role == DtlsRole::Client);
        Self { dtls, certificate, role, path: path(5000), session: None, shown: None, said_goodbye: false, wake: None }
    }

    pub(crate) fn fingerprint(&self, algorithm: FingerprintAlgorithm) -> Fingerprint {
        Fingerprint::of(algorithm, &self.certificate.certificate)
    }

    pub(crate) fn remote(&self) -> RemoteDtls {
        RemoteDtls { role: self.role, fingerprints: [self.fingerprint(FingerprintAlgorithm::Sha256)].into_iter().collect() }
    }

    pub(crate) fn take(&mut self, now: Instant, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.dtls.handle_timeout(origin() + now.since_origin()).unwrap();
        self.dtls.handle_packet(datagram).unwrap();
        self.poll()
    }

    /// Begins, or sends again.
    pub(crate) fn wake(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.dtls.handle_timeout(origin() + now.since_origin()).unwrap();
        self.poll()
    }

    pub(crate) fn close(&mut self) -> Vec<Vec<u8>> {
        self.dtls.close().unwrap();
        self.poll()
    }

    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.wake
    }

    fn poll(&mut self) -> Vec<Vec<u8>> {
        let (mut sent, mut scratch) = (Vec::new(), [0; 4096]);
        loop {
            match self.dtls.poll_output(&mut scratch) {
                Output::Packet(bytes) => sent.push(bytes.to_vec()),
                Output::PeerCert(der) => self.shown = Some(der.to_vec()),
                Output::KeyingMaterial(export, profile) => {
                    assert_eq!(profile, dimpl::SrtpProfile::AEAD_AES_256_GCM, "the engine's first choice");
                    let material = KeyingMaterial::new(SrtpProfile::AeadAes256Gcm, &export).unwrap();
                    self.session = Some(SrtpSession::new(&material, self.role));
                }
                Output::CloseNotify => self.said_goodbye = true,
                Output::Timeout(at) => {
                    self.wake = Some(Instant::ZERO + at.saturating_duration_since(origin()));
                    return sent;
                }
                _ => {}
            }
        }
    }
}

/// Carries datagrams both ways until both are quiet. `to_subject` are those of the peer that are under way; `keep` loses the rest.
pub(crate) fn exchange(subject: &mut Subject, peer: &mut Peer, to_subject: Vec<Vec<u8>>, mut keep: impl FnMut(&[u8]) -> bool) {
    let mut to_subject = to_subject;
    for _ in 0..50 {
        for datagram in core::mem::take(&mut to_subject) {
            // What a transport that ended refuses is of no matter to the exchange.
            let _ = subject.dtls(peer.path, &datagram);
        }
        let sent = subject.sent();
        // STUN answers begin with two zero bits.
        for (to, datagram) in sent.into_iter().filter(|(_, d)| d[0] >= 20) {
            assert_eq!(to, peer.path);
            if keep(&datagram) {
                to_subject.extend(peer.take(subject.now, &datagram));
            }
        }
        if to_subject.is_empty() {
            return;
        }
    }
    panic!("they never fall silent");
}

/// A transport that is connected, and its peer.
pub(crate) fn connected(versions: DtlsVersions, role: DtlsRole) -> (Subject, Peer) {
    let (mut subject, mut peer) = (Subject::new(versions), Peer::new(role, versions));
    subject.nominate(peer.path);
    subject.connect(&peer);
    subject.timeout();
    let hello = if role == DtlsRole::Client { peer.wake(subject.now) } else { Vec::new() };
    exchange(&mut subject, &mut peer, hello, |_| true);
    (subject, peer)
}

/// One RTP packet each way.
pub(crate) fn assert_media_flows(subject: &mut Subject, peer: &mut Peer, sequence: u16) {
    let mut header = vec![0x80, 96];
    header.extend(sequence.to_be_bytes());
    header.extend([0, 0, 0, 1, 0, 0, 0, 7]);
    let (index, payload, mut sealed) = (PacketIndex(u64::from(sequence)), b"media", [0; 64]);
    let session = peer.session.as_mut().expect("the peer has keys");

    let len = subject.transport.seal_rtp(index, &header, payload, &mut sealed).unwrap();
    assert_eq!(len, header.len() + payload.len() + subject.transport.overhead());
    assert!(session.open_rtp(&mut sealed[..len]).unwrap().packet().ends_with(payload));

    let len = session.seal_rtp(index, &header, payload, &mut sealed).unwrap();
    let opened = subject.transport.open_rtp(subject.now, peer.path, &mut sealed[..len]).unwrap();
    assert!(opened.packet().ends_with(payload));
}
