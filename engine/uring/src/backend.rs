//! The trait that both back-ends implement.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::waker::Waker;

/// The longest datagram that is delivered. Peers send what fits an Ethernet frame; the rest of the 2 KiB buffer holds the
/// addresses.
pub const DATAGRAM_BYTES_MAX: usize = 1920;

/// Bytes as they arrived. Valid until `receive` returns.
#[derive(Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// The address it was sent to, from `IP_PKTINFO` / `IPV6_PKTINFO`.
    pub local: IpAddr,
    /// When the kernel took it in, from `SO_TIMESTAMPNS`: its wall clock, which may be set at any moment. `None` where it does not
    /// say.
    pub stamped: Option<SystemTime>,
    /// The payload.
    pub bytes: &'a mut [u8],
}

/// Packets for one destination, end to end: all of `segment` bytes but the last, which may be shorter.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    /// Where to.
    pub remote: SocketAddr,
    /// The address they leave from.
    pub local: IpAddr,
    /// The packets.
    pub bytes: &'a [u8],
    /// The length of each but the last.
    pub segment: usize,
}

impl<'a> Segments<'a> {
    /// The packets one by one.
    pub fn packets(&self) -> std::slice::Chunks<'a, u8> {
        self.bytes.chunks(self.segment.max(1))
    }
}

/// How long `receive` may sleep.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Until something arrives, a waker calls, or this much time passes. `None`: for ever. Zero: do not sleep.
    pub at_most: Option<Duration>,
    /// How long an arrival, or a waker's call, may be held back in the hope of more: an upper bound, counted from the start of
    /// the sleep so that one sleep is enough. Nothing is held back when the call before filled its batch. Zero: return at the
    /// first.
    pub company: Duration,
}

/// What one `receive` brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Datagrams delivered.
    pub datagrams: usize,
    /// Datagrams longer than [`DATAGRAM_BYTES_MAX`], or whose addresses the kernel did not tell; not delivered.
    pub truncated: usize,
    /// A waker called.
    pub woken: bool,
    /// The batch was filled, or a socket was not asked: what the next call brings may have come before this one.
    pub more: bool,
    /// Receive buffers that were full when the delivery began: what was delivered, and what is left for the next call.
    pub waiting: usize,
}

/// What one `flush` sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// Packets handed to the kernel.
    pub packets: usize,
    /// Packets that the kernel refused (an unreachable peer, a send buffer that stayed full), or that no socket of ours can send.
    pub refused: usize,
    /// System calls or submissions it took.
    pub calls: usize,
}

/// One shard's way to the kernel. Used by one thread; only the waker leaves it.
pub trait Backend {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Gives what arrived, at most a bounded batch, to `deliver`. Sleeps as `wait` allows when there is nothing.
    ///
    /// # Errors
    /// Only what makes the back-end unusable. A bad datagram or a refused peer is counted, not an error.
    fn receive(&mut self, wait: Wait, deliver: &mut dyn FnMut(Received<'_>)) -> io::Result<Arrivals>;

    /// How many datagrams each later `receive` delivers at most: one at least, and never more than
    /// [`crate::Options::batch_max`]. What is not delivered waits in the socket's buffer.
    fn limit_batch(&mut self, datagrams: usize);

    /// Sends. The bytes are the caller's again when this returns. Does not sleep but for a full send buffer, 2 ms a call at most;
    /// what is refused after that is lost.
    ///
    /// # Errors
    /// Only what makes the back-end unusable. What one peer's address causes is counted in `refused`.
    fn send(&mut self, segments: &mut dyn Iterator<Item = Segments<'_>>) -> io::Result<Departures>;

    /// Ends a sleep of `receive` from any thread.
    fn waker(&self) -> Waker;
}
