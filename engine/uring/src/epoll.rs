//! The back-end for places that forbid io_uring: epoll to sleep, `recvmmsg` and `sendmmsg` to move datagrams.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use crate::backend::{Arrivals, Backend, Departures, Received, Segments, Wait};
use crate::errno;
use crate::options::Options;
use crate::outgoing::{self, Headers};
use crate::sendmmsg;
use crate::socket::UdpSocket;
use crate::sockets::Sockets;
use crate::waker::Waker;

mod incoming;
mod poller;

use incoming::Incoming;
use poller::{Poller, Ready};

/// Errors in a row that may wait on a socket (ICMP answers) before a receive gives the rest of the turn to the others.
const PENDING_ERRORS_MAX: usize = 8;

/// A poller and its sockets.
pub(crate) struct EpollBackend {
    poller: Poller,
    incoming: Incoming,
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
        let (headers, gso, batch_max) = (Headers::new(), options.gso, options.batch_max.max(1));
        let (incoming, batch, full) = (Incoming::new(), batch_max, false);
        Ok(Self { poller, incoming, sockets, headers, waker, gso, batch_max, batch, full, first: 0 })
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

    /// Delivers what waits on `socket`, at most `budget`, and gives what is left of the budget.
    fn drain(
        &mut self,
        socket: usize,
        mut budget: usize,
        arrivals: &mut Arrivals,
        deliver: &mut dyn FnMut(Received<'_>),
    ) -> io::Result<usize> {
        let mut pending_errors = 0;
        while budget > 0 && pending_errors < PENDING_ERRORS_MAX {
            let want = budget.min(incoming::DATAGRAMS_MAX);
            match self.incoming.receive(self.sockets.fd(socket), want) {
                Ok(count) => {
                    for index in 0..count {
                        self.incoming.contents(index).deliver(&self.sockets, socket, arrivals, deliver);
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
}

impl Backend for EpollBackend {
    fn name(&self) -> &'static str {
        "epoll"
    }

    fn receive(&mut self, wait: Wait, deliver: &mut dyn FnMut(Received<'_>)) -> io::Result<Arrivals> {
        let ready = self.sleep(wait)?;
        let sockets = self.sockets.len();
        let mut arrivals = Arrivals { woken: ready.has(sockets) && self.waker.take(), ..Arrivals::default() };
        let mut budget = self.batch;
        for socket in (self.first..sockets).chain(0..self.first).filter(|s| ready.has(*s)) {
            budget = self.drain(socket, budget, &mut arrivals, deliver)?;
        }
        self.first = (self.first + 1) % sockets;
        self.full = budget == 0;
        arrivals.more = self.full;
        arrivals.waiting = arrivals.datagrams + arrivals.truncated;
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
