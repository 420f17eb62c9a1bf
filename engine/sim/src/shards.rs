//! The shards of a node: a core for each, the rings between them, and what signaling knows of who is where.

use crate::rings::Rings;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use corelay_core::control::TrackParameters;
use corelay_core::limits::Limits;
use corelay_core::transport::{DtlsSetup, DtlsVersions};
use corelay_core::{Core, CoreConfig};
use corelay_wire::ids::{ShardId, TrackId};
use corelay_wire::units::NtpTimestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Where the first shard is.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 10_000);

/// The wall time of the beginning.
const WALL_ORIGIN: NtpTimestamp = NtpTimestamp(3_900_000_000 << 32);

/// The shards but the first, which is the world's own, and who is where.
#[derive(Debug)]
pub struct Shards {
    /// The rings between them.
    pub rings: Rings,
    pub(crate) more: Vec<Core>,
    /// The shard of each peer.
    pub(crate) homes: Vec<usize>,
    pub(crate) tracks: BTreeMap<TrackId, Published>,
    /// Which shards have a mirror of what.
    pub(crate) mirrors: BTreeSet<(TrackId, usize)>,
    limits: Limits,
    dtls: DtlsSetup,
}

/// What signaling knows of a track.
#[derive(Debug)]
pub(crate) struct Published {
    /// The peer, by its place.
    pub(crate) by: usize,
    pub(crate) parameters: TrackParameters,
    pub(crate) paused: bool,
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
    pub(crate) fn core(&self, shard: usize, seed: [u8; 32]) -> Core {
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

    /// The shard of a peer, which is named by its place.
    pub fn home(&self, peer: usize) -> usize {
        self.homes[peer]
    }

    /// Notes a track.
    pub(crate) fn published(&mut self, track: TrackId, by: usize, parameters: TrackParameters) {
        self.tracks.insert(track, Published { by, parameters, paused: false });
    }
}
