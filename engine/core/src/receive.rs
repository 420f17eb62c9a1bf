//! From an opened packet to a packet of a track: whose it is, where in its layer it belongs, what it counts for, and into the
//! history. One that the publisher sent again because it was missed goes where it belongs as if it had come late.
//!
//! Padding-only packets, with which browsers probe for bandwidth, are kept: they leave as a packet of one byte of padding, so that
//! the subscriber's sequence has no hole and the probe does not cost its link anything.

use crate::drop_reason::DropReason;
use crate::history::{PacketMeta, Stored};
use crate::layer::{Arrival, NackTiming};
use crate::place::Place;
use crate::room::{Noted, Rooms, Track};
use crate::streams::{Role, Stream};
use crate::transport::Opened;
use core::ops::Range;
use core::time::Duration;
use corelay_wire::codec::{self, vp8};
use corelay_wire::media::{Codec, Extension, Kind};
use corelay_wire::rtp::{ExtensionSpans, Retransmission, RtpHeader, read_stream_id};
use corelay_wire::units::{Instant, Ssrc};

/// How much later than a stream's last packet one of the stream before may arrive. With less, a packet that was held up would take
/// the place of a stream that pauses; with more, a stream that one stray packet displaced stays away longer.
const LATE: Duration = Duration::from_secs(1);
/// A stream from which nothing came for so long may have been away. Shorter takes bursts of loss for that, of which repairs are still of
/// use; longer asks for what nobody waits for any more.
const AWAY: Duration = Duration::from_millis(500);

/// What an accepted packet means for the rest of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) track: u32,
    /// The first packet of the track.
    pub(crate) first: bool,
    /// The publisher began another stream: video subscribers wait for its keyframe.
    pub(crate) restarted: bool,
    /// The first of this turn: the track joins the list of those with work.
    pub(crate) fresh: bool,
    /// It was sent again, because it was asked for.
    pub(crate) again: bool,
    /// Packets before it are missing: they are asked for at this time.
    pub(crate) missing: Option<Instant>,
    /// More packets before it are missing than are asked for.
    pub(crate) damaged: bool,
    /// It was kept for its place in the sequence only.
    pub(crate) emptied: Option<DropReason>,
    pub(crate) layer: u8,
    /// A row of the track is being sent that was not before.
    pub(crate) risen: bool,
    /// It begins a picture that needs no other.
    pub(crate) keyframe: bool,
}

/// When a packet came.
#[derive(Clone, Copy)]
struct Came {
    now: Instant,
    received: Instant,
}

/// Puts a packet that arrived on the transport in `slot` into its track's history; `header` is the packet's. `None`: it was
/// padding, which is for nobody.
pub(crate) fn accept(
    rooms: &mut Rooms,
    slot: u32,
    header: &RtpHeader,
    opened: &Opened<'_>,
    now: Instant,
    received: Instant,
) -> Result<Option<Accepted>, DropReason> {
    let packet = opened.packet();
    let (stream, restarted) = find_stream(rooms, slot, header, packet, now)?;
    let Rooms { tracks, transports, .. } = rooms;
    let (track, timing) = (&mut tracks[stream.track], &mut transports[slot].nacks);
    let came = Came { now, received };
    let mut accepted = Accepted {
        track: stream.track,
        first: !track.started,
        restarted,
        fresh: !track.dirty,
        again: stream.role == Role::Retransmission,
        missing: None,
        damaged: false,
        emptied: None,
        keyframe: false,
        layer: stream.layer,
        risen: false,
    };
    match accepted.again {
        true => match restore(track, stream, header, packet, came, timing)? {
            Some(risen) => accepted.risen = risen,
            None => return Ok(None),
        },
        false => keep(track, stream, header, packet, came, timing, &mut accepted)?,
    }
    let Noted { held, keyframe } = track.note(stream.layer.into(), accepted.again, now);
    accepted.keyframe = keyframe;
    accepted.fresh &= !held;
    track.started = true;
    track.dirty |= !held;
    Ok(Some(accepted))
}

