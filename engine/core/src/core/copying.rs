//! Sound leaves again on paths that lose: see [`crate::copies`].

use super::Core;
use crate::copies::EVERY;
use crate::resend::Resend;
use crate::room::Rooms;
use crate::timer::Timer;
use corelay_wire::media::Kind;
use corelay_wire::units::{Instant, PacketIndex};

/// Packets of one path at a time: two copies of five voices, and half as many more. More lets many voices draw as much as a video;
/// fewer leave the last voices of a lively room without.
const PATH_PACKETS_MAX: usize = 16;
/// Subscriptions of a path that are looked at, a line of the cache each: 20 us of each 20 ms. More costs as much again; fewer leave
/// voices out in rooms where every camera is shown.
const SUBSCRIPTIONS_MAX: usize = 128;

impl Core {
    /// The peer told something of what it lost.
    pub(super) fn begin_copies(&mut self, now: Instant, slot: u32) {
        if self.rooms.transports[slot].copies.take_beginning(now) {
            self.copy_sound(now, slot);
        }
    }

    /// What left a moment ago leaves once more.
    pub(super) fn copy_sound(&mut self, now: Instant, slot: u32) {
        let Self { rooms, resends, timers, .. } = self;
        let entry = &mut rooms.transports[slot];
        let count = entry.copies.count(now);
        entry.copies.running = false;
        if count == 0 {
            return;
        }
        let is_full = rooms.congestions.get(slot).is_some_and(|congestion| congestion.is_full(now));
        let voices = due(rooms, slot, if is_full { 0 } else { count }, now, |resend| resends.copy(resend));
        if voices > 0 {
            rooms.transports[slot].copies.running = true;
            timers.schedule(Timer::Copies(slot), now + EVERY);
        }
    }
}

/// Gives to `repeat` what of the transport in `slot` is to leave once more. Gives how many voices there are.
fn due(rooms: &mut Rooms, slot: u32, count: usize, now: Instant, mut repeat: impl FnMut(Resend)) -> usize {
    let Rooms { transports, tracks, subscriptions, .. } = rooms;
    let (mut room, mut voices) = (PATH_PACKETS_MAX, 0);
    for at in transports[slot].subscriptions.iter().take(SUBSCRIPTIONS_MAX) {
        let known = &mut subscriptions[*at];
        let track = &tracks[known.track];
        let subscriber = &mut known.subscriber;
        if track.kind != Kind::Audio || track.paused || subscriber.paused || !subscriber.has_sent() {
            continue;
        }
        let Some(retransmission) = subscriber.retransmission.as_deref_mut() else { continue };
        let mapping = &subscriber.mapping;
        voices += 1;
        let steps = retransmission.copied.step(now, mapping.highest().0);
        for index in steps.into_iter().take(count).flatten() {
            let located = mapping.locate(PacketIndex(index).sequence()).filter(|l| l.outgoing.0 == index && !l.skipped);
            // Of what is missing here as well there is no copy.
            let is_here = located.is_some_and(|l| track.layers[usize::from(l.layer)].history.find(l.index).is_some());
            if is_here && room > 0 {
                room -= 1;
                repeat(Resend { subscription: *at, id: known.id, outgoing: PacketIndex(index) });
            }
        }
    }
    voices
}
