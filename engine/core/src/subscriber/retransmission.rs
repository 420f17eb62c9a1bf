//! How one subscription sends again what its subscriber lost: under an SSRC of its own, or the very same packet.
//!
//! ```text
//! RTX        SSRC and numbers of their own, original sequence number in front of the payload (RFC 4588 section 4)
//! in place   the SSRC, the index and every byte that the packet had
//! ```
//!
//! In place because of the nonce: SSRC and index of an AEAD packet are used for one plaintext and one header only (RFC 7714 section
//! 8.1). So a subscription without RTX has no time of sending in its headers ([`Subscriber::new`]), and remembers which of its
//! packets were sent, with how much padding and with which playout delay: [`Retransmission::note`].
//!
//! [`Subscriber::new`]: super::Subscriber::new

use super::copied::Copied;
use super::playout::Playout;
use super::{PASSED, PayloadTypes};
use crate::control::SubscriptionParameters;
use core::time::Duration;
use corelay_wire::media::{ExtensionMap, PayloadFormats};
use corelay_wire::rtp::HeaderTemplate;
use corelay_wire::units::{Instant, PacketIndex, Ssrc};

/// Packets that are remembered, by index modulo their number: 0.4 s of 3 Mbit/s, 2.5 s of audio. More answers requests that come
/// later, without RTX, and tells repeated requests apart over a longer time; each costs 12 bytes.
const REMEMBERED: usize = 128;

/// A repeated request is one again after this part of the round trip, in quarters. A receiver asks again when a round trip went by
/// without an answer; its round trip and ours differ by their jitter. More would take such a request for a duplicate, and cost the
/// receiver another round trip; less sends twice what is on its way.
const PATIENCE_QUARTERS: u32 = 3;
/// The bounds of that. Lower than the least, the same request in two compound packets is answered twice; above the most, a round
/// trip that was measured on a full queue keeps lost answers from being repeated.
const PATIENCE: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// A subscription of which so many requests, in 1/256, are repeated ones loses answers as well: 5 % loss each way is 10 % of them.
/// Higher leaves a bad link with one answer for each request, lower answers twice where one is enough.
const REPEATED_OFTEN: u8 = 24;

/// One that loses so many packets, of 1000, loses as many answers. Higher leaves one of twelve frames of six packets with a second
/// round to wait for; lower adds a tenth to what a link carries that loses because it is full.
const LOST_OFTEN: u16 = 80;

/// See the module. In a box of its own: most packets are not lost.
#[derive(Debug)]
pub(crate) struct Retransmission {
    pub(crate) way: ResendWay,
    /// When each was sent again last: low 16 bits of the sequence number, low 16 bits of the milliseconds.
    answered: [u32; REMEMBERED],
    /// The share of requests that were repeated, of late, in 1/256.
    repeated: u8,
    /// What the subscription had been sent when its transport's budget was filled up last.
    octets: u32,
    pub(crate) playout: Playout,
    /// Of sound.
    pub(crate) copied: Copied,
}

/// Whether a packet was asked for before, or many are: then answers are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated(pub(crate) bool);

/// How a packet was sent that is to be sent again as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentAs {
    pub(crate) padding: u8,
    /// The playout delay in its header, in units of 10 ms.
    pub(crate) delay: Option<u8>,
}

/// How packets are sent again.
#[derive(Debug)]
pub(crate) enum ResendWay {
    Rtx(Rtx),
    /// For each remembered packet the index that it was sent under (48 bits), its padding, and one more than its playout delay in
    /// the lowest byte; zero is none.
    InPlace(Box<[u64; REMEMBERED]>),
}

/// The stream of retransmissions.
#[derive(Debug)]
pub(crate) struct Rtx {
    ssrc: Ssrc,
    /// The subscriber's payload type for retransmissions of each of the track's formats.
    pub(crate) payload_types: PayloadTypes,
    /// With the extensions that the media stream has: mid and what is passed. Neither rid nor repaired rid: there is one stream.
    pub(crate) header: HeaderTemplate,
    /// The index of the next packet: one above the one before, whatever media it is for.
    next: u64,
}

impl Retransmission {
    /// What it takes from the heap, the larger of both ways.
    pub(crate) const HEAP_BYTES: usize = size_of::<Self>() + size_of::<[u64; REMEMBERED]>();

