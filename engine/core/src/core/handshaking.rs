//! DTLS on its way to its transport: at once for whoever is connected, in line for handshakes.

use super::Core;
use crate::drop_reason::DropReason;
use crate::handshakes::Parked;
use crate::outbox::Path;
use corelay_wire::units::Instant;

impl Core {
    pub(super) fn take_dtls(&mut self, now: Instant, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        let slot = self.route(path.remote)?.slot;
        let entry = &mut self.rooms.transports[slot];
        if entry.connected.is_none() {
            return self.handshakes.keep(now, slot, &mut entry.handshakes, path, bytes);
        }
        self.handshakes.admit(&mut entry.handshakes)?;
        self.pass_dtls(now, slot, path, bytes)
    }

    /// Works off the line of handshakes, as much of it as a turn may take.
    pub(super) fn work_off_handshakes(&mut self, now: Instant) {
        while let Some(slot) = self.handshakes.next() {
            let entry = &mut self.rooms.transports[slot];
            match self.handshakes.take(slot, &mut entry.handshakes) {
                Some(Parked { path, bytes }) => {
                    if let Err(reason) = self.pass_dtls(now, slot, path, &bytes) {
                        self.counters.drops.count(reason);
                    }
                }
                None => self.advance_transport(now, slot),
            }
        }
    }

    /// Completes the handshake, perhaps: then the source is the peer's own.
    fn pass_dtls(&mut self, now: Instant, slot: u32, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        let entry = &mut self.rooms.transports[slot];
        let connected = entry.connected.is_some();
        let result = entry.transport.handle_dtls(now, path, bytes, &mut self.outbox);
        if entry.transport.holds_early() {
            self.early_at = Some(now);
        }
        self.after_transport(now, slot);
        let leads_here = self.route(path.remote).is_ok_and(|route| route.slot == slot);
        if !connected && leads_here && self.rooms.transports[slot].connected.is_some() {
            self.routes.prove(path.remote);
        }
        result
    }

    /// A transport's timer is due. A handshake that would begin with datagrams that came early stands in line with the others: a burst
    /// of `connect` commands must not make a burst of signatures.
    pub(super) fn wake_transport(&mut self, now: Instant, slot: u32) {
        let entry = &mut self.rooms.transports[slot];
        if entry.transport.begins_with_early() {
            self.handshakes.stand_in_line(now, slot, &mut entry.handshakes);
        } else {
            self.advance_transport(now, slot);
        }
    }

    fn advance_transport(&mut self, now: Instant, slot: u32) {
        self.rooms.transports[slot].transport.handle_timeout(now, &mut self.outbox);
        self.after_transport(now, slot);
    }
}
