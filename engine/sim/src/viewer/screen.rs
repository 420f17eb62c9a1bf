//! What a person sees: pictures with their times, freezes, and what is wrong with them.

use crate::content::{Content, FrameName};
use core::time::Duration;
use corelay_wire::units::{Instant, RtpTimestamp};
use std::collections::BTreeSet;

/// A freeze is a gap of three times the usual, and of at least this more than the usual (libwebrtc, W3C webrtc-stats `freezeCount`).
const FREEZE_EXTRA: Duration = Duration::from_millis(150);
/// Gaps that "the usual" is the mean of.
const GAPS: usize = 30;
const DECODED_MAX: usize = 4_096;

/// A picture on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub at: Instant,
    /// When the camera took it.
    pub captured: Instant,
    /// Its simulcast stream, lowest first.
    pub stream: u8,
    /// Its highest spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// Whether everything that it is predicted from was decoded.
    pub good: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Screen {
    /// All pictures in their order.
    pub shown: Vec<Shown>,
    /// Gaps that a person notices: when they began, and how long they were.
    pub freezes: Vec<(Instant, Duration)>,
    /// What was wrong with pictures, in words.
    pub broken: Vec<String>,
    /// The most that the time between two pictures was off by timestamp, against their capture.
    pub timeline_error: Duration,
    /// Since when it is looked at: what was taken before is shown as fast as it comes.
    since: Instant,
    decoded: BTreeSet<FrameName>,
    stream: Option<u8>,
    last: Option<(RtpTimestamp, Instant)>,
}

impl Screen {
    /// Looked at from `since` on.
    pub(crate) fn new(since: Instant) -> Self {
        Self {
            shown: Vec::new(),
            freezes: Vec::new(),
            broken: Vec::new(),
            timeline_error: Duration::ZERO,
            since,
            decoded: BTreeSet::new(),
            stream: None,
            last: None,
        }
    }

    /// It is looked at again: what is shown from here on is not held against what was.
    pub fn look_again(&mut self, now: Instant) {
        (self.since, self.last) = (now, None);
    }

    /// Decodes and shows the frames of one picture, lowest layer first.
    pub(crate) fn show(&mut self, now: Instant, timestamp: RtpTimestamp, frames: &[Content]) {
        let Some(top) = frames.last() else { return };
        let good = frames.iter().fold(true, |good, content| good & self.decode(content));
        if !good {
            self.broke(format!(
                "picture {:?} of stream {} at {now:?} is predicted from what was not decoded",
                top.frame, top.stream
            ));
        }
        self.check_time(timestamp, top);
        let shown =
            Shown { at: now, captured: top.captured, stream: top.stream, spatial: top.frame.spatial, temporal: top.temporal, good };
        if let Some(freeze) = self.shown.last().and_then(|last| self.freeze(last.at, now)) {
            self.freezes.push(freeze);
        }
        self.shown.push(shown);
    }

    /// A freeze that has not ended by `now`.
    pub fn freezing(&self, now: Instant) -> Option<(Instant, Duration)> {
        self.freeze(self.shown.last()?.at, now)
    }

    fn freeze(&self, last: Instant, now: Instant) -> Option<(Instant, Duration)> {
        let gaps = self.shown.windows(2).rev().take(GAPS);
        let (sum, count) = gaps.fold((Duration::ZERO, 0), |(sum, n), pair| (sum + pair[1].at.since(pair[0].at), n + 1));
        let mean = sum.checked_div(count)?;
        let gap = now.since(last);
        (count >= 5 && gap >= (3 * mean).max(mean + FREEZE_EXTRA)).then_some((last, gap))
    }

    fn decode(&mut self, content: &Content) -> bool {
        let begins = content.key && content.frame.spatial == 0;
        if begins {
            self.decoded.clear();
            self.stream = Some(content.stream);
        }
        let good = self.stream == Some(content.stream) && content.references.iter().all(|r| self.decoded.contains(r));
        if good {
            self.decoded.insert(content.frame);
            if self.decoded.len() > DECODED_MAX {
                self.decoded.pop_first();
            }
        }
        good
    }

    fn check_time(&mut self, timestamp: RtpTimestamp, content: &Content) {
        if let Some((last, captured)) = self.last.replace((timestamp, content.captured)) {
            let ticks = timestamp.distance(last);
            let media = i64::from(ticks) * 100_000 / 9;
            let real = content.captured.as_nanos().cast_signed() - captured.as_nanos().cast_signed();
            // The same picture of another stream is no step back, as long as its timestamp is another.
            if real < 0 {
                self.broke(format!("a picture of {:?} was shown after one of {captured:?}", content.captured));
            } else if ticks <= 0 {
                self.broke(format!("timestamps went back by {ticks} ticks at {:?}", content.frame));
            }
            if captured >= self.since {
                self.timeline_error = self.timeline_error.max(Duration::from_nanos(media.abs_diff(real)));
            }
        }
    }

    fn broke(&mut self, what: String) {
        if self.broken.len() < 20 {
            self.broken.push(what);
        }
    }
}
