//! One thread of the fleet: a poller, its members and its timers.
//!
//! ```text
//! turn:  timers that are due -> wait -> mail, and each ready socket once, timers that come due between them -> counts
//! ```

use super::FleetOptions;
use super::cells::{ThreadCells, Turn};
use super::clock;
use super::happened::{Happened, Sending};
use super::inbound::{Expected, ReceivedCells};
use super::member::Member;
use super::outbound::Outbound;
use super::poller::{Poller, Ready};
use super::socket::{self, Inbox, Run};
use super::timers::{Timer, Timers};
use crate::association::Association;
use crate::stream::trail::Trails;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

/// Not a member: the thread itself.
const SELF: u32 = u32::MAX;
/// Half of the 5 s at which servers call a silent peer disconnected.
const CONSENT_INTERVAL_NS: u64 = 2_500_000_000;
/// What browsers do for video of some bandwidth (RFC 3550 section 6.2 would allow more).
const REPORT_INTERVAL_NS: u64 = 1_000_000_000;
const LOOK_INTERVAL_NS: u64 = 200_000_000;
/// Chromium's feedback comes at about this interval.
const PATH_INTERVAL_NS: u64 = 62_500_000;

/// What a thread is told.
pub(super) enum Mail {
    Attach { member: u32, association: Box<Association>, lost: Arc<AtomicBool> },
    Receive { member: u32, expected: Expected, cells: Arc<ReceivedCells> },
    Forget { member: u32, ssrc: u32, cells: Arc<ReceivedCells> },
    Publish { member: u32, outbound: Box<Outbound> },
    Unpublish { member: u32, stream: u32 },
    Detach { member: u32 },
    End,
}

/// What a thread is made of before it runs.
pub(super) struct Seat {
    pub(super) mail: Receiver<Mail>,
    pub(super) doorbell: Arc<EventFd>,
    pub(super) cells: Arc<ThreadCells>,
    pub(super) trails: Arc<Trails>,
    pub(super) options: FleetOptions,
}

/// A doorbell: writing to it wakes a thread.
pub(super) fn doorbell() -> nix::Result<EventFd> {
    EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
}

/// A thread of the fleet.
pub(super) struct Thread {
    seat: Seat,
    poller: Poller,
    /// By number; a number is not used again, so that what is meant for one that went meets nobody.
    members: Vec<Option<Box<Member>>>,
    timers: Timers,
    inbox: Inbox,
    run: Run,
    gso: bool,
    happened: Happened,
    turn: Turn,
    ended: bool,
}

impl Thread {
    pub(super) fn new(seat: Seat) -> nix::Result<Self> {
        let poller = Poller::new(&seat.doorbell, seat.options.rest)?;
        let mut timers = Timers::default();
        timers.set(clock::monotonic_ns(), SELF, Timer::Look);
        let gso = seat.options.gso;
        Ok(Self {
            seat,
            poller,
            members: Vec::new(),
            timers,
            inbox: Inbox::new(),
            run: Run::default(),
            gso,
            happened: Happened::default(),
            turn: Turn::default(),
            ended: false,
        })
    }

    /// Runs until it is told to end.
    pub(super) fn run(mut self) -> nix::Result<()> {
        while !self.ended {
            self.ring_timers(clock::monotonic_ns());
            let ready = self.poller.wait(self.timers.next_ns())?;
            let ahead_ns = clock::realtime_ns().wrapping_sub(clock::monotonic_ns());
            for place in 0..ready {
                match self.poller.at(place) {
                    Ready::Mail => self.open_mail(),
                    Ready::Timer => self.poller.rang(),
                    Ready::Socket(member) => self.receive(member, ahead_ns),
                }
            }
            self.seat.cells.post(&mut self.happened, &mut self.turn);
        }
        Ok(())
    }

    fn receive(&mut self, number: u32, ahead_ns: u64) {
        let Some(Some(member)) = self.members.get_mut(number as usize) else {
            return;
        };
        let arrived = match self.inbox.receive(&member.socket) {
            Ok(Some(arrived)) => arrived,
            // An error is an ICMP message to an earlier send: consent decides, not one message.
            Ok(None) | Err(_) => return,
        };
        let now_ns = clock::monotonic_ns();
        let at_ns = match arrived.realtime_ns {
            0 => now_ns,
            realtime_ns => realtime_ns.wrapping_sub(ahead_ns).min(now_ns),
        };
        self.turn.read_ns.push(now_ns - at_ns);
        if let Some(dropped) = arrived.dropped {
            let new = dropped.wrapping_sub(std::mem::replace(&mut member.dropped, dropped));
            self.seat.cells.queue_drops.fetch_add(new.into(), Ordering::Relaxed);
        }
        member.hear(&self.inbox.bytes[..arrived.len], arrived.segment, at_ns, &mut self.happened);
        // A burst that is due does not wait for a turn's reads: of a busy thread's, those of many publishers would leave all at once.
        self.ring_timers(now_ns);
    }

