//! What a thread waits for: its sockets, its doorbell, and the time of its next timer.
//!
//! The poller is level-triggered and each ready socket is read once a turn: a socket with more is ready again, and no call is spent
//! on finding a queue empty.

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// Sockets that a turn reads, 64 in 0.1 ms. Higher: fewer calls to the poller. Lower: mail waits for less.
const EVENTS_MAX: usize = 64;
const MAIL: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Looks that find nothing before the thread goes to sleep until something arrives. More: the first packet after a pause, of a video
/// at 30 frames a second say, finds it awake. Fewer: an idle thread is idle sooner.
const EMPTY_LOOKS_MAX: u32 = 50;

/// Something to do.
pub(super) enum Ready {
    /// The doorbell rang.
    Mail,
    /// A timer is due.
    Timer,
    /// This member's socket has something.
    Socket(u32),
}

/// Waits for what is to do.
pub(super) struct Poller {
    all: Epoll,
    /// The timer alone: what ends a rest.
    rest: Epoll,
    rest_for: EpollTimeout,
    timer: TimerFd,
    armed_ns: u64,
    events: [EpollEvent; EVENTS_MAX],
    ready: usize,
    empty_looks: u32,
}

impl Poller {
    /// A poller that lets arrivals gather for so long, in whole milliseconds, before it looks again. With zero each arrival wakes it.
    pub(super) fn new(doorbell: &Arc<EventFd>, rest: Duration) -> nix::Result<Self> {
        let (all, rests) = (Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        all.add(&**doorbell, EpollEvent::new(EpollFlags::EPOLLIN, MAIL))?;
        all.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        rests.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let rest_for = EpollTimeout::try_from(rest).unwrap_or(EpollTimeout::MAX);
        let events = [EpollEvent::empty(); EVENTS_MAX];
        Ok(Self { all, rest: rests, rest_for, timer, armed_ns: 0, events, ready: 0, empty_looks: 0 })
    }

    /// From here on this socket is told of, by this number.
    pub(super) fn add(&self, socket: impl AsFd, member: u32) -> nix::Result<()> {
        self.all.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, member.into()))
    }

    /// No more of this socket.
    pub(super) fn delete(&self, socket: impl AsFd) -> nix::Result<()> {
        self.all.delete(socket)
    }

    /// Waits, at most until `next_ns` on the monotonic clock; gives how many are ready.
    pub(super) fn wait(&mut self, next_ns: Option<u64>) -> nix::Result<usize> {
        self.arm(next_ns)?;
        let gathers = self.rest_for != EpollTimeout::ZERO && self.empty_looks < EMPTY_LOOKS_MAX;
        if gathers && self.ready < EVENTS_MAX {
            interruptible(self.rest.wait(&mut [EpollEvent::empty()], self.rest_for))?;
        }
        let timeout = if gathers { EpollTimeout::ZERO } else { EpollTimeout::NONE };
        self.ready = interruptible(self.all.wait(&mut self.events, timeout))?;
        let arrived = (0..self.ready).any(|at| matches!(self.at(at), Ready::Socket(_)));
        self.empty_looks = if arrived { 0 } else { self.empty_looks.saturating_add(1) };
        Ok(self.ready)
    }

    /// What is ready, by its place.
    pub(super) fn at(&self, place: usize) -> Ready {
        match self.events[place].data() {
            MAIL => Ready::Mail,
            TIMER => Ready::Timer,
            member => Ready::Socket(member as u32),
        }
    }

    /// The timer was seen.
    pub(super) fn rang(&self) {
        // An error says that it was armed anew meanwhile.
        let _ = self.timer.wait();
    }

    fn arm(&mut self, next_ns: Option<u64>) -> nix::Result<()> {
        let Some(next_ns) = next_ns.filter(|next_ns| *next_ns != self.armed_ns) else {
            return Ok(());
        };
        self.armed_ns = next_ns;
        // 0 would disarm it.
        let at = TimeSpec::from(Duration::from_nanos(next_ns.max(1)));
        self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)
    }
}

fn interruptible(ready: nix::Result<usize>) -> nix::Result<usize> {
    match ready {
        Err(Errno::EINTR) => Ok(0),
        other => other,
    }
}
