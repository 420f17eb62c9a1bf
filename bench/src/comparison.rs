//! Forwarding against its ceiling, batch by batch in turn, so that whatever slows the machine slows both.

use crate::call::Call;
use crate::ceiling::Ceiling;
use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use core::hint::black_box;
use core::time::Duration;
use std::io;

/// Packets of the publisher in one batch: a multiple of each run, and few enough to stay in the second-level cache, as the buffers of
/// a receive ring do.
pub const BATCH_PACKETS: usize = 480;
/// Packets a round seals at least. More makes a round less noisy, fewer leaves time for more rounds.
const ROUND_PACKETS_MIN: usize = 48_000;

/// One round: CPU time a packet, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Round {
    forward: f64,
    seal: f64,
}

/// One shape of load: how many packets a turn brings, and to how many they go.
#[derive(Debug)]
pub struct Comparison {
    run: usize,
    subscribers: usize,
    rounds: Vec<Round>,
}

impl Comparison {
    /// Turns of `run` packets for `subscribers` subscribers, at least one.
    pub fn new(run: usize, subscribers: usize) -> Self {
        assert!(BATCH_PACKETS.is_multiple_of(run) && subscribers > 0, "turns are full and packets go somewhere");
        Self { run, subscribers, rounds: Vec::new() }
    }

    /// Measures once more. `call` and `ceiling` have as many subscribers as this.
    pub fn round(&mut self, clock: &CpuClock, call: &mut Call, ceiling: &mut Ceiling) -> io::Result<()> {
        let (mut forward, mut seal) = (Duration::ZERO, Duration::ZERO);
        let batches = batches(self.subscribers);
        let (_, before) = call.counted();
        for _ in 0..batches {
            forward += time_batch(clock, call, self.run)?;
            seal += clock.time(|| {
                black_box(ceiling.seal_batch(BATCH_PACKETS, self.run));
            })?;
        }
        let packets = batches * BATCH_PACKETS * self.subscribers;
        let forwarded = call.counted().1 - before;
        if forwarded != packets as u64 {
            return Err(io::Error::other(format!("{forwarded} of {packets} packets were forwarded: look at the core's drops")));
        }
        self.rounds.push(Round { forward: per_packet(forward, packets), seal: per_packet(seal, packets) });
        Ok(())
    }

    /// What the rounds gave. Differences and ratios are taken round by round: both sides of one saw the same machine.
    pub fn figures(&self) -> [Figure; 4] {
        let place = format!("run{}.subscribers{}", self.run, self.subscribers);
        let of = |value: fn(&Round) -> f64| self.rounds.iter().map(value).collect();
        [
            Figure::new(format!("forward.{place}.ns"), "ns", of(|r| r.forward)),
            Figure::new(format!("seal.{place}.ns"), "ns", of(|r| r.seal)),
            Figure::new(format!("forward.{place}.over_seal.ns"), "ns", of(|r| r.forward - r.seal)),
            Figure::new(format!("forward.{place}.over_seal.ratio"), "ratio", of(|r| r.forward / r.seal)),
        ]
    }
}

/// CPU time to receive one packet in turns of `run`, from a call without subscribers: paid once, however many it goes to.
pub fn receive_alone(clock: &CpuClock, call: &mut Call, run: usize) -> io::Result<f64> {
    let (mut time, batches) = (Duration::ZERO, batches(1));
    let (before, _) = call.counted();
    for _ in 0..batches {
        time += time_batch(clock, call, run)?;
    }
    let packets = batches * BATCH_PACKETS;
    let received = call.counted().0 - before;
    if received != packets as u64 {
        return Err(io::Error::other(format!("{received} of {packets} packets were accepted: look at the core's drops")));
    }
    Ok(per_packet(time, packets))
}

/// CPU time to seal one packet of a ceiling with one key.
pub fn seal_alone(clock: &CpuClock, ceiling: &mut Ceiling) -> io::Result<f64> {
    let time = clock.time(|| {
        black_box(ceiling.seal_batch(ROUND_PACKETS_MIN, 1));
    })?;
    Ok(per_packet(time, ROUND_PACKETS_MIN))
}

fn time_batch(clock: &CpuClock, call: &mut Call, run: usize) -> io::Result<Duration> {
    let mut batch = call.seal_batch(BATCH_PACKETS);
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
        let [forward, seal, over, ratio] = Comparison { run: 4, subscribers: 10, rounds }.figures();
        assert_eq!([&forward, &seal, &over, &ratio].map(Figure::median), [450.0, 300.0, 150.0, 1.5]);
        assert!(ratio.to_string().starts_with("figure forward.run4.subscribers10.over_seal.ratio 1.500 ratio"));
    }

    #[test]
    fn a_round_measures_both_sides() {
        let mut call = Call::connect(1);
        let shape = call.shape().expect("there is a subscriber");
        let mut ceiling = Ceiling::new(call.profile(), 1, &shape, 20);
        let mut comparison = Comparison::new(20, 1);
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        comparison.round(&clock, &mut call, &mut ceiling).expect("every packet is forwarded");
        let round = comparison.rounds[0];
        assert!(round.forward > 0.0 && round.seal > 0.0, "{round:?}");
    }
}
