//! A subscriber's view of one video track, as a browser's: packets to frames, frames to pictures in their time, and what it asks
//! for.
//!
//! ```text
//! packet -> incoming (RTX, holes) -> pieces (frames) -> references (ids by descriptor) -> frames (decodable) -> clock -> screen
//! ```
//! Strict where libwebrtc is strict: numbers, descriptors and markers have to be right, or the picture stands still.

mod clock;
mod dependency;
mod frames;
mod pieces;
mod references;
mod screen;

use crate::incoming::{Arrived, Incoming, StreamStatistics};
use clock::Clock;
use core::time::Duration;
use corelay_core::control::SubscriptionParameters;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Codec;
use corelay_wire::rtp::RtpHeader;
use corelay_wire::units::{Instant, SequenceNumber};
use dependency::Templates;
use frames::{Frames, Unit};
use pieces::{Assembled, Dependency, Pieces};
use references::{Placed, References};
pub use screen::{Screen, Shown};

/// A browser that needs a key picture asks for it this often (libwebrtc: 200 ms).
const KEY_WAIT: Duration = Duration::from_millis(200);
/// A browser whose picture stands still while packets arrive asks for a key picture after this time. libwebrtc waits for up to 3 s;
/// more would hide a server that never repairs, less would repair it.
const STALL_WAIT: Duration = Duration::from_secs(3);
/// A picture that is later than this is left out when a later one can be decoded without it, from what is decoded by then. One that
/// others are predicted from is never left out, however late it is: nothing later can be decoded before it is (libwebrtc: 5 ms, and
/// "fast-forward to the next frame" only then).
const LATE_MAX: Duration = Duration::from_millis(5);

/// Packets that wait for the structure that they are described by (libwebrtc keeps them since 2023; a hundred).
const UNREAD_MAX: usize = 100;

/// The picture that is shown next.
#[derive(Debug)]
struct Next {
    at: Instant,
    /// By how much it missed its time.
    late: Duration,
    unit: Unit,
}

/// See the module.
#[derive(Debug)]
pub struct Viewer {
    /// Which subscription.
    pub subscription: SubscriptionId,
    /// Names the track in each packet.
    pub tag: u32,
    /// When it began to want pictures.
    pub began: Instant,
    /// What it shows.
    pub screen: Screen,
    /// Key pictures that it asked for.
    pub plis: u32,
    /// Whole frames that arrived, by (stream, spatial).
    pub whole: u32,
    pub(crate) incoming: Incoming,
    templates: Templates,
    pieces: Pieces,
    references: References,
    /// What could not be read by the structure that was there.
    unread: Vec<Arrived>,
    frames: Frames,
    clock: Clock,
    next: Option<Next>,
    /// Since when it waits for a key picture, or for anything to show.
    waits: Instant,
    last_packet: Option<Instant>,
    round_trip: Duration,
    wants_key: bool,
}

impl Viewer {
    /// A viewer of the track with this tag, from `now` on.
    pub fn new(now: Instant, subscription: SubscriptionId, parameters: SubscriptionParameters, codec: Codec, tag: u32) -> Self {
        let nacks = parameters.formats[0].feedback.nack;
        Self {
            subscription,
            tag,
            began: now,
            screen: Screen::new(now),
            plis: 0,
            whole: 0,
            incoming: Incoming::new(parameters, codec, nacks),
            templates: Templates::default(),
            pieces: Pieces::new(codec),
            references: References::new(codec),
            unread: Vec::new(),
            frames: Frames::new(),
            clock: Clock::default(),
            next: None,
            waits: now,
            last_packet: None,
            round_trip: Duration::ZERO,
            wants_key: false,
        }
    }

    /// What arrived.
    pub fn statistics(&self) -> &StreamStatistics {
        &self.incoming.statistics
    }

    /// The newest number that arrived.
    pub fn newest(&self) -> Option<SequenceNumber> {
        self.incoming.newest()
    }

    /// What was agreed on.
    pub fn parameters(&self) -> &SubscriptionParameters {
        &self.incoming.parameters
    }

    /// Key pictures whose numbers were below those of pictures before them.
    pub fn went_back(&self) -> u32 {
        self.frames.went_back
    }

    /// Takes a packet of one of its SSRCs.
    pub(crate) fn take(&mut self, now: Instant, header: &RtpHeader, packet: &[u8], round_trip: Duration) {
        self.last_packet = Some(now);
        self.round_trip = round_trip;
        let Some(arrived) = self.incoming.take(now, header, packet) else { return };
        let placed =
            if arrived.payload.is_empty() { self.take_padding(now, arrived.sequence) } else { self.take_payload(now, &arrived) };
        for placed in placed {
            self.frames.take(placed);
        }
        if let Some(last) = self.frames.continuous_until() {
            self.incoming.missing.forget_before(last);
        }
        if self.incoming.missing.gave_up {
            self.incoming.missing.gave_up = false;
            self.wants_key = true;
        }
        self.plan(now);
    }

