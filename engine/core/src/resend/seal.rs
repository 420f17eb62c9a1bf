//! One packet once more: as RTX, or as it was.

use super::Resend;
use crate::congestion::{Departed, Named};
use crate::departures::Departures;
use crate::drop_reason::DropReason;
use crate::history::Stored;
use crate::room::{Rooms, Subscription, Track};
use crate::subscriber::{Located, Rename, ResendWay, Rtx, SentAs, Subscriber};
use crate::way::Way;
use corelay_wire::media::{Codec, Extension};
use corelay_wire::rtp::{HeaderTemplate, PacketFields, Passed, PlayoutDelay, Retransmission};
use corelay_wire::units::{PacketIndex, PayloadType, SequenceNumber};

/// A packet in the subscriber's numbering, and where it goes.
#[derive(Clone, Copy)]
struct Again<'a> {
    stored: Stored<'a>,
    located: Located,
    codec: Codec,
    way: &'a Way,
    send_time: [u8; 3],
    /// Its place among the packets of the transport, where it tells one.
    transport_sequence: SequenceNumber,
    /// What is changed in its payload.
    rename: Option<Rename>,
}

/// Seals the packet into the outbox, which has room for it.
pub(super) fn seal(
    rooms: &mut Rooms,
    Resend { subscription, id, outgoing }: Resend,
    send_time: [u8; 3],
    departures: &mut Departures<'_>,
) -> Result<(), DropReason> {
    let Rooms { tracks, subscriptions, ways, congestions, .. } = rooms;
    let known: Option<&mut Subscription> = subscriptions.get_mut(subscription).filter(|s| s.id == id && !s.subscriber.paused);
    let Subscription { track, transport, subscriber, .. } = known.ok_or(DropReason::NackTooLate)?;
    let (track, to): (&Track, _) = (&tracks[*track], ways.get(*transport).ok_or(DropReason::NackTooLate)?);
    let located = subscriber.mapping.locate(outgoing.sequence()).filter(|l| l.outgoing == outgoing && !track.paused);
    let located = located.ok_or(DropReason::NackTooLate)?;
    let stored = track.layers[usize::from(located.layer)].history.find(located.index).ok_or(DropReason::NackTooLate)?;
    let stored = subscriber.red.cut(stored);
    let rename = subscriber.red.rename(&stored).filter(|_| !located.skipped);
    let mut congestion = congestions.get_mut(*transport);
    let transport_sequence = congestion.as_ref().map_or(SequenceNumber(0), |congestion| congestion.next_number());
    let codec = track.formats[usize::from(stored.meta.format)].codec;
    let again = Again { stored, located, codec, way: to, send_time, transport_sequence, rename };
    let Subscriber { retransmission, header, payload_types, .. } = &mut *subscriber;
    let way = &mut retransmission.as_deref_mut().ok_or(DropReason::NackTooLate)?.way;
    let (len, numbered) = match way {
        ResendWay::Rtx(rtx) => (again.as_rtx(rtx, departures)?, rtx.header.is_numbered()),
        ResendWay::InPlace(sent) => {
            let payload_type = payload_types.of(stored.meta.format).ok_or(DropReason::UnknownPayloadType)?;
            // A place that was left free is taken with one byte of padding: the same bytes whenever it is asked for.
            let sent = if located.skipped { Some(SentAs { padding: 1, delay: None }) } else { ResendWay::sent(sent, outgoing) };
            let SentAs { padding, delay } = sent.ok_or(DropReason::NackTooLate)?;
            let header = &header.with_playout_delay(delay.map(PlayoutDelay::at_least));
            let fields = again.fields(outgoing, payload_type, padding > 0);
            let payload = if located.skipped { &[][..] } else { stored.payload() };
            let passed = again.passed();
            let padding = &padding_of(padding)[..padding.into()];
            let len = again.push(departures, outgoing, |dst| again.write(header, dst, &fields, passed), [&[], payload, padding])?;
            subscriber.count_sent(1, payload.len() as u32);
            (len, false)
        }
    };
    if let Some(congestion) = &mut congestion {
        let named = Some(Named { subscription, sequence: outgoing.sequence() });
        let run = Departed { packets: numbered.into(), segment: len as u16, last: len as u16, probe: None, named };
        congestion.depart(departures.now, (len + to.path.headers_len()) as u64, run);
    }
    Ok(())
}

impl Again<'_> {
    fn as_rtx(self, rtx: &mut Rtx, departures: &mut Departures<'_>) -> Result<usize, DropReason> {
        let payload_type = rtx.payload_types.of(self.stored.meta.format).ok_or(DropReason::UnknownPayloadType)?;
        let index = rtx.take_index();
        let fields = self.fields(index, payload_type, false);
        let original = Retransmission::head(self.located.outgoing.sequence());
        let payload = if self.located.skipped { &[][..] } else { self.stored.payload() };
        let (header, passed) = (&rtx.header, self.passed());
        self.push(departures, index, |dst| self.write(header, dst, &fields, passed), [&original, payload, &[]])
    }

    fn fields(&self, index: PacketIndex, payload_type: PayloadType, padded: bool) -> PacketFields {
        let meta = self.stored.meta;
        PacketFields {
            // That of the original packet (RFC 4588 section 4).
            timestamp: self.located.timestamp(meta.timestamp),
            sequence: index.sequence(),
            payload_type,
            marker: self.located.patch.marker(meta),
            padded,
            send_time: self.send_time,
            transport_sequence: self.transport_sequence,
        }
    }

    /// Writes the header with what was changed in it when the packet left first.
    fn write(&self, template: &HeaderTemplate, dst: &mut [u8], fields: &PacketFields, passed: Passed<'_>) -> Option<usize> {
        let len = template.write(dst, fields, passed)?;
        self.located.patch.change_header(template.id(Extension::DependencyDescriptor), dst.get_mut(..len)?);
        Some(len)
    }

    fn passed(&self) -> Passed<'_> {
        let spans = &self.stored.meta.extensions;
        Passed { carried: spans.carried(), spans, packet: self.stored.bytes() }
    }

    /// Seals the header that `write` writes, whose length it gives, and what stands before the payload, the payload, and padding.
    /// Gives the length of the packet.
    fn push(
        &self,
        departures: &mut Departures<'_>,
        index: PacketIndex,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
        [head, payload, padding]: [&[u8]; 3],
    ) -> Result<usize, DropReason> {
        let Self { way, rename, .. } = self;
        let sealed = departures.outbox.push(way.path, way.packet_bytes_max(), |dst| {
            let header_len = write(dst)?;
            let payload_at = append(dst, header_len, head)?;
            let payload_end = append(dst, payload_at, payload)?;
            if let Some(rename) = rename {
                rename.apply(&mut dst[payload_at..payload_end]);
            }
            self.located.patch.change_payload(self.codec, &mut dst[payload_at..payload_end]);
            let plain_len = append(dst, payload_end, padding)?;
            way.sealer.seal_in_place(index, header_len, plain_len, dst)
        });
        sealed.ok_or(DropReason::Oversize)
    }
}

/// Writes `bytes` at `at`; gives where they end.
fn append(dst: &mut [u8], at: usize, bytes: &[u8]) -> Option<usize> {
    dst.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
    Some(at + bytes.len())
}

/// Padding of `count` octets, the last of which counts them all (RFC 3550 section 5.1), zeros behind.
fn padding_of(count: u8) -> [u8; 255] {
    let mut padding = [0; 255];
    if let Some(last) = usize::from(count).checked_sub(1) {
        padding[last] = count;
    }
    padding
}
