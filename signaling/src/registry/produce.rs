//! Producers of participants.

use super::participant::producer_info;
use super::refusal::{gone, unknown_transport};
use super::{Participant, Producer, Registry, public_id};
use crate::ortc::{self, ProducerFormat, Published};
use crate::protocol::{ErrorName, Notification, Produce, ProtocolError, TransportDirection};
use crate::token::PublishKind;
use corelay_engine::control::{Command, TrackParameters};
use corelay_wire::ids::{ParticipantId, ShardId, TrackId, TransportId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A producer that may be, once the shard made its track.
pub(crate) struct PlannedProducer {
    pub(crate) shard: ShardId,
    pub(crate) transport: TransportId,
    pub(crate) id: TrackId,
    pub(crate) paused: bool,
    public_id: String,
    producer: Producer,
}

impl Registry {
    /// Checks a wish to publish. Gives what the shard shall be asked for, too.
    pub(crate) fn plan_producer(
        &mut self,
        owner: ParticipantId,
        produce: Produce,
    ) -> Result<(PlannedProducer, Box<TrackParameters>), ProtocolError> {
        let id = self.ids.track();
        let public_id = public_id();
        let participant = self.acting(owner)?;
        self.check_grant(participant, &produce)?;
        let (shard, transport) = self.transport(owner, &produce.transport_id)?;
        if transport.direction != TransportDirection::Send {
            return Err(ProtocolError::new(ErrorName::Conflict, "the transport receives: produce on one of direction \"send\""));
        }
        let transport = transport.id;
        let Published { track: parameters, formats, layering } = ortc::producer(produce.source, &produce.rtp_parameters)?;
        self.check_payload_types(participant, &produce.transport_id, &formats)?;
        let producer = Producer {
            id,
            participant: owner,
            transport: produce.transport_id,
            kind: produce.kind,
            source: produce.source,
            paused: produce.paused,
            app_data: produce.app_data,
            formats,
            layering,
            parameters: Box::new(parameters.clone()),
            mirrors: BTreeMap::new(),
            consumers: BTreeMap::new(),
        };
        let paused = produce.paused;
        let streams = parameters.layers.len();
        let participant = self.participants.get_mut(&owner).expect("acting above");
        self.names.plan_track(owner, &mut participant.plans, id, &public_id, streams);
        let planned = PlannedProducer { shard, transport, id, paused, public_id, producer };
        Ok((planned, Box::new(parameters)))
    }

    /// The track that was planned will not be.
    pub(crate) fn abandon_producer(&mut self, owner: ParticipantId, track: TrackId) {
        self.names.tracks.remove(&track);
        if let Some(participant) = self.participants.get_mut(&owner) {
            participant.plans.end_track(track);
        }
    }

    fn check_grant(&self, participant: &Participant, produce: &Produce) -> Result<(), ProtocolError> {
        let grant = PublishKind::of(produce.source);
        if !participant.grants.publish.contains(&grant) {
            let reason =
                format!("the token does not allow this: have your token server put \"{}\" into its publish list", grant.label());
            return Err(ProtocolError::new(ErrorName::NoPublishGrant, reason));
        }
        if produce.source.kind() != produce.kind {
            return Err(ProtocolError::malformed("data.kind: does not fit data.source"));
        }
        let max = self.limits.producers_max;
        if participant.producers.len() >= max {
            return Err(ProtocolError::new(
                ErrorName::Full,
                format!("a participant may publish {max} sources: close one with closeProducer"),
            ));
        }
        let max = self.limits.app_data_len_max;
        let published = participant.producers.iter().filter_map(|id| self.producers.get(id)).map(|p| &p.app_data);
        let len: usize = published.chain([&produce.app_data]).map(json_len).sum();
        if len > max {
            let reason = format!("data.appData: that of all producers of a participant must be at most {max} bytes of JSON");
            return Err(ProtocolError::malformed(reason));
        }
        Ok(())
    }

    /// In one bundle a payload type means one thing (RFC 8843 section 9.1: "the same [...] codec configuration").
    fn check_payload_types(
        &self,
        participant: &Participant,
        transport: &str,
        formats: &[ProducerFormat],
    ) -> Result<(), ProtocolError> {
        let siblings = participant.producers.iter().filter_map(|p| self.producers.get(p)).filter(|p| p.transport == transport);
        for theirs in siblings.flat_map(|p| &p.formats) {
            if let Some(payload_type) = formats.iter().find_map(|ours| ours.clash(theirs)) {
                let reason = format!("payload type {payload_type} is another codec's on this transport: choose another");
                return Err(ProtocolError::new(ErrorName::Conflict, reason));
            }
        }
        Ok(())
    }

    /// The shard made the track: tells the others. Gives the public id.
    pub(crate) fn finish_producer(&mut self, planned: PlannedProducer) -> Result<String, ProtocolError> {
        let PlannedProducer { public_id, producer, .. } = planned;
        let participant = self.participants.get_mut(&producer.participant).ok_or_else(gone)?;
        if !participant.transports.contains_key(&producer.transport) {
            return Err(unknown_transport());
        }
        participant.plans.end_track(producer.id);
        participant.producers.push(public_id.clone());
        let participant = &self.participants[&producer.participant];
        let info = producer_info(&public_id, participant, &producer);
        self.tell_room(&participant.room, participant.id, &Notification::NewProducer(info));
        self.placed[usize::from(participant.shard.0)].tracks += 1;
        self.producers.insert(public_id.clone(), producer);
        Ok(public_id)
    }

    /// Ends an own producer.
    pub(crate) fn close_producer(&mut self, owner: ParticipantId, public_id: &str) -> Result<(), ProtocolError> {
        let track = self.own_producer(owner, public_id)?.id;
        let shard = self.acting(owner)?.shard;
        self.end_producer(owner, public_id);
        self.shards.post(shard, Command::CloseTrack { track });
        Ok(())
    }

    /// Pauses or resumes an own producer.
    pub(crate) fn pause_producer(&mut self, owner: ParticipantId, public_id: &str, paused: bool) -> Result<(), ProtocolError> {
        let track = self.own_producer(owner, public_id)?.id;
        let participant = self.acting(owner)?;
        let (producer_id, participant_id) = (public_id.to_owned(), participant.public_id.clone());
        let notification = if paused {
            Notification::ProducerPaused { producer_id, participant_id }
        } else {
            Notification::ProducerResumed { producer_id, participant_id }
        };
        let (room, id, shard) = (participant.room.clone(), participant.id, participant.shard);
        let producer = self.producers.get_mut(public_id).expect("found above");
        for shard in producer.mirrors.keys().copied().chain([shard]) {
            self.shards.post(shard, Command::PauseTrack { track, paused });
        }
        if std::mem::replace(&mut producer.paused, paused) != paused {
            self.tell_room(&room, id, &notification);
        }
        Ok(())
    }

    /// Takes a producer off its participant and the room; the caller ends the track on its own shard.
    pub(super) fn end_producer(&mut self, owner: ParticipantId, public_id: &str) {
        let Some(mut participant) = self.participants.remove(&owner) else { return };
        participant.producers.retain(|p| p != public_id);
        self.forget_producer(&participant, public_id);
        self.participants.insert(owner, participant);
    }

    /// Takes a producer off the room: its mirrors and consumers end and everyone else hears of it. The caller ends the track on its own
    /// shard.
    pub(super) fn forget_producer(&mut self, owner: &Participant, public_id: &str) {
        let Some(producer) = self.producers.remove(public_id) else { return };
        self.names.tracks.remove(&producer.id);
        self.placed[usize::from(owner.shard.0)].tracks -= 1;
        for shard in producer.mirrors.into_keys() {
            self.placed[usize::from(shard.0)].mirrors -= 1;
            self.shards.post(shard, Command::CloseTrack { track: producer.id });
        }
        for (consumer_id, receiver) in producer.consumers {
            let Some(receiver) = self.participants.get_mut(&receiver) else { continue };
            if let Some(consumer) = receiver.consumers.remove(&consumer_id) {
                self.names.subscriptions.remove(&consumer.id);
            }
            let shard = receiver.shard;
            if let Some(session) = &receiver.session {
                session.notify(&Notification::ConsumerClosed { consumer_id, producer_id: public_id.to_owned() });
            }
            self.remove_subscription(&owner.room, shard);
        }
        let closed = Notification::ProducerClosed { producer_id: public_id.to_owned(), participant_id: owner.public_id.clone() };
        self.tell_room(&owner.room, owner.id, &closed);
    }

    fn own_producer(&self, owner: ParticipantId, public_id: &str) -> Result<&Producer, ProtocolError> {
        let producer = self.producers.get(public_id).filter(|p| p.participant == owner);
        producer.ok_or_else(|| {
            ProtocolError::new(ErrorName::UnknownProducer, "there is no such producer of yours: it ended, or it is another's")
        })
    }
}

fn json_len(app_data: &Map<String, Value>) -> usize {
    serde_json::to_string(app_data).expect("keys of JSON are text").len()
}
