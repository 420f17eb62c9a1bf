//! From the publisher's numbers to one subscriber's: an offset for sequence and one for timestamp, anew after each break.
//!
//! ```text
//! in    10 11 12 _ 14 15 | (paused)  | 90 91 92 (93 94) 95 96      a gap of the publisher stays a gap: the receiver sees the loss
//! out    1  2  3 _  5  6 |           |  7  8  9         10 11      a pause leaves none, and neither does what is skipped: what was
//!      '---- segment --- '           '--------- segment ------     not sent was not lost
//!      '------ piece ----'           '- piece '        'piece
//! ```
//!
//! An outgoing index is never used twice: within a piece it is the incoming one plus a constant, and a new piece begins above
//! the highest index that was sent or left free for a packet that is missing. AEAD needs that (RFC 7714 section 8.1: a nonce must
//! not repeat under a key).
//!
//! A subscription may begin with a keyframe of before it, and what followed that (`forward/start.rs`): these pictures are for the
//! decoder, to be shown as fast as it takes them. Their timestamps are squeezed towards the last of them: to a receiver that put them
//! where they were, all that follows would be as late as the first of them is old.
//!
//! ```text
//! taken      K--p--p--p--p--p--|  live: p--p--p          2 s before the last
//! sent                     Kppppp--p--p--p               30 ms before it
//! ```
//!
//! What a packet was sent as is found again by the pieces: the present one here, those before it in [`Past`].

use super::past::{Past, Piece};
use super::patch::Patch;
use crate::history::PacketMeta;
use corelay_wire::units::{ClockRate, Instant, PacketIndex, RtpTimestamp, SequenceNumber};

/// Pictures of before a subscription are this many times closer to each other than they were taken, as a power of two. Higher: those
/// of 1,400 a second and more would share timestamps. Lower: a receiver shows the first ones for a while, and is behind by as much.
const SQUEEZE: u32 = 6;

/// Which stream of a track: its layer, and which of the layer's streams in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) layer: u8,
    pub(crate) generation: u32,
}

/// What a packet was sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) layer: u8,
    /// The incoming index: what the layer's history has it under.
    pub(crate) index: u64,
    pub(crate) outgoing: PacketIndex,
    /// Outgoing minus incoming timestamp, wrapping.
    pub(crate) timestamp_offset: u32,
    /// It was sent with others of before its subscription: when the last of them was.
    earlier: Option<RtpTimestamp>,
    /// The number was left free for a packet that came late and was skipped then: it was never sent.
    pub(crate) skipped: bool,
    /// What was changed within it.
    pub(crate) patch: Patch,
}

impl Located {
    /// The time that it was sent with; `incoming`: the publisher's.
    pub(crate) fn timestamp(&self, incoming: RtpTimestamp) -> RtpTimestamp {
        let timestamp = incoming.plus(self.timestamp_offset);
        self.earlier.map_or(timestamp, |newest| squeezed(timestamp, newest))
    }
}

/// Whether packets go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There was none.
    Empty,
    /// The next one begins a segment.
    Suspended,
    Flowing,
}

/// The numbers of one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// What the offsets are for, once there is any.
    latest: Source,
    state: State,
    /// The incoming index that the piece began with: older ones belong to an earlier piece, or to what was not sent.
    start: u64,
    /// Outgoing minus incoming index, wrapping.
    sequence_offset: u64,
    /// Outgoing minus incoming timestamp, wrapping.
    timestamp_offset: u32,
    /// What is changed within the packets of the piece.
    patch: Patch,
    /// The highest index that was sent or left free, or one below the first.
    last_index: u64,
    last_timestamp: RtpTimestamp,
    last_arrived: Instant,
    /// Since the second piece, or since [`Mapping::prepare`].
    past: Option<Box<Past>>,
}

