//! The picture sizes of a track, lowest first, whichever way they are sent: a row is a simulcast stream, or a spatial layer of the
//! one stream. Which rows are being sent, what they take, and who wants them.
//!
//! ```text
//!            packet                       nothing came for its patience, while others went on
//! Unseen ------------> Live ----------------------------------+-------> Silent    somebody wants it
//!                       ^  packet                             '-------> Resting   nobody does, and the publisher was told so
//!                       '-------- Silent, Resting       Resting ------> Silent    it was asked for, and did not come
//! ```

mod rates;

use crate::control::LAYERS_MAX;
use crate::place::{Place, SPATIAL_MAX};
use crate::target::{TEMPORAL_MAX, Target};
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};
use rates::Rates;

/// How long a row may be quiet before it is silent, at least. Longer leaves viewers of a layer that ended with a still picture for
/// as long; shorter takes a pause of the encoder or of the network for the end, at the price of a keyframe and a worse picture.
const PATIENCE_MIN: Duration = Duration::from_millis(350);
/// At most, whatever its frame rate.
const PATIENCE_MAX: Duration = Duration::from_secs(3);
/// Frames that a row must miss: a screen share of two frames a second is not silent after one of them.
const FRAMES_MISSED: u32 = 3;
/// How long a publisher may take to send a row that is wanted again.
const WAKING: Duration = Duration::from_secs(3);

/// Where a row is in its life. See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Pulse {
    #[default]
    Unseen,
    Live,
    Silent,
    Resting,
}

/// One picture size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) pulse: Pulse,
    pub(crate) rates: Rates,
    /// Subscriptions on this shard that want it.
    pub(crate) watchers: u32,
    /// When it came to be wanted.
    wanted_since: Option<Instant>,
    last: Instant,
    /// The smoothed time between its pictures, in nanoseconds.
    interval: u64,
    last_picture: Instant,
}

impl Row {
    /// Whether a subscription may have it: it is being sent, or would be if it were wanted.
    pub(crate) fn is_available(&self) -> bool {
        matches!(self.pulse, Pulse::Live | Pulse::Resting)
    }

    fn note(&mut self, place: Place, bytes: usize, now: Instant) -> bool {
        self.rates.count(place, bytes, now);
        self.last = now;
        if place.starts_picture() {
            // A row that comes back tells nothing by its pause.
            let interval = now.since(core::mem::replace(&mut self.last_picture, now)).min(PATIENCE_MAX).as_nanos() as u64;
            self.interval = self.interval - self.interval / 8 + interval / 8;
        }
        let rises = self.pulse != Pulse::Live;
        if rises {
            (self.pulse, self.interval) = (Pulse::Live, 0);
        }
        rises
    }

    fn patience(&self) -> Duration {
        (Duration::from_nanos(self.interval) * FRAMES_MISSED).clamp(PATIENCE_MIN, PATIENCE_MAX)
    }
}

/// All of a track's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    rows: [Row; LAYERS_MAX],
    /// Rows are spatial layers of one stream.
    spatial: bool,
    /// Since when the track is being sent, as far as silence counts.
    active_since: Instant,
    /// When silence is looked for next; `None`: not before a packet comes.
    due_at: Option<Instant>,
}

const _: () = assert!(LAYERS_MAX == SPATIAL_MAX, "a row is either");

impl Rows {
    /// Of a track with `streams` simulcast streams.
    pub(crate) fn new(streams: usize) -> Self {
        Self { spatial: streams == 1, ..Self::default() }
    }

    /// The rows are spatial layers of one stream.
    pub(crate) fn is_spatial(&self) -> bool {
        self.spatial
    }

    /// The row of a packet.
    #[inline]
    pub(crate) fn of(&self, layer: u8, place: Place) -> u8 {
        if self.spatial { place.own().spatial() } else { layer }
    }

    /// Counts a packet of `layer`; tells whether its row is being sent again, or for the first time.
    #[inline]
    pub(crate) fn note(&mut self, layer: u8, place: Place, bytes: usize, now: Instant) -> bool {
        let row = self.of(layer, place);
        self.rows[usize::from(row)].note(place, bytes, now)
    }

    /// The first packet after all was quiet: silence counts from here.
    pub(crate) fn arm(&mut self, now: Instant) {
        self.active_since = now;
        self.due_at = Some(now);
    }

    /// When [`Rows::look`] is due; `None`: not before a packet comes.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Whether there is anything to go to when a row falls silent.
    pub(crate) fn are_several(&self) -> bool {
        self.rows[1..].iter().any(|row| row.pulse != Pulse::Unseen)
    }

