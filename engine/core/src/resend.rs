//! What subscribers lost and asked for: sealed again from the track's history, as far as their transport's budget goes.
//!
//! ```text
//! NACK -----------.
//!                 +-> number -> piece of the mapping -> packet of the history -> budget -> queue ... the turn's end: audio first -> seal
//! transport-wide -'
//! feedback
//! ```
//!
//! What transport-wide feedback tells as missing is sent again without being asked for: requests are lost as well, a repair that is
//! lost is known sooner, and some receivers ask once only (`congestion/losses.rs`). Both share the budget, and what one of them had
//! sent again is not sent again for the other within a round trip.
//!
//! A number that is missing here as well is answered when the publisher sent it again, by the packet itself. One that was left free
//! for a packet that the subscriber was not to have is answered with nothing but its number, so that the subscriber stops asking.

mod seal;

use crate::congestion::{Congestion, Named, Repairs};
use crate::counters::Counters;
use crate::departures::{Departures, Progress};
use crate::drop_reason::DropReason;
use crate::outbox::PACKET_BYTES_MAX;
use crate::room::{Rooms, TransportEntry};
use crate::subscriber::{Repeated, playout};
use core::time::Duration;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::Kind;
use corelay_wire::rtp::AbsSendTime;
use corelay_wire::units::{Instant, PacketIndex, SequenceNumber};
use std::collections::VecDeque;

/// Packets of each kind of media that wait to be sent again. A hundred subscribers that lose ten each in one turn fill it. More
/// makes a turn longer, by 0.7 us a packet, which everybody's media waits behind; with fewer, a loss that hits many is repaired in
/// two round trips instead of one.
const QUEUE: usize = 1_024;
/// Numbers of one message that are looked at. A compound packet could name 5,000; a receiver that misses more than this at once is
/// helped by a keyframe.
const NUMBERS_MAX: usize = 512;

/// What is missing for longer is sent again only when it is asked for: viewers wait for 0.6 s at most, and go on at a keyframe. Longer
/// fills a path with what is of no use; shorter ends on repairs of a round trip of 400 ms before the second.
const TOLD_AGE_MAX: Duration = Duration::from_millis(1_000);

/// Sound that left so long ago is not sent again on a path that is full. Longer fills it with what listeners have made up for by then;
/// shorter leaves out what those wait for who have a long buffer.
const SOUND_AGE_MAX: Duration = Duration::from_millis(250);

/// How it is known that a packet is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// The subscriber asks for it.
    Asked,
    /// Feedback on the path tells.
    Told,
}

/// A packet to be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resend {
    pub(crate) subscription: u32,
    /// Slots are used again.
    pub(crate) id: SubscriptionId,
    pub(crate) outgoing: PacketIndex,
}

/// What the way to the subscriber is like.
#[derive(Debug, Default)]
struct Path {
    repairs: Option<Repairs>,
    /// Its feedback tells of loss better than requests do.
    told_better: bool,
    full: bool,
    /// No viewer waits for a second round, and there is room to send the first answer twice.
    far: bool,
    /// What stands in its queue.
    queue: Duration,
}

