//! One room on two shards against one: CPU time of the busier shard, so that two processors need not be free to see it.
//!
//! ```text
//! one:  publisher -> [ shard: all subscribers ]
//! two:  publisher -> [ home: half of them ] --a message a packet--> [ away: the other half ]
//! ```
//! Cores, back-ends and sockets are as in [`crate::wire_call`]. Between the shards is a plain buffer, into which a packet is copied once and
//! out of which it is read, as with the engine's rings; the wake-up of a shard that sleeps is not here.

use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::publisher::Publisher;
use crate::scene::{Media, PACKETS_PER_PICTURE, Scene};
use crate::section::{Effort, Findings};
use crate::sinks::{Segmentation, Sinks, bind_socket};
use crate::wire_call::{WireCall, transmit};
use core::net::SocketAddr;
use core::time::Duration;
use corelay_core::Core;
use corelay_core::datagram::Datagram;
use corelay_core::limits::Limits;
use corelay_core::relay::Parcel;
use corelay_sim::world::SERVER;
use corelay_sim::{PeerId, Source, World, prearranged};
use corelay_uring::{Backend, Options, Wait, open};
use corelay_wire::units::Instant;
use std::io;

/// Subscribers of the room.
const SUBSCRIBERS: usize = 200;
const RUN: usize = PACKETS_PER_PICTURE;
const TAG: u32 = 1;
const CONNECT_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);
const NO_WAIT: Wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };

/// CPU nanoseconds of one round, for each packet that the publisher sent.
#[derive(Clone, Copy, Debug)]
struct Round {
    one: f64,
    home: f64,
    away: f64,
}

/// Measures both.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let mut one = WireCall::connect(Scene::livestream(SUBSCRIBERS), RUN, Segmentation::Whole, effort.kinds()[0])?;
    let mut two = TwoShards::connect(SUBSCRIBERS, effort)?;
    let mut rounds = Vec::new();
    for _ in 0..effort.rounds() {
        let (mut one_time, mut home, mut away, mut turns) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0);
        while one_time < effort.round_time() {
            one.load(1)?;
            let (time, departures) = clock.measure(|| one.forward(1))?;
            one.settle()?;
            let (at_home, relayed) = two.turn(&clock)?;
            if departures?.packets != RUN * SUBSCRIBERS {
                return Err(io::Error::other("one shard did not forward every packet"));
            }
            (one_time, home, away, turns) = (one_time + time, home + at_home, away + relayed, turns + 1);
        }
        let per_packet = |time: Duration| time.as_nanos() as f64 / (turns * RUN) as f64;
        rounds.push(Round { one: per_packet(one_time), home: per_packet(home), away: per_packet(away) });
    }
    let of = |value: fn(&Round) -> f64| rounds.iter().map(value).collect();
    Ok(vec![
        Figure::new("shards.one.ns", "ns", of(|r| r.one)),
        Figure::new("shards.two.home_ns", "ns", of(|r| r.home)),
        Figure::new("shards.two.away_ns", "ns", of(|r| r.away)),
        Figure::new("shards.two.speedup", "ratio", of(|r| r.one / r.home.max(r.away))),
    ]
    .into())
}

/// A room that is spread evenly.
struct TwoShards {
    world: World,
    publisher: Publisher,
    publishing: PeerId,
    backends: [Box<dyn Backend>; 2],
    camera: std::net::UdpSocket,
    server: SocketAddr,
    sinks: Sinks,
    ring: Vec<u8>,
}

