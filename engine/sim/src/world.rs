//! A node of one core or several, its peers and the network between them, driven in the order of simulated time.

mod calls;
mod spread;

use crate::media::Source;
use crate::network::{Direction, Faults, Network, Wait, Way};
use crate::peer::{Peer, PeerSetup};
use crate::received::Received;
pub use crate::shards::SERVER;
use crate::shards::Shards;
pub use calls::Reception;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::Core;
use corelay_core::control::{Cname, Command, DtlsRole, Event, Refusal, RemoteDtls, Reply, SubscriptionParameters, TransportState};
use corelay_core::datagram::Datagram;
use corelay_core::drop_reason::DropReason;
use corelay_core::limits::Limits;
use corelay_core::transport::{Certificate, DtlsSetup, DtlsVersions, ufrag};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{Codec, Extension, ExtensionMap, PayloadFormat};
use corelay_wire::units::{Instant, Mid, NtpTimestamp, PayloadType, Ssrc};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::BTreeMap;

/// A peer of the world, in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerId(pub usize);

/// Steps without time: more is somebody who asks for the present again and again.
const STEPS_MAX: u32 = 10_000;
/// FNV-1a: the trace only has to tell two runs apart.
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// See the module.
#[derive(Debug)]
pub struct World {
    /// What is tested: the core of the first shard, and in most worlds the only one.
    pub core: Core,
    /// The other shards, and who is where.
    pub shards: Shards,
    /// In the order of joining.
    pub peers: Vec<Peer>,
    /// What both directions of every link do.
    pub faults: Faults,
    /// Links that are otherwise, by peer and direction.
    pub ways: BTreeMap<(usize, Direction), Way>,
    /// What the core told, with the time.
    pub events: Vec<(Instant, Event)>,
    /// All that the core sends, as it leaves and before a link loses it: where to, and the bytes. Kept only where a test asks for
    /// it.
    pub sent: Option<Vec<(SocketAddr, Vec<u8>)>>,
    /// RTCP of peers that came to the server and is not given to it: for who wants to give it by hand.
    pub withheld: Option<Vec<(SocketAddr, Vec<u8>)>>,
    now: Instant,
    /// All that is on the way.
    pub network: Network,
    random: ChaCha12Rng,
    certificate: Certificate,
    peer_dtls: DtlsSetup,
    room: RoomId,
    ids: u64,
    trace: u64,
}

impl World {
    /// A world with one empty room.
    pub fn new(seed: u64) -> Self {
        Self::with_limits(seed, Limits { transports_max: 64, tracks_max: 128, subscriptions_max: 512, ..Limits::default() })
    }

    /// The same with limits of choice.
    pub fn with_limits(seed: u64, limits: Limits) -> Self {
        Self::with_dtls(seed, limits, |setup| setup)
    }

    /// The same with DTLS of choice on both sides; see [`crate::prearranged`].
    pub fn with_dtls(seed: u64, limits: Limits, choose: fn(DtlsSetup) -> DtlsSetup) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let mut entropy = || {
            let mut bytes = [0; 32];
            random.fill_bytes(&mut bytes);
            bytes
        };
        let origin = std::time::Instant::now();
        let certificate = Certificate::generate().expect("the provider makes certificates");
        let peer_certificate = Certificate::generate().expect("the provider makes certificates");
        let dtls = |certificate: &Certificate| choose(DtlsSetup::new(certificate.clone(), DtlsVersions::V12, origin));
        let (core, shards) = Shards::new(limits, dtls(&certificate), &mut entropy);
        let room = RoomId(1);
        let mut world = Self {
            core,
            shards,
            peers: Vec::new(),
            faults: Faults::default(),
            ways: BTreeMap::new(),
            events: Vec::new(),
            sent: None,
            withheld: None,
            now: Instant::ZERO,
            network: Network::new(entropy()),
            peer_dtls: dtls(&peer_certificate),
            certificate,
            room,
            ids: 100,
            trace: 0xCBF2_9CE4_8422_2325,
            random,
        };
        world.cores_mut().for_each(|core| core.handle_command(Instant::ZERO, Command::OpenRoom { room }));
        world
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A digest of everything that peers received and the core told, keys left out.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// The room that peers join: the one that was opened last.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// Opens another room, which later peers join.
    pub fn open_room(&mut self) -> RoomId {
        let (room, now) = (RoomId(self.id()), self.now);
        self.cores_mut().for_each(|core| core.handle_command(now, Command::OpenRoom { room }));
        self.room = room;
        room
    }

