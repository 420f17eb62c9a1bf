//! One shard: a pinned thread that turns datagrams and commands into packets and events, for as long as the node lives.
//!
//! ```text
//!            .--------------------------------- sleep: datagram, waker, timer ---------------------------------.
//!            v                                                                                                  |
//! receive (commands, then each datagram into the core) -> mesh -> timers -> mesh, transmit -> events -> counters -> how long?
//! ```
//!
//! A turn sends for a bounded time; what is left goes on in the next, which begins at once and takes in less ([`intake`]). So nothing waits
//! for a large room but that room.
//!
//! A turn gives everything it takes in the same time: the clock is read when the first datagram is delivered (after the sleep and the
//! wait for company), or when the sleep ends without one. A second reading at the end of the turn measures it and shortens the sleep.
//!
//! A life of the shard is one core and one back-end. A panic ends the life, not the thread: the rooms end with an event, the next
//! life begins on the same sockets, and whoever sends to the shard notices nothing but that.

mod backoff;
mod company;
mod rooms;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use corelay_core::datagram::Datagram;
use corelay_core::outbox::Run;
use corelay_core::transport::Certificate;
use corelay_core::{Core, CoreConfig};
use corelay_uring::{Arrivals, Backend, Kind, Options, Segments, UdpSocket, Wait};
use corelay_wire::ids::ShardId;
use corelay_wire::units::Instant;

use crate::clock::Clock;
use crate::config::limits;
use crate::entropy;
use crate::latency::{Reading, Stamps};
use crate::mailbox::{CommandReceiver, EventOutbox, Sleep};
use crate::mesh::Mesh;
use crate::metrics::Metrics;
use crate::snapshot::{Queue, WakeCause};
use crate::topology;
use backoff::Backoff;
use company::Company;
use rooms::Rooms;

/// What a shard is made of in every life. Plain values and descriptors, made at boot.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) core: CoreConfig,
    pub(crate) certificate: Certificate,
    pub(crate) clock: Clock,
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    /// Kept open over lives, so that nobody takes the ports between two of them.
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) cpu: usize,
    /// `COALESCE_US`.
    pub(crate) company: Duration,
}

/// A shard and what outlives its core.
pub(crate) struct Shard {
    plan: Plan,
    commands: CommandReceiver,
    events: EventOutbox,
    mesh: Mesh,
    metrics: Metrics,
    rooms: Rooms,
    company: Company,
    stamps: Stamps,
}

/// What the shard tells boot, once: that it is in its loop, or why it is not.
pub(crate) type Ready = Box<dyn FnOnce(io::Result<()>) + Send>;

impl Shard {
    pub(crate) fn new(plan: Plan, commands: CommandReceiver, events: EventOutbox, mesh: Mesh, metrics: Metrics) -> Self {
        let rooms = Rooms::new(plan.core.limits.rooms_max as usize);
        let company = Company::new(plan.company);
        let stamps = Stamps::new(plan.clock);
        Self { plan, commands, events, mesh, metrics, rooms, company, stamps }
    }

    /// The thread: lives until it is told to stop. A first life that cannot begin is the node's failure to start.
    pub(crate) fn run(mut self, ready: Ready) {
        let id = self.id();
        if !topology::pin(self.plan.cpu) {
            tracing::warn!(shard = %id, core = self.plan.cpu, "cannot pin the shard to its core: it runs where the kernel puts it");
        }
        let mut ready = Some(ready);
        let mut backoff = Backoff::new(std::time::Instant::now());
        while !self.commands.is_stopped() {
            let failure = match catch_unwind(AssertUnwindSafe(|| self.live(&mut ready))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Failure::Io(error),
                Err(panic) => Failure::Panic(message(&*panic)),
            };
            if let Some(ready) = ready.take() {
                return ready(Err(failure.into()));
            }
            let wait = backoff.failed(std::time::Instant::now());
            tracing::error!(shard = %id, ?wait, "the shard {failure}: its rooms end, and it starts anew");
            self.mourn();
            self.pause(wait);
        }
    }

