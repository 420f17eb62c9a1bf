//! Latency through the whole server: with hardly any load, and with its core at seventy percent.
//!
//! From the publisher's stamp, just before it encrypts, to the kernel's receive timestamp at the subscriber's socket.

use super::corelay::{Corelay, Joining};
use super::fanout::{ClientsExhausted, check, clients, wait_for_streams};
use super::forwarded::Forwarded;
use crate::cores::stolen;
use crate::figure::Figure;
use crate::section::{Effort, Findings};
use anyhow::Result;
use corelay_loadgen::association::Identity;
use corelay_loadgen::client::{Client, ClientPlan, Subscribe};
use corelay_loadgen::fleet::{Fleet, Totals};
use corelay_loadgen::stream::{Burst, StreamPlan};
use hdrhistogram::Histogram;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// Of the server's core.
const LOAD: f64 = 0.70;
/// Near enough to it.
const NEAR: RangeInclusive<f64> = 0.64..=0.76;
/// Looks at the load before it is measured where it is: by then one publisher more is too many.
const STEPS_MAX: u32 = 12;
const PACED: Burst = Burst::Paced { packets: 3, gap: Duration::from_millis(5) };
const PROBE: Duration = Duration::from_secs(2);
/// Of the way to the load that is gone at once: a room costs more on a busy core.
const STRIDE: f64 = 0.75;
const JOINS_PER_SECOND: u32 = 200;

/// Publishers and who listens to them, as many as load the core.
#[derive(Clone, Copy)]
struct Rooms {
    /// Their figures begin with it.
    name: &'static str,
    listeners: usize,
    /// All publishers have the same listeners; else each has a room of its own.
    shares_audience: bool,
    /// So many publishers, and the load is looked at for the first time.
    first: usize,
    max: usize,
}

/// What most servers carry.
const MEETINGS: Rooms = Rooms { name: "latency.load70", listeners: 9, shares_audience: false, first: 16, max: 250 };
/// A burst of three packets leaves 750 times, one after another: the last listener waits for all others.
const HALL: Rooms = Rooms { name: "latency.hall70", listeners: 250, shares_audience: true, first: 2, max: 40 };