impl Mapping {
    /// Nothing sent yet; the first packet gets these numbers.
    ///
    /// The first sequence number is below 2^15: a receiver that misses the first packets guesses the rollover counter from what
    /// it gets first (RFC 3711 section 3.3.1), and would guess wrong just before a wrap.
    pub(crate) fn new(first_sequence: u16, first_timestamp: u32) -> Self {
        Self {
            latest: Source { layer: 0, generation: 0 },
            state: State::Empty,
            start: 0,
            sequence_offset: 0,
            timestamp_offset: 0,
            patch: Patch::default(),
            last_index: u64::from(first_sequence & 0x7FFF),
            last_timestamp: RtpTimestamp(first_timestamp),
            last_arrived: Instant::ZERO,
            past: None,
        }
    }

    /// What a mapping takes from the heap at most.
    pub(crate) const HEAP_BYTES: usize = size_of::<Past>();

    /// Takes the memory for past pieces, which the second one would take: not on the packet path.
    pub(crate) fn prepare(&mut self) {
        self.past.get_or_insert_default();
    }

    /// The stream whose packets go on, if one does.
    #[inline]
    pub(crate) fn flowing(&self) -> Option<Source> {
        if self.state == State::Flowing { Some(self.latest) } else { None }
    }

    /// The highest index that left, or one below the first.
    pub(crate) fn highest(&self) -> PacketIndex {
        PacketIndex(self.last_index)
    }

    /// Ends the segment: the next packet continues without a gap.
    pub(crate) fn suspend(&mut self) {
        if self.state == State::Flowing {
            self.state = State::Suspended;
        }
    }

    /// Begins a segment with this packet of `source`. `aligned`: its time in the timeline of the stream before, in the publisher's
    /// numbers, where both streams' sender reports tell that.
    pub(crate) fn begin(&mut self, source: Source, packet: &PacketMeta, clock: ClockRate, aligned: Option<RtpTimestamp>) {
        let timestamp = self.continued_timestamp(source, packet, clock, aligned);
        self.begin_at(source, packet.index, timestamp.0.wrapping_sub(packet.timestamp.0));
    }

    /// The same with what came before: from `first`, which begins a keyframe, to `newest`, whose time goes on behind what was sent.
    pub(crate) fn begin_earlier(
        &mut self,
        source: Source,
        (first, newest): (&PacketMeta, &PacketMeta),
        clock: ClockRate,
        aligned: Option<RtpTimestamp>,
    ) {
        let span = first.timestamp.distance(newest.timestamp).min(0) >> SQUEEZE;
        let least = self.last_timestamp.plus(span.unsigned_abs() + 1);
        let timestamp = self.continued_timestamp(source, newest, clock, aligned);
        // Behind all that was sent, the first of them included.
        let sent = self.state != State::Empty;
        let timestamp = if sent && timestamp.distance(least) < 0 { least } else { timestamp };
        self.begin_at(source, first.index, timestamp.0.wrapping_sub(newest.timestamp.0));
        self.past.get_or_insert_default().begin_earlier(source.layer, first.index, newest.index + 1, timestamp);
    }

    fn begin_at(&mut self, source: Source, index: u64, timestamp_offset: u32) {
        self.end_piece();
        self.start = index;
        self.sequence_offset = (self.last_index + 1).wrapping_sub(index);
        self.timestamp_offset = timestamp_offset;
        (self.latest, self.state) = (source, State::Flowing);
        if let Some(past) = &mut self.past {
            past.begin_segment(index);
        }
    }

    /// The outgoing time of a packet of `layer` that may be of before its segment.
    #[cold]
    pub(crate) fn squeezed(&self, layer: u8, index: u64, timestamp: RtpTimestamp) -> RtpTimestamp {
        let newest = self.past.as_ref().and_then(|past| past.earlier(layer, index));
        newest.map_or(timestamp, |newest| squeezed(timestamp, newest))
    }

    /// The packet's numbers for the subscriber; `None` when it is older than the segment. `packet` is of the flowing source.
    #[inline]
    pub(crate) fn map(&mut self, packet: &PacketMeta) -> Option<(PacketIndex, RtpTimestamp)> {
        if self.state != State::Flowing || packet.index < self.start {
            return self.map_late(packet);
        }
        let index = packet.index.wrapping_add(self.sequence_offset);
        let timestamp = packet.timestamp.plus(self.timestamp_offset);
        if index > self.last_index {
            self.last_index = index;
            self.last_timestamp = timestamp;
            self.last_arrived = packet.arrived;
        }
        Some((PacketIndex(index), timestamp))
    }

