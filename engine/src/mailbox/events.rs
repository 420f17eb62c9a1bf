//! The way back: a shard's events, never in the way of its media.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use corelay_core::control::{Event, TransportState};
use corelay_core::timer::{COMPANY, in_company};
use corelay_uring::waker::Waker;
use corelay_wire::units::Instant;
use crossbeam::queue::ArrayQueue;

use crate::config::limits;

/// What an event is about: the `kind` of the metric `corelay_events_dropped_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EventKind {
    /// [`Event::Reply`].
    Reply,
    /// [`Event::TransportState`].
    TransportState,
    /// [`Event::TrackStarted`].
    TrackStarted,
    /// [`Event::SubscriptionStarted`].
    SubscriptionStarted,
    /// [`Event::SelectionChanged`].
    SelectionChanged,
    /// [`Event::LayersWanted`].
    LayersWanted,
    /// [`Event::Speakers`].
    Speakers,
    /// [`Event::TrackScore`].
    TrackScore,
    /// [`Event::SubscriptionScore`].
    SubscriptionScore,
    /// [`Event::Trace`].
    Trace,
    /// [`Event::RoomEnded`].
    RoomEnded,
}

impl EventKind {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 11] = [
        Self::Reply,
        Self::TransportState,
        Self::TrackStarted,
        Self::SubscriptionStarted,
        Self::SelectionChanged,
        Self::LayersWanted,
        Self::Speakers,
        Self::TrackScore,
        Self::SubscriptionScore,
        Self::Trace,
        Self::RoomEnded,
    ];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::TransportState => "transport_state",
            Self::TrackStarted => "track_started",
            Self::SubscriptionStarted => "subscription_started",
            Self::SelectionChanged => "selection_changed",
            Self::LayersWanted => "layers_wanted",
            Self::Speakers => "speakers",
            Self::TrackScore => "track_score",
            Self::SubscriptionScore => "subscription_score",
            Self::Trace => "trace",
            Self::RoomEnded => "room_ended",
        }
    }

    /// The kind of `event`.
    pub const fn of(event: &Event) -> Self {
        match event {
            Event::Reply { .. } => Self::Reply,
            Event::TransportState { .. } => Self::TransportState,
            Event::TrackStarted { .. } => Self::TrackStarted,
            Event::SubscriptionStarted { .. } => Self::SubscriptionStarted,
            Event::SelectionChanged { .. } => Self::SelectionChanged,
            Event::LayersWanted { .. } => Self::LayersWanted,
            Event::Speakers { .. } => Self::Speakers,
            Event::TrackScore { .. } => Self::TrackScore,
            Event::SubscriptionScore { .. } => Self::SubscriptionScore,
            Event::Trace { .. } => Self::Trace,
            Event::RoomEnded { .. } => Self::RoomEnded,
        }
    }
}

/// Events that nobody took in time, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventDrops([u64; EventKind::ALL.len()]);

