//! From the tracks' packets of this turn to each subscriber's: transport by transport, track by track, packet by packet, so that
//! one subscriber's key, path and numbers are touched once and its packets leave end to end.
//!
//! A full outbox stops the walk between two packets: nothing is lost, and the walk goes on when the outbox was sent, whatever came
//! in meanwhile. So a large room holds up nobody for longer than one outbox takes.

mod batch;
mod change;
mod delivery;
mod lane;
mod numbering;
mod plan;
mod seal;
mod start;
mod turn;

use crate::congestion::{Congestion, Congestions};
use crate::departures::{Departures, Progress};
use crate::limits::Limits;
use crate::room::Rooms;
use batch::Batch;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::rtp::AbsSendTime;
use corelay_wire::units::Instant;
use delivery::{Courier, resume};
use start::{Start, start};
use turn::{Found, Turn};

/// The tracks with packets that no walk has taken, and the walk that is under way.
#[derive(Debug)]
pub(crate) struct Forwarder {
    dirty: Vec<u32>,
    /// Tracks of which a subscriber waits for a keyframe that this turn did not bring.
    lacking: Vec<u32>,
    /// Transports whose paths may take what waits for them.
    open: Vec<u32>,
    /// Transports for whose paths something came to wait.
    waiting: Vec<u32>,
    /// Subscriptions that wait for a keyframe and may begin with one that is there.
    starting: Vec<(u32, SubscriptionId)>,
    /// Of how many bytes since the keyframe at most.
    fast_start_bytes: u64,
    turn: Turn,
}

