//! Socket addresses as the kernel lays them out.
//!
//! ```text
//! sockaddr_in   | family 2 | port 2 (network order) | address 4 | zero 8                       |  16 bytes
//! sockaddr_in6  | family 2 | port 2 (network order) | flow 4 | address 16 | scope 4 (host order) |  28 bytes
//! ```
//!
//! Written and read as plain bytes, so that no struct of libc has to be reinterpreted.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The bytes of the longest address, rounded up to a multiple of eight.
pub(crate) const NAME_BYTES: usize = 32;

const V4_LEN: usize = size_of::<libc::sockaddr_in>();
const V6_LEN: usize = size_of::<libc::sockaddr_in6>();
const _: () = assert!(V4_LEN == 16 && V6_LEN == 28 && V6_LEN <= NAME_BYTES, "the layouts drawn above");

/// Writes `address` and gives the length of it.
pub(crate) fn encode(address: &SocketAddr, name: &mut [u8; NAME_BYTES]) -> usize {
    match address {
        SocketAddr::V4(v4) => {
            name[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&v4.port().to_be_bytes());
            name[4..8].copy_from_slice(&v4.ip().octets());
            name[8..V4_LEN].fill(0);
            V4_LEN
        }
        SocketAddr::V6(v6) => {
            name[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&v6.port().to_be_bytes());
            name[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
            name[8..24].copy_from_slice(&v6.ip().octets());
            name[24..V6_LEN].copy_from_slice(&v6.scope_id().to_ne_bytes());
            V6_LEN
        }
    }
}

/// Reads the address that the kernel wrote. `None` for another family or too few bytes.
pub(crate) fn decode(name: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(name.first_chunk::<2>().copied()?));
    let port = u16::from_be_bytes(chunk(name, 2)?);
    match family {
        libc::AF_INET => {
            let octets: [u8; 4] = chunk(name, 4)?;
            Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(octets), port)))
        }
        libc::AF_INET6 => {
            let flow = u32::from_be_bytes(chunk(name, 4)?);
            let octets: [u8; 16] = chunk(name, 8)?;
            let scope = u32::from_ne_bytes(chunk(name, 24)?);
            Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(octets), port, flow, scope)))
        }
        _ => None,
    }
}

fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_it_was_written() {
        for text in ["127.0.0.1:3478", "[2001:db8::1]:65535", "[fe80::1%7]:1"] {
            let address: SocketAddr = text.parse().expect("an address");
            let mut name = [0xff; NAME_BYTES];
            let len = encode(&address, &mut name);
            assert_eq!(decode(&name[..len]), Some(address));
        }
    }

    #[test]
    fn short_or_foreign_bytes_are_no_address() {
        let mut name = [0; NAME_BYTES];
        let len = encode(&"[::1]:9".parse().expect("an address"), &mut name);
        assert!((0..len).all(|short| decode(&name[..short]).is_none()));
        assert_eq!(decode(&[0xff; NAME_BYTES]), None);
    }
}
