//! How many bits a second each layer of a row takes.
//!
//! Bytes are counted in windows of half a second, and a rate is the mean of the latest four: so a keyframe of seven times the usual
//! adds a tenth to it for two seconds, and a layer that grows is seen within two. Of a layer that has just begun, it is the mean of
//! those there are.
//!
//! Encoders begin small behind a keyframe and take seconds to be where they were. So what a layer took before is remembered beside
//! it, and fades: who would change to the layer must have room for that.

use crate::place::{Place, Point};
use crate::target::TEMPORAL_MAX;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant};

/// Shorter knows sooner what a layer takes that has just begun; longer has as many frames of each temporal layer in it as in the
/// next.
const WINDOW: Duration = Duration::from_millis(500);
/// More is steadier: the least temporal layer has three or four frames in a window. Fewer follows a change faster, and takes every
/// keyframe for one.
const WINDOWS: usize = 4;
/// What a packet takes on the path beside its payload: RTP header and extensions, SRTP tag, UDP and IPv4. For audio that is as much
/// as what is said.
const OVERHEAD: u32 = 70;
/// A window that nothing closed for as long says nothing of the present.
const STALE: Duration = Duration::from_secs(2);

/// Of what is remembered of a rate, one of so many parts fades in each window. More remembers a layer that has become small for
/// longer, so that nobody changes to it though it fits; fewer takes an encoder that begins anew for a small layer (Chromium's take
/// 3 s).
const FADES: u32 = 16;

/// Bytes by temporal layer: of frames that upper spatial layers build on too, and of those that they do not.
type Counts = [[u32; TEMPORAL_MAX]; 2];

/// The rates of one row: a simulcast stream, or a spatial layer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    began: Option<Instant>,
    counts: Counts,
    /// Bits a second in the latest windows, and how many were measured.
    windows: [Counts; WINDOWS],
    measured: u32,
    /// Their mean.
    rates: Counts,
    /// The highest that it was, fading.
    remembered: Counts,
}

impl Rates {
    /// Counts a packet of `bytes` bytes.
    #[inline]
    pub(crate) fn count(&mut self, place: Place, bytes: usize, now: Instant) {
        if self.began.is_none_or(|began| now.since(began) >= WINDOW) {
            self.close(now);
        }
        let above = Point::new(place.own().spatial() + 1, TEMPORAL_MAX as u8 - 1);
        let shared = usize::from(!place.needed_by.contains(above));
        self.counts[shared][usize::from(place.own().temporal())] += bytes as u32 + OVERHEAD;
    }

    /// What frames up to a temporal layer take; with `shared`, of those only that upper spatial layers build on.
    pub(crate) fn up_to(&self, temporal: usize, shared: bool) -> Bitrate {
        sum(&self.rates, temporal, shared)
    }

    /// The same, as far as is remembered of what they took.
    pub(crate) fn remembered_up_to(&self, temporal: usize, shared: bool) -> Bitrate {
        sum(&self.remembered, temporal, shared)
    }

    /// The highest temporal layer that takes anything.
    pub(crate) fn temporal_max(&self) -> Option<u8> {
        let takes = |at: &usize| self.rates[0][*at] > 0 || self.rates[1][*at] > 0;
        (0..TEMPORAL_MAX).rev().find(takes).map(|at| at as u8)
    }

    #[cold]
    fn close(&mut self, now: Instant) {
        let counts = core::mem::take(&mut self.counts);
        let Some(began) = self.began.replace(now) else { return };
        let elapsed = now.since(began);
        if elapsed > STALE {
            return;
        }
        let millis = (elapsed.as_millis() as u64).max(1);
        let per_second = |bytes: u32| u32::try_from(u64::from(bytes) * 8_000 / millis).unwrap_or(u32::MAX);
        self.windows[self.measured as usize % WINDOWS] = counts.map(|kind| kind.map(per_second));
        self.measured = self.measured.wrapping_add(1).max(1);
        let known = WINDOWS.min(self.measured as usize);
        let mean = |kind: usize, at: usize| {
            let sum = self.windows[..known].iter().map(|window| u64::from(window[kind][at])).sum::<u64>();
            (sum / known as u64) as u32
        };
        self.rates = core::array::from_fn(|kind| core::array::from_fn(|at| mean(kind, at)));
        let faded = |kind: usize, at: usize| {
            let before: u32 = self.remembered[kind][at];
            (before - before / FADES).max(self.rates[kind][at])
        };
        self.remembered = core::array::from_fn(|kind| core::array::from_fn(|at| faded(kind, at)));
    }
}

fn sum(rates: &Counts, temporal: usize, shared: bool) -> Bitrate {
    let kinds = if shared { &rates[..1] } else { &rates[..] };
    Bitrate(kinds.iter().flat_map(|rates| &rates[..=temporal]).map(|rate| u64::from(*rate)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Points;

    #[test]
    fn rates_are_by_temporal_layer_and_follow_within_two_seconds() {
        let mut rates = Rates::default();
        let base = Place::new(Point::new(0, 0), Points::ALL);
        let upper = Place::new(Point::new(0, 1), Points::at(0, 1));
        for ms in (0..4_510).step_by(10) {
            let now = Instant::from_millis(ms);
            rates.count(base, if ms < 2_000 { 930 } else { 430 }, now);
            rates.count(upper, 180, now);
        }
        assert_eq!(rates.up_to(0, false), Bitrate(400_000));
        let upper = rates.up_to(1, false).0 - rates.up_to(0, false).0;
        assert_eq!(upper, 200_000);
        assert_eq!(rates.up_to(3, true), rates.up_to(0, false), "the upper one is nobody else's");
        assert_eq!(rates.temporal_max(), Some(1));
    }

    #[test]
    fn an_encoder_that_begins_small_is_remembered() {
        let mut rates = Rates::default();
        for ms in (0..7_000).step_by(10) {
            let bytes = if ms < 5_000 { 2_430 } else { 430 };
            rates.count(Place::WHOLE, bytes, Instant::from_millis(ms));
        }
        assert!(rates.up_to(0, false).0 < 1_000_000);
        let remembered = rates.remembered_up_to(0, false).0;
        assert!((1_500_000..2_000_000).contains(&remembered), "{remembered} of 2000000");
        for ms in (7_000..40_000).step_by(10) {
            rates.count(Place::WHOLE, 430, Instant::from_millis(ms));
        }
        assert_eq!(rates.remembered_up_to(0, false), rates.up_to(0, false));
    }

    #[test]
    fn a_pause_is_no_rate_of_zero() {
        let mut rates = Rates::default();
        let place = Place::WHOLE;
        for ms in [0, 100, 200, 500, 60_000, 60_010] {
            rates.count(place, 1_000 - OVERHEAD as usize, Instant::from_millis(ms));
        }
        assert_eq!(rates.up_to(0, false), Bitrate(48_000));
    }

    #[test]
    fn a_keyframe_is_a_tenth_more() {
        let mut rates = Rates::default();
        for frame in 0..120u64 {
            let bytes = if frame == 70 { 7_000 } else { 1_000 } - OVERHEAD as usize;
            rates.count(Place::WHOLE, bytes, Instant::from_nanos(frame * 1_000_000_000 / 30));
        }
        let rate = rates.up_to(0, false).0;
        assert!((255_000..270_000).contains(&rate), "{rate} of 240000");
    }
}
