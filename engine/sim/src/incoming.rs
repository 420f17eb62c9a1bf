//! One RTP stream as a browser receives it: numbers made long, retransmissions put in their place, holes asked for, reports.

use crate::missing::Missing;
use core::time::Duration;
use corelay_core::control::SubscriptionParameters;
use corelay_wire::media::{Codec, Extension, PayloadFormat};
use corelay_wire::rtcp::{ReportBlock, SenderReport};
use corelay_wire::rtp::{PlayoutDelay, Retransmission, RtpHeader, read_stream_id};
use corelay_wire::units::{Instant, RtpTimestamp, SequenceNumber, Ssrc};

/// The step of the statistics by time.
pub const BIN: Duration = Duration::from_millis(100);

/// A packet in its place of the stream.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) sequence: i64,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) marker: bool,
    /// The codec of its payload type.
    pub(crate) codec: Codec,
    /// Empty in packets that only fill.
    pub(crate) payload: Vec<u8>,
    /// The dependency descriptor or nothing.
    pub(crate) descriptor: Option<Vec<u8>>,
    /// The least playout delay, where it is told.
    pub(crate) playout_delay: Option<Duration>,
}

/// What a browser shows of a stream in its statistics, and what no server may do to it.
#[derive(Clone, Debug, Default)]
pub struct StreamStatistics {
    /// Packets with payload, in any way.
    pub packets: u64,
    /// Of them retransmissions, on a stream of their own or in place.
    pub recovered: u64,
    /// Packets that had arrived before.
    pub repeated: u64,
    /// Packets of nothing but padding.
    pub padding: u64,
    /// Messages that asked for something again.
    pub nacks: u64,
    /// Datagram bytes by [`BIN`], retransmissions and padding included.
    pub bytes: Vec<u32>,
    /// What the server promised otherwise, in words.
    pub broken: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) parameters: SubscriptionParameters,
    pub(crate) codec: Codec,
    pub(crate) missing: Missing,
    pub(crate) statistics: StreamStatistics,
    pub(crate) nacks_wanted: bool,
    newest: Option<i64>,
    first: i64,
    recent: std::collections::BTreeSet<i64>,
    last_report: Option<(Instant, u32)>,
    /// Expected and received at the last report of ours.
    reported: (i64, u64),
    received: u64,
    jitter: f64,
    transit: Option<f64>,
}

impl Incoming {
    pub(crate) fn new(parameters: SubscriptionParameters, codec: Codec, nacks_wanted: bool) -> Self {
        Self {
            parameters,
            codec,
            missing: Missing::default(),
            statistics: StreamStatistics::default(),
            nacks_wanted,
            newest: None,
            first: 0,
            recent: std::collections::BTreeSet::new(),
            last_report: None,
            reported: (0, 0),
            received: 0,
            jitter: 0.0,
            transit: None,
        }
    }

    pub(crate) fn has(&self, ssrc: Ssrc) -> bool {
        self.parameters.ssrc == ssrc || self.parameters.rtx_ssrc == Some(ssrc)
    }

