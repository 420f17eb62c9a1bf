//! One transport: ICE, DTLS and SRTP with one peer, as one value that datagrams and time drive.
//!
//! ```text
//! STUN -> ice: the address is valid, the pair is nominated ----.
//! DTLS -> dtls: from a valid address only; certificate checked -+-> keys -> srtp: open, seal
//! ```
//! **The driving contract.** After any call that takes `now`, read [`Transport::poll_state`] until it gives `None`, and call
//! [`Transport::handle_timeout`] when [`Transport::poll_timeout`] is reached: `connect` answers through it, for it has no outbox.

pub mod certificate;
pub mod dtls;
mod ice;
mod lifecycle;
mod node_key;
mod peer_key;
pub mod srtp;
mod state;
pub mod ufrag;

use crate::control::{DtlsRole, IceCredentials, Refusal, RemoteDtls, SrtpProfile, TransportFailure, TransportState};
use crate::drop_reason::DropReason;
use crate::outbox::{Outbox, Path};
pub use certificate::{Certificate, CertificateError};
use core::net::SocketAddr;
use corelay_wire::ids::TransportId;
use corelay_wire::units::{Instant, PacketIndex};
use dtls::{Association, DtlsError, DtlsEvent, EarlyDatagrams, HANDSHAKE_DEADLINE, has_clear_alert};
pub use dtls::{DtlsSetup, DtlsVersions};
use ice::IceAgent;
pub use ice::{CONSENT_LIFETIME, SILENCE_MAX};
use lifecycle::Lifecycle;
pub use srtp::{Opened, OpenedRtcp};
use srtp::{RtpSealer, SrtpSession};
use state::Phase;

/// ICE, DTLS and SRTP with one peer.
#[derive(Debug)]
pub struct Transport {
    id: TransportId,
    setup: DtlsSetup,
    lifecycle: Lifecycle,
    ice: IceAgent,
    dtls: Dtls,
    srtp: Option<Box<SrtpSession>>,
    /// DTLS datagrams that the outbox had no room for.
    unsent: u32,
}

/// What the transport holds for DTLS.
#[derive(Debug, Default)]
struct Dtls {
    /// Since signaling told the fingerprint.
    association: Option<Association>,
    /// What came before that.
    early: EarlyDatagrams,
    /// Where the peer's DTLS came from last: answers go there until a pair is nominated.
    path: Option<Path>,
    /// When signaling told the fingerprint.
    told_at: Option<Instant>,
    /// When a handshake that has begun must be complete.
    deadline: Option<Instant>,
}

impl Transport {
    /// A transport that waits for its peer's first check.
    pub fn new(now: Instant, id: TransportId, credentials: IceCredentials, dtls: DtlsSetup) -> Self {
        let (lifecycle, ice) = (Lifecycle::new(now), IceAgent::new(credentials));
        Self { id, setup: dtls, lifecycle, ice, dtls: Dtls::default(), srtp: None, unsent: 0 }
    }

    /// Its name.
    pub fn id(&self) -> TransportId {
        self.id
    }

    /// Says who the peer must prove to be, and which DTLS role it takes; the server takes the other. What this makes to send leaves
    /// at the next [`Self::handle_timeout`], which [`Self::poll_timeout`] asks for at once. The same call twice is one call.
    pub fn connect(&mut self, now: Instant, remote: RemoteDtls) -> Result<(), Refusal> {
        self.check_alive()?;
        if remote.fingerprints.is_empty() {
            return Err(Refusal::Conflict("the peer needs at least one certificate fingerprint of SHA-256, SHA-384 or SHA-512"));
        }
        match &self.dtls.association {
            Some(association) if *association.remote() == remote => Ok(()),
            Some(_) => Err(Refusal::State("the transport is connected to another certificate or role: open another transport")),
            None => {
                self.dtls.association = Some(Association::new(&self.setup, now, remote));
                self.dtls.told_at = Some(now);
                Ok(())
            }
        }
    }