impl TwoShards {
    fn connect(subscribers: usize, effort: &Effort) -> io::Result<Self> {
        let mut world = World::with_dtls(1, Limits { shards: 2, ..Limits::default() }, prearranged::aead_128);
        let publishing = world.join_on(0);
        let peers: Vec<PeerId> = (0..subscribers).map(|n| world.join_on(n % 2)).collect();
        world.run_until_connected(CONNECT_MAX);
        let mut source = Source::new(Media::Video.codec(), TAG);
        source.silent = true;
        let publisher = Publisher::new(&source, Media::Video);
        let track = world.publish(publishing, source);
        peers.iter().for_each(|peer| _ = world.subscribe(*peer, track, TAG));
        let (sinks, sockets) = (Sinks::bind(subscribers, Segmentation::Whole)?, [bind_socket()?, bind_socket()?]);
        let camera = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let (server, camera_at, now) = (sockets[0].local(), camera.local_addr()?, world.now());
        world.peer(publishing).move_to(now, camera_at);
        for (peer, address) in peers.iter().zip(sinks.addresses()) {
            world.peer(*peer).move_to(now, address);
        }
        let [home, away] = sockets.map(|socket| open(effort.kinds()[0], vec![socket], Options::default()));
        let backends = [home?, away?];
        let mut two = Self { world, publisher, publishing, backends, camera, server, sinks, ring: Vec::new() };
        (0..10).for_each(|_| two.world.run(PAUSE));
        two.begin()?;
        Ok(two)
    }

    /// The keyframe, after which every subscription flows; and what is cold gets warm.
    fn begin(&mut self) -> io::Result<()> {
        let clock = CpuClock::of_this_thread()?;
        for _ in 0..3 {
            self.turn(&clock)?;
        }
        Ok(())
    }

    /// One picture, over both shards: the CPU time of each.
    fn turn(&mut self, clock: &CpuClock) -> io::Result<(Duration, Duration)> {
        for _ in 0..RUN {
            let packet = self.publisher.packet();
            let sealed = self.world.peer(self.publishing).seal(&packet).expect("the publisher is connected");
            self.camera.send_to(&sealed, self.server)?;
        }
        let now = self.world.now();
        let Self { world, backends: [home, away], ring, .. } = self;
        ring.clear();
        let ids = world.shards.id(0);
        let (at_home, left) = clock.measure(|| forward(world.core_of(0), now, &mut **home, ring))?;
        let (relayed, arrived) = clock.measure(|| {
            let core = world.core_of(1);
            messages(ring).for_each(|message| core.handle_relay(now, ids, message));
            transmit(core, now, &mut **away)
        })?;
        let (left, arrived) = (left?.packets, arrived?.packets);
        self.world.run(PAUSE);
        let bytes = self.sinks.empty()? as usize;
        let expected = RUN * self.sinks.addresses().len();
        if left + arrived != expected || bytes < expected * 1_000 {
            return Err(io::Error::other(format!(
                "{left} and {arrived} of {expected} packets left two shards, {bytes} bytes arrived"
            )));
        }
        Ok((at_home, relayed))
    }
}

/// A turn of the shard that the publisher is on.
fn forward(core: &mut Core, now: Instant, backend: &mut dyn Backend, ring: &mut Vec<u8>) -> io::Result<corelay_uring::Departures> {
    let mut left = RUN;
    while left > 0 {
        let arrivals = backend.receive(NO_WAIT, &mut |received| {
            core.handle_datagram(
                now,
                Datagram { source: received.source, local: SERVER.ip(), received: now, bytes: received.bytes },
            );
        })?;
        if arrivals.datagrams == 0 {
            return Err(io::Error::other("the publisher's packets did not arrive"));
        }
        left = left.saturating_sub(arrivals.datagrams);
    }
    core.poll_relay(now, |parcel| {
        put(ring, &parcel);
        Ok(())
    });
    transmit(core, now, backend)
}

/// Length, head and body, end to end.
fn put(ring: &mut Vec<u8>, parcel: &Parcel<'_>) {
    let len = (parcel.head.len() + parcel.body.len()) as u32;
    ring.extend_from_slice(&len.to_be_bytes());
    ring.extend_from_slice(parcel.head);
    ring.extend_from_slice(parcel.body);
}

fn messages(mut ring: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = ring.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        ring = rest;
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_reaches_the_subscribers_of_both_shards() {
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        let mut two = TwoShards::connect(6, &Effort::new(true)).expect("sockets open");
        for _ in 0..3 {
            let (home, away) = two.turn(&clock).expect("nothing is lost");
            assert!(home > Duration::ZERO && away > Duration::ZERO);
        }
    }
}