impl Path {
    fn of(congestion: &Congestion, entry: &TransportEntry, now: Instant) -> Self {
        let full = congestion.is_full(now);
        // What other messages of this turn asked for has its place already.
        let queued = entry.resends.queued(now);
        Self {
            repairs: congestion.repairs(now).map(|repairs| Repairs { video: repairs.video.saturating_sub(queued) }),
            told_better: congestion.estimator.hears_arrivals(),
            full,
            far: !full && playout::waits_once(entry.round_trip),
            queue: congestion.queue(now),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Resends {
    audio: VecDeque<Resend>,
    video: VecDeque<Resend>,
}

impl Resends {
    pub(crate) fn new() -> Self {
        Self { audio: VecDeque::with_capacity(QUEUE), video: VecDeque::with_capacity(QUEUE) }
    }

    /// What [`Resends::new`] takes from the heap.
    pub(crate) const BYTES: u64 = (2 * QUEUE * size_of::<Resend>()) as u64;

    /// Whether something waits.
    pub(crate) fn is_due(&self) -> bool {
        !(self.audio.is_empty() && self.video.is_empty())
    }

    /// A packet that nobody asked for leaves once more, to fill a probe: it may repair a loss that nobody has noticed yet.
    pub(crate) fn repeat(&mut self, resend: Resend) {
        if self.video.len() < QUEUE {
            self.video.push_back(resend);
        }
    }

    /// Sound that nobody asked for yet leaves once more. What was asked for comes first, if not both have a place.
    pub(crate) fn copy(&mut self, resend: Resend) {
        if self.audio.len() < QUEUE / 2 {
            self.audio.push_back(resend);
        }
    }

    /// The subscriber in slot `subscription` misses the packets with these numbers. Tells whether it asks for one that nobody has any
    /// more, so that it needs a keyframe, and does not know.
    pub(crate) fn ask(
        &mut self,
        rooms: &mut Rooms,
        subscription: u32,
        (noticed, lost): (Noticed, impl Iterator<Item = SequenceNumber>),
        now: Instant,
        counters: &mut Counters,
    ) -> bool {
        let Rooms { transports, tracks, subscriptions, congestions, .. } = rooms;
        let known = &mut subscriptions[subscription];
        let subscriber = &mut known.subscriber;
        let Some(retransmission) = subscriber.retransmission.as_deref_mut().filter(|_| !subscriber.paused) else { return false };
        let (track, entry) = (&tracks[known.track], &mut transports[known.transport]);
        entry.resends.refill(now, retransmission.earned(subscriber.octets));
        let congestion = congestions.get(known.transport);
        let Path { mut repairs, told_better, full, far, queue: queue_time } =
            congestion.map(|congestion| Path::of(congestion, entry, now)).unwrap_or_default();
        let flowing = subscriber.mapping.flowing().map(|source| source.layer);
        let queue = match track.kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        };
        let mut absent = None;
        for sequence in lost.take(NUMBERS_MAX) {
            counters.nacks_in += u64::from(noticed == Noticed::Asked);
            known.record.nacked += u64::from(noticed == Noticed::Asked);
            // What is not known any more, or not known yet: it is of the future, too long ago, or missing here as well.
            let Some(located) = subscriber.mapping.locate(sequence) else { continue };
            let Some(stored) = track.layers[usize::from(located.layer)].history.find(located.index) else {
                absent = absent.max(Some(located.index).filter(|_| flowing == Some(located.layer)));
                continue;
            };
            if noticed == Noticed::Told && now.since(stored.meta.arrived) > TOLD_AGE_MAX {
                continue;
            }
            // Behind a queue that stands all sound is as late, so that what was lost of it has the time that it has without one.
            if full && track.kind == Kind::Audio && now.since(stored.meta.arrived) > SOUND_AGE_MAX {
                counters.drops.count(DropReason::NackOverBudget);
                continue;
            }
            // It was lost because there was too much of it. A stream that was left for that is not worth a place in the queue, in
            // front of the keyframe of another; what is of the present one is asked for again.
            let of_video = repairs.as_mut().filter(|_| track.kind == Kind::Video).map(|repairs| &mut repairs.video);
            if of_video.as_ref().is_some_and(|left| **left == 0 || flowing != Some(located.layer)) {
                counters.drops.count(DropReason::NackOverBudget);
                continue;
            }
            let answered = retransmission.answer(located.outgoing, stored.meta.arrived, now, (entry.round_trip, queue_time));
            let Some(Repeated(again)) = answered else { continue };
            if track.kind == Kind::Audio && !told_better {
                entry.copies.hear_request(now, retransmission.copied.ask(now));
            }
            if let Some(left) = of_video {
                *left = left.saturating_sub(stored.bytes().len() as u64);
            }
            let bytes = if located.skipped { 0 } else { stored.bytes().len() };
            let copies = if repairs.is_some() { 1 } else { copies(track.kind, again || far) };
            for copy in 0..copies {
                if queue.len() == QUEUE || !entry.resends.take(bytes, copy > 0) {
                    counters.drops.count_many(DropReason::NackOverBudget, u64::from(copy == 0));
                    break;
                }
                entry.resends.queue(now, bytes);
                queue.push_back(Resend { subscription, id: known.id, outgoing: located.outgoing });
            }
        }
        known.subscriber.look_at_loss(now, entry.round_trip, track.lossy(now), false);
        let hole = |layer: u8| absent.is_some_and(|index| track.layers[usize::from(layer)].history.left_a_hole(index));
        noticed == Noticed::Asked && track.kind == Kind::Video && flowing.is_some_and(hole)
    }

    /// The peer of the transport in `slot` has not these packets, and has not asked for them, or nothing was heard of it.
    pub(crate) fn repair(&mut self, rooms: &mut Rooms, slot: u32, missed: &[Named], now: Instant, counters: &mut Counters) {
        for of_one in missed.chunk_by(|a, b| a.subscription == b.subscription) {
            let subscription = of_one[0].subscription;
            // Slots are used again.
            let known = rooms.subscriptions.get(subscription).filter(|known| known.transport == slot);
            if known.is_some_and(|known| rooms.tracks[known.track].kind == Kind::Video) {
                let lost = of_one.iter().map(|named| named.sequence);
                self.ask(rooms, subscription, (Noticed::Told, lost), now, counters);
            }
        }
    }

    /// Seals what the outbox takes.
    pub(crate) fn fill(&mut self, rooms: &mut Rooms, departures: &mut Departures<'_>) -> Progress {
        let send_time = AbsSendTime::from_instant(departures.now).to_bytes();
        for queue in [&mut self.audio, &mut self.video] {
            while let Some(resend) = queue.front().copied() {
                if !departures.outbox.has_room(PACKET_BYTES_MAX) {
                    return Progress::Full;
                }
                queue.pop_front();
                match seal::seal(rooms, resend, send_time, departures) {
                    Ok(()) => {
                        departures.counters.packets_out += 1;
                        departures.counters.retransmissions_out += 1;
                        rooms.subscriptions[resend.subscription].record.resent += 1;
                    }
                    Err(reason) => departures.counters.drops.count(reason),
                }
            }
        }
        Progress::Done
    }
}

/// How often a packet is sent again at once. On a link that loses one of ten packets each way, one answer of five does not get
/// through, and two of a kind leave one of nine. `last`: it was asked for before and is late already, or the link is so long that no
/// viewer waits for the next. Audio is small and cannot wait; for all else, more would double what a narrow link has to carry.
fn copies(kind: Kind, last: bool) -> usize {
    if last || kind == Kind::Audio { 2 } else { 1 }
}
