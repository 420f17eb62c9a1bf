//! A run: everyone joins, media flows and is measured, everyone leaves. [`Stage`] holds the steps, of which a plain run takes each
//! once and a ramp some of them many times.

mod crowd;
mod generator;
pub(crate) mod interval;
pub(crate) mod joins;
mod lag;
mod progress;
pub(crate) mod sampler;
pub(crate) mod verdict;

use crate::scenario::{Scenario, Storm};
use corelay_loadgen::process::{self, Usage};
use crowd::Crowd;
use generator::Generator;
pub(crate) use generator::Target;
use interval::{Interval, Phase};
use joins::Join;
use progress::Progress;
use sampler::{Look, Sampler, Window};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use verdict::{Evidence, Verdict};

/// Between two looks at whether everything flows.
const POLL: Duration = Duration::from_millis(50);
/// The server takes down a participant's state within this time of its leaving, and its allocator settles.
const SETTLE: Duration = Duration::from_secs(2);

/// A finished run.
pub(crate) struct Finished {
    pub(crate) measured: Measured,
    pub(crate) closing: Closing,
}

/// What a time of measuring showed.
pub(crate) struct Measured {
    pub(crate) rooms: usize,
    /// Of each room.
    pub(crate) participants: usize,
    pub(crate) window: Window,
    /// Joins since the end of the measuring before.
    pub(crate) joins: Vec<Join>,
    pub(crate) streams_expected: usize,
    pub(crate) streams_started: usize,
    pub(crate) verdict: Verdict,
}

/// What is known when everybody has left.
pub(crate) struct Closing {
    pub(crate) profile: Option<&'static str>,
    pub(crate) memory: Option<Memory>,
    pub(crate) series: Vec<Interval>,
    /// Participants whose leaving failed.
    pub(crate) failed_to_leave: usize,
}

/// Memory of the server's process, KiB.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    /// Resident before the first join.
    pub(crate) before: u64,
    /// Resident at the end of the measuring.
    pub(crate) during: u64,
    /// Resident after everybody left.
    pub(crate) after: u64,
    /// What each participant added.
    pub(crate) per_participant: u64,
    /// Proportional set size at the end of the measuring, where the kernel tells it.
    pub(crate) pss: Option<u64>,
}

/// Runs a scenario from its first join to its last leave.
pub(crate) async fn run(scenario: &Scenario, target: &Target, is_silent: bool) -> anyhow::Result<Finished> {
    let mut stage = Stage::set(scenario, target, is_silent)?;
    stage.fill(scenario.rooms, scenario.participants, "joining").await?;
    let measure = &scenario.measure;
    let measured = stage.measure("measuring", measure.warmup, measure.duration, scenario.storm).await;
    Ok(Finished { measured, closing: stage.clear().await })
}

/// The participants and those who watch them.
pub(crate) struct Stage {
    generator: Arc<Generator>,
    crowd: Crowd,
    sampler: Sampler,
    before: Option<Usage>,
    during: Option<(Usage, Option<u64>)>,
    participants: u64,
    begun: Instant,
    /// Joins that began before it are in an earlier verdict.
    judged_until: Duration,
}

impl Stage {
    /// Starts the generator. Fails with what is to be mended.
    pub(crate) fn set(scenario: &Scenario, target: &Target, is_silent: bool) -> anyhow::Result<Self> {
        let before = target.server_pid.map(|pid| {
            process::usage(pid)
                .ok_or_else(|| anyhow::anyhow!("there is no process {pid} that we may look at: pass the server's as --server-pid"))
        });
        let generator = Generator::start(scenario, target)?;
        Ok(Self {
            before: before.transpose()?,
            crowd: Crowd::new(&generator),
            sampler: Sampler::new(&generator, Progress::new(is_silent)),
            during: None,
            participants: 0,
            begun: Instant::now(),
            judged_until: Duration::ZERO,
            generator,
        })
    }

    /// Lets participants join until there are so many, and waits until all their streams flow or the time for it is over.
    pub(crate) async fn fill(&mut self, rooms: usize, participants: usize, title: &str) -> anyhow::Result<()> {
        let (crowd, sampler) = (&mut self.crowd, &mut self.sampler);
        tokio::select! {
            grown = crowd.grow(rooms, participants) => grown?,
            never = sampler.watch(Phase::Joining, title) => match never {},
        }
        self.flow(title).await;
        Ok(())
    }

