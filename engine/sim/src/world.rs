//! One core, its peers and the network between them, driven in the order of simulated time.

use crate::media::Source;
use crate::network::{Faults, Network};
use crate::peer::{Peer, PeerSetup};
use crate::received::Received;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use corelay_core::control::{Cname, Command, DtlsRole, Event, Refusal, RemoteDtls, Reply, SubscriptionParameters, TransportState};
use corelay_core::datagram::Datagram;
use corelay_core::drop_reason::DropReason;
use corelay_core::limits::Limits;
use corelay_core::transport::{Certificate, DtlsSetup, DtlsVersions, ufrag};
use corelay_core::{Core, CoreConfig};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{Extension, ExtensionMap, PayloadFormat, PayloadFormats};
use corelay_wire::units::{Instant, Mid, NtpTimestamp, PayloadType, Ssrc};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// A peer of the world, in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerId(pub usize);

/// FNV-1a: the trace only has to tell two runs apart.
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// See the module.
#[derive(Debug)]
pub struct World {
    /// What is tested.
    pub core: Core,
    /// In the order of joining.
    pub peers: Vec<Peer>,
    /// What both directions of every link do.
    pub faults: Faults,
    /// What the core told, with the time.
    pub events: Vec<(Instant, Event)>,
    now: Instant,
    network: Network,
    random: ChaCha12Rng,
    certificate: Certificate,
    peer_dtls: DtlsSetup,
    room: RoomId,
    ids: u64,
    trace: u64,
}

