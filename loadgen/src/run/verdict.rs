//! Whether a run is a result, and if not, why: each kind of failure has its own words and its own exit code.

use super::joins::{Join, quantile};
use super::sampler::{Window, quantile_us};
use crate::figures::time_us;
use crate::scenario::Slo;
use corelay_loadgen::fleet::Headroom;
use serde::Serialize;
use std::cmp::Reverse;
use std::time::Duration;

/// How a run ended, the mildest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Everything arrived, and what was asked for held.
    Ok,
    /// A service level objective was broken.
    SloBroken,
    /// Packets are missing, streams did not flow, or somebody was thrown out or refused.
    NotWhole,
    /// The generator was the bottleneck: its figures say nothing about the server.
    Bottleneck,
    /// Something arrived that was not what was sent.
    Corrupt,
}

impl Outcome {
    /// Of the process. 2 is a wrong argument or scenario, 5 a run that could not be set up.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::SloBroken => 1,
            Self::NotWhole | Self::Corrupt => 3,
            Self::Bottleneck => 4,
        }
    }
}

/// An outcome with its reasons, the worst first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) reasons: Vec<String>,
}

/// What is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) slo: &'a Slo,
    pub(crate) window: &'a Window,
    /// Of those that began in the window, and all that failed.
    pub(crate) joins: &'a [Join],
    pub(crate) streams_expected: usize,
    pub(crate) streams_started: usize,
    /// Participants that were thrown out, with the reason.
    pub(crate) lost: &'a [String],
}

impl Verdict {
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        let mut findings = Vec::new();
        findings.extend(corruption(evidence));
        findings.extend(bottleneck(evidence));
        findings.extend(gaps(evidence));
        findings.extend(objectives(evidence));
        findings.sort_by_key(|finding| Reverse(finding.0));
        Self {
            outcome: findings.first().map_or(Outcome::Ok, |(outcome, _)| *outcome),
            reasons: findings.into_iter().map(|(_, reason)| reason).collect(),
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}

/// A join is a dozen steps: each this late, they make a join slow that is not. So does one wait for a turn that is this long.
const LATE_P99_MAX: Duration = Duration::from_millis(50);

type Finding = (Outcome, String);

fn corruption(evidence: &Evidence<'_>) -> Option<Finding> {
    let received = &evidence.window.totals.received;
    (received.corrupt + received.unopened > 0).then(|| {
        let reason = format!(
            "{} packets were not what was sent and {} did not open: an error of the server, or of this generator",
            received.corrupt, received.unopened
        );
        (Outcome::Corrupt, reason)
    })
}

fn bottleneck(evidence: &Evidence<'_>) -> Option<Finding> {
    let late = Duration::from_nanos(evidence.window.late_ns.value_at_quantile(0.99));
    let reason = match evidence.window.totals.headroom() {
        Headroom::Exhausted(reason) => reason,
        Headroom::Enough if late > LATE_P99_MAX => {
            format!(
                "the thread that joins and leaves was more than {late:?} late 1 % of the time: give it cores of its own, or ask for fewer joins"
            )
        }
        Headroom::Enough => waited(evidence.joins)?,
    };
    Some((Outcome::Bottleneck, format!("the generator was the bottleneck, so there is no result: {reason}")))
}

/// Joins waited for a turn of the generator's own.
fn waited(joins: &[Join]) -> Option<String> {
    let mut waited: Vec<Duration> = joins.iter().filter_map(|join| Some(join.outcome.as_ref().ok()?.waited)).collect();
    waited.sort();
    let p99 = quantile(&waited, 0.99);
    (p99 > LATE_P99_MAX).then(|| {
        format!(
            "1 % of the joins waited more than {p99:?} for others to shake hands: give it cores of its own, or ask for fewer joins"
        )
    })
}

fn gaps(evidence: &Evidence<'_>) -> Vec<Finding> {
    let (window, totals) = (evidence.window, &evidence.window.totals);
    let mut reasons = Vec::new();
    if evidence.streams_started < evidence.streams_expected {
        reasons.push(format!(
            "{} of {} streams began to flow: look into the server's log",
            evidence.streams_started, evidence.streams_expected
        ));
    }
    if totals.streams_silent > 0 {
        reasons.push(format!("{} streams fell silent: their publishers went on sending", totals.streams_silent));
    }
    if evidence.slo.loss.is_none() && totals.received.lost > 0 {
        reasons.push(format!(
            "{} packets ({:.4} %) are missing: name what may be lost as slo.loss if that is fine",
            totals.received.lost,
            window.loss() * 100.0
        ));
    }
    if let Some(first) = evidence.lost.first() {
        reasons.push(format!("{} participants lost their place; {first}", evidence.lost.len()));
    }
    let failed: Vec<&String> = evidence.joins.iter().filter_map(|join| join.outcome.as_ref().err()).collect();
    if let Some(first) = failed.first() {
        reasons.push(format!("{} of {} joins failed; {first}", failed.len(), evidence.joins.len()));
    }
    reasons.into_iter().map(|reason| (Outcome::NotWhole, reason)).collect()
}

fn objectives(evidence: &Evidence<'_>) -> Vec<Finding> {
    let (slo, window) = (evidence.slo, evidence.window);
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let mut reasons = Vec::new();
    if let (Some(bound), Some(p99)) = (slo.latency_p99, quantile_us(&window.totals.latency_ns, 0.99))
        && p99 > us(bound)
    {
        reasons.push(format!("p99 latency is {}, above slo.latency_p99 of {}", time_us(p99), time_us(us(bound))));
    }
    if let Some(bound) = slo.loss
        && window.loss() > bound
    {
        reasons.push(format!("{:.4} % of packets are lost, above slo.loss of {} %", window.loss() * 100.0, bound * 100.0));
    }
    let p99 = joins_p99(evidence.joins);
    if let (Some(bound), Some(p99)) = (slo.join_p99, p99)
        && p99 > bound
    {
        reasons.push(format!("p99 of joins is {}, above slo.join_p99 of {}", time_us(us(p99)), time_us(us(bound))));
    }
    reasons.into_iter().map(|reason| (Outcome::SloBroken, reason)).collect()
}

fn joins_p99(joins: &[Join]) -> Option<Duration> {
    let mut took: Vec<Duration> = joins.iter().filter_map(Join::took).collect();
    took.sort();
    (!took.is_empty()).then(|| quantile(&took, 0.99))
}
