//! One stream of a track: its numbering, its history, and what reports and keyframe requests need to know of it.

mod missing;
mod nack_timing;
mod placing;
mod repairs;
mod statistics;
mod tally;

pub(crate) use missing::{Arrival, Missing};
pub(crate) use nack_timing::NackTiming;

use crate::control::{LayerParameters, TrackParameters};
use crate::history::History;
use crate::keyframe::KeyframeThrottle;
use corelay_wire::units::{ClockRate, Instant, NtpTimestamp, Rid, RtpTimestamp, SequenceNumber, Ssrc};
pub(crate) use placing::Placing;
pub(crate) use repairs::{Lossy, Repairs};
use statistics::Statistics;
use tally::Tally;

/// What the publisher's latest sender report said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceReport {
    pub(crate) ntp: NtpTimestamp,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) arrived: Instant,
    pub(crate) generation: u32,
}

/// How far a packet's timestamp may be from where the latest report puts it. Smaller would forget the report for a packet that was
/// held up; larger would tell subscribers a wrong wall time of a stream whose timestamps moved by less.
const REPORT_STEP_SECONDS: u32 = 2;

/// How far behind a packet that was lost one is looked for that was not: as many are lost in a row on a bad radio link.
const BEHIND_MAX: u64 = 16;

/// One simulcast stream, or the only stream.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) rid: Option<Rid>,
    pub(crate) ssrc: Option<Ssrc>,
    /// How many streams the layer had before this one.
    pub(crate) generation: u32,
    pub(crate) history: History,
    pub(crate) statistics: Statistics,
    pub(crate) tally: Tally,
    pub(crate) missing: Missing,
    /// Of what was lost on the way here.
    pub(crate) repairs: Repairs,
    pub(crate) source_report: Option<SourceReport>,
    pub(crate) keyframes: KeyframeThrottle,
    pub(crate) placing: Placing,
    pub(crate) last_packet: Option<Instant>,
    /// What the history has from this index on is all that was sent: before it the track was paused, or did not cross to this shard.
    pub(crate) whole_from: u64,
    /// The highest extended sequence number of the present stream.
    highest: Option<u64>,
}

impl Layer {
    pub(crate) fn new(parameters: &LayerParameters, track: &TrackParameters, history: History) -> Self {
        let answers = track.formats.iter().any(|f| f.feedback.nack);
        Self {
            rid: parameters.rid,
            ssrc: parameters.ssrc,
            generation: 0,
            history,
            statistics: Statistics::default(),
            tally: Tally::default(),
            missing: Missing::new(track.kind, answers),
            repairs: Repairs::default(),
            source_report: None,
            keyframes: KeyframeThrottle::default(),
            placing: Placing::default(),
            last_packet: None,
            whole_from: 0,
            highest: None,
        }
    }

    /// The extended sequence number: the one nearest to the highest so far (RFC 3711 section 3.3.1 has the same rule). A stream
    /// begins a full rollover above the one before, so that no index of the layer means two packets.
    pub(crate) fn extend(&mut self, sequence: SequenceNumber) -> u64 {
        let index = match self.highest {
            None => (((self.history.highest() >> 16) + 2) << 16) | u64::from(sequence.0),
            Some(highest) => {
                let distance = sequence.distance(SequenceNumber(highest as u16));
                highest.saturating_add_signed(i64::from(distance))
            }
        };
        self.highest = Some(self.highest.map_or(index, |h| h.max(index)));
        index
    }

    /// The index that a retransmission's original sequence number stands for; `None` before the stream's first packet, and for one
    /// that is yet to come.
    pub(crate) fn index_of(&self, original: SequenceNumber) -> Option<u64> {
        let highest = self.highest?;
        let distance = original.distance(SequenceNumber(highest as u16));
        highest.checked_add_signed(i64::from(distance)).filter(|index| *index <= highest)
    }

    /// Forgets the publisher's report when a packet contradicts it: the publisher counts timestamps from elsewhere since.
    pub(crate) fn check_report(&mut self, timestamp: RtpTimestamp, now: Instant, clock: ClockRate) {
        let Some(report) = &self.source_report else { return };
        let elapsed = now.since(report.arrived).as_micros() as u64 * u64::from(clock.0) / 1_000_000;
        let off = timestamp.distance(report.timestamp.plus(elapsed as u32)).unsigned_abs();
        if off > clock.0 * REPORT_STEP_SECONDS {
            self.source_report = None;
        }
    }

    /// Nothing comes for a while: what comes next is not built on what is here.
    pub(crate) fn interrupt(&mut self) {
        self.whole_from = self.history.highest() + 1;
    }

    /// The packet `index` is not the newest: it was lost, or overtaken, and comes so much later than the one behind it.
    #[cold]
    pub(crate) fn note_late(&mut self, index: u64, now: Instant) {
        let behind = (index + 1..=index + BEHIND_MAX).find_map(|behind| self.history.find(behind));
        if let Some(behind) = behind {
            let late = now.since(behind.meta.arrived);
            self.repairs.repaired(now, late, self.history.highest());
        }
    }

    /// The publisher sends another stream from here on.
    pub(crate) fn restart(&mut self) {
        self.generation += 1;
        self.highest = None;
        self.statistics = Statistics::default();
        self.missing.restart();
        self.placing = Placing::default();
        self.source_report = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ScalabilityMode;
    use crate::history::PacketMeta;
    use crate::place::Place;
    use arrayvec::ArrayVec;
    use corelay_wire::media::{ExtensionMap, Kind, PayloadFormats};
    use corelay_wire::rtp::ExtensionSpans;

    fn layer() -> Layer {
        let track = TrackParameters {
            kind: Kind::Video,
            mid: None,
            formats: PayloadFormats::default(),
            extensions: ExtensionMap::default(),
            layers: ArrayVec::default(),
            screen: false,
            scalability: ScalabilityMode::default(),
        };
        Layer::new(&LayerParameters::default(), &track, History::new(16, 4096))
    }

    #[test]
    fn sequence_numbers_are_extended_over_wraps_in_both_directions() {
        let mut l = layer();
        let indices = [65_534, 65_535, 1, 0, 65_533].map(|s| l.extend(SequenceNumber(s)));
        assert_eq!(indices, [0x2_FFFE, 0x2_FFFF, 0x3_0001, 0x3_0000, 0x2_FFFD]);
    }

    #[test]
    fn an_original_number_is_of_what_came() {
        let mut l = layer();
        assert_eq!(l.index_of(SequenceNumber(5)), None);
        l.extend(SequenceNumber(2));
        assert_eq!(l.index_of(SequenceNumber(2)), Some(0x2_0002));
        assert_eq!([65_535, 3].map(|s| l.index_of(SequenceNumber(s))), [Some(0x1_FFFF), None]);
    }

    #[test]
    fn another_stream_begins_above_all_of_the_one_before() {
        let mut l = layer();
        let index = l.extend(SequenceNumber(65_535));
        let meta = PacketMeta {
            index,
            arrived: Instant::ZERO,
            received: Instant::ZERO,
            timestamp: RtpTimestamp(0),
            generation: 0,
            extensions: ExtensionSpans::default(),
            payload_offset: 0,
            format: 0,
            marker: false,
            keyframe: false,
            place: Place::WHOLE,
        };
        l.history.insert(meta, &[0; 12]);
        l.restart();
        assert_eq!(l.extend(SequenceNumber(3)), 0x4_0003);
        assert_eq!(l.generation, 1);
    }
}
