//! The cryptography of forwarding and nothing else: the same sizes, as many keys, the same order, a send slab of the same size.
//!
//! A core that only sealed would cost this. What [`crate::call::Call`] costs above it is the price of selecting, rewriting and
//! placing packets, and of receiving them once.

use crate::call::{Call, PROFILE};
use core::hint::black_box;
use corelay_core::control::DtlsRole;
use corelay_core::limits::Limits;
use corelay_core::outbox::PACKET_BYTES_MAX;
use corelay_core::transport::srtp::{KeyingMaterial, SrtpSession};
use corelay_wire::units::PacketIndex;

/// Where the sequence number is in an RTP header (RFC 3550 section 5.1).
const SEQUENCE: core::ops::Range<usize> = 2..4;

/// What a run of sealed packets is made of.
#[derive(Clone, Debug)]
pub struct Material {
    header: Vec<u8>,
    /// One payload for each packet of the run: distinct memory, as in a history.
    payloads: Vec<Vec<u8>>,
    next: u64,
}

impl Material {
    /// Runs of `run` packets as subscribers of `call` get them, with the mean size of each place in a picture.
    pub fn of(call: &Call, run: usize) -> Self {
        let shape = call.shape().expect("the call has subscribers");
        let mean = call.scene().media.mean_bytes();
        let bytes =
            |n: usize| mean[n % mean.len()].checked_add_signed(shape.header_growth).expect("packets are longer than headers");
        let payloads = (0..run).map(|n| vec![n as u8; bytes(n) - shape.header.len()]).collect();
        Self { header: shape.header.clone(), payloads, next: 1 }
    }

    /// The longest sealed packet.
    pub fn segment(&self) -> usize {
        self.lens().max().unwrap_or_default()
    }

    /// Bytes of a sealed run.
    pub fn run_bytes(&self) -> usize {
        self.lens().sum()
    }

    /// Packets of a run.
    pub fn packets(&self) -> usize {
        self.payloads.len()
    }

    fn lens(&self) -> impl Iterator<Item = usize> {
        self.payloads.iter().map(|payload| self.header.len() + payload.len() + PROFILE.rtp_overhead())
    }

    /// Seals the run with one key, packet by packet, end to end; gives its length.
    pub fn seal(&mut self, session: &SrtpSession, slab: &mut [u8]) -> usize {
        let mut used = 0;
        for (n, payload) in self.payloads.iter().enumerate() {
            let index = PacketIndex(self.next + n as u64);
            self.header[SEQUENCE].copy_from_slice(&index.sequence().0.to_be_bytes());
            used += session.seal_rtp(index, &self.header, payload, &mut slab[used..]).expect("the slab has room");
        }
        used
    }

    /// The next run is of other packets.
    pub fn advance(&mut self) {
        self.next += self.payloads.len() as u64;
    }
}

/// `count` sessions with keys of their own.
pub fn sessions(count: usize) -> Vec<SrtpSession> {
    let export = |n: usize| (0..PROFILE.keying_material_len()).map(|i| (i + 7 * n) as u8).collect::<Vec<_>>();
    let session = |n| {
        let material = KeyingMaterial::new(PROFILE, &export(n)).expect("the export has the profile's length");
        SrtpSession::new(&material, DtlsRole::Server)
    };
    (0..count).map(session).collect()
}

/// One session a copy, and a slab.
#[derive(Debug)]
pub struct Ceiling {
    sessions: Vec<SrtpSession>,
    material: Material,
    slab: Vec<u8>,
}

impl Ceiling {
    /// As many keys as `call` makes copies, for runs of `run` packets.
    pub fn of(call: &Call, run: usize) -> Self {
        let slab = vec![0; Limits::default().outbox_bytes as usize];
        Self { sessions: sessions(call.scene().copies()), material: Material::of(call, run), slab }
    }

    /// Seals `turns` turns for each subscriber: subscriber by subscriber, packet by packet, end to end. Gives the bytes written.
    #[inline(never)]
    pub fn seal_batch(&mut self, turns: usize) -> u64 {
        let Self { sessions, material, slab, .. } = self;
        let room = material.packets() * PACKET_BYTES_MAX;
        let mut sealed = 0;
        for _ in 0..turns {
            let mut used = 0;
            for session in &*sessions {
                if slab.len() - used < room {
                    used = 0;
                }
                let len = material.seal(session, &mut slab[used..]);
                used += len;
                sealed += len as u64;
            }
            material.advance();
            // Each turn's slab is sent before the next begins to fill it.
            black_box(&slab[..used]);
        }
        sealed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Media, Scene};

    #[test]
    fn as_many_bytes_are_sealed_as_the_call_forwards() {
        for media in [Media::Video, Media::Audio] {
            let mut call = Call::connect(Scene { media, ..Scene::livestream(3) });
            let mut batch = call.seal_turns(4, 20);
            let forwarded = call.forward_batch(&mut batch, 20);
            assert_eq!(Ceiling::of(&call, 20).seal_batch(4), forwarded);
        }
    }

    #[test]
    fn a_full_slab_begins_again() {
        let call = Call::connect(Scene::livestream(100));
        let mut ceiling = Ceiling::of(&call, 20);
        let run = ceiling.material.run_bytes() as u64;
        assert_eq!(ceiling.seal_batch(1), 100 * run);
        assert!(100 * run > ceiling.slab.len() as u64);
    }
}
