//! What is known of a participant's media, gathered when it is asked for. Rates are those of the latest [sample](super::sampling).

use super::Core;
use super::sampling::SILENT;
use crate::control::{
    Flow, Flows, LayerStatistics, ParticipantStatistics, Refusal, RemoteCandidate, SubscriptionStatistics, Target, TrackStatistics,
    TransportStatistics, Why,
};
use crate::layer::Layer;
use crate::room::{Rooms, Subscription, Track, TransportEntry};
use core::net::IpAddr;
use core::time::Duration;
use corelay_wire::ids::{ParticipantId, TransportId};
use corelay_wire::media::Kind;
use corelay_wire::units::{ClockRate, Instant};

impl Core {
    pub(super) fn statistics(&self, now: Instant, id: ParticipantId) -> Result<ParticipantStatistics, Refusal> {
        let Self { rooms, .. } = self;
        let slot = rooms.participants.slot_of(id)?;
        let slots = || rooms.participants[slot].transports.iter();
        let transports = || slots().map(|slot| &rooms.transports[*slot]);
        let tracks = transports().flat_map(|entry| entry.tracks.iter().map(|slot| track(entry.id, &rooms.tracks[*slot], now)));
        let subscriptions = transports()
            .flat_map(|entry| entry.subscriptions.iter().map(|slot| subscription(rooms, entry, &rooms.subscriptions[*slot])));
        Ok(ParticipantStatistics {
            participant: id,
            transports: slots().map(|slot| transport(rooms, *slot, now)).collect(),
            tracks: tracks.collect(),
            subscriptions: subscriptions.collect(),
        })
    }
}

/// Flows and losses of many streams in one direction.
#[derive(Default)]
struct Sum {
    flows: Flows,
    /// Packets per second, times the thousandths of them that are lost.
    lost: u64,
    /// Packets per second of those whose loss is known.
    packets: u64,
}

impl Sum {
    fn add(&mut self, kind: Kind, flow: Flow, lost_permille: Option<u16>) {
        match kind {
            Kind::Audio => self.flows.audio += flow,
            Kind::Video => self.flows.video += flow,
        }
        if let Some(lost) = lost_permille {
            self.lost += u64::from(lost) * u64::from(flow.packets_per_second);
            self.packets += u64::from(flow.packets_per_second);
        }
    }

    fn lost_permille(&self) -> Option<u16> {
        self.lost.checked_div(self.packets).map(|lost| lost as u16)
    }
}

fn transport(rooms: &Rooms, slot: u32, now: Instant) -> TransportStatistics {
    let entry = &rooms.transports[slot];
    let (mut received, mut sent, mut resent) = (Sum::default(), Sum::default(), 0);
    for track in entry.tracks.iter().map(|slot| &rooms.tracks[*slot]) {
        for rates in track.layers.iter().filter_map(|layer| layer.tally.meter.rates()) {
            received.add(track.kind, rates.flow, Some(rates.lost_permille));
        }
    }
    for subscription in entry.subscriptions.iter().map(|slot| &rooms.subscriptions[*slot]) {
        let record = &subscription.record;
        resent += record.resent;
        if let Some(rates) = record.meter.rates() {
            sent.add(rooms.tracks[subscription.track].kind, rates.flow, record.lost_permille());
        }
    }
    TransportStatistics {
        transport: entry.id,
        profile: entry.connected,
        remote: entry.transport.path().map(|path| candidate(path.remote.ip())),
        round_trip: entry.round_trip,
        received_lost_permille: received.lost_permille(),
        sent_lost_permille: sent.lost_permille(),
        received: received.flows,
        sent: sent.flows,
        estimate: rooms.congestions.get(slot).and_then(|congestion| congestion.estimate(now)),
        resent,
    }
}

fn candidate(ip: IpAddr) -> RemoteCandidate {
    let private = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    };
    RemoteCandidate { ipv6: ip.is_ipv6(), private }
}

fn clock_of(track: &Track) -> ClockRate {
    track.formats.first().map_or(ClockRate(90_000), |format| format.codec.clock_rate())
}

fn track(transport: TransportId, track: &Track, now: Instant) -> TrackStatistics {
    let is_audio = track.kind == Kind::Audio;
    TrackStatistics {
        track: track.id,
        transport,
        kind: track.kind,
        screen: track.screen,
        paused: track.paused,
        scalability: track.scalability,
        score: track.score,
        dbov: track.hearing.competes.then(|| track.hearing.voice.dbov(now)),
        heard: is_audio && !track.paused && !track.hearing.is_held(),
        layers: track.layers.iter().map(|l| layer(l, is_audio, clock_of(track), now)).collect(),
    }
}

fn layer(layer: &Layer, is_audio: bool, clock: ClockRate, now: Instant) -> LayerStatistics {
    let rates = layer.tally.meter.rates();
    LayerStatistics {
        rid: layer.rid,
        live: layer.last_packet.is_some_and(|at| now.since(at) <= SILENT),
        flow: rates.map(|rates| rates.flow),
        frames_per_second: rates.map(|rates| rates.frames_per_second).filter(|_| !is_audio),
        packets: layer.statistics.received(),
        lost_permille: rates.map(|rates| rates.lost_permille),
        jitter: layer.statistics.jitter(clock),
        keyframes: if is_audio { 0 } else { layer.tally.keyframes },
        keyframe_requests: layer.tally.keyframe_requests,
        nacked: layer.tally.nacked,
        resolution: None,
        score: layer.tally.score,
    }
}

/// What flows, as far as the stream goes; and what is to.
pub(super) fn selection_of(subscription: &Subscription, track: &Track) -> (Option<Target>, Option<Target>, Why) {
    let not_speaking = subscription.left_out || track.hearing.is_held();
    let flowing = subscription.subscriber.mapping.flowing().filter(|_| !not_speaking && !subscription.subscriber.paused);
    let selected = subscription.selection.target;
    let current = flowing.map(|source| match selected {
        Some(target) if target.layer == source.layer => target,
        _ => Target { layer: source.layer, ..Target::default() },
    });
    let (target, why) = match track.kind {
        Kind::Audio => (current, if current.is_some() { Why::Best } else { Why::Waiting }),
        Kind::Video => (selected, if current.is_none() && selected.is_some() { Why::Waiting } else { subscription.selection.why }),
    };
    match (subscription.paused, track.paused) {
        (true, _) => (current, None, Why::Paused),
        (_, true) => (current, None, Why::PublisherPaused),
        _ if not_speaking => (None, None, Why::NotSpeaking),
        _ if track.kind == Kind::Video && subscription.preferences.viewport.is_hidden() => (None, None, Why::Viewport),
        _ => (current, target, why),
    }
}

fn subscription(rooms: &Rooms, entry: &TransportEntry, subscription: &Subscription) -> SubscriptionStatistics {
    let track = &rooms.tracks[subscription.track];
    let record = &subscription.record;
    let (current, target, why) = selection_of(subscription, track);
    let jitter = |ticks: u32| Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(clock_of(track).0));
    SubscriptionStatistics {
        subscription: subscription.id,
        track: track.id,
        transport: entry.id,
        kind: track.kind,
        paused: subscription.paused,
        preferences: subscription.preferences,
        current,
        target,
        why,
        flow: record.meter.rates().map(|rates| rates.flow),
        packets: subscription.subscriber.packets,
        lost_permille: record.lost_permille(),
        jitter: record.report.map(|(_, ticks)| jitter(ticks)),
        round_trip: entry.round_trip,
        nacked: record.nacked,
        resent: record.resent,
        score: record.score,
    }
}
