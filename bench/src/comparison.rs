//! Forwarding in memory against sealing alone, batch by batch in turn, so that whatever slows the machine slows both.

use crate::call::Call;
use crate::ceiling::Ceiling;
use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::scene::Scene;
use crate::section::{Effort, Findings};
use core::hint::black_box;
use core::time::Duration;
use std::io;

/// Packets of the publisher in one batch: a multiple of each run, and few enough to stay in the second-level cache, as the buffers of
/// a receive ring do.
pub const BATCH_PACKETS: usize = 480;
/// Packets that a round seals at least. More makes a round less noisy, fewer leaves time for more rounds.
const ROUND_PACKETS_MIN: usize = 48_000;
const SUBSCRIBERS: [usize; 3] = [1, 10, 100];
const RUNS: [usize; 3] = [1, 4, 20];

/// One round: CPU time a packet, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Round {
    forward: f64,
    seal: f64,
}

/// One shape of load: how many packets a turn brings, and to how many they go.
struct Comparison {
    run: usize,
    call: Call,
    ceiling: Ceiling,
    rounds: Vec<Round>,
}

/// Every shape once a round, so that a slow second of the machine falls on all of them.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let shapes = SUBSCRIBERS.into_iter().flat_map(|subscribers| RUNS.map(|run| (run, subscribers)));
    let mut comparisons: Vec<Comparison> = shapes.map(|(run, subscribers)| Comparison::new(run, subscribers)).collect();
    let mut lone = Call::connect(Scene::livestream(0));
    let (mut receive, mut seal) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        for comparison in &mut comparisons {
            comparison.round(&clock)?;
        }
        receive.push(receive_alone(&clock, &mut lone)?);
        seal.push(seal_alone(&clock, &mut comparisons[0].ceiling)?);
    }
    let mut figures = vec![Figure::new("receive.alone.ns", "ns", receive), Figure::new("seal.alone.ns", "ns", seal)];
    figures.extend(comparisons.iter().flat_map(Comparison::figures));
    Ok(figures.into())
}

impl Comparison {
    /// Turns of `run` packets for `subscribers` subscribers, at least one.
    fn new(run: usize, subscribers: usize) -> Self {
        assert!(BATCH_PACKETS.is_multiple_of(run) && subscribers > 0, "turns are full and packets go somewhere");
        let call = Call::connect(Scene::livestream(subscribers));
        let ceiling = Ceiling::of(&call, run);
        Self { run, call, ceiling, rounds: Vec::new() }
    }

    /// Measures once more.
    fn round(&mut self, clock: &CpuClock) -> io::Result<()> {
        let (mut forward, mut seal) = (Duration::ZERO, Duration::ZERO);
        let turns = BATCH_PACKETS / self.run;
        let subscribers = self.call.scene().subscribers;
        let batches = batches(subscribers);
        let (_, before) = self.call.counted();
        for _ in 0..batches {
            forward += time_batch(clock, &mut self.call, self.run)?;
            seal += clock.time(|| {
                black_box(self.ceiling.seal_batch(turns));
            })?;
        }
        let packets = batches * BATCH_PACKETS * subscribers;
        let forwarded = self.call.counted().1 - before;
        if forwarded != packets as u64 {
            return Err(io::Error::other(format!("{forwarded} of {packets} packets were forwarded: look at the core's drops")));
        }
        self.rounds.push(Round { forward: per_packet(forward, packets), seal: per_packet(seal, packets) });
        Ok(())
    }

    /// What the rounds gave. Differences and ratios are taken round by round: both sides of one saw the same machine.
    fn figures(&self) -> [Figure; 4] {
        let place = format!("run{}.subscribers{}", self.run, self.call.scene().subscribers);
        let of = |value: fn(&Round) -> f64| self.rounds.iter().map(value).collect();
        [
            Figure::new(format!("forward.{place}.ns"), "ns", of(|r| r.forward)),
            Figure::new(format!("seal.{place}.ns"), "ns", of(|r| r.seal)),
            Figure::new(format!("forward.{place}.over_seal.ns"), "ns", of(|r| r.forward - r.seal)),
            Figure::new(format!("forward.{place}.over_seal.ratio"), "ratio", of(|r| r.forward / r.seal)),
        ]
    }
}

/// CPU time to receive one packet, from a call without subscribers: paid once, however many it goes to.
fn receive_alone(clock: &CpuClock, call: &mut Call) -> io::Result<f64> {
    let (mut time, batches) = (Duration::ZERO, batches(1));
    let (before, _) = call.counted();
    for _ in 0..batches {
        time += time_batch(clock, call, RUNS[2])?;
    }
    let packets = batches * BATCH_PACKETS;
    let received = call.counted().0 - before;
    if received != packets as u64 {
        return Err(io::Error::other(format!("{received} of {packets} packets were accepted: look at the core's drops")));
    }
    Ok(per_packet(time, packets))
}

/// CPU time to seal one packet of a ceiling with one key, in runs of one.
fn seal_alone(clock: &CpuClock, ceiling: &mut Ceiling) -> io::Result<f64> {
    let time = clock.time(|| {
        black_box(ceiling.seal_batch(ROUND_PACKETS_MIN));
    })?;
    Ok(per_packet(time, ROUND_PACKETS_MIN))
}

fn time_batch(clock: &CpuClock, call: &mut Call, run: usize) -> io::Result<Duration> {
    let mut batch = call.seal_turns(BATCH_PACKETS / run, run);
    let time = clock.time(|| {
        black_box(call.forward_batch(&mut batch, run));
    });
    call.pause();
    time
}

/// Batches that make up a round.
fn batches(subscribers: usize) -> usize {
    ROUND_PACKETS_MIN.div_ceil(BATCH_PACKETS * subscribers)
}

fn per_packet(time: Duration, packets: usize) -> f64 {
    time.as_nanos() as f64 / packets as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_enough_packets_and_no_needless_batch() {
        assert_eq!([1, 10, 100, 1000].map(batches), [100, 10, 1, 1]);
    }

    #[test]
    fn time_is_divided_by_the_packets() {
        assert_eq!(per_packet(Duration::from_micros(3), 12), 250.0);
    }

    #[test]
    fn figures_compare_within_a_round() {
        let rounds = vec![Round { forward: 300.0, seal: 200.0 }, Round { forward: 600.0, seal: 400.0 }];
        let [forward, seal, over, ratio] = Comparison { rounds, ..Comparison::new(4, 10) }.figures();
        assert_eq!([&forward, &seal, &over, &ratio].map(Figure::median), [450.0, 300.0, 150.0, 1.5]);
        assert!(ratio.to_string().starts_with("figure forward.run4.subscribers10.over_seal.ratio 1.500 ratio"));
    }

    #[test]
    fn a_round_measures_both_sides() {
        let mut comparison = Comparison::new(20, 1);
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        comparison.round(&clock).expect("every packet is forwarded");
        let round = comparison.rounds[0];
        assert!(round.forward > 0.0 && round.seal > 0.0, "{round:?}");
    }
}
