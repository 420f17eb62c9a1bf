//! What the wire calls what the shards speak of.
//!
//! A shard may tell of a track or a subscription before its answer to whoever asked for it has been taken in. So a name is known from
//! the plan on, and the client may hear of a thing a moment before its own request is answered.

use corelay_wire::ids::{ParticipantId, SubscriptionId, TrackId};
use std::collections::HashMap;

/// Whose a thing is and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) owner: ParticipantId,
    pub(super) public_id: String,
}

/// A track with its name.
#[derive(Clone, Debug)]
pub(super) struct NamedTrack {
    pub(super) named: Named,
    /// Its encodings.
    pub(super) streams: usize,
}

/// Tracks and subscriptions by what the shards call them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) tracks: HashMap<TrackId, NamedTrack>,
    pub(super) subscriptions: HashMap<SubscriptionId, Named>,
}

/// What was planned and is not there yet.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    tracks: Vec<TrackId>,
    subscriptions: Vec<SubscriptionId>,
}

impl Names {
    pub(super) fn plan_track(&mut self, owner: ParticipantId, plans: &mut Plans, track: TrackId, public_id: &str, streams: usize) {
        let named = Named { owner, public_id: public_id.to_owned() };
        self.tracks.insert(track, NamedTrack { named, streams });
        plans.tracks.push(track);
    }

    pub(super) fn plan_subscription(
        &mut self,
        owner: ParticipantId,
        plans: &mut Plans,
        subscription: SubscriptionId,
        public_id: &str,
    ) {
        self.subscriptions.insert(subscription, Named { owner, public_id: public_id.to_owned() });
        plans.subscriptions.push(subscription);
    }

    /// Nothing that was planned will be.
    pub(super) fn forget_plans(&mut self, plans: &Plans) {
        plans.tracks.iter().for_each(|track| drop(self.tracks.remove(track)));
        plans.subscriptions.iter().for_each(|subscription| drop(self.subscriptions.remove(subscription)));
    }
}

impl Plans {
    /// The track is there, or will not be.
    pub(super) fn end_track(&mut self, track: TrackId) {
        self.tracks.retain(|one| *one != track);
    }

    /// The subscription is there, or will not be.
    pub(super) fn end_subscription(&mut self, subscription: SubscriptionId) {
        self.subscriptions.retain(|one| *one != subscription);
    }
}
