//! What other shards tell, and what is told to them.

use super::Core;
use crate::clock::SenderClock;
use crate::control::{Cname, LAYERS_MAX, Refusal, TrackParameters};
use crate::drop_reason::DropReason;
use crate::layer::{Layer, SourceReport};
use crate::mirror::{ALL_LAYERS, Mirror, Relay};
use crate::relay::{self, ClockReport, Message, Name, Parcel, RingFull};
use crate::room::{Track, TrackOrigin};
use corelay_wire::ids::{RoomId, ShardId, TrackId};
use corelay_wire::units::Instant;

impl Core {
    /// Takes in what another shard told: head and body of its [`Parcel`], end to end.
    pub fn handle_relay(&mut self, now: Instant, from: ShardId, bytes: &[u8]) {
        self.begin_input(now);
        let message = Message::decode(bytes).map_err(|_| DropReason::RelayMalformed);
        if let Err(reason) = message.and_then(|message| self.take_message(now, from, message)) {
            self.counters.drops.count(reason);
        }
    }

    /// Tells other shards what there is to tell, in the order in which they must hear it. What `put` refuses is lost if it is a
    /// packet, and put again by the next poll if it is not. **Before `poll_transmit`**, so that other shards forward while this one
    /// does, and after it, because forwarding finds out which keyframes are lacking.
    pub fn poll_relay(&mut self, now: Instant, put: impl FnMut(Parcel<'_>) -> Result<(), RingFull>) {
        self.relays.fill(&mut self.rooms, &mut self.counters, put);
        while let Some(track) = self.relays.take_damaged() {
            self.request_keyframes(now, track);
        }
    }

    /// Whether [`Core::poll_relay`] has something to put: after a poll, that a ring had no room.
    pub fn has_relay_due(&self) -> bool {
        self.relays.is_due()
    }

    fn take_message(&mut self, now: Instant, from: ShardId, message: Message<'_>) -> Result<(), DropReason> {
        match message {
            Message::Packet { name, layer, meta, bytes } => {
                let track = self.mirror_of(from, name)?;
                let arrived = relay::accept(track, layer, meta, bytes, now)?;
                self.counters.relayed_in += 1;
                if arrived.fresh {
                    self.forwarder.add(name.mirror);
                    self.watch_rows(now, name.mirror);
                }
                if arrived.risen {
                    self.row_rose(now, name.mirror);
                }
                self.notice_voice(now, name.mirror);
                if arrived.restarted {
                    self.want_keyframe(now, name.mirror, layer);
                }
            }
            Message::Report { name, layer, report } => self.take_report(from, name, layer, report)?,
            Message::Suspend { name } => {
                self.mirror_of(from, name)?;
                self.suspend_mirror(name.mirror);
            }
            Message::Attach { name } => self.attach(now, from, name)?,
            Message::Detach { track: id } => {
                let (_, track) = self.relayed(id)?;
                track.relays.retain(|relay| relay.to != from);
                let (slot, _) = self.relayed(id)?;
                self.want_layers(now, slot);
            }
            Message::Want { track, layers } => {
                let (slot, track) = self.relayed(track)?;
                track.relays.iter_mut().filter(|relay| relay.to == from).for_each(|relay| relay.wanted = layers);
                self.want_layers(now, slot);
            }
            Message::Keyframe { track, layer } => {
                let (slot, track) = self.relayed(track)?;
                let layer = track.layers.get_mut(usize::from(layer)).ok_or(DropReason::RelayMalformed)?;
                layer.keyframes.want();
                self.request_keyframes(now, slot);
            }
            Message::Hello => {
                for slot in 0..self.limits.tracks_max {
                    if let Some(track) = self.rooms.tracks.get_mut(slot) {
                        self.relays.hello(from, slot, track);
                    }
                }
            }
        }
        Ok(())
    }

    /// The mirror that a shard means.
    fn mirror_of(&mut self, from: ShardId, name: Name) -> Result<&mut Track, DropReason> {
        let track = self.rooms.tracks.get_mut(name.mirror).filter(|track| track.id == name.track);
        let is_its = |track: &&mut Track| matches!(&track.origin, TrackOrigin::Relay(mirror) if mirror.source == from);
        track.filter(is_its).ok_or(DropReason::RelayStray)
    }

    /// The track of this shard that another means, with its slot.
    fn relayed(&mut self, id: TrackId) -> Result<(u32, &mut Track), DropReason> {
        let slot = self.rooms.tracks.slot_of(id).map_err(|_| DropReason::RelayStray)?;
        let track = &mut self.rooms.tracks[slot];
        match track.origin {
            TrackOrigin::Transport(_) => Ok((slot, track)),
            TrackOrigin::Relay(_) => Err(DropReason::RelayStray),
        }
    }

    fn attach(&mut self, now: Instant, from: ShardId, name: Name) -> Result<(), DropReason> {
        let (slot, track) = self.relayed(name.track)?;
        track.relays.retain(|relay| relay.to != from);
        let mut next = [0; LAYERS_MAX];
        for (next, layer) in next.iter_mut().zip(&track.layers) {
            *next = layer.history.fresh().end;
        }
        track.relays.push(Relay { to: from, mirror: name.mirror, next, report: true, suspend: false, wanted: ALL_LAYERS });
        self.pass_on(slot);
        self.want_layers(now, slot);
        Ok(())
    }

    fn take_report(&mut self, from: ShardId, name: Name, layer: u8, report: ClockReport) -> Result<(), DropReason> {
        let track = self.mirror_of(from, name)?;
        let ClockReport { ntp, timestamp, arrived, generation, offset } = report;
        let layer = track.layers.get_mut(usize::from(layer)).ok_or(DropReason::RelayMalformed)?;
        layer.source_report = Some(SourceReport { ntp, timestamp, arrived, generation });
        if let TrackOrigin::Relay(mirror) = &mut track.origin {
            mirror.clock = SenderClock::told(offset);
        }
        Ok(())
    }

    /// The track has something for the shards that mirror it, if any do.
    pub(super) fn pass_on(&mut self, slot: u32) {
        self.relays.pass_on(slot, &mut self.rooms.tracks[slot]);
    }

    /// The clock of the publisher on `transport` moved: for all its streams alike, or they would be told apart by it.
    pub(super) fn pass_clock_on(&mut self, transport: u32) {
        for slot in &self.rooms.transports[transport].tracks {
            let track = &mut self.rooms.tracks[*slot];
            track.relays.iter_mut().for_each(|relay| relay.report = true);
            self.relays.pass_on(*slot, track);
        }
    }

    pub(super) fn mirror(
        &mut self,
        now: Instant,
        room: RoomId,
        id: TrackId,
        mirror: (ShardId, Cname),
        parameters: &TrackParameters,
        paused: bool,
    ) -> Result<(), Refusal> {
        let (source, cname) = mirror;
        let room = self.rooms.rooms.slot_of(room)?;
        if let Ok(slot) = self.rooms.tracks.slot_of(id) {
            return match &self.rooms.tracks[slot].origin {
                TrackOrigin::Relay(known) if (known.source, known.room) == (source, room) => Ok(()),
                _ => Err(Refusal::Exists("track")),
            };
        }
        if source == self.shard {
            return Err(Refusal::Conflict("the track is published on this shard: subscribe to it without a mirror"));
        }
        Self::check_formats(parameters)?;
        let origin = TrackOrigin::Relay(Mirror::new(source, room, cname));
        let track = self.new_track(now, id, origin, parameters, paused);
        let slot = self.rooms.add_track(track)?;
        self.counters.mirrors += 1;
        self.welcome(now, slot);
        Ok(())
    }

    /// The subscriptions of a track changed: its shard is asked for packets while any of them could take one.
    pub(super) fn update_mirror(&mut self, slot: u32) {
        let track = &mut self.rooms.tracks[slot];
        if let TrackOrigin::Relay(mirror) = &mut track.origin {
            let subscriptions = &self.rooms.subscriptions;
            mirror.wanted = track.subscriptions.iter().any(|s| !subscriptions[*s].subscriber.paused);
            if !mirror.wanted {
                track.layers.iter_mut().for_each(Layer::interrupt);
            }
            self.relays.ask(slot, mirror);
        }
    }
}
