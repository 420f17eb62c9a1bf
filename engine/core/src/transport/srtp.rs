//! SRTP and SRTCP (RFC 3711, RFC 7714) under the keys that DTLS exported.
//!
//! ```text
//! keying material -> master keys -> session keys -> four ciphers: {RTP, RTCP} x {to the peer, from the peer}
//! open: head -> index estimate -> replay check -> tag, plaintext in place -> replay window moves
//! ```
//! Whatever fails before the tag is verified, or at it, leaves the state as it was.
//!
//! Left out on purpose: MKI and rekeying (DTLS-SRTP makes new keys by a new handshake), and SRTCP without encryption: the profiles
//! of RFC 5764 section 4.1.2 and RFC 7714 section 14.2 encrypt it, so a packet without the E flag is refused.

mod aead;
mod aes_cm;
mod cipher;
mod keys;
mod profile;
mod replay;
mod sealer;
mod streams;
#[cfg(test)]
mod test_vectors;

use crate::control::{DtlsRole, SrtpProfile};
use crate::drop_reason::DropReason;
use cipher::Cipher;
use corelay_wire::rtp::{ParseError, RtpHeader};
use corelay_wire::units::{PacketIndex, Ssrc};
pub use keys::KeyingMaterial;
use keys::{Protocol, SessionKeys};
pub use profile::KEYING_MATERIAL_LEN_MAX;
pub(crate) use sealer::RtpSealer;
use streams::Streams;

/// The part of an RTCP packet that SRTCP leaves readable: the first header and the sender's SSRC.
pub(crate) const RTCP_HEADER_LEN: usize = 8;
/// Says that an SRTCP packet is encrypted.
pub(crate) const E_FLAG: u32 = 1 << 31;
/// Sealed under one key: 2^48 RTP packets a stream, 2^31 RTCP packets (RFC 3711 section 9.2).
const RTP_INDEX_END: u64 = 1 << 48;
const SRTCP_INDEX_END: u32 = 1 << 31;

/// An RTP packet that the peer made: its tag was verified, it is no replay, and it is plaintext. Only [`SrtpSession`] makes one.
#[derive(Debug)]
pub struct Opened<'a> {
    packet: &'a [u8],
    /// As it was before the packet was opened: see [`Self::header`].
    sealed: RtpHeader,
    index: PacketIndex,
}

impl<'a> Opened<'a> {
    /// Header and payload, without the tag.
    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }

    /// Its header; an error when the padding does not fit.
    pub fn header(&self) -> Result<RtpHeader, ParseError> {
        let mut header = self.sealed;
        header.read_padding(self.packet)?;
        Ok(header)
    }

    /// How much of the packet is header: fixed part, contributing sources and extensions.
    pub fn header_len(&self) -> usize {
        self.sealed.payload_offset.into()
    }

    /// The stream.
    pub fn ssrc(&self) -> Ssrc {
        self.sealed.ssrc
    }

    /// The sequence number with its rollover count.
    pub fn index(&self) -> PacketIndex {
        self.index
    }
}

/// A compound RTCP packet that the peer made: verified, no replay, plaintext. Only [`SrtpSession`] makes one.
#[derive(Debug)]
pub struct OpenedRtcp<'a> {
    compound: &'a [u8],
    sender: Ssrc,
}

impl<'a> OpenedRtcp<'a> {
    /// The compound packet, without index and tag.
    pub fn compound(&self) -> &'a [u8] {
        self.compound
    }

    /// The SSRC of the first packet's sender.
    pub fn sender(&self) -> Ssrc {
        self.sender
    }
}

