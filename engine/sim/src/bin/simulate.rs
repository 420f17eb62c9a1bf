//! Runs the conditions of the matrix from many seeds: see `--help`.
#![forbid(unsafe_code)]

use corelay_sim::matrix::{Condition, Expected, Outcome, conditions, run, run_traced};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const HELP: &str = "corelay-simulate [--seeds N] [--condition NAME] [--seed S [--trace]] [--list]
  --seeds N          seeds from 1 on for each condition (default 1000)
  --seed S           this seed only, with the figures of the run
  --trace            before them what the server told of it: probes, estimates, keyframes, layers, requests
  --condition NAME   this condition only; with a `*` at its end, all that begin so
  --list             what conditions there are";

/// Failures of one condition that are shown in full; all of them would bury the others.
const SHOWN_MAX: usize = 5;

struct Options {
    seeds: u64,
    seed: Option<u64>,
    trace: bool,
    condition: Option<String>,
    list: bool,
}

/// A run that is over.
struct Done {
    condition: usize,
    seed: u64,
    outcome: Outcome,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|options| simulate(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            say(&format!("error: {what}\n{HELP}"));
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seeds: 1_000, seed: None, trace: false, condition: None, list: false };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number: write digits"));
        match argument.as_str() {
            "--seeds" => options.seeds = number(value()?)?,
            "--seed" => options.seed = Some(number(value()?)?),
            "--condition" => options.condition = Some(value()?),
            "--trace" => options.trace = true,
            "--list" => options.list = true,
            other => return Err(format!("{other} is not known: use what is below")),
        }
    }
    if options.trace && options.seed.is_none() {
        return Err("--trace is of one run: name it with --seed".to_owned());
    }
    Ok(options)
}

fn simulate(options: &Options) -> Result<bool, String> {
    let wanted = |c: &Condition| match options.condition.as_deref() {
        None => true,
        Some(name) => name.strip_suffix('*').map_or(c.name == name, |begin| c.name.starts_with(begin)),
    };
    let chosen: Vec<Condition> = conditions().into_iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err("there is no such condition: --list names them".to_owned());
    }
    if options.list {
        chosen.iter().for_each(|c| say(&listed(c)));
        return Ok(true);
    }
    let seeds: Vec<u64> = options.seed.map_or_else(|| (1..=options.seeds).collect(), |seed| vec![seed]);
    let done = run_all(&chosen, &seeds, if options.trace { run_traced } else { run });
    if options.seed.is_some() {
        for Done { condition, outcome, .. } in &done {
            say(chosen[*condition].name);
            outcome.told.iter().map(String::as_str).chain([outcome.figures.trim_end()]).for_each(say);
        }
    }
    Ok(report(&chosen, &done))
}

fn listed(condition: &Condition) -> String {
    match condition.expected {
        Expected::Holds => condition.name.to_owned(),
        Expected::NotYet(why) => format!("{}  (not yet: {why})", condition.name),
    }
}

/// All conditions with all seeds, on all cores; in order whatever the cores did.
fn run_all(chosen: &[Condition], seeds: &[u64], run: fn(&Condition, u64) -> Outcome) -> Vec<Done> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // A panic is an outcome like others, and its words are in it.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (seed, condition) = (at / chosen.len(), at % chosen.len());
                    let Some(seed) = seeds.get(seed).copied() else { break };
                    let outcome = attempt(|| run(&chosen[condition], seed));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(Done { condition, seed, outcome });
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|d| (d.condition, d.seed));
    done
}

fn attempt(run: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let failures = vec![format!("a panic: {}", text.unwrap_or_default())];
        Outcome { failures, figures: String::new(), told: Vec::new(), trace: 0 }
    })
}

/// Says what failed, and closes with the counts. Whether nothing failed that should hold.
fn report(chosen: &[Condition], done: &[Done]) -> bool {
    let (mut passed, mut failed) = (0, 0);
    let mut not_yet: BTreeMap<usize, usize> = BTreeMap::new();
    let mut shown: BTreeMap<usize, usize> = BTreeMap::new();
    for Done { condition, seed, outcome } in done {
        let name = chosen[*condition].name;
        match (outcome.failures.is_empty(), chosen[*condition].expected) {
            (true, _) => passed += 1,
            (false, Expected::NotYet(_)) => *not_yet.entry(*condition).or_default() += 1,
            (false, Expected::Holds) => {
                failed += 1;
                let count = shown.entry(*condition).or_default();
                *count += 1;
                if *count <= SHOWN_MAX {
                    say(&format!("FAILED {name} seed {seed}: cargo xtask simulate --condition {name} --seed {seed}"));
                    outcome.failures.iter().for_each(|what| say(&format!("    {what}")));
                } else {
                    say(&format!("FAILED {name} seed {seed}"));
                }
            }
        }
    }
    for (condition, count) in &not_yet {
        let runs = done.iter().filter(|d| d.condition == *condition).count();
        let Expected::NotYet(why) = chosen[*condition].expected else { continue };
        say(&format!("not yet: {} ({count} of {runs} runs): {why}", chosen[*condition].name));
        let first = done.iter().find(|d| d.condition == *condition && !d.outcome.failures.is_empty());
        for what in first.iter().flat_map(|d| &d.outcome.failures).take(3) {
            say(&format!("    {what}"));
        }
    }
    let unmet: usize = not_yet.values().sum();
    if unmet > 0 {
        say(&format!("{unmet} runs of {} conditions do not hold yet", not_yet.len()));
    }
    say(&format!("{passed} passed, {failed} failed"));
    failed == 0
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A reader that went away is no reason to stop.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
