//! An eventfd that ends a sleep, in either direction between a shard and signaling.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// Ends a sleep from any thread. Cheap to clone; calling it more than once before the sleeper looks is one wake-up.
#[derive(Clone, Debug)]
pub struct Waker {
    fd: Arc<OwnedFd>,
}

impl Waker {
    /// A waker that nobody sleeps on yet.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn new() -> io::Result<Self> {
        // Needed: std has no way to make one. SAFETY: eventfd takes two integers and touches no memory of ours.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // Needed: it has to be closed in the end. SAFETY: the descriptor is new, valid (checked above) and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd: Arc::new(fd) })
    }

    /// Ends the sleep, or the next one.
    pub fn wake(&self) {
        // The counter saturating (EAGAIN) means that a wake-up is pending: nothing to do.
        let one = 1u64.to_ne_bytes();
        // Needed: a `File` over it would want `&mut` or a second owner. SAFETY: the descriptor is open as long as `self`; the
        // pointer and length are those of a live array.
        let _ = unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes the pending wake-ups; whether there was one.
    pub fn take(&self) -> bool {
        let mut count = [0u8; 8];
        // Needed: as in `wake`. SAFETY: the descriptor is open as long as `self`; the pointer and length are those of a live,
        // writable array.
        let n = unsafe { libc::read(self.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        n == 8
    }
}

impl std::os::fd::AsFd for Waker {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.fd.as_raw_fd()
    }
}
