//! Sleeping until one of some descriptors is readable.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use crate::poll;

/// Events of one look. Others come with the next: the kernel gives them in turn.
const EVENTS_MAX: usize = 16;

/// An epoll instance, level-triggered: what was not read is ready again.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    /// `epoll_pwait2` (Linux 5.11) is there and allowed: timeouts below a millisecond.
    fine: Cell<bool>,
}

/// Which descriptors are readable, by token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    tokens: [u8; EVENTS_MAX],
    len: usize,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn has(&self, token: usize) -> bool {
        self.tokens[..self.len].iter().any(|t| usize::from(*t) == token)
    }
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes an integer and touches no memory of ours. Needed: std has no epoll.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // Needed: it has to be closed in the end. SAFETY: the descriptor is new, valid (checked above) and owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, fine: Cell::new(true) })
    }

    /// Watches `fd` under `token`, 255 at most, until it is closed.
    pub(super) fn add(&self, fd: RawFd, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, token)
    }

    /// The same until it was readable once; and once more.
    pub(super) fn add_once(&self, fd: RawFd, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN | libc::EPOLLONESHOT, token)
    }

    pub(super) fn watch_once(&self, fd: RawFd, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, libc::EPOLLIN | libc::EPOLLONESHOT, token)
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, events: libc::c_int, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token as u64 };
        // SAFETY: both descriptors are open (or the kernel says that they are not), and the event lives until the call returns,
        // which is how long the kernel reads it. Needed: std has no epoll.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Sleeps until something is readable, `at_most` has passed (`None`: for ever) or a signal comes.
    pub(super) fn wait(&self, at_most: Option<Duration>) -> io::Result<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        if self.fine.get() {
            match self.wait_fine(&mut events, at_most) {
                Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => self.fine.set(false),
                result => return collect(&events, result),
            }
        }
        let result = self.wait_coarse(&mut events, at_most);
        collect(&events, result)
    }

    fn wait_fine(&self, events: &mut [libc::epoll_event; EVENTS_MAX], at_most: Option<Duration>) -> io::Result<usize> {
        let timeout = at_most.map(poll::timespec);
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (epoll, start, len) = (self.epoll.as_raw_fd(), events.as_mut_ptr(), EVENTS_MAX as libc::c_int);
        let no_signals: *const libc::sigset_t = ptr::null();
        // By number, as the C library may be older than the call (glibc 2.35 has it). SAFETY: `start` and `len` are those of an
        // array that is ours alone; the timeout is null or lives until the call returns; a null signal set is allowed, whatever
        // its size. Needed: std has no epoll.
        let count = unsafe { libc::syscall(libc::SYS_epoll_pwait2, epoll, start, len, timeout, no_signals, 0usize) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Rounds up to milliseconds: a sleep is never shorter than asked for, or the caller would spin.
    fn wait_coarse(&self, events: &mut [libc::epoll_event; EVENTS_MAX], at_most: Option<Duration>) -> io::Result<usize> {
        let timeout = at_most.map_or(-1, |most| i32::try_from(most.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        // SAFETY: the array is ours alone and as long as said. Needed: std has no epoll.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), EVENTS_MAX as libc::c_int, timeout) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Sleeps until `fd` is readable, `at_most` has passed or a signal comes.
pub(super) fn sleep_on(fd: BorrowedFd<'_>, at_most: Duration) -> io::Result<()> {
    poll::poll(&mut [poll::entry(fd.as_raw_fd(), libc::POLLIN)], at_most).map(drop)
}

fn collect(events: &[libc::epoll_event; EVENTS_MAX], result: io::Result<usize>) -> io::Result<Ready> {
    let len = result.or_else(poll::ignore_signal)?;
    let mut ready = Ready { len, ..Ready::default() };
    for (token, event) in ready.tokens.iter_mut().zip(&events[..len]) {
        *token = event.u64 as u8;
    }
    Ok(ready)
}
