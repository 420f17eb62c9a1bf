//! A sender, a link and a receiver in a few lines: the senders' estimators are what is tested.

use crate::estimate::{Estimator, EstimatorConfig, PacketResult, ProbePlan};
use corelay_wire::units::{Bitrate, Instant, SequenceNumber};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::collections::VecDeque;

/// What a link does. Times in milliseconds, rates in bits per second.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// From when on which rate; zero is an outage.
    pub(super) rates: Vec<(u64, f64)>,
    /// How long a packet may wait before it is dropped.
    pub(super) queue: f64,
    /// Each way.
    pub(super) delay: f64,
    pub(super) jitter: f64,
    pub(super) reorder: bool,
    /// From when on which fraction is lost at random.
    pub(super) loss: Vec<(u64, f64)>,
    /// Packets of one loss, in the mean.
    pub(super) burst: f64,
    /// Whether random loss is behind the bottleneck (a radio) or before it.
    pub(super) lost_behind: bool,
    /// A token bucket in front: rate, and its depth in bytes.
    pub(super) policer: Option<(f64, f64)>,
    pub(super) feedback_every: f64,
    pub(super) feedback_loss: f64,
    /// Feedback is held up and comes in bunches of this long.
    pub(super) feedback_bunch: f64,
    /// The receiver's clock, in millionths.
    pub(super) drift: f64,
    /// A transfer that fills the queue, from when on.
    pub(super) greedy: Option<u64>,
    /// When the peer comes by another way, and how much later what is sent to it arrives then.
    pub(super) moves: Option<(u64, f64)>,
}

impl Link {
    pub(super) fn of(rate: f64) -> Self {
        Self {
            rates: vec![(0, rate)],
            queue: 300.0,
            delay: 40.0,
            jitter: 0.0,
            reorder: false,
            loss: vec![(0, 0.0)],
            burst: 1.0,
            lost_behind: true,
            policer: None,
            feedback_every: 100.0,
            feedback_loss: 0.0,
            feedback_bunch: 0.0,
            drift: 0.0,
            greedy: None,
            moves: None,
        }
    }
}

fn at<T: Copy>(schedule: &[(u64, T)], now: u64) -> T {
    schedule.iter().rev().find(|(from, _)| *from <= now).expect("a schedule begins at zero").1
}

/// How a sender makes packets.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// When it begins.
    pub(super) begin: u64,
    /// From when on it could use how much.
    pub(super) demand: Vec<(u64, f64)>,
    /// Only these rates can be sent, the highest that fits; empty: any.
    pub(super) layers: Vec<f64>,
    /// Whether it can pad probes.
    pub(super) pads: bool,
    pub(super) frames_per_second: f64,
    /// Each so many frames one is four times as large.
    pub(super) keyframe_every: u32,
}

impl Source {
    pub(super) fn of(demand: f64) -> Self {
        Self { begin: 0, demand: vec![(0, demand)], layers: Vec::new(), pads: true, frames_per_second: 30.0, keyframe_every: 300 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    result: PacketResult,
    /// When it arrives, by the sender's clock; infinite when it is lost.
    arrival: f64,
}

/// What was seen in each tenth of a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: u64,
    pub(super) target: f64,
    /// What arrived in it.
    pub(super) arrived: f64,
    /// Milliseconds of packets in front of the link.
    pub(super) queue: f64,
}

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) estimator: Estimator,
    source: Source,
    log: VecDeque<Sent>,
    /// Index of the first packet of the log, and of the next to be reported on.
    first: u64,
    reported: u64,
    missing: Vec<u64>,
    waiting: VecDeque<u32>,
    free: f64,
    next_frame: f64,
    next_audio: f64,
    frames: u32,
    probe: Option<(ProbePlan, f64, u32, f64)>,
    next_feedback: f64,
    feedback: VecDeque<(f64, Vec<PacketResult>)>,
    layer: usize,
    pub(super) samples: Vec<Sample>,
    arrived_bytes: f64,
    pub(super) padding: f64,
    pub(super) lost: u64,
    pub(super) sent: u64,
}

/// Everything that shares one link.
pub(super) struct Bench {
    link: Link,
    pub(super) flows: Vec<Flow>,
    random: ChaCha12Rng,
    /// When the link has sent what waits for it.
    free: f64,
    latest: f64,
    losing: f64,
    tokens: f64,
    tokens_at: f64,
    greedy: Greedy,
    /// Called with the time, the queue and each flow, each tenth of a second.
    pub(super) trace: Option<fn(u64, f64, &Flow)>,
}

