//! The rooms of a scene in one core: ICE and DTLS done on the simulated network, media from then on handed over by hand.
//!
//! The profile is AEAD_AES_128_GCM. Keys come from [`corelay_sim::prearranged`], for the core's own engine would choose another one;
//! from there on everything is the core's.

use crate::publisher::Publisher;
use crate::scene::{PACKETS_PER_PICTURE, Scene};
use core::hint::black_box;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::Core;
use corelay_core::control::SrtpProfile;
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_core::outbox::Run;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World, prearranged};
use corelay_wire::rtp::RtpHeader;
use corelay_wire::units::Instant;

/// Any: it makes two runs of the program drive the core alike.
const SEED: u64 = 1;
/// What all transports agree on.
pub const PROFILE: SrtpProfile = SrtpProfile::AeadAes128Gcm;
/// Far more than the handshakes take in simulated time.
const CONNECT_MAX: Duration = Duration::from_secs(60);
/// Simulated time between batches: consent is renewed and reports are sent in it, outside the measured part.
const PAUSE: Duration = Duration::from_millis(10);

/// What one subscriber gets of each packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedShape {
    /// The header in clear, as the first packet had it.
    pub header: Vec<u8>,
    /// How many bytes it is longer than the publisher's.
    pub header_growth: isize,
}

/// A packet on its way to the core.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its publisher.
    pub source: SocketAddr,
    /// Its bytes, which the core opens in place.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Publishing {
    peer: PeerId,
    publisher: Publisher,
}

/// See the module.
#[derive(Debug)]
pub struct Call {
    scene: Scene,
    world: World,
    publishing: Vec<Publishing>,
    subscribing: Vec<PeerId>,
    shape: Option<SealedShape>,
}

impl Call {
    /// Connected rooms in which every subscription flows.
    pub fn connect(scene: Scene) -> Self {
        let world = World::with_dtls(SEED, limits(&scene), prearranged::aead_128);
        let mut call = Self { scene, world, publishing: Vec::new(), subscribing: Vec::new(), shape: None };
        let rooms: Vec<(Vec<PeerId>, Vec<PeerId>)> = (0..scene.rooms).map(|room| call.fill_room(room)).collect();
        call.world.run_until_connected(CONNECT_MAX);
        assert_eq!(call.world.core.counters().connected_with(PROFILE), scene.transports() as u64, "all agree on one profile");
        for (publishers, subscribers) in rooms {
            for peer in publishers {
                call.publish(peer, &subscribers);
            }
            call.subscribing.extend(subscribers);
        }
        call.begin();
        call
    }

    fn fill_room(&mut self, room: usize) -> (Vec<PeerId>, Vec<PeerId>) {
        if room > 0 {
            self.world.open_room();
        }
        let mut join = |count| (0..count).map(|_| self.world.join()).collect();
        (join(self.scene.publishers), join(self.scene.subscribers))
    }

    fn publish(&mut self, peer: PeerId, subscribers: &[PeerId]) {
        let tag = 1 + self.publishing.len() as u32;
        let mut source = Source::new(self.scene.media.codec(), tag);
        source.silent = true;
        let publisher = Publisher::new(&source, self.scene.media);
        let track = self.world.publish(peer, source);
        for subscriber in subscribers {
            self.world.subscribe(*subscriber, track, tag);
        }
        self.publishing.push(Publishing { peer, publisher });
    }

    /// The first picture of every track: with its keyframe the subscriptions begin to flow.
    fn begin(&mut self) {
        let first_bytes = self.scene.media.bytes(0, 0);
        let mut batch = self.seal_turns(1, PACKETS_PER_PICTURE);
        let now = self.world.now();
        for Sealed { source, bytes } in &mut batch {
            self.core_and_now().0.handle_datagram(now, datagram(now, *source, bytes));
        }
        let mut shape = None;
        while let Some(outbox) = self.world.core.poll_transmit(now) {
            let first = outbox.runs().next().and_then(|run| run.packets().next());
            shape = shape.or_else(|| first.and_then(|packet| shape_of(packet, first_bytes)));
        }
        self.shape = shape;
        self.pause();
    }

    /// What the handshakes agreed on.
    pub fn profile(&self) -> SrtpProfile {
        PROFILE
    }

    /// Who is in it.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// What a packet was for the first subscriber; `None` when there is none.
    pub fn shape(&self) -> Option<&SealedShape> {
        self.shape.as_ref()
    }

    /// The next packets of all publishers, sealed, for `turns` turns with `run` packets of each publisher.
    pub fn seal_turns(&mut self, turns: usize, run: usize) -> Vec<Sealed> {
        let Self { world, publishing, .. } = self;
        let mut batch = Vec::with_capacity(turns * run * publishing.len());
        for _ in 0..turns {
            for Publishing { peer, publisher } in &mut *publishing {
                let peer = world.peer(*peer);
                let mut seal = || peer.seal(&publisher.packet()).expect("the publisher is connected");
                batch.extend((0..run).map(|_| Sealed { source: peer.address, bytes: seal() }));
            }
        }
        batch
    }

