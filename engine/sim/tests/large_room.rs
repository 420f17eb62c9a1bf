//! A burst for a large room takes many hand-overs. Between any two of them the owner may begin a turn: what comes in meanwhile is served
//! in the next hand-over, whoever else has packets waits for a part of the burst only, and the burst loses neither packets nor order.

use core::time::Duration;
use corelay_core::control::{Command, Event};
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_sim::prearranged::aead_128;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World};
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::ids::{ParticipantId, RequestId, TransportId};
use corelay_wire::media::Codec;
use corelay_wire::units::Instant;

const VIDEO: u32 = 11;
const AUDIO: u32 = 12;
const PACKETS_PER_FRAME: u32 = 40;
/// More than the peers' machines take between two checks.
const CHECKS_EVERY: Duration = Duration::from_secs(3);
const TURN: Duration = Duration::from_millis(1);

/// A room with one camera and many viewers, in which one more speaks to one other.
struct Room {
    world: World,
    now: Instant,
    viewers: Vec<PeerId>,
    speaker: PeerId,
    listener: PeerId,
    /// Its machine does nothing before it is worked by hand.
    late: PeerId,
}

/// What one hand-over held.
#[derive(Default)]
struct Sent {
    runs: usize,
    stun: usize,
    rtcp: usize,
}

impl Room {
    fn new(viewers: usize, limits: Limits) -> Self {
        let limits = Limits { transports_max: 256, tracks_max: 16, subscriptions_max: 512, outbox_bytes: 131_072, ..limits };
        let mut world = World::with_dtls(1, limits, aead_128);
        let publisher = world.join();
        let viewers: Vec<_> = (0..viewers).map(|_| world.join()).collect();
        let (speaker, listener) = (world.join(), world.join());
        let mut camera = Source::new(Codec::Vp8, VIDEO);
        camera.packets_per_frame = PACKETS_PER_FRAME;
        let (video, audio) = (world.publish(publisher, camera), world.publish(speaker, Source::new(Codec::Opus, AUDIO)));
        viewers.iter().for_each(|viewer| _ = world.subscribe(*viewer, video, VIDEO));
        world.subscribe(listener, audio, AUDIO);
        world.run_until_connected(Duration::from_secs(5));
        world.run(Duration::from_secs(1));
        // Nothing is in flight: from here on, datagrams are handed over by hand.
        let hush = |world: &mut World, silent| world.peers.iter_mut().flat_map(|p| &mut p.sources).for_each(|s| s.silent = silent);
        hush(&mut world, true);
        world.run(Duration::from_secs(1));
        hush(&mut world, false);
        let late = world.join();
        world.peer(late).asleep = true;
        let now = world.now();
        Self { world, now, viewers, speaker, listener, late }
    }

    /// Takes in what a peer has to say; tells how many checks were among it.
    fn hear(&mut self, peer: PeerId) -> usize {
        let (source, now) = (self.world.peer(peer).address, self.now);
        let said = self.world.peer(peer).work(now);
        let checks = said.iter().filter(|bytes| classify(bytes) == Some(Protocol::Stun)).count();
        self.take_in(source, said);
        checks
    }

    fn take_in(&mut self, source: core::net::SocketAddr, said: Vec<Vec<u8>>) {
        for mut bytes in said {
            let datagram = Datagram { source, local: SERVER.ip(), received: self.now, bytes: &mut bytes };
            self.world.core.handle_datagram(self.now, datagram);
        }
    }

    /// Lets time pass in which the camera shows nothing, and what its machine says is lost.
    fn rest(&mut self, time: Duration) {
        self.now = self.now + time;
        self.world.peers[0].sources[0].silent = true;
        self.world.peers[0].work(self.now);
        self.world.peers[0].sources[0].silent = false;
    }

    /// The camera's packets of a while, all at once.
    fn burst(&mut self, frames: u32) {
        let said: Vec<_> = (0..frames)
            .flat_map(|_| {
                self.now = self.now + Duration::from_millis(40);
                self.world.peers[0].work(self.now)
            })
            .collect();
        self.take_in(self.world.peers[0].address, said);
    }

    /// Sends one hand-over.
    fn hand_over(&mut self) -> Sent {
        let Self { world, now, .. } = self;
        let mut sent = Sent::default();
        let Some(outbox) = world.core.poll_transmit(*now) else { return sent };
        for run in outbox.runs() {
            sent.runs += 1;
            let peer = world.peers.iter_mut().find(|p| p.address == run.path.remote).expect("a peer");
            for packet in run.packets() {
                sent.stun += usize::from(classify(packet) == Some(Protocol::Stun));
                sent.rtcp += usize::from(classify(packet) == Some(Protocol::Rtcp));
                peer.receive(*now, &mut packet.to_vec());
            }
        }
        sent
    }

