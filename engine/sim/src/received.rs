//! What a peer received of one subscription, and whether it is what was published.

use crate::media::{HUSHED, payload, published_type};
use corelay_core::control::SubscriptionParameters;
use corelay_wire::codec::red::rename;
use corelay_wire::ids::SubscriptionId;
use corelay_wire::media::{Codec, Extension};
use corelay_wire::rtp::{AudioLevel, RtpHeader, read_stream_id};
use corelay_wire::units::{ClockRate, Instant, NtpTimestamp, RtpTimestamp};

/// A packet that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Extended by this side.
    pub sequence: i64,
    /// As it was.
    pub timestamp: RtpTimestamp,
    /// As it was.
    pub marker: bool,
    /// Which packet of the source.
    pub number: u32,
    /// The first packet of a keyframe.
    pub keyframe: bool,
}

/// A sender report that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When.
    pub at: Instant,
    /// Its wall clock.
    pub ntp: NtpTimestamp,
    /// Its media clock.
    pub timestamp: RtpTimestamp,
    /// Packets that it says were sent.
    pub packets: u32,
}

/// Everything of one subscription.
#[derive(Debug)]
pub struct Received {
    /// Which.
    pub subscription: SubscriptionId,
    /// What was agreed on.
    pub parameters: SubscriptionParameters,
    /// What its source sends.
    pub codec: Codec,
    /// Named in each payload.
    pub tag: u32,
    /// In the order of arrival.
    pub arrivals: Vec<Arrival>,
    /// Sequence numbers of padding-only packets, extended like those of the others.
    pub padding: Vec<i64>,
    /// In the order of arrival.
    pub reports: Vec<Report>,
    /// The name that the source's streams share.
    pub cname: Option<String>,
    /// BYE came.
    pub goodbye: bool,
}

impl Received {
    /// Nothing yet.
    pub fn new(subscription: SubscriptionId, parameters: SubscriptionParameters, codec: Codec, tag: u32) -> Self {
        let (arrivals, padding, reports) = (Vec::new(), Vec::new(), Vec::new());
        Self { subscription, parameters, codec, tag, arrivals, padding, reports, cname: None, goodbye: false }
    }

    /// Takes a packet of its SSRC; everything about it that a receiver was promised is asserted.
    pub fn take(&mut self, at: Instant, header: &RtpHeader, packet: &[u8]) {
        assert_eq!(header.payload_type, self.parameters.formats[0].payload_type, "the subscriber's payload type");
        let extension = |e| header.extension(packet, self.parameters.extensions.id(e).expect("negotiated"));
        assert_eq!(extension(Extension::Mid).and_then(read_stream_id), self.parameters.mid, "the subscriber's mid");
        assert_eq!(extension(Extension::AbsSendTime).map(<[u8]>::len), Some(3), "written at send");
        assert_eq!(header.extensions(packet).count(), 3, "mid, level and send time are all that was negotiated");
        let last = self.arrivals.last().map_or(i64::from(header.sequence.0), |a| a.sequence);
        let sequence = last + i64::from((header.sequence.0).wrapping_sub(last as u16) as i16);
        let body = header.payload(packet);
        if body.is_empty() {
            assert_eq!(packet.len(), usize::from(header.payload_offset) + 1, "a place in the sequence costs one byte");
            self.padding.push(sequence);
            return;
        }
        let (rest, number) = body.split_last_chunk().expect("a payload ends with its number");
        let (_, tag) = rest.split_last_chunk().expect("a payload ends with its tag and number");
        assert_eq!(u32::from_be_bytes(*tag), self.tag, "of the track that was subscribed");
        let number = u32::from_be_bytes(*number);
        let kinds = [(true, 0), (false, 0), (true, 1), (false, 1)];
        let kind = kinds.into_iter().find(|(k, place)| self.expected(*k, *place, number) == body);
        let (keyframe, place) = kind.expect("the payload is the one that was published");
        let level = extension(Extension::AudioLevel).and_then(AudioLevel::read).expect("passed on");
        let [level] = level.to_bytes();
        assert!(level == HUSHED || level == 0x80 | (number % 100) as u8, "of the same packet");
        let keyframe = keyframe && place == 0;
        self.arrivals.push(Arrival { at, sequence, timestamp: header.timestamp, marker: header.marker, number, keyframe });
    }

    /// The payload of a packet as it is to arrive: blocks of redundant audio have this side's payload type.
    fn expected(&self, keyframe: bool, place: u32, number: u32) -> Vec<u8> {
        let mut expected = payload(self.codec, keyframe, place, self.tag, number);
        if let (Codec::Red, Some(opus)) = (self.codec, self.parameters.formats.iter().find(|f| f.codec == Codec::Opus)) {
            rename(&mut expected, published_type(Codec::Opus), opus.payload_type);
        }
        expected
    }

    /// Sequence numbers from the lowest to the highest that did not arrive.
    pub fn gaps(&self) -> usize {
        self.sequences().windows(2).map(|w| (w[1] - w[0] - 1).max(0) as usize).sum()
    }

    /// Asserts that no sequence number came twice: under AEAD that would be a broken key.
    pub fn assert_no_repeats(&self) {
        assert!(self.sequences().windows(2).all(|w| w[0] != w[1]), "a sequence number was used twice");
    }

    /// Asserts that the media clock ran with the wall clock from each arrival to the next, `slack_ms` apart at most.
    pub fn assert_timeline(&self, slack_ms: u64) {
        let ClockRate(rate) = self.codec.clock_rate();
        for pair in self.arrivals.windows(2).filter(|p| p[1].sequence > p[0].sequence) {
            let media_ms = i64::from(pair[1].timestamp.distance(pair[0].timestamp)) * 1000 / i64::from(rate);
            let wall_ms = (pair[1].at.as_nanos() as i64 - pair[0].at.as_nanos() as i64) / 1_000_000;
            assert!(media_ms.abs_diff(wall_ms) <= slack_ms, "media went {media_ms} ms while {wall_ms} ms passed: {pair:?}");
        }
    }

    /// Asserts that each report told the media time that the packets about it had, `slack_ms` apart at most.
    pub fn assert_reports(&self, slack_ms: u64) {
        let ClockRate(rate) = self.codec.clock_rate();
        for report in &self.reports {
            let Some(last) = self.arrivals.iter().rfind(|a| a.at <= report.at) else { continue };
            let media_ms = i64::from(report.timestamp.distance(last.timestamp)) * 1000 / i64::from(rate);
            let wall_ms = report.at.since(last.at).as_millis() as i64;
            assert!(
                media_ms.abs_diff(wall_ms) <= slack_ms,
                "{report:?} is {media_ms} ms after a packet that came {wall_ms} ms before"
            );
        }
    }

    /// Of all packets, lowest first.
    fn sequences(&self) -> Vec<i64> {
        let mut all: Vec<_> = self.arrivals.iter().map(|a| a.sequence).chain(self.padding.iter().copied()).collect();
        all.sort_unstable();
        all
    }
}
