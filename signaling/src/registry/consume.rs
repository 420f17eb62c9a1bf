//! Consumers of participants.

use super::quality::preferences;
use super::refusal::unknown_transport;
use super::{Consumer, Participant, Registry, public_id};
use crate::ortc::{self, Receiver};
use crate::protocol::{Consume, Consumed, ErrorName, ProtocolError, RtpParameters, TransportDirection};
use crate::shards::{Asked, ShardError, may_exist};
use corelay_engine::control::{Command, Refusal, Reply, SubscriptionParameters};
use corelay_wire::ids::{ParticipantId, ShardId, SubscriptionId, TrackId, TransportId};

/// A consumer that may be, once the shard made its subscription.
pub(crate) struct PlannedConsumer {
    pub(crate) shard: ShardId,
    pub(crate) transport: TransportId,
    pub(crate) track: TrackId,
    pub(crate) id: SubscriptionId,
    pub(crate) paused: bool,
    /// The shard cannot refuse it: the track is its own, and there is room.
    pub(crate) is_sure: bool,
    /// The question for the mirror that it needs, if it was the one that asked.
    mirror: Option<Asked>,
    owner: ParticipantId,
    public_id: String,
    consumer: Consumer,
    rtp_parameters: RtpParameters,
}

impl Registry {
    /// Checks a wish to subscribe, and sees to it that the shard knows the track. Gives what it shall be asked for, too.
    pub(crate) fn plan_consumer(
        &mut self,
        owner: ParticipantId,
        consume: Consume,
    ) -> Result<(PlannedConsumer, Box<SubscriptionParameters>), ProtocolError> {
        let id = self.ids.subscription();
        self.check_subscribe(owner)?;
        let (shard, transport) = self.transport(owner, &consume.transport_id)?;
        if transport.direction != TransportDirection::Recv {
            return Err(ProtocolError::new(ErrorName::Conflict, "the transport sends: consume on one of direction \"recv\""));
        }
        let (transport, numbering) = (transport.id, transport.numbering);
        let participant = self.acting(owner)?;
        let producer = self.producers.get(&consume.producer_id).ok_or_else(unknown_producer)?;
        let publisher = self.participants.get(&producer.participant).filter(|p| p.room == participant.room && p.id != owner);
        let publisher = publisher.ok_or_else(unknown_producer)?;
        let capabilities = consume.rtp_capabilities.as_ref().or(participant.capabilities.as_ref()).ok_or_else(|| {
            ProtocolError::malformed("data.rtpCapabilities: must be told here or at join: what the client can receive is not known")
        })?;
        let receiver = Receiver {
            capabilities,
            ssrc: numbering.ssrc(),
            rtx_ssrc: numbering.rtx_ssrc(),
            mid: numbering.mid().to_string(),
            cname: publisher.cname.to_string(),
        };
        let (rtp_parameters, mut parameters) = ortc::consumer(producer.kind, &producer.formats, &producer.layering, receiver)?;
        parameters.preferences = preferences(&consume);
        let track = producer.id;
        let is_sure = publisher.shard == shard && self.has_room_for_subscriptions(shard);
        let mirror = self.use_track(owner, id, &consume.producer_id)?;
        self.advance_numbering(owner, &consume.transport_id);
        let public_id = public_id();
        let participant = self.participants.get_mut(&owner).expect("acting above");
        self.names.plan_subscription(owner, &mut participant.plans, id, &public_id);
        let planned = PlannedConsumer {
            shard,
            transport,
            track,
            id,
            paused: consume.paused,
            is_sure,
            mirror,
            owner,
            public_id,
            consumer: Consumer { id, producer: consume.producer_id, transport: consume.transport_id },
            rtp_parameters,
        };
        Ok((planned, Box::new(parameters)))
    }

    fn check_subscribe(&self, owner: ParticipantId) -> Result<(), ProtocolError> {
        let participant = self.acting(owner)?;
        if !participant.grants.subscribe {
            let reason = "the token does not allow this: have your token server leave \"subscribe\": false out";
            return Err(ProtocolError::new(ErrorName::NoSubscribeGrant, reason));
        }
        let max = self.limits.consumers_max;
        if participant.consumers.len() >= max {
            let reason = format!("a participant may have {max} consumers: close one with closeConsumer");
            return Err(ProtocolError::new(ErrorName::Full, reason));
        }
        Ok(())
    }

    fn advance_numbering(&mut self, owner: ParticipantId, transport: &str) {
        if let Some(transport) = self.participants.get_mut(&owner).and_then(|p| p.transports.get_mut(transport)) {
            transport.numbering.advance();
        }
    }

    /// The shard answered. What it made and nobody wants any more is ended.
    pub(crate) fn finish_consumer(
        &mut self,
        mut planned: PlannedConsumer,
        answer: Result<Reply, ShardError>,
    ) -> Result<Consumed, ProtocolError> {
        let may_exist = may_exist(&answer);
        match answer.map_err(|error| self.why_not(&mut planned, error)).and_then(|_| self.check_wanted(&planned)) {
            Ok(()) => Ok(self.enter_consumer(planned)),
            Err(error) => {
                if may_exist {
                    self.shards.post(planned.shard, Command::Unsubscribe { subscription: planned.id });
                }
                self.names.subscriptions.remove(&planned.id);
                if self.end_plan(&planned) {
                    self.release_track(&planned.consumer.producer, planned.shard);
                }
                Err(error)
            }
        }
    }