    /// A turn that takes in nothing but time, and sends one hand-over.
    fn turn(&mut self) -> Sent {
        self.now = self.now + TURN;
        self.world.core.handle_timeout(self.now);
        self.hand_over()
    }

    fn is_behind(&self) -> bool {
        self.world.core.has_more_to_send()
    }

    fn assert_whole(&self, peers: &[PeerId], tag: u32) {
        for peer in peers {
            let stream = self.world.received(*peer, tag);
            assert_eq!(stream.gaps(), 0);
            stream.assert_no_repeats();
            assert!(stream.arrivals.is_sorted_by_key(|a| a.sequence), "{peer:?} got packets in another order");
        }
    }
}

#[test]
fn a_turn_in_the_middle_of_a_burst_serves_all_else_at_once() {
    let mut room = Room::new(150, Limits { history_packets: 1_024, history_bytes: 1 << 20, ..Limits::default() });
    let before = room.world.core.counters().clone();
    room.burst(12);
    assert_eq!(room.world.core.backlog(), 480);
    for _ in 0..3 {
        assert!(room.turn().runs > 0 && room.is_behind());
    }

    // Datagrams and timers: checks are answered, a keyframe request is passed on and reports leave with the next hand-over.
    room.rest(CHECKS_EVERY);
    let viewer = room.viewers[149];
    room.world.peer(viewer).want_keyframe(VIDEO);
    let asked = room.world.peers[0].sources[0].keyframe_requests;
    let checks: usize = room.viewers.clone().into_iter().map(|viewer| room.hear(viewer)).sum();
    let sent = room.turn();
    assert!(checks > 100 && sent.rtcp > 100, "{checks} checks, {} of RTCP", sent.rtcp);
    assert_eq!((sent.stun, room.world.peers[0].sources[0].keyframe_requests), (checks, asked + 1));

    // A command.
    let (request, participant, transport) =
        (RequestId(1), ParticipantId(room.world.peer(viewer).participant.0), TransportId(9_999));
    room.world.core.handle_command(room.now, Command::OpenTransport { request, participant, transport, ice: None });
    assert!(std::iter::from_fn(|| room.world.core.poll_event()).any(|event| matches!(event, Event::Reply { .. })));

    // More media and a handshake, until the burst is sent.
    room.burst(1);
    let (mut turns, mut connected_after, mut backlogs) = (0, None, vec![room.world.core.backlog()]);
    while room.is_behind() {
        room.hear(room.late);
        room.turn();
        turns += 1;
        if room.world.peer(room.late).connected && connected_after.is_none() {
            connected_after = Some(turns);
        }
        backlogs.push(room.world.core.backlog());
    }
    assert!(turns > 200, "{turns}");
    assert!(connected_after.is_some_and(|after| after <= 60), "connected after {connected_after:?} turns of {turns}");
    assert!(backlogs.is_sorted_by(|a, b| a >= b) && backlogs.contains(&84), "the burst was cut into walks: {backlogs:?}");
    room.assert_whole(&room.viewers, VIDEO);
    let after = room.world.core.counters();
    assert_eq!(after.packets_out - before.packets_out, 150 * 13 * u64::from(PACKETS_PER_FRAME));
    assert!(after.drops.iter().eq(before.drops.iter()), "{:?}", after.drops);
}

#[test]
fn who_speaks_in_the_middle_of_a_burst_waits_for_a_part_of_it_only() {
    let mut room = Room::new(20, Limits { history_packets: 4_096, history_bytes: 4 << 20, ..Limits::default() });
    room.burst(50);
    room.turn();
    assert!(room.hear(room.speaker) < 2 && room.world.core.backlog() > 2_000);
    let had = room.world.received(room.listener, AUDIO).arrivals.len();
    let (mut turns, mut heard_after) = (0, None);
    while room.is_behind() {
        room.turn();
        turns += 1;
        if room.world.received(room.listener, AUDIO).arrivals.len() > had && heard_after.is_none() {
            heard_after = Some(turns);
        }
    }
    assert!(heard_after.is_some_and(|after| 5 * after < 4 * turns), "heard after {heard_after:?} turns of {turns}");
    room.assert_whole(&room.viewers, VIDEO);
    room.assert_whole(&[room.listener], AUDIO);
}
