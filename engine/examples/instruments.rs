//! What the always-on instruments cost a shard, in ns of CPU: the parts that are the shard's own. The kernel's part, the stamp itself,
//! is measured by `io_compare` of `corelay-uring`.
//!
//! `cargo run --release -p corelay-engine --example instruments`
//!
//! Blocks with and without, in turns; printed is the median of the differences, with the 10th and 90th percentile.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use corelay_engine::ShardSnapshot;
use corelay_uring::cpu::thread_time;
use corelay_wire::ids::ShardId;

const BLOCKS: usize = 300;
const ROUNDS: u32 = 20_000;

fn main() {
    let mut snapshot = ShardSnapshot::new(ShardId(0));
    let (origin, wall) = (Instant::now(), SystemTime::now());
    let mut seed = 1_u64;
    // Latencies of 20 to 280 us: the cells that are written lie apart, as they do in a shard.
    let mut latency = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        20_000 + (seed >> 46)
    };
    report("a source packet: its latency into the histogram, once for all copies", &mut |with| {
        let ns = latency();
        if with {
            snapshot.forward_ns.saturating_record_n(black_box(ns), black_box(100));
        } else {
            black_box(ns);
        }
    });
    report("a received packet: the stamp to the node's clock", &mut |with| {
        let stamped = black_box(wall);
        if with {
            let age = black_box(wall).duration_since(stamped).unwrap_or_default();
            let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            black_box(black_box(5_u64).saturating_sub(age_ns).max(black_box(1)).min(black_box(9)));
        }
    });
    report("a turn: the wall clock beside the monotonic one", &mut |with| {
        if with {
            black_box(SystemTime::now());
        }
    });
    report("a hand-over: the clock after the send", &mut |with| {
        if with {
            black_box(origin.elapsed());
        }
    });
    let mut copy = snapshot.clone();
    report("a second: the four histograms copied", &mut |with| {
        if with {
            let posted = black_box(&snapshot);
            copy.forward_ns.set_to(&posted.forward_ns).expect("the same bounds");
            copy.turn_time_ns.set_to(&posted.turn_time_ns).expect("the same bounds");
            copy.batch.set_to(&posted.batch).expect("the same bounds");
            copy.run_length.set_to(&posted.run_length).expect("the same bounds");
        }
    });
}

fn report(what: &str, one: &mut dyn FnMut(bool)) {
    let mut block = |with: bool, rounds: u32| {
        let began = thread_time();
        (0..rounds).for_each(|_| one(with));
        thread_time() - began
    };
    // What takes long is done less often.
    let once = block(true, 100) / 100;
    let rounds = if once > Duration::from_micros(1) { ROUNDS / 100 } else { ROUNDS };
    let mut differences: Vec<f64> = (0..BLOCKS)
        .map(|_| {
            let without = block(false, rounds).as_nanos() as f64;
            (block(true, rounds).as_nanos() as f64 - without) / f64::from(rounds)
        })
        .collect();
    differences.sort_by(f64::total_cmp);
    let at = |percent: usize| differences[(BLOCKS - 1) * percent / 100];
    println!("{:>9.1} ns ({:.1} - {:.1})  {what}", at(50), at(10), at(90));
}
