//! A call whose media goes through the kernel: packets come in by a socket and leave by it, one to each subscriber's own socket.
//!
//! ```text
//! publishers' sockets -> [ back-end -> core -> back-end ] -> sinks      what is in brackets is measured
//! ```
//! The back-end and the core are the server's, driven in the order of a shard's turn. What a shard does beside that (mailboxes,
//! histograms, the sleep) is not here.

use crate::call::{Call, Sealed, datagram, is_simulated};
use crate::scene::Scene;
use crate::sinks::{Segmentation, Sinks, bind_socket};
use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use corelay_core::Core;
use corelay_core::outbox::Run;
use corelay_uring::{Backend, Departures, Kind, Options, Segments, Wait, open};
use corelay_wire::units::Instant;
use std::io;

/// Where the server's socket is, whatever address the handshakes were with.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Returns at once.
const NO_WAIT: Wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };

/// See the module.
pub struct WireCall {
    call: Call,
    backend: Box<dyn Backend>,
    server: SocketAddr,
    cameras: Vec<std::net::UdpSocket>,
    sinks: Sinks,
    turn: usize,
}

impl WireCall {
    /// A connected call with turns of `run` packets from each publisher.
    pub fn connect(scene: Scene, run: usize, segmentation: Segmentation, kind: Kind) -> io::Result<Self> {
        let turn = run * scene.tracks();
        let server = bind_socket()?;
        let address = server.local();
        let options = Options { batch_max: turn, gso: segmentation.is_on(), ..Options::default() };
        let backend = open(kind, vec![server], options)?;
        let cameras = (0..scene.tracks()).map(|_| std::net::UdpSocket::bind((LOCAL, 0))).collect::<io::Result<Vec<_>>>()?;
        let cameras_at = cameras.iter().map(std::net::UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let sinks = Sinks::bind(scene.rooms * scene.subscribers, segmentation)?;
        let mut call = Call::connect(scene);
        call.move_to(&cameras_at, &sinks.addresses());
        Ok(Self { call, backend, server: address, cameras, sinks, turn })
    }

    /// The call itself.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Where its packets go.
    pub fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// The publishers send `turns` turns; they wait in the server's socket.
    pub fn load(&mut self, turns: usize) -> io::Result<()> {
        let run = self.turn / self.cameras.len();
        let batch = self.call.seal_turns(turns, run);
        for (n, Sealed { bytes, .. }) in batch.iter().enumerate() {
            self.cameras[n / run % self.cameras.len()].send_to(bytes, self.server)?;
        }
        Ok(())
    }

    /// Takes in and forwards what was loaded, turn by turn. This is what is measured.
    #[inline(never)]
    pub fn forward(&mut self, turns: usize) -> io::Result<Departures> {
        let (core, now) = self.call.core_and_now();
        let mut sum = Departures::default();
        let mut left = turns * self.turn;
        while left > 0 {
            // A shard reads the clock at the begin and the end of its turn.
            black_box(std::time::Instant::now());
            let arrivals = self.backend.receive(NO_WAIT, &mut |received| {
                core.handle_datagram(now, datagram(now, received.source, received.bytes));
            })?;
            if arrivals.datagrams == 0 {
                return Err(io::Error::other(format!("{left} packets did not arrive: the server's socket buffer is too small")));
            }
            left = left.saturating_sub(arrivals.datagrams);
            if core.poll_timeout().is_some_and(|(due, _)| due <= now) {
                core.handle_timeout(now);
            }
            add(&mut sum, transmit(core, now, &mut *self.backend)?);
            black_box(std::time::Instant::now());
        }
        Ok(sum)
    }

    /// Lets simulated time pass, for consent and reports, and empties the sinks: gives the bytes that were in them.
    pub fn settle(&mut self) -> io::Result<u64> {
        self.call.pause();
        self.sinks.empty()
    }
}

/// The end of a turn: what a core has to send leaves, and its events are read.
pub fn transmit(core: &mut Core, now: Instant, backend: &mut dyn Backend) -> io::Result<Departures> {
    let mut sum = Departures::default();
    while let Some(outbox) = core.poll_transmit(now) {
        add(&mut sum, backend.send(&mut outbox.runs().filter(|run| !is_simulated(run)).map(segments))?);
    }
    while core.poll_event().is_some() {}
    Ok(sum)
}

fn segments(run: Run<'_>) -> Segments<'_> {
    Segments { remote: run.path.remote, local: LOCAL, bytes: run.bytes, segment: run.segment }
}

fn add(sum: &mut Departures, more: Departures) {
    sum.packets += more.packets;
    sum.refused += more.refused;
    sum.calls += more.calls;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Media;

    #[test]
    fn every_packet_reaches_every_sink() {
        for (run, segmentation) in [(1, Segmentation::Off), (4, Segmentation::Software), (20, Segmentation::Whole)] {
            let mut call = WireCall::connect(Scene::livestream(3), run, segmentation, Kind::Epoll).expect("sockets open");
            for _ in 0..3 {
                call.load(2).expect("they are sent");
                let departures = call.forward(2).expect("they are forwarded");
                assert_eq!((departures.packets, departures.refused), (2 * run * 3, 0));
                assert!(call.settle().expect("they are read") >= (2 * run * 3 * 1_200) as u64);
            }
        }
    }

    #[test]
    fn publishers_share_a_turn() {
        let scene = Scene { rooms: 2, publishers: 3, subscribers: 2, media: Media::Audio };
        let mut call = WireCall::connect(scene, 1, Segmentation::Whole, Kind::Epoll).expect("sockets open");
        call.load(5).expect("they are sent");
        assert_eq!(call.forward(5).expect("they are forwarded").packets, 5 * scene.copies());
    }
}