    /// `None` where the subscriber does not ask for what it lost. `extensions`: those that are written or passed. `first_sequence`:
    /// of the RTX stream, at random.
    pub(crate) fn new(
        parameters: &SubscriptionParameters,
        extensions: &ExtensionMap,
        formats: &PayloadFormats,
        first_sequence: u16,
    ) -> Option<Box<Self>> {
        if !Self::is_wanted(parameters) {
            return None;
        }
        let way = match parameters.rtx_ssrc {
            Some(ssrc) if !Self::is_in_place(parameters) => {
                ResendWay::Rtx(Rtx::new(ssrc, parameters, extensions, formats, first_sequence))
            }
            _ => ResendWay::InPlace(Box::new([0; REMEMBERED])),
        };
        Some(Box::new(Self {
            way,
            answered: [0; REMEMBERED],
            repeated: 0,
            octets: 0,
            playout: Playout::default(),
            copied: Copied::default(),
        }))
    }

    /// Whether the subscriber asks for what it lost.
    pub(crate) fn is_wanted(parameters: &SubscriptionParameters) -> bool {
        parameters.formats.iter().any(|f| f.feedback.nack)
    }

    /// Whether it gets the very same packet.
    pub(crate) fn is_in_place(parameters: &SubscriptionParameters) -> bool {
        let rtx = parameters.rtx_ssrc.is_some() && parameters.formats.iter().any(|f| f.rtx.is_some());
        Self::is_wanted(parameters) && !rtx
    }

    /// What retransmissions are sent under, where it is not the media's.
    pub(crate) fn ssrc(&self) -> Option<Ssrc> {
        match &self.way {
            ResendWay::Rtx(rtx) => Some(rtx.ssrc),
            ResendWay::InPlace(_) => None,
        }
    }

    /// A packet was sealed, with this padding and with the delay that headers tell.
    pub(crate) fn note(&mut self, index: PacketIndex, padding: u8) {
        let delay = self.playout.told().map_or(0, |delay| delay + 1);
        if let ResendWay::InPlace(sent) = &mut self.way {
            sent[place(index)] = index.0 << 16 | u64::from(padding) << 8 | u64::from(delay);
        }
    }

    /// Whether a packet that is asked for is to be sent again: not when it was sent a moment ago, for the first time (it came at
    /// `arrived`) or again. Notes that it is, and tells whether more than one answer is worth sending. `queue`: what the round trip is longer
    /// by at present.
    pub(crate) fn answer(
        &mut self,
        index: PacketIndex,
        arrived: Instant,
        now: Instant,
        (round_trip, queue): (Option<Duration>, Duration),
    ) -> Option<Repeated> {
        let [least, most] = PATIENCE;
        let patience = (round_trip.unwrap_or_default() * PATIENCE_QUARTERS / 4).clamp(least, most) + queue;
        let millis = (now.as_nanos() / 1_000_000) as u16;
        let known = &mut self.answered[place(index)];
        let again = *known != 0 && (*known >> 16) as u16 == index.0 as u16;
        if now.since(arrived) < patience || (again && u128::from(millis.wrapping_sub(*known as u16)) < patience.as_millis()) {
            return None;
        }
        *known = u32::from(index.0 as u16) << 16 | u32::from(millis);
        let share = if again { u8::MAX } else { 0 };
        self.repeated = ((u16::from(self.repeated) * 15 + u16::from(share)) / 16) as u8;
        self.playout.asked(again);
        Some(Repeated(again || self.repeated > REPEATED_OFTEN || self.playout.loss() > LOST_OFTEN))
    }

    /// What the subscription was sent since this was asked last; `octets` is what it was sent in all.
    pub(crate) fn earned(&mut self, octets: u32) -> u32 {
        octets.wrapping_sub(core::mem::replace(&mut self.octets, octets))
    }
}

impl ResendWay {
    /// How a packet was sent, in place; `None` when it was not sent or is forgotten.
    pub(crate) fn sent(sent: &[u64; REMEMBERED], index: PacketIndex) -> Option<SentAs> {
        let known = sent[place(index)];
        let [.., padding, delay] = known.to_be_bytes();
        (known != 0 && known >> 16 == index.0).then_some(SentAs { padding, delay: delay.checked_sub(1) })
    }
}

