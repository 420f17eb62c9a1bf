//! Network conditions as data, each with what a call has to be like under it. A run of a condition is a function of its seed.
//!
//! ```text
//! conditions() -> Condition { call, links, happenings, bounds } --run(seed)--> Outcome { figures, failures in words }
//! ```
//! The call begins on a clean network; the links are as the condition has them from the moment that tracks are published. Times of a
//! condition count from there.

mod bounds;
mod call;
mod codecs;
mod judge;
mod known;
mod links;
mod losses;
mod plan;
mod rates;
mod rooms;
mod run;

pub use bounds::{Bounds, Layer};
pub use judge::Outcome;
pub use plan::{Condition, Expected, Happening, LinkPlan, Subscriber};
pub use run::{run, run_traced};

/// All conditions, by name.
pub fn conditions() -> Vec<Condition> {
    let mut all =
        [rates::conditions(), losses::conditions(), links::conditions(), codecs::conditions(), rooms::conditions()].concat();
    for condition in &mut all {
        condition.expected = known::NOT_YET
            .iter()
            .find(|(name, _)| *name == condition.name)
            .map_or(Expected::Holds, |(_, why)| Expected::NotYet(why));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_sixty_conditions_and_no_name_twice() {
        let conditions = conditions();
        let names: BTreeSet<_> = conditions.iter().map(|c| c.name).collect();
        assert_eq!(names.len(), conditions.len());
        assert!(conditions.len() >= 60, "{}", conditions.len());
    }

    #[test]
    fn what_does_not_hold_yet_is_a_condition() {
        let conditions = conditions();
        for (name, why) in known::NOT_YET {
            assert!(conditions.iter().any(|c| c.name == *name) && !why.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_run_is_a_function_of_its_seed() {
        let conditions = conditions();
        let condition = conditions.iter().find(|c| c.name == "loss-10-both-ways").expect("named");
        let (one, same, other) = (run(condition, 5), run(condition, 5), run(condition, 6));
        assert_eq!((one.trace, &one.figures), (same.trace, &same.figures));
        assert_ne!(one.trace, other.trace);
    }
}