    /// New ICE credentials (RFC 8445 section 9). The old ones stay valid until a check with the new ones nominates a pair.
    pub fn restart_ice(&mut self, credentials: IceCredentials) -> Result<(), Refusal> {
        self.check_alive()?;
        self.ice.restart(credentials);
        Ok(())
    }

    /// Takes a STUN message that names this transport, and answers it.
    pub fn handle_stun(&mut self, now: Instant, path: Path, message: &[u8], out: &mut Outbox) -> Result<(), DropReason> {
        if self.lifecycle.phase().is_terminal() {
            return Err(DropReason::StunUnknownUfrag);
        }
        let Some(checked) = self.ice.handle(now, path, message, out)? else { return Ok(()) };
        self.lifecycle.checked();
        if checked.nominated {
            self.lifecycle.paired();
        }
        self.update_connected(now);
        self.begin_dtls(now, out);
        Ok(())
    }

    /// Takes a DTLS datagram. Before [`Self::connect`] a few are kept.
    pub fn handle_dtls(&mut self, now: Instant, path: Path, bytes: &[u8], out: &mut Outbox) -> Result<(), DropReason> {
        if !self.ice.is_valid(path, now) {
            return Err(DropReason::DtlsTooEarly);
        }
        if has_clear_alert(bytes) {
            return Err(DropReason::DtlsAlert);
        }
        self.dtls.path = Some(path);
        self.begin_dtls(now, out);
        match &mut self.dtls.association {
            Some(association) if association.is_started() => {
                let result = association.handle_datagram(now, bytes);
                self.finish_dtls(now, result, out)
            }
            _ if self.dtls.early.keep(bytes) => Ok(()),
            _ => Err(DropReason::DtlsTooEarly),
        }
    }

