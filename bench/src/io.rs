//! The ways to the kernel side by side: CPU time a packet of sending and of receiving, the server's two back-ends, and the runtimes that
//! a user would otherwise pick.
//!
//! Sender and receiver are on one thread, in turns. Over loopback the kernel queues a packet on the receiving socket inside the send, so
//! that sending is more and receiving less than with a NIC: alike for all.

use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use crate::sinks::bind_socket;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_uring::{Backend, Kind, Options, Segments, Wait, open};
use std::collections::BTreeMap;
use std::io;
use std::process::Command;

const PACKET: usize = 1_200;
/// Packets between two looks at the receiver.
const BURST: usize = 320;
const RUNS: [usize; 3] = [1, 4, 20];
/// Names the program that measures the runtimes: `cargo xtask bench` builds it and sets this.
pub(crate) const RUNTIMES: &str = "CORELAY_BENCH_RUNTIMES";

/// A sender and a receiver by one back-end.
struct Pair {
    kind: Kind,
    sender: Box<dyn Backend>,
    receiver: Box<dyn Backend>,
    from: SocketAddr,
    to: SocketAddr,
}

/// Nanoseconds a packet of each round, by figure.
type Rounds = BTreeMap<String, Vec<f64>>;

/// Measures all of them.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let mut pairs = effort.kinds().into_iter().map(Pair::open).collect::<io::Result<Vec<_>>>()?;
    let mut rounds = Rounds::new();
    for _ in 0..effort.rounds() {
        for run in RUNS {
            for pair in &mut pairs {
                let (send, receive) = pair.round(&clock, run, effort.round_time() / 4)?;
                let place = format!("io.{}.run{run}", pair.kind.name());
                rounds.entry(format!("{place}.send_ns")).or_default().push(send);
                rounds.entry(format!("{place}.receive_ns")).or_default().push(receive);
            }
        }
    }
    let mut notes = Vec::new();
    match std::env::var_os(RUNTIMES) {
        Some(program) => runtimes(&mut Command::new(program), &mut rounds)?,
        None => notes.push(format!("glommio and tokio are left out: {RUNTIMES} names no program; `cargo xtask bench` builds it")),
    }
    let figures = rounds.into_iter().map(|(name, rounds)| Figure::new(name, "ns", rounds)).collect();
    Ok(Findings { figures, notes })
}

/// The lines `io RUNTIME DIRECTION NANOSECONDS` of the program in `runtimes/`.
fn runtimes(program: &mut Command, rounds: &mut Rounds) -> io::Result<()> {
    let output = program.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines() {
        let (name, value) = parse(line).ok_or_else(|| io::Error::other(format!("the runtimes said {line:?}")))?;
        rounds.entry(name).or_default().push(value);
    }
    if output.status.success() && !text.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("the runtimes failed: {}", String::from_utf8_lossy(&output.stderr))))
}

fn parse(line: &str) -> Option<(String, f64)> {
    let mut words = line.strip_prefix("io ")?.split(' ');
    let (runtime, direction, value) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    Some((format!("io.{runtime}.run1.{direction}_ns"), value))
}

impl Pair {
    fn open(kind: Kind) -> io::Result<Self> {
        let (from, to) = (bind_socket()?, bind_socket()?);
        let (from_address, to_address) = (from.local(), to.local());
        let (sender, receiver) = (open(kind, vec![from], Options::default())?, open(kind, vec![to], Options::default())?);
        Ok(Self { kind, sender, receiver, from: from_address, to: to_address })
    }

    /// Bursts until the time is spent; the CPU time a packet of sending and of receiving.
    fn round(&mut self, clock: &CpuClock, run: usize, least: Duration) -> io::Result<(f64, f64)> {
        let bytes = vec![0x5a; PACKET * run];
        let (mut send, mut receive, mut packets) = (Duration::ZERO, Duration::ZERO, 0);
        while send < least {
            let segments = Segments { remote: self.to, local: self.from.ip(), bytes: &bytes, segment: PACKET };
            let (time, departures) = clock.measure(|| self.sender.send(&mut std::iter::repeat_n(segments, BURST / run)))?;
            let sent = departures?.packets;
            let (taking, arrived) = clock.measure(|| self.take(sent))?;
            if arrived? != BURST {
                return Err(io::Error::other(format!("of {BURST} packets {sent} were sent, and not all of them arrived")));
            }
            (send, receive, packets) = (send + time, receive + taking, packets + BURST);
        }
        let per_packet = |time: Duration| time.as_nanos() as f64 / packets as f64;
        Ok((per_packet(send), per_packet(receive)))
    }

    /// Takes in what was sent. Nothing more comes once a call brings nothing: loopback delivers within the send.
    fn take(&mut self, sent: usize) -> io::Result<usize> {
        let mut arrived = 0;
        while arrived < sent {
            let wait = Wait { at_most: Some(Duration::ZERO), company: Duration::ZERO };
            match self.receiver.receive(wait, &mut |_| {})?.datagrams {
                0 => break,
                datagrams => arrived += datagrams,
            }
        }
        Ok(arrived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_back_ends_send_and_receive_all() {
        let clock = CpuClock::of_this_thread().expect("Linux has it");
        for kind in Effort::new(true).kinds() {
            let mut pair = Pair::open(kind).expect("sockets open");
            for run in RUNS {
                let (send, receive) = pair.round(&clock, run, Duration::from_micros(100)).expect("nothing is lost");
                assert!(send > 0.0 && receive > 0.0);
            }
        }
    }

    #[test]
    fn lines_of_the_runtimes_are_figures() {
        assert_eq!(parse("io tokio send 1234.5"), Some(("io.tokio.run1.send_ns".to_owned(), 1_234.5)));
        assert_eq!(parse("thread panicked"), None);
    }
}
