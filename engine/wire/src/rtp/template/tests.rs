use super::*;
use crate::rtp::{AbsSendTime, RtpHeader};
use crate::units::Instant;
use proptest::prelude::*;

const PASSED: [Extension; 6] = [
    Extension::AudioLevel,
    Extension::VideoOrientation,
    Extension::TransmissionOffset,
    Extension::AbsCaptureTime,
    Extension::PlayoutDelay,
    Extension::DependencyDescriptor,
];

fn send_time() -> [u8; 3] {
    AbsSendTime::from_instant(Instant::from_millis(77)).to_bytes()
}

fn fields(sequence: u16, marker: bool, padded: bool) -> PacketFields {
    PacketFields {
        timestamp: RtpTimestamp(0x0102_0304),
        sequence: SequenceNumber(sequence),
        payload_type: PayloadType(96),
        marker,
        padded,
        send_time: send_time(),
        transport_sequence: SequenceNumber(sequence.wrapping_mul(31)),
    }
}

/// What a publisher sends: each extension under its place in the list, by the form that its data needs.
struct Published {
    packet: Vec<u8>,
    spans: ExtensionSpans,
}

impl Published {
    fn new(extensions: &[(Extension, Vec<u8>)]) -> Self {
        let mut numbering = ExtensionMap::default();
        Extension::ALL.into_iter().for_each(|e| numbering.insert(e, e as u8 + 1));
        let mut packet = vec![0; 4096];
        let elements = extensions.iter().map(|(e, data)| (*e as u8 + 1, &data[..]));
        let len = write_header(&mut packet, &HeaderFields::default(), elements).expect("it fits");
        packet.truncate(len);
        let header = RtpHeader::parse(&packet).expect("just written");
        let spans = ExtensionSpans::read(&header, &packet, &numbering);
        Self { packet, spans }
    }

    fn passed(&self) -> Passed<'_> {
        Passed { carried: self.spans.carried(), spans: &self.spans, packet: &self.packet }
    }
}

/// What the general function makes of it.
fn generic(mid: Option<&str>, ids: &ExtensionMap, fields: &PacketFields, published: &Published) -> Vec<u8> {
    let PacketFields { timestamp, sequence, payload_type, marker, padded, send_time, transport_sequence } = fields;
    let number = transport_sequence.0.to_be_bytes();
    let data = |e| match e {
        Extension::Mid => mid.map(str::as_bytes),
        Extension::AbsSendTime => Some(&send_time[..]),
        Extension::TransportSequence => Some(&number[..]),
        e if PASSED.contains(&e) => published.spans.find(&published.packet, e),
        _ => None,
    };
    let elements = Extension::ALL.into_iter().filter_map(|e| Some((ids.id(e)?, data(e)?)));
    let fields = HeaderFields {
        ssrc: Ssrc(0xCAFE_F00D),
        timestamp: *timestamp,
        sequence: *sequence,
        payload_type: *payload_type,
        marker: *marker,
        padded: *padded,
    };
    let mut header = vec![0; 4096];
    let len = write_header(&mut header, &fields, elements).expect("it fits");
    header.truncate(len);
    header
}

fn check(mid: Option<&str>, ids: &ExtensionMap, fields: &PacketFields, published: &Published, dst_len: usize) {
    let expected = generic(mid, ids, fields, published);
    let template = HeaderTemplate::new(Ssrc(0xCAFE_F00D), mid, ids, PASSED.into_iter().collect());
    assert_eq!(template.len(published.passed()), expected.len());
    let mut dst = vec![0xEE; expected.len() + dst_len];
    assert_eq!(template.write(&mut dst, fields, published.passed()), Some(expected.len()));
    assert_eq!(dst[..expected.len()], expected);
    let mut short = vec![0xEE; expected.len() - 1];
    assert_eq!(template.write(&mut short, fields, published.passed()), None, "it does not fit");
    if template.leaves_out(published.passed().carried.present) {
        assert_eq!(template.plain_len(), expected.len());
    }
}

