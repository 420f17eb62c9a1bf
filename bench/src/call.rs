//! One publisher and its subscribers in one core: ICE and DTLS done on the simulated network, media from then on handed over by hand.

use crate::publisher::Publisher;
use core::hint::black_box;
use core::time::Duration;
use corelay_core::control::SrtpProfile;
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::media::Codec;
use corelay_wire::rtp::RtpHeader;

/// Any: it makes two runs of the program drive the core alike.
const SEED: u64 = 1;
const TAG: u32 = 1;
/// Far more than the handshakes of 100 peers take in simulated time.
const CONNECT_MAX: Duration = Duration::from_secs(60);
/// Simulated time between batches: consent is renewed and reports are sent in it, outside the measured part.
const PAUSE: Duration = Duration::from_millis(10);

/// What one subscriber gets of each packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedShape {
    /// The header in clear, as the first packet had it.
    pub header: Vec<u8>,
    /// Bytes of payload before sealing.
    pub payload_len: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Call {
    world: World,
    publisher: Publisher,
    publishing: PeerId,
    profile: SrtpProfile,
}

impl Call {
    /// A connected call. Its limits are the server's defaults.
    pub fn connect(subscribers: usize) -> Self {
        let mut world = World::with_limits(SEED, Limits::default());
        let publishing = world.join();
        let peers: Vec<PeerId> = (0..subscribers).map(|_| world.join()).collect();
        world.run_until_connected(CONNECT_MAX);
        let mut source = Source::new(Codec::Vp8, TAG);
        source.silent = true;
        let publisher = Publisher::new(&source);
        let track = world.publish(publishing, source);
        for peer in peers {
            world.subscribe(peer, track, TAG);
        }
        let profiles = [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];
        let connected = |profile: &SrtpProfile| world.core.counters().connected_with(*profile) == subscribers as u64 + 1;
        let profile = profiles.into_iter().find(connected).expect("all peers are alike and agree on one profile");
        Self { world, publisher, publishing, profile }
    }

    /// What the handshakes agreed on.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The publisher's next packets, sealed.
    pub fn seal_batch(&mut self, packets: usize) -> Vec<Vec<u8>> {
        let peer = self.world.peer(self.publishing);
        (0..packets).map(|_| peer.seal(&self.publisher.packet()).expect("the publisher is connected")).collect()
    }

    /// Hands a batch over in turns of `run` packets each and takes what leaves, as the loop of a shard does but for the sockets.
    /// This is what is measured. Gives the bytes that left.
    #[inline(never)]
    pub fn forward_batch(&mut self, batch: &mut [Vec<u8>], run: usize) -> u64 {
        let (now, source) = (self.world.now(), self.world.peers[self.publishing.0].address);
        let core = &mut self.world.core;
        let mut sent = 0;
        for turn in batch.chunks_mut(run) {
            for bytes in turn {
                core.handle_datagram(now, Datagram { source, local: SERVER.ip(), received: now, bytes });
            }
            while let Some(outbox) = core.poll_transmit(now) {
                for run in black_box(outbox).runs() {
                    sent += run.bytes.len() as u64;
                }
            }
            while core.poll_event().is_some() {}
        }
        sent
    }

    /// Lets a moment of simulated time pass.
    pub fn pause(&mut self) {
        self.world.run(PAUSE);
    }

    /// Packets that were accepted, and that were sealed for subscribers, since the call began.
    pub fn counted(&self) -> (u64, u64) {
        let counters = self.world.core.counters();
        (counters.packets_in, counters.packets_out)
    }

    /// Forwards one packet and tells what it was for the first subscriber; `None` when there is none.
    pub fn shape(&mut self) -> Option<SealedShape> {
        let mut packet = self.seal_batch(1).remove(0);
        let (now, source) = (self.world.now(), self.world.peers[self.publishing.0].address);
        let core = &mut self.world.core;
        core.handle_datagram(now, Datagram { source, local: SERVER.ip(), received: now, bytes: &mut packet });
        let mut shape = None;
        while let Some(outbox) = core.poll_transmit(now) {
            let sent = outbox.runs().next().and_then(|run| run.packets().next());
            shape = shape.or_else(|| sent.and_then(|packet| shape_of(packet, self.profile)));
        }
        self.pause();
        shape
    }
}

fn shape_of(sealed: &[u8], profile: SrtpProfile) -> Option<SealedShape> {
    let header_len = usize::from(RtpHeader::parse_sealed(sealed).ok()?.payload_offset);
    let payload_len = sealed.len().checked_sub(header_len + profile.rtp_overhead())?;
    Some(SealedShape { header: sealed[..header_len].to_vec(), payload_len })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::PACKET_BYTES;

    #[test]
    fn each_packet_leaves_once_for_each_subscriber_and_all_are_of_one_shape() {
        let mut call = Call::connect(3);
        let shape = call.shape().expect("there are subscribers");
        let len = shape.header.len() + shape.payload_len;
        assert!((PACKET_BYTES..PACKET_BYTES + 16).contains(&len), "abs-send-time is added: {len}");
        let mut batch = call.seal_batch(40);
        for run in [1, 4, 20] {
            let before = call.counted();
            let sent = call.forward_batch(&mut batch, run);
            assert_eq!(call.counted(), (before.0 + 40, before.1 + 120));
            assert_eq!(sent, 120 * (len + call.profile().rtp_overhead()) as u64);
            call.pause();
            batch = call.seal_batch(40);
        }
    }

    #[test]
    fn a_call_outlives_the_time_in_which_consent_expires() {
        let mut call = Call::connect(1);
        call.shape().expect("there is a subscriber");
        for _ in 0..4_000 {
            call.pause();
        }
        let (_, before) = call.counted();
        let mut batch = call.seal_batch(1);
        call.forward_batch(&mut batch, 1);
        assert_eq!(call.counted().1, before + 1);
    }
}
