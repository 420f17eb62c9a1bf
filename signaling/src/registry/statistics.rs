//! What the shards say of participants, in the names of the wire.

use super::{Producer, Registry};
use crate::protocol::{
    ConsumerStats, EncodingStats, FlowStats, FlowsStats, ParticipantStats, PreferredLayers, ProducerStats, TransportStats, Viewport,
};
use corelay_engine::control::{
    self as engine, Flow, Flows, LayerStatistics, ParticipantStatistics, Preferences, SrtpProfile, SubscriptionStatistics,
    TrackStatistics, TransportStatistics,
};
use corelay_wire::ids::{ParticipantId, ShardId, TrackId};
use corelay_wire::media::Kind;
use std::time::Duration;

impl Registry {
    /// Where to ask for the numbers of a participant.
    pub(crate) fn shard_of(&self, id: ParticipantId) -> Option<ShardId> {
        self.participants.get(&id).map(|p| p.shard)
    }

    /// Who is in a room, by identity. Nothing: there is no such room.
    pub(crate) fn members(&self, room: &str) -> Option<Vec<(String, ParticipantId)>> {
        let members = self.rooms.get(room)?.participants.iter();
        Some(members.map(|(identity, id)| (identity.clone(), *id)).collect())
    }

    /// The numbers of a participant; nothing if it left meanwhile. What ended meanwhile is left out.
    pub(crate) fn describe(&self, stats: &ParticipantStatistics) -> Option<ParticipantStats> {
        Some(ParticipantStats {
            participant_id: self.participants.get(&stats.participant)?.public_id.clone(),
            transports: stats.transports.iter().filter_map(|t| self.transport_stats(t)).collect(),
            producers: stats.tracks.iter().filter_map(|t| self.producer_stats(t)).collect(),
            consumers: stats.subscriptions.iter().filter_map(|s| self.consumer_stats(s)).collect(),
        })
    }

    fn transport_stats(&self, stats: &TransportStatistics) -> Option<TransportStats> {
        Some(TransportStats {
            transport_id: self.transports.get(&stats.transport)?.1.clone(),
            srtp_profile: stats.profile.map(profile_name),
            address_family: stats.remote.map(|remote| if remote.ipv6 { "ipv6" } else { "ipv4" }),
            address_is_private: stats.remote.map(|remote| remote.private),
            round_trip_ms: stats.round_trip.map(ms),
            received: flows(stats.received),
            sent: flows(stats.sent),
            received_lost_percent: stats.received_lost_permille.map(percent),
            sent_lost_percent: stats.sent_lost_permille.map(percent),
            estimate_bps: stats.estimate.map(|estimate| estimate.0),
            resent: stats.resent,
        })
    }

    fn producer(&self, track: TrackId) -> Option<(&str, &Producer)> {
        let public_id = &self.names.tracks.get(&track)?.named.public_id;
        self.producers.get_key_value(public_id).map(|(public_id, producer)| (public_id.as_str(), producer))
    }

    fn producer_stats(&self, stats: &TrackStatistics) -> Option<ProducerStats> {
        let (producer_id, producer) = self.producer(stats.track)?;
        Some(ProducerStats {
            producer_id: producer_id.to_owned(),
            transport_id: self.transports.get(&stats.transport)?.1.clone(),
            kind: producer.kind,
            source: producer.source,
            paused: stats.paused,
            score: stats.score,
            dbov: stats.dbov,
            heard: (stats.kind == Kind::Audio).then_some(stats.heard),
            encodings: stats.layers.iter().map(encoding_stats).collect(),
        })
    }

    fn consumer_stats(&self, stats: &SubscriptionStatistics) -> Option<ConsumerStats> {
        let (producer_id, producer) = self.producer(stats.track)?;
        Some(ConsumerStats {
            consumer_id: self.names.subscriptions.get(&stats.subscription)?.public_id.clone(),
            producer_id: producer_id.to_owned(),
            publisher_id: self.participants.get(&producer.participant)?.public_id.clone(),
            transport_id: self.transports.get(&stats.transport)?.1.clone(),
            kind: producer.kind,
            source: producer.source,
            paused: stats.paused,
            priority: stats.preferences.priority,
            preferred_layers: PreferredLayers {
                spatial_layer: limit(stats.preferences.spatial),
                temporal_layer: limit(stats.preferences.temporal),
            },
            viewport: viewport(stats.preferences.viewport),
            layers: stats.current.map(Into::into),
            target_layers: stats.target.map(Into::into),
            why: stats.why.into(),
            flow: stats.flow.map(flow),
            packets: stats.packets,
            lost_percent: stats.lost_permille.map(percent),
            jitter_ms: stats.jitter.map(ms),
            round_trip_ms: stats.round_trip.map(ms),
            nacked: stats.nacked,
            resent: stats.resent,
            score: stats.score,
        })
    }
}

fn encoding_stats(stats: &LayerStatistics) -> EncodingStats {
    EncodingStats {
        rid: stats.rid.map(|rid| rid.to_string()),
        live: stats.live,
        flow: stats.flow.map(flow),
        frames_per_second: stats.frames_per_second,
        width: stats.resolution.map(|(width, _)| width),
        height: stats.resolution.map(|(_, height)| height),
        packets: stats.packets,
        lost_percent: stats.lost_permille.map(percent),
        jitter_ms: stats.jitter.map(ms),
        keyframes: stats.keyframes,
        keyframe_requests: stats.keyframe_requests,
        nacked: stats.nacked,
        score: stats.score,
    }
}

/// A limit of layers, if it is one.
fn limit(layer: u8) -> Option<u8> {
    (layer != Preferences::ANY_LAYER).then_some(layer)
}

fn viewport(viewport: engine::Viewport) -> Option<Viewport> {
    (viewport != engine::Viewport::ANY).then_some(Viewport { width: viewport.width, height: viewport.height })
}

fn flow(flow: Flow) -> FlowStats {
    FlowStats { bitrate_bps: flow.bitrate.0, packets_per_second: flow.packets_per_second }
}

fn flows(flows: Flows) -> FlowsStats {
    FlowsStats { audio: flow(flows.audio), video: flow(flows.video) }
}

/// To a tenth: what a person reads.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}

fn percent(permille: u16) -> f64 {
    f64::from(permille) / 10.0
}

const fn profile_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AeadAes128Gcm => "aead-aes-128-gcm",
        SrtpProfile::AeadAes256Gcm => "aead-aes-256-gcm",
        SrtpProfile::Aes128CmSha1_80 => "aes-cm-128-hmac-sha1-80",
    }
}
