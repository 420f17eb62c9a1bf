//! `cargo run --profile e2e -p corelay-bench`: about 20 seconds, one line a figure. `--instructions` counts under callgrind instead.
#![forbid(unsafe_code)]

use corelay_bench::call::Call;
use corelay_bench::ceiling::Ceiling;
use corelay_bench::comparison::{Comparison, receive_alone, seal_alone};
use corelay_bench::cpu_clock::CpuClock;
use corelay_bench::figure::Figure;
use corelay_bench::instructions;
use corelay_bench::machine::Machine;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SUBSCRIBERS: [usize; 3] = [1, 10, 100];
const RUNS: [usize; 3] = [1, 4, 20];
const RUN_MAX: usize = 20;
/// Rounds stop at this, or at the end of the time. An odd number has a middle.
const ROUNDS_MAX: usize = 31;
/// For the rounds; the handshakes before them take a second or two.
const TIME_MAX: Duration = Duration::from_secs(18);

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let result = match argument.as_deref() {
        None => measure(),
        Some(instructions::FIXED) => {
            instructions::fixed_work();
            Ok(())
        }
        Some("--instructions") => count(),
        Some(other) => Err(io::Error::other(format!("{other} is unknown: give nothing, --instructions or --fixed"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "corelay-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Every shape once a round, so that a slow second of the machine falls on all of them.
fn measure() -> io::Result<()> {
    let clock = CpuClock::of_this_thread()?;
    let mut calls = SUBSCRIBERS.map(Bed::new);
    let mut lone = Call::connect(0);
    let (mut receive, mut seal) = (Vec::new(), Vec::new());
    let profile = calls[0].call.profile();
    writeln!(io::stdout(), "{}\nprofile {profile:?}, packets of 1200 bytes, no sockets", Machine::this())?;
    let begin = Instant::now();
    while seal.len() < ROUNDS_MAX && (begin.elapsed() < TIME_MAX || seal.is_empty()) {
        for Bed { call, ceiling, comparisons } in &mut calls {
            for comparison in comparisons {
                comparison.round(&clock, call, ceiling)?;
            }
        }
        receive.push(receive_alone(&clock, &mut lone, RUN_MAX)?);
        seal.push(seal_alone(&clock, &mut calls[0].ceiling)?);
    }
    print(&[Figure::new("receive.alone.ns", "ns", receive), Figure::new("seal.alone.ns", "ns", seal)])?;
    calls.iter().flat_map(|bed| &bed.comparisons).try_for_each(|comparison| print(&comparison.figures()))
}

/// What one number of subscribers is measured with.
struct Bed {
    call: Call,
    ceiling: Ceiling,
    comparisons: [Comparison; 3],
}

impl Bed {
    fn new(subscribers: usize) -> Self {
        let mut call = Call::connect(subscribers);
        let shape = call.shape().expect("there is a subscriber");
        let ceiling = Ceiling::new(call.profile(), subscribers, &shape, RUN_MAX);
        Self { call, ceiling, comparisons: RUNS.map(|run| Comparison::new(run, subscribers)) }
    }
}

fn count() -> io::Result<()> {
    writeln!(io::stdout(), "{}", Machine::this())?;
    print(&instructions::count(&std::env::current_exe()?)?)
}

fn print(figures: &[Figure]) -> io::Result<()> {
    figures.iter().try_for_each(|figure| writeln!(io::stdout(), "{figure}"))
}