    /// Drops of one reason so far.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.core.counters().drops.total(reason)
    }

    /// One peer.
    pub fn peer(&mut self, id: PeerId) -> &mut Peer {
        &mut self.peers[id.0]
    }

    /// What a peer received of the source with this tag.
    pub fn received(&self, id: PeerId, tag: u32) -> &Received {
        self.peers[id.0].of(tag)
    }

    /// Gives a command and the answer to it, where it has a request.
    pub fn command(&mut self, command: Command) -> Option<Result<Reply, Refusal>> {
        self.command_to(0, command)
    }

    /// The same for another shard.
    pub fn command_to(&mut self, shard: usize, command: Command) -> Option<Result<Reply, Refusal>> {
        let (from, now) = (self.events.len(), self.now);
        self.core_of(shard).handle_command(now, command);
        self.drain();
        self.events[from..].iter().find_map(|(_, event)| match event {
            Event::Reply { result, .. } => Some(result.clone()),
            _ => None,
        })
    }

    /// A new id of any kind.
    pub fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// A peer joins the room; its checks and its handshake begin at the next step.
    pub fn join(&mut self) -> PeerId {
        self.join_on(0)
    }

    /// The same on a shard of choice.
    pub fn join_on(&mut self, shard: usize) -> PeerId {
        let n = self.peers.len();
        let (participant, transport) = (ParticipantId(self.id()), TransportId(self.id()));
        let cname = Cname::from(&format!("cname-{n}")).expect("short");
        self.command_to(shard, Command::Join { room: self.room, participant, cname });
        let request = RequestId(self.id());
        let reply = self.command_to(shard, Command::OpenTransport { request, participant, transport, ice: None });
        let Some(Ok(Reply::Transport { ice })) = reply else { panic!("a transport opens: {reply:?}") };
        let remote = Box::new(self.remote_dtls(DtlsRole::Client, self.peer_dtls.certificate().fingerprint()));
        self.command_to(shard, Command::ConnectTransport { transport, remote });
        let own = ufrag::credentials(ShardId(999), TransportId(n as u64), &mut self.random);
        let setup = PeerSetup {
            participant,
            transport,
            address: SocketAddr::from(([10, 0, 1, n as u8], 5_000 + n as u16)),
            server: Shards::address(shard),
            own,
            remote: ice,
            dtls: self.peer_dtls.clone(),
            remote_dtls: self.remote_dtls(DtlsRole::Server, self.certificate.fingerprint()),
            // Each machine has a wall clock of its own, minutes and hours off.
            wall_origin: NtpTimestamp((3_900_000_000 + self.random.next_u64() % 10_000) << 32 | 0x1234_5678),
            seed: self.random.next_u64(),
        };
        self.peers.push(Peer::new(self.now, setup));
        self.shards.joined(shard);
        PeerId(n)
    }

    /// DTLS parameters with one fingerprint.
    pub fn remote_dtls(&self, role: DtlsRole, fingerprint: corelay_core::control::Fingerprint) -> RemoteDtls {
        RemoteDtls { role, fingerprints: [fingerprint].into_iter().collect() }
    }

    /// A peer publishes a source.
    pub fn publish(&mut self, peer: PeerId, source: Source) -> TrackId {
        let (request, track) = (RequestId(self.id()), TrackId(self.id()));
        let (transport, parameters) = (self.peers[peer.0].transport_id, Box::new(source.parameters()));
        let shard = self.shards.home(peer.0);
        let reply = self.command_to(shard, Command::Publish { request, transport, track, parameters, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.shards.published(track, peer.0, source.parameters());
        self.peers[peer.0].sources.push(source);
        track
    }

    /// A peer subscribes to the track that carries the source with this tag.
    pub fn subscribe(&mut self, peer: PeerId, track: TrackId, tag: u32) -> SubscriptionId {
        let codec = self.peers.iter().flat_map(|p| &p.sources).find(|s| s.tag == tag).expect("published").codec;
        self.subscribe_as(peer, track, tag, codec)
    }

    /// The same as one that understands this codec: Opus of a track with redundant audio, say.
    pub fn subscribe_as(&mut self, peer: PeerId, track: TrackId, tag: u32, codec: Codec) -> SubscriptionId {
        let (request, subscription) = (RequestId(self.id()), SubscriptionId(self.id()));
        let mut extensions = ExtensionMap::default();
        for (extension, id) in [(Extension::Mid, 9), (Extension::AudioLevel, 2), (Extension::AbsSendTime, 5)] {
            extensions.insert(extension, id);
        }
        let format =
            |codec| PayloadFormat { codec, payload_type: PayloadType(100 + codec as u8), rtx: None, feedback: Default::default() };
        let opus = (codec == Codec::Red).then(|| format(Codec::Opus));
        let parameters = SubscriptionParameters {
            ssrc: Ssrc(self.random.next_u32()),
            rtx_ssrc: None,
            mid: Mid::from(&format!("s{}", subscription.0)).ok(),
            formats: [format(codec)].into_iter().chain(opus).collect(),
            extensions,
            preferences: Default::default(),
        };
        let transport = self.peers[peer.0].transport_id;
        let boxed = Box::new(parameters.clone());
        let shard = self.shards.home(peer.0);
        self.mirror(shard, track);
        let reply = self
            .command_to(shard, Command::Subscribe { request, transport, track, subscription, parameters: boxed, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.peers[peer.0].received.push(Received::new(subscription, parameters, codec, tag));
        subscription
    }

    /// A peer leaves; its machine goes silent.
    pub fn leave(&mut self, peer: PeerId) {
        self.peers[peer.0].asleep = true;
        self.command_to(self.shards.home(peer.0), Command::Leave { participant: self.peers[peer.0].participant });
    }

    /// Sends a datagram to the server as if from `source`.
    pub fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.core.handle_datagram(self.now, Datagram { source, local: SERVER.ip(), received: self.now, bytes: &mut bytes });
        self.drain();
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut idle = 0;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            idle = if next > self.now { 0 } else { idle + 1 };
            assert!(idle < STEPS_MAX, "time stands still: a core wants {:?} again and again", self.core.poll_timeout());
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until all peers are connected, for at most `most`.
    pub fn run_until_connected(&mut self, most: Duration) {
        let end = self.now + most;
        while !self.peers.iter().all(|p| p.connected || p.asleep) {
            assert!(self.now < end, "not connected after {most:?}");
            self.run(Duration::from_millis(10));
        }
    }

    /// How long packets to a peer waited before its bottleneck.
    pub fn waits(&self, peer: PeerId) -> &[Wait] {
        let (from, to) = (Shards::address(self.shards.home(peer.0)), self.peers[peer.0].address);
        self.ways.get(&(peer.0, Direction::Down)).map_or(&[], |way| self.network.waits(from, to, way))
    }

    /// States that a peer's transport went through.
    pub fn states(&self, peer: PeerId) -> Vec<TransportState> {
        let id = self.peers[peer.0].transport_id;
        let state = |(_, event): &(Instant, Event)| match event {
            Event::TransportState { transport, state } if *transport == id => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }

    fn next(&self) -> Option<Instant> {
        let peers = self.peers.iter().filter(|p| !p.asleep).map(Peer::next);
        let cores = self.cores().filter_map(Core::poll_timeout).map(|(at, _)| at);
        peers.chain(cores).chain(self.network.next()).chain(self.shards.rings.next()).min()
    }

    fn step(&mut self) {
        let now = self.now;
        self.cores_mut().for_each(|core| core.handle_timeout(now));
        while let Some(told) = self.shards.rings.arrive(now) {
            self.core_of(told.to.0.into()).handle_relay(now, told.from, &told.bytes);
        }
        while let Some(mut flight) = self.network.arrive(now) {
            if let Some(withheld) = self.withheld.as_mut().filter(|_| classify(&flight.bytes) == Some(Protocol::Rtcp))
                && self.shards.at(flight.destination).is_some()
            {
                withheld.push((flight.source, flight.bytes));
            } else if let Some(shard) = self.shards.at(flight.destination) {
                let local = flight.destination.ip();
                let datagram = Datagram { source: flight.source, local, received: now, bytes: &mut flight.bytes };
                self.core_of(shard).handle_datagram(now, datagram);
            } else if let Some(at) = self.peers.iter().position(|p| p.address == flight.destination && !p.asleep) {
                // The length of a signature differs from key to key.
                if classify(&flight.bytes) != Some(Protocol::Dtls) {
                    self.trace = digest(self.trace, &[now.as_nanos(), flight.bytes.len() as u64]);
                }
                self.peers[at].receive(now, &mut flight.bytes);
                let packets = self.peers[at].flush();
                self.send_all(PeerId(at), packets);
            }
        }
        for at in 0..self.peers.len() {
            if !self.peers[at].asleep {
                let packets = self.peers[at].work(now);
                self.send_all(PeerId(at), packets);
            }
        }
        self.drain();
    }

    fn send_all(&mut self, peer: PeerId, packets: Vec<Vec<u8>>) {
        let server = Shards::address(self.shards.home(peer.0));
        let (address, way) = (self.peers[peer.0].address, self.ways.get(&(peer.0, Direction::Up)));
        for packet in packets {
            match way {
                Some(way) => self.network.send_by(self.now, address, server, &packet, way),
                None => self.network.send(self.now, address, server, &packet, &self.faults),
            }
        }
    }

    /// Ends the cores' turns: sends what they have to send and reads what they have to tell.
    fn drain(&mut self) {
        self.relay();
        for shard in 0..self.cores().count() {
            self.drain_core(shard);
        }
        self.relay();
    }

    fn drain_core(&mut self, shard: usize) {
        let Self { core, shards, network, now, faults, trace, events, sent, ways, peers, .. } = self;
        let core = shards.pick(core, shard);
        while let Some(outbox) = core.poll_transmit(*now) {
            for run in outbox.runs() {
                let (from, to) = (Shards::address(shard), run.path.remote);
                let peer = if ways.is_empty() { None } else { peers.iter().position(|p| p.address == to) };
                let way = peer.and_then(|peer| ways.get(&(peer, Direction::Down)));
                for packet in run.packets() {
                    if let Some(sent) = sent {
                        sent.push((to, packet.to_vec()));
                    }
                    match way {
                        Some(way) => network.send_by(*now, from, to, packet, way),
                        None => network.send(*now, from, to, packet, faults),
                    }
                }
            }
        }
        while let Some(event) = core.poll_event() {
            *trace = digest(*trace, &[now.as_nanos(), 1]);
            events.push((*now, event));
        }
    }
}

fn digest(trace: u64, values: &[u64]) -> u64 {
    values.iter().fold(trace, |t, v| (t ^ v).wrapping_mul(FNV_PRIME))
}
