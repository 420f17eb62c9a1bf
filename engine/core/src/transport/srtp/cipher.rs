//! One direction of one protocol under whichever profile DTLS agreed on.

use super::aead::AeadCipher;
use super::aes_cm::{self, AesCmCipher};
use super::keys::SessionKeys;
use super::profile::SRTCP_WORD_LEN;
use super::{E_FLAG, RTCP_HEADER_LEN, rtcp_sender};
use crate::control::SrtpProfile;
use corelay_wire::units::{PacketIndex, Ssrc};

#[derive(Debug)]
pub(crate) enum Cipher {
    Aead(AeadCipher),
    /// Boxed: it holds its key schedules and midstates itself, 1.7 KB, and few sessions have it.
    AesCm(Box<AesCmCipher>),
}

/// The parts of an SRTCP packet that are known before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SrtcpHead {
    pub(crate) sender: Ssrc,
    pub(crate) index: u32,
    pub(crate) encrypted: bool,
}

impl Cipher {
    pub(crate) fn new(profile: SrtpProfile, keys: &SessionKeys) -> Self {
        match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => Self::Aead(AeadCipher::new(keys)),
            SrtpProfile::Aes128CmSha1_80 => Self::AesCm(Box::new(AesCmCipher::new(keys))),
        }
    }

    #[inline]
    pub(crate) fn seal_rtp(&self, ssrc: Ssrc, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        match self {
            Self::Aead(c) => c.seal_rtp(ssrc, index, header, payload, dst),
            Self::AesCm(c) => c.seal_rtp(ssrc, index, header, payload, dst),
        }
    }

    /// The header is in `dst` already; behind it go both parts of the plaintext.
    #[inline]
    pub(crate) fn seal_rtp_behind(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header_len: usize,
        plain: [&[u8]; 2],
        dst: &mut [u8],
    ) -> Option<usize> {
        match self {
            Self::Aead(c) => c.seal_rtp_behind(ssrc, index, header_len, plain, dst),
            Self::AesCm(c) => c.seal_rtp_behind(ssrc, index, header_len, plain, dst),
        }
    }

    /// Header and plaintext are in `dst` already, `plain_len` bytes together.
    pub(crate) fn seal_rtp_in_place(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header_len: usize,
        plain_len: usize,
        dst: &mut [u8],
    ) -> Option<usize> {
        match self {
            Self::Aead(c) => c.seal_rtp_in_place(ssrc, index, header_len, plain_len, dst),
            Self::AesCm(c) => c.seal_rtp_in_place(ssrc, index, header_len, plain_len, dst),
        }
    }

    #[inline]
    pub(crate) fn open_rtp(&self, ssrc: Ssrc, index: PacketIndex, header_len: usize, packet: &mut [u8]) -> Option<usize> {
        match self {
            Self::Aead(c) => c.open_rtp(ssrc, index, header_len, packet),
            Self::AesCm(c) => c.open_rtp(ssrc, index, header_len, packet),
        }
    }

    pub(crate) fn seal_rtcp(&self, index: u32, compound: &[u8], dst: &mut [u8]) -> Option<usize> {
        match self {
            Self::Aead(c) => c.seal_rtcp(index, compound, dst),
            Self::AesCm(c) => c.seal_rtcp(index, compound, dst),
        }
    }

    /// Where the ESRTCP word ends: the AEAD profiles have it last, the HMAC profile before the tag.
    fn word_end(&self, len: usize) -> Option<usize> {
        match self {
            Self::Aead(_) => Some(len),
            Self::AesCm(_) => len.checked_sub(aes_cm::TAG_LEN),
        }
    }

    /// `None` when the packet is too short to be SRTCP.
    pub(crate) fn srtcp_head(&self, packet: &[u8]) -> Option<SrtcpHead> {
        let end = self.word_end(packet.len())?;
        let start = end.checked_sub(SRTCP_WORD_LEN).filter(|start| *start >= RTCP_HEADER_LEN)?;
        let word = u32::from_be_bytes(packet[start..end].try_into().expect("the word is four bytes"));
        Some(SrtcpHead { sender: rtcp_sender(packet)?, index: word & !E_FLAG, encrypted: word & E_FLAG != 0 })
    }

    /// Gives the length of the plain compound. `head` is of the same packet.
    pub(crate) fn open_rtcp(&self, head: SrtcpHead, packet: &mut [u8]) -> Option<usize> {
        let body_end = self.word_end(packet.len())? - SRTCP_WORD_LEN;
        let (body, trailer) = packet.split_at_mut(body_end);
        match self {
            Self::Aead(c) => c.open_rtcp(head.sender, head.index, body),
            Self::AesCm(c) => c.open_rtcp(head.sender, head.index, body, &trailer[SRTCP_WORD_LEN..]),
        }
    }
}
