//! Datagrams in and out of the kernel: io_uring, and epoll + `recvmmsg`/`sendmmsg` where io_uring is forbidden, behind one trait.
//! The only crate with unsafe code.
//!
//! ```text
//! probe() -> Probe: choose(IoBackend) -> Kind, gso(GsoMode) -> bool        once, at boot
//! UdpSocket::bind(..)                                                      at boot, any thread
//! open(kind, sockets, options) -> Box<dyn Backend>                         on the thread that uses it: it does not leave it
//! receive(wait, deliver) .. send(runs) .. receive(..) ..                   a turn of a shard
//! ```

mod address;
pub mod backend;
mod buffers;
mod cmsg;
mod contents;
pub mod cpu;
mod epoll;
mod errno;
mod incoming;
pub mod listener;
mod memory;
pub mod options;
mod outgoing;
mod patience;
mod poll;
pub mod probe;
mod ring;
mod rtcp;
mod sendmmsg;
pub mod socket;
mod sockets;
mod uring;
pub mod waker;

use std::io;

pub use backend::{Arrivals, Backend, DATAGRAM_BYTES_MAX, Departures, Received, Segments, Wait};
pub use options::{GsoMode, IoBackend, Options};
pub use probe::{Kind, Probe, ProbeError, probe};
pub use rtcp::RTCP_PLACES_BYTES;
pub use socket::{BufferSizes, RTCP_BUFFER, ReceiveQueue, UdpSocket};
pub use waker::Waker;

/// Messages handed to the kernel at once. More saves system calls (one costs about 100 ns against 1,100 a message); fewer keeps
/// the headers (250 bytes each) in the first-level cache.
const MESSAGES_MAX: usize = 64;

/// Opens the back-end of `kind` over `sockets`, on the thread that will use it.
///
/// # Errors
/// What the kernel refuses: memory, file descriptors, or io_uring itself ([`Probe::choose`] knows beforehand).
pub fn open(kind: Kind, sockets: Vec<UdpSocket>, options: Options) -> io::Result<Box<dyn Backend>> {
    Ok(match kind {
        Kind::Uring => Box::new(uring::UringBackend::new(sockets, options)?),
        Kind::Epoll => Box::new(epoll::EpollBackend::new(sockets, options)?),
    })
}
