//! Room for what one `recvmmsg` brings.

use std::io;
use std::os::fd::RawFd;
use std::ptr;

use crate::address::NAME_BYTES;
use crate::backend::{Arrivals, DATAGRAM_BYTES_MAX, Received};
use crate::contents::{CONTROL_ROOM, Contents};
use crate::errno;
use crate::sockets::Sockets;

/// Datagrams of one call. More saves calls (one costs about 100 ns against 490 a datagram); fewer keeps the bytes (2 KiB each) in
/// the second-level cache until they are read.
pub(crate) const DATAGRAMS_MAX: usize = 64;
/// Errors in a row that may wait on a socket (ICMP answers) before a receive gives the rest of the turn to the others.
const PENDING_ERRORS_MAX: usize = 8;

/// One datagram's place.
#[derive(Clone)]
struct Slot {
    name: [u8; NAME_BYTES],
    control: [u8; CONTROL_ROOM],
    bytes: [u8; DATAGRAM_BYTES_MAX],
}

/// The places, and the headers that name them to the kernel.
pub(crate) struct Incoming {
    headers: Box<[libc::mmsghdr]>,
    iovecs: Box<[libc::iovec]>,
    slots: Box<[Slot]>,
}

impl Incoming {
    /// What it takes from the heap.
    pub(crate) const BYTES: u64 =
        (DATAGRAMS_MAX * (size_of::<Slot>() + size_of::<libc::mmsghdr>() + size_of::<libc::iovec>())) as u64;

    pub(crate) fn new() -> Self {
        // SAFETY: mmsghdr is integers and raw pointers, for which zero is a value. Needed: private padding on some targets.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let slot = Slot { name: [0; NAME_BYTES], control: [0; CONTROL_ROOM], bytes: [0; DATAGRAM_BYTES_MAX] };
        Self {
            headers: vec![header; DATAGRAMS_MAX].into_boxed_slice(),
            iovecs: vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; DATAGRAMS_MAX].into_boxed_slice(),
            slots: vec![slot; DATAGRAMS_MAX].into_boxed_slice(),
        }
    }

    /// Delivers what waits on `fd`, which hears for `socket`: at most `budget`. Gives what is left of the budget.
    pub(crate) fn drain(
        &mut self,
        sockets: &Sockets,
        (socket, fd): (usize, RawFd),
        mut budget: usize,
        arrivals: &mut Arrivals,
        deliver: &mut dyn FnMut(Received<'_>),
    ) -> io::Result<usize> {
        let mut pending_errors = 0;
        while budget > 0 && pending_errors < PENDING_ERRORS_MAX {
            let want = budget.min(DATAGRAMS_MAX);
            match self.receive(fd, want) {
                Ok(count) => {
                    for index in 0..count {
                        self.contents(index).deliver(sockets, socket, arrivals, deliver);
                    }
                    budget -= count;
                    if count < want {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.raw_os_error().is_none_or(errno::is_ours) => return Err(e),
                Err(_) => pending_errors += 1,
            }
        }
        Ok(budget)
    }

    /// Takes up to `want` datagrams from the socket `fd`, without sleeping.
    fn receive(&mut self, fd: RawFd, want: usize) -> io::Result<usize> {
        let want = want.min(DATAGRAMS_MAX);
        self.prepare(want);
        let start = self.headers.as_mut_ptr();
        // Needed: std receives one datagram a call. SAFETY: the first `want` headers point to the slots and iovecs of `self`,
        // made anew by `prepare`, with their lengths; nothing else refers to them during the call, after which the kernel keeps
        // nothing.
        let count = unsafe { libc::recvmmsg(fd, start, want as libc::c_uint, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Datagram `index` of the last call.
    fn contents(&mut self, index: usize) -> Contents<'_> {
        let (header, slot) = (&self.headers[index], &mut self.slots[index]);
        let message = &header.msg_hdr;
        Contents {
            name: &slot.name[..(message.msg_namelen as usize).min(NAME_BYTES)],
            control: &slot.control[..CONTROL_ROOM.min(message.msg_controllen as _)],
            payload: &mut slot.bytes[..(header.msg_len as usize).min(DATAGRAM_BYTES_MAX)],
            truncated: message.msg_flags & libc::MSG_TRUNC != 0,
        }
    }

    /// The pointers are made for each call: the references that `contents` gave since would have made older ones invalid.
    fn prepare(&mut self, want: usize) {
        for ((header, iovec), slot) in self.headers.iter_mut().zip(&mut self.iovecs).zip(&mut self.slots).take(want) {
            *iovec = libc::iovec { iov_base: slot.bytes.as_mut_ptr().cast(), iov_len: DATAGRAM_BYTES_MAX };
            let message = &mut header.msg_hdr;
            message.msg_name = slot.name.as_mut_ptr().cast();
            message.msg_namelen = NAME_BYTES as libc::socklen_t;
            message.msg_iov = iovec;
            message.msg_iovlen = 1;
            message.msg_control = slot.control.as_mut_ptr().cast();
            message.msg_controllen = CONTROL_ROOM as _;
        }
    }
}
