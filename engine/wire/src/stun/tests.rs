use super::*;
use aws_lc_rs::hmac;
use core::net::SocketAddr;
use proptest::collection::vec;
use proptest::prelude::*;

/// The password of the vectors with short-term credentials (RFC 5769 section 2).
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: TransactionId = TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

/// RFC 5769 section 2.1.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80,
    0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24,
    0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00,
    0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
    0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5,
    0x7a, 0x3b, 0xcf,
];

/// RFC 5769 section 2.2.
const RESPONSE_IPV4: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80,
    0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01,
    0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89,
    0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

/// RFC 5769 section 2.3.
const RESPONSE_IPV6: [u8; 92] = [
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80,
    0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02,
    0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00,
    0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41,
    0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

fn hmac_sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, PASSWORD));
    parts.iter().for_each(|p| context.update(p));
    context.sign().as_ref().try_into().expect("SHA-1 gives 20 bytes")
}

fn assert_signed(message: &Message<'_>) {
    let input = message.integrity_input().expect("the message is signed");
    assert_eq!(hmac_sha1(&[&input.header, input.attributes]), *input.tag);
}

fn write(build: impl FnOnce(MessageWriter<'_>) -> Option<usize>, class: Class) -> Vec<u8> {
    let mut dst = [0xAA; 600];
    let len = build(MessageWriter::new(&mut dst, class, Method::BINDING, TRANSACTION)).expect("it fits");
    dst[..len].to_vec()
}

#[test]
fn rfc_5769_request() {
    let message = Message::parse(&REQUEST).expect("the vector is good");
    assert_eq!((message.class, message.method, message.transaction), (Class::Request, Method::BINDING, TRANSACTION));
    assert_eq!(message.username, Some("evtj:h6vY"));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.ice_controlled, Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.ice_controlling, None);
    assert!(!message.use_candidate && message.has_fingerprint && message.unknown.is_empty());
    assert_signed(&message);
}