/// All loads.
pub(super) async fn run(effort: &Effort) -> Result<Findings> {
    let mut findings = Findings { figures: low(effort).await?, notes: Vec::new() };
    for rooms in [MEETINGS, HALL] {
        match rooms.measure(effort).await {
            Ok(figures) => findings.figures.extend(figures),
            // To load the server's core takes most of another, and may take more: the rest of the bench does not need that.
            Err(error) if error.is::<ClientsExhausted>() => findings.notes.push(format!("{}.* is missing: {error}", rooms.name)),
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

/// One voice to one listener: fifty packets a second, the server asleep before each.
async fn low(effort: &Effort) -> Result<Vec<Figure>> {
    let (identity, fleet) = clients(effort.cores())?;
    let mut server = Corelay::start(effort.cores().server).await?;
    let speaks =
        ClientPlan { publish: vec![StreamPlan::audio(160)], subscribe: Subscribe::None, idle_transports: false, feedback: false };
    let _speaker = server.join(&identity, "pair", "speaker", &speaks, &fleet).await?;
    let _listener = server.join(&identity, "pair", "listener", &ClientPlan::default(), &fleet).await?;
    wait_for_streams(&fleet, 1, &mut server.process).await?;
    let mut windows = Vec::new();
    for _ in 0..if effort.quick { 3 } else { 9 } {
        windows.push(Window::measure(&fleet, &server, effort.cores().server, Duration::from_secs(2)).await?);
    }
    Ok(figures("latency.low", &windows))
}

impl Rooms {
    /// Videos, paced as browsers do: as many publishers as bring the server's core to its load.
    async fn measure(self, effort: &Effort) -> Result<Vec<Figure>> {
        let (identity, fleet) = clients(effort.cores())?;
        let server = Corelay::start(effort.cores().server).await?;
        let mut crowd = Crowd { rooms: self, identity, fleet, server, listeners: Vec::new(), publishers: Vec::new() };
        crowd.grow(self.first).await?;
        for _ in 0..STEPS_MAX {
            let step = self.step(crowd.publishers.len(), crowd.share(PROBE).await?);
            if step == 0 {
                break;
            }
            crowd.step(step).await?;
        }
        let (mut windows, mut shares) = (Vec::new(), Vec::new());
        let length = Duration::from_secs(if effort.quick { 3 } else { 6 });
        for _ in 0..if effort.quick { 2 } else { 5 } {
            let (window, share) =
                tokio::join!(Window::measure(&crowd.fleet, &crowd.server, effort.cores().server, length), crowd.share(length));
            windows.push(window?);
            shares.push(share?);
        }
        let rate = windows.iter().map(|w| w.totals.received.packets as f64 / w.totals.elapsed.as_secs_f64()).collect();
        let mut figures = figures(self.name, &windows);
        figures.push(Figure::new(format!("{}.cpu_share", self.name), "ratio", shares));
        figures.push(Figure::new(format!("{}.packets_per_s", self.name), "1/s", rate));
        Ok(figures)
    }

    /// How many publishers more, or fewer, where so many give this load. None where it is near enough.
    fn step(&self, publishers: usize, load: f64) -> isize {
        if NEAR.contains(&load) {
            return 0;
        }
        let lacking = STRIDE * (LOAD - load) * publishers as f64 / load.max(0.01);
        let step = if lacking < 0.0 { lacking.floor() } else { lacking.ceil() } as isize;
        step.clamp(1 - publishers as isize, self.max as isize - publishers as isize)
    }
}

/// Those who are in the calls.
struct Crowd {
    rooms: Rooms,
    identity: Arc<Identity>,
    fleet: Fleet,
    server: Corelay,
    /// Of all publishers, where they share them.
    listeners: Vec<Client>,
    /// Each with the listeners of its own.
    publishers: Vec<Vec<Client>>,
}

impl Crowd {
    async fn step(&mut self, step: isize) -> Result<()> {
        let left = self.publishers.len().saturating_add_signed(step);
        self.publishers.truncate(left);
        self.grow(left).await
    }

    /// Until there are so many publishers, and all streams flow.
    async fn grow(&mut self, publishers: usize) -> Result<()> {
        for number in self.publishers.len()..publishers {
            let joined = self.publisher(number).await?;
            self.publishers.push(joined);
        }
        wait_for_streams(&self.fleet, (publishers * self.rooms.listeners) as u64, &mut self.server.process).await
    }

    /// One more publisher, with the listeners that it needs.
    async fn publisher(&mut self, number: usize) -> Result<Vec<Client>> {
        let room = if self.rooms.shares_audience { "hall".to_owned() } else { format!("room-{number}") };
        let stream = StreamPlan { burst: PACED, ..StreamPlan::video(2_592_000, 30) };
        let publishes = ClientPlan { publish: vec![stream], subscribe: Subscribe::None, idle_transports: false, feedback: false };
        let (identity, fleet) = (&self.identity, &self.fleet);
        let mut joined = vec![self.server.join(identity, &room, &format!("publisher-{number}"), &publishes, fleet).await?];
        if self.listeners.is_empty() || !self.rooms.shares_audience {
            let joining = Joining { identity, fleet, plan: &ClientPlan::default(), per_second: JOINS_PER_SECOND };
            let listeners =
                joining.join(&self.server, self.rooms.listeners, |n| (room.clone(), format!("listener-{number}-{n}"))).await?;
            let keeps = if self.rooms.shares_audience { &mut self.listeners } else { &mut joined };
            keeps.extend(listeners);
        }
        Ok(joined)
    }

    /// How busy the server's core is with them.
    async fn share(&self, length: Duration) -> Result<f64> {
        let (before, begin) = (self.server.process.cpu()?, tokio::time::Instant::now());
        tokio::time::sleep(length).await;
        Ok(self.server.process.cpu()?.saturating_sub(before).as_secs_f64() / begin.elapsed().as_secs_f64())
    }
}

/// What was seen from both sides.
struct Window {
    totals: Totals,
    forwarded: Forwarded,
    /// Of the server's core, 0 to 1: what the hypervisor gave to others meanwhile. Latencies have it in them.
    stolen: f64,
}

impl Window {
    async fn measure(fleet: &Fleet, server: &Corelay, core: usize, length: Duration) -> Result<Self> {
        let before = (fleet.totals(), server.forwarded().await?, stolen(core)?);
        tokio::time::sleep(length).await;
        let totals = fleet.totals().since(&before.0);
        check(&totals)?;
        let stolen = (stolen(core)? - before.2).as_secs_f64() / totals.elapsed.as_secs_f64();
        Ok(Self { totals, forwarded: server.forwarded().await?.since(&before.1), stolen })
    }
}

fn figures(name: &str, windows: &[Window]) -> Vec<Figure> {
    let figure =
        |what: &str, of: &dyn Fn(&Window) -> f64| Figure::new(format!("{name}.{what}"), "us", windows.iter().map(of).collect());
    let us = |histogram: &Histogram<u64>, quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
    let quantiles = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)];
    let end_to_end = quantiles.map(|(q, quantile)| figure(&format!("{q}_us"), &|w| us(&w.totals.latency_ns, quantile)));
    let added = quantiles.map(|(q, quantile)| figure(&format!("added_{q}_us"), &|w| w.forwarded.quantile_us(quantile)));
    let late = quantiles.map(|(q, quantile)| figure(&format!("sent_late_{q}_us"), &|w| us(&w.totals.send_delay_ns, quantile)));
    let stolen = Figure::new(format!("{name}.stolen_share"), "ratio", windows.iter().map(|w| w.stolen).collect());
    end_to_end.into_iter().chain(added).chain(late).chain([stolen]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_go_towards_the_load_and_are_at_least_one() {
        assert_eq!(HALL.step(10, 0.70), 0);
        assert_eq!((HALL.step(10, 0.35), HALL.step(10, 0.62)), (8, 1));
        assert_eq!((HALL.step(10, 0.95), HALL.step(1, 0.95)), (-2, 0));
        assert_eq!((MEETINGS.step(MEETINGS.max, 0.5), HALL.step(2, 0.0)), (0, 38));
    }
}
