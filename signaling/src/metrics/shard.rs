//! What the shards posted last, one row a shard.

use super::writer::{HistogramRow, Rows, Writer};
use crate::shards::Shards;
use corelay_engine::ShardSnapshot;
use std::fmt;
use std::sync::Arc;

const NANOS: f64 = 1e9;
const TURN_TIME_BOUNDS_S: &[f64] = &[10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 0.1, 1.0];
const RUN_LENGTH_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

pub(super) fn write(shards: &Shards, out: &mut Writer<'_, '_>) -> fmt::Result {
    let snapshots: Vec<Arc<ShardSnapshot>> = shards.infos().iter().map(|info| shards.snapshot(info.id)).collect();
    traffic(&snapshots, out)?;
    contents(&snapshots, out)?;
    work(&snapshots, out)?;
    drops(&snapshots, out)
}

fn rows(snapshots: &[Arc<ShardSnapshot>], pick: impl Fn(&ShardSnapshot) -> u64) -> Rows {
    snapshots.iter().map(|s| (vec![("shard", s.shard.to_string())], pick(s))).collect()
}

fn traffic(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.counters("corelay_datagrams_in", "Datagrams that came in", &rows(all, |s| s.core.datagrams_in))?;
    out.counters("corelay_bytes_in", "Bytes of datagrams that came in", &rows(all, |s| s.core.bytes_in))?;
    out.counters("corelay_packets_in", "RTP packets that were accepted into a track", &rows(all, |s| s.core.packets_in))?;
    out.counters("corelay_datagrams_out", "Datagrams that were sent", &rows(all, |s| s.core.datagrams_out))?;
    out.counters("corelay_bytes_out", "Bytes of datagrams that were sent", &rows(all, |s| s.core.bytes_out))?;
    out.counters("corelay_packets_out", "RTP packets that were sealed for a subscriber", &rows(all, |s| s.core.packets_out))?;
    out.counters("corelay_runs_out", "Runs that were sent", &rows(all, |s| s.core.runs_out))?;
    out.counters("corelay_keyframe_requests_in", "Keyframe requests of subscribers", &rows(all, |s| s.core.keyframe_requests_in))?;
    out.counters("corelay_keyframe_requests_out", "Keyframe requests to publishers", &rows(all, |s| s.core.keyframe_requests_out))
}

fn contents(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.gauges("corelay_rooms", "Rooms", &rows(all, |s| s.core.rooms))?;
    out.gauges("corelay_shard_participants", "Participants", &rows(all, |s| s.core.participants))?;
    out.gauges("corelay_transports", "Transports", &rows(all, |s| s.core.transports))?;
    out.gauges("corelay_tracks", "Tracks", &rows(all, |s| s.core.tracks))?;
    out.gauges("corelay_subscriptions", "Subscriptions", &rows(all, |s| s.core.subscriptions))?;
    // The order of `SrtpProfile`, which is that of the counters.
    let profiles = ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"];
    let by_profile: Rows = all
        .iter()
        .flat_map(|s| {
            profiles
                .iter()
                .zip(s.core.connected)
                .map(|(p, n)| (vec![("shard", s.shard.to_string()), ("profile", (*p).to_owned())], n))
        })
        .collect();
    out.gauges("corelay_transports_connected", "Connected transports, by SRTP profile", &by_profile)
}

fn work(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.counters("corelay_turns", "Turns of the loop", &rows(all, |s| s.turns))?;
    out.counters("corelay_wake_ups", "Turns that a waker began", &rows(all, |s| s.wake_ups))?;
    out.counters("corelay_send_calls", "System calls or submissions that sending took", &rows(all, |s| s.send_calls))?;
    out.counters("corelay_commands", "Commands carried out", &rows(all, |s| s.commands))?;
    out.counters("corelay_commands_refused", "Commands that found the mailbox full", &rows(all, |s| s.commands_refused))?;
    out.counters("corelay_shard_restarts", "Times that the shard failed and started anew", &rows(all, |s| s.restarts))?;
    out.counters("corelay_packets_refused", "Packets that the kernel refused to send", &rows(all, |s| s.packets_refused))?;
    out.counters("corelay_datagrams_truncated", "Datagrams longer than a buffer", &rows(all, |s| s.datagrams_truncated))?;
    let turn_times: Vec<HistogramRow> = all.iter().map(|s| histogram(s, TurnTime)).collect();
    out.histograms("corelay_turn_seconds", "Work per turn, without the sleep", &turn_times)?;
    let run_lengths: Vec<HistogramRow> = all.iter().map(|s| histogram(s, RunLength)).collect();
    out.histograms("corelay_run_length", "Packets per run that was sent", &run_lengths)
}

enum Which {
    TurnTime,
    RunLength,
}
use Which::{RunLength, TurnTime};

fn histogram(snapshot: &ShardSnapshot, which: Which) -> HistogramRow {
    let (values, bounds, scale) = match which {
        TurnTime => (&snapshot.turn_time_ns, TURN_TIME_BOUNDS_S, NANOS),
        RunLength => (&snapshot.run_length, RUN_LENGTH_BOUNDS, 1.0),
    };
    let mut below = 0;
    let mut buckets: Vec<(f64, u64)> = bounds
        .iter()
        .map(|bound| {
            let until = (bound * scale) as u64;
            let count = values.count_between(below, until);
            below = until + 1;
            (*bound, count)
        })
        .collect();
    buckets.push((f64::MAX, values.count_between(below, u64::MAX)));
    HistogramRow {
        labels: vec![("shard", snapshot.shard.to_string())],
        sum: values.mean() / scale * values.len() as f64,
        count: values.len(),
        buckets,
    }
}

fn drops(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    let by_reason: Rows = all
        .iter()
        .flat_map(|s| {
            let shard = s.shard.to_string();
            s.core.drops.iter().map(move |(reason, n)| (vec![("shard", shard.clone()), ("reason", reason.label().to_owned())], n))
        })
        .collect();
    out.counters("corelay_drops", "Datagrams and packets that were not processed, by reason", &by_reason)
}
