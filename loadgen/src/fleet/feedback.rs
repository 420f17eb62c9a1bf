//! RTCP in the clear: what we report and ask, and what we are told and asked.

use bytes::Bytes;
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use webrtc_util::Marshal;

/// RFC 3550 section 6.4.1: the count has five bits.
pub(super) const BLOCKS_MAX: usize = 31;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// What the other side told or asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// A sender report.
    Sender { ssrc: u32, ntp: u64 },
    /// It wants a keyframe.
    Keyframe { ssrc: u32 },
}

/// Reads a compound packet; what cannot be read says nothing.
pub(super) fn told(compound: &[u8], mut tell: impl FnMut(Told)) {
    let Ok(packets) = rtcp::packet::unmarshal(&mut &compound[..]) else {
        return;
    };
    for packet in packets {
        let any = packet.as_any();
        if let Some(report) = any.downcast_ref::<SenderReport>() {
            tell(Told::Sender { ssrc: report.ssrc, ntp: report.ntp_time });
        } else if let Some(request) = any.downcast_ref::<PictureLossIndication>() {
            tell(Told::Keyframe { ssrc: request.media_ssrc });
        } else if let Some(request) = any.downcast_ref::<FullIntraRequest>() {
            request.fir.iter().for_each(|entry| tell(Told::Keyframe { ssrc: entry.ssrc }));
        }
    }
}

/// A compound packet that grows (RFC 3550 section 6.1: a report first, a description in each).
pub(super) struct Compound(Vec<u8>);

impl Compound {
    /// Starts with a receiver report.
    pub(super) fn receiver(ssrc: u32, cname: &str, reports: Vec<ReceptionReport>) -> Self {
        let mut compound = Self(Vec::with_capacity(256));
        compound.push(&ReceiverReport { ssrc, reports, profile_extensions: Bytes::new() });
        compound.describe(ssrc, cname);
        compound
    }

    /// Starts with a sender report.
    pub(super) fn sender(ssrc: u32, cname: &str, realtime_ns: u64, rtp_time: u32, packet_count: u32, octet_count: u32) -> Self {
        let mut compound = Self(Vec::with_capacity(128));
        compound.push(&SenderReport {
            ssrc,
            ntp_time: ntp(realtime_ns),
            rtp_time,
            packet_count,
            octet_count,
            ..SenderReport::default()
        });
        compound.describe(ssrc, cname);
        compound
    }

    /// One message alone (RFC 5506).
    pub(super) fn of(message: &impl Marshal) -> Self {
        let mut compound = Self(Vec::with_capacity(128));
        compound.push(message);
        compound
    }

    /// Asks for a keyframe.
    pub(super) fn ask_keyframe(&mut self, sender_ssrc: u32, media_ssrc: u32) {
        self.push(&PictureLossIndication { sender_ssrc, media_ssrc });
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn describe(&mut self, source: u32, cname: &str) {
        let item = SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::copy_from_slice(cname.as_bytes()) };
        self.push(&SourceDescription { chunks: vec![SourceDescriptionChunk { source, items: vec![item] }] });
    }

    fn push(&mut self, packet: &impl Marshal) {
        self.0.extend_from_slice(&packet.marshal().expect("31 blocks, a short name or some hundred arrivals fit a length field"));
    }
}

/// NTP's format of a time (RFC 3550 section 4).
fn ntp(realtime_ns: u64) -> u64 {
    let fraction = u128::from(realtime_ns % 1_000_000_000) * (1 << 32) / 1_000_000_000;
    (realtime_ns / 1_000_000_000 + NTP_EPOCH) << 32 | fraction as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_told(compound: &Compound) -> Vec<Told> {
        let mut all = Vec::new();
        told(compound.bytes(), |one| all.push(one));
        all
    }

    #[test]
    fn what_is_asked_and_reported_is_read() {
        let mut compound = Compound::receiver(1, "name", vec![ReceptionReport { ssrc: 2, ..ReceptionReport::default() }]);
        compound.ask_keyframe(1, 2);
        assert_eq!(all_told(&compound), [Told::Keyframe { ssrc: 2 }]);
        let half_past_1970 = Compound::sender(3, "name", 500_000_000, 0, 0, 0);
        assert_eq!(all_told(&half_past_1970), [Told::Sender { ssrc: 3, ntp: NTP_EPOCH << 32 | 1 << 31 }]);
        told(&[0x80, 200, 0], |_| panic!("it is cut off"));
    }
}
