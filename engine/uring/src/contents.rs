//! One datagram as the kernel wrote it, in either back-end.

use crate::address;
use crate::backend::{Arrivals, Received};
use crate::cmsg;
use crate::sockets::Sockets;

/// Room for the control messages of one datagram: 32 for its time, 40 for an IPv6 packet information.
pub(crate) const CONTROL_ROOM: usize = 80;
const _: () = assert!(cmsg::RECEIVED_BYTES <= CONTROL_ROOM, "what is asked for fits");

/// The fields of one datagram.
pub(crate) struct Contents<'b> {
    pub(crate) name: &'b [u8],
    pub(crate) control: &'b [u8],
    pub(crate) payload: &'b mut [u8],
    /// The datagram was longer than its place.
    pub(crate) truncated: bool,
}

impl Contents<'_> {
    /// Gives the datagram, which came in by `socket`, to `deliver`, and counts it.
    pub(crate) fn deliver(self, sockets: &Sockets, socket: usize, arrivals: &mut Arrivals, deliver: &mut dyn FnMut(Received<'_>)) {
        let told = cmsg::read(self.control);
        match (address::decode(self.name), sockets.fixed_ip(socket).or(told.local)) {
            (Some(source), Some(local)) if !self.truncated => {
                arrivals.datagrams += 1;
                deliver(Received { source, local, stamped: told.stamped, bytes: self.payload });
            }
            _ => arrivals.truncated += 1,
        }
    }
}
