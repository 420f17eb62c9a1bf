//! The io_uring back-end: it receives by the ring and sends by `sendmmsg`, which was never dearer and is 7 % cheaper for single
//! messages (`docs/decisions/0004-sends-by-sendmmsg.md`).
//!
//! ```text
//! receive:  arm (multishot RECVMSG a socket, multishot POLL of the waker) -> sleep -> pump: completions -> waiting -> deliver -> RTCP
//! send:     sendmmsg, up to 64 messages; before many of them: disarm, until the next receive
//! ```

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::{opcode, types};

use crate::backend::{Arrivals, Backend, Departures, Received, Segments, Wait};
use crate::buffers::{Buffers, GROUP};
use crate::incoming::Incoming;
use crate::options::Options;
use crate::outgoing::{self, Headers};
use crate::ring::Ring;
use crate::rtcp::Rtcp;
use crate::sendmmsg;
use crate::socket::UdpSocket;
use crate::sockets::Sockets;
use crate::waker::Waker;

mod receiving;

use receiving::{Receiving, Tag};

/// Requests between two submits: the receives and the poll that may have to be armed. More of them are submitted in parts.
const SUBMISSIONS: u32 = 16;
/// Rounds of cancelling and waiting, [`QUIESCE_WAIT`] each at most, before the buffers are left to the kernel for good.
const QUIESCE_ROUNDS: usize = 20;
const QUIESCE_WAIT: Duration = Duration::from_millis(50);

/// A ring, its buffers and its sockets.
pub(crate) struct UringBackend {
    ring: Ring,
    receiving: Receiving,
    rtcp: Rtcp,
    incoming: Incoming,
    /// Freed by `drop` only when the kernel is known to be done with them.
    shared: ManuallyDrop<Shared>,
    sockets: Sockets,
    headers: Headers,
    waker: Waker,
    gso: bool,
    batch_max: usize,
    /// What the owner takes at once at present.
    batch: usize,
    /// The last `receive` filled its batch: there is no lack of company.
    full: bool,
    /// One sleep can wait for company.
    minimum_wait: bool,
}

/// What requests of the kernel point to between two calls.
struct Shared {
    buffers: Buffers,
    layout: Box<libc::msghdr>,
}

impl UringBackend {
    pub(crate) fn new(sockets: Vec<UdpSocket>, options: Options) -> io::Result<Self> {
        // A completion for each buffer, the ends of the multishot requests, the answers to who asked for them, and some calls of
        // the waker: it does not overflow.
        let completions = u32::from(options.buffers) + 2 * sockets.len() as u32 + SUBMISSIONS;
        let ring = Ring::new(SUBMISSIONS, completions.next_power_of_two())?;
        Self::over(ring, sockets, options)
    }

    fn over(ring: Ring, sockets: Vec<UdpSocket>, options: Options) -> io::Result<Self> {
        let sockets = Sockets::new(sockets)?;
        let waker = Waker::new()?;
        let shared = Shared { buffers: Buffers::new(options.buffers)?, layout: Box::new(Buffers::layout()) };
        let fds: Vec<_> = sockets.fds().chain([waker.as_raw_fd()]).chain(sockets.rtcp().map(|(_, fd)| fd)).collect();
        ring.submitter().register_files(&fds)?;
        // Needed: multishot receive takes its memory from there. SAFETY: when this succeeds, the buffers go into `ManuallyDrop`
        // with nothing that fails in between; `drop` frees them only after it unregistered them with no receive in flight, and
        // else leaks them.
        unsafe { shared.buffers.register(&ring)? };
        let shared = ManuallyDrop::new(shared);
        let receiving = Receiving::new(sockets.len(), sockets.rtcp().count(), usize::from(options.buffers));
        let (rtcp, incoming) = (Rtcp::new(), Incoming::new());
        let minimum_wait = ring.has_minimum_wait();
        let (headers, gso, batch_max) = (Headers::new(), options.gso, options.batch_max.max(1));
        let (batch, full) = (batch_max, false);
        Ok(Self { ring, receiving, rtcp, incoming, shared, sockets, headers, waker, gso, batch_max, batch, full, minimum_wait })
    }

