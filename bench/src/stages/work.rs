//! What is done in each stage: the same at every run.

use super::feedback::{self, Told};
use super::relay::{self, Relay};
use crate::call::{Call, PROFILE, Sealed};
use crate::ceiling::Ceiling;
use crate::comparison::BATCH_PACKETS;
use crate::publisher::Publisher;
use crate::scene::{Media, PACKETS_PER_PICTURE, Scene};
use crate::sinks::{Segmentation, Sinks, bind_socket};
use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use corelay_core::control::DtlsRole;
use corelay_core::limits::Limits;
use corelay_core::timer::{Timer, Wheel};
use corelay_core::transport::srtp::{KeyingMaterial, SrtpSession};
use corelay_sim::Source;
use corelay_uring::{Backend, Kind, Options, Segments, open};
use corelay_wire::demux::classify;
use corelay_wire::units::Instant;
use std::io;

/// Subscribers of the forwarding stages: enough that the receiving is a small part, few enough for callgrind.
const SUBSCRIBERS: usize = 10;
/// Messages of the sending stage: what one system call takes.
const MESSAGES: usize = 64;
/// Timers of the wheel's stage.
const TIMERS: u32 = 1_000;

/// One stage: `prepare`, then `work` once.
pub struct Stage {
    operations: u64,
    kind: Work,
}

enum Work {
    Demux(Vec<Vec<u8>>),
    Open { publisher: Publisher, from: Box<SrtpSession>, to: Box<SrtpSession>, batch: Vec<Vec<u8>> },
    Forward { call: Box<Call>, run: usize, batch: Vec<Sealed> },
    Seal { ceiling: Ceiling, turns: usize },
    Send { backend: Box<dyn Backend>, sinks: Sinks, to: Vec<SocketAddr>, slab: Vec<u8> },
    Relay(Box<Relay>),
    Feedback(Box<Told>),
    Timer { wheel: Box<Wheel>, now: Instant },
}

/// Makes a stage.
type Make = fn() -> io::Result<Stage>;

/// All of them, in the order of the walk.
const STAGES: [(&str, Make); 13] = [
    ("demux", || Ok(Stage::demux())),
    ("open", || Ok(Stage::open())),
    ("receive", || Ok(Stage::forward(Scene::livestream(0), 20))),
    ("forward.run20", || Ok(Stage::forward(audience(Media::Video), 20))),
    ("forward.single", || Ok(Stage::forward(audience(Media::Video), 1))),
    ("forward.frames", || Ok(Stage::forward(audience(Media::Frames), PACKETS_PER_PICTURE))),
    ("forward.audio", || Ok(Stage::forward(audience(Media::Audio), 1))),
    ("seal.video", || Ok(Stage::seal(Media::Video))),
    ("seal.audio", || Ok(Stage::seal(Media::Audio))),
    ("send.message", Stage::send),
    ("relay", || Ok(Stage::relay())),
    ("feedback", || Ok(Stage::feedback())),
    ("timer", || Ok(Stage::timer())),
];

fn audience(media: Media) -> Scene {
    Scene { media, ..Scene::livestream(SUBSCRIBERS) }
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    STAGES.iter().map(|(name, _)| *name)
}

/// The stage with this name.
pub fn named(name: &str) -> io::Result<Stage> {
    let found = STAGES.iter().find(|(known, _)| *known == name);
    found.ok_or_else(|| io::Error::other(format!("there is no stage {name}"))).and_then(|(_, make)| make())
}

