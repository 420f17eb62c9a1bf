//! AES counter mode with HMAC-SHA1-80 (RFC 3711), for ffmpeg and old clients.
//!
//! ```text
//! SRTP    | header     | payload, encrypted ............ | tag 10 |                 tag over all of it and the rollover counter
//! SRTCP   | header 8   | rest of the compound, encrypted | E + index 4 | tag 10 |   tag over all before it
//! ```

use super::keys::{SessionKeys, apply_keystream, counter_key};
use super::profile::{SALT_LEN_MAX, SRTCP_WORD_LEN};
use super::{E_FLAG, RTCP_HEADER_LEN, rtcp_sender};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use corelay_wire::units::{PacketIndex, Ssrc};

pub(crate) const TAG_LEN: usize = 10;

/// One direction of one protocol.
#[derive(Debug)]
pub(crate) struct AesCmCipher {
    key: EncryptingKey,
    salt: [u8; SALT_LEN_MAX],
    /// Holds the midstates of the inner and the outer hash: a context per packet begins with a copy of them, without hashing the
    /// key's two blocks again and without an allocation.
    auth: hmac::Key,
}

impl AesCmCipher {
    pub(crate) fn new(keys: &SessionKeys) -> Self {
        let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.auth);
        Self { key: counter_key(&keys.key), salt: keys.salt, auth }
    }

    pub(crate) fn seal_rtp(&self, ssrc: Ssrc, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        dst.get_mut(..header.len())?.copy_from_slice(header);
        self.seal_rtp_behind(ssrc, index, header.len(), [payload, &[]], dst)
    }

    /// The header is in `dst` already; behind it go both parts of the plaintext.
    pub(crate) fn seal_rtp_behind(
        &self,
        ssrc: Ssrc,
        index: PacketIndex,
        header_len: usize,
        [payload, padding]: [&[u8]; 2],
        dst: &mut [u8],
    ) -> Option<usize> {
        let padding_at = header_len + payload.len();
        let plain_len = padding_at + padding.len();
        let packet = dst.get_mut(..plain_len)?;
        packet[header_len..padding_at].copy_from_slice(payload);
        packet[padding_at..].copy_from_slice(padding);
        self.seal_rtp_in_place(ssrc, index, header_len, plain_len, dst)
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
        apply_keystream(&self.key, self.counter(ssrc, index.0), packet.get_mut(header_len..)?);
        tag.copy_from_slice(&self.tag(packet, &index.rollover().to_be_bytes()));
        Some(plain_len + TAG_LEN)
    }

    /// Gives the length of the plain packet. The packet is decrypted only if its tag is right.
    pub(crate) fn open_rtp(&self, ssrc: Ssrc, index: PacketIndex, header_len: usize, packet: &mut [u8]) -> Option<usize> {
        let len = packet.len().checked_sub(TAG_LEN).filter(|len| *len >= header_len)?;
        let (packet, tag) = packet.split_at_mut(len);
        verify_slices_are_equal(&self.tag(packet, &index.rollover().to_be_bytes()), tag).ok()?;
        apply_keystream(&self.key, self.counter(ssrc, index.0), &mut packet[header_len..]);
        Some(len)
    }

    pub(crate) fn seal_rtcp(&self, index: u32, compound: &[u8], dst: &mut [u8]) -> Option<usize> {
        let sender = rtcp_sender(compound)?;
        let len = compound.len() + SRTCP_WORD_LEN + TAG_LEN;
        let (packet, rest) = dst.get_mut(..len)?.split_at_mut(compound.len());
        let (word, tag) = rest.split_at_mut(SRTCP_WORD_LEN);
        packet.copy_from_slice(compound);
        apply_keystream(&self.key, self.counter(sender, u64::from(index)), &mut packet[RTCP_HEADER_LEN..]);
        word.copy_from_slice(&(index | E_FLAG).to_be_bytes());
        tag.copy_from_slice(&self.tag(packet, word));
        Some(len)
    }

    /// Gives the length of the plain compound. `packet` is without the ESRTCP word and the tag.
    pub(crate) fn open_rtcp(&self, sender: Ssrc, index: u32, packet: &mut [u8], tag: &[u8]) -> Option<usize> {
        verify_slices_are_equal(&self.tag(packet, &(index | E_FLAG).to_be_bytes()), tag).ok()?;
        apply_keystream(&self.key, self.counter(sender, u64::from(index)), packet.get_mut(RTCP_HEADER_LEN..)?);
        Some(packet.len())
    }

    /// `(k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16)` (RFC 3711 section 4.1.1).
    fn counter(&self, ssrc: Ssrc, index: u64) -> [u8; 16] {
        let mut salt = [0; 16];
        salt[..SALT_LEN_MAX].copy_from_slice(&self.salt);
        (u128::from_be_bytes(salt) ^ u128::from(ssrc.0) << 64 ^ u128::from(index) << 16).to_be_bytes()
    }

    fn tag(&self, packet: &[u8], trailer: &[u8]) -> [u8; TAG_LEN] {
        let mut context = hmac::Context::with_key(&self.auth);
        context.update(packet);
        context.update(trailer);
        let full = context.sign();
        full.as_ref()[..TAG_LEN].try_into().expect("HMAC-SHA1 gives 20 bytes")
    }
}