impl EventDrops {
    /// How many of `kind` so far.
    pub const fn total(&self, kind: EventKind) -> u64 {
        self.0[kind as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (EventKind, u64)> {
        EventKind::ALL.iter().map(|k| (*k, self.total(*k)))
    }
}

/// The shard's end.
#[derive(Debug)]
pub(crate) struct EventOutbox {
    shared: Arc<Shared>,
    bell: Bell,
    /// Behind `shared.queue`, in order. Its capacity is reserved at boot.
    pub(super) spilled: VecDeque<Event>,
    dropped: EventDrops,
    is_fresh: bool,
    /// What signaling hears of with the next event that cannot wait, or at `soon_by`.
    soon: Vec<Event>,
    soon_by: Option<Instant>,
    /// What signaling hears of at [`EventOutbox::hurry`]. A transport has one place in it.
    late: Vec<Event>,
}

/// Signaling's end of one shard's mailbox.
#[derive(Debug)]
pub(crate) struct EventInbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: ArrayQueue<Event>,
    /// The shard has events aside and wants to know when there is room.
    has_spilled: AtomicBool,
}

/// What wakes signaling: one eventfd for all shards of the node, written once until it is heard.
#[derive(Clone, Debug)]
pub(crate) struct Bell {
    waker: Waker,
    is_ringing: Arc<AtomicBool>,
}

impl Bell {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { waker: Waker::new()?, is_ringing: Arc::new(AtomicBool::new(false)) })
    }

    /// Wakes signaling, unless it is being woken.
    fn ring(&self) {
        if !self.is_ringing.swap(true, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Before draining: a push that comes after this rings again, one that came before is found by the draining.
    pub(crate) fn hear(&self) {
        self.waker.take();
        self.is_ringing.swap(false, Ordering::SeqCst);
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}

pub(crate) fn event_mailbox(bell: Bell) -> (EventOutbox, EventInbox) {
    let shared = Arc::new(Shared { queue: ArrayQueue::new(limits::EVENTS_QUEUED_MAX), has_spilled: AtomicBool::new(false) });
    let outbox = EventOutbox {
        shared: Arc::clone(&shared),
        bell,
        spilled: VecDeque::with_capacity(limits::EVENTS_SPILLED_MAX),
        dropped: EventDrops::default(),
        is_fresh: false,
        soon: Vec::with_capacity(PATIENT_MAX),
        soon_by: None,
        late: Vec::with_capacity(PATIENT_MAX),
    };
    (outbox, EventInbox { shared })
}

/// Events of each patience that wait; more go at once. Each wake-up of signaling that is saved is 10 us of a join.
const PATIENT_MAX: usize = 64;

impl EventOutbox {
    /// Takes one event in. One that nobody waits for is kept for as long as its [`Patience`] allows. A step of a transport that has gone
    /// on by then is not told at all.
    pub(crate) fn push(&mut self, now: Instant, event: Event) {
        if let Event::TransportState { transport, .. } = &event {
            self.late.retain(|kept| !matches!(kept, Event::TransportState { transport: other, .. } if other == transport));
        }
        match patience(&event) {
            Patience::Late if self.late.len() < PATIENT_MAX => self.late.push(event),
            Patience::Soon if self.soon.len() < PATIENT_MAX => {
                self.soon_by.get_or_insert(in_company(now + COMPANY, COMPANY));
                self.soon.push(event);
            }
            _ => {
                self.tell_soon();
                self.push_now(event);
            }
        }
    }

    /// What waits has waited long enough.
    pub(crate) fn hurry(&mut self) {
        self.tell_soon();
        let mut late = std::mem::take(&mut self.late);
        late.drain(..).for_each(|event| self.push_now(event));
        self.late = late;
    }

    /// When [`Self::flush`] has something to tell that waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.soon_by
    }

    fn tell_soon(&mut self) {
        self.soon_by = None;
        let mut soon = std::mem::take(&mut self.soon);
        soon.drain(..).for_each(|event| self.push_now(event));
        self.soon = soon;
    }

    /// Takes one event in: into the queue, aside when that is full, dropped and counted when the place aside is full too.
    fn push_now(&mut self, event: Event) {
        let refused = match self.spilled.is_empty() {
            true => self.shared.queue.push(event).err(),
            false => Some(event),
        };
        match refused {
            None => self.is_fresh = true,
            Some(event) if self.spilled.len() < limits::EVENTS_SPILLED_MAX => self.spilled.push_back(event),
            Some(event) => self.dropped.0[EventKind::of(&event) as usize] += 1,
        }
    }

    /// Ends a turn: moves what fits out of the place aside, and wakes signaling if there is something new.
    pub(crate) fn flush(&mut self, now: Instant) {
        if self.soon_by.is_some_and(|by| by <= now) {
            self.tell_soon();
        }
        self.refill();
        if !self.spilled.is_empty() {
            // Announced, then tried once more: signaling empties its queue and then looks at the announcement.
            self.shared.has_spilled.store(true, Ordering::SeqCst);
            self.refill();
        }
        if std::mem::take(&mut self.is_fresh) {
            self.bell.ring();
        }
    }

    /// Whether there is room for what is aside. Asked after a sleep was announced and before it: signaling may have made room when
    /// there was nobody to wake.
    pub(crate) fn can_refill(&self) -> bool {
        !self.spilled.is_empty() && !self.shared.queue.is_full()
    }

    /// How many wait for signaling, those aside included.
    pub(crate) fn len(&self) -> usize {
        self.shared.queue.len() + self.spilled.len() + self.soon.len() + self.late.len()
    }

    /// Events that were dropped so far.
    pub(crate) const fn dropped(&self) -> EventDrops {
        self.dropped
    }

    fn refill(&mut self) {
        while let Some(event) = self.spilled.pop_front() {
            if let Err(event) = self.shared.queue.push(event) {
                self.spilled.push_front(event);
                return;
            }
            self.is_fresh = true;
        }
    }
}

/// When signaling must hear of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Somebody waits for it, or something ended.
    None,
    /// With the next event of [`Patience::None`], or with the shard's timers, [`COMPANY`] to twice that later: whoever connects asks for
    /// something next, a round trip later.
    Soon,
    /// A second later.
    Late,
}

/// Steps on the way to a connection and durations for the metrics are late; that there is a connection, which its client knows itself, is
/// told soon.
fn patience(event: &Event) -> Patience {
    match event {
        Event::TransportState { state: TransportState::Checking | TransportState::Connecting, .. }
        | Event::TrackStarted { .. }
        | Event::SubscriptionStarted { .. } => Patience::Late,
        Event::TransportState { state: TransportState::Connected { .. }, .. } => Patience::Soon,
        _ => Patience::None,
    }
}

impl EventInbox {
    /// The next event.
    pub(crate) fn next(&self) -> Option<Event> {
        self.shared.queue.pop()
    }

    /// Whether the shard waits for room; asked once after the queue was found empty.
    pub(crate) fn take_spilled(&self) -> bool {
        self.shared.has_spilled.swap(false, Ordering::SeqCst)
    }
}
