//! One user in a room, with all that is its own.

use super::departure::Departure;
use super::mirror::Mirror;
use super::names::Plans;
use super::numbering::Numbering;
use super::refusal::{gone, unknown_room};
use super::{Registry, public_id};
use crate::ortc::{Layering, ProducerFormat};
use crate::outbox::Outbox;
use crate::protocol::{
    ErrorName, Join, Joined, LeaveReason, MediaKind, Notification, PROTOCOL_VERSION, ParticipantInfo, ProducerInfo, ProtocolError,
    RtpCapabilities, Source, TransportDirection,
};
use crate::token::{Claims, Grants};
use corelay_engine::control::{Cname, Command, TrackParameters};
use corelay_wire::ids::{ParticipantId, ShardId, SubscriptionId, TrackId, TransportId};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// One user in a room.
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) public_id: String,
    pub(crate) identity: String,
    pub(crate) display_name: String,
    pub(crate) room: String,
    pub(crate) shard: ShardId,
    pub(crate) cname: Cname,
    pub(crate) grants: Grants,
    pub(crate) capabilities: Option<RtpCapabilities>,
    /// Nothing while its WebSocket is lost and it lingers.
    pub(crate) session: Option<Outbox>,
    pub(crate) transports: HashMap<String, Transport>,
    /// Public ids, in the order of publishing.
    pub(crate) producers: Vec<String>,
    pub(crate) consumers: HashMap<String, Consumer>,
    /// Consumers of mirrors that its shard has not made yet, and their producers: they use the mirrors already.
    pub(super) planned: Vec<(SubscriptionId, String)>,
    /// What its shard was asked for and is not entered yet.
    pub(super) plans: Plans,
}

/// One ICE + DTLS + SRTP association of a participant.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) direction: TransportDirection,
    /// Whether the client's DTLS parameters were given.
    pub(crate) has_remote: bool,
    /// Whether it was connected before: what follows are reconnections.
    pub(crate) was_connected: bool,
    /// Of its next consumer.
    pub(super) numbering: Numbering,
}

/// What a participant publishes.
pub(crate) struct Producer {
    pub(crate) id: TrackId,
    pub(crate) participant: ParticipantId,
    /// Public id of its transport.
    pub(super) transport: String,
    pub(super) kind: MediaKind,
    pub(super) source: Source,
    pub(super) paused: bool,
    pub(super) app_data: Map<String, Value>,
    pub(super) formats: Vec<ProducerFormat>,
    pub(super) layering: Layering,
    /// What the shard was told of it, for shards that shall know it as well.
    pub(super) parameters: Box<TrackParameters>,
    /// Shards beside its own that know it.
    pub(super) mirrors: BTreeMap<ShardId, Mirror>,
    /// Who receives it, by the public ids of the consumers.
    pub(super) consumers: BTreeMap<String, ParticipantId>,
}

/// What a participant receives.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: SubscriptionId,
    /// Public id of its producer.
    pub(super) producer: String,
    /// Public id of its transport.
    pub(super) transport: String,
}

impl Registry {
    /// Puts a participant into the room of its token; one with the same identity goes.
    pub(crate) fn join(&mut self, claims: &Claims, join: Join, session: Outbox) -> Result<(ParticipantId, Joined), ProtocolError> {
        let replaced = self.rooms.get(&claims.room).and_then(|room| room.participants.get(&claims.identity)).copied();
        self.check_room_for_one(claims, replaced.is_some())?;
        let shard = self.shard_for_join(&claims.room, replaced)?;
        if let Some(old) = replaced {
            self.replace(old);
        }
        let id = self.ids.participant();
        let room = self.enter_share(&claims.room, shard);
        let participant = participant(id, shard, claims, join, session);
        self.shards.post(shard, Command::Join { room, participant: id, cname: participant.cname });
        let joined = Joined {
            participant_id: participant.public_id.clone(),
            identity: claims.identity.clone(),
            room: claims.room.clone(),
            protocol_version: PROTOCOL_VERSION,
            participants: self.others(&claims.room, id),
            active_speaker: self.active_speaker(&claims.room),
        };
        self.tell_room(&claims.room, id, &Notification::ParticipantJoined(self.info(&participant)));
        self.rooms.get_mut(&claims.room).expect("entered above").participants.insert(claims.identity.clone(), id);
        self.participants.insert(id, participant);
        // The one that was replaced may have been the last on another shard.
        self.settle(&claims.room);
        Ok((id, joined))
    }

