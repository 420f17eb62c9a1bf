//! Which streams of a track its publisher is told to send: those that somebody wants, and for a while those that nobody does any
//! more.

use core::time::Duration;
use corelay_wire::units::Instant;

/// How long nobody may want a stream before its publisher is told so. Longer keeps a publisher encoding and sending what is for
/// nobody; shorter makes it stop and begin again when a subscriber reloads or its link is bad for a moment, a keyframe each time.
const PATIENCE: Duration = Duration::from_secs(10);
/// The smallest stream, wanted while any is: whoever's path fails falls back on it at once, and it takes a twentieth of all.
const FALLBACK: u8 = 1;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thrift {
    /// The streams that the publisher knows to be wanted, as bits.
    told: u8,
    /// What is wanted at present.
    wanted: u8,
    /// When those that nobody wants are given up.
    due: Option<Instant>,
    all: u8,
}

impl Thrift {
    /// Of a track with `streams` streams, all of which its publisher sends.
    pub(crate) fn new(streams: usize) -> Self {
        let all = ((1u16 << streams.min(8)) - 1) as u8;
        Self { told: all, wanted: all, due: None, all }
    }

    /// These streams are wanted. Gives what the publisher is to be told: at once what somebody wants, after [`PATIENCE`] that
    /// nobody does.
    pub(crate) fn want(&mut self, wanted: u8, now: Instant) -> Option<u8> {
        self.wanted = match wanted & self.all {
            0 => 0,
            some => some | FALLBACK,
        };
        let before = self.told;
        self.told |= self.wanted;
        if self.due.is_some_and(|due| due <= now) {
            (self.told, self.due) = (self.wanted, None);
        }
        match self.told == self.wanted {
            true => self.due = None,
            false => _ = self.due.get_or_insert(now + PATIENCE),
        }
        (self.told != before).then_some(self.told)
    }

    /// The streams that the publisher knows to be wanted, as bits.
    pub(crate) fn told(&self) -> u8 {
        self.told
    }

    /// When to ask again with what is wanted then.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn what_is_wanted_is_told_at_once_and_what_is_not_after_a_while() {
        let mut thrift = Thrift::new(3);
        assert_eq!(thrift.want(0b001, at(0)), None);
        assert_eq!(thrift.due(), Some(at(10_000)));
        assert_eq!(thrift.want(0b011, at(2_000)), None);
        assert_eq!(thrift.want(0b010, at(10_000)), Some(0b011));
        assert_eq!(thrift.due(), None);
        assert_eq!(thrift.want(0b111, at(15_000)), Some(0b111));
        assert_eq!(thrift.want(0b000, at(15_001)), None);
        assert_eq!(thrift.want(0b000, at(25_001)), Some(0));
    }

    #[test]
    fn what_is_wanted_again_in_time_is_no_news() {
        let mut thrift = Thrift::new(2);
        assert_eq!(thrift.want(0b01, at(0)), None);
        assert_eq!(thrift.want(0b11, at(1_000)), None);
        assert_eq!(thrift.due(), None);
        assert_eq!(thrift.want(0b01, at(9_900)), None);
        assert_eq!(thrift.due(), Some(at(19_900)), "patience begins anew");
    }

    #[test]
    fn streams_that_there_are_not_are_not_wanted() {
        let mut thrift = Thrift::new(1);
        assert_eq!(thrift.want(u8::MAX, at(0)), None);
        assert_eq!(thrift.due(), None);
    }
}
