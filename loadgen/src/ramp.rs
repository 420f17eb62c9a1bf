//! A ramp: the load rises step by step until an objective breaks. The capacity is the last step that held.

use crate::figures::time_us;
use crate::run::sampler::quantile_us;
use crate::run::verdict::{Outcome, Verdict};
use crate::run::{Closing, Measured, Stage, Target};
use crate::scenario::{Raise, Scenario, Storm};
use anyhow::{Context, bail};
use serde::Serialize;

/// What a ramp found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Climb {
    /// `participants`, `rooms` or `storm-rate`.
    raised: &'static str,
    /// The highest step that held; `None` if the first one broke.
    capacity: Option<usize>,
    end: End,
    steps: Vec<Step>,
}

/// Why a ramp ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    /// A step broke: the one before it is the capacity.
    Broke,
    /// All steps held: the capacity is higher.
    Reached,
    /// The generator's headroom ended first: the capacity is not known.
    Inconclusive,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) load: usize,
    verdict: Verdict,
    packets_per_s: f64,
    mbit_per_s: f64,
    pub(crate) loss_share: f64,
    pub(crate) latency_p50_us: Option<f64>,
    pub(crate) latency_p99_us: Option<f64>,
    pub(crate) server_cpu: Option<f64>,
    pub(crate) generator_busy: f64,
}

impl Step {
    fn of(load: usize, measured: &Measured) -> Self {
        let (window, seconds) = (&measured.window, measured.window.length.as_secs_f64());
        Self {
            load,
            verdict: measured.verdict.clone(),
            packets_per_s: window.totals.received.packets as f64 / seconds,
            mbit_per_s: window.totals.received.bytes as f64 * 8e-6 / seconds,
            loss_share: window.loss(),
            latency_p50_us: quantile_us(&window.totals.latency_ns, 0.5),
            latency_p99_us: quantile_us(&window.totals.latency_ns, 0.99),
            server_cpu: window.server_cpu.map(|cpu| cpu.as_secs_f64() / seconds),
            generator_busy: window.busiest(),
        }
    }
}

/// The loads of a ramp, in order.
pub(crate) fn loads(scenario: &Scenario) -> anyhow::Result<Vec<usize>> {
    let ramp = &scenario.ramp;
    let from = ramp.from.context("the ramp has no beginning: pass --from, or write ramp.from into the scenario")?;
    let to = ramp.to.context("the ramp has no end: pass --to, or write ramp.to into the scenario")?;
    if to < from {
        bail!("the ramp ends at {to}, below its beginning of {from}: pass a larger --to");
    }
    let step = ramp.step.unwrap_or(((to - from) / 10).max(1));
    Ok((from..=to).step_by(step).collect())
}

/// Raises the load until it breaks. The last measuring, and what was found.
pub(crate) async fn climb(scenario: &Scenario, target: &Target, is_silent: bool) -> anyhow::Result<(Measured, Closing, Climb)> {
    let mut stage = Stage::set(scenario, target, is_silent)?;
    let mut steps: Vec<Step> = Vec::new();
    let mut last = None;
    for load in loads(scenario)? {
        let raised = raise(&mut stage, scenario, load).await;
        if let Err(error) = raised {
            // Somebody who is refused is an end like any other, but for the first step: there it is a fault of the setup.
            let measured = last.with_context(|| format!("{error:#}"))?;
            steps.push(refused(load, &measured, &error));
            last = Some(measured);
            break;
        }
        let title = format!("{} {load}", scenario.ramp.raise.name());
        let measured = stage.measure(&title, scenario.ramp.settle, scenario.ramp.hold, storm(scenario, load)).await;
        let holds = measured.verdict.is_ok();
        steps.push(Step::of(load, &measured));
        last = Some(measured);
        if !holds {
            break;
        }
    }
    let measured = last.context("the ramp has no step: pass a larger --to")?;
    Ok((measured, stage.clear().await, Climb::of(scenario.ramp.raise, steps)))
}

async fn raise(stage: &mut Stage, scenario: &Scenario, load: usize) -> anyhow::Result<()> {
    let (rooms, participants) = match scenario.ramp.raise {
        Raise::Participants => (scenario.rooms, load),
        Raise::Rooms => (load, scenario.participants),
        Raise::StormRate => (scenario.rooms, scenario.participants),
    };
    stage.fill(rooms, participants, &format!("joining to {} {load}", scenario.ramp.raise.name())).await
}

fn storm(scenario: &Scenario, load: usize) -> Option<Storm> {
    let rate = if scenario.ramp.raise == Raise::StormRate { load as f64 } else { scenario.storm?.rate };
    Some(Storm { rate, ..scenario.storm? })
}

/// A step that nobody measured, because somebody could not join.
fn refused(load: usize, before: &Measured, error: &anyhow::Error) -> Step {
    let verdict = Verdict { outcome: Outcome::NotWhole, reasons: vec![format!("{error:#}")] };
    Step { verdict, ..Step::of(load, before) }
}

