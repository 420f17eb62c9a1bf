//! Datagrams in and out of the kernel: many of a stream at once where both sides allow it, with the time of their arrival.

use super::clock;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{ReceiveTimestampns, RxqOvfl, UdpGroSegment};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg, setsockopt};
use nix::sys::time::TimeSpec;
use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// What the kernel may put together: the longest UDP payload.
const BUFFER_LEN: usize = 65_535;
/// UDP_MAX_SEGMENTS of Linux; older kernels have 64.
const SEGMENTS_MAX: usize = 64;
/// Above it the kernel does not take a run: the longest UDP payload over IPv4.
const RUN_BYTES_MAX: usize = 65_507;

/// Prepares a socket that a thread takes over.
pub(super) fn prepare(socket: &UdpSocket, gro: bool) -> nix::Result<()> {
    setsockopt(socket, ReceiveTimestampns, &true)?;
    setsockopt(socket, RxqOvfl, &1)?;
    setsockopt(socket, UdpGroSegment, &gro)
}

/// One look into a socket's queue.
#[derive(Clone, Copy, Default)]
pub(super) struct Arrived {
    /// Bytes in the buffer.
    pub(super) len: usize,
    /// Length of each datagram but the last, which may be shorter.
    pub(super) segment: usize,
    /// When the kernel took the first of them in, as CLOCK_REALTIME; 0 if it did not say.
    pub(super) realtime_ns: u64,
    /// Datagrams that this socket's queue had no room for, since it was made; `None` if there were none.
    pub(super) dropped: Option<u32>,
}

/// A buffer to receive into, one for all sockets of a thread.
pub(super) struct Inbox {
    pub(super) bytes: Vec<u8>,
    control: Vec<u8>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; BUFFER_LEN], control: nix::cmsg_space!(TimeSpec, i32, u32) }
    }

    /// Takes the next datagram, or run of datagrams; `None` when the queue is empty.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> nix::Result<Option<Arrived>> {
        let mut parts = [IoSliceMut::new(&mut self.bytes)];
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut self.control), MsgFlags::MSG_DONTWAIT) {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut arrived = Arrived { len: message.bytes, segment: message.bytes, ..Arrived::default() };
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(time) => arrived.realtime_ns = clock::nanoseconds(time),
                ControlMessageOwned::UdpGroSegments(segment) => arrived.segment = usize::try_from(segment).unwrap_or(message.bytes),
                ControlMessageOwned::RxqOvfl(dropped) => arrived.dropped = Some(dropped),
                _ => {}
            }
        }
        Ok(Some(arrived))
    }
}

/// Packets that leave together.
#[derive(Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    /// A shorter one ends a run.
    ended: bool,
}

impl Run {
    /// Whether a packet of this length may follow.
    pub(super) fn takes(&self, len: usize) -> bool {
        self.count == 0
            || (!self.ended && len <= self.segment && self.count < SEGMENTS_MAX && self.bytes.len() + len <= RUN_BYTES_MAX)
    }

    pub(super) fn push(&mut self, packet: &[u8]) {
        if self.count == 0 {
            self.segment = packet.len();
        }
        self.ended = packet.len() < self.segment;
        self.bytes.extend_from_slice(packet);
        self.count += 1;
    }

    /// Sends what is there and starts anew. Gives how many packets went, of how many.
    pub(super) fn send(&mut self, socket: &UdpSocket, gso: &mut bool) -> (usize, usize) {
        let all = std::mem::take(&mut self.count);
        let sent = if all > 1 && *gso { self.send_segmented(socket, gso, all) } else { self.send_singly(socket) };
        self.bytes.clear();
        self.ended = false;
        (sent, all)
    }

    fn send_segmented(&self, socket: &UdpSocket, gso: &mut bool, all: usize) -> usize {
        let segment = u16::try_from(self.segment).expect("a packet is shorter than the longest UDP payload");
        let control = [ControlMessage::UdpGsoSegments(&segment)];
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&self.bytes)], &control, MsgFlags::MSG_DONTWAIT, None) {
            Ok(_) => all,
            // A path without segmentation: a driver or an old kernel.
            Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE) => {
                *gso = false;
                self.send_singly(socket)
            }
            Err(_) => 0,
        }
    }

    fn send_singly(&self, socket: &UdpSocket) -> usize {
        self.bytes.chunks(self.segment.max(1)).filter(|packet| socket.send(packet).is_ok()).count()
    }
}
