//! Transports of participants.

use super::numbering::Numbering;
use super::refusal::{gone, unknown_transport};
use super::{Registry, Transport, public_id};
use crate::protocol::{ErrorName, ProtocolError, TransportDirection};
use corelay_engine::control::Command;
use corelay_wire::ids::{ParticipantId, ShardId, TransportId};

/// A transport that is registered and that the shard has to make yet.
#[derive(Debug)]
pub(crate) struct PlannedTransport {
    pub(crate) shard: ShardId,
    pub(crate) id: TransportId,
    pub(crate) public_id: String,
}

impl Registry {
    /// Registers a transport, before the shard makes it: its first event may come with the answer.
    pub(crate) fn plan_transport(
        &mut self,
        owner: ParticipantId,
        direction: TransportDirection,
    ) -> Result<PlannedTransport, ProtocolError> {
        let id = self.ids.transport();
        let max = self.limits.transports_max;
        let participant = self.participants.get_mut(&owner).ok_or_else(gone)?;
        if participant.transports.len() >= max {
            let reason = format!("a participant may have {max} transports: close one with closeTransport");
            return Err(ProtocolError::new(ErrorName::Full, reason));
        }
        let public_id = public_id();
        participant.transports.insert(
            public_id.clone(),
            Transport { id, direction, has_remote: false, was_connected: false, numbering: Numbering::new() },
        );
        self.transports.insert(id, (owner, public_id.clone()));
        Ok(PlannedTransport { shard: participant.shard, id, public_id })
    }

    /// An own transport.
    pub(crate) fn transport(&self, owner: ParticipantId, public_id: &str) -> Result<(ShardId, &Transport), ProtocolError> {
        let participant = self.acting(owner)?;
        let transport = participant.transports.get(public_id).ok_or_else(unknown_transport)?;
        Ok((participant.shard, transport))
    }

    /// Marks that an own transport is being connected. Only once: DTLS has begun with these parameters.
    pub(crate) fn begin_connect(&mut self, owner: ParticipantId, public_id: &str) -> Result<(ShardId, TransportId), ProtocolError> {
        let participant = self.participants.get_mut(&owner).ok_or_else(gone)?;
        let transport = participant.transports.get_mut(public_id).ok_or_else(unknown_transport)?;
        if std::mem::replace(&mut transport.has_remote, true) {
            let reason = "the transport was connected before: make another one, or use restartIce";
            return Err(ProtocolError::new(ErrorName::OutOfOrder, reason));
        }
        Ok((participant.shard, transport.id))
    }

    /// Ends an own transport with its producers and consumers.
    pub(crate) fn close_transport(&mut self, owner: ParticipantId, public_id: &str) -> Result<(), ProtocolError> {
        let (shard, transport) = self.forget_transport(owner, public_id)?;
        self.shards.post(shard, Command::CloseTransport { transport });
        Ok(())
    }

    /// Takes an own transport out with its producers and consumers; the caller ends it in the shard, if it is there.
    pub(crate) fn forget_transport(
        &mut self,
        owner: ParticipantId,
        public_id: &str,
    ) -> Result<(ShardId, TransportId), ProtocolError> {
        let (shard, transport) = self.transport(owner, public_id)?;
        let id = transport.id;
        let participant = self.acting(owner)?;
        let producers: Vec<String> = participant
            .producers
            .iter()
            .filter(|p| self.producers.get(*p).is_some_and(|p| p.transport == public_id))
            .cloned()
            .collect();
        let consumers: Vec<String> =
            participant.consumers.iter().filter(|(_, c)| c.transport == public_id).map(|(id, _)| id.clone()).collect();
        for producer in producers {
            self.end_producer(owner, &producer);
        }
        for consumer in consumers {
            self.forget_consumer(owner, &consumer);
        }
        if let Some(participant) = self.participants.get_mut(&owner) {
            participant.transports.remove(public_id);
        }
        self.transports.remove(&id);
        Ok((shard, id))
    }
}