    /// One life: a core and a back-end, until the shard is told to stop (`Ok`) or the back-end is lost.
    fn live(&mut self, ready: &mut Option<Ready>) -> io::Result<()> {
        let plan = &self.plan;
        let sockets = plan.sockets.iter().map(UdpSocket::try_clone).collect::<io::Result<Vec<_>>>()?;
        let mut backend = corelay_uring::open(plan.kind, sockets, plan.options)?;
        let clock = plan.clock;
        let seed = entropy::seed()?;
        self.mesh.begin_life();
        let mut core = Core::new(plan.core.clone(), seed, clock.origin(), clock.wall_origin(), plan.certificate.clone());
        self.commands.set_waker(backend.waker());
        if let Some(ready) = ready.take() {
            ready(Ok(()));
        }
        let mut wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };
        while !self.is_done() || core.has_more_to_send() {
            wait = self.turn(&mut *backend, &mut core, wait)?;
        }
        Ok(())
    }

    /// One turn. Gives how long the next may sleep.
    fn turn(&mut self, backend: &mut dyn Backend, core: &mut Core, wait: Wait) -> io::Result<Wait> {
        let clock = self.plan.clock;
        let mut reading = None;
        let intake = intake(core.backlog());
        backend.limit_batch(intake);
        let arrivals = backend.receive(wait, &mut |received| {
            let reading = match reading {
                Some(reading) => reading,
                None => {
                    let first = *reading.insert(self.stamps.read());
                    self.carry_out(core, first.now());
                    first
                }
            };
            let (source, local, at) = (received.source, received.local, reading.received(received.stamped));
            core.handle_datagram(reading.now(), Datagram { source, local, received: at, bytes: received.bytes });
        })?;
        self.commands.awake();
        let relayed = self.mesh.depth();
        let now = reading.map_or_else(|| clock.now(), Reading::now);
        self.metrics.arrivals(arrivals, wake_cause(wait, arrivals, relayed));
        self.metrics.depth(Queue::RelayBytes, relayed);
        if reading.is_none() {
            self.carry_out(core, now);
        }
        self.mesh.receive(core, now, intake);
        if core.poll_timeout().is_some_and(|(due, _)| due <= now) {
            core.handle_timeout(now);
        }
        self.mesh.send(core, now);
        self.transmit(backend, core, now)?;
        self.mesh.send(core, now);
        while let Some(event) = core.poll_event() {
            self.events.push(now, event);
        }
        self.metrics.depth(Queue::Events, self.events.len());
        self.events.flush(now);

        let end = clock.now();
        self.company.observe(now, arrivals.datagrams, end);
        self.stamps.turned(end, arrivals.more);
        self.metrics.turn(now, end);
        if self.metrics.post_at() <= now {
            self.metrics.post(now, core, &self.commands, &self.events, &self.plan.sockets);
            self.events.hurry();
            self.events.flush(now);
        }
        Ok(self.next_wait(core, end))
    }

    /// Commands, at most a bounded number: a storm of joins must not hold up the media.
    fn carry_out(&mut self, core: &mut Core, now: Instant) {
        #[cfg(any(test, feature = "fault-injection"))]
        assert!(!self.commands.take_panic(), "a panic that a test asked for");
        self.metrics.depth(Queue::Commands, self.commands.len());
        for _ in 0..limits::COMMANDS_PER_TURN_MAX {
            let Some(command) = self.commands.next() else { return };
            self.rooms.note(&command);
            self.metrics.command();
            core.handle_command(now, command);
        }
    }

    /// What there is to send, or as much of it as a turn may: the next one goes on. A shard that is told to stop sends all of it.
    fn transmit(&mut self, backend: &mut dyn Backend, core: &mut Core, now: Instant) -> io::Result<()> {
        let clock = self.plan.clock;
        let until = clock.now() + limits::SENDING_PER_TURN;
        while let Some(outbox) = core.poll_transmit(now) {
            self.metrics.runs(outbox);
            let departures = backend.send(&mut outbox.runs().map(segments))?;
            self.metrics.departures(departures);
            let done = clock.now();
            self.metrics.forwarded(outbox.forwarded(), done);
            if done >= until && !self.commands.is_stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Until the next timer or post; not at all when a mailbox has something, or the turn left something to send. Announces the sleep.
    fn next_wait(&mut self, core: &Core, now: Instant) -> Wait {
        let sleep = if core.expects_connect(now) { Sleep::Light } else { Sleep::Deep };
        if core.has_more_to_send() || !self.commands.may_sleep(sleep) || self.events.can_refill() || !self.mesh.may_sleep() {
            self.commands.awake();
            return Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };
        }
        let timer = core.poll_timeout().map(|(due, _)| due);
        let until = [timer, self.events.due()].into_iter().flatten().fold(self.metrics.post_at(), Instant::min);
        let retry = if core.has_relay_due() { limits::RELAY_RETRY } else { Duration::MAX };
        Wait { at_most: Some(until.since(now).min(retry)), company: self.company.wait() }
    }

    /// A shard that is told to stop carries out what is in its mailbox first: goodbyes are commands.
    fn is_done(&self) -> bool {
        self.commands.is_stopped() && self.commands.is_empty()
    }

    /// After a life that failed: the rooms end, the numbers go on.
    fn mourn(&mut self) {
        self.metrics.restarted();
        self.company = Company::new(self.plan.company);
        let now = self.plan.clock.now();
        for event in self.rooms.end() {
            self.events.push(now, event);
        }
        self.events.flush(now);
    }

    /// Waits before the next life, unless the node stops: [`crate::Node`] unparks the thread then.
    fn pause(&self, wait: Duration) {
        let until = std::time::Instant::now() + wait;
        while !self.commands.is_stopped() {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn id(&self) -> ShardId {
        self.plan.core.shard
    }
}

/// How a life ended that should not have.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("panicked ({0})")]
    Panic(String),
    #[error("lost its back-end ({0})")]
    Io(io::Error),
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io(error) => error,
            Failure::Panic(_) => Self::other(failure.to_string()),
        }
    }
}

