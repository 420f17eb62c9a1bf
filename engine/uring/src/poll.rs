//! `ppoll`: a sleep on a few descriptors, with a timeout below a millisecond.

use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

/// A descriptor and the events that end the sleep.
pub(crate) fn entry(fd: RawFd, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

/// Sleeps until one of `entries` is ready, `at_most` has passed or a signal comes; gives how many are ready.
pub(crate) fn poll(entries: &mut [libc::pollfd], at_most: Duration) -> io::Result<usize> {
    let timeout = timespec(at_most);
    let (start, len) = (entries.as_mut_ptr(), entries.len() as libc::nfds_t);
    // Needed: std has no poll. SAFETY: `start` and `len` are those of a slice that is ours alone; it and the timeout live until the
    // call returns; a null signal set changes nothing.
    let ready = unsafe { libc::ppoll(start, len, &raw const timeout, ptr::null()) };
    usize::try_from(ready).or_else(|_| ignore_signal(io::Error::last_os_error()))
}

/// A signal is an end of a sleep like others.
pub(crate) fn ignore_signal(error: io::Error) -> io::Result<usize> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) }
}

/// As the kernel takes it.
pub(crate) fn timespec(duration: Duration) -> libc::timespec {
    // SAFETY: timespec is integers, for which zero is a value. Needed: private padding on some targets.
    let mut timespec: libc::timespec = unsafe { std::mem::zeroed() };
    timespec.tv_sec = libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX);
    timespec.tv_nsec = duration.subsec_nanos() as _;
    timespec
}
