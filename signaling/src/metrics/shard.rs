//! What the shards posted last, one row a shard.

use super::distribution::Distribution;
use super::writer::{Labels, Rows, Writer};
use crate::shards::Shards;
use corelay_engine::ShardSnapshot;
use corelay_engine::control::Why;
use hdrhistogram::Histogram;
use std::fmt;
use std::sync::Arc;

const NANOS: f64 = 1e9;
/// From a send that follows at once to a packet that is of no use any more.
const FORWARD_BOUNDS_S: &[f64] =
    &[25e-6, 50e-6, 75e-6, 100e-6, 150e-6, 250e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1.0];
const TURN_TIME_BOUNDS_S: &[f64] = &[10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 0.1, 1.0];
const RUN_LENGTH_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const BATCH_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

pub(super) fn write(shards: &Shards, out: &mut Writer<'_, '_>) -> fmt::Result {
    let snapshots: Vec<Arc<ShardSnapshot>> = shards.infos().iter().map(|info| shards.snapshot(info.id)).collect();
    traffic(&snapshots, out)?;
    quality(&snapshots, out)?;
    contents(&snapshots, out)?;
    work(&snapshots, out)?;
    load(&snapshots, out)?;
    histograms(&snapshots, out)?;
    drops(&snapshots, out)
}

fn label(snapshot: &ShardSnapshot) -> Labels {
    vec![("shard", snapshot.shard.to_string())]
}

fn rows(snapshots: &[Arc<ShardSnapshot>], pick: impl Fn(&ShardSnapshot) -> u64) -> Rows {
    snapshots.iter().map(|s| (label(s), pick(s))).collect()
}

