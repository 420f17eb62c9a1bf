//! Sound leaves again on paths that lose: see [`crate::copies`].

use super::Core;
use crate::copies::{EVERY, due};
use crate::timer::Timer;
use corelay_wire::units::Instant;

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