    fn ring_timers(&mut self, now_ns: u64) {
        while let Some(due) = self.timers.ring(now_ns) {
            if due.member == SELF {
                self.look(now_ns);
                self.timers.set(now_ns + LOOK_INTERVAL_NS, SELF, Timer::Look);
                continue;
            }
            let Some(Some(member)) = self.members.get_mut(due.member as usize) else {
                continue;
            };
            let next_ns = match due.timer {
                Timer::Consent => {
                    let expired = member.check_consent(now_ns);
                    self.seat.cells.peers_lost.fetch_add(expired.into(), Ordering::Relaxed);
                    Some(now_ns + CONSENT_INTERVAL_NS)
                }
                Timer::Report => {
                    member.report(now_ns, clock::realtime_ns());
                    Some(now_ns + REPORT_INTERVAL_NS)
                }
                Timer::Path => {
                    member.tell_path();
                    Some(now_ns + PATH_INTERVAL_NS)
                }
                Timer::Burst { stream, layer } => {
                    // Bursts before this one took their time.
                    let now_ns = clock::monotonic_ns();
                    self.turn.send_ns.push(now_ns - due.at_ns);
                    let mut sending = Sending { run: &mut self.run, gso: &mut self.gso, happened: &mut self.happened };
                    member.burst(stream, layer, now_ns, &mut sending)
                }
                Timer::Look => None,
            };
            if let Some(next_ns) = next_ns {
                self.timers.set(next_ns, due.member, due.timer);
            }
        }
    }

    /// Counts streams and CPU time.
    fn look(&mut self, now_ns: u64) {
        let (mut expected, mut started, mut silent) = (0, 0, 0);
        for stream in self.members.iter().flatten().flat_map(|member| member.streams()) {
            expected += 1;
            started += u64::from(stream.has_started());
            silent += u64::from(stream.is_silent(now_ns));
        }
        let cells = &self.seat.cells;
        cells.streams.expected.store(expected, Ordering::Relaxed);
        cells.streams.started.store(started, Ordering::Relaxed);
        cells.streams.silent.store(silent, Ordering::Relaxed);
        cells.cpu_ns.store(clock::thread_cpu_ns(), Ordering::Relaxed);
        cells.gso.store(self.gso, Ordering::Relaxed);
    }

    fn open_mail(&mut self) {
        // An error says that it rang already.
        let _ = self.seat.doorbell.read();
        loop {
            match self.seat.mail.try_recv() {
                Ok(mail) => self.take(mail),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, mail: Mail) {
        let now_ns = clock::monotonic_ns();
        match mail {
            Mail::Attach { member, association, lost } => self.attach(member, *association, lost),
            Mail::Receive { member: number, expected, cells } => {
                let trails = Arc::clone(&self.seat.trails);
                if let Some(Some(member)) = self.members.get_mut(number as usize) {
                    member.receive(&expected, trails, cells, &mut self.happened);
                    member.ask_keyframes(now_ns);
                    if member.begins_to_tell() {
                        self.timers.set(now_ns + rand::random::<u64>() % PATH_INTERVAL_NS, number, Timer::Path);
                    }
                }
            }
            Mail::Forget { member, ssrc, cells } => {
                if let Some(member) = self.member(member) {
                    member.forget(ssrc, &cells);
                }
            }
            Mail::Publish { member: number, outbound } => {
                let (stream, dues): (_, Vec<u64>) = (outbound.stream, outbound.first_dues_ns().collect());
                if let Some(member) = self.member(number) {
                    member.publish(*outbound);
                    for (layer, due_ns) in dues.into_iter().enumerate() {
                        self.timers.set(due_ns.max(now_ns), number, Timer::Burst { stream, layer });
                    }
                }
            }
            Mail::Unpublish { member, stream } => {
                if let Some(member) = self.member(member) {
                    member.unpublish(stream);
                }
            }
            Mail::Detach { member } => self.detach(member),
            Mail::End => self.ended = true,
        }
    }

    fn member(&mut self, number: u32) -> Option<&mut Member> {
        self.members.get_mut(number as usize)?.as_deref_mut()
    }

    fn attach(&mut self, number: u32, association: Association, lost: Arc<AtomicBool>) {
        let now_ns = clock::monotonic_ns();
        let sample = self.seat.options.sample;
        let is_whole = sample.whole_every > 0 && number.is_multiple_of(sample.whole_every);
        let member = Box::new(Member::new(association, if is_whole { 1 } else { sample.one_in }, lost, now_ns));
        let prepared =
            socket::prepare(&member.socket, self.seat.options.gro).and_then(|()| self.poller.add(&*member.socket, number));
        if prepared.is_err() {
            member.lose();
            self.seat.cells.peers_lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let at = number as usize;
        if self.members.len() <= at {
            self.members.resize_with(at + 1, || None);
        }
        self.members[at] = Some(member);
        // Spread over their interval: members that came together do not report together for ever.
        self.timers.set(now_ns + rand::random::<u64>() % CONSENT_INTERVAL_NS, number, Timer::Consent);
        self.timers.set(now_ns + rand::random::<u64>() % REPORT_INTERVAL_NS, number, Timer::Report);
    }

    fn detach(&mut self, number: u32) {
        let Some(member) = self.members.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        // The goodbye still has the socket: it must be taken out of the poller by hand. An error says that it is.
        let _ = self.poller.delete(&*member.socket);
    }
}
