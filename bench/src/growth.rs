//! Whether a forwarded packet costs more when there is more of everything: subscribers, rooms, publishers.

use crate::call::Call;
use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::scene::{Media, PACKETS_PER_PICTURE, Scene};
use crate::section::{Effort, Findings};
use crate::sinks::Segmentation;
use crate::wire_call::WireCall;
use core::hint::black_box;
use core::time::Duration;
use std::io;

/// Datagrams of one turn at most: whole pictures, and no more than the server's loop takes at once.
const TURN_MAX: usize = 28 * PACKETS_PER_PICTURE;
const SUBSCRIBERS: [usize; 4] = [1, 10, 100, 1_000];
const ROOMS: [usize; 4] = [1, 10, 100, 1_000];
const PUBLISHERS: [usize; 3] = [1, 10, 100];
/// Subscribers of each room, and of each publisher.
const FEW: usize = 2;
const SOME: usize = 10;

/// Subscribers with the kernel; rooms and publishers, whose cost is in the core's tables, in memory. Pictures of 9 packets.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let mut findings = Findings::default();
    findings.figures.extend(subscribers(&clock, effort)?);
    let rooms = |rooms| Scene { rooms, publishers: 1, subscribers: FEW, media: Media::Video };
    findings.figures.extend(in_memory(&clock, effort, "rooms", &ROOMS, rooms)?);
    let publishers = |publishers| Scene { rooms: 1, publishers, subscribers: SOME, media: Media::Video };
    findings.figures.extend(in_memory(&clock, effort, "publishers", &PUBLISHERS, publishers)?);
    Ok(findings)
}

fn subscribers(clock: &CpuClock, effort: &Effort) -> io::Result<Vec<Figure>> {
    let connect =
        |count: &usize| WireCall::connect(Scene::livestream(*count), PACKETS_PER_PICTURE, Segmentation::Whole, effort.kinds()[0]);
    let mut calls = SUBSCRIBERS.iter().map(connect).collect::<io::Result<Vec<_>>>()?;
    let mut rounds = vec![Vec::new(); calls.len()];
    for _ in 0..effort.rounds() {
        for (call, rounds) in calls.iter_mut().zip(&mut rounds) {
            let (mut time, mut packets) = (Duration::ZERO, 0);
            while time < effort.round_time() {
                let turns = (2_000 / (PACKETS_PER_PICTURE * call.call().scene().copies())).clamp(1, 40);
                call.load(turns)?;
                let (spent, departures) = clock.measure(|| call.forward(turns))?;
                call.settle()?;
                time += spent;
                packets += departures?.packets;
            }
            rounds.push(time.as_nanos() as f64 / packets as f64);
        }
    }
    Ok(figures("subscribers", &SUBSCRIBERS, rounds))
}

fn in_memory(clock: &CpuClock, effort: &Effort, what: &str, sizes: &[usize], scene: fn(usize) -> Scene) -> io::Result<Vec<Figure>> {
    let mut calls: Vec<Call> = sizes.iter().map(|size| Call::connect(scene(*size))).collect();
    let mut rounds = vec![Vec::new(); calls.len()];
    for _ in 0..effort.rounds() {
        for (call, rounds) in calls.iter_mut().zip(&mut rounds) {
            let (mut time, before) = (Duration::ZERO, call.counted().1);
            while time < effort.round_time() / 2 {
                let turns = (TURN_MAX / (PACKETS_PER_PICTURE * call.scene().tracks())).max(1);
                let mut batch = call.seal_turns(turns, PACKETS_PER_PICTURE);
                time += clock.time(|| _ = black_box(call.forward_batch(&mut batch, TURN_MAX)))?;
                call.pause();
            }
            rounds.push(time.as_nanos() as f64 / (call.counted().1 - before) as f64);
        }
    }
    Ok(figures(what, sizes, rounds))
}

/// The cost at each size, and that of the greatest over the least that has company: `1000_over_10`.
fn figures(what: &str, sizes: &[usize], rounds: Vec<Vec<f64>>) -> Vec<Figure> {
    let from = sizes.iter().position(|size| *size == 10).unwrap_or_default();
    let (last, least) = (sizes.len() - 1, sizes[from]);
    let over = rounds[last].iter().zip(&rounds[from]).map(|(great, small)| great / small).collect();
    let ratio = Figure::new(format!("growth.{what}_{}_over_{least}.ratio", sizes[last]), "ratio", over);
    let costs = sizes.iter().zip(rounds).map(|(size, rounds)| Figure::new(format!("growth.{what}{size}.ns"), "ns", rounds));
    costs.chain([ratio]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_the_greatest_over_ten() {
        let figures = figures("rooms", &[1, 10, 1_000], vec![vec![5.0], vec![10.0], vec![12.0]]);
        let last = figures.last().expect("there is one");
        assert_eq!((last.name(), last.median()), ("growth.rooms_1000_over_10.ratio", 1.2));
        assert_eq!(figures[0].name(), "growth.rooms1.ns");
    }
}
