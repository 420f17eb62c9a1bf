//! XOR-MAPPED-ADDRESS (RFC 8489 section 14.2): an address masked so that no middlebox rewrites it.

use super::{MAGIC_COOKIE, TransactionId};
use crate::reader::Reader;
use crate::writer::Writer;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;
const PORT_XOR: u16 = (MAGIC_COOKIE >> 16) as u16;

/// Magic cookie and transaction id, in this order.
fn ipv6_mask(transaction: TransactionId) -> u128 {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(&transaction.0);
    u128::from_be_bytes(mask)
}

pub(super) fn read(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let mut reader = Reader::new(value);
    let [_, family] = reader.array()?;
    let port = reader.u16()? ^ PORT_XOR;
    let ip = match (family, reader.rest().len()) {
        (FAMILY_IPV4, 4) => IpAddr::V4(Ipv4Addr::from_bits(reader.u32()? ^ MAGIC_COOKIE)),
        (FAMILY_IPV6, 16) => IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(reader.array()?) ^ ipv6_mask(transaction))),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes the attribute's value to the front of `dst` and gives the written part.
pub(super) fn write(dst: &mut [u8; 20], address: SocketAddr, transaction: TransactionId) -> &[u8] {
    let mut writer = Writer::new(dst);
    let family = if address.is_ipv4() { FAMILY_IPV4 } else { FAMILY_IPV6 };
    let port = (address.port() ^ PORT_XOR).to_be_bytes();
    let written = writer.bytes(&[0, family]).and_then(|()| writer.bytes(&port)).and_then(|()| match address.ip() {
        IpAddr::V4(ip) => writer.u32(ip.to_bits() ^ MAGIC_COOKIE),
        IpAddr::V6(ip) => writer.bytes(&(ip.to_bits() ^ ipv6_mask(transaction)).to_be_bytes()),
    });
    written.expect("an IPv6 address takes 20 bytes, an IPv4 address 8");
    let len = writer.len();
    &dst[..len]
}