impl Forwarder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            dirty: Vec::with_capacity(limits.tracks_max as usize),
            lacking: Vec::with_capacity(limits.tracks_max as usize),
            open: Vec::with_capacity(limits.transports_max as usize),
            waiting: Vec::with_capacity(limits.transports_max as usize),
            starting: Vec::new(),
            fast_start_bytes: limits.fast_start_bytes.into(),
            turn: Turn::new(limits),
        }
    }

    /// What [`Forwarder::new`] takes from the heap: for itself, for each subscription, and for each transport. Its lists of tracks
    /// are told with the tracks.
    pub(crate) const BYTES: [u64; 3] = Turn::BYTES;

    /// A track got its first packet since it was taken last.
    pub(crate) fn add(&mut self, track: u32) {
        self.dirty.push(track);
    }

    /// A track ended.
    pub(crate) fn forget(&mut self, track: u32) {
        self.dirty.retain(|t| *t != track);
        self.lacking.retain(|t| *t != track);
        self.turn.forget(track);
    }

    /// A track of which a subscriber waits for a keyframe; each once.
    pub(crate) fn take_lacking(&mut self) -> Option<u32> {
        self.lacking.pop()
    }

    /// A subscription waits for a keyframe. `false`: it can begin with none but a new one.
    pub(crate) fn start(&mut self, subscription: u32, id: SubscriptionId) -> bool {
        let may = self.fast_start_bytes > 0;
        if may && !self.starting.contains(&(subscription, id)) {
            self.starting.push((subscription, id));
        }
        may
    }

    /// A subscription whose transport is about to connect would not find a keyframe to begin with.
    pub(crate) fn lacks_start(&self, subscription: u32, rooms: &Rooms, now: Instant) -> bool {
        self.fast_start_bytes > 0 && start::is_lacking(subscription, self.fast_start_bytes, rooms, now)
    }

    /// The path of a transport may take what waits for it.
    pub(crate) fn resume(&mut self, transport: u32) {
        if !self.open.contains(&transport) {
            self.open.push(transport);
        }
    }

    /// A transport for whose path something waits; each once.
    pub(crate) fn take_waiting(&mut self) -> Option<u32> {
        self.waiting.pop()
    }

    /// A transport ended.
    pub(crate) fn forget_transport(&mut self, transport: u32) {
        self.open.retain(|t| *t != transport);
        self.waiting.retain(|t| *t != transport);
    }

    /// A walk is under way.
    pub(crate) fn is_walking(&self) -> bool {
        self.turn.transport().is_some()
    }

    /// Something is left to be forwarded.
    pub(crate) fn is_due(&self) -> bool {
        self.is_walking() || !self.dirty.is_empty() || !self.open.is_empty() || !self.starting.is_empty()
    }

    /// Packets that not all of their subscribers have had.
    pub(crate) fn backlog(&self, rooms: &Rooms) -> usize {
        let layers = self.dirty.iter().flat_map(|track| &rooms.tracks[*track].layers);
        let fresh: u64 = layers.map(|layer| layer.history.fresh()).map(|fresh| fresh.end - fresh.start).sum();
        let walked = if self.is_walking() { self.turn.packets.len() } else { 0 };
        walked + fresh as usize
    }

    /// Seals what the outbox takes.
    pub(crate) fn fill(&mut self, rooms: &mut Rooms, departures: &mut Departures<'_>) -> Progress {
        let send_time = AbsSendTime::from_instant(departures.now).to_bytes();
        // Their packets came first.
        if self.let_go(rooms, send_time, departures) == Progress::Full {
            return Progress::Full;
        }
        loop {
            let progress = self.walk(rooms, send_time, departures);
            self.tell_copies(departures);
            if progress == Progress::Full {
                return Progress::Full;
            }
            self.note_lacking(rooms);
            // What a walk has taken, not all may have had, and what the next one takes comes behind.
            self.begin_starting(rooms, departures);
            if self.let_go(rooms, send_time, departures) == Progress::Full {
                return Progress::Full;
            }
            if !self.turn.begin(&mut self.dirty, rooms, &mut departures.counters.drops) {
                return Progress::Done;
            }
        }
    }

    /// Seals what waits and may leave.
    fn let_go(&mut self, rooms: &mut Rooms, send_time: [u8; 3], departures: &mut Departures<'_>) -> Progress {
        while let Some(transport) = self.open.last().copied() {
            let progress = resume(transport, rooms, send_time, departures);
            if progress == Progress::Full {
                return Progress::Full;
            }
            self.open.pop();
            note_waiting(&mut self.waiting, transport, &mut rooms.congestions);
        }
        Progress::Done
    }

    /// Begins subscriptions with what is there. No walk is under way.
    fn begin_starting(&mut self, rooms: &mut Rooms, departures: &mut Departures<'_>) {
        while let Some(subscription) = self.starting.pop() {
            let Departures { counters, events, now, .. } = departures;
            let asks = match start(subscription, self.fast_start_bytes, rooms, *now, events, counters) {
                Start::Begun { transport, asks } => {
                    self.resume(transport);
                    asks
                }
                Start::Asks { track } => Some(track),
                Start::Waits => None,
            };
            let lacking = &mut self.lacking;
            if let Some(track) = asks.filter(|track| !lacking.contains(track)) {
                lacking.push(track);
            }
        }
    }

    /// Goes on with the walk.
    fn walk(&mut self, rooms: &mut Rooms, send_time: [u8; 3], departures: &mut Departures<'_>) -> Progress {
        let Self { turn, waiting, .. } = self;
        if turn.transport().is_none() {
            return Progress::Done;
        }
        let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
        let (mut found, mut batch) = (Found::new_const(), Batch::new());
        turn.find(tracks, &mut found);
        let mut courier = Courier { tracks, subscriptions, ways, congestions, found: &found, send_time };
        while let Some(transport) = turn.transport() {
            courier.look_ahead(turn);
            if courier.deliver(turn, transport, &mut batch, departures) == Progress::Full {
                return Progress::Full;
            }
            note_waiting(waiting, transport, courier.congestions);
            turn.next_transport();
        }
        Progress::Done
    }

    /// Notes how many copies of each packet are in this hand-over: once for each packet, not for each copy.
    fn tell_copies(&mut self, departures: &mut Departures<'_>) {
        for packet in &mut self.turn.packets {
            departures.outbox.note_forwarded(packet.received, core::mem::take(&mut packet.copies));
        }
    }

    /// The walk is over: what some subscriber could not begin with is to be asked for.
    fn note_lacking(&mut self, rooms: &mut Rooms) {
        for track in self.turn.lacking() {
            let layers = rooms.tracks[track.slot].layers.iter_mut().enumerate();
            layers.filter(|(n, _)| track.lacking >> n & 1 != 0).for_each(|(_, layer)| layer.keyframes.want());
            if !self.lacking.contains(&track.slot) {
                self.lacking.push(track.slot);
            }
        }
    }
}

/// Lists the transport when something waits for its path and it is not listed for that yet.
fn note_waiting(waiting: &mut Vec<u32>, transport: u32, congestions: &mut Congestions) {
    if congestions.get_mut(transport).is_some_and(Congestion::take_unscheduled) {
        waiting.push(transport);
    }
}