impl Stage {
    /// How often `work` does what the stage is named for.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    fn demux() -> Self {
        let mut publisher = Publisher::new(&Source::new(Media::Video.codec(), 1), Media::Video);
        let packets = (0..BATCH_PACKETS).map(|_| publisher.packet().header).collect();
        Self { operations: BATCH_PACKETS as u64, kind: Work::Demux(packets) }
    }

    fn open() -> Self {
        let export: Vec<u8> = (0..PROFILE.keying_material_len()).map(|i| i as u8).collect();
        let material = KeyingMaterial::new(PROFILE, &export).expect("the export has the profile's length");
        let [from, to] = [DtlsRole::Client, DtlsRole::Server].map(|role| Box::new(SrtpSession::new(&material, role)));
        let publisher = Publisher::new(&Source::new(Media::Video.codec(), 1), Media::Video);
        Self { operations: BATCH_PACKETS as u64, kind: Work::Open { publisher, from, to, batch: Vec::new() } }
    }

    /// The whole way through the core. Without subscribers it is the receiving alone.
    fn forward(scene: Scene, run: usize) -> Self {
        let copies = scene.copies().max(1);
        let turns = BATCH_PACKETS / run;
        let call = Box::new(Call::connect(scene));
        Self { operations: (turns * run * copies) as u64, kind: Work::Forward { call, run, batch: Vec::new() } }
    }

    fn seal(media: Media) -> Self {
        let call = Call::connect(audience(media));
        let (ceiling, turns) = (Ceiling::of(&call, 20), BATCH_PACKETS / 20);
        Self { operations: (turns * 20 * SUBSCRIBERS) as u64, kind: Work::Seal { ceiling, turns } }
    }

    /// Messages of one packet each: in time all of it, in instructions only what is done in user space.
    fn send() -> io::Result<Self> {
        let sinks = Sinks::bind(MESSAGES, Segmentation::Whole)?;
        let backend = open(Kind::Epoll, vec![bind_socket()?], Options::default())?;
        let (to, slab) = (sinks.addresses(), vec![7; MESSAGES * 1_216]);
        Ok(Self { operations: MESSAGES as u64, kind: Work::Send { backend, sinks, to, slab } })
    }

    fn relay() -> Self {
        Self { operations: relay::PACKETS as u64, kind: Work::Relay(Box::new(Relay::connect())) }
    }

    /// A message of transport-wide feedback.
    fn feedback() -> Self {
        Self { operations: feedback::MESSAGES as u64, kind: Work::Feedback(Box::new(Told::connect())) }
    }

    /// A timer set, moved and expired.
    fn timer() -> Self {
        let wheel = Box::new(Wheel::new(&Limits::default()));
        Self { operations: u64::from(TIMERS), kind: Work::Timer { wheel, now: Instant::ZERO } }
    }

    /// What is no part of the stage: packets are made, sockets emptied, time passes.
    pub fn prepare(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Work::Demux(_) | Work::Seal { .. } | Work::Timer { .. } => {}
            Work::Open { publisher, from, batch, .. } => {
                *batch = (0..BATCH_PACKETS).map(|_| seal(publisher, from)).collect();
            }
            Work::Forward { call, run, batch } => {
                call.pause();
                *batch = call.seal_turns(BATCH_PACKETS / *run, *run);
            }
            Work::Relay(relay) => relay.prepare(),
            Work::Feedback(told) => told.prepare(),
            Work::Send { sinks, .. } => {
                sinks.empty()?;
            }
        }
        Ok(())
    }

    /// The stage itself.
    pub fn work(&mut self) {
        match &mut self.kind {
            Work::Demux(packets) => packets.iter().for_each(|packet| _ = black_box(classify(packet))),
            Work::Open { to, batch, .. } => batch.iter_mut().for_each(|packet| assert!(to.open_rtp(packet).is_ok(), "it is ours")),
            Work::Forward { call, run, batch } => {
                let turn = *run * call.scene().tracks();
                black_box(call.forward_batch(batch, turn));
            }
            Work::Seal { ceiling, turns } => _ = black_box(ceiling.seal_batch(*turns)),
            Work::Send { backend, to, slab, .. } => send(&mut **backend, to, slab),
            Work::Relay(relay) => relay.work(),
            Work::Feedback(told) => told.work(),
            Work::Timer { wheel, now } => turn_wheel(wheel, now),
        }
    }
}

fn seal(publisher: &mut Publisher, session: &SrtpSession) -> Vec<u8> {
    let packet = publisher.packet();
    let mut sealed = vec![0; 1_500];
    let len = session.seal_rtp(packet.index, &packet.header, &packet.payload, &mut sealed).expect("there is room");
    sealed.truncate(len);
    sealed
}

fn send(backend: &mut dyn Backend, to: &[SocketAddr], slab: &[u8]) {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let bytes = slab.len() / to.len();
    let messages = slab.chunks(bytes).zip(to);
    let mut runs = messages.map(|(packet, remote)| Segments { remote: *remote, local, bytes: packet, segment: bytes });
    let departures = backend.send(&mut runs).expect("sockets are open");
    assert_eq!(departures.packets, to.len(), "the sinks are empty");
}

fn turn_wheel(wheel: &mut Wheel, now: &mut Instant) {
    for n in 0..TIMERS {
        let soon = *now + Duration::from_micros(u64::from(n) * 97);
        wheel.schedule(Timer::Transport(n), soon);
        wheel.schedule(Timer::Transport(n), soon + Duration::from_millis(5));
    }
    *now = *now + Duration::from_secs(1);
    while wheel.expire(*now).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_can_be_repeated() {
        for name in names() {
            let mut stage = named(name).expect("sockets open");
            for _ in 0..3 {
                stage.prepare().expect("sockets are open");
                stage.work();
            }
            assert!(stage.operations() > 0, "{name}");
        }
    }
}
