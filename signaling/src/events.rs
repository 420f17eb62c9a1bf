//! What the shards tell: answers to whoever waits, states of transports to their owners, durations to the metrics.

use crate::app::App;
use crate::protocol::{Notification, TransportStateName};
use corelay_engine::control::{Event, TransportFailure, TransportState};
use corelay_wire::ids::{ShardId, TransportId};

/// Takes in one event.
pub(crate) fn handle(app: &App, (shard, event): (ShardId, Event)) {
    match event {
        Event::Reply { request, result } => app.shards.answer(request, result),
        Event::TransportState { transport, state } => transport_state(app, transport, state),
        Event::TrackStarted { after, .. } => app.metrics.track_started(after),
        Event::SubscriptionStarted { after, .. } => app.metrics.subscription_started(after),
        Event::SelectionChanged { subscription, layers, why } => app.registry().selection_changed(subscription, layers, why),
        Event::SubscriptionScore { subscription, score, track_score } => {
            app.registry().subscription_scored(subscription, score, track_score);
        }
        Event::TrackScore { track, score, layers } => app.registry().track_scored(track, score, &layers),
        Event::LayersWanted { track, layers } => app.registry().layers_wanted(track, layers),
        Event::Speakers { room, active, loudest } => app.registry().speakers_heard(shard, room, active, &loudest),
        Event::Trace { participant, at, trace } => app.registry().traced(participant, at, trace),
        Event::RoomEnded { room, reason } => {
            tracing::error!(%shard, %room, ?reason, "a room ended on a shard; its participants there are told to connect again");
            app.registry().room_ended(shard, room, reason);
        }
    }
}

fn transport_state(app: &App, id: TransportId, state: TransportState) {
    let mut registry = app.registry();
    if let TransportState::Connected { after, .. } = state
        && registry.connects_first(id)
    {
        app.metrics.transport_connected(after);
    }
    // One that was closed meanwhile has nobody to tell.
    let Some((owner, public_id)) = registry.transport_owner(id) else { return };
    let (state, reason) = on_the_wire(&state);
    tracing::debug!(transport = public_id, ?state, reason, "transport");
    if let Some(session) = &owner.session {
        session.notify(&Notification::TransportState { transport_id: public_id.to_owned(), state, reason });
    }
}

fn on_the_wire(state: &TransportState) -> (TransportStateName, Option<&'static str>) {
    match state {
        TransportState::New => (TransportStateName::New, None),
        TransportState::Checking => (TransportStateName::Checking, None),
        TransportState::Connecting => (TransportStateName::Connecting, None),
        TransportState::Connected { .. } => (TransportStateName::Connected, None),
        TransportState::Disconnected => (TransportStateName::Disconnected, None),
        TransportState::Closed => (TransportStateName::Closed, None),
        TransportState::Failed(failure) => (TransportStateName::Failed, Some(failure_reason(*failure))),
    }
}

const fn failure_reason(failure: TransportFailure) -> &'static str {
    match failure {
        TransportFailure::ConsentExpired => "consent-expired",
        TransportFailure::FingerprintMismatch => "fingerprint-mismatch",
        TransportFailure::Handshake => "handshake",
    }
}
