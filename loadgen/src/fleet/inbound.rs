//! One stream as it comes in: order, a sample of the content, and what a receiver reports of it.

use super::counts::{CountCells, Counts};
use super::order::{Arrival, Order};
use crate::stream::stamp::Stamp;
use crate::stream::trail::{Checked, Trails};
use crate::stream::{Codec, Kind, vp8};
use crate::wire::Clear;
use rtcp::reception_report::ReceptionReport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use webrtc_srtp::context::Context as SrtpContext;
use webrtc_util::Unmarshal;

/// A receiver asks again when no keyframe came of its last request. Lower: the picture stands still for less time. Higher: less
/// upload.
const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(500);
/// Without a packet for this long a stream that had started is silent.
const SILENT_AFTER: Duration = Duration::from_secs(2);

/// A stream that will come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Under which it comes.
    pub ssrc: u32,
    /// Its codec.
    pub codec: Codec,
    /// Which one it is, if that is known: [`Published::stream`](super::Published::stream). Anything else under this SSRC is then
    /// corrupt. Needed for the latency of clips.
    pub stream: Option<u32>,
    /// Under which header extension its packets carry transport-wide numbers, which are then reported on; 0 for none.
    pub number_id: u8,
    /// Under which its packets come once more (RTX); they are not counted as the stream's.
    pub rtx_ssrc: Option<u32>,
}

/// What the handle of a received stream sees.
#[derive(Default)]
pub(super) struct ReceivedCells {
    pub(super) counts: CountCells,
    /// CLOCK_MONOTONIC of the first packet; 0 before.
    pub(super) started_ns: AtomicU64,
    pub(super) started: Notify,
}

/// A datagram and when it came.
#[derive(Clone, Copy)]
pub(super) struct Arrived<'a> {
    pub(super) bytes: &'a [u8],
    /// CLOCK_MONOTONIC.
    pub(super) at_ns: u64,
}

/// A stream that is expected, and what came of it.
pub(super) struct Inbound {
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: Option<u32>,
    pub(super) number_id: u8,
    pub(super) counts: Counts,
    codec: Codec,
    stream: Option<u32>,
    cells: Arc<ReceivedCells>,
    order: Order,
    /// One packet in so many is opened; 0 for only the first.
    one_in: u32,
    until_sample: u32,
    last: Option<Content>,
    trails: Arc<Trails>,
    last_ns: u64,
    keyframe_asked_ns: u64,
    keyframe_wanted: bool,
    jitter: Jitter,
    reported: (u64, u64),
    sender_report: Option<(u32, u64)>,
}

/// What the last opened packet was, to tell order and gaps in the content.
#[derive(Clone, Copy)]
struct Content {
    layer: u32,
    counter: u32,
    extended: u64,
}

impl Inbound {
    pub(super) fn new(expected: &Expected, one_in: u32, trails: Arc<Trails>, cells: Arc<ReceivedCells>) -> Self {
        let Expected { ssrc, codec, stream, number_id, rtx_ssrc } = *expected;
        Self {
            ssrc,
            rtx_ssrc,
            number_id,
            counts: Counts::default(),
            codec,
            stream,
            cells,
            order: Order::default(),
            one_in,
            until_sample: 0,
            last: None,
            trails,
            last_ns: 0,
            keyframe_asked_ns: 0,
            keyframe_wanted: codec.kind() == Kind::Video,
            jitter: Jitter::default(),
            reported: (0, 0),
            sender_report: None,
        }
    }

    /// Takes a packet of this stream. Gives its end-to-end latency when it was opened and good.
    pub(super) fn take(&mut self, clear: &Clear, arrived: Arrived<'_>, keys: &mut SrtpContext) -> Option<u64> {
        let is_first = self.counts.packets == 0;
        self.counts.packets += 1;
        self.counts.bytes += arrived.bytes.len() as u64;
        self.last_ns = arrived.at_ns;
        let (extended, arrival) = self.order.take(clear.sequence);
        match arrival {
            Arrival::New { missing } => {
                self.counts.lost += missing;
                self.keyframe_wanted |= missing > 0 && self.codec.kind() == Kind::Video;
                self.jitter.take(clear.timestamp, arrived.at_ns, self.codec.clock_rate());
            }
            Arrival::Late => {
                self.counts.reordered += 1;
                self.counts.lost = self.counts.lost.saturating_sub(1);
            }
            Arrival::Double => self.counts.duplicates += 1,
        }
        if is_first {
            self.cells.started_ns.store(arrived.at_ns.max(1), Ordering::Release);
            self.cells.started.notify_waiters();
        }
        let latency = if self.is_sampled(is_first) { self.verify(extended, arrived, keys) } else { None };
        self.cells.counts.store(&self.counts);
        latency
    }

    /// Random distances: a fixed one could meet the same packet of each frame.
    fn is_sampled(&mut self, is_first: bool) -> bool {
        match (is_first, self.one_in) {
            (true, 0) => return true,
            (false, 0) => return false,
            (_, 1) => return true,
            (true, _) => {}
            (false, _) => {
                self.until_sample = self.until_sample.saturating_sub(1);
                if self.until_sample > 0 {
                    return false;
                }
            }
        }
        self.until_sample = 1 + rand::random::<u32>() % (2 * self.one_in - 1);
        true
    }

