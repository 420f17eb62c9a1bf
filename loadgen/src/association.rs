//! One ICE + DTLS + SRTP association: ICE controlling, the client or the server side of DTLS.
//!
//! What the other side must be told and what it told are plain values ([`Local`], [`Remote`]), so that any server can be driven.
//!
//! ```text
//! Local::open -> ICE check, until it is answered -> DTLS handshake -> SRTP keys -> Association, for a Fleet
//! ```

pub(crate) mod ice;
mod identity;
mod pipe;

pub use identity::{Identity, IdentityOptions, Profiles};

use crate::wire::{Content, content};
use dtls::conn::DTLSConn;
use dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use ice::{Heard, Ice};
use pipe::Pipe;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc_srtp::context::Context as SrtpContext;
use webrtc_srtp::protection_profile::ProtectionProfile;

/// RFC 8445 appendix B.1 puts checks 50 ms apart at the least; a lost one is repeated after this long.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
/// Records that wait for the DTLS stack. A flight has a handful of datagrams; what does not fit is repeated by the other side.
const RECORDS_MAX: usize = 16;
/// The longest datagram of a handshake: above any path's MTU.
const DATAGRAM_MAX: usize = 2048;

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

    /// Bytes that protection adds to an RTP packet.
    pub fn overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
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

/// Our end before it is connected: for servers that must be told of it first.
pub struct Local {
    /// Where we send from. Its address is unspecified unless the remote one is on loopback.
    pub address: SocketAddr,
    /// For `a=ice-ufrag`.
    pub ufrag: String,
    /// For `a=ice-pwd`: with it, checks of a server that is not ICE-lite are answered.
    pub password: String,
    socket: UdpSocket,
}

impl Local {
    /// A socket that can reach `remote`: on loopback for loopback, else on any address.
    pub fn open(remote: SocketAddr) -> Result<Self, AssociationError> {
        let any: SocketAddr = match (remote.is_ipv4(), remote.ip().is_loopback()) {
            (true, true) => (Ipv4Addr::LOCALHOST, 0).into(),
            (true, false) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            (false, true) => (Ipv6Addr::LOCALHOST, 0).into(),
            (false, false) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        Self::bind(any)
    }

    /// A socket at `address`.
    pub fn bind(address: SocketAddr) -> Result<Self, AssociationError> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let (ufrag, password) = ice::credentials();
        Ok(Self { address: socket.local_addr()?, ufrag, password, socket })
    }
}

/// An association that is up: a socket and keys, to be given to a [`Fleet`](crate::fleet::Fleet).
pub struct Association {
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) remote: SocketAddr,
    pub(crate) ice: Ice,
    /// Protects what we send.
    pub(crate) sender: SrtpContext,
    /// Opens what arrives.
    pub(crate) receiver: SrtpContext,
    pub(crate) farewell: Farewell,
    profile: Profile,
    waited: Duration,
}

impl Association {
    /// Opens a [`Local`] and connects it.
    pub async fn connect(identity: &Identity, remote: &Remote) -> Result<Self, AssociationError> {
        Self::connect_from(identity, Local::open(remote.candidate)?, remote).await
    }

    /// Connects to the other side, which must know our fingerprint by then, or soon. SRTP that arrives before this returns is not counted.
    pub async fn connect_from(identity: &Identity, local: Local, remote: &Remote) -> Result<Self, AssociationError> {
        let asked = Instant::now();
        let _turn = identity.turns.acquire().await.expect("the semaphore is never closed");
        let waited = asked.elapsed();
        local.socket.connect(remote.candidate)?;
        let socket = Arc::new(local.socket);
        let mut reader = Reader {
            socket: tokio::net::UdpSocket::from_std(socket.try_clone()?)?,
            ice: Ice::new((&local.ufrag, &local.password), (&remote.ufrag, &remote.password)),
            remote: remote.candidate,
        };
        let checked = tokio::time::timeout(identity.timeout, reader.check()).await;
        checked.map_err(|_| AssociationError::Ice { remote: remote.candidate })??;
        let is_client = remote.setup != Setup::Active;
        let (records, record_rx) = mpsc::channel(RECORDS_MAX);
        let pipe = Arc::new(Pipe::new(Arc::clone(&socket), record_rx));
        let config = identity.dtls_config(remote.fingerprints.clone());
        let handshake = tokio::time::timeout(identity.timeout, DTLSConn::new(pipe, config, is_client, None));
        let dtls = tokio::select! {
            done = handshake => done.map_err(|_| AssociationError::DtlsTimeout)?.map_err(|error| AssociationError::Dtls(error.to_string()))?,
            error = reader.pump(&records) => return Err(error.into()),
        };
        let (sender, receiver, profile) = keys(&dtls, is_client).await?;
        let farewell = Farewell { dtls: Arc::new(dtls), records, runtime: tokio::runtime::Handle::current() };
        Ok(Self { socket, remote: remote.candidate, ice: reader.ice, sender, receiver, farewell, profile, waited })
    }

