//! The UDP ports of the shards.
//!
//! ```text
//! RTC_MIN_PORT                                             RTC_MAX_PORT
//! | shard 0: first port listens, rest spare | shard 1 ... | ...  | left over |
//! ```
//!
//! A shard needs one port: all its transports share it and are told apart by their STUN credentials and addresses. The slice keeps
//! a shard's port the same when the others change, and leaves places for sockets that a later feature needs beside it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use corelay_uring::{BufferSizes, UdpSocket};

use crate::config::Config;

/// What keeps a shard from listening.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// There are more shards than ports.
    #[error(
        "{ports} UDP ports ({min}-{max}) are too few for {shards} shards, which need one each. \
         Raise RTC_MAX_PORT by {}, or set SHARDS to {ports}", shards - ports
    )]
    TooFew {
        /// RTC_MIN_PORT.
        min: u16,
        /// RTC_MAX_PORT.
        max: u16,
        /// Ports in the range.
        ports: usize,
        /// Shards to start.
        shards: usize,
    },
    /// Another socket has the port.
    #[error(
        "UDP port {} of {} is in use by another program, or by another Corelay. Stop it, or set RTC_MIN_PORT and RTC_MAX_PORT \
         to a range that is free", address.port(), address.ip()
    )]
    InUse {
        /// Where the shard was to listen.
        address: SocketAddr,
    },
    /// The machine does not have the address.
    #[error(
        "{ip} is not an address of this machine. Correct RTC_LISTEN_IPS; behind NAT, list the inner address and set ANNOUNCED_IP to the outer"
    )]
    NotHere {
        /// The address.
        ip: IpAddr,
    },
    /// Anything else.
    #[error("cannot listen on UDP {address}: {source}. Check RTC_LISTEN_IPS, the port range and the limit of open files")]
    Socket {
        /// Where the shard was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The first port of each shard's slice.
///
/// # Errors
/// [`PortError::TooFew`].
pub fn first_ports(min: u16, max: u16, shards: usize) -> Result<Vec<u16>, PortError> {
    let ports = usize::from(max.saturating_sub(min)) + 1;
    let slice = ports / shards;
    if slice == 0 {
        return Err(PortError::TooFew { min, max, ports, shards });
    }
    let port = |shard: usize| u16::try_from(usize::from(min) + shard * slice).expect("a port of a slice is at most `max`");
    Ok((0..shards).map(port).collect())
}

/// Listens on `port` of every media address. IPv6 loopback may be missing (containers often lack it) as long as another address works.
///
/// # Errors
/// The first address that does not work.
pub fn listen(ips: &[IpAddr], port: u16) -> Result<Vec<UdpSocket>, PortError> {
    let mut sockets = Vec::with_capacity(ips.len());
    let mut missing = None;
    for &ip in ips {
        match bind(SocketAddr::new(ip, port)) {
            Ok(mut socket) => {
                if let Err(error) = socket.set_rtcp_apart() {
                    tracing::info!(%ip, %error, "RTCP is heard with the media: each message wakes a shard");
                }
                sockets.push(socket);
            }
            Err(error @ PortError::NotHere { .. }) if ip.is_loopback() => {
                tracing::warn!(%ip, "this machine does not have the loopback address: going on without it");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// Where clients are told to send: for each socket the announced addresses of its family, or its own.
pub fn candidates(config: &Config, sockets: &[UdpSocket]) -> Vec<SocketAddr> {
    let mut candidates: Vec<SocketAddr> = Vec::new();
    for local in sockets.iter().map(UdpSocket::local) {
        let announced = config.announced_ips.iter().filter(|a| a.is_ipv4() == local.is_ipv4());
        let mut of_socket: Vec<SocketAddr> = announced.map(|ip| SocketAddr::new(*ip, local.port())).collect();
        if of_socket.is_empty() {
            of_socket.push(local);
        }
        of_socket.retain(|candidate| !candidates.contains(candidate));
        candidates.append(&mut of_socket);
    }
    candidates
}

fn bind(address: SocketAddr) -> Result<UdpSocket, PortError> {
    UdpSocket::bind(address, BufferSizes::default()).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => PortError::InUse { address },
        io::ErrorKind::AddrNotAvailable => PortError::NotHere { ip: address.ip() },
        // The kernel was built or started without IPv6: EAFNOSUPPORT.
        io::ErrorKind::Unsupported => PortError::NotHere { ip: address.ip() },
        _ if address.is_ipv6() && source.raw_os_error() == Some(EAFNOSUPPORT) => PortError::NotHere { ip: address.ip() },
        _ => PortError::Socket { address, source },
    })
}

/// `errno` of a machine without the address family; the standard library has no name for it.
const EAFNOSUPPORT: i32 = 97;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_equal_slices() {
        assert_eq!(first_ports(10_000, 10_100, 1).expect("one fits"), [10_000]);
        assert_eq!(first_ports(10_000, 10_099, 4).expect("four fit"), [10_000, 10_025, 10_050, 10_075]);
        assert_eq!(first_ports(65_534, 65_535, 2).expect("two fit"), [65_534, 65_535]);
    }

    #[test]
    fn a_range_that_is_too_small_says_what_to_change() {
        let message = first_ports(10_000, 10_001, 5).expect_err("five do not fit two").to_string();
        for part in ["10000-10001", "5 shards", "RTC_MAX_PORT by 3", "SHARDS to 2"] {
            assert!(message.contains(part), "{part} is missing in: {message}");
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let taken = std::net::UdpSocket::bind((ip, 0)).expect("a port is free");
        let port = taken.local_addr().expect("it is bound").port();
        let error = listen(&[ip], port).expect_err("the port is taken");
        assert!(matches!(error, PortError::InUse { address } if address.port() == port));
        assert!(error.to_string().contains("RTC_MIN_PORT"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        // TEST-NET-1 (RFC 5737): nobody's address.
        let error = listen(&[IpAddr::from([192, 0, 2, 1])], 0).expect_err("the address is nobody's");
        assert!(matches!(error, PortError::NotHere { .. }), "{error}");
        assert!(error.to_string().contains("RTC_LISTEN_IPS"), "{error}");
    }

    #[test]
    fn announced_addresses_stand_for_those_of_their_family() {
        let sockets = listen(&[IpAddr::from([127, 0, 0, 1])], 0).expect("loopback works");
        let own = sockets[0].local();
        assert_eq!(candidates(&Config::default(), &sockets), [own]);
        let announced = Config { announced_ips: vec!["203.0.113.5".parse().expect("an address")], ..Config::default() };
        assert_eq!(candidates(&announced, &sockets), [SocketAddr::from(([203, 0, 113, 5], own.port()))]);
        let other = Config { announced_ips: vec!["2001:db8::1".parse().expect("an address")], ..Config::default() };
        assert_eq!(candidates(&other, &sockets), [own]);
    }
}
