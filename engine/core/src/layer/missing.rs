//! The packets of one stream that did not arrive, and when the publisher is asked for them.
//!
//! ```text
//! a later packet came -> missing -(reordering, if any was seen)-> asked -(round trip)-> asked again ... -> arrived | given up
//! ```
//!
//! A hole is given up after a time, after a number of requests, or when there are more holes than are remembered.

use super::nack_timing::NackTiming;
use core::time::Duration;
use corelay_wire::media::Kind;
use corelay_wire::units::{Instant, SequenceNumber};

/// Holes that are remembered. 30 % of 5 Mbit/s that take two round trips of 100 ms are 40; an outage of 200 ms is 100. More than these
/// lets one message grow, and a gap that large is repaired sooner by a keyframe; each costs 40 bytes.
const HOLES: usize = 192;
/// So many in a row, after a silence, are what an absence took: they would come later than a keyframe does, and as slowly as they were sent.
/// More asks for a second of the past after an outage of one; fewer gives up a picture of a camera that sends one now and then.
const ABSENCE: u64 = 24;
/// Requests for one packet: its age ends them on all but the shortest ways. More asks, over a way of 10 ms, for what the publisher
/// has not; fewer give up a packet of video in half of its time where four requests are made in a round trip of 80 ms.
const REQUESTS_MAX: u8 = 48;
/// How long a packet of video is asked for. Longer keeps asking for what subscribers have skipped; shorter gives up, and asks for a
/// keyframe, before the fourth request of a round trip of 250 ms.
const VIDEO_AGE_MAX: Duration = Duration::from_millis(1_000);
/// The same for audio, which is concealed by then: jitter buffers hold 40 to 200 ms and grow with what arrives late.
const AUDIO_AGE_MAX: Duration = Duration::from_millis(400);

/// Packets in front of a stream's first that are asked for when that is in the midst of a picture. Fewer leave the first picture to
/// a request for another where more were lost in a row; more ask for what never was.
const HEAD: u64 = 3;

#[derive(Clone, Copy, Debug)]
struct Hole {
    index: u64,
    since: Instant,
    /// When it is asked for next.
    due: Instant,
    /// When it was asked for first.
    asked: Instant,
    requests: u8,
    /// Those that are made in a round trip, as it was when it was asked for first.
    of_a_round: u8,
    /// It is to be asked for with the next RTCP.
    ask: bool,
    /// Its first answer is waited for longer, to be sure which request it answers.
    patient: bool,
}

impl Hole {
    fn new(index: u64, now: Instant, due: Instant) -> Self {
        Self { index, since: now, due, asked: now, requests: 0, of_a_round: 1, ask: false, patient: false }
    }

    fn is_of_several_rounds(&self) -> bool {
        self.requests > self.of_a_round
    }
}

/// What an arrival means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nothing is missing because of it.
    Expected,
    /// Packets before it are missing: they are asked for at this time.
    Gap(Instant),
    /// More are missing than are asked for.
    TooMuch,
}

/// What a look at the holes found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Looked {
    /// When to look again.
    pub(crate) next: Option<Instant>,
    /// Some are to be asked for.
    pub(crate) ask: bool,
    pub(crate) given_up: u32,
    /// One of those is needed: no keyframe began after it.
    pub(crate) damaged: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Missing {
    /// One above the highest index of the stream; `None` before its first packet.
    next: Option<u64>,
    /// Lowest index first; no capacity where the publisher does not answer requests.
    holes: Vec<Hole>,
    /// Where the latest keyframe began.
    keyframe: u64,
    /// The first packet, where what was before it is asked for: before it, nothing that subscribers have is damaged.
    first: u64,
    age_max: Duration,
}

impl Missing {
    /// `answers`: the publisher sends again what it is asked for.
    pub(crate) fn new(kind: Kind, answers: bool) -> Self {
        let age_max = match kind {
            Kind::Audio => AUDIO_AGE_MAX,
            Kind::Video => VIDEO_AGE_MAX,
        };
        Self { next: None, holes: Vec::with_capacity(if answers { HOLES } else { 0 }), keyframe: 0, first: 0, age_max }
    }

    /// What [`Missing::new`] takes from the heap at most.
    pub(crate) const HEAP_BYTES: usize = HOLES * size_of::<Hole>();

    /// Another stream begins: nothing is missing of it.
    pub(crate) fn restart(&mut self) {
        (self.next, self.first) = (None, 0);
        self.holes.clear();
    }

    /// Takes the packet `index`, the first after a silence, for the end of an absence if much is missing before it: none of that is asked
    /// for.
    pub(crate) fn ends_absence(&mut self, index: u64) -> bool {
        let is_absence = self.next.is_some_and(|next| index.saturating_sub(next) >= ABSENCE);
        if is_absence {
            self.restart();
        }
        is_absence
    }

