//! The whole way through the kernel, against sealing and sending alone: the share of the ceiling that the engine reaches.

use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::plain::{Plain, Way};
use crate::scene::{Media, PACKETS_PER_PICTURE, Scene};
use crate::section::{Effort, Findings};
use crate::sinks::Segmentation;
use crate::wire_call::WireCall;
use core::time::Duration;
use std::io;

/// Packets of a batch at least: a millisecond and more of work.
const BATCH_PACKETS_MIN: usize = 4_000;
/// Rounds in which the ways to make the ceiling compete.
const TRIALS: usize = 5;

/// A load whose share of the ceiling is a figure.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: &'static str,
    run: usize,
    media: Media,
}

const LOADS: [Load; 5] = [
    Load { name: "run20", run: 20, media: Media::Video },
    Load { name: "run4", run: 4, media: Media::Video },
    Load { name: "single1200", run: 1, media: Media::Video },
    Load { name: "single160", run: 1, media: Media::Audio },
    Load { name: "frames", run: PACKETS_PER_PICTURE, media: Media::Frames },
];

/// Both sides of one round: CPU nanoseconds a forwarded packet.
#[derive(Clone, Copy, Debug)]
struct Round {
    engine: f64,
    ceiling: f64,
}

/// Measures all loads.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let mut findings = Findings::default();
    for load in LOADS {
        let mut worst: Option<Figure> = None;
        for (segmentation, subscribers) in places(load, effort.quick) {
            let place = format!("ceiling.{}.{}.subscribers{subscribers}", load.name, segmentation.name());
            let mut versus = Versus::connect(load, segmentation, subscribers, effort)?;
            let way = versus.choose_way(&clock, effort)?;
            findings.notes.push(format!("{place}: the ceiling is {}", way.name()));
            let rounds = (0..effort.rounds()).map(|_| versus.round(&clock, way, effort)).collect::<io::Result<Vec<_>>>()?;
            let of = |value: fn(&Round) -> f64| rounds.iter().map(value).collect();
            let ratio = Figure::new(format!("{place}.ratio"), "ratio", of(|r| r.ceiling / r.engine));
            if segmentation == Segmentation::Whole && worst.as_ref().is_none_or(|worst| ratio.median() < worst.median()) {
                worst = Some(ratio.renamed(format!("ceiling.{}.ratio", load.name)));
            }
            findings.figures.push(Figure::new(format!("{place}.engine_ns"), "ns", of(|r| r.engine)));
            findings.figures.push(Figure::new(format!("{place}.ceiling_ns"), "ns", of(|r| r.ceiling)));
            findings.figures.push(ratio);
        }
        findings.figures.extend(worst);
    }
    Ok(findings)
}

/// Where a load is measured: for single packets segmentation means nothing.
fn places(load: Load, quick: bool) -> Vec<(Segmentation, usize)> {
    let whole = [100, 1_000].map(|subscribers| (Segmentation::Whole, subscribers));
    let others = [Segmentation::Software, Segmentation::Off].map(|segmentation| (segmentation, 100));
    match (load.run, quick) {
        (1, _) => whole.to_vec(),
        (_, true) => [&whole[..], &others[1..]].concat(),
        (_, false) => [&whole[..], &others[..], &[(Segmentation::Off, 1_000)]].concat(),
    }
}

/// The engine, and the ceiling in the ways that are tried, over the same sinks.
struct Versus {
    load: Load,
    segmentation: Segmentation,
    engine: WireCall,
    /// Turns of a batch, between two times that the sinks are emptied.
    turns: usize,
}

impl Versus {
    fn connect(load: Load, segmentation: Segmentation, subscribers: usize, effort: &Effort) -> io::Result<Self> {
        let scene = Scene { media: load.media, ..Scene::livestream(subscribers) };
        let engine = WireCall::connect(scene, load.run, segmentation, effort.kinds()[0])?;
        let turns = BATCH_PACKETS_MIN.div_ceil(load.run * subscribers);
        let most = engine.sinks().packets_max() / load.run;
        Ok(Self { load, segmentation, engine, turns: turns.min(most).max(1) })
    }

