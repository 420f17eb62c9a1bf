//! Numbers that a shard could have counted.

use arrayvec::ArrayVec;
use corelay_engine::control::{
    Flow, Flows, LayerStatistics, Preferences, RemoteCandidate, ScalabilityMode, SrtpProfile, SubscriptionStatistics, Target,
    TrackStatistics, TransportStatistics, Viewport, Why,
};
use corelay_wire::ids::{SubscriptionId, TrackId, TransportId};
use corelay_wire::media::Kind;
use corelay_wire::units::{Bitrate, Rid};
use std::time::Duration;

const FLOW: Flow = Flow { bitrate: Bitrate(400_000), packets_per_second: 50 };

pub(crate) fn transport_statistics(transport: TransportId) -> TransportStatistics {
    TransportStatistics {
        transport,
        profile: Some(SrtpProfile::AeadAes128Gcm),
        remote: Some(RemoteCandidate { ipv6: false, private: true }),
        round_trip: Some(Duration::from_micros(40_250)),
        received: Flows::default(),
        sent: Flows { video: FLOW, ..Flows::default() },
        received_lost_permille: None,
        sent_lost_permille: Some(105),
        estimate: Some(Bitrate(1_200_000)),
        resent: 7,
    }
}

pub(crate) fn track_statistics(track: TrackId, transport: TransportId) -> TrackStatistics {
    let layer = LayerStatistics {
        rid: Some(Rid::from("r0").expect("fits")),
        live: true,
        flow: Some(FLOW),
        frames_per_second: Some(30),
        packets: 1_000,
        lost_permille: Some(0),
        jitter: Some(Duration::from_millis(3)),
        keyframes: 2,
        keyframe_requests: 1,
        nacked: 0,
        resolution: Some((320, 180)),
        score: Some(10),
    };
    TrackStatistics {
        track,
        transport,
        kind: Kind::Video,
        screen: false,
        paused: false,
        scalability: ScalabilityMode::default(),
        score: Some(10),
        dbov: None,
        heard: true,
        layers: ArrayVec::from_iter([layer]),
    }
}

pub(crate) fn subscription_statistics(
    subscription: SubscriptionId,
    transport: TransportId,
    track: TrackId,
) -> SubscriptionStatistics {
    SubscriptionStatistics {
        subscription,
        track,
        transport,
        kind: Kind::Video,
        paused: false,
        preferences: Preferences { temporal: 1, viewport: Viewport { width: 320, height: 180 }, ..Preferences::default() },
        current: Some(Target { layer: 1, spatial: 0, temporal: 2 }),
        target: None,
        why: Why::Bandwidth { estimate: Bitrate(1_200_000) },
        flow: Some(FLOW),
        packets: 900,
        lost_permille: Some(105),
        jitter: None,
        round_trip: Some(Duration::from_millis(40)),
        nacked: 9,
        resent: 7,
        score: Some(6),
    }
}
