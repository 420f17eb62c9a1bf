//! Room for what one `recvmmsg` brings.

use std::io;
use std::os::fd::RawFd;
use std::ptr;

use crate::address::NAME_BYTES;
use crate::backend::DATAGRAM_BYTES_MAX;
use crate::contents::{CONTROL_ROOM, Contents};

/// Datagrams of one call. More saves calls (one costs about 100 ns against 490 a datagram); fewer keeps the bytes (2 KiB each) in
/// the second-level cache until they are read.
pub(super) const DATAGRAMS_MAX: usize = 64;

/// One datagram's place.
#[derive(Clone)]
struct Slot {
    name: [u8; NAME_BYTES],
    control: [u8; CONTROL_ROOM],
    bytes: [u8; DATAGRAM_BYTES_MAX],
}

/// The places, and the headers that name them to the kernel.
pub(super) struct Incoming {
    headers: Box<[libc::mmsghdr]>,
    iovecs: Box<[libc::iovec]>,
    slots: Box<[Slot]>,
}

impl Incoming {
    pub(super) fn new() -> Self {
        // SAFETY: mmsghdr is integers and raw pointers, for which zero is a value. Needed: private padding on some targets.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let slot = Slot { name: [0; NAME_BYTES], control: [0; CONTROL_ROOM], bytes: [0; DATAGRAM_BYTES_MAX] };
        Self {
            headers: vec![header; DATAGRAMS_MAX].into_boxed_slice(),
            iovecs: vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; DATAGRAMS_MAX].into_boxed_slice(),
            slots: vec![slot; DATAGRAMS_MAX].into_boxed_slice(),
        }
    }

    /// Takes up to `want` datagrams from the socket `fd`, without sleeping.
    pub(super) fn receive(&mut self, fd: RawFd, want: usize) -> io::Result<usize> {
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
    pub(super) fn contents(&mut self, index: usize) -> Contents<'_> {
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