    /// Takes a packet of one of its SSRCs; gives it in its place unless it was there before or is nothing but padding on the
    /// retransmission stream.
    pub(crate) fn take(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> Option<Arrived> {
        self.count(now, packet.len());
        self.check(header, packet);
        let codec = self.format(header)?;
        let payload = header.payload(packet);
        let (sequence, payload, again) = if header.ssrc == self.parameters.ssrc {
            (header.sequence, payload, false)
        } else if let Some(again) = Retransmission::read(payload) {
            (again.original_sequence, again.payload, true)
        } else {
            self.statistics.padding += 1;
            return None;
        };
        let sequence = self.extend(sequence);
        let late = self.newest.is_some_and(|newest| sequence < newest);
        if !self.recent.insert(sequence) {
            self.statistics.repeated += 1;
            return None;
        }
        self.recent = self.recent.split_off(&(sequence.max(self.newest.unwrap_or(sequence)) - 5_000));
        if !again {
            self.received += 1;
        }
        self.statistics.recovered += u64::from(again || (late && self.nacks_wanted && self.parameters.rtx_ssrc.is_none()));
        self.newest = Some(self.newest.map_or(sequence, |newest| newest.max(sequence)));
        self.missing.arrived(sequence);
        match payload.is_empty() {
            true => self.statistics.padding += 1,
            false => self.statistics.packets += 1,
        }
        if !again && !late {
            self.measure(now, header.timestamp);
        }
        let read = |extension| self.parameters.extensions.id(extension).and_then(|id| header.extension(packet, id));
        let descriptor = read(Extension::DependencyDescriptor).map(<[u8]>::to_vec);
        let playout_delay = read(Extension::PlayoutDelay).and_then(PlayoutDelay::read).map(|delay| delay.min());
        let RtpHeader { timestamp, marker, .. } = *header;
        Some(Arrived { sequence, timestamp, marker, codec, payload: payload.to_vec(), descriptor, playout_delay })
    }

    pub(crate) fn take_report(&mut self, now: Instant, report: &SenderReport<'_>) {
        self.last_report = Some((now, report.ntp.middle()));
    }

    /// The newest number that arrived.
    pub(crate) fn newest(&self) -> Option<SequenceNumber> {
        self.newest.map(|newest| SequenceNumber(newest as u16))
    }

    /// The stream's block of a receiver report.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let newest = self.newest?;
        let expected = newest - self.first + 1;
        let (e, r) = (expected - self.reported.0, self.received - self.reported.1);
        self.reported = (expected, self.received);
        let lost = (e - r as i64).max(0);
        let (last_sender_report, delay) = match self.last_report {
            Some((at, middle)) => (middle, ((now.since(at).as_nanos() << 16) / 1_000_000_000) as u32),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: self.parameters.ssrc,
            fraction_lost: if e > 0 { (lost * 256 / e).min(255) as u8 } else { 0 },
            cumulative_lost: (expected - self.received as i64) as i32,
            extended_highest_sequence: newest as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay_since_last_sender_report: delay,
        })
    }

    /// The numbers to ask for by `now`.
    pub(crate) fn nack(&mut self, now: Instant, round_trip: Duration) -> Vec<SequenceNumber> {
        if !self.nacks_wanted {
            return Vec::new();
        }
        let due = self.missing.due(now, round_trip);
        self.statistics.nacks += u64::from(!due.is_empty());
        due.iter().map(|s| SequenceNumber(*s as u16)).collect()
    }

    fn count(&mut self, now: Instant, len: usize) {
        let bin = (now.as_nanos() / BIN.as_nanos() as u64) as usize;
        if self.statistics.bytes.len() <= bin {
            self.statistics.bytes.resize(bin + 1, 0);
        }
        // IP and UDP headers and the tag travel too.
        self.statistics.bytes[bin] += len as u32 + 28 + 16;
    }

    /// The codec that a payload type stands for on this SSRC.
    fn format(&self, header: &RtpHeader) -> Option<Codec> {
        let media = header.ssrc == self.parameters.ssrc;
        let is_of =
            |f: &&PayloadFormat| if media { f.payload_type == header.payload_type } else { f.rtx == Some(header.payload_type) };
        self.parameters.formats.iter().find(is_of).map(|f| f.codec)
    }

    fn check(&mut self, header: &RtpHeader, packet: &[u8]) {
        if self.format(header).is_none() {
            self.broke(format!("payload type {:?} on {:?}", header.payload_type, header.ssrc));
        }
        let mid =
            self.parameters.extensions.id(Extension::Mid).and_then(|id| header.extension(packet, id)).and_then(read_stream_id);
        if mid.is_some() && mid != self.parameters.mid {
            self.broke(format!("mid {mid:?}"));
        }
    }

    pub(crate) fn broke(&mut self, what: String) {
        if self.statistics.broken.len() < 20 {
            self.statistics.broken.push(what);
        }
    }

    fn extend(&mut self, sequence: SequenceNumber) -> i64 {
        let Some(newest) = self.newest else {
            self.first = i64::from(sequence.0);
            return self.first;
        };
        newest + i64::from(sequence.0.wrapping_sub(newest as u16) as i16)
    }

    /// Interarrival jitter (RFC 3550 appendix A.8).
    fn measure(&mut self, now: Instant, timestamp: RtpTimestamp) {
        let rate = f64::from(self.codec.clock_rate().0);
        let arrival = now.as_nanos() as f64 / 1e9 * rate;
        let transit = (arrival - f64::from(timestamp.0)).rem_euclid(f64::from(u32::MAX) + 1.0);
        if let Some(last) = self.transit {
            let difference = (transit - last).abs();
            if difference < rate {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }
}