/// Counts the packet, and keeps it unless the track is paused or has seen it before.
fn keep(
    track: &mut Track,
    stream: Stream,
    header: &RtpHeader,
    packet: &[u8],
    Came { now, received }: Came,
    timing: &mut NackTiming,
    accepted: &mut Accepted,
) -> Result<(), DropReason> {
    if track.formats.iter().any(|f| f.rtx == Some(header.payload_type)) {
        return Err(DropReason::Unasked);
    }
    let mut payload = header.payload_range(packet.len());
    let format = track.formats.iter().position(|f| f.payload_type == header.payload_type);
    if format.is_none() {
        // Forward error correction, say: nobody gets it, but its number is of the stream's sequence.
        accepted.emptied = Some(DropReason::UnknownPayloadType);
        payload.end = payload.start;
    }
    let format = format.unwrap_or_default();
    let clock = track.formats[format].codec.clock_rate();
    let layer = &mut track.layers[usize::from(stream.layer)];
    let index = layer.extend(header.sequence);
    layer.statistics.count(index, header.timestamp, now, clock);
    layer.check_report(header.timestamp, now, clock);
    let before = layer.last_packet.replace(now);
    if before.is_some_and(|before| now.since(before) >= AWAY) {
        accepted.damaged = layer.missing.ends_absence(index);
    }
    if track.paused {
        layer.missing.restart();
        return Err(DropReason::TrackPaused);
    }
    layer.history.judge(index)?;
    match layer.missing.arrived(index, now, timing) {
        Arrival::Expected => {}
        Arrival::Gap(at) => accepted.missing = Some(at),
        Arrival::TooMuch => accepted.damaged = true,
    }
    let begins = layer.statistics.received() == 1;
    let arrival = Slot { index, format, came: Came { now, received } };
    accepted.risen = insert(track, stream, header, packet, payload, arrival);
    let layer = &mut track.layers[usize::from(stream.layer)];
    let is_amid = |stored: Stored<'_>| !(stored.payload().is_empty() || stored.meta.keyframe || stored.meta.place.starts_picture());
    if begins && track.kind == Kind::Video && layer.history.find(index).is_some_and(is_amid) {
        accepted.missing = layer.missing.begins_amid(index, now);
    }
    Ok(())
}

/// Takes in a packet that was sent again (RFC 4588), under the number that it had, and tells what [`insert`] tells. `None`: it is
/// nothing but padding.
fn restore(
    track: &mut Track,
    stream: Stream,
    header: &RtpHeader,
    packet: &[u8],
    came: Came,
    timing: &mut NackTiming,
) -> Result<Option<bool>, DropReason> {
    let mut payload = header.payload_range(packet.len());
    let Some(Retransmission { original_sequence, .. }) = packet.get(payload.clone()).and_then(Retransmission::read) else {
        return Ok(None);
    };
    payload.start += Retransmission::HEAD_LEN;
    let format = track.formats.iter().position(|f| f.rtx == Some(header.payload_type));
    let format = format.ok_or(DropReason::UnknownPayloadType)?;
    let layer = &mut track.layers[usize::from(stream.layer)];
    // Only what is missing: a number of the stream before this one means another packet.
    let index = layer.index_of(original_sequence).ok_or(DropReason::Unasked)?;
    if track.paused || !layer.missing.answered(index, came.now, timing) {
        return Err(DropReason::Unasked);
    }
    layer.history.judge(index)?;
    Ok(Some(insert(track, stream, header, packet, payload, Slot { index, format, came })))
}

/// Where a packet belongs.
#[derive(Clone, Copy)]
struct Slot {
    index: u64,
    format: usize,
    came: Came,
}

/// Puts a packet that was judged good into the history. Tells whether its row is being sent that was not before.
fn insert(
    track: &mut Track,
    stream: Stream,
    header: &RtpHeader,
    packet: &[u8],
    payload: Range<usize>,
    Slot { index, format, came }: Slot,
) -> bool {
    let codec = track.formats[format].codec;
    let layer = &mut track.layers[usize::from(stream.layer)];
    let bytes = &packet[..payload.end];
    let described = match track.kind {
        Kind::Video if !payload.is_empty() => codec::describe(codec, &packet[payload.clone()]),
        _ => None,
    };
    let keyframe = track.kind == Kind::Audio || described.is_some_and(|d| d.keyframe);
    let extensions = ExtensionSpans::read(header, packet, &track.extensions);
    let picture = (index > layer.history.highest()).then_some(header.timestamp);
    if picture.is_none() {
        layer.note_late(index, came.now);
    }
    let descriptor = match codec {
        Codec::Av1 | Codec::H264 => extensions.find(packet, Extension::DependencyDescriptor),
        _ => None,
    };
    let by_descriptor = descriptor.and_then(|data| layer.placing.by_descriptor(data, picture));
    let by_payload = || described.map(|d| layer.placing.by_payload(&d, picture));
    let place = by_descriptor.or_else(by_payload).unwrap_or(Place::WHOLE);
    if keyframe {
        layer.keyframes.satisfy();
        layer.missing.keyframe(index);
    }
    let meta = PacketMeta {
        index,
        arrived: came.now,
        received: came.received,
        timestamp: header.timestamp,
        generation: layer.generation,
        extensions,
        payload_offset: payload.start as u16,
        format: format as u8,
        marker: header.marker,
        keyframe,
        place,
    };
    let kept = layer.history.insert(meta, bytes);
    if codec == Codec::Vp8 {
        vp8::flatten(kept);
    }
    described.is_some() && track.rows.note(stream.layer, place, payload.len(), came.now)
}