impl Climb {
    fn of(raised: Raise, steps: Vec<Step>) -> Self {
        let end = match steps.last().map(|step| step.verdict.outcome) {
            None | Some(Outcome::Ok) => End::Reached,
            Some(Outcome::Bottleneck) => End::Inconclusive,
            Some(_) => End::Broke,
        };
        let capacity = steps.iter().rev().find(|step| step.verdict.is_ok()).map(|step| step.load);
        Self { raised: raised.name(), capacity, end, steps }
    }

    /// Of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.end, self.capacity) {
            (End::Inconclusive, _) => Outcome::Bottleneck.exit_code(),
            (End::Broke, None) => self.steps.last().map_or(0, |step| step.verdict.outcome.exit_code()),
            (End::Broke | End::Reached, _) => 0,
        }
    }

    /// What is raised, as in a scenario file.
    pub(crate) fn raised(&self) -> &'static str {
        self.raised
    }

    /// In order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// One line a step, and the capacity.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{:>12}  {:>12}  {:>9}  {:>9}  {:>9}  {:>7}  {:>9}\n",
            self.raised, "packets/s", "p50", "p99", "loss", "server", "generator"
        );
        for step in &self.steps {
            text.push_str(&step.row());
        }
        text.push_str(&format!("\n{}\n", self.sentence()));
        text
    }

    /// The capacity and why it is that.
    pub(crate) fn sentence(&self) -> String {
        let reasons = self.steps.last().map(|step| step.verdict.reasons.join("; ")).unwrap_or_default();
        let broken_at = self.steps.last().map_or(0, |step| step.load);
        let raised = self.raised;
        match (self.end, self.capacity) {
            (End::Reached, Some(capacity)) => {
                format!("capacity: at least {capacity} {raised}: every step held; raise --to to find the end")
            }
            (End::Broke, Some(capacity)) => format!("capacity: {capacity} {raised}; {broken_at} broke: {reasons}"),
            (End::Inconclusive, Some(capacity)) => format!("inconclusive: at least {capacity} {raised}; at {broken_at} {reasons}"),
            (End::Broke, None) => format!("capacity: below {broken_at} {raised}: {reasons}"),
            (End::Inconclusive | End::Reached, None) => format!("inconclusive: at {broken_at} {raised} {reasons}"),
        }
    }
}

impl Step {
    fn row(&self) -> String {
        let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), time_us);
        let share = |share: f64| format!("{:.0} %", share * 100.0);
        format!(
            "{:>12}  {:>12.0}  {:>9}  {:>9}  {:>7.3} %  {:>7}  {:>9}  {}\n",
            self.load,
            self.packets_per_s,
            time(self.latency_p50_us),
            time(self.latency_p99_us),
            self.loss_share * 100.0,
            self.server_cpu.map_or_else(|| "-".to_owned(), share),
            share(self.generator_busy),
            if self.verdict.is_ok() { "held" } else { "broke" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(load: usize, outcome: Outcome) -> Step {
        let reasons = if outcome == Outcome::Ok { Vec::new() } else { vec!["p99 latency is 80 ms".to_owned()] };
        Step {
            load,
            verdict: Verdict { outcome, reasons },
            packets_per_s: 1_000.0,
            mbit_per_s: 1.0,
            loss_share: 0.0,
            latency_p50_us: Some(100.0),
            latency_p99_us: None,
            server_cpu: Some(0.5),
            generator_busy: 0.2,
        }
    }

    #[test]
    fn the_capacity_is_the_last_step_that_held() {
        let climb =
            Climb::of(Raise::Participants, vec![step(50, Outcome::Ok), step(100, Outcome::Ok), step(150, Outcome::SloBroken)]);
        assert_eq!((climb.capacity, climb.end, climb.exit_code()), (Some(100), End::Broke, 0));
        assert!(climb.table().contains("capacity: 100 participants; 150 broke: p99 latency is 80 ms"), "{}", climb.table());
    }

    #[test]
    fn a_generator_without_headroom_is_no_capacity() {
        let climb = Climb::of(Raise::Rooms, vec![step(5, Outcome::Ok), step(10, Outcome::Bottleneck)]);
        assert_eq!((climb.end, climb.exit_code()), (End::Inconclusive, 4));
        assert!(climb.sentence().starts_with("inconclusive: at least 5 rooms"));
    }

    #[test]
    fn a_first_step_that_breaks_fails() {
        let climb = Climb::of(Raise::StormRate, vec![step(20, Outcome::NotWhole)]);
        assert_eq!((climb.capacity, climb.exit_code()), (None, 3));
    }

    #[test]
    fn steps_go_from_here_to_there() {
        let ramp = |text: &str| {
            let text = format!("participants = 3\n[audio]\n[ramp]\n{text}");
            loads(&Scenario::parse("mine", "mine.toml", text, &[]).expect("it is complete"))
        };
        assert_eq!(ramp("from = 10\nto = 30\nstep = 10").expect("complete"), [10, 20, 30]);
        assert_eq!(ramp("from = 1\nto = 3").expect("complete"), [1, 2, 3]);
        assert!(ramp("from = 1").expect_err("no end").to_string().contains("--to"));
    }
}
