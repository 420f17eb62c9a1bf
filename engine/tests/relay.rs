//! A call over two shards of a running node: real threads, sockets and rings, and peers of the simulator at the other end.

#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "common/nodes.rs"]
mod nodes;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use corelay_core::transport::{Certificate, DtlsSetup, DtlsVersions};
use corelay_engine::control::{
    Cname, Command, DtlsRole, Event, Fingerprint, IceCredentials, RemoteDtls, Reply, SubscriptionParameters,
};
use corelay_sim::Source;
use corelay_sim::peer::{Peer, PeerSetup};
use corelay_sim::received::Received;
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, SubscriptionId, TrackId, TransportId};
use corelay_wire::media::{Codec, Extension, ExtensionMap, PayloadFormat, PayloadFormats};
use corelay_wire::units::{Instant, Mid, NtpTimestamp, PayloadType, Ssrc};
use nodes::{PATIENCE, TestNode, backends, start};

const ROOM: RoomId = RoomId(1);
const TAG: u32 = 11;

/// A peer behind a socket of its own. Participant, transport and request have its number.
struct Client {
    peer: Peer,
    socket: UdpSocket,
    server: SocketAddr,
}

/// A node with a room on both of its shards, and who is in it.
struct Call {
    node: TestNode,
    clients: Vec<Client>,
    origin: std::time::Instant,
    dtls: DtlsSetup,
    requests: u64,
}

