//! One run: what a condition has to happen, in the order of its times, and what that was like.

use super::call::Call;
use super::judge::{Outcome, judge};
use super::plan::{Condition, Happening, Subscriber};

/// Runs a condition from a seed.
pub fn run(condition: &Condition, seed: u64) -> Outcome {
    play(Call::open(condition, seed))
}

/// The same, with all that the core tells of it in [`Outcome::told`]. Telling changes nothing of the run.
pub fn run_traced(condition: &Condition, seed: u64) -> Outcome {
    let mut call = Call::open(condition, seed);
    call.trace();
    play(call)
}

fn play(mut call: Call<'_>) -> Outcome {
    let condition = call.condition;
    let mut doings: Vec<(u64, Doing<'_>)> = Vec::new();
    for subscriber in &condition.subscribers {
        doings.push((subscriber.joins_ms, Doing::Join(subscriber)));
    }
    doings.extend(condition.happenings.iter().map(|(ms, happening)| (*ms, Doing::Happen(*happening))));
    doings.sort_by_key(|(ms, _)| *ms);
    for (ms, doing) in doings {
        call.run_until(ms);
        match doing {
            Doing::Join(subscriber) => call.join(subscriber),
            Doing::Happen(happening) => call.happen(happening),
        }
    }
    call.run_until(condition.seconds * 1_000);
    judge(&call)
}

enum Doing<'a> {
    Join(&'a Subscriber),
    Happen(Happening),
}