fn ids(pairs: &[(Extension, u8)]) -> ExtensionMap {
    let mut ids = ExtensionMap::default();
    pairs.iter().for_each(|(e, id)| ids.insert(*e, *id));
    ids
}

#[test]
fn a_browsers_audio_and_video_headers() {
    let ids =
        ids(&[(Extension::Mid, 4), (Extension::AbsSendTime, 2), (Extension::AudioLevel, 1), (Extension::VideoOrientation, 3)]);
    for extensions in [
        vec![],
        vec![(Extension::AudioLevel, vec![0x85])],
        vec![(Extension::VideoOrientation, vec![1])],
        // Not passed, and a structure that needs the two-byte form but was not asked for.
        vec![(Extension::TransportSequence, vec![0, 1]), (Extension::DependencyDescriptor, vec![7; 80])],
    ] {
        let published = Published::new(&extensions);
        check(Some("a0"), &ids, &fields(7, true, false), &published, 100);
        check(None, &ids, &fields(65_535, false, true), &published, 0);
    }
}

#[test]
fn packets_are_numbered_where_the_number_has_an_id() {
    let both = ids(&[(Extension::Mid, 4), (Extension::AbsSendTime, 2), (Extension::TransportSequence, 3)]);
    let number_only = ids(&[(Extension::TransportSequence, 15)]);
    for (ids, mid) in [(&both, Some("17")), (&both, None), (&number_only, None)] {
        check(mid, ids, &fields(1_000, true, false), &Published::new(&[(Extension::AudioLevel, vec![5])]), 9);
        assert!(HeaderTemplate::new(Ssrc(1), mid, ids, ExtensionSet::EMPTY).is_numbered());
    }
    let none = ids(&[(Extension::Mid, 4), (Extension::AbsSendTime, 2)]);
    assert!(!HeaderTemplate::new(Ssrc(1), Some("17"), &none, ExtensionSet::EMPTY).is_numbered());
}

#[test]
fn a_structure_takes_the_two_byte_form_for_its_packet_only() {
    let ids = ids(&[(Extension::Mid, 4), (Extension::AbsSendTime, 2), (Extension::DependencyDescriptor, 11)]);
    check(Some("1"), &ids, &fields(7, true, false), &Published::new(&[(Extension::DependencyDescriptor, vec![7; 80])]), 9);
    check(Some("1"), &ids, &fields(7, true, false), &Published::new(&[(Extension::DependencyDescriptor, vec![7; 3])]), 9);
}

#[test]
fn a_playout_delay_is_in_every_header_while_it_is_set_and_leaves_no_trace() {
    let numbered = ids(&[
        (Extension::Mid, 4),
        (Extension::AbsSendTime, 2),
        (Extension::TransportSequence, 3),
        (Extension::PlayoutDelay, 7),
        (Extension::VideoOrientation, 5),
        (Extension::DependencyDescriptor, 11),
    ]);
    let bare = ids(&[(Extension::PlayoutDelay, 7)]);
    let delay = PlayoutDelay::at_least(30);
    let of_publisher = vec![1, 2, 3];
    for (ids, mid) in [(&numbered, Some("0123456789abcdef")), (&numbered, None), (&bare, None)] {
        for (descriptor, own) in [(3, false), (80, false), (80, true)] {
            let mut extensions =
                vec![(Extension::VideoOrientation, vec![1]), (Extension::DependencyDescriptor, vec![7; descriptor])];
            extensions.extend(own.then(|| (Extension::PlayoutDelay, of_publisher.clone())));
            let published = Published::new(&extensions);
            let mut template = HeaderTemplate::new(Ssrc(0xCAFE_F00D), mid, ids, PASSED.into_iter().collect());
            let before = template.clone();
            template.set_playout_delay(Some(delay));
            assert_eq!(template.is_numbered(), before.is_numbered());
            let mut dst = vec![0xEE; 400];
            let len = template.write(&mut dst, &fields(9, true, false), published.passed()).expect("it fits");
            assert_eq!(len, template.len(published.passed()));
            let header = RtpHeader::parse(&dst[..len]).expect("a header");
            let read = |e| ids.id(e).and_then(|id| header.extension(&dst, id));
            assert_eq!(read(Extension::PlayoutDelay).and_then(PlayoutDelay::read), Some(delay), "in place of the publisher's");
            assert_eq!((header.ssrc, header.sequence), (Ssrc(0xCAFE_F00D), SequenceNumber(9)));
            if ids.id(Extension::Mid).is_some() {
                assert_eq!(read(Extension::Mid), mid.map(str::as_bytes));
                assert_eq!(read(Extension::AbsSendTime), Some(&send_time()[..]));
                assert_eq!(read(Extension::TransportSequence), Some(&(9u16 * 31).to_be_bytes()[..]));
                assert_eq!(read(Extension::DependencyDescriptor).map(<[u8]>::len), Some(descriptor));
            }
            template.set_playout_delay(None);
            assert_eq!(template, before);
        }
    }
}