    /// Begins each multishot request that ended or was never begun. A receive waits until half of the buffers are back, or it
    /// would end again at once.
    fn arm(&mut self) -> io::Result<()> {
        let waker = types::Fixed(self.sockets.len() as u32);
        if !self.receiving.is_polling() {
            let poll = opcode::PollAdd::new(waker, libc::POLLIN as u32).multi(true).build().user_data(Tag::Wake.pack());
            // Needed: a sleeping ring sees the waker by this alone. SAFETY: a poll points to nothing.
            unsafe { self.ring.push(&poll)? };
            self.receiving.begin_poll();
        }
        while let Some(place) = self.receiving.to_watch() {
            let socket = types::Fixed((self.sockets.len() + 1 + place) as u32);
            let poll = opcode::PollAdd::new(socket, libc::POLLIN as u32).build().user_data(Tag::Rtcp(place).pack());
            // Needed: a sleeping ring sees RTCP by this alone. SAFETY: a poll points to nothing.
            unsafe { self.ring.push(&poll)? };
            self.receiving.begin_watch(place);
        }
        while let Some(socket) = self.receiving.to_begin() {
            let layout: *const libc::msghdr = &raw const *self.shared.layout;
            let receive = opcode::RecvMsgMulti::new(types::Fixed(socket as u32), layout, GROUP).build();
            let receive = receive.user_data(Tag::Receive(socket).pack());
            // Needed: it is how datagrams come in. SAFETY: the request points to `layout` and, by its group, to the buffers; both
            // live in `shared`, which `drop` frees only when no receive is in flight. The kernel writes only buffers that are in
            // the ring of the group.
            unsafe { self.ring.push(&receive)? };
            self.receiving.begin_receive(socket);
        }
        Ok(())
    }

    fn sleep(&mut self, wait: Wait) -> io::Result<()> {
        if wait.at_most == Some(Duration::ZERO) || !self.receiving.is_empty() {
            return self.ring.poll();
        }
        let company = wait.at_most.map_or(wait.company, |most| most.min(wait.company));
        // The kernel counts in microseconds: less than one would be none, and the sleep would last until the batch is full.
        if company < Duration::from_micros(1) || self.full {
            return self.ring.wait(1, Duration::ZERO, wait.at_most);
        }
        if self.minimum_wait {
            return self.ring.wait(self.batch, company, wait.at_most);
        }
        self.ring.wait(1, Duration::ZERO, wait.at_most)?;
        if self.ring.is_ready() { self.ring.wait(self.batch, Duration::ZERO, Some(company)) } else { Ok(()) }
    }

    /// Takes all completions, and those that the kernel put off: after every 32 datagrams a multishot receive lets others have
    /// their turn, which tore every third burst of 20 in two, each with runs of its own.
    fn collect(&mut self) -> io::Result<()> {
        loop {
            let had = self.receiving.len();
            pump(&mut self.ring, &mut self.receiving, &self.waker);
            if self.receiving.len() == had || self.receiving.len() >= self.batch || !self.ring.is_put_off() {
                return Ok(());
            }
            self.ring.poll()?;
        }
    }