    /// Hands a batch over in turns of `turn` packets each and takes what leaves, as the loop of a shard does but for the sockets.
    /// This is what is measured. Gives the bytes that left.
    #[inline(never)]
    pub fn forward_batch(&mut self, batch: &mut [Sealed], turn: usize) -> u64 {
        let now = self.world.now();
        let core = &mut self.world.core;
        let mut sent = 0;
        for turn in batch.chunks_mut(turn) {
            for Sealed { source, bytes } in turn {
                core.handle_datagram(now, datagram(now, *source, bytes));
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

    /// The core and the time, for who drives it with sockets.
    pub fn core_and_now(&mut self) -> (&mut Core, Instant) {
        let now = self.world.now();
        (&mut self.world.core, now)
    }

    /// Moves the publishers and the subscribers to these addresses, in their order, by checks that nominate them.
    pub fn move_to(&mut self, publishers: &[SocketAddr], subscribers: &[SocketAddr]) {
        let now = self.world.now();
        let publishing = self.publishing.iter().map(|p| p.peer).zip(publishers);
        let moves: Vec<_> = publishing.chain(self.subscribing.iter().copied().zip(subscribers)).collect();
        for (peer, address) in moves {
            self.world.peer(peer).move_to(now, *address);
        }
        for _ in 0..10 {
            self.pause();
        }
    }
}

/// A datagram as the core takes it: to the address that the handshakes were with.
pub fn datagram(now: Instant, source: SocketAddr, bytes: &mut [u8]) -> Datagram<'_> {
    Datagram { source, local: SERVER.ip(), received: now, bytes }
}

/// Whether a run goes to one of the addresses of the simulated network.
pub fn is_simulated(run: &Run<'_>) -> bool {
    !run.path.remote.ip().is_loopback()
}

/// The server's defaults, or more where the scene has more.
fn limits(scene: &Scene) -> Limits {
    let default = Limits::default();
    let at_least = |limit: u32, wanted: usize| limit.max(wanted as u32 + 1);
    Limits {
        rooms_max: at_least(default.rooms_max, scene.rooms),
        participants_max: at_least(default.participants_max, scene.transports()),
        transports_max: at_least(default.transports_max, scene.transports()),
        tracks_max: at_least(default.tracks_max, scene.tracks()),
        subscriptions_max: at_least(default.subscriptions_max, scene.copies()),
        ..default
    }
}

fn shape_of(sealed: &[u8], published_bytes: usize) -> Option<SealedShape> {
    let header_len = usize::from(RtpHeader::parse_sealed(sealed).ok()?.payload_offset);
    let plain_len = sealed.len().checked_sub(PROFILE.rtp_overhead())?;
    Some(SealedShape { header: sealed[..header_len].to_vec(), header_growth: plain_len as isize - published_bytes as isize })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Media, VIDEO_BYTES};

    #[test]
    fn each_packet_leaves_once_for_each_subscriber_and_all_are_of_one_shape() {
        let mut call = Call::connect(Scene::livestream(3));
        let growth = call.shape().expect("there are subscribers").header_growth;
        assert!((0..16).contains(&growth), "abs-send-time is added: {growth}");
        let sealed = VIDEO_BYTES + growth as usize + PROFILE.rtp_overhead();
        for run in [1, 4, 20] {
            let mut batch = call.seal_turns(40 / run, run);
            let before = call.counted();
            let sent = call.forward_batch(&mut batch, run);
            assert_eq!(call.counted(), (before.0 + 40, before.1 + 120));
            assert_eq!(sent, 120 * sealed as u64);
            call.pause();
        }
    }

    #[test]
    fn rooms_and_publishers_multiply() {
        let scene = Scene { rooms: 3, publishers: 2, subscribers: 4, media: Media::Audio };
        let mut call = Call::connect(scene);
        let mut batch = call.seal_turns(2, 5);
        assert_eq!(batch.len(), 2 * 5 * scene.tracks());
        let before = call.counted();
        call.forward_batch(&mut batch, 5 * scene.tracks());
        assert_eq!(call.counted(), (before.0 + 60, before.1 + 10 * scene.copies() as u64));
    }

    #[test]
    fn a_call_outlives_the_time_in_which_consent_expires() {
        let mut call = Call::connect(Scene::livestream(1));
        for _ in 0..4_000 {
            call.pause();
        }
        let (_, before) = call.counted();
        let mut batch = call.seal_turns(1, 1);
        call.forward_batch(&mut batch, 1);
        assert_eq!(call.counted().1, before + 1);
    }
}
