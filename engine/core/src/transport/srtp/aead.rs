//! AES-GCM for SRTP and SRTCP (RFC 7714).
//!
//! ```text
//! SRTP    | header, authenticated      | payload, encrypted ............ | tag 16 |
//! SRTCP   | header 8, authenticated    | rest of the compound, encrypted | tag 16 | E + index 4, authenticated |
//! ```

use super::keys::SessionKeys;
use super::profile::SRTCP_WORD_LEN;
use super::{E_FLAG, RTCP_HEADER_LEN, rtcp_sender};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use corelay_wire::units::{PacketIndex, Ssrc};

pub(crate) const TAG_LEN: usize = 16;

/// One direction of one protocol.
#[derive(Debug)]
pub(crate) struct AeadCipher {
    key: LessSafeKey,
    /// As a number, most significant byte first: a nonce is made in registers, for cryptography that reads it whole would wait for
    /// bytes that were written one by one.
    salt: u128,
}

impl AeadCipher {
    pub(crate) fn new(keys: &SessionKeys) -> Self {
        let algorithm = if keys.key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, &keys.key).expect("a profile's keys are 16 or 32 bytes");
        let salt = keys.salt[..NONCE_LEN].iter().fold(0, |salt, byte| salt << 8 | u128::from(*byte));
        Self { key: LessSafeKey::new(key), salt }
    }

    pub(crate) fn seal_rtp(&self, ssrc: Ssrc, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        dst.get_mut(..header.len())?.copy_from_slice(header);
        self.seal_rtp_behind(ssrc, index, header.len(), [payload, &[]], dst)
    }

    /// The header is in `dst` already; behind it go both parts of the plaintext, sealed in one pass.
    pub(crate) fn seal_rtp_behind(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header_len: usize,
        [payload, padding]: [&[u8]; 2],
        dst: &mut [u8],
    ) -> Option<usize> {
        let len = header_len + payload.len() + padding.len() + TAG_LEN;
        let (header, rest) = dst.get_mut(..len)?.split_at_mut(header_len);
        let (body, padding_and_tag) = rest.split_at_mut(payload.len());
        let nonce = self.rtp_nonce(ssrc, index);
        self.key.seal_out_of_place_scatter(nonce, Aad::from(&*header), payload, body, padding, padding_and_tag).ok()?;
        Some(len)
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
        let (packet, tag) = dst.get_mut(..plain_len + TAG_LEN)?.split_at_mut(plain_len);
        let (header, body) = packet.split_at_mut_checked(header_len)?;
        let sealed = self.key.seal_in_place_separate_tag(self.rtp_nonce(ssrc, index), Aad::from(&*header), body).ok()?;
        tag.copy_from_slice(sealed.as_ref());
        Some(plain_len + TAG_LEN)
    }

    /// Gives the length of the plain packet.
    pub(crate) fn open_rtp(&self, ssrc: Ssrc, index: PacketIndex, header_len: usize, packet: &mut [u8]) -> Option<usize> {
        let len = packet.len().checked_sub(TAG_LEN).filter(|len| *len >= header_len)?;
        let (header, sealed) = packet.split_at_mut(header_len);
        self.key.open_in_place(self.rtp_nonce(ssrc, index), Aad::from(&*header), sealed).ok()?;
        Some(len)
    }

    pub(crate) fn seal_rtcp(&self, index: u32, compound: &[u8], dst: &mut [u8]) -> Option<usize> {
        let sender = rtcp_sender(compound)?;
        let len = compound.len() + TAG_LEN + SRTCP_WORD_LEN;
        let (head, rest) = dst.get_mut(..len)?.split_at_mut(RTCP_HEADER_LEN);
        let (plain_head, plain) = compound.split_at(RTCP_HEADER_LEN);
        let (body, rest) = rest.split_at_mut(plain.len());
        let (tag, word) = rest.split_at_mut(TAG_LEN);
        head.copy_from_slice(plain_head);
        word.copy_from_slice(&(index | E_FLAG).to_be_bytes());
        let aad = Aad::from(rtcp_aad(head, index));
        self.key.seal_out_of_place_scatter(self.rtcp_nonce(sender, index), aad, plain, body, &[], tag).ok()?;
        Some(len)
    }

    /// Gives the length of the plain compound. `packet` ends before the ESRTCP word.
    pub(crate) fn open_rtcp(&self, sender: Ssrc, index: u32, packet: &mut [u8]) -> Option<usize> {
        let len = packet.len().checked_sub(TAG_LEN).filter(|len| *len >= RTCP_HEADER_LEN)?;
        let (head, sealed) = packet.split_at_mut(RTCP_HEADER_LEN);
        let aad = Aad::from(rtcp_aad(head, index));
        self.key.open_in_place(self.rtcp_nonce(sender, index), aad, sealed).ok()?;
        Some(len)
    }

    /// Two zero bytes, the SSRC, the rollover counter and the sequence number, plus the salt (RFC 7714 section 8.1).
    fn rtp_nonce(&self, ssrc: Ssrc, index: PacketIndex) -> Nonce {
        self.nonce(u128::from(ssrc.0) << 48 | u128::from(index.0))
    }

    /// Two zero bytes, the SSRC, two zero bytes and the SRTCP index, plus the salt (RFC 7714 section 9.1).
    fn rtcp_nonce(&self, sender: Ssrc, index: u32) -> Nonce {
        self.nonce(u128::from(sender.0) << 48 | u128::from(index))
    }

    fn nonce(&self, input: u128) -> Nonce {
        let [_, _, _, _, nonce @ ..] = (self.salt ^ input).to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The first eight bytes and the ESRTCP word (RFC 7714 section 9.2).
fn rtcp_aad(head: &[u8], index: u32) -> [u8; RTCP_HEADER_LEN + SRTCP_WORD_LEN] {
    let mut aad = [0; RTCP_HEADER_LEN + SRTCP_WORD_LEN];
    aad[..RTCP_HEADER_LEN].copy_from_slice(head);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&(index | E_FLAG).to_be_bytes());
    aad
}