/// The stream of an SSRC; one not seen yet is found by mid and rid (RFC 8843 section 9.2) and remembered. Tells whether it takes
/// the place of another stream of its layer.
fn find_stream(
    rooms: &mut Rooms,
    slot: u32,
    header: &RtpHeader,
    packet: &[u8],
    now: Instant,
) -> Result<(Stream, bool), DropReason> {
    let stream = match rooms.transports[slot].streams.find(header.ssrc) {
        Some(stream) if stream.role == Role::Former => returning(rooms, stream, header, now)?,
        Some(stream) => stream,
        None => name_stream(rooms, slot, header, packet)?,
    };
    let restarted = stream.role == Role::Media && take_place(rooms, slot, stream, header.ssrc);
    Ok((stream, restarted))
}

/// A former stream goes on when the one that took its place has fallen silent: that one was a mistake, or is over.
fn returning(rooms: &Rooms, stream: Stream, header: &RtpHeader, now: Instant) -> Result<Stream, DropReason> {
    let track = &rooms.tracks[stream.track];
    let last = track.layers[usize::from(stream.layer)].last_packet;
    let silent = last.is_none_or(|last| now.since(last) > LATE);
    match silent && track.formats.iter().any(|f| f.payload_type == header.payload_type) {
        true => Ok(Stream { role: Role::Media, ..stream }),
        false => Err(DropReason::TooLate),
    }
}

/// Remembers a stream that was not seen yet. One packet of a payload type that the track has not is no reason to end what it has.
fn name_stream(rooms: &mut Rooms, slot: u32, header: &RtpHeader, packet: &[u8]) -> Result<Stream, DropReason> {
    let tracks = &rooms.transports[slot].tracks;
    let named = tracks.iter().find_map(|t| named_stream(*t, &rooms.tracks[*t], header, packet));
    let stream = named.ok_or(DropReason::UnknownStream)?;
    let formats = &rooms.tracks[stream.track].formats;
    if stream.role == Role::Media && !formats.iter().any(|f| f.payload_type == header.payload_type) {
        return Err(DropReason::UnknownPayloadType);
    }
    match rooms.transports[slot].streams.insert(header.ssrc, stream) {
        true => Ok(stream),
        false => Err(DropReason::UnknownStream),
    }
}

/// The layer's stream is `ssrc` from here on. Tells whether it was another.
fn take_place(rooms: &mut Rooms, slot: u32, stream: Stream, ssrc: Ssrc) -> bool {
    let layer = &mut rooms.tracks[stream.track].layers[usize::from(stream.layer)];
    if layer.ssrc == Some(ssrc) {
        return false;
    }
    let Some(former) = layer.ssrc.replace(ssrc) else { return false };
    layer.restart();
    let streams = &mut rooms.transports[slot].streams;
    streams.set_role(former, Role::Former);
    streams.set_role(ssrc, Role::Media);
    true
}

/// The stream that mid and rid of the packet name, if `track` has it.
fn named_stream(slot: u32, track: &Track, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
    let name = |extension| header.extension(packet, track.extensions.id(extension)?).and_then(read_stream_id);
    let mid = name(Extension::Mid)?;
    if track.mid != Some(mid) {
        return None;
    }
    let rtx = track.formats.iter().any(|f| f.rtx == Some(header.payload_type));
    let (rid, role) = match (name(Extension::RepairedRid), name(Extension::Rid)) {
        (Some(rid), _) => (Some(rid), Role::Retransmission),
        (None, rid) if rtx => (rid, Role::Retransmission),
        (None, rid) => (rid, Role::Media),
    };
    let layer = match rid {
        Some(rid) if track.layers.len() > 1 => track.layers.iter().position(|l| l.rid == Some(rid))?,
        None if track.layers.len() > 1 => return None,
        _ => 0,
    };
    Some(Stream { track: slot, layer: layer as u8, role })
}
