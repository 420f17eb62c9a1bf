//! What seals RTP towards one peer: all that a sender needs of an [`SrtpSession`](super::SrtpSession), which lends it.

use super::RTP_INDEX_END;
use super::cipher::Cipher;
use core::hint::black_box;
use corelay_wire::units::{PacketIndex, SequenceNumber, Ssrc};

/// The fixed RTP header (RFC 3550 section 5.1).
const RTP_HEADER_LEN_MIN: usize = 12;

/// See the module. Sealing changes nothing in it.
#[derive(Debug)]
pub(crate) struct RtpSealer {
    cipher: Cipher,
}

impl RtpSealer {
    pub(super) fn new(cipher: Cipher) -> Self {
        Self { cipher }
    }

    /// Reads what sealing reads first, so that it is in the cache when it is needed.
    pub(crate) fn touch(&self) {
        black_box(core::mem::discriminant(&self.cipher));
    }

    /// See [`SrtpSession::seal_rtp`](super::SrtpSession::seal_rtp).
    pub(crate) fn seal(&self, index: PacketIndex, header: &[u8], payload: &[u8], dst: &mut [u8]) -> Option<usize> {
        let ssrc = stream_of(header, index)?;
        self.cipher.seal_rtp(ssrc, index, header, payload, dst)
    }

    /// Seals one RTP packet whose header, `header_len` bytes, is in `dst` already: payload and padding go behind it. Gives the
    /// length of the packet. Otherwise as [`SrtpSession::seal_rtp`](super::SrtpSession::seal_rtp), whose trap is this one's.
    #[inline]
    pub(crate) fn seal_behind(
        &self,
        index: PacketIndex,
        header_len: usize,
        payload: &[u8],
        padding: &[u8],
        dst: &mut [u8],
    ) -> Option<usize> {
        let ssrc = stream_of(dst.get(..header_len)?, index)?;
        self.cipher.seal_rtp_behind(ssrc, index, header_len, [payload, padding], dst)
    }

    /// Seals one RTP packet that is in `dst` already: a header of `header_len` bytes, and `plain_len` bytes with what is behind it.
    /// For payloads that are changed on their way. Otherwise as [`SrtpSession::seal_rtp`](super::SrtpSession::seal_rtp), whose trap
    /// is this one's.
    pub(crate) fn seal_in_place(&self, index: PacketIndex, header_len: usize, plain_len: usize, dst: &mut [u8]) -> Option<usize> {
        let ssrc = stream_of(dst.get(..header_len)?, index)?;
        self.cipher.seal_rtp_in_place(ssrc, index, header_len, plain_len, dst)
    }
}

/// The stream of a header that this side made for the packet with this index; `None` when it is too short for one, or the index is
/// spent.
#[inline]
fn stream_of(header: &[u8], index: PacketIndex) -> Option<Ssrc> {
    let fixed: &[u8; RTP_HEADER_LEN_MIN] = header.first_chunk()?;
    let [_, _, s0, s1, _, _, _, _, id @ ..] = *fixed;
    if index.0 >= RTP_INDEX_END {
        return None;
    }
    let sequence = SequenceNumber(u16::from_be_bytes([s0, s1]));
    assert!(sequence == index.sequence(), "the header carries the low 16 bits of the index");
    Some(Ssrc(u32::from_be_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::super::{KeyingMaterial, SrtpSession};
    use crate::control::{DtlsRole, SrtpProfile};
    use corelay_wire::rtp::RtpHeader;
    use corelay_wire::units::PacketIndex;

    #[test]
    fn a_session_takes_back_its_own_sealer_only() {
        let session = |byte: u8| {
            let material = KeyingMaterial::new(SrtpProfile::AeadAes128Gcm, &[byte; 56]).expect("the export has its length");
            SrtpSession::new(&material, DtlsRole::Server)
        };
        let header = [0x80, 96, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        let seal = |session: &SrtpSession| {
            let mut sealed = [0; 40];
            session.seal_rtp(PacketIndex(5), &header, &[1; 12], &mut sealed).map(|_| sealed)
        };
        let (mut former, mut present) = (session(7), session(8));
        let expected = [seal(&former), seal(&present)];
        let lent = former.lend_sealer().expect("it is there");
        assert_eq!(seal(&former), None, "it is lent");
        present.return_sealer(lent);
        assert_eq!(seal(&present), expected[1], "another session's is dropped");
        let lent = present.lend_sealer().expect("it is there");
        present.return_sealer(lent);
        assert_eq!(seal(&present), expected[1]);
        assert_ne!(expected[0], expected[1]);
    }

    #[test]
    fn a_packet_sealed_behind_its_header_is_the_same_and_may_be_padded() {
        for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80] {
            let material =
                KeyingMaterial::new(profile, &vec![7; profile.keying_material_len()]).expect("the export has its length");
            let mut ours = SrtpSession::new(&material, DtlsRole::Server);
            let mut header = [0; 12];
            header[..4].copy_from_slice(&[0x80, 96, 0, 5]);
            let (index, payload) = (PacketIndex(0x1_0005), [0xAB; 1_000]);
            let (mut whole, mut behind) = ([0; 1_100], [0; 1_100]);
            let len = ours.seal_rtp(index, &header, &payload, &mut whole).expect("it fits");
            let sealer = ours.lend_sealer().expect("it is there");
            behind[..12].copy_from_slice(&header);
            assert_eq!(sealer.seal_behind(index, 12, &payload, &[], &mut behind), Some(len));
            assert_eq!(whole[..len], behind[..len]);
            let mut in_place = [0; 1_100];
            in_place[..12].copy_from_slice(&header);
            in_place[12..1_012].copy_from_slice(&payload);
            assert_eq!(sealer.seal_in_place(index, 12, 1_012, &mut in_place), Some(len));
            assert_eq!(whole[..len], in_place[..len]);
            assert_eq!(sealer.seal_in_place(index, 12, 1_012, &mut in_place[..1_020]), None, "it does not fit");
            assert_eq!(sealer.seal_behind(index, 12, &payload, &[0; 80], &mut behind[..1_000]), None, "it does not fit");

            behind[..4].copy_from_slice(&[0xA0, 96, 0, 6]);
            let next = PacketIndex(6);
            let len = sealer.seal_behind(next, 12, &payload, &[0, 0, 3], &mut behind).expect("it fits");
            assert_eq!(len, 12 + 1_000 + 3 + profile.rtp_overhead());
            let mut peers = SrtpSession::new(&material, DtlsRole::Client);
            let opened = peers.open_rtp(&mut behind[..len]).expect("authentic");
            let parsed = RtpHeader::parse(opened.packet()).expect("a packet");
            assert_eq!((parsed.padding, parsed.payload(opened.packet())), (3, &payload[..]));
        }
    }
}