    fn check_room_for_one(&self, claims: &Claims, replaces: bool) -> Result<(), ProtocolError> {
        let room = self.rooms.get(&claims.room);
        if room.is_none() && !self.node_limits.room_auto_create {
            return Err(unknown_room(&claims.room));
        }
        if replaces {
            return Ok(());
        }
        if self.participants.len() >= self.node_limits.participants_max {
            return Err(ProtocolError::new(
                ErrorName::Full,
                "the node has as many participants as it may (PARTICIPANTS_MAX): try another node",
            ));
        }
        if room.map_or(0, |room| room.participants.len()) >= self.node_limits.room_participants_max {
            return Err(ProtocolError::new(
                ErrorName::Full,
                "the room has as many participants as it may (ROOM_PARTICIPANTS_MAX): try again when someone left",
            ));
        }
        Ok(())
    }

    fn replace(&mut self, old: ParticipantId) {
        let goodbye = Some((crate::protocol::GoodbyeReason::Replaced, "the same identity joined the room again, in another place"));
        self.remove_keeping_room(old, Departure { reason: LeaveReason::Replaced, goodbye });
    }

    fn others(&self, room: &str, id: ParticipantId) -> Vec<ParticipantInfo> {
        let Some(room) = self.rooms.get(room) else { return Vec::new() };
        room.participants
            .values()
            .filter(|other| **other != id)
            .filter_map(|other| self.participants.get(other))
            .map(|p| self.info(p))
            .collect()
    }

    pub(super) fn info(&self, participant: &Participant) -> ParticipantInfo {
        ParticipantInfo {
            participant_id: participant.public_id.clone(),
            identity: participant.identity.clone(),
            display_name: participant.display_name.clone(),
            producers: participant
                .producers
                .iter()
                .filter_map(|public_id| Some(producer_info(public_id, participant, self.producers.get(public_id)?)))
                .collect(),
        }
    }

    /// The participant whose request is carried out; it may have been removed in between.
    pub(super) fn acting(&self, id: ParticipantId) -> Result<&Participant, ProtocolError> {
        self.participants.get(&id).ok_or_else(gone)
    }
}

pub(super) fn producer_info(public_id: &str, owner: &Participant, producer: &Producer) -> ProducerInfo {
    ProducerInfo {
        producer_id: public_id.to_owned(),
        participant_id: owner.public_id.clone(),
        kind: producer.kind,
        source: producer.source,
        paused: producer.paused,
        app_data: producer.app_data.clone(),
    }
}

fn participant(id: ParticipantId, shard: ShardId, claims: &Claims, join: Join, session: Outbox) -> Participant {
    let display_name = join.display_name.or_else(|| claims.name.clone()).unwrap_or_else(|| claims.identity.clone());
    // A UUID without its dashes is 32 characters, as long as a cname may be; RFC 7022 section 4.2 wants it random per session.
    let cname: String = public_id().chars().filter(|c| *c != '-').collect();
    Participant {
        id,
        public_id: public_id(),
        identity: claims.identity.clone(),
        display_name,
        room: claims.room.clone(),
        shard,
        cname: Cname::from(&cname).expect("32 characters fit 32 bytes"),
        grants: claims.grants.clone(),
        capabilities: join.rtp_capabilities,
        session: Some(session),
        transports: HashMap::new(),
        producers: Vec::new(),
        consumers: HashMap::new(),
        planned: Vec::new(),
        plans: Plans::default(),
    }
}
