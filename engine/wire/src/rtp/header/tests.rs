use crate::rtp::{ExtensionForm, HeaderFields, ParseError, RtpHeader, write_header};
use crate::units::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use proptest::collection::vec;
use proptest::prelude::*;

const FIELDS: HeaderFields = HeaderFields {
    ssrc: Ssrc(0x1234_5678),
    timestamp: RtpTimestamp(0x9ABC_DEF0),
    sequence: SequenceNumber(0xFFFE),
    payload_type: PayloadType(111),
    marker: true,
    padded: false,
};

fn written(extensions: &[(u8, &[u8])]) -> Vec<u8> {
    let mut dst = vec![0xAA; 1500];
    let len = write_header(&mut dst, &FIELDS, extensions.iter().copied()).expect("it fits");
    dst.truncate(len);
    dst
}

fn elements(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let header = RtpHeader::parse(packet).expect("a good packet");
    header.extensions(packet).map(|(id, data)| (id, data.to_vec())).collect()
}

/// A header with a raw extension block.
fn with_block(profile: u16, block: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(profile.to_be_bytes());
    packet.extend(u16::try_from(block.len() / 4).expect("a short block").to_be_bytes());
    packet.extend(block);
    packet
}

#[test]
fn it_stays_small() {
    assert_eq!(size_of::<RtpHeader>(), 20);
}

#[test]
fn every_field_is_found() {
    let mut packet = written(&[]);
    packet.extend(b"payload");
    let header = RtpHeader::parse(&packet).expect("a good packet");
    assert_eq!(header.ssrc, FIELDS.ssrc);
    assert_eq!(header.timestamp, FIELDS.timestamp);
    assert_eq!(header.sequence, FIELDS.sequence);
    assert_eq!(header.payload_type, FIELDS.payload_type);
    assert!(header.marker && !header.padded);
    assert_eq!(header.payload(&packet), b"payload");
    assert_eq!(header.extension_form, None);
}

#[test]
fn contributing_sources_are_listed() {
    let packet = [0x82, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 9];
    let header = RtpHeader::parse(&packet).expect("a good packet");
    assert_eq!(header.csrcs(&packet).collect::<Vec<_>>(), [Ssrc(4), Ssrc(5)]);
    assert_eq!(header.payload(&packet), [9]);
    assert_eq!(RtpHeader::parse(&packet[..16]), Err(ParseError::Truncated));
}

#[test]
fn padding_is_left_out_and_checked() {
    let mut packet = [0xA0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 8, 0, 2];
    let header = RtpHeader::parse(&packet).expect("a good packet");
    assert_eq!((header.padding, header.payload(&packet)), (2, &[7, 8][..]));
    packet[15] = 4;
    assert_eq!(RtpHeader::parse(&packet).expect("nothing but padding").payload(&packet), []);
    for bad in [0, 5, 255] {
        packet[15] = bad;
        assert_eq!(RtpHeader::parse(&packet), Err(ParseError::Padding));
        assert!(RtpHeader::parse_sealed(&packet).is_ok(), "a sealed packet shows no padding count");
    }
    assert_eq!(RtpHeader::parse(&packet[..12]), Err(ParseError::Padding), "no room for the count");
}

#[test]
fn other_versions_and_long_packets_are_refused() {
    for flags in [0x00, 0x40, 0xC0] {
        assert_eq!(RtpHeader::parse(&[flags; 12]), Err(ParseError::Version));
    }
    let mut long = vec![0; 65_536];
    long[0] = 0x80;
    assert_eq!(RtpHeader::parse(&long), Err(ParseError::TooLong));
}

#[test]
fn one_byte_elements_with_padding_between_and_after() {
    let packet = with_block(0xBEDE, &[0x10, 0x85, 0, 0x42, 1, 2, 3, 0]);
    assert_eq!(elements(&packet), [(1, vec![0x85]), (4, vec![1, 2, 3])]);
    let header = RtpHeader::parse(&packet).expect("a good packet");
    assert_eq!(header.extension(&packet, 4), Some(&[1, 2, 3][..]));
    assert_eq!(header.extension(&packet, 5), None);
}

#[test]
fn id_15_ends_the_one_byte_form() {
    let packet = with_block(0xBEDE, &[0x10, 0x85, 0xF0, 1, 0x20, 7, 0, 0]);
    assert_eq!(elements(&packet), [(1, vec![0x85])]);
}

#[test]
fn id_0_with_a_length_is_stepped_over() {
    let packet = with_block(0xBEDE, &[0x01, 9, 9, 0x20, 7, 0, 0, 0]);
    assert_eq!(elements(&packet), [(2, vec![7])]);
}

#[test]
fn two_byte_elements_may_be_empty_and_have_id_15() {
    let packet = with_block(0x1005, &[15, 0, 0, 16, 2, 1, 2, 0]);
    assert_eq!(elements(&packet), [(15, vec![]), (16, vec![1, 2])]);
}