    /// The same for packets of `source` that follow each other, from the index `lowest` to the one of `newest`: how far off their
    /// indices and their timestamps are, and what is changed within them. `None`, and nothing is changed, when they are not all of
    /// the present piece.
    #[inline]
    pub(crate) fn map_all(&mut self, source: Source, lowest: u64, newest: &PacketMeta) -> Option<(u64, u32, Patch)> {
        if self.flowing() != Some(source) || lowest < self.start {
            return None;
        }
        let index = newest.index.wrapping_add(self.sequence_offset);
        if index > self.last_index {
            self.last_index = index;
            self.last_timestamp = newest.timestamp.plus(self.timestamp_offset);
            self.last_arrived = newest.arrived;
        }
        Some((self.sequence_offset, self.timestamp_offset, self.patch))
    }

    /// The subscriber does not get this packet of the flowing source: the numbers close up behind it. One that came late leaves the
    /// hole that its successors made.
    pub(crate) fn skip(&mut self, packet: &PacketMeta) {
        if self.state != State::Flowing {
            return;
        }
        if self.is_late(packet.index) {
            return self.skip_late(packet.index);
        }
        self.last_index = (packet.index - 1).wrapping_add(self.sequence_offset);
        self.end_piece();
        self.start = packet.index + 1;
        self.sequence_offset = self.sequence_offset.wrapping_sub(1);
    }

    /// Whether a packet of the flowing source comes behind one that follows it: the numbers have a place for it, if they have one for
    /// anything of then.
    pub(crate) fn is_late(&self, index: u64) -> bool {
        index < (self.last_index + 1).wrapping_sub(self.sequence_offset)
    }

    /// The stream of the present segment, or of the one that ended.
    pub(crate) fn source(&self) -> Option<Source> {
        (self.state != State::Empty).then_some(self.latest)
    }

    /// What is changed within a packet of the flowing source.
    #[inline]
    pub(crate) fn patch(&self, incoming: u64) -> Patch {
        if incoming >= self.start { self.patch } else { self.late_patch(incoming) }
    }

    /// From the packet with the incoming index `from` on, packets are changed by `patch`. A piece that has packets ends there; one
    /// that has some above is not split.
    pub(crate) fn set_patch(&mut self, patch: Patch, from: u64) {
        if patch == self.patch {
            return;
        }
        if self.first_outgoing() <= self.last_index {
            let next = from.wrapping_add(self.sequence_offset);
            if next <= self.last_index {
                return;
            }
            self.last_index = next - 1;
            self.end_piece();
            self.start = from;
        }
        self.patch = patch;
    }

    #[cold]
    fn late_patch(&self, incoming: u64) -> Patch {
        self.past.as_ref().and_then(|past| past.patch(incoming)).unwrap_or(self.patch)
    }

    /// The packet that was sent under this number, or for which the number was left free; `None` when nothing was, or it is so long
    /// ago that it is not known any more.
    pub(crate) fn locate(&self, sequence: SequenceNumber) -> Option<Located> {
        let source = self.source()?;
        let ago = SequenceNumber(self.last_index as u16).distance(sequence);
        let outgoing = self.last_index.checked_sub(u64::try_from(ago).ok()?)?;
        let piece = match outgoing.checked_sub(self.start.wrapping_add(self.sequence_offset)) {
            Some(_) => self.piece(source),
            None => *self.past.as_ref()?.find_outgoing(outgoing)?,
        };
        Some(Located {
            layer: piece.layer,
            index: piece.incoming + (outgoing - piece.outgoing),
            outgoing: PacketIndex(outgoing),
            timestamp_offset: piece.timestamp_offset,
            earlier: self.past.as_ref().and_then(|past| past.earlier(piece.layer, piece.incoming + (outgoing - piece.outgoing))),
            patch: piece.patch,
            skipped: self.past.as_ref().is_some_and(|past| past.is_skipped(outgoing)),
        })
    }