    fn verify(&mut self, extended: u64, arrived: Arrived<'_>, keys: &mut SrtpContext) -> Option<u64> {
        let Ok(plain) = keys.decrypt_rtp(arrived.bytes) else {
            self.counts.unopened += 1;
            return None;
        };
        let mut rest = plain.as_ref();
        let header = rtp::header::Header::unmarshal(&mut rest);
        let payload = header.ok().and_then(|header| without_padding(rest, header.padding));
        self.counts.verified += 1;
        match payload.map_or(Checked::Bad, |payload| self.check(extended, payload)) {
            Checked::Sent(sent_ns) => Some(arrived.at_ns.saturating_sub(sent_ns)),
            Checked::Good => None,
            Checked::Bad => {
                self.counts.corrupt += 1;
                None
            }
        }
    }

    fn check(&mut self, extended: u64, payload: &[u8]) -> Checked {
        // Padding alone carries no content, and counts as none of the publisher's packets.
        if payload.is_empty() {
            return Checked::Good;
        }
        let body = if self.codec == Codec::Vp8 { vp8::behind_head(payload) } else { Some(payload) };
        let Some(stamp) = body.and_then(Stamp::read) else {
            return self.trails.check(self.stream, self.codec, payload);
        };
        // Without being told which stream comes here, it is the first that came.
        if *self.stream.get_or_insert(stamp.stream) != stamp.stream {
            return Checked::Bad;
        }
        let next = Content { layer: stamp.layer, counter: stamp.counter, extended };
        let fits = match self.last {
            Some(last) if last.layer == next.layer => self.follows(last, next),
            _ => true,
        };
        if self.last.is_none_or(|last| extended > last.extended) {
            self.last = Some(next);
        }
        if fits { Checked::Sent(stamp.sent_ns) } else { Checked::Bad }
    }

    /// The content must advance as the sequence numbers do: by less, and a packet is two packets; by more, and some were left out.
    fn follows(&mut self, last: Content, next: Content) -> bool {
        let numbers = next.extended.wrapping_sub(last.extended) as i64;
        let content = i64::from(next.counter.wrapping_sub(last.counter) as i32);
        if numbers > 0 && content > numbers {
            self.counts.skipped += (content - numbers) as u64;
        }
        if numbers >= 0 { content >= numbers } else { content < 0 }
    }

    /// Whether its handle is this one.
    pub(super) fn is_of(&self, cells: &Arc<ReceivedCells>) -> bool {
        Arc::ptr_eq(&self.cells, cells)
    }

    /// A sender report of this stream came in.
    pub(super) fn hear_sender_report(&mut self, ntp: u64, now_ns: u64) {
        self.sender_report = Some(((ntp >> 16) as u32, now_ns));
    }

    /// Whether a keyframe should be asked for. It has been, afterwards.
    pub(super) fn ask_keyframe(&mut self, now_ns: u64) -> bool {
        let is_due = now_ns.saturating_sub(self.keyframe_asked_ns) >= KEYFRAME_REQUEST_INTERVAL.as_nanos() as u64;
        // Nothing came yet: the request may have been lost.
        let is_wanted = self.keyframe_wanted || (self.counts.packets == 0 && self.codec.kind() == Kind::Video);
        if !is_due || !is_wanted {
            return false;
        }
        self.keyframe_asked_ns = now_ns;
        self.keyframe_wanted = false;
        true
    }

    pub(super) fn has_started(&self) -> bool {
        self.counts.packets > 0
    }

    pub(super) fn is_silent(&self, now_ns: u64) -> bool {
        self.has_started() && now_ns.saturating_sub(self.last_ns) > SILENT_AFTER.as_nanos() as u64
    }

    /// A report block (RFC 3550 section 6.4.1); `None` before the first packet.
    pub(super) fn report(&mut self, now_ns: u64) -> Option<ReceptionReport> {
        let last_sequence_number = self.order.extended_highest()?;
        let (expected, received) = (self.order.expected(), self.counts.packets);
        let (expected_new, received_new) = (expected - self.reported.0.min(expected), received - self.reported.1);
        self.reported = (expected, received);
        let lost_new = expected_new.saturating_sub(received_new);
        let (last_sender_report, delay) = match self.sender_report {
            Some((ntp, at_ns)) => (ntp, (u128::from(now_ns.saturating_sub(at_ns)) * 65_536 / 1_000_000_000) as u32),
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: (lost_new * 256).checked_div(expected_new).unwrap_or(0).min(255) as u8,
            total_lost: expected.saturating_sub(received).min(0x7f_ffff) as u32,
            last_sequence_number,
            jitter: self.jitter.estimate as u32,
            last_sender_report,
            delay,
        })
    }
}

/// RFC 3550 section 5.1: the last byte says how many there are.
fn without_padding(payload: &[u8], is_padded: bool) -> Option<&[u8]> {
    let padding = if is_padded { usize::from(*payload.last()?) } else { 0 };
    payload.get(..payload.len().checked_sub(padding)?)
}

/// Interarrival jitter (RFC 3550 section 6.4.1), in units of the stream's clock.
#[derive(Default)]
struct Jitter {
    last: Option<(u32, u64)>,
    estimate: f64,
}

impl Jitter {
    fn take(&mut self, timestamp: u32, at_ns: u64, clock_rate: u32) {
        if let Some((last_timestamp, last_ns)) = self.last.replace((timestamp, at_ns)) {
            let came = at_ns as i64 - last_ns as i64;
            let meant = f64::from(timestamp.wrapping_sub(last_timestamp) as i32);
            let difference = (came as f64 * f64::from(clock_rate) / 1e9 - meant).abs();
            self.estimate += (difference - self.estimate) / 16.0;
        }
    }
}

#[cfg(test)]
mod tests;
