//! The ceiling with the kernel: seal with as many keys, then send, in a plain loop. Nothing of an SFU is in it.
//!
//! It is made in several ways and the cheapest counts, so that it is a limit and not a straw man: a bare `sendmmsg`, or one of the
//! server's back-ends; and slabs that stay in a cache or hold a whole turn. Each send says into what length it is to be cut, as it must
//! be said where one socket sends packets of several lengths.

use crate::call::Call;
use crate::ceiling::{Material, sessions};
use crate::sinks::{Segmentation, Sinks, bind_socket};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use corelay_core::limits::Limits;
use corelay_core::transport::srtp::SrtpSession;
use corelay_uring::{Backend, Kind, Options, Segments, UdpSocket, open};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;

/// Messages of one system call. More save calls, which cost about 100 ns each.
const MESSAGES_MAX: usize = 64;
/// A slab that stays in a second-level cache.
const SMALL_SLAB_BYTES: usize = 256 * 1024;

/// One way to make the ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    means: Means,
    slab_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Sendmmsg,
    Backend(Kind),
}

impl Way {
    /// All that work here.
    pub fn all(kinds: &[Kind]) -> Vec<Self> {
        let means = [Means::Sendmmsg].into_iter().chain(kinds.iter().map(|kind| Means::Backend(*kind)));
        let slabs = [SMALL_SLAB_BYTES, Limits::default().outbox_bytes as usize];
        means.flat_map(|means| slabs.map(|slab_bytes| Self { means, slab_bytes })).collect()
    }

    /// Its name in the report.
    pub fn name(self) -> String {
        let means = match self.means {
            Means::Sendmmsg => "plain sendmmsg",
            Means::Backend(kind) => kind.name(),
        };
        format!("{means}, slab of {} KiB", self.slab_bytes / 1024)
    }
}

/// Keys, packets, a slab and a socket.
pub struct Plain {
    sessions: Vec<SrtpSession>,
    targets: Vec<SocketAddr>,
    material: Material,
    slab: Vec<u8>,
    sender: Sender,
}

impl Plain {
    /// Sends what `call` forwards, to `sinks`.
    pub fn of(call: &Call, run: usize, sinks: &Sinks, segmentation: Segmentation, way: Way) -> io::Result<Self> {
        let material = Material::of(call, run);
        let slab = vec![0; way.slab_bytes.max(material.run_bytes())];
        let sender = Sender::open(way.means, &material, segmentation)?;
        let copies = call.scene().copies();
        let targets: Vec<SocketAddr> = sinks.addresses().into_iter().cycle().take(copies).collect();
        Ok(Self { sessions: sessions(copies), targets, material, slab, sender })
    }

    /// Bytes of one turn.
    pub fn turn_bytes(&self) -> u64 {
        (self.material.run_bytes() * self.sessions.len()) as u64
    }

    /// Seals and sends `turns` turns: subscriber by subscriber, packet by packet, end to end. This is what is measured.
    #[inline(never)]
    pub fn send(&mut self, turns: usize) -> io::Result<()> {
        let Self { sessions, targets, material, slab, sender } = self;
        let (bytes, segment) = (material.run_bytes(), material.segment());
        let at_once = (slab.len() / bytes).max(1);
        for _ in 0..turns {
            for (sessions, targets) in sessions.chunks(at_once).zip(targets.chunks(at_once)) {
                let mut used = 0;
                for session in sessions {
                    used += material.seal(session, &mut slab[used..]);
                }
                sender.send(&slab[..used], bytes, segment, targets)?;
            }
            material.advance();
        }
        Ok(())
    }
}

enum Sender {
    Sendmmsg { socket: UdpSocket, headers: Box<MultiHeaders<SockaddrIn>>, cut: Option<u16> },
    Backend(Box<dyn Backend>),
}

impl Sender {
    fn open(means: Means, material: &Material, segmentation: Segmentation) -> io::Result<Self> {
        let socket = bind_socket()?;
        let is_segmented = segmentation.is_on() && material.packets() > 1;
        match means {
            Means::Backend(kind) => {
                Ok(Self::Backend(open(kind, vec![socket], Options { gso: is_segmented, ..Options::default() })?))
            }
            Means::Sendmmsg => {
                let cut = is_segmented.then_some(material.segment() as u16);
                let control = is_segmented.then(|| nix::cmsg_space!(u16));
                Ok(Self::Sendmmsg { socket, headers: Box::new(MultiHeaders::preallocate(MESSAGES_MAX, control)), cut })
            }
        }
    }

    /// Runs of `run` bytes in packets of `segment`, one to each target.
    fn send(&mut self, slab: &[u8], run: usize, segment: usize, targets: &[SocketAddr]) -> io::Result<()> {
        let runs = slab.chunks(run).zip(targets);
        match self {
            Self::Backend(backend) => {
                let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let mut runs = runs.map(|(bytes, remote)| Segments { remote: *remote, local, bytes, segment });
                let departures = backend.send(&mut runs)?;
                if departures.refused > 0 { Err(io::Error::other("a send was refused")) } else { Ok(()) }
            }
            Self::Sendmmsg { socket, headers, cut: Some(cut) } => {
                send_messages(socket, headers, &[ControlMessage::UdpGsoSegments(cut)], runs)
            }
            Self::Sendmmsg { socket, headers, cut: None } => {
                let packets = runs.flat_map(|(bytes, to)| bytes.chunks(segment).map(move |packet| (packet, to)));
                send_messages(socket, headers, &[], packets)
            }
        }
    }
}

fn send_messages<'a>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    control: &[ControlMessage<'_>],
    mut messages: impl Iterator<Item = (&'a [u8], &'a SocketAddr)>,
) -> io::Result<()> {
    loop {
        let mut slices = [[IoSlice::new(&[])]; MESSAGES_MAX];
        let mut addresses = [None; MESSAGES_MAX];
        let mut count = 0;
        for (bytes, to) in messages.by_ref().take(MESSAGES_MAX) {
            slices[count] = [IoSlice::new(bytes)];
            addresses[count] = v4(to);
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        let sent =
            sendmmsg(socket.as_raw_fd(), headers, &slices[..count], &addresses[..count], control, MsgFlags::MSG_DONTWAIT)?.count();
        if sent != count {
            return Err(io::Error::other(format!("{sent} of {count} messages were sent: the send buffer is too small")));
        }
    }
}

fn v4(address: &SocketAddr) -> Option<SockaddrIn> {
    match address {
        SocketAddr::V4(address) => Some(SockaddrIn::from(*address)),
        SocketAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;
    use crate::wire_call::WireCall;

    #[test]
    fn the_ceiling_sends_the_bytes_that_the_call_forwards_by_every_way() {
        for (run, segmentation) in [(1, Segmentation::Off), (20, Segmentation::Software), (20, Segmentation::Whole)] {
            let mut call = WireCall::connect(Scene::livestream(3), run, segmentation, Kind::Epoll).expect("sockets open");
            call.load(2).expect("they are sent");
            call.forward(2).expect("they are forwarded");
            let forwarded = call.settle().expect("they are read");
            for way in Way::all(&[Kind::Epoll]) {
                let mut plain = Plain::of(call.call(), run, call.sinks(), segmentation, way).expect("a socket opens");
                plain.send(2).expect("they are sent");
                assert_eq!(call.settle().expect("they are read"), forwarded, "{}", way.name());
                assert_eq!(2 * plain.turn_bytes(), forwarded);
            }
        }
    }
}