    /// Lets streams flow for `warmup`, measures for `duration`, and judges.
    pub(crate) async fn measure(&mut self, title: &str, warmup: Duration, duration: Duration, storm: Option<Storm>) -> Measured {
        let (start, end) = self.live(title, warmup, duration, storm).await;
        self.remember(&end);
        let lost = self.crowd.lost();
        self.regather().await;
        self.flow("finishing").await;
        let window = Window::between(&start, &end);
        let joins: Vec<Join> = self.crowd.joins().into_iter().filter(|join| join.at >= self.judged_until).collect();
        self.judged_until = self.begun.elapsed();
        let streams_expected = self.crowd.streams();
        let streams_started = self.streams_started().min(streams_expected);
        let slo = &self.generator.scenario.slo;
        let verdict =
            Verdict::of(&Evidence { slo, window: &window, joins: &joins, streams_expected, streams_started, lost: &lost });
        let (rooms, participants) = self.crowd.size();
        Measured { rooms, participants, window, joins, streams_expected, streams_started, verdict }
    }

    /// Everybody leaves.
    pub(crate) async fn clear(self) -> Closing {
        let Self { crowd, mut sampler, generator, before, during, participants, .. } = self;
        let profile = crowd.profile();
        let failed_to_leave = tokio::select! {
            failed = crowd.leave() => failed,
            never = sampler.watch(Phase::Leaving, "leaving") => match never {},
        };
        let mut memory = None;
        if let (Some(pid), Some(before), Some((during, pss))) = (generator.target.server_pid, before, during) {
            tokio::time::sleep(SETTLE).await;
            let per_participant = during.rss_kib.saturating_sub(before.rss_kib) / participants.max(1);
            let after = process::usage(pid).map_or(0, |usage| usage.rss_kib);
            memory = Some(Memory { before: before.rss_kib, during: during.rss_kib, after, per_participant, pss });
        }
        sampler.finish();
        Closing { profile, memory, series: sampler.series, failed_to_leave }
    }

    /// Warmup and measuring, with whatever comes and goes meanwhile. The looks at the measuring's two ends.
    async fn live(&mut self, title: &str, warmup: Duration, duration: Duration, storm: Option<Storm>) -> (Look, Look) {
        let (crowd, sampler, churn) = (&mut self.crowd, &mut self.sampler, self.generator.scenario.churn);
        let bustle = async {
            match (storm, churn) {
                (Some(storm), _) => crowd.storm(storm).await,
                (None, Some(churn)) => crowd.churn(churn).await,
                (None, None) => std::future::pending().await,
            }
        };
        let watch = async {
            sampler.watch_for(Phase::Warmup, "warming up", warmup).await;
            let start = sampler.look();
            sampler.watch_for(Phase::Measuring, title, duration).await;
            (start, sampler.look())
        };
        tokio::select! {
            looks = watch => looks,
            never = bustle => match never {},
        }
    }

    /// Those who are on their way when the measuring ends.
    async fn regather(&mut self) {
        let (crowd, sampler) = (&mut self.crowd, &mut self.sampler);
        tokio::select! {
            // Whoever could not come is put down as a failed join, which the verdict sees.
            gathered = crowd.gather() => drop(gathered),
            never = sampler.watch(Phase::Leaving, "finishing") => match never {},
        }
    }

    /// Waits until all streams flow, or until the time for it is over: the verdict tells them apart.
    async fn flow(&mut self, title: &str) {
        let deadline = Instant::now() + self.generator.scenario.join.timeout;
        let (crowd, generator, sampler) = (&self.crowd, &self.generator, &mut self.sampler);
        let expected = crowd.streams();
        let flows = async {
            while (generator.fleet.totals().streams_started as usize) < expected
                && Instant::now() < deadline
                && crowd.lost().is_empty()
            {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = flows => {}
            never = sampler.watch(Phase::Joining, title) => match never {},
        }
    }

    fn streams_started(&self) -> usize {
        self.generator.fleet.totals().streams_started as usize
    }

    fn remember(&mut self, end: &Look) {
        self.participants = self.generator.present();
        let pss = self.generator.target.server_pid.and_then(process::pss_kib);
        self.during = end.server.clone().map(|usage| (usage, pss));
    }
}
