//! Sending messages in their order, those of one socket with one call.

use std::io;

use crate::outgoing::Outgoing;
use crate::sockets::Sockets;

/// Sends `messages`, those of one socket at once, and gives the calls it took. `sendmmsg` stops at the first that is refused: it
/// is marked, and the next call goes on behind it; where the buffer is full, behind the neighbours of the same socket, which would
/// be refused as well or pass it.
pub(crate) fn transmit(sockets: &Sockets, messages: &mut Outgoing<'_, '_>) -> usize {
    let mut calls = 0;
    let mut next = 0;
    while next < messages.len() {
        let stretch = messages.stretch(next);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let (start, len) = (stretch.messages.as_mut_ptr(), stretch.messages.len() as libc::c_uint);
        // Needed: std sends one message a call. SAFETY: `start` and `len` are those of a slice of headers whose pointers are
        // valid as long as `messages` (its promise); the kernel keeps none of them after the call; the descriptor is open.
        let sent = unsafe { libc::sendmmsg(sockets.fd(stretch.socket), start, len, flags as _) };
        calls += 1;
        if sent > 0 {
            next += sent as usize;
            continue;
        }
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        let refused = match errno {
            libc::EINTR => 0,
            libc::EAGAIN => len as usize,
            _ => 1,
        };
        (next..next + refused).for_each(|index| messages.refuse(index, errno));
        next += refused;
    }
    calls
}
