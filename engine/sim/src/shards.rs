//! A node of several shards: a core for each, rings between them, and what signaling does to keep a room together that spreads over
//! them.

use crate::received::Received;
use crate::rings::Rings;
use crate::world::{PeerId, SERVER, WALL_ORIGIN, World};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use corelay_core::control::{Cname, Command, TrackParameters};
use corelay_core::counters::Counters;
use corelay_core::drop_reason::DropReason;
use corelay_core::limits::Limits;
use corelay_core::transport::{DtlsSetup, DtlsVersions};
use corelay_core::{Core, CoreConfig};
use corelay_wire::ids::{RequestId, ShardId, TrackId};
use std::collections::{BTreeMap, BTreeSet};

/// The shards but the first, which is the world's own, and who is where.
#[derive(Debug)]
pub struct Shards {
    /// The rings between them.
    pub rings: Rings,
    more: Vec<Core>,
    /// The shard of each peer.
    homes: Vec<usize>,
    tracks: BTreeMap<TrackId, Published>,
    /// Which shards have a mirror of what.
    mirrors: BTreeSet<(TrackId, usize)>,
    limits: Limits,
    dtls: DtlsSetup,
}

/// What signaling knows of a track.
#[derive(Debug)]
struct Published {
    by: PeerId,
    parameters: TrackParameters,
    paused: bool,
}

impl Shards {
    /// The cores of all shards: the first, and the others. `entropy` gives each a seed of its own.
    pub(crate) fn new(limits: Limits, dtls: DtlsSetup, mut entropy: impl FnMut() -> [u8; 32]) -> (Core, Self) {
        let shards = usize::from(limits.shards);
        let rings = Rings::new([0; 32]);
        let (homes, tracks, mirrors) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let mut shards_of = Self { rings, more: Vec::new(), homes, tracks, mirrors, limits, dtls };
        let first = shards_of.core(0, entropy());
        shards_of.more = (1..shards).map(|shard| shards_of.core(shard, entropy())).collect();
        if shards > 1 {
            shards_of.rings = Rings::new(entropy());
        }
        (first, shards_of)
    }

    /// A core in its first moment.
    fn core(&self, shard: usize, seed: [u8; 32]) -> Core {
        let config = CoreConfig { shard: self.id(shard), dtls_versions: DtlsVersions::V12, limits: self.limits.clone() };
        Core::with_dtls(config, seed, WALL_ORIGIN, self.dtls.clone())
    }

    /// The core of a shard; `first` is the world's own.
    pub(crate) fn pick<'a>(&'a mut self, first: &'a mut Core, shard: usize) -> &'a mut Core {
        match shard.checked_sub(1) {
            None => first,
            Some(other) => &mut self.more[other],
        }
    }

    /// The id of a shard. A shard that is alone has one that is not the first.
    pub fn id(&self, shard: usize) -> ShardId {
        ShardId(if self.limits.shards > 1 { shard as u16 } else { 3 })
    }

    /// Where a shard is.
    pub fn address(shard: usize) -> SocketAddr {
        let IpAddr::V4(first) = SERVER.ip() else { unreachable!("SERVER is IPv4") };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() + shard as u32)), SERVER.port())
    }

    /// The shard at an address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<usize> {
        (0..=self.more.len()).find(|shard| Self::address(*shard) == address)
    }

    /// Notes a peer that joined.
    pub(crate) fn joined(&mut self, shard: usize) {
        self.homes.push(shard);
    }

    /// The shard of a peer.
    pub fn home(&self, peer: PeerId) -> usize {
        self.homes[peer.0]
    }

    /// Notes a track.
    pub(crate) fn published(&mut self, track: TrackId, by: PeerId, parameters: TrackParameters) {
        self.tracks.insert(track, Published { by, parameters, paused: false });
    }
}

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
    pub fn ask_mirror(
        &mut self,
        shard: usize,
        track: TrackId,
    ) -> Option<Result<corelay_core::control::Reply, corelay_core::control::Refusal>> {
        let request = RequestId(self.id());
        let published = &self.shards.tracks[&track];
        let cname = Cname::from(&format!("cname-{}", published.by.0)).expect("short");
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
        let lost: Vec<TrackId> = self.shards.tracks.iter().filter(|(_, t)| homes[t.by.0] == shard).map(|(id, _)| *id).collect();
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
