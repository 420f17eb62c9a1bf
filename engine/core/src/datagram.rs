//! What comes in from a socket.

use core::net::{IpAddr, SocketAddr};
use corelay_wire::units::Instant;

/// Bytes as they arrived, with where from and where to. The stages open it in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it, if nobody lied.
    pub source: SocketAddr,
    /// The address it was sent to: answers leave from there.
    pub local: IpAddr,
    /// When the kernel took it in, or the turn's own time where it does not say. Never after the turn's time.
    pub received: Instant,
    /// The payload.
    pub bytes: &'a mut [u8],
}
