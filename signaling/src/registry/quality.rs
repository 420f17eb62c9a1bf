//! What a participant wishes of what it receives, and what it is told of what it gets.

use super::Registry;
use super::names::Named;
use crate::protocol::{
    Notification, PreferredLayers, ProtocolError, SetConsumerFollowSpeakers, SetConsumerPreferredLayers, SetConsumerPriority,
    SetConsumerViewport,
};
use corelay_engine::control::{Command, LAYERS_MAX, Preferences, Target, Viewport, Why};
use corelay_wire::ids::{ParticipantId, SubscriptionId, TrackId};

/// What a subscription begins with.
pub(super) fn preferences(consume: &crate::protocol::Consume) -> Preferences {
    let defaults = Preferences::default();
    let (spatial, temporal) = limits(consume.preferred_layers);
    Preferences {
        spatial,
        temporal,
        priority: consume.priority.map_or(defaults.priority, Into::into),
        viewport: consume.viewport.map_or(defaults.viewport, |v| Viewport { width: v.width, height: v.height }),
        follows_speakers: consume.follow_speakers,
    }
}

fn limits(layers: PreferredLayers) -> (u8, u8) {
    (layers.spatial_layer.unwrap_or(Preferences::ANY_LAYER), layers.temporal_layer.unwrap_or(Preferences::ANY_LAYER))
}

impl Registry {
    /// Limits the layers of an own consumer.
    pub(crate) fn prefer_layers(&self, owner: ParticipantId, wish: &SetConsumerPreferredLayers) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, &wish.consumer_id)?;
        let (spatial, temporal) =
            limits(PreferredLayers { spatial_layer: wish.spatial_layer, temporal_layer: wish.temporal_layer });
        self.shards.post(shard, Command::PreferLayers { subscription, spatial, temporal });
        Ok(())
    }

    /// Weighs an own consumer.
    pub(crate) fn set_priority(&self, owner: ParticipantId, wish: &SetConsumerPriority) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, &wish.consumer_id)?;
        self.shards.post(shard, Command::SetPriority { subscription, priority: wish.priority.get() });
        Ok(())
    }

    /// An own consumer is shown in another size.
    pub(crate) fn set_viewport(&self, owner: ParticipantId, wish: &SetConsumerViewport) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, &wish.consumer_id)?;
        let viewport = Viewport { width: wish.width, height: wish.height };
        self.shards.post(shard, Command::SetViewport { subscription, viewport });
        Ok(())
    }

    /// An own consumer follows the speakers, or does no more.
    pub(crate) fn follow_speakers(&self, owner: ParticipantId, wish: &SetConsumerFollowSpeakers) -> Result<(), ProtocolError> {
        let (shard, subscription) = self.own_consumer(owner, &wish.consumer_id)?;
        self.shards.post(shard, Command::FollowSpeakers { subscription, follow: wish.follow });
        Ok(())
    }

    /// A subscription gets other layers.
    pub(crate) fn selection_changed(&self, subscription: SubscriptionId, layers: Option<Target>, why: Why) {
        self.tell_receiver(subscription, |consumer_id| Notification::ConsumerLayersChanged {
            consumer_id,
            layers: layers.map(Into::into),
            why: why.into(),
        });
    }

    /// The quality of what a subscription gets moved.
    pub(crate) fn subscription_scored(&self, subscription: SubscriptionId, score: u8, producer_score: u8) {
        self.tell_receiver(subscription, |consumer_id| Notification::ConsumerScore { consumer_id, score, producer_score });
    }

    /// The quality of a track as it arrives moved.
    pub(crate) fn track_scored(&self, track: TrackId, score: u8, layers: &[Option<u8>; LAYERS_MAX]) {
        self.tell_publisher(track, |producer_id, streams| Notification::ProducerScore {
            producer_id,
            score,
            encodings: layers.iter().copied().take(streams).collect(),
        });
    }

    /// Others of a track's layers are received than before.
    pub(crate) fn layers_wanted(&self, track: TrackId, layers: u8) {
        self.tell_publisher(track, |producer_id, streams| Notification::ProducerLayersWanted {
            producer_id,
            encodings: (0..streams).map(|stream| layers >> stream & 1 == 1).collect(),
        });
    }

    fn tell_receiver(&self, subscription: SubscriptionId, told: impl FnOnce(String) -> Notification) {
        // One that ended meanwhile has nobody to tell.
        let Some(Named { owner, public_id }) = self.names.subscriptions.get(&subscription) else { return };
        self.tell(*owner, || told(public_id.clone()));
    }

    fn tell_publisher(&self, track: TrackId, told: impl FnOnce(String, usize) -> Notification) {
        let Some(named) = self.names.tracks.get(&track) else { return };
        self.tell(named.named.owner, || told(named.named.public_id.clone(), named.streams));
    }
}
