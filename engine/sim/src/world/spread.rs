//! A world of several shards, and what signaling does to keep a room together that spreads over them.

use super::{PeerId, World};
use crate::received::Received;
use crate::shards::Shards;
use corelay_core::Core;
use corelay_core::control::{Cname, Command, Refusal, Reply};
use corelay_core::counters::Counters;
use corelay_core::drop_reason::DropReason;
use corelay_core::limits::Limits;
use corelay_wire::ids::{RequestId, TrackId};

impl World {
    /// A world with one empty room on each of `shards` shards.
    pub fn with_shards(seed: u64, shards: u16) -> Self {
        let limits = Limits { transports_max: 256, tracks_max: 128, subscriptions_max: 512, shards, ..Limits::default() };
        Self::with_limits(seed, limits)
    }

    /// The core of a shard.
    pub fn core_of(&mut self, shard: usize) -> &mut Core {
        self.shards.pick(&mut self.core, shard)
    }

    /// What a shard counted.
    pub fn counters(&self, shard: usize) -> &Counters {
        self.cores().nth(shard).expect("a shard of the world").counters()
    }

    /// Drops of one reason on a shard.
    pub fn drops_of(&self, shard: usize, reason: DropReason) -> u64 {
        self.counters(shard).drops.total(reason)
    }

    pub(crate) fn cores(&self) -> impl Iterator<Item = &Core> {
        core::iter::once(&self.core).chain(&self.shards.more)
    }

    pub(crate) fn cores_mut(&mut self) -> impl Iterator<Item = &mut Core> {
        core::iter::once(&mut self.core).chain(&mut self.shards.more)
    }

    /// Mirrors the track on `shard`, if it is another's and not mirrored there yet.
    pub(crate) fn mirror(&mut self, shard: usize, track: TrackId) {
        let published = &self.shards.tracks[&track];
        let home = self.shards.home(published.by);
        if home == shard || !self.shards.mirrors.insert((track, shard)) {
            return;
        }
        let reply = self.ask_mirror(shard, track);
        assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
    }

    /// Asks a shard for a mirror, whether it has one or not.
    pub fn ask_mirror(&mut self, shard: usize, track: TrackId) -> Option<Result<Reply, Refusal>> {
        let request = RequestId(self.id());
        let published = &self.shards.tracks[&track];
        let cname = Cname::from(&format!("cname-{}", published.by)).expect("short");
        let (parameters, paused) = (Box::new(published.parameters.clone()), published.paused);
        let (room, source) = (self.room(), self.shards.id(self.shards.home(published.by)));
        self.command_to(shard, Command::Mirror { request, room, track, source, cname, parameters, paused })
    }

    /// Tells the track's shard and all that mirror it, those first that come first by number.
    fn tell_all(&mut self, track: TrackId, command: &Command) {
        let home = self.shards.home(self.shards.tracks[&track].by);
        for shard in 0..=self.shards.more.len() {
            if shard == home || self.shards.mirrors.contains(&(track, shard)) {
                self.command_to(shard, command.clone());
            }
        }
    }

    /// Pauses or resumes a track wherever it is.
    pub fn pause_track(&mut self, track: TrackId, paused: bool) {
        self.tell_all(track, &Command::PauseTrack { track, paused });
        if let Some(published) = self.shards.tracks.get_mut(&track) {
            published.paused = paused;
        }
    }

    /// Ends a track wherever it is.
    pub fn close_track(&mut self, track: TrackId) {
        self.tell_all(track, &Command::CloseTrack { track });
        self.shards.tracks.remove(&track);
        self.shards.mirrors.retain(|(mirrored, _)| *mirrored != track);
    }

    /// A shard panics and begins another life: what it knew is gone. As signaling does, whoever was there is dismissed, and what they
    /// published ends elsewhere.
    pub fn restart_shard(&mut self, shard: usize, seed: u8) {
        self.restart_core(shard, seed);
        let homes = &self.shards.homes;
        let lost: Vec<TrackId> = self.shards.tracks.iter().filter(|(_, t)| homes[t.by] == shard).map(|(id, _)| *id).collect();
        for track in lost {
            self.close_track(track);
        }
    }

    /// The same before signaling has dismissed anyone.
    pub fn restart_core(&mut self, shard: usize, seed: u8) {
        let (id, room) = (self.shards.id(shard), self.room());
        self.shards.rings.drain(id);
        *self.core_of(shard) = self.shards.core(shard, [seed; 32]);
        self.shards.mirrors.retain(|(_, on)| *on != shard);
        for peer in (0..self.peers.len()).filter(|peer| self.shards.homes[*peer] == shard) {
            self.peers[peer].asleep = true;
        }
        self.command_to(shard, Command::OpenRoom { room });
    }

    /// The track that carries the source with this tag.
    pub fn track_of(&self, tag: u32) -> TrackId {
        let mid = self.peers.iter().flat_map(|p| &p.sources).find(|s| s.tag == tag).map(|s| s.mid);
        let (id, _) = self.shards.tracks.iter().find(|(_, t)| t.parameters.mid == mid).expect("published and not closed");
        *id
    }

    /// Takes what the cores have for each other.
    pub(crate) fn relay(&mut self) {
        if self.shards.more.is_empty() {
            return;
        }
        let now = self.now();
        for shard in 0..=self.shards.more.len() {
            let from = self.shards.id(shard);
            let Shards { rings, more, .. } = &mut self.shards;
            let core = shard.checked_sub(1).map_or(&mut self.core, |other| &mut more[other]);
            core.poll_relay(now, |parcel| rings.put(now, from, &parcel));
        }
    }

    /// What `peer` received of `tag` has no hole, no repeat, and is not nothing.
    pub fn assert_whole(&self, peer: PeerId, tag: u32, least: usize) -> &Received {
        let stream = self.received(peer, tag);
        assert!(stream.arrivals.len() >= least, "{peer:?} has {} packets of {tag}", stream.arrivals.len());
        assert_eq!(stream.gaps(), 0, "{peer:?} misses packets of {tag}");
        stream.assert_no_repeats();
        let numbers: Vec<u32> = stream.arrivals.iter().map(|a| a.number).collect();
        assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "{peer:?} has {tag} out of order");
        stream
    }

    /// Reads nothing on a shard's rings from here on, or goes on reading.
    pub fn stall(&mut self, shard: usize, stalled: bool) {
        let id = self.shards.id(shard);
        self.shards.rings.stalled.retain(|s| *s != id);
        if stalled {
            self.shards.rings.stalled.push(id);
        }
    }
}
