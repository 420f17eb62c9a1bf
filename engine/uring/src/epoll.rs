//! The back-end for places that forbid io_uring: epoll to sleep, `recvmmsg` and `sendmmsg` to move datagrams.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use crate::backend::{Arrivals, Backend, Departures, Received, Segments, Wait};
use crate::incoming::Incoming;
use crate::options::Options;
use crate::outgoing::{self, Headers};
use crate::rtcp::Rtcp;
use crate::sendmmsg;
use crate::socket::UdpSocket;
use crate::sockets::Sockets;
use crate::waker::Waker;

mod poller;

use poller::{Poller, Ready};

/// A poller and its sockets.
pub(crate) struct EpollBackend {
    poller: Poller,
    incoming: Incoming,
    rtcp: Rtcp,
    sockets: Sockets,
    headers: Headers,
    waker: Waker,
    gso: bool,
    batch_max: usize,
    /// What the owner takes at once at present.
    batch: usize,
    /// The last `receive` filled its batch: there is no lack of company.
    full: bool,
    /// The socket that is read first: each in turn, so that a busy one does not starve the others.
    first: usize,
}

impl EpollBackend {
    pub(crate) fn new(sockets: Vec<UdpSocket>, options: Options) -> io::Result<Self> {
        let sockets = Sockets::new(sockets)?;
        let waker = Waker::new()?;
        let poller = Poller::new()?;
        for (token, fd) in sockets.fds().chain([waker.as_raw_fd()]).enumerate() {
            poller.add(fd, token)?;
        }
        for (place, fd) in sockets.rtcp() {
            poller.add_once(fd, rtcp_token(&sockets, place))?;
        }
        let (headers, gso, batch_max) = (Headers::new(), options.gso, options.batch_max.max(1));
        let (incoming, rtcp, batch, full) = (Incoming::new(), Rtcp::new(), batch_max, false);
        Ok(Self { poller, incoming, rtcp, sockets, headers, waker, gso, batch_max, batch, full, first: 0 })
    }

    /// What is ready, after a sleep as long as `wait` allows. Company is waited for first, on the waker alone, so that the
    /// datagrams which come meanwhile wake nobody. The kernel may add its timer slack, 50 us for a thread that did not change it.
    fn sleep(&mut self, wait: Wait) -> io::Result<Ready> {
        let company = wait.at_most.map_or(wait.company, |most| most.min(wait.company));
        if company.is_zero() || self.full {
            return self.poller.wait(wait.at_most);
        }
        poller::sleep_on(self.waker.as_fd(), company)?;
        let ready = self.poller.wait(Some(Duration::ZERO))?;
        if !ready.is_empty() {
            return Ok(ready);
        }
        self.poller.wait(wait.at_most.map(|most| most.saturating_sub(company)))
    }
}

impl Backend for EpollBackend {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn receive(&mut self, wait: Wait, deliver: &mut dyn FnMut(Received<'_>)) -> io::Result<Arrivals> {
        let ready = self.sleep(self.rtcp.limit(wait))?;
        let sockets = self.sockets.len();
        let mut arrivals = Arrivals { woken: ready.has(sockets) && self.waker.take(), ..Arrivals::default() };
        let mut budget = self.batch;
        for socket in (self.first..sockets).chain(0..self.first).filter(|s| ready.has(*s)) {
            budget = self.incoming.drain(&self.sockets, (socket, self.sockets.fd(socket)), budget, &mut arrivals, deliver)?;
        }
        self.first = (self.first + 1) % sockets;
        self.full = budget == 0;
        arrivals.more = self.full;
        arrivals.waiting = arrivals.datagrams + arrivals.truncated;
        if self.sockets.rtcp().any(|(place, _)| ready.has(rtcp_token(&self.sockets, place))) {
            self.rtcp.came();
        }
        if self.rtcp.take_in(&mut self.incoming, &self.sockets, &mut arrivals, deliver)? {
            for (place, fd) in self.sockets.rtcp() {
                self.poller.watch_once(fd, rtcp_token(&self.sockets, place))?;
            }
        }
        Ok(arrivals)
    }

    fn limit_batch(&mut self, datagrams: usize) {
        self.batch = datagrams.clamp(1, self.batch_max);
    }

    fn send(&mut self, runs: &mut dyn Iterator<Item = Segments<'_>>) -> io::Result<Departures> {
        let Self { headers, sockets, gso, .. } = self;
        outgoing::send_all(headers, sockets, gso, runs, &mut |messages| sendmmsg::transmit(sockets, messages))
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Behind those of the sockets and of the waker.
fn rtcp_token(sockets: &Sockets, place: usize) -> usize {
    sockets.len() + 1 + place
}
