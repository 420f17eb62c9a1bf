//! What a receiver tells about its transport: when each numbered packet arrived (transport-wide congestion control), or what it takes
//! the link to carry (REMB), as browsers of today and of yesterday do.

use core::time::Duration;
use corelay_wire::rtcp::{CompoundWriter, Remb, TransportCcBuilder};
use corelay_wire::rtp::AbsSendTime;
use corelay_wire::units::{Bitrate, Instant, SequenceNumber, Ssrc};
use std::collections::{BTreeMap, VecDeque};

/// Between two messages: libwebrtc takes 50 to 250 ms, by the rate.
const EVERY: Duration = Duration::from_millis(75);
/// Between two estimates.
const REMB_EVERY: Duration = Duration::from_millis(500);
/// Arrivals that are kept for numbers which come late.
const KEPT: i64 = 1_000;
const OWN: Ssrc = Ssrc(1);

/// Which of the two a receiver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FeedbackKind {
    /// Neither.
    #[default]
    None,
    /// Transport-wide congestion control.
    TransportWide,
    /// REMB.
    Remb,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct TransportFeedback {
    pub(crate) kind: FeedbackKind,
    arrivals: BTreeMap<i64, Instant>,
    newest: Option<i64>,
    /// The lowest number that was not told of.
    start: i64,
    count: u8,
    next: Instant,
    remb: RembEstimator,
}

impl TransportFeedback {
    /// Notes a packet with what its header says.
    pub(crate) fn arrived(&mut self, now: Instant, number: Option<SequenceNumber>, sent: Option<AbsSendTime>, bytes: usize) {
        if let Some(sent) = sent {
            self.remb.arrived(now, sent, bytes);
        }
        let Some(number) = number else { return };
        let long = match self.newest {
            Some(newest) => newest + i64::from(number.0.wrapping_sub(newest as u16) as i16),
            None => i64::from(number.0) + (1 << 16),
        };
        if self.newest.is_none() {
            self.start = long;
        }
        self.newest = Some(self.newest.map_or(long, |newest| newest.max(long)));
        self.start = self.start.min(long);
        self.arrivals.entry(long).or_insert(now);
        self.arrivals = self.arrivals.split_off(&(long.max(self.start) - KEPT));
    }

    /// The messages that are due, each as a compound.
    pub(crate) fn messages(&mut self, now: Instant) -> Vec<Vec<u8>> {
        if self.kind == FeedbackKind::None || self.next > now {
            return Vec::new();
        }
        if self.kind == FeedbackKind::Remb {
            self.next = now + REMB_EVERY;
            return self.remb.estimate(now).map(remb).into_iter().collect();
        }
        self.next = now + EVERY;
        let mut messages = Vec::new();
        while self.arrivals.range(self.start..).next().is_some() {
            let mut builder = TransportCcBuilder::new(SequenceNumber(self.start as u16));
            for (number, at) in self.arrivals.range(self.start..) {
                // A gap that no message can tell of is left out.
                let gap = number - self.start > 10_000;
                if gap || !builder.push(SequenceNumber(*number as u16), *at) {
                    break;
                }
                self.start = number + 1;
            }
            let mut bytes = vec![0; 1_400];
            let mut writer = CompoundWriter::new(&mut bytes);
            let Some(message) = builder.message(OWN, OWN, self.count) else {
                self.start = self.arrivals.range(self.start..).next().map_or(self.start, |(number, _)| *number);
                continue;
            };
            writer.push(&message).expect("a message fits");
            self.count = self.count.wrapping_add(1);
            let len = writer.len();
            bytes.truncate(len);
            messages.push(bytes);
        }
        messages
    }
}

fn remb(bitrate: Bitrate) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let mut writer = CompoundWriter::new(&mut bytes);
    writer.push(&Remb { sender: OWN, bitrate, sources: &[] }).expect("it fits");
    let len = writer.len();
    bytes.truncate(len);
    bytes
}

/// What an old browser estimates: less than arrives when the queue before it grows, a little more while it does not.
#[derive(Debug, Default)]
struct RembEstimator {
    arrived: VecDeque<(Instant, usize)>,
    /// The send clock against the arrival clock, and its lowest in the last seconds.
    lags: VecDeque<(Instant, f64)>,
    reference: Option<(AbsSendTime, Instant)>,
    estimate: Option<f64>,
    updated: Instant,
}

impl RembEstimator {
    fn arrived(&mut self, now: Instant, sent: AbsSendTime, bytes: usize) {
        let (first, at) = *self.reference.get_or_insert((sent, now));
        let left = f64::from(sent.distance(first)) / f64::from(AbsSendTime::UNITS_PER_SECOND);
        let came = now.since(at).as_secs_f64();
        // The send clock wraps every 64 s: the difference is taken on half of that circle.
        let lag = (came - left + 32.0).rem_euclid(64.0) - 32.0;
        self.arrived.push_back((now, bytes + 28));
        self.lags.push_back((now, lag));
        while self.arrived.front().is_some_and(|(at, _)| now.since(*at) > Duration::from_millis(500)) {
            self.arrived.pop_front();
        }
        while self.lags.front().is_some_and(|(at, _)| now.since(*at) > Duration::from_secs(10)) {
            self.lags.pop_front();
        }
    }

    fn estimate(&mut self, now: Instant) -> Option<Bitrate> {
        let since = now.since(core::mem::replace(&mut self.updated, now)).as_secs_f64().min(1.0);
        let incoming = self.arrived.iter().map(|(_, bytes)| *bytes as f64 * 8.0).sum::<f64>() / 0.5;
        let lowest = self.lags.iter().map(|(_, lag)| *lag).fold(f64::INFINITY, f64::min);
        let recent: Vec<f64> = self.lags.iter().rev().take(20).map(|(_, lag)| *lag).collect();
        let queue = recent.iter().sum::<f64>() / recent.len().max(1) as f64 - lowest;
        if incoming == 0.0 {
            return self.estimate.map(|e| Bitrate(e as u64));
        }
        let before = self.estimate.unwrap_or(incoming * 1.5);
        let after = match queue > 0.06 {
            true => before.min(0.85 * incoming),
            false => (before * (1.0 + 0.08 * since)).min(1.5 * incoming + 50_000.0).max(before.min(incoming)),
        };
        self.estimate = Some(after.max(30_000.0));
        Some(Bitrate(after.max(30_000.0) as u64))
    }
}