/// Both directions of one transport.
#[derive(Debug)]
pub struct SrtpSession {
    profile: SrtpProfile,
    /// `None` while it is lent.
    seal_rtp: Option<RtpSealer>,
    seal_rtcp: Cipher,
    /// One index for all SSRCs of the transport: unique for each of them, which is what RFC 3711 section 3.4 is for.
    srtcp_index: u32,
    open_rtp: Cipher,
    open_rtcp: Cipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl SrtpSession {
    /// A session whose own side had `role` in DTLS.
    pub fn new(material: &KeyingMaterial, role: DtlsRole) -> Self {
        let peer = match role {
            DtlsRole::Client => DtlsRole::Server,
            DtlsRole::Server => DtlsRole::Client,
        };
        let cipher = |writer, protocol| Cipher::new(material.profile(), &SessionKeys::derive(&material.master(writer), protocol));
        Self {
            profile: material.profile(),
            seal_rtp: Some(RtpSealer::new(cipher(role, Protocol::Rtp))),
            seal_rtcp: cipher(role, Protocol::Rtcp),
            srtcp_index: 0,
            open_rtp: cipher(peer, Protocol::Rtp),
            open_rtcp: cipher(peer, Protocol::Rtcp),
            rtp_streams: Streams::new(),
            rtcp_streams: Streams::new(),
        }
    }

    /// What was agreed on.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Lends what seals RTP, to whoever sends much of it. `None`: it is lent.
    pub(crate) fn lend_sealer(&mut self) -> Option<RtpSealer> {
        self.seal_rtp.take()
    }

    /// Takes back what was lent. What another session lent is dropped: this one has its own.
    pub(crate) fn return_sealer(&mut self, sealer: RtpSealer) {
        self.seal_rtp.get_or_insert(sealer);
    }

    /// Seals one RTP packet into `dst` and gives its length: [`SrtpProfile::rtp_overhead`] more than the plain one.
    ///
    /// `header` is complete, extensions included, and carries the low 16 bits of `index`; the caller keeps the rollover count.
    /// `None` when `dst` is too short, the header is no RTP header, the index is spent, or the core seals for this transport.
    ///
    /// **Trap:** under the AEAD profiles the pair (SSRC, index) is the nonce. Sealing it twice is safe only when header and payload
    /// are the same to the byte, as when a lost packet is sent again as it was. Anything else under a used pair (a rewritten header
    /// extension is enough) gives away the keystream and the authentication key. Retransmission with a new header goes on its own
    /// SSRC (RFC 4588) or not at all.
    pub fn seal_rtp(&self, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        self.seal_rtp.as_ref()?.seal(index, header, payload, dst)
    }

    /// Seals one compound RTCP packet into `dst` and gives its length. `None` when `dst` or the packet is too short, or 2^31 were
    /// sealed.
    pub fn seal_rtcp(&mut self, compound: &[u8], dst: &mut [u8]) -> Option<usize> {
        if self.srtcp_index == SRTCP_INDEX_END {
            return None;
        }
        let len = self.seal_rtcp.seal_rtcp(self.srtcp_index, compound, dst)?;
        self.srtcp_index += 1;
        Some(len)
    }

    /// Opens one RTP packet in place. A packet that fails may have been overwritten; the session is as it was.
    pub fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<Opened<'a>, DropReason> {
        let sealed = RtpHeader::parse_sealed(packet).map_err(|_| DropReason::RtpMalformed)?;
        let index = self.fresh_index(&sealed)?;
        let header_len = usize::from(sealed.payload_offset);
        let len = self.open_rtp.open_rtp(sealed.ssrc, index, header_len, packet).ok_or(DropReason::SrtpBadTag)?;
        self.rtp_streams.accept(sealed.ssrc, index.0);
        Ok(Opened { packet: &packet[..len], sealed, index })
    }

    /// Opens one compound RTCP packet in place. A packet that fails may have been overwritten; the session is as it was.
    pub fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<OpenedRtcp<'a>, DropReason> {
        let head = self.open_rtcp.srtcp_head(packet).ok_or(DropReason::RtcpMalformed)?;
        if !head.encrypted {
            return Err(DropReason::SrtcpBadTag);
        }
        let index = u64::from(head.index);
        if self.rtcp_streams.window(head.sender).is_some_and(|w| !w.is_fresh(index)) {
            return Err(DropReason::SrtcpReplayed);
        }
        let len = self.open_rtcp.open_rtcp(head, packet).ok_or(DropReason::SrtcpBadTag)?;
        self.rtcp_streams.accept(head.sender, index);
        Ok(OpenedRtcp { compound: &packet[..len], sender: head.sender })
    }

    /// The index of a packet that is no replay. A stream that was not heard before begins with rollover count zero.
    fn fresh_index(&self, head: &RtpHeader) -> Result<PacketIndex, DropReason> {
        let Some(window) = self.rtp_streams.window(head.ssrc) else {
            return Ok(PacketIndex(u64::from(head.sequence.0)));
        };
        window
            .estimate(head.sequence)
            .filter(|index| index.0 < RTP_INDEX_END && window.is_fresh(index.0))
            .ok_or(DropReason::SrtpReplayed)
    }
}

/// The SSRC of the first packet's sender; `None` when it is too short for one.
fn rtcp_sender(packet: &[u8]) -> Option<Ssrc> {
    let bytes = packet.get(4..RTCP_HEADER_LEN)?;
    Some(Ssrc(u32::from_be_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node holds one a participant: growth here is growth of the memory per participant.
    #[test]
    fn a_session_is_small() {
        assert!(size_of::<SrtpSession>() <= 320, "{} bytes", size_of::<SrtpSession>());
    }
}