#[test]
fn rfc_5769_responses() {
    for (bytes, address) in
        [(&RESPONSE_IPV4[..], "192.0.2.1:32853"), (&RESPONSE_IPV6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let message = Message::parse(bytes).expect("the vector is good");
        assert_eq!((message.class, message.method), (Class::Success, Method::BINDING));
        assert_eq!(message.mapped_address, Some(address.parse::<SocketAddr>().expect("an address")));
        assert!(message.has_fingerprint);
        assert_signed(&message);
    }
}

#[test]
fn a_written_request_says_what_was_asked() {
    let bytes = write(
        |w| {
            w.username("abcd:efgh")
                .priority(7)
                .use_candidate()
                .ice_controlling(8)
                .software("corelay")
                .finish_with_integrity(|signed| hmac_sha1(&[signed]))
        },
        Class::Request,
    );
    let message = Message::parse(&bytes).expect("just written");
    assert_eq!(message.username, Some("abcd:efgh"));
    assert_eq!((message.priority, message.use_candidate, message.ice_controlling), (Some(7), true, Some(8)));
    assert!(message.has_fingerprint);
    assert_signed(&message);
}

#[test]
fn written_responses_say_what_was_asked() {
    for address in ["198.51.100.7:9", "[2001:db8::1]:65535"].map(|a| a.parse::<SocketAddr>().expect("an address")) {
        let bytes = write(|w| w.xor_mapped_address(address).finish_with_integrity(|s| hmac_sha1(&[s])), Class::Success);
        let message = Message::parse(&bytes).expect("just written");
        assert_eq!((message.class, message.mapped_address), (Class::Success, Some(address)));
        assert_signed(&message);
    }
    let bytes = write(|w| w.error_code(420, "Unknown Attribute").unknown_attributes(&[0x77, 0x78, 0x79]).finish(), Class::Error);
    let message = Message::parse(&bytes).expect("just written");
    assert_eq!((message.class, message.error_code), (Class::Error, Some(420)));
    assert_eq!(message.integrity_input(), None);
}

#[test]
fn a_buffer_that_is_too_small_gives_nothing() {
    let full = write(|w| w.username("abcd:efgh").finish_with_integrity(|s| hmac_sha1(&[s])), Class::Request).len();
    for len in 0..full {
        let mut dst = vec![0; len];
        let writer = MessageWriter::new(&mut dst, Class::Request, Method::BINDING, TRANSACTION);
        assert_eq!(writer.username("abcd:efgh").finish_with_integrity(|_| [0; 20]), None, "{len} bytes");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for bit in 0..REQUEST.len() * 8 {
        let mut bytes = REQUEST;
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A flip in the type of FINGERPRINT makes it an attribute that is not looked at after MESSAGE-INTEGRITY.
        assert!(Message::parse(&bytes).map_or(true, |m| !m.has_fingerprint), "bit {bit}");
    }
}

#[test]
fn fingerprint_must_be_last() {
    let mut bytes = write(|w| w.finish(), Class::Indication);
    bytes.extend([0x80, 0x22, 0, 0]);
    let len = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let sum = crc32fast::hash(&bytes[..20]) ^ FINGERPRINT_XOR;
    bytes[24..28].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(Message::parse(&bytes), Err(ParseError::Fingerprint));
}

#[test]
fn what_follows_the_integrity_is_not_looked_at() {
    let bytes = write(
        |w| w.username("a:b").attribute(attribute::MESSAGE_INTEGRITY, &[0; 20]).use_candidate().username("c:d").finish(),
        Class::Request,
    );
    let message = Message::parse(&bytes).expect("well-formed");
    assert_eq!((message.username, message.use_candidate, message.has_fingerprint), (Some("a:b"), false, true));
}

#[test]
fn the_first_of_two_counts() {
    let bytes = write(|w| w.username("a:b").username("c:d").priority(1).priority(2).finish(), Class::Request);
    let message = Message::parse(&bytes).expect("well-formed");
    assert_eq!((message.username, message.priority), (Some("a:b"), Some(1)));
}

#[test]
fn unknown_attributes_are_told_apart_by_comprehension() {
    let bytes =
        write(|w| w.attribute(0x7FFF, &[1]).attribute(0x8ABC, &[1]).attribute(attribute::REALM, b"r").finish(), Class::Request);
    assert_eq!(Message::parse(&bytes).expect("well-formed").unknown.as_slice(), [0x7FFF]);
    let many = write(|w| (0..20).fold(w, |w, i| w.attribute(0x7000 + i, &[])).finish(), Class::Request);
    assert_eq!(Message::parse(&many).expect("well-formed").unknown.len(), UNKNOWN_MAX);
}

#[test]
fn malformed_values_are_refused() {
    let bad: [(u16, &[u8]); 9] = [
        (attribute::USERNAME, b"\xFF\xFE"),
        (attribute::USERNAME, &[b'a'; 509]),
        (attribute::PRIORITY, &[1, 2, 3]),
        (attribute::USE_CANDIDATE, &[1]),
        (attribute::ICE_CONTROLLED, &[0; 7]),
        (attribute::XOR_MAPPED_ADDRESS, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (attribute::XOR_MAPPED_ADDRESS, &[0, 3, 2, 3, 4, 5, 6, 7]),
        (attribute::ERROR_CODE, &[0, 0, 2, 0]),
        (attribute::MESSAGE_INTEGRITY, &[0; 19]),
    ];
    for (kind, value) in bad {
        let bytes = write(|w| w.attribute(kind, value).finish(), Class::Request);
        assert_eq!(Message::parse(&bytes), Err(ParseError::Malformed), "{kind:#06x} {value:?}");
    }
}

#[test]
fn lengths_are_checked() {
    assert_eq!(Message::parse(&REQUEST[..104]), Err(ParseError::Length));
    assert_eq!(Message::parse(&REQUEST[..19]), Err(ParseError::Length));
    assert_eq!(Message::parse(&[]), Err(ParseError::Length));
    let mut bytes = write(|w| w.priority(1).finish(), Class::Request);
    bytes[23] = 200;
    assert_eq!(Message::parse(&bytes), Err(ParseError::Truncated));
}

#[test]
fn types_round_trip() {
    for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for method in 0..0x1000 {
            let mut dst = [0; 28];
            let len = MessageWriter::new(&mut dst, class, Method(method), TRANSACTION).finish().expect("it fits");
            let message = Message::parse(&dst[..len]).expect("just written");
            assert_eq!((message.class, message.method), (class, Method(method)));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in vec(any::<u8>(), 0..200), with_header: bool) {
        if with_header && bytes.len() >= 20 {
            bytes.truncate(bytes.len() / 4 * 4);
            bytes[0] &= 0x01;
            let len = (bytes.len() - 20) as u16;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        }
        if let Ok(message) = Message::parse(&bytes) {
            message.integrity_input();
        }
    }

    #[test]
    fn attributes_in_any_order_do_not_panic(attributes in vec((prop::sample::select(vec![1u16, 6, 8, 9, 0x20, 0x24, 0x25, 0x8028, 0x8029, 0x802A]), vec(any::<u8>(), 0..24)), 0..8)) {
        let mut dst = [0; 600];
        let writer = MessageWriter::new(&mut dst, Class::Request, Method::BINDING, TRANSACTION);
        let len = attributes.iter().fold(writer, |w, (kind, value)| w.attribute(*kind, value)).finish().expect("it fits");
        if let Ok(message) = Message::parse(&dst[..len]) {
            message.integrity_input();
        }
    }
}
