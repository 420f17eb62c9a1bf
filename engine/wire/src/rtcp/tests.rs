use super::*;
use crate::units::{Bitrate, Instant, NtpTimestamp, RtpTimestamp, SequenceNumber, Ssrc};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use rtcp_types::{RtcpPacketParser, RtcpPacketWriterExt};

fn written(message: &impl Message) -> Vec<u8> {
    let mut dst = vec![0xAA; 4_000];
    let len = message.write(&mut dst).expect("it fits");
    assert_eq!(message.write(&mut dst[..len]), Some(len), "an exact buffer is large enough");
    assert_eq!(message.write(&mut vec![0; len - 1]), None, "a shorter one is not");
    dst.truncate(len);
    dst
}

fn only(bytes: &[u8]) -> Packet<'_> {
    let mut packets = Compound::parse(bytes).expect("good framing").iter();
    let packet = packets.next().expect("one message").expect("a good one");
    assert!(packets.next().is_none());
    packet
}

fn any_block() -> impl Strategy<Value = ReportBlock> {
    (any::<(u32, u8, u32, u32, u32, u32)>(), -0x80_0000..0x80_0000).prop_map(
        |((ssrc, fraction_lost, highest, jitter, lsr, dlsr), lost)| ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost,
            cumulative_lost: lost,
            extended_highest_sequence: highest,
            jitter,
            last_sender_report: lsr,
            delay_since_last_sender_report: dlsr,
        },
    )
}

fn assert_same_block(ours: &ReportBlock, theirs: &rtcp_types::ReportBlock<'_>) {
    assert_eq!(ours.ssrc.0, theirs.ssrc());
    assert_eq!(ours.fraction_lost, theirs.fraction_lost());
    assert_eq!(ours.cumulative_lost as u32 & 0xFF_FFFF, theirs.cumulative_lost());
    assert_eq!(ours.extended_highest_sequence, theirs.extended_sequence_number());
    assert_eq!(ours.jitter, theirs.interarrival_jitter());
    assert_eq!(ours.last_sender_report, theirs.last_sender_report_timestamp());
    assert_eq!(ours.delay_since_last_sender_report, theirs.delay_since_last_sender_report_timestamp());
}

