//! From the track's packets to one subscriber's: which of them it gets, and as what.
//!
//! Most of the time that is all of them, numbered alike: then a run is decided about once ([`Numbering::number_all`]). At a change
//! of layers, with layers left out, and for what came late, it is packet by packet.

use super::batch::{Batch, Common, Outgoing};
use super::change::{begin, fills_gap, is_behind, leave_out, moved};
use super::turn::Alike;
use crate::drop_reason::DropReason;
use crate::history::{PacketMeta, Stored};
use crate::room::Track;
use crate::selection::{Arriving, Verdict};
use crate::subscriber::{Source, Subscriber};
use crate::way::Way;
use corelay_wire::rtp::{Carried, Passed};
use corelay_wire::units::PacketIndex;

/// A packet of the track.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) stored: Stored<'a>,
    pub(super) carried: Carried,
    pub(super) layer: u8,
    /// Place in the turn's packets.
    pub(super) place: usize,
}

/// What it takes to number packets for one subscriber.
pub(super) struct Numbering<'a, 's> {
    /// The subscription's slot.
    pub(super) slot: u32,
    pub(super) track: &'a Track,
    pub(super) subscriber: &'s mut Subscriber,
    pub(super) way: &'s Way,
}

impl<'a> Numbering<'a, '_> {
    /// Puts packets that are alike into the batch, which has room for them. Gives how many bytes they have; `None`, and nothing is
    /// changed, unless the subscriber gets all of them, with one numbering, in less than `allowance` bytes.
    #[inline]
    pub(super) fn number_all(
        &mut self,
        alike: &Alike,
        first: usize,
        packets: &[Option<Stored<'a>>],
        allowance: u64,
        batch: &mut Batch<'a>,
    ) -> Option<u64> {
        let Self { slot, track, subscriber, way } = self;
        let Alike { source, format, lowest, needed_by, top, carried, .. } = *alike;
        let all = subscriber.gate.passes_all(source.layer, top, needed_by, lowest)
            && subscriber.header.leaves_out(carried.present)
            && subscriber.red.keeps(format);
        let payload_type = subscriber.payload_types.of(format).filter(|_| all)?;
        let header_len = subscriber.header.plain_len();
        let more = header_len + way.overhead();
        if alike.longest + more > way.packet_bytes_max() || alike.bytes_with(more) >= allowance {
            return None;
        }
        let newest = packets.last()?.as_ref()?.meta;
        let (index_offset, timestamp_offset, patch) = subscriber.mapping.map_all(source, lowest, newest)?;
        let codec = track.formats[usize::from(format)].codec;
        let common = Common { subscription: *slot, payload_type, codec, patch, rename: None };
        let part = batch.begin(common, subscriber);
        let (mut bytes, header_len) = (0, header_len as u16);
        for (place, stored) in (first as u16..).zip(packets) {
            let stored = stored.as_ref().expect("packets that are alike are all there");
            let (padded, meta, payload_len) = (stored.padded_payload(), stored.meta, stored.payload_len());
            let len = payload_len + more;
            bytes += len as u64;
            let (len, payload_len) = (len as u16, payload_len as u16);
            let index = PacketIndex(meta.index.wrapping_add(index_offset));
            let (timestamp, marker) = (meta.timestamp.plus(timestamp_offset), patch.marker(meta));
            let (bare_len, passed) = (len, None);
            batch.push(Outgoing {
                padded,
                payload_len,
                index,
                timestamp,
                marker,
                part,
                place,
                header_len,
                bare_len,
                len,
                passed,
                carried,
            });
        }
        Some(bytes)
    }

    /// Puts the packet into the batch, which has room for it, unless it is not for this subscriber. Gives how many bytes it has.
    pub(super) fn number(&mut self, packet: Incoming<'a>, batch: &mut Batch<'a>) -> Result<u64, DropReason> {
        let Incoming { carried, layer, place, .. } = packet;
        let stored = self.subscriber.red.cut(packet.stored);
        let meta = stored.meta;
        let payload_type = self.subscriber.payload_types.of(meta.format).ok_or(DropReason::UnknownPayloadType)?;
        if !self.passes(stored, layer) {
            return Ok(0);
        }
        let Self { slot, track, subscriber, way } = self;
        let (index, timestamp) = subscriber.mapping.map(meta).ok_or(DropReason::TooLate)?;
        let timestamp = match meta.index < subscriber.gate.since() {
            true => subscriber.mapping.squeezed(layer, meta.index, timestamp),
            false => timestamp,
        };
        let header_len = subscriber.header.len(Passed { carried, spans: &meta.extensions, packet: stored.bytes() });
        let (padded, payload_len) = (stored.padded_payload(), stored.payload_len());
        let bare_len = header_len + payload_len + way.overhead();
        // A packet of nothing but padding leaves with one byte of it.
        let len = bare_len + usize::from(payload_len == 0);
        if len > way.packet_bytes_max() {
            return Err(DropReason::Oversize);
        }
        let patch = subscriber.mapping.patch(meta.index);
        let codec = track.formats[usize::from(meta.format)].codec;
        let common = Common { subscription: *slot, payload_type, codec, patch, rename: subscriber.red.rename(&stored) };
        let part = batch.joins(&common).unwrap_or_else(|| batch.begin(common, subscriber));
        let marker = patch.marker(meta);
        let passed = Some(stored).filter(|_| !subscriber.header.leaves_out(carried.present));
        let bytes = len as u64;
        let (header_len, payload_len, bare_len) = (header_len as u16, payload_len as u16, bare_len as u16);
        let (len, place) = (len as u16, place as u16);
        batch.push(Outgoing {
            padded,
            payload_len,
            index,
            timestamp,
            marker,
            part,
            place,
            header_len,
            bare_len,
            len,
            passed,
            carried,
        });
        Ok(bytes)
    }

    /// Whether the subscriber gets the packet. Its stream may begin with it, or change.
    #[inline]
    fn passes(&mut self, stored: Stored<'a>, layer: u8) -> bool {
        let Self { track, subscriber, .. } = self;
        let meta: &PacketMeta = stored.meta;
        let source = Source { layer, generation: meta.generation };
        let flowing = subscriber.mapping.flowing() == Some(source);
        let arriving = Arriving { layer, flowing, index: meta.index, keyframe: meta.keyframe, place: meta.place };
        match subscriber.gate.decide(arriving) {
            Verdict::Pass => {}
            Verdict::Foreign => return false,
            Verdict::Skip if fills_gap(track, subscriber, layer, stored) => {}
            Verdict::Skip => {
                leave_out(track, subscriber, stored);
                return false;
            }
            Verdict::Move => moved(subscriber, meta),
            Verdict::Begin if is_behind(track, subscriber, source, stored) => return false,
            Verdict::Begin => begin(track, subscriber, source, stored),
        }
        true
    }
}
