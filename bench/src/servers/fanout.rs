//! One publisher and its subscribers through a whole server: what a forwarded packet costs it.

use super::process::ServerProcess;
use crate::cores::Cores;
use anyhow::{Result, ensure};
use corelay_loadgen::association::{Identity, IdentityOptions, Profiles};
use corelay_loadgen::fleet::{Fleet, FleetOptions, Headroom, Sample, Totals};
use corelay_loadgen::stream::StreamPlan;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long all subscribers may take to get their first packet.
const START_MAX: Duration = Duration::from_secs(60);
/// What joins leave behind (retransmissions, first reports) is over by then.
const SETTLE: Duration = Duration::from_secs(2);

/// One publisher's stream to so many subscribers.
#[derive(Clone, Debug)]
pub(super) struct Fanout {
    /// What is published.
    pub(super) stream: StreamPlan,
    /// To how many.
    pub(super) subscribers: usize,
    /// Where the server and the clients run.
    pub(super) cores: Cores,
    /// Measured that often,
    pub(super) windows: usize,
    /// for this long.
    pub(super) window: Duration,
}

/// A call that is set up; dropping what it keeps ends it.
pub(super) struct Call {
    /// The server.
    pub(super) process: ServerProcess,
    /// Resident memory before anybody joined.
    pub(super) rss_empty_kib: u64,
    /// Clients, sessions and tasks.
    pub(super) _keep: Box<dyn Any>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// CPU time of the server per forwarded packet in microseconds, by window.
    pub(super) cpu_us: Vec<f64>,
    /// End-to-end latency in microseconds at the median, by window.
    pub latency_p50_us: Vec<f64>,
    /// The same at the 99th percentile.
    pub latency_p99_us: Vec<f64>,
    /// Resident memory that a subscriber added.
    pub(super) rss_subscriber_kib: f64,
}

/// A window that says nothing of the server.
#[derive(Debug)]
pub(super) struct ClientsExhausted(String);

impl fmt::Display for ClientsExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clients were the bottleneck: {}", self.0)
    }
}

impl Error for ClientsExhausted {}

impl Call {
    /// Waits until everybody receives, and measures.
    pub(super) async fn measure(mut self, plan: &Fanout, fleet: &Fleet) -> Result<Outcome> {
        wait_for_streams(fleet, plan.subscribers as u64, &mut self.process).await?;
        tokio::time::sleep(SETTLE).await;
        let mut outcome = Outcome::default();
        let grown = self.process.rss_kib()?.saturating_sub(self.rss_empty_kib);
        outcome.rss_subscriber_kib = grown as f64 / plan.subscribers as f64;
        for _ in 0..plan.windows {
            let (cpu, before) = (self.process.cpu()?, fleet.totals());
            tokio::time::sleep(plan.window).await;
            let cpu = self.process.cpu()?.saturating_sub(cpu);
            let totals = fleet.totals().since(&before);
            check(&totals)?;
            outcome.cpu_us.push(cpu.as_secs_f64() * 1e6 / totals.received.packets as f64);
            outcome.latency_p50_us.push(totals.latency_ns.value_at_quantile(0.5) as f64 / 1e3);
            outcome.latency_p99_us.push(totals.latency_ns.value_at_quantile(0.99) as f64 / 1e3);
        }
        Ok(outcome)
    }
}

/// Clients that offer AEAD_AES_128_GCM alone, on one thread beside the server.
pub(super) fn clients(cores: Cores) -> Result<(Arc<Identity>, Fleet)> {
    let identity = Identity::new(&IdentityOptions { profiles: Profiles::GcmOnly, ..IdentityOptions::default() })?;
    let sample = Sample { whole_every: 20, one_in: 50 };
    let fleet = Fleet::start(&FleetOptions { cores: vec![cores.client], sample, ..FleetOptions::default() })?;
    Ok((identity, fleet))
}

/// Waits until so many streams have brought a packet.
pub(super) async fn wait_for_streams(fleet: &Fleet, streams: u64, process: &mut ServerProcess) -> Result<()> {
    let until = Instant::now() + START_MAX;
    loop {
        process.check()?;
        let started = fleet.totals().streams_started;
        if started >= streams {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{started} of {streams} streams brought a packet within {START_MAX:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A window counts when nothing was lost and the clients kept up: otherwise it says nothing of the server.
pub(super) fn check(totals: &Totals) -> Result<()> {
    if let Headroom::Exhausted(reason) = totals.headroom() {
        return Err(ClientsExhausted(reason).into());
    }
    let received = &totals.received;
    ensure!(received.packets > 0, "nothing was forwarded");
    ensure!(
        received.lost == 0 && received.corrupt == 0 && received.unopened == 0,
        "{} packets were lost, {} came corrupted and {} could not be opened, of {}",
        received.lost,
        received.corrupt,
        received.unopened,
        received.packets
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_packets_says_so() {
        let error = check(&Totals::default()).expect_err("nothing came").to_string();
        assert!(error.contains("nothing was forwarded"), "{error}");
    }
}
