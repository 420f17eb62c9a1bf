//! What comes in from a socket.

use core::net::{IpAddr, SocketAddr};

/// Bytes as they arrived, with where from and where to. The stages open it in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it, if nobody lied.
    pub source: SocketAddr,
    /// The address it was sent to: answers leave from there.
    pub local: IpAddr,
    /// The payload.
    pub bytes: &'a mut [u8],
}