    /// The SRTP profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// How long it waited for its turn, because as many handshakes as there may be at a time were under way.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

/// The DTLS state that stays after the handshake: it repeats its last flight if asked to, and says goodbye.
#[derive(Clone)]
pub(crate) struct Farewell {
    dtls: Arc<DTLSConn>,
    records: mpsc::Sender<Vec<u8>>,
    runtime: tokio::runtime::Handle,
}

impl Farewell {
    /// A DTLS record came in.
    pub(crate) fn hear(&self, record: &[u8]) {
        // Full: the other side repeats it.
        let _ = self.records.try_send(record.to_vec());
    }

    /// Sends `close_notify`.
    pub(crate) async fn say(&self) {
        // The connection is over either way.
        let _ = self.dtls.close().await;
    }

    /// The same, from where nobody waits.
    pub(crate) fn say_later(self) {
        let runtime = self.runtime.clone();
        drop(runtime.spawn(async move { self.say().await }));
    }
}

/// Reads the socket until a fleet takes it over: through a descriptor of its own, so that nothing of tokio's stays at the other one.
struct Reader {
    socket: tokio::net::UdpSocket,
    ice: Ice,
    remote: SocketAddr,
}

impl Reader {
    /// Checks until one is answered.
    async fn check(&mut self) -> std::io::Result<()> {
        let mut buf = [0; DATAGRAM_MAX];
        loop {
            let request = self.ice.check();
            // What has just been made known to the runtime is not known to be writable: `try_send` would not send.
            self.socket.writable().await?;
            self.send(&request);
            let pause = tokio::time::sleep(CHECK_INTERVAL);
            tokio::pin!(pause);
            loop {
                let len = tokio::select! {
                    len = receive(&self.socket, &mut buf) => len?,
                    () = &mut pause => break,
                };
                if content(&buf[..len]) == Content::Stun && self.hear(&buf[..len]) {
                    return Ok(());
                }
            }
        }
    }

    /// Hands DTLS records over until it is dropped, or the socket fails.
    async fn pump(&mut self, records: &mpsc::Sender<Vec<u8>>) -> std::io::Error {
        let mut buf = [0; DATAGRAM_MAX];
        loop {
            let len = match receive(&self.socket, &mut buf).await {
                Ok(len) => len,
                Err(error) => return error,
            };
            match content(&buf[..len]) {
                Content::Stun => drop(self.hear(&buf[..len])),
                // Full: the other side repeats it.
                Content::Dtls => drop(records.try_send(buf[..len].to_vec())),
                Content::Rtp | Content::Rtcp | Content::Other => {}
            }
        }
    }

    /// Whether the datagram confirms our check.
    fn hear(&mut self, datagram: &[u8]) -> bool {
        match self.ice.hear(datagram, self.remote) {
            Heard::Confirmed => return true,
            Heard::Answer(answer) => self.send(&answer),
            Heard::Noise => {}
        }
        false
    }

    fn send(&self, datagram: &[u8]) {
        // A refused send means that the server is away for the moment; the timeout decides, not one datagram.
        let _ = self.socket.try_send(datagram);
    }
}

async fn receive(socket: &tokio::net::UdpSocket, buf: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match socket.recv(buf).await {
            // An ICMP error of an earlier send: nobody listens yet.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            done => return done,
        }
    }
}

async fn keys(dtls: &DTLSConn, is_client: bool) -> Result<(SrtpContext, SrtpContext, Profile), AssociationError> {
    let (protection, profile) = match dtls.selected_srtpprotection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => (ProtectionProfile::AeadAes128Gcm, Profile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => (ProtectionProfile::Aes128CmHmacSha1_80, Profile::Aes128CmSha1_80),
        other => {
            return Err(AssociationError::Dtls(format!("the other side chose an SRTP profile that was not offered: {other:?}")));
        }
    };
    let failed = |error: webrtc_srtp::Error| AssociationError::Dtls(format!("no SRTP keys came of the handshake: {error}"));
    let mut config = webrtc_srtp::config::Config { profile: protection, ..Default::default() };
    config.extract_session_keys_from_dtls(dtls.connection_state().await, is_client).await.map_err(failed)?;
    let keys = &config.keys;
    let sender = SrtpContext::new(&keys.local_master_key, &keys.local_master_salt, protection, None, None).map_err(failed)?;
    let receiver = SrtpContext::new(&keys.remote_master_key, &keys.remote_master_salt, protection, None, None).map_err(failed)?;
    Ok((sender, receiver, profile))
}

/// Why there is no association.
#[derive(Debug, thiserror::Error)]
pub enum AssociationError {
    /// The other side is not there, or does not know us: look at addresses and credentials.
    #[error("{remote} does not answer ICE checks: is this UDP port reachable, and are ufrag and password the ones it gave?")]
    Ice {
        /// Where the checks went.
        remote: SocketAddr,
    },
    /// ICE works and DTLS does not end: the server is overloaded, or does not know our fingerprint.
    #[error("the DTLS handshake does not end: is the server overloaded, or was it not told our fingerprint?")]
    DtlsTimeout,
    /// The handshake failed: look at fingerprints, profiles and roles.
    #[error("the DTLS handshake failed: {0}")]
    Dtls(String),
    /// No certificate could be made: nothing will work.
    #[error("no certificate could be made: {0}")]
    Certificate(String),
    /// The kernel refused something: too many open files, or no such address.
    #[error("the socket failed: {0}; thousands of associations need as many open files (`ulimit -n`)")]
    Socket(#[from] std::io::Error),
}
