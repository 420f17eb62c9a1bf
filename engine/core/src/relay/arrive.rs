//! From a relayed packet to a packet of the mirror: what `accept` does for a packet from the network, as far as it was not done
//! there.

use crate::drop_reason::DropReason;
use crate::history::PacketMeta;
use crate::room::Track;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

/// What a relayed packet means for the rest of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// The publisher began another stream: video subscribers wait for its keyframe.
    pub(crate) restarted: bool,
    /// The first of this turn: the track joins the list of those with work.
    pub(crate) fresh: bool,
    /// A row of the track crosses that did not before.
    pub(crate) risen: bool,
}

/// Puts a relayed packet into the mirror's history.
pub(crate) fn accept(track: &mut Track, number: u8, meta: PacketMeta, bytes: &[u8], now: Instant) -> Result<Arrived, DropReason> {
    let format = track.formats.get(usize::from(meta.format)).ok_or(DropReason::RelayMalformed)?;
    let place = usize::from(number);
    let layer = track.layers.get_mut(place).ok_or(DropReason::RelayMalformed)?;
    layer.last_packet = Some(now);
    if track.paused {
        return Err(DropReason::TrackPaused);
    }
    layer.history.judge(meta.index)?;
    let restarted = track.started && layer.generation != meta.generation;
    layer.generation = meta.generation;
    if layer.source_report.is_some_and(|report| report.generation != meta.generation) {
        layer.source_report = None;
    }
    // By the time at which it arrived where the report did.
    layer.check_report(meta.timestamp, meta.arrived, format.codec.clock_rate());
    if meta.keyframe {
        layer.keyframes.satisfy();
    }
    layer.placing.told(meta.place);
    if meta.index < layer.history.highest() {
        // By the time at which it arrived where it was lost.
        layer.note_late(meta.index, meta.arrived);
    }
    layer.history.insert(meta, bytes);
    track.started = true;
    let carries = track.kind == Kind::Video && bytes.len() > usize::from(meta.payload_offset);
    let risen = carries && track.rows.note(number, meta.place, bytes.len() - usize::from(meta.payload_offset), now);
    let held = track.note(place, false, now).held;
    let fresh = !(held || track.dirty);
    track.dirty |= !held;
    Ok(Arrived { restarted, risen, fresh })
}
