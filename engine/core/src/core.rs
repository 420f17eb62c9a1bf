//! The driver: it orders the stages and holds no state of its own. Each stage is a module, and its state a field.

mod arrivals;
mod casting;
mod commands;
mod congesting;
mod copying;
mod ending;
mod handshaking;
mod hearing;
mod preferring;
mod relaying;
mod requests;
mod sampling;
mod selecting;
mod statistics;
mod tracing;

use crate::allocate::Allocation;
use crate::clock::WallClock;
use crate::control::{Command, Event};
use crate::counters::Counters;
use crate::datagram::Datagram;
use crate::departures::{Departures, Progress};
use crate::estimate::Estimate;
use crate::forward::Forwarder;
use crate::handshakes::Handshakes;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::relay::Relays;
use crate::resend::Resends;
use crate::room::Rooms;
use crate::routes::Routes;
use crate::send::ControlSender;
use crate::timer::{Timer, Wheel};
use crate::transport::{CONSENT_LIFETIME, Certificate, DtlsSetup, DtlsVersions};
use congesting::Wished;
use core::time::Duration;
use corelay_wire::ids::{ShardId, TransportId};
use corelay_wire::units::{Instant, NtpTimestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::VecDeque;
use tracing::TraceAllowance;

/// What a core is made with.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// Whose core it is: part of every ufrag.
    pub shard: ShardId,
    /// Which DTLS versions it speaks.
    pub dtls_versions: DtlsVersions,
    /// How much it holds.
    pub limits: Limits,
}