/// A window that grows until a packet is lost.
#[derive(Debug, Default)]
struct Greedy {
    window: f64,
    in_flight: VecDeque<(f64, bool)>,
    halved: f64,
    bytes: f64,
}

const HEADERS: u32 = 28;

impl Bench {
    pub(super) fn new(seed: u64, link: Link, sources: &[Source]) -> Self {
        let flow = |source: &Source| Flow {
            estimator: Estimator::new(Instant::ZERO, EstimatorConfig::default()),
            source: source.clone(),
            log: VecDeque::new(),
            first: 0,
            reported: 0,
            missing: Vec::new(),
            waiting: VecDeque::new(),
            free: 0.0,
            next_frame: source.begin as f64,
            next_audio: source.begin as f64,
            frames: 0,
            probe: None,
            next_feedback: source.begin as f64,
            feedback: VecDeque::new(),
            layer: 0,
            samples: Vec::new(),
            arrived_bytes: 0.0,
            padding: 0.0,
            lost: 0,
            sent: 0,
        };
        Self {
            flows: sources.iter().map(flow).collect(),
            random: ChaCha12Rng::seed_from_u64(seed),
            free: 0.0,
            latest: 0.0,
            losing: 0.0,
            tokens: 0.0,
            tokens_at: 0.0,
            greedy: Greedy { window: 10.0, ..Greedy::default() },
            trace: None,
            link,
        }
    }

    pub(super) fn run(mut self, seconds: u64) -> Self {
        for now in 0..seconds * 1000 {
            self.step(now);
        }
        self
    }

    fn step(&mut self, now: u64) {
        if let Some((_, later)) = self.link.moves.take_if(|(at, _)| *at <= now) {
            self.link.delay += later;
            self.flows.iter_mut().for_each(|flow| flow.estimator.on_path_change(Instant::from_millis(now)));
        }
        for at in 0..self.flows.len() {
            if self.flows[at].source.begin <= now {
                self.send(at, now);
                self.report(at, now);
            }
        }
        self.run_greedy(now);
        if now % 100 == 99 {
            let queue = (self.free - now as f64).max(0.0);
            self.flows.iter_mut().for_each(|flow| flow.sample(now, queue));
            if let Some(trace) = self.trace {
                self.flows.iter().for_each(|flow| trace(now, queue, flow));
            }
        }
    }

    fn chance(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / f64::from(u32::MAX)
    }

    /// When a packet that is sent arrives: infinity when it does not.
    fn carry(&mut self, now: f64, bytes: u32) -> f64 {
        let millis = now as u64;
        let lost = self.is_lost(millis);
        if lost && !self.link.lost_behind {
            return f64::INFINITY;
        }
        if let Some((rate, depth)) = self.link.policer {
            self.tokens = (self.tokens + (now - self.tokens_at) * rate / 8e3).min(depth);
            self.tokens_at = now;
            if self.tokens < f64::from(bytes) {
                return f64::INFINITY;
            }
            self.tokens -= f64::from(bytes);
        }
        let rate = at(&self.link.rates, millis);
        let begin = self.free.max(now);
        if rate <= 0.0 || begin - now > self.link.queue {
            return f64::INFINITY;
        }
        self.free = begin + f64::from(bytes) * 8e3 / rate;
        let jitter = self.link.jitter * self.chance();
        let arrival = self.free + self.link.delay + jitter;
        if lost {
            return f64::INFINITY;
        }
        let arrival = if self.link.reorder { arrival } else { arrival.max(self.latest) };
        self.latest = self.latest.max(arrival);
        arrival
    }

    fn is_lost(&mut self, now: u64) -> bool {
        let (loss, burst) = (at(&self.link.loss, now), self.link.burst);
        if self.losing >= 1.0 {
            self.losing -= 1.0;
            return true;
        }
        // So rare that with bursts the fraction is right.
        if self.chance() < loss / (burst - loss * (burst - 1.0)) {
            self.losing = if burst > 1.0 { (2.0 * burst - 1.0) * self.chance() } else { 0.0 };
            return true;
        }
        false
    }