#[test]
fn an_element_that_claims_too_much_ends_the_iteration() {
    assert_eq!(elements(&with_block(0xBEDE, &[0x10, 1, 0x2F, 2])), [(1, vec![1])]);
    assert_eq!(elements(&with_block(0x1000, &[1, 0, 2, 9])), [(1, vec![])]);
    assert_eq!(elements(&with_block(0x1000, &[1, 1, 5, 9])), [(1, vec![5])]);
}

#[test]
fn an_unknown_profile_has_no_elements_but_a_length() {
    let mut packet = with_block(0xABCD, &[1, 2, 3, 4]);
    packet.push(7);
    let header = RtpHeader::parse(&packet).expect("a good packet");
    assert_eq!((header.extension_form, header.payload(&packet)), (None, &[7][..]));
    assert_eq!(header.extensions(&packet).count(), 0);
}

#[test]
fn the_form_follows_the_elements() {
    let form = |extensions: &[(u8, &[u8])]| {
        let packet = written(extensions);
        RtpHeader::parse(&packet).expect("just written").extension_form
    };
    assert_eq!(form(&[(1, &[1]), (14, &[0; 16])]), Some(ExtensionForm::OneByte));
    assert_eq!(form(&[(1, &[1]), (15, &[1])]), Some(ExtensionForm::TwoByte));
    assert_eq!(form(&[(1, &[]), (2, &[1])]), Some(ExtensionForm::TwoByte));
    assert_eq!(form(&[(1, &[0; 17])]), Some(ExtensionForm::TwoByte));
    assert_eq!(form(&[]), None);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut dst = [0; 64];
    assert_eq!(write_header(&mut dst, &FIELDS, [(0, &[1][..])]), None);
    assert_eq!(write_header(&mut dst, &FIELDS, [(1, &[0; 256][..])]), None);
    assert_eq!(write_header(&mut dst[..11], &FIELDS, []), None);
    assert_eq!(write_header(&mut dst[..19], &FIELDS, [(1, &[1][..])]), None);
    assert_eq!(write_header(&mut dst[..20], &FIELDS, [(1, &[1][..])]), Some(20));
}

fn any_elements() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    prop_oneof![vec((1..=14u8, vec(any::<u8>(), 1..=16)), 0..6), vec((1..=255u8, vec(any::<u8>(), 0..=40)), 0..6)]
}

proptest! {
    #[test]
    fn headers_round_trip(
        ssrc: u32, timestamp: u32, sequence: u16, payload_type in 0..128u8, marker: bool,
        elements in any_elements(), payload in vec(any::<u8>(), 0..40),
    ) {
        let fields = HeaderFields {
            ssrc: Ssrc(ssrc), timestamp: RtpTimestamp(timestamp), sequence: SequenceNumber(sequence),
            payload_type: PayloadType(payload_type), marker, padded: false,
        };
        let mut packet = vec![0xAA; 400];
        let len = write_header(&mut packet, &fields, elements.iter().map(|(id, data)| (*id, &data[..]))).expect("it fits");
        packet.truncate(len);
        packet.extend(&payload);
        let header = RtpHeader::parse(&packet).expect("just written");
        prop_assert_eq!(header.ssrc, fields.ssrc);
        prop_assert_eq!(header.timestamp, fields.timestamp);
        prop_assert_eq!(header.sequence, fields.sequence);
        prop_assert_eq!(header.payload_type, fields.payload_type);
        prop_assert_eq!(header.marker, marker);
        prop_assert_eq!(header.payload(&packet), &payload[..]);
        prop_assert_eq!(super::tests::elements(&packet), elements);
    }

    #[test]
    fn the_oracle_agrees(mut packet in vec(any::<u8>(), 12..80), valid_version: bool) {
        if valid_version {
            packet[0] = packet[0] & 0x3F | 0x80;
        }
        let ours = RtpHeader::parse(&packet);
        let theirs = rtp_types::RtpPacket::parse(&packet);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(ours.payload(&packet), theirs.payload());
                prop_assert_eq!(ours.sequence.0, theirs.sequence_number());
                prop_assert_eq!(ours.timestamp.0, theirs.timestamp());
                prop_assert_eq!(ours.ssrc.0, theirs.ssrc());
                prop_assert_eq!(ours.payload_type.0, theirs.payload_type());
                prop_assert_eq!(ours.marker, theirs.marker_bit());
                prop_assert!(ours.csrcs(&packet).map(|c| c.0).eq(theirs.csrc()));
            }
            (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs),
        }
    }

    #[test]
    fn no_bytes_panic(packet in vec(any::<u8>(), 0..200), first in 0x80..0xC0u8) {
        let mut packet = packet;
        if let Some(b) = packet.first_mut() {
            *b = first;
        }
        if let Ok(header) = RtpHeader::parse(&packet) {
            header.extensions(&packet).count();
            header.payload(&packet);
            // A header used on bytes it was not parsed from gives nonsense, but no panic.
            let shorter = &packet[..packet.len() / 2];
            header.extensions(shorter).count();
            header.payload(shorter);
            header.csrcs(shorter).count();
        }
    }
}