/// A row for each shard and each of what `all` gives of it.
fn rows_by<'a, I>(snapshots: &'a [Arc<ShardSnapshot>], name: &'static str, all: impl Fn(&'a ShardSnapshot) -> I) -> Rows
where
    I: Iterator<Item = (&'static str, u64)>,
{
    let of = |s: &'a Arc<ShardSnapshot>| all(s).map(|(value, n)| ([label(s), vec![(name, value.to_owned())]].concat(), n));
    snapshots.iter().flat_map(of).collect()
}

fn traffic(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.counters("corelay_datagrams_in", "Datagrams that came in", &rows(all, |s| s.core.datagrams_in))?;
    out.counters("corelay_bytes_in", "Bytes of datagrams that came in", &rows(all, |s| s.core.bytes_in))?;
    out.counters("corelay_packets_in", "RTP packets that were accepted into a track", &rows(all, |s| s.core.packets_in))?;
    out.counters("corelay_datagrams_out", "Datagrams that were sent", &rows(all, |s| s.core.datagrams_out))?;
    out.counters("corelay_bytes_out", "Bytes of datagrams that were sent", &rows(all, |s| s.core.bytes_out))?;
    out.counters("corelay_packets_out", "RTP packets that were sealed for a subscriber", &rows(all, |s| s.core.packets_out))?;
    out.counters("corelay_runs_out", "Runs that were sent", &rows(all, |s| s.core.runs_out))?;
    out.counters("corelay_relayed_out", "Packets that were relayed to other shards", &rows(all, |s| s.core.relayed_out))?;
    out.counters("corelay_relayed_in", "Packets that other shards relayed", &rows(all, |s| s.core.relayed_in))?;
    out.counters(
        "corelay_fast_starts",
        "Subscriptions that began with a keyframe that was there",
        &rows(all, |s| s.core.fast_starts),
    )?;
    let what = "Subscriptions that had to wait for a new keyframe";
    out.counters("corelay_fast_starts_declined", what, &rows(all, |s| s.core.fast_starts_declined))?;
    out.counters("corelay_keyframe_requests_in", "Keyframe requests of subscribers", &rows(all, |s| s.core.keyframe_requests_in))?;
    out.counters("corelay_keyframe_requests_out", "Keyframe requests to publishers", &rows(all, |s| s.core.keyframe_requests_out))
}

/// Sums over all participants of a shard: what one of them has is told by its statistics.
fn quality(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.counters("corelay_nacks_in", "Lost packets that subscribers asked for", &rows(all, |s| s.core.nacks_in))?;
    out.counters("corelay_nacks_out", "Lost packets that publishers were asked for", &rows(all, |s| s.core.nacks_out))?;
    let again = "Lost packets that publishers sent again, under an SSRC of their own";
    out.counters("corelay_retransmissions_in", again, &rows(all, |s| s.core.retransmissions_in))?;
    out.counters("corelay_retransmissions_out", "Lost packets that were sent again", &rows(all, |s| s.core.retransmissions_out))?;
    out.counters("corelay_given_up", "Packets that publishers were asked for in vain", &rows(all, |s| s.core.given_up))?;
    out.counters("corelay_feedback_out", "Feedback packets to publishers", &rows(all, |s| s.core.feedback_out))?;
    let switches = rows_by(all, "why", |s| Why::LABELS.into_iter().zip(s.core.selections[0]));
    out.counters("corelay_layer_switches", "Times that a subscription got other layers, by why it got no more", &switches)?;
    let pauses = rows_by(all, "why", |s| Why::LABELS.into_iter().zip(s.core.selections[1]));
    out.counters("corelay_layer_pauses", "Times that a subscription got nothing any more, by why", &pauses)?;
    out.counters("corelay_probes", "Probes for bandwidth", &rows(all, |s| s.core.probes))?;
    out.gauges("corelay_transports_estimated", "Transports of which the bandwidth is estimated", &rows(all, |s| s.core.estimated))?;
    out.gauges("corelay_estimates_bits_per_second", "Sum of those estimates", &rows(all, |s| s.core.estimates_bits))?;
    out.counters("corelay_active_speakers", "Times that the active speaker of a room changed", &rows(all, |s| s.core.speakers))?;
    let admitted = "Microphones that were given a place, in rooms that have more of them than places";
    out.counters("corelay_microphones_admitted", admitted, &rows(all, |s| s.core.microphones_admitted))
}

fn contents(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.gauges("corelay_rooms", "Rooms", &rows(all, |s| s.core.rooms))?;
    out.gauges("corelay_shard_participants", "Participants", &rows(all, |s| s.core.participants))?;
    out.gauges("corelay_transports", "Transports", &rows(all, |s| s.core.transports))?;
    out.gauges("corelay_tracks", "Tracks", &rows(all, |s| s.core.tracks))?;
    out.gauges("corelay_mirrors", "Tracks of other shards that are known here", &rows(all, |s| s.core.mirrors))?;
    out.gauges("corelay_subscriptions", "Subscriptions", &rows(all, |s| s.core.subscriptions))?;
    // The order of `SrtpProfile`, which is that of the counters.
    let profiles = ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"];
    let by_profile = rows_by(all, "profile", |s| profiles.into_iter().zip(s.core.connected));
    out.gauges("corelay_transports_connected", "Connected transports, by SRTP profile", &by_profile)
}

fn work(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    out.counters("corelay_turns", "Turns of the loop", &rows(all, |s| s.turns))?;
    let by_cause = rows_by(all, "cause", |s| s.wake_ups.iter().map(|(cause, n)| (cause.label(), n)));
    out.counters("corelay_wake_ups", "Turns before which the shard might have slept, by what it woke for", &by_cause)?;
    out.counters("corelay_send_calls", "System calls or submissions that sending took", &rows(all, |s| s.send_calls))?;
    out.counters("corelay_commands", "Commands carried out", &rows(all, |s| s.commands))?;
    out.counters("corelay_commands_refused", "Commands that found the mailbox full", &rows(all, |s| s.commands_refused))?;
    out.counters("corelay_shard_restarts", "Times that the shard failed and started anew", &rows(all, |s| s.restarts))?;
    out.counters("corelay_packets_refused", "Packets that the kernel refused to send", &rows(all, |s| s.packets_refused))?;
    let unread = "Datagrams that the kernel dropped before the shard saw them, nearly all because the socket's buffer was full";
    out.counters("corelay_datagrams_unread", unread, &rows(all, |s| s.datagrams_unread))?;
    out.counters("corelay_datagrams_truncated", "Datagrams longer than a buffer", &rows(all, |s| s.datagrams_truncated))
}

fn load(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    let cpu: Vec<_> = all.iter().map(|s| (label(s), s.cpu.as_secs_f64())).collect();
    out.float_counters("corelay_shard_cpu_seconds", "CPU time of the shard's thread, the kernel's work for it included", &cpu)?;
    let busy: Vec<_> = all.iter().map(|s| (label(s), f64::from(s.busy_permille) / 1_000.0)).collect();
    out.float_gauges("corelay_shard_busy_ratio", "Share of the last second that was work; at 1 the shard is full", &busy)?;
    let depths = rows_by(all, "queue", |s| s.depths.iter().map(|(queue, most)| (queue.label(), most)));
    out.gauges("corelay_queue_depth_max", "The most that a queue of the shard held in the last second", &depths)
}

fn histograms(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    let of = |pick: fn(&ShardSnapshot) -> &Histogram<u64>, bounds, scale| -> Vec<Distribution> {
        all.iter().map(|s| Distribution::new(label(s), pick(s), bounds, scale)).collect()
    };
    let forward = "From the kernel's receipt of a packet to the end of the send that carried the copy, for each copy";
    out.histograms("corelay_forward_seconds", forward, &of(|s| &s.forward_ns, FORWARD_BOUNDS_S, NANOS))?;
    let turns = of(|s| &s.turn_time_ns, TURN_TIME_BOUNDS_S, NANOS);
    out.histograms("corelay_turn_seconds", "Work per turn, without the sleep", &turns)?;
    let batches = of(|s| &s.batch, BATCH_BOUNDS, 1.0);
    out.histograms("corelay_turn_datagrams", "Datagrams per turn that took some in", &batches)?;
    out.histograms("corelay_run_length", "Packets per run that was sent", &of(|s| &s.run_length, RUN_LENGTH_BOUNDS, 1.0))
}

fn drops(all: &[Arc<ShardSnapshot>], out: &mut Writer<'_, '_>) -> fmt::Result {
    let by_reason = rows_by(all, "reason", |s| s.core.drops.iter().map(|(reason, n)| (reason.label(), n)));
    out.counters("corelay_drops", "Datagrams and packets that were not processed, by reason", &by_reason)
}
