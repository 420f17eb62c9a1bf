//! Datagrams, by protocol, to their transport; and what the transport makes of them, to the stage that wants it.

use super::Core;
use crate::datagram::Datagram;
use crate::drop_reason::DropReason;
use crate::feedback::Feedback;
use crate::outbox::Path;
use crate::receive;
use crate::routes::Route;
use crate::timer::Timer;
use crate::transport::ufrag;
use arrayvec::ArrayVec;
use core::net::SocketAddr;
use corelay_wire::demux::{Protocol, classify};
use corelay_wire::stun::{Class, Message};
use corelay_wire::units::Instant;

impl Core {
    pub(super) fn take_in(&mut self, now: Instant, datagram: Datagram<'_>) -> Result<(), DropReason> {
        let path = Path { remote: datagram.source, local: datagram.local };
        match classify(datagram.bytes).ok_or(DropReason::NotOurs)? {
            Protocol::Stun => self.take_stun(now, path, datagram.bytes),
            Protocol::Dtls => self.take_dtls(now, path, datagram.bytes),
            Protocol::Rtp => self.take_rtp(now, path, datagram.received, datagram.bytes),
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
        if self.is_taken(path.remote, slot, now) {
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
        let (shard, transport) = ufrag::decode(ours)?;
        if shard != self.shard {
            return None;
        }
        self.rooms.transports.slot_of(transport).ok()
    }

    /// Whether the source belongs to another transport that is alive and uses it: see [`crate::routes`]. A participant who forges
    /// the source of a check can prove its own password, and must not draw another's media away by that. What an owner used once
    /// and left, such as a relay's address, is free again when its consent has ended.
    fn is_taken(&self, source: SocketAddr, slot: u32, now: Instant) -> bool {
        let route = self.routes.find(source).filter(|route| route.slot != slot);
        route.is_some_and(|route| {
            let owner = &self.rooms.transports[route.slot];
            (route.proven || owner.connected.is_none()) && !owner.stale && owner.transport.is_valid_from(source, now)
        })
    }

    /// The transport that the source leads to, and whether that is yet to be proven.
    pub(super) fn route(&self, source: SocketAddr) -> Result<Route, DropReason> {
        self.routes.find(source).ok_or(DropReason::UnknownSource)
    }

    /// The peer used its keys: the source is its own.
    fn prove(&mut self, source: SocketAddr, route: Route) {
        if !route.proven {
            self.routes.prove(source);
        }
    }

    fn take_rtp(&mut self, now: Instant, path: Path, received: Instant, bytes: &mut [u8]) -> Result<(), DropReason> {
        let route = self.routes.find_for_media(path.remote).ok_or(DropReason::UnknownSource)?;
        let slot = route.slot;
        let opened = self.rooms.transports[slot].transport.open_rtp(now, path, bytes)?;
        self.prove(path.remote, route);
        let header = opened.header().map_err(|_| DropReason::RtpMalformed)?;
        if let Some(upstream) = &mut self.rooms.transports[slot].upstream
            && let Some(at) = upstream.arrived(&header, opened.packet(), now, received)
        {
            self.timers.schedule(Timer::Feedback(slot), at);
        }
        let Some(accepted) = receive::accept(&mut self.rooms, slot, &header, &opened, now, received)? else {
            self.notice_return(now, slot);
            return Ok(());
        };
        self.counters.packets_in += 1;
        self.counters.retransmissions_in += u64::from(accepted.again);
        if let Some(at) = accepted.missing {
            self.look_for_missing(slot, at);
        }
        if accepted.fresh {
            self.forwarder.add(accepted.track);
            self.pass_on(accepted.track);
            self.watch_rows(now, accepted.track);
        }
        self.notice_voice(now, accepted.track);
        if accepted.keyframe {
            self.trace_keyframe(now, slot, accepted.track);
        }
        if accepted.first {
            self.announce_track(now, accepted.track);
        }
        if accepted.risen {
            self.row_rose(now, accepted.track);
        }
        if accepted.restarted || accepted.damaged {
            self.want_keyframe(now, accepted.track, accepted.layer);
        }
        self.notice_return(now, slot);
        accepted.emptied.map_or(Ok(()), Err)
    }

    fn take_rtcp(&mut self, now: Instant, path: Path, bytes: &mut [u8]) -> Result<(), DropReason> {
        let route = self.route(path.remote)?;
        let slot = route.slot;
        let opened = self.rooms.transports[slot].transport.open_rtcp(now, path, bytes)?;
        self.prove(path.remote, route);
        let Self { rooms, resends, counters, wall, .. } = self;
        let mut feedback = Feedback {
            rooms,
            resends,
            counters,
            slot,
            wall: *wall,
            now,
            wanted: ArrayVec::new(),
            clock_moved: false,
            path_told: false,
        };
        let result = feedback.take_in(&opened);
        let Feedback { wanted, clock_moved, path_told, .. } = feedback;
        for track in wanted {
            self.counters.keyframe_requests_in += 1;
            self.request_keyframes(now, track);
        }
        if clock_moved {
            self.pass_clock_on(slot);
        }
        self.begin_copies(now, slot);
        if path_told {
            self.path_told(now, slot);
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