#[test]
fn without_an_id_or_room_there_is_no_playout_delay() {
    let none = ids(&[(Extension::Mid, 4), (Extension::AbsSendTime, 2)]);
    // In the two-byte form the longest mid leaves no room.
    let full =
        ids(&[(Extension::Mid, 20), (Extension::AbsSendTime, 2), (Extension::TransportSequence, 3), (Extension::PlayoutDelay, 7)]);
    for ids in [none, full] {
        let mut template = HeaderTemplate::new(Ssrc(1), Some("0123456789abcdef"), &ids, PASSED.into_iter().collect());
        let before = template.clone();
        template.set_playout_delay(Some(PlayoutDelay::at_least(30)));
        assert_eq!(template, before);
    }
}

#[test]
fn spans_that_lie_make_a_header_without_them() {
    let template = HeaderTemplate::new(Ssrc(1), None, &ids(&[(Extension::AudioLevel, 1)]), PASSED.into_iter().collect());
    let published = Published::new(&[(Extension::AudioLevel, vec![5])]);
    let passed = Passed { packet: &published.packet[..12], ..published.passed() };
    let mut dst = [0; 64];
    assert_eq!(template.len(passed), 12);
    assert_eq!(template.write(&mut dst, &fields(1, false, false), passed), Some(12));
    assert_eq!(RtpHeader::parse(&dst[..12]).expect("a header").extension_form, None);
}

#[test]
fn it_stays_within_two_cache_lines() {
    assert!(size_of::<HeaderTemplate>() <= 66, "{}", size_of::<HeaderTemplate>());
}

prop_compose! {
    fn any_ids()(ids in prop::collection::vec(prop_oneof![Just(0u8), 1..=14u8, any::<u8>()], Extension::COUNT)) -> ExtensionMap {
        let mut map = ExtensionMap::default();
        Extension::ALL.into_iter().zip(ids).for_each(|(e, id)| map.insert(e, id));
        map
    }
}

prop_compose! {
    fn any_extensions()(list in prop::collection::vec(
        prop::option::of(prop_oneof![4 => prop::collection::vec(any::<u8>(), 1..=16), 1 => prop::collection::vec(any::<u8>(), 0..=255)]),
        Extension::COUNT,
    )) -> Vec<(Extension, Vec<u8>)> {
        Extension::ALL.into_iter().zip(list).filter_map(|(e, data)| Some((e, data?))).collect()
    }
}

proptest! {
    #[test]
    fn writes_what_the_general_function_writes(
        ids in any_ids(),
        mid in prop::option::of("[a-z0-9]{0,16}"),
        extensions in any_extensions(),
        (sequence, marker, padded) in any::<(u16, bool, bool)>(),
        room in 0usize..100,
    ) {
        check(mid.as_deref(), &ids, &fields(sequence, marker, padded), &Published::new(&extensions), room);
    }
}
