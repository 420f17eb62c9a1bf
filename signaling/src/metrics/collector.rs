//! What is asked for on each scrape.

use super::writer::Writer;
use super::{process, shard};
use crate::registry::Registry as Rooms;
use crate::shards::Shards;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the values come from.
pub(super) struct Live {
    pub(super) shards: Arc<Shards>,
    pub(super) rooms: Arc<Mutex<Rooms>>,
}

pub(super) struct LiveCollector(pub(super) Live);

impl fmt::Debug for LiveCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveCollector")
    }
}

impl Collector for LiveCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut writer = Writer::new(&mut encoder);
        self.rooms(&mut writer)?;
        shard::write(&self.0.shards, &mut writer)?;
        process::write(&mut writer)
    }
}

impl LiveCollector {
    fn rooms(&self, out: &mut Writer<'_, '_>) -> fmt::Result {
        let (totals, loads) = {
            let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            (rooms.totals(), rooms.shard_loads())
        };
        out.gauge("mediasoup_workers_total", "Shards", self.0.shards.infos().len())?;
        out.gauge("mediasoup_routers_total", "Rooms", totals.rooms)?;
        out.gauge("mediasoup_transports_total", "Transports", totals.transports)?;
        out.gauge("mediasoup_producers_total", "Published tracks", totals.producers)?;
        out.gauge("mediasoup_consumers_total", "Subscriptions", totals.consumers)?;
        out.gauge("calls_active_total", "Rooms with someone in them", totals.calls)?;
        out.gauge("calls_mode_p2p_total", "Calls without the server; this server carries every call", 0)?;
        out.gauge("calls_mode_sfu_total", "Calls over the server", totals.calls)?;
        out.gauge("corelay_participants", "Participants, those that linger included", totals.participants)?;
        out.gauge("corelay_participants_lingering", "Participants whose WebSocket is lost", totals.lingering)?;
        let per_shard = |pick: fn(&crate::registry::ShardLoad) -> usize| {
            loads.iter().map(|load| (vec![("shard", load.shard.to_string())], pick(load) as u64)).collect::<Vec<_>>()
        };
        out.gauges("corelay_placed_rooms", "Rooms that signaling placed on the shard", &per_shard(|l| l.placed.rooms))?;
        let participants = per_shard(|l| l.placed.participants);
        out.gauges("corelay_placed_participants", "Participants that signaling placed on the shard", &participants)?;
        let mirrors = per_shard(|l| l.placed.mirrors);
        out.gauges("corelay_placed_mirrors", "Tracks of other shards that signaling made known to the shard", &mirrors)
    }
}
