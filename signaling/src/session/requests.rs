//! How each request is carried out: checked and planned in the registry, done by the shard, finished in the registry.

use super::{Session, State};
use crate::ortc;
use crate::protocol::{
    ConnectWebRtcTransport, Consume, CreateWebRtcTransport, Created, ErrorName, Join, LeaveReason, Produce, ProtocolError, Request,
    TransportCreated, TransportIce, success,
};
use crate::registry::Departure;
use crate::shards::may_exist;
use crate::token::is_name;
use corelay_engine::control::{Command, IceCredentials, Reply};
use corelay_wire::ids::{ParticipantId, RequestId};
use serde_json::json;
use std::time::Instant;

type Response = Result<String, ProtocolError>;

impl Session {
    /// Carries `request` out and gives the text of its positive response.
    pub(super) async fn carry_out(&mut self, id: u32, request: Request) -> Response {
        if let Request::RouterRtpCapabilities = request {
            return Ok(success(id, &ortc::router_capabilities()));
        }
        if let Request::Join(join) = request {
            return self.join(id, join);
        }
        let State::Joined(me) = self.state else {
            return Err(ProtocolError::new(ErrorName::OutOfOrder, format!("{} needs a join before it", request.method())));
        };
        match request {
            Request::CreateWebRtcTransport(data) => self.create_transport(id, me, &data),
            Request::ConnectWebRtcTransport(data) => self.connect_transport(id, me, &data),
            Request::RestartIce(data) => self.restart_ice(id, me, &data.transport_id).await,
            Request::Produce(data) => self.produce(id, me, data).await,
            Request::Consume(data) => self.consume(id, me, data).await,
            Request::Stats => self.stats(id, me).await,
            Request::Leave => Ok(self.leave(id, me)),
            other => self.carry_out_at_once(me, other).map(|()| success(id, &json!({}))),
        }
    }

    /// Requests that need no answer of the shard: what they name is ended or switched, and that cannot fail.
    fn carry_out_at_once(&self, me: ParticipantId, request: Request) -> Result<(), ProtocolError> {
        let mut registry = self.app.registry();
        match request {
            Request::CloseTransport(data) => registry.close_transport(me, &data.transport_id),
            Request::CloseProducer(data) => registry.close_producer(me, &data.producer_id),
            Request::PauseProducer(data) => registry.pause_producer(me, &data.producer_id, true),
            Request::ResumeProducer(data) => registry.pause_producer(me, &data.producer_id, false),
            Request::CloseConsumer(data) => registry.close_consumer(me, &data.consumer_id),
            Request::PauseConsumer(data) => registry.pause_consumer(me, &data.consumer_id, true),
            Request::ResumeConsumer(data) => registry.pause_consumer(me, &data.consumer_id, false),
            Request::RequestConsumerKeyFrame(data) => registry.request_keyframe(me, &data.consumer_id),
            Request::SetConsumerPreferredLayers(data) => registry.prefer_layers(me, &data),
            Request::SetConsumerPriority(data) => registry.set_priority(me, &data),
            Request::SetConsumerViewport(data) => registry.set_viewport(me, &data),
            Request::SetConsumerFollowSpeakers(data) => registry.follow_speakers(me, &data),
            Request::SetAudioLevels(data) => registry.set_audio_levels(me, &data),
            Request::SetTrace(data) => registry.set_trace(me, &data),
            other => unreachable!("{} is carried out elsewhere", other.method()),
        }
    }

