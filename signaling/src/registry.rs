//! Who is where: rooms on shards, participants in rooms, and what they publish and receive.
//!
//! Public ids (random text) name things on the wire, engine ids (numbers) name them in the shards; this is where one becomes the
//! other. A change here is followed by the shard's at once: whatever leaves the registry is ended in the engine by the same call, so
//! that nothing is left on either side.

mod consume;
mod departure;
mod ids;
mod leave;
mod media;
mod mirror;
mod names;
mod numbering;
mod participant;
mod produce;
mod quality;
mod refusal;
mod room;
mod shares;
mod speakers;
mod statistics;
mod tracing;
mod view;

pub(crate) use departure::Departure;
pub(crate) use ids::public_id;
use participant::{Consumer, Participant, Producer, Transport};
use room::Room;
pub(crate) use view::{MemberView, RoomView};

use crate::limits::Limits;
pub(crate) use crate::placement::ShardLoad;
use crate::placement::{Capacity, Placed, RoomPlaces, Share};
use crate::shards::Shards;
use crate::token::Claims;
use corelay_engine::budget::core_limits;
use corelay_engine::config::Config;
use corelay_wire::ids::{ParticipantId, RoomId, ShardId, TransportId};
use ids::Ids;
use names::Names;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tracing::Tracers;

/// The operator's limits.
#[derive(Clone, Copy, Debug)]
struct NodeLimits {
    rooms_max: usize,
    participants_max: usize,
    room_participants_max: usize,
    room_auto_create: bool,
}

/// All rooms of the node.
pub(crate) struct Registry {
    shards: Arc<Shards>,
    node_limits: NodeLimits,
    /// Of each shard; it has no way to refuse a join, so signaling does.
    capacity: Capacity,
    /// What is on each shard, by its id.
    placed: Vec<Placed>,
    limits: Limits,
    ids: Ids,
    rooms: HashMap<String, Room>,
    room_names: HashMap<RoomId, String>,
    participants: HashMap<ParticipantId, Participant>,
    /// By public id, because any participant of the room may name them.
    producers: HashMap<String, Producer>,
    /// For events: whose transport it is and what the wire calls it.
    transports: HashMap<TransportId, (ParticipantId, String)>,
    /// For events, too.
    names: Names,
    tracers: Tracers,
    /// When a shard last lost its rooms by starting anew.
    restarts: HashMap<ShardId, Instant>,
}

impl Registry {
    pub(crate) fn new(shards: Arc<Shards>, config: &Config, limits: Limits) -> Self {
        let of_shard = core_limits(config, shards.infos().len());
        Self {
            placed: vec![Placed::default(); shards.infos().len()],
            shards,
            node_limits: NodeLimits {
                rooms_max: config.rooms_max,
                participants_max: config.participants_max,
                room_participants_max: config.room_participants_max,
                room_auto_create: config.room_auto_create,
            },
            capacity: Capacity {
                rooms_max: of_shard.rooms_max as usize,
                participants_max: of_shard.participants_max as usize,
                subscriptions_max: of_shard.subscriptions_max as usize,
                spill_participants: config.spill_participants,
                spill_subscriptions: config.spill_subscriptions,
            },
            limits,
            ids: Ids::default(),
            rooms: HashMap::new(),
            room_names: HashMap::new(),
            participants: HashMap::new(),
            producers: HashMap::new(),
            transports: HashMap::new(),
            names: Names::default(),
            tracers: Tracers::new(),
            restarts: HashMap::new(),
        }
    }

    /// Whether nobody is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Whether the participant of this token is in its room.
    pub(crate) fn is_here(&self, claims: &Claims) -> bool {
        self.rooms.get(&claims.room).is_some_and(|room| room.participants.contains_key(&claims.identity))
    }

    /// Whether the transport, which just connected, does so for the first time.
    pub(crate) fn connects_first(&mut self, id: TransportId) -> bool {
        let Some((owner, public_id)) = self.transports.get(&id) else { return false };
        let transport = self.participants.get_mut(owner).and_then(|p| p.transports.get_mut(public_id));
        transport.is_some_and(|transport| !std::mem::replace(&mut transport.was_connected, true))
    }

    /// Whose transport `id` is, and its public id.
    pub(crate) fn transport_owner(&self, id: TransportId) -> Option<(&Participant, &str)> {
        let (participant, public_id) = self.transports.get(&id)?;
        Some((self.participants.get(participant)?, public_id))
    }
}