    /// Cancels what is in flight, waits for the end of it and takes the buffers back from the kernel.
    fn quiesce(&mut self) -> io::Result<()> {
        for _ in 0..QUIESCE_ROUNDS {
            pump(&mut self.ring, &mut self.receiving, &self.waker);
            if !self.receiving.is_in_flight() {
                // The kernel takes a ring down in the background, 60 ms after it was closed: without this its sockets would keep
                // their ports for that long, and a shard that starts again could not bind.
                let _ = self.ring.submitter().unregister_files();
                return self.shared.buffers.unregister(&self.ring);
            }
            self.ring.cancel_all()?;
            self.ring.wait_only(QUIESCE_WAIT)?;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Backend for UringBackend {
    fn name(&self) -> &'static str {
        if self.ring.is_deferred() { "io_uring" } else { "io_uring (plain)" }
    }

    fn receive(&mut self, wait: Wait, deliver: &mut dyn FnMut(Received<'_>)) -> io::Result<Arrivals> {
        self.arm()?;
        self.sleep(self.rtcp.limit(wait))?;
        self.collect()?;
        let mut arrivals = Arrivals {
            woken: self.receiving.take_woken(),
            waiting: self.receiving.len(),
            more: self.receiving.not_begun().is_some(),
            ..Arrivals::default()
        };
        let buffers = &mut self.shared.buffers;
        let batch = self.receiving.waiting(self.batch);
        self.full = batch.len() == self.batch;
        arrivals.more |= self.full;
        for arrival in batch {
            // Needed: the payload is read where the kernel wrote it, without a copy. SAFETY: `arrival` is a completion of a
            // receive on the group of these buffers, and it leaves the queue here, so that it is claimed once.
            let contents = unsafe { buffers.claim(arrival.buffer, arrival.len) };
            contents.deliver(&self.sockets, arrival.socket, &mut arrivals, deliver);
            buffers.give_back(arrival.buffer);
        }
        buffers.publish();
        self.receiving.check()?;
        if self.receiving.take_rtcp() {
            self.rtcp.came();
        }
        if self.rtcp.take_in(&mut self.incoming, &self.sockets, &mut arrivals, deliver)? {
            self.receiving.watch();
        }
        Ok(arrivals)
    }

    fn limit_batch(&mut self, datagrams: usize) {
        self.batch = datagrams.clamp(1, self.batch_max);
    }

    fn send(&mut self, runs: &mut dyn Iterator<Item = Segments<'_>>) -> io::Result<Departures> {
        let Self { ring, receiving, waker, headers, sockets, gso, .. } = self;
        let mut disarmed = Ok(());
        let departures = outgoing::send_all(headers, sockets, gso, runs, &mut |messages| {
            if receiving.is_in_the_way(messages.len()) && disarmed.is_ok() {
                disarmed = disarm(ring, receiving, waker);
            }
            sendmmsg::transmit(sockets, messages)
        })?;
        disarmed.map(|()| departures)
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Drop for UringBackend {
    fn drop(&mut self) {
        if self.quiesce().is_ok() {
            // Needed: it frees the buffers, but not always. SAFETY: dropped once, here, and not used after. The kernel has no
            // request in flight and no registration left that points into it. Otherwise it is leaked: some MiB once are better
            // than a kernel that writes into freed memory.
            unsafe { ManuallyDrop::drop(&mut self.shared) };
        }
    }
}

/// Takes all completions.
fn pump(ring: &mut Ring, receiving: &mut Receiving, waker: &Waker) {
    while let Some(completion) = ring.next() {
        match Tag::unpack(completion.user_data) {
            Tag::Receive(socket) => receiving.note_receive(socket, completion),
            Tag::Wake => receiving.note_wake(completion, || waker.take()),
            Tag::Rtcp(place) => receiving.note_rtcp(place),
            // The receive that it was for has a completion of its own.
            Tag::Cancel => {}
        }
    }
}

/// Ends all receives. What comes waits in the sockets until [`UringBackend::arm`] begins others.
fn disarm(ring: &mut Ring, receiving: &mut Receiving, waker: &Waker) -> io::Result<()> {
    for socket in receiving.begun() {
        let cancel = opcode::AsyncCancel::new(Tag::Receive(socket).pack()).build().user_data(Tag::Cancel.pack());
        // Needed: a receive goes on until it is told otherwise. SAFETY: a cancellation points to nothing.
        unsafe { ring.push(&cancel)? };
    }
    // Does not sleep: there is an answer to each cancellation.
    ring.wait(1, Duration::ZERO, None)?;
    pump(ring, receiving, waker);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::BufferSizes;

    /// What an older kernel gets, where this one has more.
    fn old(deferred: bool) -> Option<UringBackend> {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().expect("an address"), BufferSizes::default()).expect("loopback binds");
        let Ok(ring) = Ring::build(SUBMISSIONS, 512, deferred) else {
            eprintln!("skipped: no such io_uring here");
            return None;
        };
        let mut backend = UringBackend::over(ring, vec![socket], Options { buffers: 8, ..Options::default() }).expect("opens");
        backend.minimum_wait = false;
        Some(backend)
    }

    #[test]
    fn a_burst_comes_back_without_deferred_work_and_minimum_wait() {
        for mut backend in [old(false), old(true)].into_iter().flatten() {
            let here = backend.sockets.local_address(0);
            let bytes: Vec<u8> = (0..64 * 100).map(|i| (i / 100) as u8).collect();
            let run = Segments { remote: here, local: here.ip(), bytes: &bytes, segment: 100 };
            assert_eq!(backend.send(&mut std::iter::once(run)).expect("sends").packets, 64);
            let mut seen = Vec::new();
            while seen.len() < 64 {
                let wait = Wait { at_most: Some(Duration::from_secs(10)), company: Duration::from_micros(500) };
                let arrivals = backend.receive(wait, &mut |d| seen.push(d.bytes[0])).expect("receives");
                assert!(arrivals.datagrams > 0, "after {}", seen.len());
            }
            assert!(seen.iter().copied().eq(0..64));
        }
    }

    #[test]
    fn a_burst_that_waits_is_received_at_once() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().expect("an address"), BufferSizes::default()).expect("loopback binds");
        let Ok(ring) = Ring::build(SUBMISSIONS, 512, true) else { return eprintln!("skipped: no such io_uring here") };
        let mut backend = UringBackend::over(ring, vec![socket], Options::default()).expect("opens");
        let here = backend.sockets.local_address(0);
        let run = Segments { remote: here, local: here.ip(), bytes: &[7; 40 * 100], segment: 100 };
        // The kernel stops after each 32 datagrams: at another place of each burst.
        for _ in 0..10 {
            assert_eq!(backend.send(&mut std::iter::once(run)).expect("sends").packets, 40);
            let wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };
            assert_eq!(backend.receive(wait, &mut |_| {}).expect("receives").datagrams, 40);
        }
    }

    #[test]
    fn nothing_is_received_beside_many_messages_and_nothing_lost() {
        for mut backend in [old(false), old(true)].into_iter().flatten() {
            let here = backend.sockets.local_address(0);
            let no_wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };
            let peer = UdpSocket::bind("127.0.0.1:0".parse().expect("an address"), BufferSizes::default()).expect("loopback binds");
            let messages = |count: usize, to| {
                std::iter::repeat_n(Segments { remote: to, local: here.ip(), bytes: &[7; 100], segment: 100 }, count)
            };
            for (count, begun) in [(10, true), (100, false)] {
                backend.receive(no_wait, &mut |_| {}).expect("begins to receive");
                assert_eq!(backend.send(&mut messages(count, peer.local())).expect("sends").packets, count);
                assert_eq!(backend.receiving.begun().next().is_some(), begun);
                assert_eq!(backend.send(&mut messages(5, here)).expect("sends").packets, 5);
                let arrivals = backend.receive(no_wait, &mut |_| {}).expect("receives");
                assert_eq!((arrivals.datagrams, arrivals.more), (5, false));
            }
        }
    }

    #[test]
    fn a_ring_that_failed_receives_nothing_and_is_dropped_clean() {
        let Some(mut backend) = old(true) else { return };
        let sleep = Wait { at_most: Some(Duration::from_secs(10)), company: Duration::ZERO };
        backend.receive(Wait { at_most: Some(Duration::ZERO), ..sleep }, &mut |_| {}).expect("begins to receive");
        backend.ring.fail();
        assert!(backend.receive(sleep, &mut |_| {}).is_err());
        assert!(backend.quiesce().is_ok(), "what was in flight is ended");
    }
}