    fn join(&mut self, id: u32, join: Join) -> Response {
        if !matches!(self.state, State::Lobby(_)) {
            return Err(ProtocolError::new(ErrorName::OutOfOrder, "join came before: a connection joins once"));
        }
        let mut registry = self.app.registry();
        // Whoever is in a call that goes on may come back to it.
        if self.app.drain.is_draining() && !registry.is_here(&self.claims) {
            return Err(ProtocolError::new(
                ErrorName::Draining,
                "the node takes no new participants: connect again, to another node",
            ));
        }
        if join.display_name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(ProtocolError::malformed(
                "data.displayName: must be 1 to 128 characters, none of them a control character",
            ));
        }
        let (participant, joined) = registry.join(&self.claims, join, self.outbox.clone())?;
        drop(registry);
        tracing::info!(%participant, others = joined.participants.len(), "joined");
        self.state = State::Joined(participant);
        Ok(success(id, &joined))
    }

    fn leave(&mut self, id: u32, me: ParticipantId) -> String {
        self.state = State::Left;
        self.app.registry().remove(me, Departure { reason: LeaveReason::Left, goodbye: None });
        success(id, &json!({}))
    }

    /// Does not wait for the shard: it has room for as many transports as the registry lets its participants have, and its mailbox keeps the
    /// order. The client's first check finds the transport, because a shard carries out its commands before it looks at what came.
    fn create_transport(&self, id: u32, me: ParticipantId, data: &CreateWebRtcTransport) -> Response {
        let mut registry = self.app.registry();
        let planned = registry.plan_transport(me, data.direction)?;
        let (shard, transport) = (planned.shard, planned.id);
        let ice = corelay_engine::ice_credentials(shard, transport, &mut rand::rng());
        let request = RequestId::UNANSWERED;
        let open = Command::OpenTransport { request, participant: me, transport, ice: Some(ice.clone()) };
        if let Err(error) = self.app.shards.order(shard, open) {
            registry.forget_transport(me, &planned.public_id)?;
            return Err(error.into());
        }
        drop(registry);
        let created = TransportCreated {
            id: planned.public_id,
            ice_parameters: ortc::ice_parameters(&ice),
            ice_candidates: ortc::candidates(&self.app.shards.info(shard).candidates),
            dtls_parameters: ortc::dtls_parameters(self.app.shards.fingerprint()),
        };
        Ok(success(id, &created))
    }

    /// The shard has nothing to refuse here. What it makes of the parameters shows in the transport's state.
    fn connect_transport(&self, id: u32, me: ParticipantId, data: &ConnectWebRtcTransport) -> Response {
        let remote = Box::new(ortc::remote_dtls(&data.dtls_parameters)?);
        let (shard, transport) = self.app.registry().begin_connect(me, &data.transport_id)?;
        self.app.shards.post(shard, Command::ConnectTransport { transport, remote });
        Ok(success(id, &json!({})))
    }

    async fn restart_ice(&self, id: u32, me: ParticipantId, transport: &str) -> Response {
        let (shard, transport) = self.app.registry().transport(me, transport).map(|(shard, t)| (shard, t.id))?;
        let restart = |request| Command::RestartIce { request, transport };
        let ice = credentials(self.app.shards.request(shard, restart).await?)?;
        Ok(success(id, &TransportIce { ice_parameters: ortc::ice_parameters(&ice) }))
    }

    async fn produce(&self, id: u32, me: ParticipantId, data: Produce) -> Response {
        let began = Instant::now();
        let (planned, parameters) = self.app.registry().plan_producer(me, data)?;
        let (shard, track) = (planned.shard, planned.id);
        let (transport, paused) = (planned.transport, planned.paused);
        let publish = |request| Command::Publish { request, transport, track, parameters, paused };
        let published = self.app.shards.request(shard, publish).await;
        let may_exist = may_exist(&published);
        match published.map_err(ProtocolError::from).and_then(|_| self.app.registry().finish_producer(planned)) {
            Ok(producer) => {
                self.app.metrics.produced(began.elapsed());
                Ok(success(id, &Created { id: producer }))
            }
            Err(error) => {
                self.app.registry().abandon_producer(me, track);
                if may_exist {
                    self.app.shards.post(shard, Command::CloseTrack { track });
                }
                Err(error)
            }
        }
    }

    async fn stats(&self, id: u32, me: ParticipantId) -> Response {
        Ok(success(id, &self.app.participant_stats(me).await?))
    }

    async fn consume(&self, id: u32, me: ParticipantId, data: Consume) -> Response {
        let began = Instant::now();
        let (planned, parameters) = self.app.registry().plan_consumer(me, data)?;
        let (shard, subscription) = (planned.shard, planned.id);
        let (transport, track, paused) = (planned.transport, planned.track, planned.paused);
        let subscribe = |request| Command::Subscribe { request, transport, track, subscription, parameters, paused };
        let subscribed = if planned.is_sure {
            self.app.shards.order(shard, subscribe(RequestId::UNANSWERED)).map(|()| Reply::Done)
        } else {
            self.app.shards.request(shard, subscribe).await
        };
        let consumed = self.app.registry().finish_consumer(planned, subscribed)?;
        self.app.metrics.consumed(began.elapsed());
        Ok(success(id, &consumed))
    }
}

fn credentials(reply: Reply) -> Result<IceCredentials, ProtocolError> {
    match reply {
        Reply::Transport { ice } => Ok(ice),
        _ => Err(ProtocolError::new(ErrorName::Busy, "the media shard gave no credentials: try again")),
    }
}