/// The SFU of one shard. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Core {
    shard: ShardId,
    limits: Limits,
    dtls: DtlsSetup,
    wall: WallClock,
    random: ChaCha12Rng,
    rooms: Rooms,
    routes: Routes,
    timers: Wheel,
    forwarder: Forwarder,
    resends: Resends,
    relays: Relays,
    control: ControlSender,
    outbox: Outbox,
    /// The time of the latest input: events are read in the turn that made them.
    latest: Instant,
    /// The owner was told what there is to send, and has sent it by the next call.
    polled: bool,
    handshakes: Handshakes,
    /// When a transport last kept a datagram for which it lacks the peer's fingerprint.
    early_at: Option<Instant>,
    /// Of the transport whose layers were chosen last: it keeps its memory.
    allocation: Allocation,
    wishes: Vec<Wished>,
    trace_allowance: TraceAllowance,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Core {
    /// `seed`: 32 bytes of entropy, for passwords and numbering. `origin`: the clock reading that [`Instant::ZERO`] stands for, and
    /// `wall_origin` the wall time then. `certificate`: the node's.
    pub fn new(
        config: CoreConfig,
        seed: [u8; 32],
        origin: std::time::Instant,
        wall_origin: NtpTimestamp,
        certificate: Certificate,
    ) -> Self {
        let dtls = DtlsSetup::new(certificate, config.dtls_versions, origin);
        Self::with_dtls(config, seed, wall_origin, dtls)
    }

    /// The same with DTLS that is set up already: by engines of another making, say.
    pub fn with_dtls(config: CoreConfig, seed: [u8; 32], wall_origin: NtpTimestamp, dtls: DtlsSetup) -> Self {
        let CoreConfig { shard, limits, .. } = config;
        limits.check();
        let mut random = ChaCha12Rng::from_seed(seed);
        Self {
            shard,
            dtls,
            wall: WallClock::new(wall_origin),
            rooms: Rooms::new(&limits, random.next_u64()),
            routes: Routes::new(&limits, random.next_u64()),
            timers: Wheel::new(&limits),
            forwarder: Forwarder::new(&limits),
            resends: Resends::new(),
            relays: Relays::new(shard, &limits),
            control: ControlSender::new(limits.transports_max),
            outbox: Outbox::new(limits.outbox_bytes as usize, limits.outbox_runs as usize),
            latest: Instant::ZERO,
            polled: false,
            handshakes: Handshakes::new(limits.handshakes_per_turn),
            early_at: None,
            allocation: Allocation::default(),
            wishes: Vec::new(),
            trace_allowance: TraceAllowance::default(),
            events: VecDeque::with_capacity(EVENTS_EXPECTED),
            counters: Counters::default(),
            random,
            limits,
        }
    }

    /// Carries out what signaling asks.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.begin_input(now);
        self.carry_out(now, command);
        self.count_things();
    }

    /// Takes in what arrived.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.begin_input(now);
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.bytes.len() as u64;
        if let Err(reason) = self.take_in(now, datagram) {
            self.counters.drops.count(reason);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin_input(now);
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Transport(slot) => self.wake_transport(now, slot),
                Timer::Reports(slot) => self.report(now, slot),
                Timer::Nack(slot) => self.ask_for_missing(now, slot),
                Timer::Pace(slot) => self.pace(now, slot),
                Timer::Estimate(slot) => self.estimate_due(now, slot),
                Timer::Copies(slot) => self.copy_sound(now, slot),
                Timer::Feedback(slot) => self.feed_back(now, slot),
                Timer::Keyframe(slot) => self.request_keyframes(now, slot),
                Timer::Rows(slot) => self.look_at_rows(now, slot),
                Timer::Speakers(slot) => self.look_at_speakers(now, slot),
                Timer::Handshakes => unreachable!("the line of handshakes is no timer of the wheel"),
            }
        }
        self.work_off_handshakes(now);
    }

    /// When [`Core::handle_timeout`] is due next, and why. It may have nothing to do then: the wheel only turns. While handshakes
    /// are in line that is a time that has passed: the owner goes on without sleeping.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        let handshakes = self.handshakes.since().map(|since| (since, Timer::Handshakes));
        handshakes.into_iter().chain(self.timers.next()).min_by_key(|(at, _)| *at)
    }

    /// What is to be sent; the outbox is empty again at the next call of anything that takes `now`. `None`: nothing is left.
    ///
    /// The owner need not poll until then: what is left goes on with the next poll, and what it takes in meanwhile stays behind it,
    /// but for RTCP, answers to checks and handshakes, which are in the next hand-over. A turn ends where an input follows a poll.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<&Outbox> {
        self.empty_outbox();
        self.fill_outbox(now);
        self.polled = true;
        if self.outbox.is_empty() {
            return None;
        }
        self.counters.runs_out += self.outbox.run_count() as u64;
        self.counters.datagrams_out += self.outbox.packets() as u64;
        self.counters.bytes_out += self.outbox.bytes() as u64;
        Some(&self.outbox)
    }

    /// Whether [`Core::poll_transmit`] has more: the owner goes on without sleeping.
    pub fn has_more_to_send(&self) -> bool {
        let answers = !self.polled && !self.outbox.is_empty();
        answers || self.resends.is_due() || self.forwarder.is_due() || self.control.is_due()
    }

    /// Whether there may be a transport that would begin its handshake at once if [`Command::ConnectTransport`] came. Without any, the
    /// command has time until that transport's next datagram.
    pub fn expects_connect(&self, now: Instant) -> bool {
        self.early_at.is_some_and(|at| now.since(at) < CONSENT_LIFETIME)
    }

    /// Packets that are kept until each of their subscribers was served: those of the walk that is under way, and what came in
    /// since. An owner that takes in much more than a history holds while there are some has the oldest dropped, as
    /// [`crate::drop_reason::DropReason::TooLate`].
    pub fn backlog(&self) -> usize {
        self.forwarder.backlog(&self.rooms)
    }

    /// What signaling has to know. Read until `None` after each turn: the queue is as long as a turn makes it.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if let Some(Event::SelectionChanged { subscription, layers, why }) = event {
            self.note_selection(subscription, layers, why);
        }
        event
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The round trip to a subscriber, by its latest receiver report; `None` before one.
    pub fn round_trip(&self, transport: TransportId) -> Option<Duration> {
        self.rooms.transports[self.rooms.transports.slot_of(transport).ok()?].round_trip
    }

    /// What the path to a subscriber carries, as far as is known; `None` where nobody can tell.
    pub fn estimate(&self, transport: TransportId, now: Instant) -> Option<Estimate> {
        let congestion = self.rooms.congestions.get(self.rooms.transports.slot_of(transport).ok()?)?;
        congestion.estimate(now).map(|_| congestion.details())
    }

    /// How many timers are set: none when nothing is left of any room.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// What was lost first: somebody waits for it, and it is little. Then media, in runs; then RTCP, whose short packets end them.
    /// A walk that goes on may have a long way to go: RTCP, which may be a keyframe request or a goodbye, does not wait for its
    /// end.
    fn fill_outbox(&mut self, now: Instant) {
        if self.forwarder.is_walking() && self.fill_control(now) == Progress::Full {
            return;
        }
        let Self { outbox, events, counters, resends, forwarder, rooms, .. } = self;
        let departures = &mut Departures { outbox, events, counters, now };
        if resends.fill(rooms, departures) == Progress::Full {
            return;
        }
        let progress = forwarder.fill(rooms, departures);
        self.wake_for_waiting(now);
        while let Some(track) = self.forwarder.take_lacking() {
            self.request_keyframes(now, track);
        }
        if progress == Progress::Done {
            // When it is full, the next poll goes on.
            self.fill_control(now);
        }
    }

    fn fill_control(&mut self, now: Instant) -> Progress {
        let Self { outbox, events, counters, control, rooms, wall, .. } = self;
        control.fill(rooms, *wall, &mut Departures { outbox, events, counters, now })
    }

    /// The owner has sent what it polled. An input after that belongs to the next turn.
    fn begin_input(&mut self, now: Instant) {
        self.latest = now;
        if self.polled {
            self.handshakes.end_turn();
        }
        self.empty_outbox();
    }

    fn empty_outbox(&mut self) {
        if core::mem::take(&mut self.polled) {
            self.outbox.clear();
        }
    }
}

/// Events of a busy turn; more make the queue grow.
const EVENTS_EXPECTED: usize = 256;