impl Rtx {
    fn new(
        ssrc: Ssrc,
        parameters: &SubscriptionParameters,
        extensions: &ExtensionMap,
        formats: &PayloadFormats,
        first_sequence: u16,
    ) -> Self {
        let SubscriptionParameters { mid, .. } = parameters;
        Self {
            ssrc,
            payload_types: PayloadTypes::new(formats, |codec| parameters.formats.iter().find(|f| f.codec == codec)?.rtx),
            header: HeaderTemplate::new(ssrc, mid.as_deref(), extensions, PASSED.into_iter().collect()),
            // Below 2^15, as with the media stream: see `Mapping::new`.
            next: u64::from(first_sequence & 0x7FFF) + 1,
        }
    }

    /// The index of the packet that is sealed next; each is given once.
    pub(crate) fn take_index(&mut self) -> PacketIndex {
        self.next += 1;
        PacketIndex(self.next - 1)
    }
}

fn place(index: PacketIndex) -> usize {
    index.0 as usize % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Preferences;
    use corelay_wire::media::{Codec, Feedback, PayloadFormat};
    use corelay_wire::units::PayloadType;

    fn retransmission(rtx: Option<Ssrc>, nack: bool) -> Option<Box<Retransmission>> {
        let feedback = Feedback { nack, ..Feedback::default() };
        let format =
            PayloadFormat { codec: Codec::Vp8, payload_type: PayloadType(96), rtx: rtx.map(|_| PayloadType(97)), feedback };
        let formats = PayloadFormats::from_iter([format]);
        let extensions = ExtensionMap::default();
        let preferences = Preferences::default();
        let parameters =
            SubscriptionParameters { ssrc: Ssrc(1), rtx_ssrc: rtx, mid: None, formats: formats.clone(), extensions, preferences };
        Retransmission::new(&parameters, &parameters.extensions, &formats, 0xFFFF)
    }

    #[test]
    fn a_request_is_answered_once_in_a_round_trip() {
        let mut r = retransmission(Some(Ssrc(2)), true).expect("negotiated");
        let at = Instant::from_millis;
        let trip = Some(Duration::from_millis(80));
        let mut asked = |index, millis| r.answer(PacketIndex(index), at(0), at(millis), (trip, Duration::ZERO)).is_some();
        assert!(asked(70_000, 65_500) && asked(70_001, 65_500));
        assert!(!asked(70_000, 65_510) && !asked(70_000, 65_559));
        assert!(asked(70_000, 65_560), "over a wrap of the milliseconds");
        assert!(asked(70_000 + REMEMBERED as u64, 65_561), "another packet");
        let mut soon = |millis| r.answer(PacketIndex(5), at(0), at(millis), (None, Duration::ZERO)).map(|r| r.0);
        assert_eq!(
            [9, 10, 19, 20].map(&mut soon),
            [None, Some(false), None, Some(true)],
            "it came a moment ago, or was sent again"
        );
    }

    #[test]
    fn what_was_not_sent_is_not_sent_again_in_place() {
        let mut r = retransmission(None, true).expect("negotiated");
        r.note(PacketIndex(300), 17);
        r.note(PacketIndex(301), 0);
        let ResendWay::InPlace(sent) = &r.way else { panic!("without RTX") };
        let padding = |index| ResendWay::sent(sent, PacketIndex(index)).map(|sent| (sent.padding, sent.delay));
        assert_eq!([300, 301, 302, 300 + REMEMBERED as u64].map(padding), [Some((17, None)), Some((0, None)), None, None]);
    }

    #[test]
    fn retransmissions_have_numbers_of_their_own_and_come_only_where_asked_for() {
        assert!(retransmission(Some(Ssrc(2)), false).is_none());
        let mut r = retransmission(Some(Ssrc(2)), true).expect("negotiated");
        let ResendWay::Rtx(rtx) = &mut r.way else { panic!("with RTX") };
        assert_eq!(rtx.payload_types.of(0), Some(PayloadType(97)));
        assert_eq!([rtx.take_index(), rtx.take_index()], [PacketIndex(0x8000), PacketIndex(0x8001)]);
    }
}
