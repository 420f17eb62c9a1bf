//! The subscribers' ends: a socket each, which takes what is sent and is emptied between two measurements.
//!
//! A full socket buffer would make the kernel drop what is measured to be sent, and a drop is cheaper than a delivery; so nothing is
//! ever full, and every byte is accounted for. Emptying is no part of any figure.

use core::net::{Ipv4Addr, SocketAddr};
use corelay_uring::{BufferSizes, UdpSocket};
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use std::io;
use std::os::fd::AsRawFd;

/// What happens to a segmented send at the end of the kernel's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// The run stays whole, as with a NIC that cuts it: the sinks take runs whole (`UDP_GRO`).
    Whole,
    /// The kernel cuts it in software, as before a NIC that cannot: the sinks take packets.
    Software,
    /// Every packet is a message of its own.
    Off,
}

impl Segmentation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Software, Self::Off];

    /// Its name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "gso",
            Self::Software => "gso_software",
            Self::Off => "no_gso",
        }
    }

    /// Whether runs are sent by one message.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// A buffer that is asked for: more than a batch needs. What is granted bounds the batch.
const BUFFER_BYTES: usize = 4 << 20;
/// What the kernel counts for a 1200-byte datagram, and its bookkeeping.
const PACKET_TRUESIZE: usize = 2_304;

/// One socket for each copy.
#[derive(Debug)]
pub struct Sinks {
    sockets: Vec<UdpSocket>,
}

impl Sinks {
    /// `count` sockets on loopback.
    pub fn bind(count: usize, segmentation: Segmentation) -> io::Result<Self> {
        let sockets = (0..count).map(|_| bind_socket()).collect::<io::Result<Vec<_>>>()?;
        for socket in &sockets {
            setsockopt(socket, sockopt::UdpGroSegment, &(segmentation == Segmentation::Whole))?;
        }
        Ok(Self { sockets })
    }

    /// Where they are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(UdpSocket::local).collect()
    }

    /// How many packets each holds at least.
    pub fn packets_max(&self) -> usize {
        let granted = self.sockets.iter().map(|socket| socket.granted().receive).min();
        // The kernel counts twice what was asked for; half of that is left for what it counts otherwise.
        granted.map_or(usize::MAX, |bytes| bytes / PACKET_TRUESIZE).max(1)
    }

    /// Takes all that has arrived, unread: gives its bytes.
    pub fn empty(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for socket in &self.sockets {
            loop {
                // The length without the content: copying it would empty the caches that the next measurement finds.
                match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT) {
                    Ok(len) => bytes += len as u64,
                    Err(nix::errno::Errno::EAGAIN) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(bytes)
    }
}

/// A socket on loopback with large buffers.
pub fn bind_socket() -> io::Result<UdpSocket> {
    let sizes = BufferSizes { receive: BUFFER_BYTES, send: BUFFER_BYTES };
    UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), sizes)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot bind a socket: {e}; `ulimit -n 4096` allows as many as are needed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_was_sent_is_counted() {
        for segmentation in Segmentation::ALL {
            let sinks = Sinks::bind(3, segmentation).expect("three sockets");
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            for address in sinks.addresses() {
                for len in [100, 1_200] {
                    sender.send_to(&vec![7; len], address).expect("it is sent");
                }
            }
            assert_eq!(sinks.empty().expect("they read"), 3 * 1_300);
            assert_eq!(sinks.empty().expect("they read"), 0);
            assert!(sinks.packets_max() >= 40);
        }
    }
}