    /// The incoming index of the newest packet of the present stream that was sent or left free.
    pub(crate) fn newest(&self) -> u64 {
        self.last_index.wrapping_sub(self.sequence_offset)
    }

    /// The highest index that was sent or left free.
    #[cfg(test)]
    pub(crate) fn last_index(&self) -> PacketIndex {
        PacketIndex(self.last_index)
    }

    /// A timestamp of the publisher in the subscriber's timeline, while packets of `source` go on.
    pub(crate) fn timestamp(&self, source: Source, timestamp: RtpTimestamp) -> Option<RtpTimestamp> {
        (self.flowing() == Some(source)).then(|| timestamp.plus(self.timestamp_offset))
    }

    /// The packet is older than the present piece: it has its place if its segment goes on.
    #[cold]
    fn map_late(&self, packet: &PacketMeta) -> Option<(PacketIndex, RtpTimestamp)> {
        let layer = self.flowing()?.layer;
        let outgoing = self.past.as_ref()?.outgoing(layer, packet.index, self.first_outgoing())?;
        Some((PacketIndex(outgoing), packet.timestamp.plus(self.timestamp_offset)))
    }

    #[cold]
    fn skip_late(&mut self, index: u64) {
        let (Some(source), first) = (self.source(), self.first_outgoing()) else { return };
        let outgoing = match index.checked_sub(self.start) {
            Some(_) => Some(index.wrapping_add(self.sequence_offset)),
            None => self.past.as_ref().and_then(|past| past.outgoing(source.layer, index, first)),
        };
        if let Some(outgoing) = outgoing {
            let start = self.start;
            self.past.get_or_insert_with(|| Box::new(Past::since(start))).skip(outgoing);
        }
    }

    /// The outgoing index that the present piece began with.
    fn first_outgoing(&self) -> u64 {
        self.start.wrapping_add(self.sequence_offset)
    }

    fn piece(&self, source: Source) -> Piece {
        let (outgoing, timestamp_offset) = (self.first_outgoing(), self.timestamp_offset);
        Piece { incoming: self.start, outgoing, timestamp_offset, layer: source.layer, patch: self.patch }
    }

    /// Remembers the present piece, if any number is of it.
    fn end_piece(&mut self) {
        let Some(piece) = self.source().map(|source| self.piece(source)) else { return };
        if piece.outgoing <= self.last_index {
            self.past.get_or_insert_with(|| Box::new(Past::since(piece.incoming))).push(piece);
        }
    }

    /// Where the timeline goes on. The same stream after a pause counts its own time, which is exact, and another one may be
    /// aligned with it; where the pause was not counted, and for a stream without reports, the time that passed between the
    /// arrivals is what there is.
    fn continued_timestamp(
        &self,
        source: Source,
        packet: &PacketMeta,
        clock: ClockRate,
        aligned: Option<RtpTimestamp>,
    ) -> RtpTimestamp {
        let Some(last_source) = self.source() else { return self.last_timestamp };
        let ticks = packet.arrived.since(self.last_arrived).as_nanos() * u128::from(clock.0) / 1_000_000_000;
        let expected = self.last_timestamp.plus((ticks as u32).max(1));
        let same = last_source == source;
        let told = if same { Some(packet.timestamp) } else { aligned };
        let Some(own) = told.map(|t| t.plus(self.timestamp_offset)) else { return expected };
        // Timestamps half their range apart and more have no order: after so long a pause any is later.
        let later = ticks >= 1 << 31 || own.distance(self.last_timestamp) > 0;
        let off = own.distance(expected).unsigned_abs();
        match off <= clock.0 / 2 {
            true if later => own,
            // Another stream's picture of the moment that was shown last.
            true if !same => self.last_timestamp.plus(1),
            _ => expected,
        }
    }
}

/// An outgoing time of before a subscription, as it is told: so near to that of the `newest`.
fn squeezed(timestamp: RtpTimestamp, newest: RtpTimestamp) -> RtpTimestamp {
    newest.plus((timestamp.distance(newest) >> SQUEEZE) as u32)
}

#[cfg(test)]
mod tests;
