//! What is remembered of a subscription for its statistics: nothing that a packet touches.

use crate::meter::{Counts, Meter};
use crate::score::Told;
use corelay_wire::rtcp::ReportBlock;
use corelay_wire::units::Instant;

/// See the module. In a box of its own, beside what each packet needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    pub(crate) meter: Meter,
    /// What was sent, from counters that wrap.
    sent: Counts,
    /// The latest report of the subscriber: packets lost in 1/256, and jitter in ticks of the media clock.
    pub(crate) report: Option<(u8, u32)>,
    /// Packets that it asked for again.
    pub(crate) nacked: u64,
    /// How many of those a trace told of.
    pub(crate) nacked_told: u64,
    /// Packets that were sent again.
    pub(crate) resent: u64,
    pub(crate) score: Option<u8>,
    /// Of the way to the subscriber, and of the track.
    pub(crate) told: [Told; 2],
}

impl Record {
    /// Looks at the subscriber's counters.
    pub(crate) fn look(&mut self, now: Instant, packets: u32, octets: u32) {
        let wrapped = |last: u64, present: u32| last + u64::from(present.wrapping_sub(last as u32));
        let packets = wrapped(self.sent.packets, packets);
        self.sent = Counts { packets, octets: wrapped(self.sent.octets, octets), frames: 0, expected: packets };
        self.meter.look(now, self.sent);
    }

    /// The subscriber's report on its reception.
    pub(crate) fn hear(&mut self, block: &ReportBlock) {
        self.report = Some((block.fraction_lost, block.jitter));
    }

    /// Packets lost on the way, as it reported.
    pub(crate) fn lost_permille(&self) -> Option<u16> {
        self.report.map(|(lost, _)| (u32::from(lost) * 1_000 / 256) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_wrap_and_rates_do_not() {
        let mut record = Record::default();
        record.look(Instant::from_millis(0), u32::MAX - 10, u32::MAX - 1_000);
        record.look(Instant::from_millis(1_000), 39, 123_999);
        let flow = record.meter.rates().expect("two looks").flow;
        assert_eq!((flow.packets_per_second, flow.bitrate.0), (50, 1_000_000));
    }
}