    fn take_padding(&mut self, now: Instant, sequence: i64) -> Vec<Placed> {
        let mut placed = self.references.take_padding(sequence);
        if let Some(frame) = self.pieces.take_padding(sequence) {
            placed.extend(self.take_frame(now, frame));
        }
        placed
    }

    fn take_payload(&mut self, now: Instant, arrived: &Arrived) -> Vec<Placed> {
        let dependency = match &arrived.descriptor {
            // Before the first structure nothing can be read, which is no fault of anyone. What comes before another one is kept
            // for it.
            Some(bytes) => match self.templates.read(bytes) {
                Some(dependency) => Some(dependency),
                None => {
                    if self.templates.are_known() && self.unread.len() < UNREAD_MAX {
                        self.unread.push(arrived.clone());
                    }
                    return Vec::new();
                }
            },
            None => None,
        };
        let structured = dependency.as_ref().is_some_and(|d| d.has_structure);
        let mut placed = self.take_piece(now, arrived, dependency);
        if structured {
            for arrived in core::mem::take(&mut self.unread) {
                placed.extend(self.take_payload(now, &arrived));
            }
        }
        placed
    }

    fn take_piece(&mut self, now: Instant, arrived: &Arrived, dependency: Option<Dependency>) -> Vec<Placed> {
        match self.pieces.take(arrived, dependency) {
            Ok(whole) => whole.into_iter().flat_map(|frame| self.take_frame(now, frame)).collect(),
            Err(what) => {
                self.incoming.broke(what.to_owned());
                Vec::new()
            }
        }
    }

    fn take_frame(&mut self, now: Instant, frame: Assembled) -> Vec<Placed> {
        if frame.content.tag != self.tag {
            self.incoming.broke(format!("a frame of track {}", frame.content.tag));
        }
        self.whole += 1;
        if let Some(least) = frame.playout_delay {
            self.clock.wait_at_least(least);
        }
        if frame.ends_picture {
            self.clock.arrived(now, frame.timestamp, frame.late);
        }
        self.references.take(frame)
    }

    /// Finds the next picture and its time.
    fn plan(&mut self, now: Instant) {
        let before = self.next.take();
        let units = self.frames.decodable();
        let (Some(unit), Some(last)) = (units.first(), units.last()) else { return };
        let at = self.clock.show_at(now, unit.timestamp);
        if last.ids != unit.ids && at + LATE_MAX < now {
            let id = *unit.ids.last().expect("a unit has frames");
            self.frames.drop_until(id);
            return self.plan(now);
        }
        // It was late when it could be shown first, not when the viewer looked at it last.
        let late = before.filter(|next| next.unit.ids == unit.ids).map_or(now.since(at), |next| next.late);
        self.next = Some(Next { at, late, unit: unit.clone() });
    }

    /// Shows what is due.
    pub(crate) fn work(&mut self, now: Instant) {
        while let Some(Next { late, unit, .. }) = self.next.take_if(|next| next.at <= now) {
            let frames = self.frames.decode(&unit);
            self.clock.decoded(now, late, frames.iter().any(|p| p.frame.late), self.round_trip);
            let frames: Vec<_> = frames.into_iter().map(|p| (p.frame.first, p.frame.content)).collect();
            if let Some((first, _)) = frames.first() {
                self.references.forget_before(*first);
            }
            let contents: Vec<_> = frames.into_iter().map(|(_, content)| content).collect();
            self.screen.show(now, unit.timestamp, &contents);
            self.waits = now;
            self.plan(now);
        }
        self.watch(now);
    }

    /// Asks for a key picture when nothing else helps.
    fn watch(&mut self, now: Instant) {
        let active = self.last_packet.is_some_and(|at| now.since(at) < STALL_WAIT);
        let limit = if self.frames.needs_key { KEY_WAIT } else { STALL_WAIT };
        if active && self.next.is_none() && now.since(self.waits) >= limit {
            self.wants_key = true;
        }
    }

    /// Whether a key picture is to be asked for.
    pub(crate) fn take_wish(&mut self, now: Instant) -> bool {
        let wish = core::mem::take(&mut self.wants_key);
        if wish {
            self.waits = now;
            self.plis += 1;
        }
        wish
    }
}

#[cfg(test)]
mod tests;