    fn send(&mut self, index: usize, millis: u64) {
        let now = millis as f64;
        let instant = Instant::from_millis(millis);
        self.flows[index].make(millis, now, |r| f64::from(r.next_u32()) / f64::from(u32::MAX), &mut self.random);
        let flow = &mut self.flows[index];
        let outstanding = (flow.reported < flow.first + flow.log.len() as u64)
            .then(|| flow.log[(flow.reported - flow.first) as usize].result.sent);
        if flow.estimator.poll_timeout(outstanding).is_some_and(|at| at <= instant) {
            flow.estimator.handle_timeout(instant, outstanding);
        }
        if flow.probe.is_none() && flow.source.pads {
            flow.probe = flow.estimator.poll_probe(instant).map(|plan| (plan, now, 0, 0.0));
        }
        let pace = flow.estimator.estimate().target.0 as f64 * 2.0;
        loop {
            let flow = &mut self.flows[index];
            let (bytes, probe) = match &mut flow.probe {
                Some((plan, begun, packets, sent)) => {
                    if now >= *begun + plan.duration.as_secs_f64() * 1e3 && *packets >= plan.packets_min {
                        flow.probe = None;
                        continue;
                    }
                    if *sent > (now - *begun) * plan.bitrate.0 as f64 / 8e3 {
                        break;
                    }
                    let bytes = flow.waiting.pop_front().unwrap_or_else(|| {
                        flow.padding += 1_000.0;
                        1_000
                    });
                    *packets += 1;
                    *sent += f64::from(bytes);
                    (bytes, Some(plan.cluster))
                }
                None => {
                    // Bursts of up to 5 ms leave at once.
                    if flow.free > now + 5.0 {
                        break;
                    }
                    let Some(bytes) = flow.waiting.pop_front() else { break };
                    flow.free = flow.free.max(now) + f64::from(bytes) * 8e3 / pace;
                    (bytes, None)
                }
            };
            self.send_one(index, now, bytes + HEADERS, probe);
        }
    }

    fn send_one(&mut self, index: usize, now: f64, bytes: u32, probe: Option<u8>) {
        let arrival = self.carry(now, bytes);
        let flow = &mut self.flows[index];
        let sequence = flow.first + flow.log.len() as u64;
        let sent = Instant::from_millis(now as u64);
        let result = PacketResult { sequence: SequenceNumber(sequence as u16), sent, arrived: None, bytes, probe };
        flow.sent += 1;
        flow.lost += u64::from(arrival.is_infinite());
        flow.log.push_back(Sent { result, arrival });
    }

    fn report(&mut self, index: usize, millis: u64) {
        let now = millis as f64;
        let (delay, every, bunch) = (self.link.delay, self.link.feedback_every, self.link.feedback_bunch);
        let lost = self.link.feedback_loss > 0.0 && self.chance() < self.link.feedback_loss;
        let drift = 1.0 + self.link.drift / 1e6;
        let flow = &mut self.flows[index];
        if now >= flow.next_feedback {
            flow.next_feedback = now + every;
            let results = flow.collect(now, drift);
            let due = now + delay;
            let due = if bunch > 0.0 { (due / bunch).ceil() * bunch } else { due };
            if !results.is_empty() && !lost {
                flow.feedback.push_back((due, results));
            }
        }
        while flow.feedback.front().is_some_and(|(due, _)| *due <= now) {
            let (_, results) = flow.feedback.pop_front().expect("just seen");
            flow.estimator.on_feedback(Instant::from_millis(millis), results, |_, _| {});
        }
    }

    fn run_greedy(&mut self, millis: u64) {
        let now = millis as f64;
        if self.link.greedy.is_none_or(|from| millis < from) {
            return;
        }
        while self.greedy.in_flight.front().is_some_and(|(at, _)| *at <= now) {
            let (_, lost) = self.greedy.in_flight.pop_front().expect("just seen");
            if !lost {
                self.greedy.window += 1.0 / self.greedy.window;
                self.greedy.bytes += 1_500.0;
            } else if now - self.greedy.halved > 2.0 * self.link.delay {
                self.greedy.window = (self.greedy.window / 2.0).max(2.0);
                self.greedy.halved = now;
            }
        }
        while (self.greedy.in_flight.len() as f64) < self.greedy.window {
            let arrival = self.carry(now, 1_500);
            let lost = arrival.is_infinite();
            let back = if lost { now + 2.0 * self.link.delay + (self.free - now).max(0.0) } else { arrival + self.link.delay };
            self.greedy.in_flight.push_back((back, lost));
        }
    }

    /// What the greedy transfer got over the whole run, in bits per second.
    pub(super) fn greedy_bytes(&self) -> f64 {
        self.greedy.bytes
    }
}

