//! RTP headers, their extensions in both forms, and the readers of the extensions' values.
#![no_main]

use corelay_wire::media::{Extension, ExtensionMap};
use corelay_wire::rtp::{
    AbsCaptureTime, AbsSendTime, AudioLevel, ExtensionSpans, HeaderFields, Retransmission, RtpHeader, TransportSequence,
    VideoOrientation, read_stream_id, write_header,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    let _ = RtpHeader::parse_sealed(packet);
    let Ok(header) = RtpHeader::parse(packet) else { return };
    assert!(header.payload(packet).len() + usize::from(header.payload_offset) + usize::from(header.padding) == packet.len());
    let _ = Retransmission::read(header.payload(packet));
    header.csrcs(packet).count();
    for (_, data) in header.extensions(packet) {
        let _ = (AudioLevel::read(data), AbsSendTime::read(data), TransportSequence::read(data));
        let _ = (VideoOrientation::read(data), AbsCaptureTime::read(data), read_stream_id(data));
    }
    let mut numbering = ExtensionMap::default();
    for (extension, id) in Extension::ALL.into_iter().zip(1..) {
        numbering.insert(extension, id);
    }
    let spans = ExtensionSpans::read(&header, packet, &numbering);
    for (extension, data) in spans.iter(packet) {
        let id = numbering.id(extension).expect("all are numbered");
        assert_eq!(header.extension(packet, id), Some(data));
    }
    // What was read can be written, and reads the same. Element by element it grows by a byte at most.
    let mut dst = vec![0; 2 * packet.len() + 64];
    let len = write_header(&mut dst, &HeaderFields::default(), header.extensions(packet)).expect("it fits");
    let again = RtpHeader::parse(&dst[..len]).expect("just written");
    assert!(again.extensions(&dst).eq(header.extensions(packet)));
});