/// How many datagrams, and messages of each other shard, a turn takes in: all that come, or, where `backlog` packets wait for their
/// subscribers, few enough for the histories to keep them. What is left in a socket or a ring waits there, in order and without a loss
/// for as long as those hold it. Never none: checks and goodbyes are among them.
fn intake(backlog: usize) -> usize {
    match backlog {
        0 => usize::MAX,
        _ => limits::BACKLOG_MAX.saturating_sub(backlog).max(limits::DATAGRAMS_PER_TURN_MIN),
    }
}

/// What ended a sleep, if the turn might have slept.
fn wake_cause(wait: Wait, arrivals: Arrivals, relayed: usize) -> Option<WakeCause> {
    match arrivals {
        _ if wait.at_most == Some(Duration::ZERO) => None,
        Arrivals { datagrams: 1.., .. } => Some(WakeCause::Datagram),
        Arrivals { woken: true, .. } if relayed > 0 => Some(WakeCause::Relay),
        Arrivals { woken: true, .. } => Some(WakeCause::Command),
        _ => Some(WakeCause::Timer),
    }
}

fn segments(run: Run<'_>) -> Segments<'_> {
    Segments { remote: run.path.remote, local: run.path.local, bytes: run.bytes, segment: run.segment }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelay_core::limits::Limits;
    use corelay_core::outbox::PACKET_BYTES_MAX;

    #[test]
    fn a_shard_that_is_behind_takes_in_what_histories_keep_and_never_nothing() {
        assert_eq!(intake(0), usize::MAX);
        assert_eq!((intake(1), intake(100)), (limits::BACKLOG_MAX - 1, limits::BACKLOG_MAX - 100));
        assert_eq!(
            (intake(limits::BACKLOG_MAX), intake(usize::MAX)),
            (limits::DATAGRAMS_PER_TURN_MIN, limits::DATAGRAMS_PER_TURN_MIN)
        );
        let kept = Limits::default().history_bytes as usize / PACKET_BYTES_MAX;
        assert!(limits::BACKLOG_MAX <= kept, "a video layer's history keeps {kept} packets of any size");
    }
}
