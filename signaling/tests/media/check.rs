//! Whether a received stream is the one that was sent.

use crate::leg::Seen;
use crate::peer::{Peer, Subscription};
use crate::source::Source;
use std::collections::HashMap;
use str0m::rtp::rtcp::{Rtcp, SdesType};

/// A place where the receiver missed packets of the source, as it must when it was paused.
#[derive(Debug)]
pub(crate) struct Gap {
    /// Packets of the source that were left out.
    pub(crate) packets: usize,
    /// How far the source's clock went over the gap, and the receiver's.
    pub(crate) sent_ticks: u32,
    pub(crate) received_ticks: u32,
    /// Whether the first packet behind the gap can be begun at.
    pub(crate) is_start: bool,
}

/// Fails unless every packet of `subscription` has the payload, marker, SSRC and payload type that it must have, in the order of the
/// source, from a packet on where a receiver can begin, with no gap in the sequence numbers. Gives the gaps in the source.
pub(crate) fn faithful(seen: &Seen, subscription: &Subscription, source: &Source) -> Vec<Gap> {
    let by_payload: HashMap<&[u8], usize> = source.sent.iter().enumerate().map(|(i, sent)| (&*sent.payload, i)).collect();
    let mut gaps = Vec::new();
    let mut before = None;
    for packet in seen.stream(subscription.ssrc) {
        let what = source.format.mime_type;
        let index = *by_payload.get(&*packet.payload).unwrap_or_else(|| panic!("{what}: a payload that was never sent"));
        let sent = &source.sent[index];
        assert_eq!(*packet.header.payload_type, subscription.payload_type, "{what}");
        assert_eq!(packet.header.marker, sent.marker, "{what}");
        if source.format.codec.is_audio() {
            assert_eq!(packet.header.ext_vals.audio_level, Some(-30), "{what}: the level, under the router's id");
        }
        match before {
            None => assert!(sent.is_start, "{what}: begins in the middle"),
            Some((last, sequence, timestamp)) => {
                let last: usize = last;
                assert_eq!(packet.header.sequence_number, u16::wrapping_add(sequence, 1), "{what}: the sequence after {last}");
                assert!(index > last, "{what}: packet {index} after {last}");
                let sent_ticks = sent.timestamp.wrapping_sub(source.sent[last].timestamp);
                let received_ticks = packet.header.timestamp.wrapping_sub(timestamp);
                if index == last + 1 {
                    assert_eq!(sent_ticks, received_ticks, "{what}: the clock");
                } else {
                    gaps.push(Gap { packets: index - last - 1, sent_ticks, received_ticks, is_start: sent.is_start });
                }
            }
        }
        before = Some((index, packet.header.sequence_number, packet.header.timestamp));
    }
    assert!(before.is_some(), "{}: nothing came", source.format.mime_type);
    gaps
}

/// [`faithful`], and all that was sent since the first packet arrived.
pub(crate) fn complete(receiver: &Peer, subscription: &Subscription, source: &Source) {
    receiver.received(|seen| {
        let gaps = faithful(seen, subscription, source);
        assert!(gaps.is_empty(), "{}: {gaps:?}", source.format.mime_type);
    });
}

/// How many packets of a subscription came.
pub(crate) fn count(receiver: &Peer, subscription: &Subscription) -> usize {
    receiver.received(|seen| seen.stream(subscription.ssrc).count())
}

/// Whether the last packet that was sent has arrived.
pub(crate) fn caught_up(seen: &Seen, subscription: &Subscription, source: &Source) -> bool {
    let last = source.sent.last().map(|sent| &sent.payload);
    seen.stream(subscription.ssrc).last().map(|packet| &packet.payload) == last
}

/// Fails unless the last sender report of a subscription is true: what it says of the stream fits what arrived, and the CNAME that came
/// with it is the one that signaling told.
pub(crate) fn reported(seen: &Seen, subscription: &Subscription, source: &Source) {
    let report = seen.sender_reports(subscription.ssrc).last().expect("a sender report came");
    let received = seen.stream(subscription.ssrc).count() as u32;
    assert!(report.sender_packet_count > 0 && report.sender_packet_count <= received, "{report:?} of {received}");
    assert!(report.sender_octet_count > 0, "{report:?}");
    let age = report.ntp_time.elapsed().expect("is past").as_secs();
    assert!(age < 10, "the report is {age} s old");
    // Its clock runs with the stream's: within two seconds of the last packet, in the modular arithmetic of RTP.
    let last = seen.stream(subscription.ssrc).last().expect("came").header.timestamp;
    let distance = last.wrapping_sub(report.rtp_time.numer() as u32).cast_signed();
    assert!(distance.unsigned_abs() < source.format.clock_rate() * 2, "{distance} ticks from {report:?} to {last}");
    let cnames: Vec<&str> = seen.rtcp.iter().filter_map(|rtcp| cname(rtcp, subscription)).collect();
    assert!(!cnames.is_empty() && cnames.iter().all(|cname| *cname == subscription.cname), "{cnames:?}");
}

fn cname<'a>(rtcp: &'a Rtcp, subscription: &Subscription) -> Option<&'a str> {
    let Rtcp::SourceDescription(descriptions) = rtcp else { return None };
    let ours = descriptions.reports.iter().find(|sdes| sdes.ssrc == subscription.ssrc)?;
    ours.values.iter().find_map(|(kind, value)| (*kind == SdesType::CNAME).then_some(value.as_str()))
}
