//! RTCP that the server says by itself: sender reports to subscribers, receiver reports, keyframe requests and requests for lost packets
//! and feedback on what arrived to publishers, BYE. All that one transport is due at a time goes into as few compound packets as it takes.

mod compose;

use crate::clock::WallClock;
use crate::departures::{Departures, Progress};
use crate::outbox::PACKET_BYTES_MAX;
use crate::room::Rooms;
use compose::Composer;

/// The transports that have RTCP to send.
#[derive(Debug)]
pub(crate) struct ControlSender {
    due: Vec<u32>,
}

impl ControlSender {
    pub(crate) fn new(transports_max: u32) -> Self {
        Self { due: Vec::with_capacity(transports_max as usize) }
    }

    /// The reports of a transport's tracks and subscriptions are due.
    pub(crate) fn report(&mut self, rooms: &mut Rooms, transport: u32) {
        rooms.transports[transport].control.report();
        self.list(rooms, transport);
    }

    /// A keyframe request to a transport is due.
    pub(crate) fn request_keyframes(&mut self, rooms: &mut Rooms, transport: u32) {
        rooms.transports[transport].control.keyframes = true;
        self.list(rooms, transport);
    }

    /// Requests for packets that are missing of a transport's tracks are due.
    pub(crate) fn ask_for_missing(&mut self, rooms: &mut Rooms, transport: u32) {
        rooms.transports[transport].control.missing = true;
        self.list(rooms, transport);
    }

    /// Feedback to a publisher's transport on what arrived is due.
    pub(crate) fn feed_back(&mut self, rooms: &mut Rooms, transport: u32) {
        rooms.transports[transport].control.feedback = true;
        self.list(rooms, transport);
    }

    /// A subscription ended: its SSRC says goodbye.
    pub(crate) fn say_goodbye(&mut self, rooms: &mut Rooms, transport: u32, ssrc: corelay_wire::units::Ssrc) {
        rooms.transports[transport].control.say_goodbye(ssrc);
        self.list(rooms, transport);
    }

    /// Whether any transport has.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// A transport ended.
    pub(crate) fn forget(&mut self, transport: u32) {
        self.due.retain(|t| *t != transport);
    }

    /// Seals what the outbox takes.
    pub(crate) fn fill(&mut self, rooms: &mut Rooms, wall: WallClock, departures: &mut Departures<'_>) -> Progress {
        while let Some(slot) = self.due.last().copied() {
            while rooms.transports[slot].control.is_due() {
                if !departures.outbox.has_room(PACKET_BYTES_MAX) {
                    return Progress::Full;
                }
                send_one(rooms, slot, wall, departures);
            }
            rooms.transports[slot].control.listed = false;
            self.due.pop();
        }
        Progress::Done
    }

    fn list(&mut self, rooms: &mut Rooms, transport: u32) {
        let listed = &mut rooms.transports[transport].control.listed;
        if !core::mem::replace(listed, true) {
            self.due.push(transport);
        }
    }
}

/// Composes and seals the transport's next compound packet.
fn send_one(rooms: &mut Rooms, slot: u32, wall: WallClock, departures: &mut Departures<'_>) {
    let mut buffer = [0; compose::COMPOUND_BYTES_MAX];
    let len = Composer { rooms, slot, wall, now: departures.now, counters: departures.counters }.compose(&mut buffer);
    let entry = &mut rooms.transports[slot];
    let (Some(path), true) = (entry.transport.path(), len > 0 && entry.connected.is_some()) else { return };
    departures.outbox.push(path, PACKET_BYTES_MAX, |dst| entry.transport.seal_rtcp(&buffer[..len], dst));
}
