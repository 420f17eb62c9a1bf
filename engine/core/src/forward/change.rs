//! Where one subscriber's stream is changed: it begins with another layer, or leaves a packet out, and its numbers go on.

use crate::control::{Event, Target};
use crate::history::{PacketMeta, Stored};
use crate::layer::{Layer, SourceReport};
use crate::room::{Subscription, Track};
use crate::subscriber::{LeftOut, Source, Subscriber};
use core::time::Duration;
use corelay_wire::media::Codec;
use corelay_wire::units::{ClockRate, Instant, RtpTimestamp};
use std::collections::VecDeque;

/// How much older a keyframe may be that was lost than what its stream, or the one before, has sent since. Less waits for another
/// because of one picture, which nobody sees; more lets lips and sound be apart by as much.
const BEHIND_MAX: Duration = Duration::from_millis(40);
/// How far back from the newest packet of the layer before one with a payload is looked for: publishers probe with a few of
/// padding.
const PADDING_MAX: u64 = 16;
/// How far from a packet that came late those of the pictures before and behind it are looked for. A longer picture is left out.
const PICTURE_MAX: u64 = 64;

/// Whether the subscriber is shown later pictures of another stream already: the keyframe was lost and came when it was asked for
/// again. To begin with it would take the picture back, and all that follows out of step with the sound; the next keyframe does
/// not.
#[cold]
pub(super) fn is_behind(track: &Track, subscriber: &Subscriber, source: Source, keyframe: Stored<'_>) -> bool {
    let (layer, meta) = (&track.layers[usize::from(source.layer)], keyframe.meta);
    let Some(former) = subscriber.mapping.flowing().filter(|_| came_late(layer, meta)) else { return false };
    let clock = codec_of(track, meta).clock_rate();
    let behind = |source: Source, timestamp: RtpTimestamp| {
        let newest = latest(&track.layers[usize::from(source.layer)], source.generation);
        let ticks = newest
            .filter(|newest| newest.meta.arrived < meta.arrived)
            .map_or(0, |newest| newest.meta.timestamp.distance(timestamp));
        i64::from(ticks) * 1_000 > i64::from(clock.0) * BEHIND_MAX.as_millis() as i64
    };
    let there = match aligned(track, former, source, meta, clock) {
        Some(timestamp) => behind(former, timestamp),
        // Without reports of both streams, by when they came.
        None => {
            let newest = latest(&track.layers[usize::from(former.layer)], former.generation);
            newest.is_some_and(|newest| newest.meta.arrived.since(on_time(layer, meta, clock)) > BEHIND_MAX)
        }
    };
    there || behind(source, meta.timestamp)
}

/// When a packet would have come if it had not been lost: those behind it tell, by their timestamps.
fn on_time(layer: &Layer, meta: &PacketMeta, clock: ClockRate) -> Instant {
    let following = (meta.index + 1..=meta.index + PADDING_MAX).filter_map(|index| layer.history.find(index));
    let of_generation = following.filter(|packet| packet.meta.generation == meta.generation);
    let times = of_generation.map(|packet| {
        let ticks = u64::try_from(packet.meta.timestamp.distance(meta.timestamp)).unwrap_or(0);
        let after = ticks * 1_000_000_000 / u64::from(clock.0);
        Instant::from_nanos(packet.meta.arrived.as_nanos().saturating_sub(after))
    });
    times.fold(meta.arrived, Instant::min)
}

/// Whether a packet came after one that follows it: it was lost, and sent again. What only waited here has nothing before it that
/// came later.
fn came_late(layer: &Layer, meta: &PacketMeta) -> bool {
    let mut following = (meta.index + 1..=meta.index + PADDING_MAX).filter_map(|index| layer.history.find(index));
    following.any(|packet| packet.meta.arrived < meta.arrived)
}

/// Whether a packet that comes late, of a picture that this subscriber is not to have, must be sent all the same. While the whole picture was
/// missing nobody could tell that it was one to leave out, so a number was kept free for it; VP8's receivers decode nothing behind a number
/// that is missing.
#[cold]
pub(super) fn fills_gap(track: &Track, subscriber: &Subscriber, layer: u8, packet: Stored<'_>) -> bool {
    let (meta, mapping) = (packet.meta, &subscriber.mapping);
    if !mapping.is_late(meta.index) || codec_of(track, meta) != Codec::Vp8 {
        return false;
    }
    let history = &track.layers[usize::from(layer)].history;
    let of_another = |index: &u64| history.find(*index).is_some_and(|stored| stored.meta.timestamp != meta.timestamp);
    let before = (meta.index.saturating_sub(PICTURE_MAX)..meta.index).rev().find(of_another);
    let after = (meta.index + 1..=meta.index + PICTURE_MAX).find(of_another);
    // The count closed up where a part of the picture came in time.
    before.zip(after).is_some_and(|(before, after)| mapping.patch(before + 1) == mapping.patch(after))
}

/// Begins with a keyframe of `source`: time and counters go on behind what was sent of the stream before.
#[cold]
pub(super) fn begin(track: &Track, subscriber: &mut Subscriber, source: Source, first: Stored<'_>) {
    let Subscriber { mapping, gate, left_out, .. } = subscriber;
    let meta = first.meta;
    let codec = codec_of(track, meta);
    let former = mapping.source().filter(|former| *former != source);
    let aligned = former.and_then(|former| aligned(track, former, source, meta, codec.clock_rate()));
    let last = former.and_then(|former| latest(&track.layers[usize::from(former.layer)], former.generation));
    let patch = mapping.patch(u64::MAX);
    let patch = last.map_or(patch, |last| patch.continued((codec_of(track, last.meta), last), (codec, first)));
    gate.begin(meta.index, meta.place);
    let on_time = PacketMeta { arrived: on_time(&track.layers[usize::from(source.layer)], meta, codec.clock_rate()), ..*meta };
    mapping.begin(source, &on_time, codec.clock_rate(), aligned);
    mapping.set_patch(patch.marked(gate.cut()), meta.index);
    *left_out = None;
}