    /// What is told of a subscription that the shard did not make.
    fn why_not(&mut self, planned: &mut PlannedConsumer, error: ShardError) -> ProtocolError {
        let refusal = planned.mirror.as_mut().and_then(Asked::refusal);
        let is_missing = refusal.is_some() || matches!(error, ShardError::Refused(Refusal::Unknown("track")));
        match (is_missing && self.miss_mirror(&planned.consumer.producer, planned.shard), refusal) {
            (_, Some(refusal)) => ShardError::Refused(refusal).into(),
            (true, None) => {
                ProtocolError::new(ErrorName::Busy, "your media shard does not have the track yet: try again in a moment")
            }
            (false, None) => error.into(),
        }
    }

    /// Whether what it is for is still there. Its end told nobody of a consumer that was not there.
    fn check_wanted(&self, planned: &PlannedConsumer) -> Result<(), ProtocolError> {
        let participant = self.acting(planned.owner)?;
        if !participant.transports.contains_key(&planned.consumer.transport) {
            return Err(unknown_transport());
        }
        self.producers.get(&planned.consumer.producer).map(|_| ()).ok_or_else(unknown_producer)
    }

    fn enter_consumer(&mut self, planned: PlannedConsumer) -> Consumed {
        self.end_plan(&planned);
        let PlannedConsumer { owner, public_id, consumer, rtp_parameters, shard, .. } = planned;
        let producer = self.producers.get_mut(&consumer.producer).expect("checked by the caller");
        producer.consumers.insert(public_id.clone(), owner);
        let consumed = Consumed {
            id: public_id.clone(),
            producer_id: consumer.producer.clone(),
            kind: producer.kind,
            consumer_type: producer.layering.consumer_type(),
            rtp_parameters,
            producer_paused: producer.paused,
            source: producer.source,
            app_data: producer.app_data.clone(),
        };
        let participant = self.participants.get_mut(&owner).expect("checked by the caller");
        participant.consumers.insert(public_id, consumer);
        let room = participant.room.clone();
        self.add_subscription(&room, shard);
        consumed
    }

    /// Takes a planned consumer off its participant. Whether it was there, which one that uses no mirror never is.
    fn end_plan(&mut self, planned: &PlannedConsumer) -> bool {
        let Some(participant) = self.participants.get_mut(&planned.owner) else { return false };
        participant.plans.end_subscription(planned.id);
        let before = participant.planned.len();
        participant.planned.retain(|(id, _)| *id != planned.id);
        participant.planned.len() < before
    }

    /// Ends an own consumer.
    pub(crate) fn close_consumer(&mut self, owner: ParticipantId, public_id: &str) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, public_id)?;
        self.shards.post(shard, Command::Unsubscribe { subscription });
        self.forget_consumer(owner, public_id);
        Ok(())
    }

    /// Pauses or resumes an own consumer.
    pub(crate) fn pause_consumer(&self, owner: ParticipantId, public_id: &str, paused: bool) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, public_id)?;
        self.shards.post(shard, Command::PauseSubscription { subscription, paused });
        Ok(())
    }

    /// Asks the publisher of an own consumer for a keyframe.
    pub(crate) fn request_keyframe(&self, owner: ParticipantId, public_id: &str) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, public_id)?;
        self.shards.post_or_drop(shard, Command::RequestKeyframe { subscription });
        Ok(())
    }

    /// Takes a consumer off its participant and its producer; the caller ends the subscription.
    pub(super) fn forget_consumer(&mut self, owner: ParticipantId, public_id: &str) {
        let Some(mut participant) = self.participants.remove(&owner) else { return };
        if let Some(consumer) = participant.consumers.remove(public_id) {
            self.forget_consumption(&participant, public_id, &consumer);
        }
        self.participants.insert(owner, participant);
    }

    /// Takes a consumer, which its participant has no more, off its producer.
    pub(super) fn forget_consumption(&mut self, participant: &Participant, public_id: &str, consumer: &Consumer) {
        self.names.subscriptions.remove(&consumer.id);
        if let Some(producer) = self.producers.get_mut(&consumer.producer) {
            producer.consumers.remove(public_id);
        }
        self.remove_subscription(&participant.room, participant.shard);
        self.release_track(&consumer.producer, participant.shard);
    }

    pub(super) fn own_consumer(&self, owner: ParticipantId, public_id: &str) -> Result<(ShardId, SubscriptionId), ProtocolError> {
        let participant = self.acting(owner)?;
        let consumer = participant.consumers.get(public_id).ok_or_else(|| {
            ProtocolError::new(ErrorName::UnknownConsumer, "there is no such consumer of yours: it ended, or its producer did")
        })?;
        Ok((participant.shard, consumer.id))
    }
}

fn unknown_producer() -> ProtocolError {
    ProtocolError::new(ErrorName::UnknownProducer, "there is no such producer of another in the room: it ended")
}