/// Where the core is.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)), 10_000);

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
        let config = CoreConfig { shard: ShardId(3), dtls_versions: DtlsVersions::V12, limits };
        let wall_origin = NtpTimestamp(3_900_000_000 << 32);
        let dtls = |certificate: &Certificate| choose(DtlsSetup::new(certificate.clone(), DtlsVersions::V12, origin));
        let mut core = Core::with_dtls(config, entropy(), wall_origin, dtls(&certificate));
        let room = RoomId(1);
        core.handle_command(Instant::ZERO, Command::OpenRoom { room });
        Self {
            core,
            peers: Vec::new(),
            faults: Faults::default(),
            events: Vec::new(),
            now: Instant::ZERO,
            network: Network::new(entropy()),
            peer_dtls: dtls(&peer_certificate),
            certificate,
            room,
            ids: 100,
            trace: 0xCBF2_9CE4_8422_2325,
            random,
        }
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
        self.room = RoomId(self.id());
        self.command(Command::OpenRoom { room: self.room });
        self.room
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
        let from = self.events.len();
        self.core.handle_command(self.now, command);
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
        let n = self.peers.len();
        let (participant, transport) = (ParticipantId(self.id()), TransportId(self.id()));
        let cname = Cname::from(&format!("cname-{n}")).expect("short");
        self.command(Command::Join { room: self.room, participant, cname });
        let request = RequestId(self.id());
        let reply = self.command(Command::OpenTransport { request, participant, transport });
        let Some(Ok(Reply::Transport { ice })) = reply else { panic!("a transport opens: {reply:?}") };
        let remote = Box::new(self.remote_dtls(DtlsRole::Client, self.peer_dtls.certificate().fingerprint()));
        let request = RequestId(self.id());
        let reply = self.command(Command::ConnectTransport { request, transport, remote });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        let own = ufrag::credentials(ShardId(999), n as u32, 0, &mut self.random);
        let setup = PeerSetup {
            participant,
            transport,
            address: SocketAddr::from(([10, 0, 1, n as u8], 5_000 + n as u16)),
            server: SERVER,
            own,
            remote: ice,
            dtls: self.peer_dtls.clone(),
            remote_dtls: self.remote_dtls(DtlsRole::Server, self.certificate.fingerprint()),
            // Each machine has a wall clock of its own, minutes and hours off.
            wall_origin: NtpTimestamp((3_900_000_000 + self.random.next_u64() % 10_000) << 32 | 0x1234_5678),
        };
        self.peers.push(Peer::new(self.now, setup));
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
        let reply = self.command(Command::Publish { request, transport, track, parameters, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.peers[peer.0].sources.push(source);
        track
    }

    /// A peer subscribes to the track that carries the source with this tag.
    pub fn subscribe(&mut self, peer: PeerId, track: TrackId, tag: u32) -> SubscriptionId {
        let codec = self.peers.iter().flat_map(|p| &p.sources).find(|s| s.tag == tag).expect("published").codec;
        let (request, subscription) = (RequestId(self.id()), SubscriptionId(self.id()));
        let mut extensions = ExtensionMap::default();
        for (extension, id) in [(Extension::Mid, 9), (Extension::AudioLevel, 2), (Extension::AbsSendTime, 5)] {
            extensions.insert(extension, id);
        }
        let format = PayloadFormat { codec, payload_type: PayloadType(100 + codec as u8), rtx: None, feedback: Default::default() };
        let parameters = SubscriptionParameters {
            ssrc: Ssrc(self.random.next_u32()),
            rtx_ssrc: None,
            mid: Mid::from(&format!("s{}", subscription.0)).ok(),
            formats: PayloadFormats::from_iter([format]),
            extensions,
        };
        let transport = self.peers[peer.0].transport_id;
        let boxed = Box::new(parameters.clone());
        let reply = self.command(Command::Subscribe { request, transport, track, subscription, parameters: boxed, paused: false });
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        self.peers[peer.0].received.push(Received::new(subscription, parameters, codec, tag));
        subscription
    }

    /// A peer leaves; its machine goes silent.
    pub fn leave(&mut self, peer: PeerId) {
        self.peers[peer.0].asleep = true;
        self.command(Command::Leave { participant: self.peers[peer.0].participant });
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
        while let Some(next) = self.next().filter(|next| *next <= end) {
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
        let core = self.core.poll_timeout().map(|(at, _)| at);
        peers.chain(core).chain(self.network.next()).min()
    }

    fn step(&mut self) {
        self.core.handle_timeout(self.now);
        while let Some(mut flight) = self.network.arrive(self.now) {
            if flight.destination == SERVER {
                let datagram = Datagram { source: flight.source, local: SERVER.ip(), received: self.now, bytes: &mut flight.bytes };
                self.core.handle_datagram(self.now, datagram);
            } else if let Some(peer) = self.peers.iter_mut().find(|p| p.address == flight.destination && !p.asleep) {
                // The length of a signature differs from key to key.
                if classify(&flight.bytes) != Some(Protocol::Dtls) {
                    self.trace = digest(self.trace, &[self.now.as_nanos(), flight.bytes.len() as u64]);
                }
                peer.receive(self.now, &mut flight.bytes);
                Self::send_all(&mut self.network, self.now, peer.address, peer.flush(), &self.faults);
            }
        }
        for peer in self.peers.iter_mut().filter(|p| !p.asleep) {
            let packets = peer.work(self.now);
            Self::send_all(&mut self.network, self.now, peer.address, packets, &self.faults);
        }
        self.drain();
    }

    fn send_all(network: &mut Network, now: Instant, source: SocketAddr, packets: Vec<Vec<u8>>, faults: &Faults) {
        for packet in packets {
            network.send(now, source, SERVER, &packet, faults);
        }
    }

    /// Ends the core's turn: sends what it has to send and reads what it has to tell.
    fn drain(&mut self) {
        while let Some(outbox) = self.core.poll_transmit(self.now) {
            for run in outbox.runs() {
                for packet in run.packets() {
                    self.network.send(self.now, SERVER, run.path.remote, packet, &self.faults);
                }
            }
        }
        while let Some(event) = self.core.poll_event() {
            self.trace = digest(self.trace, &[self.now.as_nanos(), 1]);
            self.events.push((self.now, event));
        }
    }
}

fn digest(trace: u64, values: &[u64]) -> u64 {
    values.iter().fold(trace, |t, v| (t ^ v).wrapping_mul(FNV_PRIME))
}