/// Begins with a keyframe of `source` that came earlier and what followed it, up to the second packet; `false`, and nothing is
/// changed, where the counters could not go on.
#[cold]
pub(super) fn begin_earlier(
    track: &Track,
    subscriber: &mut Subscriber,
    source: Source,
    (first, newest): (Stored<'_>, Stored<'_>),
    thinned: bool,
) -> bool {
    let Subscriber { mapping, gate, left_out, .. } = subscriber;
    let codec = codec_of(track, first.meta);
    let former = mapping.source();
    let last = match former {
        // The receiver may have had these very pictures: to it they are others.
        Some(former) if former == source => {
            let sent = track.layers[usize::from(source.layer)].history.find(mapping.newest());
            let sent = sent.filter(|sent| sent.meta.generation == source.generation && !sent.payload().is_empty());
            let Some(sent) = sent else { return false };
            Some(sent)
        }
        Some(former) => latest(&track.layers[usize::from(former.layer)], former.generation),
        None => None,
    };
    let other = former.filter(|former| *former != source);
    let aligned = other.and_then(|former| aligned(track, former, source, newest.meta, codec.clock_rate()));
    let patch = mapping.patch(u64::MAX);
    let patch = last.map_or(patch, |last| patch.continued((codec_of(track, last.meta), last), (codec, first)));
    gate.begin_earlier(newest.meta.index + 1, first.meta.place, thinned);
    mapping.begin_earlier(source, (first.meta, newest.meta), codec.clock_rate(), aligned);
    mapping.set_patch(patch.marked(gate.cut()), first.meta.index);
    *left_out = None;
    true
}

/// The gate moved to other layers with this packet: the picture may end elsewhere.
#[cold]
pub(super) fn moved(subscriber: &mut Subscriber, meta: &PacketMeta) {
    let patch = subscriber.mapping.patch(meta.index).marked(subscriber.gate.cut());
    subscriber.mapping.set_patch(patch, meta.index);
}

/// The subscriber does not get this packet: the numbers behind it close up, and VP8's count of pictures.
pub(super) fn leave_out(track: &Track, subscriber: &mut Subscriber, packet: Stored<'_>) {
    let Subscriber { mapping, left_out, .. } = subscriber;
    mapping.skip(packet.meta);
    if codec_of(track, packet.meta) != Codec::Vp8 {
        return;
    }
    // Of all packets of the picture, the first one counts; one that comes late does not.
    let Some(frame) = LeftOut::of(packet) else { return };
    let newer = |known: u16| (1..1 << 14).contains(&(frame.picture.wrapping_sub(known) & 0x7FFF));
    if left_out.is_none_or(newer) {
        *left_out = Some(frame.picture);
        let patch = mapping.patch(u64::MAX).without(frame);
        mapping.set_patch(patch, packet.meta.index + 1);
    }
}

/// Tells signaling what the subscription gets from here on; with its next change when the queue of events is full.
#[cold]
pub(super) fn tell(track: &Track, subscription: &mut Subscription, events: &mut VecDeque<Event>) {
    let Subscription { id, selection, subscriber, .. } = subscription;
    let Some(source) = subscriber.mapping.flowing().filter(|_| events.len() < events.capacity()) else { return };
    subscriber.gate.told();
    selection.told = true;
    let point = subscriber.gate.point();
    let row = track.rows.get(if track.rows.is_spatial() { point.spatial() } else { source.layer });
    let rates = row.rates.temporal_max().unwrap_or(0).max(track.scalability.temporal.saturating_sub(1));
    let layers = Target { layer: source.layer, spatial: point.spatial(), temporal: point.temporal().min(rates) };
    events.push_back(Event::SelectionChanged { subscription: *id, layers: Some(layers), why: selection.why });
}

fn codec_of(track: &Track, meta: &PacketMeta) -> Codec {
    track.formats[usize::from(meta.format)].codec
}

/// The newest packet of a layer's stream that is more than padding.
fn latest(layer: &Layer, generation: u32) -> Option<Stored<'_>> {
    let highest = layer.history.highest();
    let mut newest = (highest.saturating_sub(PADDING_MAX)..=highest).rev().filter_map(|index| layer.history.find(index));
    newest.find(|packet| packet.meta.generation == generation && !packet.payload().is_empty())
}

/// A packet's time in the numbers of another stream of its publisher, by what the sender reports of both say of the publisher's
/// clock.
fn aligned(track: &Track, to: Source, from: Source, packet: &PacketMeta, clock: ClockRate) -> Option<RtpTimestamp> {
    let report = |source: Source| {
        let report: Option<SourceReport> = track.layers[usize::from(source.layer)].source_report;
        report.filter(|report| report.generation == source.generation)
    };
    Some(align(&report(to)?, &report(from)?, packet.timestamp, clock))
}

fn align(to: &SourceReport, from: &SourceReport, timestamp: RtpTimestamp, clock: ClockRate) -> RtpTimestamp {
    let apart = from.ntp.0.wrapping_sub(to.ntp.0) as i64;
    let ticks = (i128::from(apart) * i128::from(clock.0) + (1 << 31)) >> 32;
    to.timestamp.plus(ticks as u32).plus(timestamp.distance(from.timestamp) as u32)
}

#[cfg(test)]
mod tests;
