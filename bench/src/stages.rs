//! The stages of the walk one by one: CPU time of each, and its instructions under callgrind.
//!
//! Instructions are the same at every run of the same build, on a busy machine too, so they can be guarded ([`crate::guard`]). But
//! valgrind has no AVX-512: the cryptography takes another path in it than on the machine. What the core does beside it is the same,
//! so the guard looks at differences that leave the cryptography out.

mod count;
mod feedback;
mod relay;
mod work;

use crate::cpu_clock::CpuClock;
use crate::figure::Figure;
use crate::section::{Effort, Findings};
pub use count::{Counts, count};
use std::io;
use std::time::Duration;
pub use work::{Stage, named, names};

/// The program's argument for [`fixed_work`]; the stage's name follows.
pub const FIXED: &str = "--fixed";

/// CPU time of each stage, round by round.
pub fn run(effort: &Effort) -> io::Result<Findings> {
    let clock = CpuClock::of_this_thread()?;
    let mut stages = names().map(named).collect::<io::Result<Vec<_>>>()?;
    let mut rounds = vec![Vec::new(); stages.len()];
    for _ in 0..effort.rounds() {
        for (stage, rounds) in stages.iter_mut().zip(&mut rounds) {
            let (mut time, mut operations) = (Duration::ZERO, 0);
            while time < effort.round_time() / 4 {
                stage.prepare()?;
                time += clock.time(|| counted(stage))?;
                operations += stage.operations();
            }
            rounds.push(time.as_nanos() as f64 / operations as f64);
        }
    }
    let figures = names().zip(rounds).map(|(name, rounds)| Figure::new(format!("stage.{name}.ns"), "ns", rounds));
    let mut findings = Findings::from(figures.collect::<Vec<_>>());
    match count(&std::env::current_exe()?) {
        Ok(counts) => findings.figures.extend(counts.figures()),
        Err(error) => findings.notes.push(format!("instructions were not counted: {error}")),
    }
    Ok(findings)
}

/// One stage once, the same at every run: this is what callgrind counts. The first time finds cold tables and is not counted.
pub fn fixed_work(name: &str) -> io::Result<()> {
    let mut stage = named(name)?;
    stage.prepare()?;
    stage.work();
    stage.prepare()?;
    counted(&mut stage);
    Ok(())
}

/// Collection is on in here and nowhere else.
#[inline(never)]
fn counted(stage: &mut Stage) {
    stage.work();
}
