//! The cryptography of forwarding and nothing else: the same sizes, as many keys, the same order, a send slab of the same size.
//!
//! A core that only sealed would cost this. What [`crate::call::Call`] costs above it is the price of selecting, rewriting and
//! placing packets, and of receiving them once.

use crate::call::SealedShape;
use core::hint::black_box;
use corelay_core::control::{DtlsRole, SrtpProfile};
use corelay_core::limits::Limits;
use corelay_core::outbox::PACKET_BYTES_MAX;
use corelay_core::transport::srtp::{KeyingMaterial, SrtpSession};
use corelay_wire::units::PacketIndex;

/// Where the sequence number is in an RTP header (RFC 3550 section 5.1).
const SEQUENCE: core::ops::Range<usize> = 2..4;

/// One session a subscriber, and a slab.
#[derive(Debug)]
pub struct Ceiling {
    sessions: Vec<SrtpSession>,
    header: Vec<u8>,
    /// One payload for each packet of the longest run: distinct memory, as in a history.
    payloads: Vec<Vec<u8>>,
    slab: Vec<u8>,
    used: usize,
    next: u64,
}

impl Ceiling {
    /// `subscribers` keys of `profile`, for runs of at most `run_max` packets.
    pub fn new(profile: SrtpProfile, subscribers: usize, shape: &SealedShape, run_max: usize) -> Self {
        let export = |n: usize| (0..profile.keying_material_len()).map(|i| (i + 7 * n) as u8).collect::<Vec<_>>();
        let session = |n| {
            let material = KeyingMaterial::new(profile, &export(n)).expect("the export has the profile's length");
            SrtpSession::new(&material, DtlsRole::Server)
        };
        Self {
            sessions: (0..subscribers).map(session).collect(),
            header: shape.header.clone(),
            payloads: (0..run_max).map(|n| vec![n as u8; shape.payload_len]).collect(),
            slab: vec![0; Limits::default().outbox_bytes as usize],
            used: 0,
            next: 1,
        }
    }

    /// Seals a batch of `packets` packets for each subscriber, in turns of `run` packets: subscriber by subscriber, packet by
    /// packet, end to end. Gives the bytes that were written.
    #[inline(never)]
    pub fn seal_batch(&mut self, packets: usize, run: usize) -> u64 {
        let Self { sessions, header, payloads, slab, used, next } = self;
        let mut sealed = 0;
        for _ in 0..packets / run {
            for session in &*sessions {
                for (n, payload) in payloads[..run].iter().enumerate() {
                    if slab.len() - *used < PACKET_BYTES_MAX {
                        *used = 0;
                    }
                    let index = PacketIndex(*next + n as u64);
                    header[SEQUENCE].copy_from_slice(&index.sequence().0.to_be_bytes());
                    let len = session.seal_rtp(index, header, payload, &mut slab[*used..]).expect("the slab has room");
                    *used += len;
                    sealed += len as u64;
                }
            }
            *next += run as u64;
            // Each turn's slab is sent before the next begins to fill it.
            black_box(&slab[..*used]);
            *used = 0;
        }
        sealed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_sealed_for_every_subscriber() {
        let shape = SealedShape { header: [&[0x80, 96][..], &[0; 10]].concat(), payload_len: 1_188 };
        for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80] {
            let mut ceiling = Ceiling::new(profile, 3, &shape, 20);
            let bytes = 3 * 40 * (1_200 + profile.rtp_overhead()) as u64;
            assert_eq!(ceiling.seal_batch(40, 20), bytes);
            assert_eq!(ceiling.seal_batch(40, 1), bytes);
        }
    }

    #[test]
    fn a_full_slab_begins_again() {
        let shape = SealedShape { header: [&[0x80, 96][..], &[0; 10]].concat(), payload_len: 1_188 };
        let mut ceiling = Ceiling::new(SrtpProfile::AeadAes128Gcm, 100, &shape, 20);
        assert_eq!(ceiling.seal_batch(20, 20), 100 * 20 * 1_216);
    }
}