impl Call {
    fn new(node: TestNode) -> Self {
        let origin = std::time::Instant::now();
        let certificate = Certificate::generate().expect("the provider makes certificates");
        let dtls = DtlsSetup::new(certificate, DtlsVersions::V12, origin);
        (0..2).for_each(|shard| node.send(shard, Command::OpenRoom { room: ROOM }));
        Self { node, clients: Vec::new(), origin, dtls, requests: 0 }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// Sends the command that `make` makes of a request, and waits for its answer.
    fn ask(&mut self, shard: u16, make: impl FnOnce(RequestId) -> Command) -> Reply {
        self.requests += 1;
        self.node.send(shard, make(RequestId(self.requests)));
        self.node.answer(shard, self.requests).expect("it is carried out")
    }

    /// Somebody joins on `shard`. Gives the place among the clients.
    fn join(&mut self, shard: u16) -> usize {
        let at = self.clients.len();
        let (participant, transport) = (ParticipantId(at as u64 + 1), TransportId(at as u64 + 1));
        self.node.send(shard, Command::Join { room: ROOM, participant, cname: cname() });
        let reply = self.ask(shard, |request| Command::OpenTransport { request, participant, transport, ice: None });
        let Reply::Transport { ice } = reply else { panic!("no credentials: {reply:?}") };
        let remote = Box::new(remote(DtlsRole::Client, self.dtls.certificate().fingerprint()));
        self.node.send(shard, Command::ConnectTransport { transport, remote });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("not zero");
        let (address, server) = (socket.local_addr().expect("bound"), self.node.address(shard));
        let setup = PeerSetup {
            participant,
            transport,
            address,
            server,
            own: IceCredentials {
                ufrag: format!("peer{at}").as_str().try_into().expect("short"),
                password: "a-password-of-22-chars".try_into().expect("short"),
            },
            remote: ice,
            dtls: self.dtls.clone(),
            remote_dtls: remote_of(&self.node),
            wall_origin: NtpTimestamp(3_900_000_000 << 32),
            seed: at as u64,
        };
        self.clients.push(Client { peer: Peer::new(self.now(), setup), socket, server });
        at
    }

    /// The client publishes a video.
    fn publish(&mut self, shard: u16, client: usize, track: TrackId) {
        let source = Source::new(Codec::Vp8, TAG);
        let (transport, parameters) = (self.clients[client].peer.transport_id, Box::new(source.parameters()));
        self.ask(shard, |request| Command::Publish { request, transport, track, parameters, paused: false });
        self.clients[client].peer.sources.push(source);
    }

    /// The client, on the second shard, subscribes to a video that is published on the first.
    fn subscribe_across(&mut self, client: usize, track: TrackId) {
        let parameters = Box::new(Source::new(Codec::Vp8, TAG).parameters());
        self.ask(1, |request| Command::Mirror {
            request,
            room: ROOM,
            track,
            source: ShardId(0),
            cname: cname(),
            parameters,
            paused: false,
        });
        let (transport, subscription) = (self.clients[client].peer.transport_id, SubscriptionId(client as u64));
        let parameters = subscription_parameters(client as u32);
        let boxed = Box::new(parameters.clone());
        self.ask(1, |request| Command::Subscribe { request, transport, track, subscription, parameters: boxed, paused: false });
        self.clients[client].peer.received.push(Received::new(subscription, parameters, Codec::Vp8, TAG));
    }

    /// Lets the clients do what they do until `is_done`.
    fn run(&mut self, mut is_done: impl FnMut(&[Client]) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !is_done(&self.clients) {
            assert!(std::time::Instant::now() < deadline, "it does not come");
            let now = self.now();
            self.clients.iter_mut().for_each(|client| client.work(now));
        }
    }

    fn arrivals(clients: &[Client], client: usize) -> usize {
        clients[client].peer.received.first().map_or(0, |r| r.arrivals.len())
    }
}

impl Client {
    fn work(&mut self, now: Instant) {
        let mut packets = self.peer.work(now);
        let mut bytes = [0; 2_048];
        while let Ok(len) = self.socket.recv(&mut bytes) {
            self.peer.receive(now, &mut bytes[..len]);
            packets.extend(self.peer.flush());
        }
        for packet in packets {
            self.socket.send_to(&packet, self.server).expect("loopback takes it");
        }
    }
}

fn cname() -> Cname {
    Cname::from("someone").expect("short")
}

fn remote(role: DtlsRole, fingerprint: Fingerprint) -> RemoteDtls {
    RemoteDtls { role, fingerprints: [fingerprint].into_iter().collect() }
}

fn remote_of(node: &TestNode) -> RemoteDtls {
    remote(DtlsRole::Server, node.node.fingerprint().clone())
}

fn subscription_parameters(number: u32) -> SubscriptionParameters {
    let mut extensions = ExtensionMap::default();
    for (extension, id) in [(Extension::Mid, 9), (Extension::AudioLevel, 2), (Extension::AbsSendTime, 5)] {
        extensions.insert(extension, id);
    }
    let format = PayloadFormat { codec: Codec::Vp8, payload_type: PayloadType(100), rtx: None, feedback: Default::default() };
    SubscriptionParameters {
        ssrc: Ssrc(0x5000 + number),
        rtx_ssrc: None,
        mid: Mid::from("s").ok(),
        formats: PayloadFormats::from_iter([format]),
        extensions,
        preferences: Default::default(),
    }
}

#[test]
fn a_video_crosses_to_another_shard_and_again_after_that_one_s_panic() {
    for backend in backends() {
        let mut call = Call::new(start(backend, 2));
        let alice = call.join(0);
        call.publish(0, alice, TrackId(1));
        // Whoever comes after the first picture has to ask for another.
        call.run(|clients| clients[alice].peer.sources[0].sent.0 > 0);
        for life in 0..2 {
            let bob = call.join(1);
            call.subscribe_across(bob, TrackId(1));
            call.run(|clients| Call::arrivals(clients, bob) >= 100);
            let stream = &call.clients[bob].peer.received[0];
            assert!(stream.arrivals[0].keyframe, "what came before the keyframe was not sent");
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            let asked = call.clients[alice].peer.sources[0].keyframe_requests;
            assert!(asked > life, "it was asked for across the shards: {asked}");
            if life == 0 {
                call.node.node.inject_panic(ShardId(1));
                call.node.wait_for(|shard, event| matches!(event, Event::RoomEnded { .. }).then_some(shard));
                call.clients.truncate(1);
                call.node.send(1, Command::OpenRoom { room: ROOM });
            }
        }
        let out = call.node.snapshot(0, |s| s.core.relayed_out >= 200).core.clone();
        // What the first life counted after its last post is lost with it.
        // A histogram does not end with a life.
        let snapshot = call.node.snapshot(1, |s| s.core.relayed_in >= 100 && s.forward_ns.len() >= 200);
        let (into, took) = (snapshot.core.clone(), &snapshot.forward_ns);
        assert!(took.min() > 0 && took.max() < 10_000_000_000, "from {} to {} ns", took.min(), took.max());
        assert!(call.node.snapshot(0, |_| true).forward_ns.is_empty(), "a shard without subscribers forwards nothing");
        assert_eq!((out.mirrors, into.mirrors, into.tracks), (0, 1, 0));
    }
}