impl Flow {
    /// Frames and audio that are due.
    fn make(&mut self, millis: u64, now: f64, chance: impl Fn(&mut ChaCha12Rng) -> f64, random: &mut ChaCha12Rng) {
        let demand = at(&self.source.demand, millis);
        let instant = Instant::from_millis(millis);
        self.estimator.set_demand(instant, Bitrate(demand as u64));
        if demand > 0.0 && now >= self.next_audio {
            self.next_audio = now + 20.0;
            self.waiting.push_front(100);
        }
        if now >= self.next_frame {
            self.next_frame = now + 1e3 / self.source.frames_per_second;
            let rate = self.media_rate(demand);
            let keyframe = self.frames.is_multiple_of(self.source.keyframe_every);
            let size =
                rate / 8.0 / self.source.frames_per_second * (0.7 + 0.6 * chance(random)) * if keyframe { 4.0 } else { 0.99 };
            self.frames += 1;
            let mut left = size as u32;
            while left > 0 && rate > 0.0 {
                let bytes = left.min(1_172);
                self.waiting.push_back(bytes);
                left -= bytes;
            }
        }
    }

    fn media_rate(&mut self, demand: f64) -> f64 {
        let room = (self.estimator.estimate().target.0 as f64).min(demand) - 51_200.0;
        if self.source.layers.is_empty() {
            return room.max(0.0);
        }
        let fits = |layer: usize, by: f64| layer == 0 || self.source.layers[layer - 1] * by <= room;
        // Up only with room to spare.
        while self.layer < self.source.layers.len() && fits(self.layer + 1, 1.1) {
            self.layer += 1;
        }
        while !fits(self.layer, 1.0) {
            self.layer -= 1;
        }
        self.layer.checked_sub(1).map_or(0.0, |layer| self.source.layers[layer])
    }

    fn collect(&mut self, now: f64, drift: f64) -> Vec<PacketResult> {
        let log = &self.log;
        let arrived = |index: u64, first: u64| {
            let sent = log[(index - first) as usize];
            let clock = 3_600_000.0 + (sent.arrival * drift / 0.25).floor() * 0.25;
            let arrived = (sent.arrival <= now).then(|| Instant::from_nanos((clock * 1e6) as u64));
            PacketResult { arrived, ..sent.result }
        };
        let end = self.first + log.len() as u64;
        let newest = (self.reported..end).rev().find(|i| log[(*i - self.first) as usize].arrival <= now);
        let mut results: Vec<_> = Vec::new();
        let first = self.first;
        self.missing.retain(|index| {
            let Some(late) = index.checked_sub(first).map(|_| arrived(*index, first)) else { return false };
            if late.arrived.is_some() {
                results.push(late);
            }
            late.arrived.is_none()
        });
        if let Some(newest) = newest {
            for index in self.reported..=newest {
                let result = arrived(index, first);
                if result.arrived.is_none() {
                    self.missing.push(index);
                }
                results.push(result);
            }
            self.reported = newest + 1;
        }
        let bytes = |r: &PacketResult| if r.arrived.is_some() { f64::from(r.bytes) } else { 0.0 };
        self.arrived_bytes += results.iter().map(bytes).sum::<f64>();
        while self.log.len() > 4_000 && self.first < self.reported {
            self.log.pop_front();
            self.first += 1;
        }
        results
    }

    fn sample(&mut self, at: u64, queue: f64) {
        let target = self.estimator.estimate().target.0 as f64;
        let arrived = core::mem::take(&mut self.arrived_bytes) * 80.0;
        self.samples.push(Sample { at, target, arrived, queue });
    }

    /// What was seen between two times, in milliseconds.
    pub(super) fn between(&self, from: u64, to: u64) -> impl Iterator<Item = Sample> + Clone {
        self.samples.iter().filter(move |s| (from..to).contains(&s.at)).copied()
    }

    /// The mean estimate between two times.
    pub(super) fn mean(&self, from: u64, to: u64) -> f64 {
        let count = self.between(from, to).count().max(1) as f64;
        self.between(from, to).map(|s| s.target).sum::<f64>() / count
    }

    pub(super) fn mean_arrived(&self, from: u64, to: u64) -> f64 {
        let count = self.between(from, to).count().max(1) as f64;
        self.between(from, to).map(|s| s.arrived).sum::<f64>() / count
    }

    /// The highest queue that stood for half a second.
    pub(super) fn standing_queue(&self, from: u64, to: u64) -> f64 {
        let queues: Vec<f64> = self.between(from, to).map(|s| s.queue).collect();
        queues.windows(5).map(|w| w.iter().copied().fold(f64::INFINITY, f64::min)).fold(0.0, f64::max)
    }

    /// In which part of the time the estimate was within `within` of `link`.
    pub(super) fn share_within(&self, from: u64, to: u64, link: f64, within: f64) -> f64 {
        let count = self.between(from, to).count().max(1) as f64;
        self.between(from, to).filter(|s| (s.target - link).abs() <= within * link).count() as f64 / count
    }
}