    pub(crate) fn get(&self, row: u8) -> &Row {
        &self.rows[usize::from(row)]
    }

    /// Rows that a subscription may have, as bits.
    pub(crate) fn available(&self) -> u8 {
        self.bits(Row::is_available)
    }

    /// Rows that somebody on this shard wants, as bits.
    pub(crate) fn watched(&self) -> u8 {
        self.bits(|row| row.watchers > 0)
    }

    fn bits(&self, is: impl Fn(&Row) -> bool) -> u8 {
        self.rows.iter().enumerate().filter(|(_, row)| is(row)).fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// A subscription that wanted the rows `before` wants those of `after`.
    pub(crate) fn recount(&mut self, before: u8, after: u8, now: Instant) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            row.watchers = row.watchers + u32::from(after >> at & 1) - u32::from(before >> at & 1);
            match row.watchers {
                0 => row.wanted_since = None,
                _ => _ = row.wanted_since.get_or_insert(now),
            }
        }
    }

    /// What a row takes up to each temporal layer, with all below that it needs.
    pub(crate) fn rates(&self, row: usize) -> [Bitrate; TEMPORAL_MAX] {
        self.rates_by(row, Rates::up_to)
    }

    /// Whether it is known what the row of a target takes, or ever took.
    pub(crate) fn is_measured(&self, target: Target) -> bool {
        self.remembered_rates(target.row(self.spatial).into())[TEMPORAL_MAX - 1].0 > 0
    }

    /// The same, as far as is remembered of what it took: there must be room for it before anybody changes to the row.
    pub(crate) fn remembered_rates(&self, row: usize) -> [Bitrate; TEMPORAL_MAX] {
        self.rates_by(row, Rates::remembered_up_to)
    }

    /// What a row and those below take together: key pictures are made of all of them.
    pub(crate) fn key_rate(&self, row: usize) -> Bitrate {
        Bitrate(self.rows[..=row].iter().map(|row| row.rates.remembered_up_to(TEMPORAL_MAX - 1, false).0).sum())
    }

    fn rates_by(&self, row: usize, up_to: impl Fn(&Rates, usize, bool) -> Bitrate) -> [Bitrate; TEMPORAL_MAX] {
        core::array::from_fn(|temporal| {
            let own = up_to(&self.rows[row].rates, temporal, false).0;
            let below = if self.spatial { &self.rows[..row] } else { &[] };
            Bitrate(own + below.iter().map(|r| up_to(&r.rates, temporal, true).0).sum::<u64>())
        })
    }

    /// Looks for rows that fell silent while others went on; tells whether there was one. `others`: the publisher's audio goes on.
    /// `asked`: the rows that the publisher is asked to send. One of those that stops does so of the publisher's own will, whoever
    /// wants it, and is not there for the asking: a publisher that has to do with less stops several at once.
    pub(crate) fn look(&mut self, others: bool, asked: u8, now: Instant) -> bool {
        let (mut fell, mut next): (bool, Option<Instant>) = (false, None);
        for at in 0..self.rows.len() {
            let Some(due) = self.due(at) else { continue };
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
            } else if self.go_on_without(at, others, now) {
                let row = &mut self.rows[at];
                let resting = row.pulse == Pulse::Live && row.watchers == 0 && asked >> at & 1 == 0;
                row.pulse = if resting { Pulse::Resting } else { Pulse::Silent };
                fell = true;
            }
        }
        self.due_at = next;
        fell
    }

    /// When the row would be silent; `None` where that is no question.
    fn due(&self, at: usize) -> Option<Instant> {
        let row = &self.rows[at];
        let since = row.last.max(self.active_since);
        match row.pulse {
            Pulse::Live => Some(since + row.patience()),
            Pulse::Resting => Some(since.max(row.wanted_since?) + WAKING),
            Pulse::Unseen | Pulse::Silent => None,
        }
    }

    /// Whether something goes on, so that the quiet of the row in `at` is its own. Where all stopped, the publisher muted the track
    /// or the network is gone: nothing is better elsewhere.
    fn go_on_without(&self, at: usize, others: bool, now: Instant) -> bool {
        let mut live =
            self.rows.iter().enumerate().filter(|(n, row)| *n != at && row.pulse == Pulse::Live).map(|(_, row)| row).peekable();
        match live.peek() {
            None => others,
            Some(_) => live.any(|row| now.since(row.last) < row.patience()),
        }
    }
}

#[cfg(test)]
mod tests;