    /// A keyframe begins with the packet `index`.
    pub(crate) fn keyframe(&mut self, index: u64) {
        self.keyframe = self.keyframe.max(index);
        if index < self.first {
            // The stream does: there is nothing before it.
            self.holes.retain(|hole| hole.index > index);
            self.first = index;
        }
    }

    /// A packet arrived in its own stream.
    #[inline]
    pub(crate) fn arrived(&mut self, index: u64, now: Instant, timing: &mut NackTiming) -> Arrival {
        match self.next {
            Some(next) if index == next => {
                self.next = Some(next + 1);
                Arrival::Expected
            }
            Some(next) if index > next => self.gap(next, index, now, timing),
            Some(_) => {
                self.late(index, now, timing);
                Arrival::Expected
            }
            None => {
                self.next = Some(index + 1);
                Arrival::Expected
            }
        }
    }

    /// A packet arrived that was sent again: whether it was missing.
    pub(crate) fn answered(&mut self, index: u64, now: Instant, timing: &mut NackTiming) -> bool {
        let hole = self.take(index);
        if let Some(hole) = hole.filter(|h| h.requests > 0) {
            timing.answered(now.since(hole.asked), hole.is_of_several_rounds());
        }
        hole.is_some()
    }

    /// The stream's first packet that arrived, `index`, is in the midst of a picture: what began it was lost. Asked for at the time
    /// that it gives, as far back as [`HEAD`]: nobody knows where the stream begins.
    pub(crate) fn begins_amid(&mut self, index: u64, now: Instant) -> Option<Instant> {
        if self.holes.capacity() == 0 || !self.holes.is_empty() {
            return None;
        }
        self.first = index;
        self.holes.extend((index - HEAD..index).map(|index| Hole::new(index, now, now)));
        Some(now)
    }

    /// Marks what is to be asked for, and gives up what is not worth it any more.
    pub(crate) fn look(&mut self, now: Instant, timing: &mut NackTiming, round_trip: Option<Duration>) -> Looked {
        let mut looked = Looked::default();
        let (age_max, keyframe) = (self.age_max, self.keyframe.max(self.first));
        self.holes.retain_mut(|hole| {
            if hole.due > now {
                looked.next = Some(looked.next.map_or(hole.due, |next: Instant| next.min(hole.due)));
                return true;
            }
            if now.since(hole.since) >= age_max || hole.requests == REQUESTS_MAX {
                looked.given_up += 1;
                looked.damaged |= hole.index > keyframe;
                return false;
            }
            if hole.requests == 0 {
                (hole.asked, hole.of_a_round, hole.patient) = (now, timing.requests_of_a_round(), timing.is_unsure());
            }
            hole.requests += 1;
            let patient = hole.patient && hole.requests == 1;
            hole.due = now + timing.interval(round_trip, patient, hole.requests, hole.of_a_round);
            hole.ask = true;
            looked.ask = true;
            looked.next = Some(looked.next.map_or(hole.due, |next: Instant| next.min(hole.due)));
            true
        });
        looked
    }

    /// Gives what is to be asked for to `pack`, lowest first, until that is full; tells whether that was all.
    pub(crate) fn ask(&mut self, mut pack: impl FnMut(SequenceNumber) -> bool) -> bool {
        self.holes.iter_mut().filter(|h| h.ask).all(|hole| {
            let packed = pack(SequenceNumber(hole.index as u16));
            hole.ask = !packed;
            packed
        })
    }

    /// Nobody wants what is missing.
    pub(crate) fn clear(&mut self) {
        self.holes.clear();
    }

    #[cold]
    fn gap(&mut self, next: u64, index: u64, now: Instant, timing: &mut NackTiming) -> Arrival {
        self.next = Some(index + 1);
        if self.holes.capacity() == 0 {
            return Arrival::Expected;
        }
        if self.holes.len() as u64 + (index - next) > HOLES as u64 {
            self.holes.clear();
            return Arrival::TooMuch;
        }
        let due = now + timing.patience();
        self.holes.extend((next..index).map(|index| Hole::new(index, now, due)));
        Arrival::Gap(due)
    }

    #[cold]
    fn late(&mut self, index: u64, now: Instant, timing: &mut NackTiming) {
        let Some(hole) = self.take(index) else { return };
        // What was not asked for was overtaken; what was asked for was, too, when it comes sooner than an answer could.
        let several = hole.is_of_several_rounds();
        if hole.requests == 0 || (!several && timing.is_too_soon(now.since(hole.asked))) {
            timing.overtaken(now.since(hole.since));
        } else {
            timing.answered(now.since(hole.asked), several);
        }
    }

    fn take(&mut self, index: u64) -> Option<Hole> {
        let at = self.holes.binary_search_by_key(&index, |h| h.index).ok()?;
        Some(self.holes.remove(at))
    }
}

#[cfg(test)]
mod tests;
