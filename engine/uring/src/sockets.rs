//! The sockets of one back-end, and which of them a packet leaves by.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use crate::socket::UdpSocket;

/// All sockets, named by their index.
#[derive(Debug)]
pub(crate) struct Sockets {
    sockets: Vec<UdpSocket>,
}

/// How a packet leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// The index of the socket.
    pub(crate) socket: usize,
    /// The source that the kernel has to be told, as the socket listens on all addresses.
    pub(crate) source: Option<IpAddr>,
}

impl Sockets {
    /// At least one, at most 255.
    pub(crate) fn new(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        if sockets.is_empty() || sockets.len() > usize::from(u8::MAX) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a back-end takes 1 to 255 sockets: check RTC_LISTEN_IPS"));
        }
        Ok(Self { sockets })
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(crate) fn fd(&self, socket: usize) -> RawFd {
        self.sockets[socket].as_raw_fd()
    }

    /// The descriptors that hear RTCP, each with the socket that it hears for.
    pub(crate) fn rtcp(&self) -> impl Iterator<Item = (usize, RawFd)> {
        self.sockets.iter().enumerate().filter_map(|(socket, s)| Some((socket, s.rtcp_fd()?)))
    }

    #[cfg(test)]
    pub(crate) fn local_address(&self, socket: usize) -> SocketAddr {
        self.sockets[socket].local()
    }

    pub(crate) fn fds(&self) -> impl Iterator<Item = RawFd> {
        self.sockets.iter().map(AsRawFd::as_raw_fd)
    }

    /// Where a datagram on `socket` was sent to, unless it listens on all addresses.
    pub(crate) fn fixed_ip(&self, socket: usize) -> Option<IpAddr> {
        self.sockets[socket].fixed_ip()
    }

    /// The socket bound to `local`, else one that listens on all addresses of the family.
    /// An unspecified `local` leaves the choice to the kernel. `None` when no socket can send this.
    pub(crate) fn route(&self, remote: &SocketAddr, local: &IpAddr) -> Option<Route> {
        if !local.is_unspecified() && local.is_ipv4() != remote.is_ipv4() {
            return None;
        }
        let mut wildcard = None;
        for (socket, candidate) in self.sockets.iter().enumerate() {
            match candidate.fixed_ip() {
                Some(ip) if ip == *local || (local.is_unspecified() && ip.is_ipv4() == remote.is_ipv4()) => {
                    return Some(Route { socket, source: None });
                }
                None if candidate.local().is_ipv4() == remote.is_ipv4() => wildcard = wildcard.or(Some(socket)),
                _ => {}
            }
        }
        let source = (!local.is_unspecified()).then_some(*local);
        wildcard.map(|socket| Route { socket, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::BufferSizes;

    fn sockets(ips: &[&str]) -> Sockets {
        let bind = |ip: &&str| {
            let address = SocketAddr::new(ip.parse().expect("an address"), 0);
            UdpSocket::bind(address, BufferSizes::default()).expect("loopback binds")
        };
        Sockets::new(ips.iter().map(bind).collect()).expect("a few")
    }

    fn route(sockets: &Sockets, remote: &str, local: &str) -> Option<(usize, bool)> {
        let found = sockets.route(&remote.parse().expect("an address"), &local.parse().expect("an address"));
        found.map(|r| (r.socket, r.source.is_some()))
    }

    #[test]
    fn the_bound_address_is_before_the_wildcard() {
        let sockets = sockets(&["0.0.0.0", "127.0.0.2", "::"]);
        assert_eq!(route(&sockets, "127.0.0.1:9", "127.0.0.2"), Some((1, false)));
        assert_eq!(route(&sockets, "127.0.0.1:9", "127.0.0.3"), Some((0, true)));
        assert_eq!(route(&sockets, "[::1]:9", "::1"), Some((2, true)));
        assert_eq!(route(&sockets, "[::1]:9", "::"), Some((2, false)));
    }

    #[test]
    fn what_no_socket_can_send_has_no_route() {
        let sockets = sockets(&["127.0.0.2"]);
        assert_eq!(route(&sockets, "[::1]:9", "::1"), None);
        assert_eq!(route(&sockets, "127.0.0.1:9", "127.0.0.3"), None);
        assert_eq!(route(&sockets, "127.0.0.1:9", "::1"), None);
    }
}
