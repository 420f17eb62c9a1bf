//! Datagrams, by protocol, to their transport; and what the transport makes of them, to the stage that wants it.

use super::Core;
use crate::datagram::Datagram;
use crate::drop_reason::DropReason;
use crate::feedback::Feedback;
use crate::outbox::Path;
use crate::receive;
use crate::transport::ufrag;
use arrayvec::ArrayVec;
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::stun::{Class, Message};
use corelay_wire::units::Instant;

impl Core {
    pub(super) fn take_in(&mut self, now: Instant, datagram: Datagram<'_>) -> Result<(), DropReason> {
        let path = Path { remote: datagram.source, local: datagram.local };
        match classify(datagram.bytes).ok_or(DropReason::NotOurs)? {
            Protocol::Stun => self.take_stun(now, path, datagram.bytes),
            Protocol::Dtls => self.take_dtls(now, path, datagram.bytes),
            Protocol::Rtp => self.take_rtp(now, path, datagram.bytes),
            Protocol::Rtcp => self.take_rtcp(now, path, datagram.bytes),
        }
    }

    /// A check names its transport by the ufrag before the colon (RFC 8445 section 7.2.2). Its source leads to the transport once
    /// it proved to know the password.
    fn take_stun(&mut self, now: Instant, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        let message = Message::parse(bytes).map_err(|_| DropReason::StunMalformed)?;
        if message.class != Class::Request {
            return Err(DropReason::StunUnexpected);
        }
        let slot = message.username.and_then(|name| self.slot_of_ufrag(name)).ok_or(DropReason::StunUnknownUfrag)?;
        if self.is_taken(path, slot) {
            return Err(DropReason::SourceTaken);
        }
        let result = self.rooms.transports[slot].transport.handle_stun(now, path, bytes, &mut self.outbox);
        if result.is_ok() && self.rooms.transports[slot].transport.is_valid(path, now) {
            self.routes.enter(path.remote, slot, &mut self.rooms);
        }
        self.after_transport(now, slot);
        result
    }

    fn slot_of_ufrag(&self, username: &str) -> Option<u32> {
        let (ours, _) = username.split_once(':')?;
        let (shard, slot, epoch) = ufrag::decode(ours)?;
        let known = shard == self.shard && self.rooms.transports.get_of_epoch(slot, epoch).is_some();
        known.then_some(slot)
    }

    /// Whether the source belongs to another transport that is alive. A participant who forges the source of a check can prove its
    /// own password, and must not draw another's media away by that.
    fn is_taken(&self, path: Path, slot: u32) -> bool {
        let owner = self.routes.find(path.remote).filter(|owner| *owner != slot);
        owner.is_some_and(|owner| {
            let owner = &self.rooms.transports[owner];
            owner.connected.is_some() && !owner.stale
        })
    }

    fn take_dtls(&mut self, now: Instant, path: Path, bytes: &[u8]) -> Result<(), DropReason> {
        let slot = self.routes.find(path.remote).ok_or(DropReason::UnknownSource)?;
        // Only a handshake costs signatures: the goodbyes of a whole room arrive in one turn and are cheap.
        if self.rooms.transports[slot].connected.is_none() {
            self.handshakes_left = self.handshakes_left.checked_sub(1).ok_or(DropReason::DtlsBusy)?;
        }
        let result = self.rooms.transports[slot].transport.handle_dtls(now, path, bytes, &mut self.outbox);
        self.after_transport(now, slot);
        result
    }

    fn take_rtp(&mut self, now: Instant, path: Path, bytes: &mut [u8]) -> Result<(), DropReason> {
        let slot = self.routes.find(path.remote).ok_or(DropReason::UnknownSource)?;
        let opened = self.rooms.transports[slot].transport.open_rtp(now, path, bytes)?;
        let accepted = receive::accept(&mut self.rooms, slot, &opened, now)?;
        self.counters.packets_in += 1;
        if accepted.fresh {
            self.forwarder.add(accepted.track);
        }
        if accepted.first {
            self.announce_track(now, accepted.track);
        }
        if accepted.restarted {
            self.want_keyframe(now, accepted.track);
        }
        self.notice_return(now, slot);
        Ok(())
    }

    fn take_rtcp(&mut self, now: Instant, path: Path, bytes: &mut [u8]) -> Result<(), DropReason> {
        let slot = self.routes.find(path.remote).ok_or(DropReason::UnknownSource)?;
        let opened = self.rooms.transports[slot].transport.open_rtcp(now, path, bytes)?;
        let mut feedback = Feedback { rooms: &mut self.rooms, slot, wall: self.wall, now, wanted: ArrayVec::new() };
        let result = feedback.take_in(&opened);
        for track in feedback.wanted {
            self.counters.keyframe_requests_in += 1;
            self.request_keyframes(now, track);
        }
        self.notice_return(now, slot);
        result
    }

    /// Any authentic packet ends silence; the state is asked for only when that matters.
    fn notice_return(&mut self, now: Instant, slot: u32) {
        if self.rooms.transports[slot].stale {
            self.after_transport(now, slot);
        }
    }
}
