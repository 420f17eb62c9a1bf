//! Mirrors: what a shard knows of a track that is published on another, so that its participants can subscribe to it.
//!
//! A shard is asked for the mirror by the first consumer there, planned ones included, and told to close it after the last one, or when
//! the track ends. Commands to one shard are carried out in the order in which they were sent, and a consumer's `Subscribe` is
//! sent behind the `Mirror` without waiting for its answer. So nothing has to wait: whoever comes second finds the mirror asked
//! for, and a track that ends meanwhile sends its `CloseTrack` behind the `Mirror` as well.
//!
//! ```text
//! none --first use: Mirror--> asked --last release, or the end of the track: CloseTrack--> none
//!                             |    ^
//!                     refused |    | next use: Mirror
//!                             v    |
//!                            missing
//! ```

use super::Registry;
use crate::protocol::ProtocolError;
use crate::shards::Asked;
use corelay_engine::control::Command;
use corelay_wire::ids::{ParticipantId, ShardId, SubscriptionId};

/// What a shard that is not a producer's own has of it.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// Consumers on the shard, with those that are planned. Never zero.
    uses: usize,
    /// Whether the shard was asked for it and did not refuse. Where this is wrong, the next consumer has it asked again.
    is_asked: bool,
}

impl Registry {
    /// Lets a consumer-to-be of `owner` use a producer. If the shard has to be asked for a mirror for that, it is, and what is given
    /// will know whether it refused.
    pub(super) fn use_track(
        &mut self,
        owner: ParticipantId,
        subscription: SubscriptionId,
        producer_id: &str,
    ) -> Result<Option<Asked>, ProtocolError> {
        let (Some(user), Some(producer)) = (self.participants.get(&owner), self.producers.get(producer_id)) else {
            return Ok(None);
        };
        let Some(publisher) = self.participants.get(&producer.participant).filter(|p| p.shard != user.shard) else {
            return Ok(None);
        };
        let shard = user.shard;
        let mut asked = None;
        if !producer.mirrors.get(&shard).is_some_and(|mirror| mirror.is_asked) {
            let room = self.rooms.get(&user.room).expect("a participant has a room").id;
            let (track, source, cname, paused) = (producer.id, publisher.shard, publisher.cname, producer.paused);
            let parameters = producer.parameters.clone();
            let mirror = |request| Command::Mirror { request, room, track, source, cname, parameters, paused };
            asked = Some(self.shards.ask(shard, mirror)?);
        }
        let producer = self.producers.get_mut(producer_id).expect("found above");
        let mirror = producer.mirrors.entry(shard).or_insert_with(|| {
            self.placed[usize::from(shard.0)].mirrors += 1;
            Mirror { uses: 0, is_asked: true }
        });
        mirror.uses += 1;
        mirror.is_asked = true;
        self.participants.get_mut(&owner).expect("found above").planned.push((subscription, producer_id.to_owned()));
        Ok(asked)
    }

    /// One consumer less on `shard`: after the last one, the shard need not know the track any more. Nothing where the producer is at
    /// home, or ended.
    pub(super) fn release_track(&mut self, producer_id: &str, shard: ShardId) {
        let Some(producer) = self.producers.get_mut(producer_id) else { return };
        let Some(mirror) = producer.mirrors.get_mut(&shard) else { return };
        mirror.uses -= 1;
        if mirror.uses == 0 {
            producer.mirrors.remove(&shard);
            self.placed[usize::from(shard.0)].mirrors -= 1;
            // Even where the mirror is missing: one that was asked for again may be on its way.
            self.shards.post(shard, Command::CloseTrack { track: producer.id });
        }
    }

    /// The shard does not have the mirror after all. Whether it should.
    pub(super) fn miss_mirror(&mut self, producer_id: &str, shard: ShardId) -> bool {
        let mirror = self.producers.get_mut(producer_id).and_then(|producer| producer.mirrors.get_mut(&shard));
        mirror.map(|mirror| mirror.is_asked = false).is_some()
    }
}
