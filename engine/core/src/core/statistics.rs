//! What is known of a participant's media, gathered when it is asked for.

use super::Core;
use crate::control::{
    Flows, LayerStatistics, ParticipantStatistics, Refusal, RemoteCandidate, SubscriptionStatistics, Target, TrackStatistics,
    TransportStatistics, Why,
};
use crate::layer::Layer;
use crate::room::{Rooms, Subscription, Track, TransportEntry};
use core::net::IpAddr;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, TransportId};
use corelay_wire::media::Kind;
use corelay_wire::units::{ClockRate, Instant};

/// A layer that was silent for longer does not send.
const SILENT: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn statistics(&self, now: Instant, id: ParticipantId) -> Result<ParticipantStatistics, Refusal> {
        let Self { rooms, .. } = self;
        let slot = rooms.participants.slot_of(id)?;
        let transports = || rooms.participants[slot].transports.iter().map(|slot| &rooms.transports[*slot]);
        let tracks = transports().flat_map(|entry| entry.tracks.iter().map(|slot| track(entry.id, &rooms.tracks[*slot], now)));
        let subscriptions = transports()
            .flat_map(|entry| entry.subscriptions.iter().map(|slot| subscription(rooms, entry, &rooms.subscriptions[*slot])));
        Ok(ParticipantStatistics {
            participant: id,
            transports: transports().map(transport).collect(),
            tracks: tracks.collect(),
            subscriptions: subscriptions.collect(),
        })
    }
}

fn transport(entry: &TransportEntry) -> TransportStatistics {
    TransportStatistics {
        transport: entry.id,
        profile: entry.connected,
        remote: entry.transport.path().map(|path| candidate(path.remote.ip())),
        round_trip: entry.round_trip,
        received: Flows::default(),
        sent: Flows::default(),
        received_lost_permille: None,
        sent_lost_permille: None,
        estimate: None,
        resent: 0,
    }
}

fn candidate(ip: IpAddr) -> RemoteCandidate {
    let private = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    };
    RemoteCandidate { ipv6: ip.is_ipv6(), private }
}

fn track(transport: TransportId, track: &Track, now: Instant) -> TrackStatistics {
    let clock = track.formats.first().map_or(ClockRate(90_000), |f| f.codec.clock_rate());
    TrackStatistics {
        track: track.id,
        transport,
        kind: track.kind,
        screen: track.screen,
        paused: track.paused,
        scalability: track.scalability,
        score: None,
        dbov: track.hearing.competes.then(|| track.hearing.voice.dbov(now)),
        heard: track.kind == Kind::Audio && !track.paused && !track.hearing.is_held(),
        layers: track.layers.iter().map(|l| layer(l, clock, now)).collect(),
    }
}

fn layer(layer: &Layer, clock: ClockRate, now: Instant) -> LayerStatistics {
    LayerStatistics {
        rid: layer.rid,
        live: layer.last_packet.is_some_and(|at| now.since(at) <= SILENT),
        flow: None,
        frames_per_second: None,
        packets: layer.statistics.received(),
        lost_permille: None,
        jitter: layer.statistics.jitter(clock),
        keyframes: 0,
        keyframe_requests: 0,
        nacked: 0,
        resolution: None,
        score: None,
    }
}

fn subscription(rooms: &Rooms, entry: &TransportEntry, subscription: &Subscription) -> SubscriptionStatistics {
    let track = &rooms.tracks[subscription.track];
    let subscriber = &subscription.subscriber;
    let not_speaking = subscription.left_out || track.hearing.is_held();
    let current =
        subscriber.mapping.flowing().filter(|_| !not_speaking).map(|source| Target { layer: source.layer, ..Target::default() });
    let why = match (subscription.paused, track.paused) {
        (true, _) => Why::Paused,
        (_, true) => Why::PublisherPaused,
        _ if not_speaking => Why::NotSpeaking,
        _ if current.is_none() => Why::Waiting,
        _ => Why::Best,
    };
    SubscriptionStatistics {
        subscription: subscription.id,
        track: track.id,
        transport: entry.id,
        kind: track.kind,
        paused: subscription.paused,
        preferences: subscription.preferences,
        current,
        target: current,
        why,
        flow: None,
        packets: subscriber.packets,
        lost_permille: None,
        jitter: None,
        round_trip: entry.round_trip,
        nacked: 0,
        resent: 0,
        score: None,
    }
}
