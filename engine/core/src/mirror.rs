//! What a track that several shards share has on either side: on its own, a relay for each other shard; there, a mirror.

use crate::clock::SenderClock;
use crate::control::{Cname, LAYERS_MAX};
use corelay_wire::ids::ShardId;

/// A shard that gets the packets of a track of this one.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) to: ShardId,
    /// The slot of its mirror, which its messages name.
    pub(crate) mirror: u32,
    /// For each layer, the packet that goes next, in the order of arrival.
    pub(crate) next: [u64; LAYERS_MAX],
    /// The publisher's clock is to be told.
    pub(crate) report: bool,
    /// It is to be told that the track is held: what comes after goes on without a gap.
    pub(crate) suspend: bool,
    /// The layers that are wanted there, as bits.
    pub(crate) wanted: u8,
}

/// What is wanted of a track before anybody said so.
pub(crate) const ALL_LAYERS: u8 = u8::MAX;

/// What a track of another shard has in place of a transport.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) source: ShardId,
    pub(crate) room: u32,
    pub(crate) cname: Cname,
    /// The publisher's, as its shard told it last.
    pub(crate) clock: SenderClock,
    /// A subscription wants packets.
    pub(crate) wanted: bool,
    /// The track's shard was told so.
    pub(crate) attached: bool,
    /// The layers that subscriptions want, as bits.
    pub(crate) layers: u8,
    /// What the track's shard was told of them; all, before it was.
    pub(crate) told: u8,
    /// Whether it is in the list of those with something to ask.
    pub(crate) listed: bool,
}

impl Mirror {
    pub(crate) fn new(source: ShardId, room: u32, cname: Cname) -> Self {
        Self {
            source,
            room,
            cname,
            clock: SenderClock::default(),
            wanted: false,
            attached: false,
            layers: ALL_LAYERS,
            told: ALL_LAYERS,
            listed: false,
        }
    }
}