    fn plain(&self, way: Way) -> io::Result<Plain> {
        Plain::of(self.engine.call(), self.load.run, self.engine.sinks(), self.segmentation, way)
    }

    /// The cheapest way to make the ceiling here.
    fn choose_way(&mut self, clock: &CpuClock, effort: &Effort) -> io::Result<Way> {
        let ways = Way::all(&effort.kinds());
        let mut trials = ways.iter().map(|way| Ok((*way, self.plain(*way)?, Vec::new()))).collect::<io::Result<Vec<_>>>()?;
        for _ in 0..TRIALS {
            for (_, plain, times) in &mut trials {
                let mut time = Duration::ZERO;
                while time < effort.round_time() / 4 {
                    time += self.ceiling_batch(clock, plain)?;
                }
                times.push(self.ceiling_batch(clock, plain)?.as_nanos() as f64);
            }
        }
        let median = |times: &Vec<f64>| Figure::new("trial", "ns", times.clone()).median();
        let best = trials.iter().min_by(|(.., a), (.., b)| median(a).total_cmp(&median(b)));
        best.map(|(way, ..)| *way).ok_or_else(|| io::Error::other("there is no way to send"))
    }

    /// Batches of both in turn, until each has had its time.
    fn round(&mut self, clock: &CpuClock, way: Way, effort: &Effort) -> io::Result<Round> {
        let mut plain = self.plain(way)?;
        // Its first batch finds cold caches and sockets.
        self.ceiling_batch(clock, &mut plain)?;
        let (mut engine, mut ceiling, mut batches) = (Duration::ZERO, Duration::ZERO, 0);
        while engine < effort.round_time() || batches < 3 {
            engine += self.engine_batch(clock)?;
            ceiling += self.ceiling_batch(clock, &mut plain)?;
            batches += 1;
        }
        let packets = (batches * self.packets()) as f64;
        Ok(Round { engine: engine.as_nanos() as f64 / packets, ceiling: ceiling.as_nanos() as f64 / packets })
    }

    fn packets(&self) -> usize {
        self.turns * self.load.run * self.engine.call().scene().copies()
    }

    fn engine_batch(&mut self, clock: &CpuClock) -> io::Result<Duration> {
        self.engine.load(self.turns)?;
        let (time, departures) = clock.measure(|| self.engine.forward(self.turns))?;
        let (departures, expected) = (departures?, self.packets());
        let arrived = self.engine.settle()?;
        if departures.packets != expected || departures.refused > 0 {
            let message = format!("{} of {expected} packets left, {} were refused", departures.packets, departures.refused);
            return Err(io::Error::other(message));
        }
        // Sizes differ from picture to picture, so the least: a packet that is lost is a whole one.
        let least = self.load.media.mean_bytes().into_iter().min().unwrap_or_default();
        if (arrived as usize) < expected * least {
            return Err(io::Error::other(format!("{expected} packets left, and their receivers have {arrived} bytes of them")));
        }
        Ok(time)
    }

    fn ceiling_batch(&mut self, clock: &CpuClock, plain: &mut Plain) -> io::Result<Duration> {
        let (time, result) = clock.measure(|| plain.send(self.turns))?;
        result?;
        let (arrived, expected) = (self.engine.sinks().empty()?, self.turns as u64 * plain.turn_bytes());
        if arrived == expected {
            return Ok(time);
        }
        Err(io::Error::other(format!(
            "the ceiling sent {expected} bytes and {arrived} arrived: the receivers' buffers are too small"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_packets_are_not_measured_by_segmentation() {
        for quick in [true, false] {
            assert_eq!(places(LOADS[2], quick), [(Segmentation::Whole, 100), (Segmentation::Whole, 1_000)]);
        }
        assert_eq!(places(LOADS[0], false).len(), 5);
    }

    #[test]
    fn a_round_measures_both_sides() {
        let effort = Effort::new(true);
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        let mut versus = Versus::connect(LOADS[4], Segmentation::Software, 3, &effort).expect("sockets open");
        let way = Way::all(&[])[0];
        let round = versus.round(&clock, way, &effort).expect("nothing is lost");
        assert!(round.engine > 0.0 && round.ceiling > 0.0);
    }
}