proptest! {
    #[test]
    fn sender_reports(ssrc: u32, ntp: u64, rtp: u32, packet_count: u32, octet_count: u32, blocks in vec(any_block(), 0..=31)) {
        let bytes: Vec<_> = blocks.iter().map(|b| b.to_bytes()).collect();
        let report = SenderReport {
            ssrc: Ssrc(ssrc), ntp: NtpTimestamp(ntp), rtp_timestamp: RtpTimestamp(rtp), packet_count, octet_count,
            blocks: ReportBlocks::new(&bytes),
        };
        let wire = written(&report);
        prop_assert_eq!(only(&wire), Packet::SenderReport(report));
        prop_assert!(report.blocks.iter().eq(blocks.iter().copied()));
        let theirs = rtcp_types::SenderReport::parse(&wire).expect("the oracle reads it");
        prop_assert_eq!((theirs.ssrc(), theirs.ntp_timestamp(), theirs.rtp_timestamp()), (ssrc, ntp, rtp));
        prop_assert_eq!((theirs.packet_count(), theirs.octet_count()), (packet_count, octet_count));
        prop_assert_eq!(usize::from(theirs.n_reports()), blocks.len());
        blocks.iter().zip(theirs.report_blocks()).for_each(|(a, b)| assert_same_block(a, &b));
    }

    #[test]
    fn receiver_reports(ssrc: u32, blocks in vec(any_block(), 0..=31)) {
        let bytes: Vec<_> = blocks.iter().map(|b| b.to_bytes()).collect();
        let report = ReceiverReport { ssrc: Ssrc(ssrc), blocks: ReportBlocks::new(&bytes) };
        let wire = written(&report);
        prop_assert_eq!(only(&wire), Packet::ReceiverReport(report));
        let theirs = rtcp_types::ReceiverReport::parse(&wire).expect("the oracle reads it");
        prop_assert_eq!(usize::from(theirs.n_reports()), blocks.len());
        blocks.iter().zip(theirs.report_blocks()).for_each(|(a, b)| assert_same_block(a, &b));
    }

    #[test]
    fn descriptions(ssrc: u32, cname in "[a-zA-Z0-9@.]{1,40}") {
        let wire = written(&SdesCname { ssrc: Ssrc(ssrc), cname: cname.as_bytes() });
        let Packet::Sdes(sdes) = only(&wire) else { panic!("an SDES") };
        prop_assert_eq!(sdes.cnames().collect::<Vec<_>>(), [(Ssrc(ssrc), cname.as_bytes())]);
        let theirs = rtcp_types::Sdes::parse(&wire).expect("the oracle reads it");
        let chunk = theirs.chunks().next().expect("one chunk");
        prop_assert_eq!((chunk.ssrc(), chunk.items().next().expect("one item").value()), (ssrc, cname.as_bytes()));
    }

    #[test]
    fn descriptions_of_the_oracle(chunks in vec((any::<u32>(), "[a-z]{0,9}", "[a-z]{0,9}"), 1..5)) {
        let mut builder = rtcp_types::Sdes::builder();
        for (ssrc, cname, name) in &chunks {
            let chunk = rtcp_types::SdesChunk::builder(*ssrc)
                .add_item(rtcp_types::SdesItem::builder(2, name))
                .add_item(rtcp_types::SdesItem::builder(1, cname));
            builder = builder.add_chunk(chunk);
        }
        let mut wire = [0; 400];
        let len = builder.write_into(&mut wire).expect("it fits");
        let Packet::Sdes(sdes) = only(&wire[..len]) else { panic!("an SDES") };
        prop_assert!(sdes.cnames().eq(chunks.iter().map(|(ssrc, cname, _)| (Ssrc(*ssrc), cname.as_bytes()))));
    }

    #[test]
    fn goodbyes(sources in vec(any::<[u8; 4]>(), 0..=31), reason in "[a-z ]{0,30}") {
        let bye = Bye { sources: &sources, reason: reason.as_bytes() };
        let wire = written(&bye);
        prop_assert_eq!(only(&wire), Packet::Bye(bye));
        let theirs = rtcp_types::Bye::parse(&wire).expect("the oracle reads it");
        prop_assert!(theirs.ssrcs().eq(bye.ssrcs().map(|s| s.0)));
        prop_assert_eq!(theirs.reason().unwrap_or_default(), reason.as_bytes());
    }

    #[test]
    fn nacks(sender: u32, media: u32, base: u16, offsets in btree_set(0u16..600, 1..60)) {
        let lost: Vec<_> = offsets.iter().map(|o| SequenceNumber(base).plus(*o)).collect();
        let mut packer = NackPacker::<64>::default();
        prop_assert!(lost.iter().all(|s| packer.push(*s)));
        let nack = Nack { sender: Ssrc(sender), media: Ssrc(media), entries: packer.entries() };
        let wire = written(&nack);
        prop_assert_eq!(only(&wire), Packet::Nack(nack));
        prop_assert!(nack.lost().eq(lost.iter().copied()));
        let theirs = rtcp_types::TransportFeedback::parse(&wire).expect("the oracle reads it");
        prop_assert_eq!((theirs.sender_ssrc(), theirs.media_ssrc()), (sender, media));
        let theirs = theirs.parse_fci::<rtcp_types::Nack<'_>>().expect("a NACK");
        prop_assert!(theirs.entries().eq(lost.iter().map(|s| s.0)));
    }

    #[test]
    fn keyframe_requests(sender: u32, media: u32, sequence: u8) {
        let pli = Pli { sender: Ssrc(sender), media: Ssrc(media) };
        let wire = written(&pli);
        prop_assert_eq!(only(&wire), Packet::Pli(pli));
        let theirs = rtcp_types::PayloadFeedback::parse(&wire).expect("the oracle reads it");
        prop_assert!(theirs.parse_fci::<rtcp_types::Pli<'_>>().is_ok());
        prop_assert_eq!((theirs.sender_ssrc(), theirs.media_ssrc()), (sender, media));

        let request = FirRequest { media: Ssrc(media), sequence };
        let fir = Fir { sender: Ssrc(sender), entries: &[request.to_bytes()] };
        let wire = written(&fir);
        prop_assert_eq!(only(&wire), Packet::Fir(fir));
        prop_assert_eq!(fir.requests().collect::<Vec<_>>(), [request]);
        let theirs = rtcp_types::PayloadFeedback::parse(&wire).expect("the oracle reads it");
        let theirs = theirs.parse_fci::<rtcp_types::Fir<'_>>().expect("a FIR");
        prop_assert!(theirs.entries().map(|e| (e.ssrc(), e.sequence())).eq([(media, sequence)]));
    }

    #[test]
    fn estimates(sender: u32, bitrate: u64, sources in vec(any::<[u8; 4]>(), 0..6)) {
        let wire = written(&Remb { sender: Ssrc(sender), bitrate: Bitrate(bitrate), sources: &sources });
        let Packet::Remb(remb) = only(&wire) else { panic!("a REMB") };
        prop_assert_eq!((remb.sender, remb.sources), (Ssrc(sender), &sources[..]));
        prop_assert!(remb.bitrate.0 <= bitrate && bitrate - remb.bitrate.0 <= bitrate >> 17, "{} {}", remb.bitrate.0, bitrate);
    }

    #[test]
    fn arrivals(
        base: u16, origin in 0u64..1 << 50, steps in vec((prop_oneof![Just(0u16), 0..20u16], -20_000_000i64..80_000_000), 1..80),
    ) {
        let mut builder = TransportCcBuilder::new(SequenceNumber(base));
        let mut expected = Vec::new();
        let (mut next, mut nanos) = (SequenceNumber(base), origin as i64 + 1_000_000_000);
        for (gap, step) in steps {
            expected.extend((0..gap).map(|i| (next.plus(i), None)));
            nanos = (nanos + step).max(0);
            if !builder.push(next.plus(gap), Instant::from_nanos(nanos as u64)) {
                expected.truncate(expected.len() - usize::from(gap));
                break;
            }
            expected.push((next.plus(gap), Some(nanos / 250_000)));
            next = next.plus(gap + 1);
        }
        prop_assert_eq!(builder.next(), next);
        let message = builder.message(Ssrc(1), Ssrc(2), 3).expect("not empty");
        let wire = written(&message);
        prop_assert_eq!(only(&wire), Packet::TransportCc(message));
        // The reference time wraps every 12 days, here and there alike.
        let wrap = (1i64 << 24) * 256;
        let got: Vec<_> = message.arrivals().map(|(s, t)| (s, t.map(|t| t.rem_euclid(wrap)))).collect();
        let expected: Vec<_> = expected.into_iter().map(|(s, t)| (s, t.map(|t| t.rem_euclid(wrap)))).collect();
        prop_assert_eq!(&got, &expected);
        assert_oracle_agrees(&wire, &message);
    }

    #[test]
    fn no_bytes_panic(mut bytes in vec(any::<u8>(), 0..300), packet_type in prop::sample::select(vec![200u8, 201, 202, 203, 204, 205, 206, 207]), count in 0u8..32) {
        exhaust(&bytes);
        if bytes.len() >= 4 {
            bytes.truncate(bytes.len() / 4 * 4);
            bytes[0] = 0x80 | count;
            bytes[1] = packet_type;
            let words = (bytes.len() / 4 - 1) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            exhaust(&bytes);
            if bytes.len() >= 16 {
                bytes[12..16].copy_from_slice(b"REMB");
                exhaust(&bytes);
            }
        }
    }
}

fn assert_oracle_agrees(wire: &[u8], message: &TransportCc<'_>) {
    let theirs = rtcp_types::TransportFeedback::parse(wire).expect("the oracle reads it");
    let theirs = theirs.parse_fci::<rtcp_types::Twcc<'_>>().expect("a TWCC");
    assert_eq!(theirs.base_sequence_number(), message.base.0);
    assert_eq!(theirs.reference_time(), message.reference_time as u32 & 0xFF_FFFF);
    assert_eq!(theirs.feedback_packet_count(), message.feedback_count);
    let mut ticks = i64::from(message.reference_time) * 256;
    let theirs = theirs.packets().map(|packet| match packet.expect("a good status") {
        (sequence, rtcp_types::TwccPacketStatus::NotReceived) => (SequenceNumber(sequence), None),
        (sequence, rtcp_types::TwccPacketStatus::Received { delta }) => {
            ticks += i64::from(delta);
            (SequenceNumber(sequence), Some(ticks))
        }
    });
    // The oracle goes on to the end of the last chunk.
    assert!(theirs.take(usize::from(message.status_count)).eq(message.arrivals()));
}

/// Goes through everything that can be read.
fn exhaust(bytes: &[u8]) {
    let Ok(compound) = Compound::parse(bytes) else { return };
    for packet in compound.into_iter().flatten() {
        match packet {
            Packet::SenderReport(r) => drop(r.blocks.iter().count()),
            Packet::ReceiverReport(r) => drop(r.blocks.iter().count()),
            Packet::Sdes(s) => drop(s.cnames().count()),
            Packet::Bye(b) => drop(b.ssrcs().count()),
            Packet::Nack(n) => drop(n.lost().count()),
            Packet::Fir(f) => drop(f.requests().count()),
            Packet::Remb(r) => drop(r.ssrcs().count()),
            Packet::TransportCc(t) => assert_eq!(t.arrivals().count(), usize::from(t.status_count)),
            Packet::Pli(_) | Packet::Unknown { .. } => {}
        }
    }
}

#[test]
fn a_compound_is_written_and_read_in_order() {
    let mut dst = [0; 200];
    let mut writer = CompoundWriter::new(&mut dst);
    let report = ReceiverReport { ssrc: Ssrc(1), blocks: ReportBlocks::EMPTY };
    let pli = Pli { sender: Ssrc(1), media: Ssrc(2) };
    writer.push(&report).expect("it fits");
    writer.push(&SdesCname { ssrc: Ssrc(1), cname: b"a@b" }).expect("it fits");
    writer.push(&pli).expect("it fits");
    let len = writer.len();
    let packets: Vec<_> = Compound::parse(&dst[..len]).expect("just written").iter().map(|p| p.expect("a good one")).collect();
    assert_eq!(packets.len(), 3);
    assert_eq!((packets[0], packets[2]), (Packet::ReceiverReport(report), Packet::Pli(pli)));
    let theirs: Vec<_> = rtcp_types::Compound::parse(&dst[..len]).expect("the oracle reads it").collect();
    assert!(theirs.len() == 3 && theirs.iter().all(Result::is_ok));
}

#[test]
fn a_full_writer_keeps_what_it_has() {
    let mut dst = [0; 20];
    let mut writer = CompoundWriter::new(&mut dst);
    assert!(writer.is_empty());
    assert_eq!(writer.push(&Pli { sender: Ssrc(1), media: Ssrc(2) }), Some(()));
    assert_eq!(writer.push(&Pli { sender: Ssrc(1), media: Ssrc(2) }), None);
    assert_eq!(writer.len(), 12);
}

#[test]
fn framing_is_strict() {
    let pli = written(&Pli { sender: Ssrc(1), media: Ssrc(2) });
    assert_eq!(Compound::parse(&[]), Err(ParseError::Length));
    assert_eq!(Compound::parse(&pli[..8]), Err(ParseError::Length));
    assert_eq!(Compound::parse(&[&pli[..], &[0x80]].concat()), Err(ParseError::Length));
    let mut version = pli;
    version[0] = 0x41;
    assert_eq!(Compound::parse(&version), Err(ParseError::Version));
}

#[test]
fn padding_is_no_content() {
    let pli = Packet::Pli(Pli { sender: Ssrc(1), media: Ssrc(2) });
    let mut padded = written(&Pli { sender: Ssrc(1), media: Ssrc(2) });
    padded[0] |= 0x20;
    padded[3] += 1;
    padded.extend([0, 0, 0, 4]);
    assert_eq!(only(&padded), pli);
    assert_eq!(Compound::parse(&[&padded[..], &padded].concat()).map(|all| all.iter().count()), Ok(2));
    for bad in [0, 13, 255] {
        padded[15] = bad;
        assert_eq!(Compound::parse(&padded), Err(ParseError::Padding), "{bad}");
    }
}

/// As browsers send it: the deltas are filled up to a word by a padding of one to three bytes.
#[test]
fn transport_wide_feedback_is_padded_by_bytes() {
    for received in 1..=8u8 {
        let mut bytes = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 100, 0, received, 0, 0, 0, 0, 0x20, received];
        bytes.extend(core::iter::repeat_n(4, received.into()));
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        bytes.resize(bytes.len() + padding, 0);
        if padding > 0 {
            bytes[0] |= 0x20;
            *bytes.last_mut().expect("it is padded") = padding as u8;
        }
        bytes[3] = (bytes.len() / 4 - 1) as u8;
        let twice = [&bytes[..], &bytes].concat();
        for packet in Compound::parse(&twice).expect("both are whole").iter() {
            let Ok(Packet::TransportCc(feedback)) = packet else { panic!("{received}: {packet:?}") };
            let arrivals: Vec<_> = feedback.arrivals().map(|(_, at)| at).collect();
            assert_eq!(arrivals, (1..=i64::from(received)).map(|n| Some(4 * n)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_bad_message_does_not_hide_its_neighbour() {
    let bad_report = [0x81, 200, 0, 1, 0, 0, 0, 1];
    let pli = written(&Pli { sender: Ssrc(1), media: Ssrc(2) });
    let bytes = [&bad_report[..], &pli].concat();
    let mut packets = Compound::parse(&bytes).expect("good framing").iter();
    assert_eq!(packets.next(), Some(Err(ParseError::Malformed)));
    assert!(matches!(packets.next(), Some(Ok(Packet::Pli(_)))));
    assert_eq!(packets.next(), None);
}

#[test]
fn what_is_not_known_is_stepped_over() {
    let extended_report = [0x80, 207, 0, 1, 0, 0, 0, 1];
    let rare_feedback = [0x82, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let application_feedback = [0x8F, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, b'A', b'B', b'C', b'D'];
    assert_eq!(only(&extended_report), Packet::Unknown { packet_type: 207, count: 0 });
    assert_eq!(only(&rare_feedback), Packet::Unknown { packet_type: 206, count: 2 });
    assert_eq!(only(&application_feedback), Packet::Unknown { packet_type: 206, count: 15 });
}

#[test]
fn more_entries_than_the_count_holds_are_refused() {
    let blocks = [[0; 24]; 32];
    let report = ReceiverReport { ssrc: Ssrc(1), blocks: ReportBlocks::new(&blocks) };
    assert_eq!(report.write(&mut [0; 2_000]), None);
    assert_eq!(Nack { sender: Ssrc(1), media: Ssrc(2), entries: &[] }.write(&mut [0; 2_000]), None);
    assert_eq!(SdesCname { ssrc: Ssrc(1), cname: &[b'a'; 256] }.write(&mut [0; 2_000]), None);
}

#[test]
fn a_full_nack_packer_says_so() {
    let mut packer = NackPacker::<1>::default();
    assert!(packer.push(SequenceNumber(65_530)) && packer.push(SequenceNumber(10)), "16 after it, over the wrap");
    assert!(packer.push(SequenceNumber(10)), "again is no more");
    assert!(!packer.push(SequenceNumber(11)));
}

#[test]
fn an_estimate_beyond_64_bits_is_the_largest() {
    let mut wire = written(&Remb { sender: Ssrc(1), bitrate: Bitrate(u64::MAX), sources: &[] });
    wire[17] = 0xFF;
    let Packet::Remb(remb) = only(&wire) else { panic!("a REMB") };
    assert_eq!(remb.bitrate, Bitrate(u64::MAX));
}

#[test]
fn transport_feedback_that_contradicts_itself_is_refused() {
    let message = |status_count: u16, rest: &[u8]| {
        let mut wire = vec![0x8F, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9];
        wire.extend(status_count.to_be_bytes());
        wire.extend([0, 0, 1, 7]);
        wire.extend(rest);
        wire[3] = (wire.len() / 4 - 1) as u8;
        wire
    };
    let parse = |wire: &[u8]| Compound::parse(wire).expect("good framing").iter().next().expect("one message").map(|_| ());
    assert_eq!(parse(&message(3, &[0x20, 3, 1, 2, 3, 0, 0, 0])), Ok(()));
    assert_eq!(parse(&message(0, &[])), Err(ParseError::Malformed), "reports on nothing");
    assert_eq!(parse(&message(3, &[0x20, 3, 1, 2])), Err(ParseError::Malformed), "a delta is missing");
    assert_eq!(parse(&message(30, &[0x20, 3, 1, 2])), Err(ParseError::Malformed), "a chunk is missing");
    assert_eq!(parse(&message(1, &[0x60, 1, 1, 2])), Err(ParseError::Malformed), "the reserved status");
}

#[test]
fn every_kind_of_chunk_is_read() {
    let wire = [
        0x8F, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, // head
        0xFF, 0xFE, 0, 26, 0xFF, 0xFF, 0xFF, 7, // base 65534, 26 statuses, reference -1, count 7
        0x00, 3, // a run of 3 lost
        0xA0, 1, // of 14, the first and the last arrived
        0xD8, 0, // of 7, the first with a small delta, the second with a large one
        0x20, 5, // a run of 5, of which two count
        4, 8, 12, 0xFF, 0xFC, 16, 20, 0, // deltas and a filling zero
    ];
    let mut wire = wire.to_vec();
    wire[3] = (wire.len() / 4 - 1) as u8;
    let Packet::TransportCc(message) = only(&wire) else { panic!("a TWCC") };
    assert_eq!((message.reference_time, message.feedback_count), (-1, 7));
    let arrived: Vec<_> = message.arrivals().enumerate().filter_map(|(i, (_, t))| Some((i, t?))).collect();
    assert_eq!(arrived, [(3, -252), (16, -244), (17, -232), (18, -236), (24, -220), (25, -200)]);
    assert_eq!(message.arrivals().nth(3).map(|(s, _)| s), Some(SequenceNumber(1)));
}

#[test]
fn a_builder_refuses_what_one_message_cannot_say() {
    let mut builder = TransportCcBuilder::new(SequenceNumber(10));
    assert!(builder.message(Ssrc(1), Ssrc(2), 0).is_none());
    assert!(builder.push(SequenceNumber(10), Instant::from_millis(1_000)));
    assert!(!builder.push(SequenceNumber(10), Instant::from_millis(1_000)), "again");
    assert!(!builder.push(SequenceNumber(9), Instant::from_millis(1_000)), "before");
    assert!(!builder.push(SequenceNumber(11), Instant::from_millis(10_000)), "too far in time");
    assert!(!builder.push(SequenceNumber(522), Instant::from_millis(1_000)), "too far in number");
    assert!(builder.push(SequenceNumber(521), Instant::from_millis(1_000)));
    assert_eq!(builder.next(), SequenceNumber(522));
}