    /// Opens an RTP packet in place. See [`SrtpSession::open_rtp`].
    pub fn open_rtp<'a>(&mut self, now: Instant, path: Path, bytes: &'a mut [u8]) -> Result<Opened<'a>, DropReason> {
        let opened = self.session_for(now, path)?.open_rtp(bytes)?;
        self.hear(now);
        Ok(opened)
    }

    /// Opens a compound RTCP packet in place. See [`SrtpSession::open_rtcp`].
    pub fn open_rtcp<'a>(&mut self, now: Instant, path: Path, bytes: &'a mut [u8]) -> Result<OpenedRtcp<'a>, DropReason> {
        let opened = self.session_for(now, path)?.open_rtcp(bytes)?;
        self.hear(now);
        Ok(opened)
    }

    /// Where packets go: the pair that the peer nominated last, and before it nominates any, where it completed the handshake.
    pub fn path(&self) -> Option<Path> {
        self.ice.selected()
    }

    /// Whether a check arrived on this path within the lifetime of consent.
    pub fn is_valid(&self, path: Path, now: Instant) -> bool {
        self.ice.is_valid(path, now)
    }

    /// The same for any of our addresses.
    pub fn is_valid_from(&self, remote: SocketAddr, now: Instant) -> bool {
        self.ice.is_valid_from(remote, now)
    }

    /// Whether media may be sent: there are keys, a pair, and consent. A silent peer is still connected in this sense.
    pub fn is_connected(&self) -> bool {
        matches!(self.lifecycle.phase(), Phase::Connected | Phase::Disconnected)
    }

    /// Whether media may be sent in a while: it was not connected yet, and did not fail.
    pub fn may_connect(&self) -> bool {
        matches!(self.lifecycle.phase(), Phase::New | Phase::Checking | Phase::Connecting)
    }

    /// The SRTP profile that DTLS agreed on.
    pub fn profile(&self) -> Option<SrtpProfile> {
        self.srtp.as_ref().map(|s| s.profile())
    }

    /// How many bytes a sealed RTP packet is longer than a plain one; zero before there are keys.
    pub fn overhead(&self) -> usize {
        self.profile().map_or(0, SrtpProfile::rtp_overhead)
    }

    /// How many bytes a sealed RTCP packet is longer than a plain one; zero before there are keys.
    pub fn rtcp_overhead(&self) -> usize {
        self.profile().map_or(0, SrtpProfile::rtcp_overhead)
    }

    /// Lends what seals RTP, to a stage that seals many packets; `None` before there are keys, and while it is lent.
    pub(crate) fn lend_sealer(&mut self) -> Option<RtpSealer> {
        self.srtp.as_mut()?.lend_sealer()
    }

    /// Takes back what was lent.
    pub(crate) fn return_sealer(&mut self, sealer: RtpSealer) {
        if let Some(session) = &mut self.srtp {
            session.return_sealer(sealer);
        }
    }

    /// Seals an RTP packet. Mind the trap of [`SrtpSession::seal_rtp`]: a pair of SSRC and index is sealed with one content only.
    pub fn seal_rtp(&self, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        self.srtp.as_ref()?.seal_rtp(index, header, payload, dst)
    }

    /// Seals a compound RTCP packet. See [`SrtpSession::seal_rtcp`].
    pub fn seal_rtcp(&mut self, compound: &[u8], dst: &mut [u8]) -> Option<usize> {
        self.srtp.as_mut()?.seal_rtcp(compound, dst)
    }

    /// Does what is due: consent, silence, the handshake's deadline and its retransmissions.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.ice.consent_ends_at()) {
            return self.fail(TransportFailure::ConsentExpired);
        }
        if is_due(self.dtls.deadline) {
            return self.fail(TransportFailure::Handshake);
        }
        if is_due(self.ice.silent_at()) {
            self.lifecycle.silent();
        }
        self.begin_dtls(now, out);
        if let Some(association) = &mut self.dtls.association {
            let result = association.handle_timeout(now);
            // A failure shows in the state: there is no datagram to drop.
            let _ = self.finish_dtls(now, result, out);
        }
    }

    /// When [`Self::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let begin = if self.can_begin_dtls() { self.dtls.told_at } else { None };
        let wake = self.dtls.association.as_ref().and_then(Association::wake);
        let silence = if self.lifecycle.phase() == Phase::Connected { self.ice.silent_at() } else { None };
        [self.ice.consent_ends_at(), self.dtls.deadline, silence, begin, wake].into_iter().flatten().min()
    }

    /// Whether the next [`Self::handle_timeout`] begins a handshake with datagrams that came early: that costs as much as a
    /// datagram.
    pub fn begins_with_early(&self) -> bool {
        !self.dtls.early.is_empty() && self.can_begin_dtls()
    }

    /// Whether datagrams wait for [`Self::connect`].
    pub fn holds_early(&self) -> bool {
        !self.dtls.early.is_empty() && self.dtls.association.is_none()
    }

    /// The oldest change of state that was not read.
    pub fn poll_state(&mut self) -> Option<TransportState> {
        self.lifecycle.poll()
    }

    /// How many DTLS datagrams the outbox had no room for since this was asked last.
    pub fn take_unsent(&mut self) -> u32 {
        core::mem::take(&mut self.unsent)
    }

    /// Ends the transport, with a DTLS close_notify to the peer if there is one.
    pub fn close(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(association) = &mut self.dtls.association {
            association.close(now);
            self.pump(now, out);
        }
        self.lifecycle.closed();
        self.release();
    }

    fn check_alive(&self) -> Result<(), Refusal> {
        match self.lifecycle.phase().is_terminal() {
            true => Err(Refusal::State("the transport has ended: open another")),
            false => Ok(()),
        }
    }

    /// The keys, for a packet that came on a valid path.
    fn session_for(&mut self, now: Instant, path: Path) -> Result<&mut SrtpSession, DropReason> {
        if !self.ice.is_valid(path, now) {
            return Err(DropReason::UnknownSource);
        }
        self.srtp.as_deref_mut().ok_or(DropReason::SrtpTooEarly)
    }

    fn hear(&mut self, now: Instant) {
        self.ice.hear(now);
        self.update_connected(now);
    }

    /// Connected, for the first time or again, if all that it takes is there.
    #[inline]
    fn update_connected(&mut self, now: Instant) {
        // With each packet: then neither keys nor news change anything.
        if self.lifecycle.phase() == Phase::Connected {
            return;
        }
        if let (Some(profile), Some(path)) = (self.profile(), self.ice.selected()) {
            self.lifecycle.keyed(now, profile, path.remote);
            self.lifecycle.heard(now, profile, path.remote);
        }
    }

    /// Whether DTLS has what it needs: the server role waits for the peer on any valid path, the client role sends to the nominated
    /// one.
    fn can_begin_dtls(&self) -> bool {
        self.dtls.association.as_ref().is_some_and(|association| {
            !association.is_started()
                && match association.role() {
                    DtlsRole::Client => self.ice.selected().is_some(),
                    DtlsRole::Server => self.ice.has_path(),
                }
        })
    }

    /// Begins DTLS if it can, with what came early.
    fn begin_dtls(&mut self, now: Instant, out: &mut Outbox) {
        if !self.can_begin_dtls() {
            return;
        }
        let Some(association) = &mut self.dtls.association else { return };
        self.dtls.deadline = Some(now + HANDSHAKE_DEADLINE);
        let early = core::mem::take(&mut self.dtls.early);
        let started = association.start(now);
        let result = started.and_then(|()| early.into_iter().try_for_each(|d| association.handle_datagram(now, &d)));
        // A failure shows in the state: these datagrams were taken when they came.
        let _ = self.finish_dtls(now, result, out);
    }

    /// Sends what DTLS has to send and takes what it found; an error of the engine ends the transport.
    fn finish_dtls(&mut self, now: Instant, result: Result<(), DtlsError>, out: &mut Outbox) -> Result<(), DropReason> {
        self.pump(now, out);
        result.map_err(|DtlsError| {
            self.fail(TransportFailure::Handshake);
            DropReason::DtlsFailed
        })
    }

    /// The handshake is done, and nothing was nominated yet: media goes where the peer took it to be done. It sent data there, which it
    /// does on no pair that has not answered it, and a path on which both sides' flights arrived is better proven than one that a
    /// check names. Browsers nominate with their next check only, 50 ms later; for so long RFC 8445 section 12.1.2 would have nobody see
    /// anything.
    fn settle(&mut self, now: Instant) {
        let path = self.dtls.path.filter(|path| self.ice.selected().is_none() && self.ice.is_valid(*path, now));
        if let Some(path) = path {
            self.ice.settle(path);
            self.lifecycle.paired();
        }
    }

    fn pump(&mut self, now: Instant, out: &mut Outbox) {
        let Some(path) = self.ice.selected().or(self.dtls.path) else { return };
        let mut said_goodbye = false;
        while let Some((event, role)) = self.dtls.association.as_mut().and_then(|a| Some((a.poll(path, out)?, a.role()))) {
            match event {
                DtlsEvent::Keys(material) => {
                    self.srtp = Some(Box::new(SrtpSession::new(&material, role)));
                    self.dtls.deadline = None;
                    self.settle(now);
                    self.update_connected(now);
                }
                DtlsEvent::PeerClosed => said_goodbye = true,
                DtlsEvent::Failed(failure) => self.fail(failure),
                DtlsEvent::Unsent => self.unsent += 1,
            }
        }
        if said_goodbye {
            self.lifecycle.closed();
            self.release();
        }
    }

    fn fail(&mut self, failure: TransportFailure) {
        self.lifecycle.failed(failure);
        self.release();
    }

    /// Keys and addresses are of no use to a transport that ended.
    fn release(&mut self) {
        self.srtp = None;
        self.dtls = Dtls::default();
        self.ice.clear();
    }
}
