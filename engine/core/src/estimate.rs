//! How much the path to a peer carries, from what the peer tells of the packets that were sent to it. Pure: time and feedback are
//! arguments, nothing is allocated after construction, and the same input gives the same output.
//!
//! See `docs/congestion.md` for how it works, and for what each constant trades.

mod arrival_clock;
mod backlog;
mod cluster;
mod config;
mod figures;
mod groups;
mod ledger;
mod loss;
mod prober;
mod queue;
mod rate;
mod report;
mod slower;
mod traffic;
mod trend;

pub use arrival_clock::ArrivalClock;
use backlog::Backlog;
pub use config::EstimatorConfig;
use core::time::Duration;
use corelay_wire::units::{Bitrate, Instant, SequenceNumber};
pub use figures::{Cut, Estimate, Limit, ProbePlan, RateState};
use groups::{DelaySample, Grouped, Groups};
pub(crate) use ledger::Ledger;
pub use ledger::News;
use loss::{Loss, Stretch, Verdict};
use prober::{Prober, Reason, Situation, is_more};
use queue::{LONGER_PATH, LONGER_PATH_YIELDED, QUEUE_EMPTY_MILLIS, QUEUE_MAX_MILLIS, QUEUE_MIN_MILLIS, QUEUE_SUDDEN_MILLIS, Queue};
use rate::{Conditions, Rate};
pub use report::PacketResult;
use traffic::Traffic;
use trend::{Trend, Usage};

/// What arrives is measured over this, and while the queue is full over what it takes for so many bytes, but not less than the
/// second.
const ACKNOWLEDGED_WINDOW: Duration = Duration::from_millis(500);
const BUSY_WINDOW_MIN: Duration = Duration::from_millis(100);
const BUSY_BYTES_MIN: u64 = 8_000;
/// What is sent while the queue is emptied, of what arrived before, is less than this, or the queue is our own.
const YIELDED: f64 = 0.9;
/// How long delay is not listened to, after the queue turned out to be filled by others. Longer stands in their queue after they
/// are gone; shorter yields to them for a moment more often.
const CONTESTED: Duration = Duration::from_secs(20);
/// Nothing was reported on for this long and a round trip, although packets were sent: the path is dead, or full to the brim.
/// Shorter halves the rate when some feedback is lost; longer sends into nothing.
const SILENCE: Duration = Duration::from_millis(600);
/// Half of what was lost at random is taken to be lost behind the bottleneck, where it has used the path, and half before it. The
/// estimate is then at most half of the loss off, whichever it is.
const LOST_BEHIND: f64 = 0.5;
/// What is taken to be left of the rate on a path that nothing is known of, until a probe tells. More floods a thinner one for a
/// round trip; less makes the picture worse for as long.
const ANOTHER_PATH: f64 = 0.5;
/// Feedback takes this much longer than the round trip, in the mean.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// The estimator of one path. **The driving contract**: tell it all feedback by [`Estimator::on_feedback`], and what the traffic
/// could use by [`Estimator::set_demand`]; then ask [`Estimator::poll_probe`] for a probe to send, and read
/// [`Estimator::estimate`]. [`Estimator::poll_timeout`] says when to call [`Estimator::handle_timeout`], and to ask again, without
/// feedback.
#[derive(Clone, Debug)]
pub struct Estimator {
    config: EstimatorConfig,
    ledger: Ledger,
    arrivals: Traffic,
    departures: Traffic,
    groups: Groups,
    backlog: Backlog,
    queue: Queue,
    trend: Trend,
    loss: Loss,
    rate: Rate,
    prober: Prober,
    demand: f64,
    /// Bytes that left and were not reported on.
    outstanding: u64,
    /// The last cut was for a path that became much slower.
    slowed: bool,
    remb: Option<f64>,
    round_trip: Option<Duration>,
    /// The least time from a packet to its feedback, in the last feedback.
    feedback_trip: Duration,
    /// When feedback came last, transport-wide.
    heard: Option<Instant>,
    /// The rate before the peer fell silent.
    before_silence: Option<f64>,
    silent_at: Option<Instant>,
    /// Until when delay is not listened to.
    contested_until: Option<Instant>,
    /// Since when packets take the way that they take.
    path_since: Instant,
}

impl Estimator {
    /// An estimator of a path that nothing is known of.
    pub fn new(now: Instant, config: EstimatorConfig) -> Self {
        Self {
            ledger: Ledger::default(),
            arrivals: Traffic::new(),
            departures: Traffic::new(),
            groups: Groups::default(),
            backlog: Backlog::default(),
            queue: Queue::new(),
            trend: Trend::new(),
            loss: Loss::new(),
            rate: Rate::new(now, config.start.0 as f64, config.min.0 as f64),
            prober: Prober::new(now),
            demand: config.max.0 as f64,
            outstanding: 0,
            slowed: false,
            remb: None,
            round_trip: None,
            feedback_trip: FEEDBACK_INTERVAL,
            heard: None,
            before_silence: None,
            silent_at: None,
            contested_until: None,
            path_since: now,
            config,
        }
    }

    /// Takes in transport-wide feedback: what became of packets, in the order of their numbers. What of it is news is told to `tell`.
    pub fn on_feedback(
        &mut self,
        now: Instant,
        results: impl IntoIterator<Item = PacketResult>,
        mut tell: impl FnMut(&PacketResult, News),
    ) {
        let mut trip: Option<Duration> = None;
        for result in results {
            let news = self.ledger.note(result.sequence, result.arrived.is_some());
            tell(&result, news);
            if self.take_in(now, &result, news) && result.arrived.is_some() {
                let since = now.since(result.sent);
                trip = Some(trip.map_or(since, |least| least.min(since)));
            }
        }
        if let Some(sample) = self.groups.close() {
            self.take_sample(sample);
        }
        let Some(trip) = trip else { return };
        self.feedback_trip = trip;
        self.heard = Some(now);
        self.end_silence(now);
        if let Some((reason, finding)) = self.prober.finish(now) {
            self.probe_found(now, reason, &finding);
        }
        self.judge_delay(now);
        self.judge_loss(now);
        self.let_time_pass(now);
    }

    /// So many bytes left after the last packet that the feedback which comes next tells of: where the path became slow, they are
    /// in its queue.
    pub fn set_outstanding(&mut self, bytes: u64) {
        self.outstanding = bytes;
    }

    /// Whether `sequence` arrived, or may do so yet: nothing was told of it. `false`: it was lost, or what told of it.
    pub fn may_arrive(&self, sequence: SequenceNumber) -> bool {
        self.ledger.may_arrive(sequence)
    }

    /// When the rate was cut last, and for what queue, with what was on the way to it, if that was for a path that became much
    /// slower.
    pub fn cut(&self) -> Option<Cut> {
        self.rate.last_cut().filter(|_| self.slowed)
    }

    /// Whether the peer ever gave transport-wide feedback.
    pub fn hears_arrivals(&self) -> bool {
        self.heard.is_some()
    }

    /// When the rate was cut last, if it still is what it is for that, and for what.
    pub fn cut_for(&self) -> Option<(Instant, Limit)> {
        Some((self.rate.last_cut()?.at, self.rate.limit()))
    }

    /// The round trip that a receiver report told.
    pub fn on_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// What is sent takes another way from here on: delays are compared with its own, and a probe tells at once whether it carries
    /// as much.
    pub fn on_path_change(&mut self, now: Instant) {
        self.forget_delay();
        self.contested_until = None;
        self.path_since = now;
        // A peer that has just connected goes to a better pair than the first that worked: nothing was known of that one either.
        if self.heard.is_none() || self.rate.limit() == Limit::Start {
            return;
        }
        let before = self.rate.target();
        self.rate.forget_capacity();
        self.loss.forget_before(now);
        self.slowed = false;
        self.rate.set(before * ANOTHER_PATH, Limit::Start);
        self.prober.returned(now, before);
    }

    /// The peer's own estimate (draft-alvestrand-rmcat-remb-03): the estimate, while there is no transport-wide feedback; a cap
    /// where there is.
    pub fn on_remb(&mut self, _now: Instant, bitrate: Bitrate) {
        let bitrate = bitrate.0.min(self.config.max.0) as f64;
        self.remb = Some(bitrate);
        if self.heard.is_none() && (self.rate.limit() != Limit::Loss || bitrate < self.rate.target()) {
            self.rate.set(bitrate, Limit::Remb);
        }
    }

    /// A receiver report's fraction lost (RFC 3550 section 6.4.1), of 256, while `sent` was sent: for a peer that gives no
    /// transport-wide feedback.
    pub fn on_loss(&mut self, now: Instant, fraction_lost: u8, sent: Bitrate) {
        if self.heard.is_some() {
            return;
        }
        let bytes = sent.0 / 8;
        let packets = (bytes / MEAN_PACKET_BYTES).clamp(1, 10_000) as u32;
        self.loss.add_many(now, bytes, packets, packets * u32::from(fraction_lost) / 256);
        let arrived = sent.0 as f64 * (1.0 - f64::from(fraction_lost) / 256.0);
        self.arrivals.clear();
        let verdict = self.loss.judge(now, self.rate.target(), 0.0, false);
        self.obey(now, verdict, arrived);
        let conditions = self.conditions(verdict == Verdict::Undecided, Some(arrived));
        self.rate.update(now, &conditions);
    }

    /// What the traffic would use if there were room for all of it: nothing is probed above.
    pub fn set_demand(&mut self, _now: Instant, demand: Bitrate) {
        self.demand = demand.0.min(self.config.max.0) as f64;
    }

    /// Whether the traffic would use more than there is.
    pub fn is_short(&self) -> bool {
        is_more(self.demand, self.rate.target())
    }

    /// A probe to be sent from `now` on; `None` when none is due.
    pub fn poll_probe(&mut self, now: Instant) -> Option<ProbePlan> {
        let deaf = self.heard.is_none_or(|at| now.since(at) >= SILENCE);
        let situation = Situation {
            target: self.rate.target(),
            demand: self.worth_probing(),
            calm: self.is_calm() || deaf || self.is_contested(now),
            // Not into a queue that is being emptied.
            loss_test: self.loss.wanted_probe().filter(|_| !self.slowed || self.rate.state() != RateState::Drain),
            jitter: self.queue.jitter(),
        };
        self.prober.poll(now, &situation)
    }

    /// When [`Self::handle_timeout`] and [`Self::poll_probe`] are due without feedback; `outstanding`: since when packets are
    /// unanswered, if any are.
    pub fn poll_timeout(&self, outstanding: Option<Instant>) -> Option<Instant> {
        let silence = outstanding.map(|at| self.silent_at.map_or(at, |silent| at.max(silent)) + self.patience());
        // While feedback comes, the owner asks with each.
        let quiet = self.heard.map_or(Instant::ZERO, |heard| heard + SILENCE);
        let probe = is_more(self.worth_probing(), self.rate.target()).then(|| self.prober.next().max(quiet));
        silence.into_iter().chain(probe).min()
    }

    /// Lowers the rate when the peer is silent; `outstanding` as in [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant, outstanding: Option<Instant>) {
        let Some(since) = outstanding.map(|at| self.silent_at.map_or(at, |silent| at.max(silent))) else { return };
        if now < since + self.patience() {
            return;
        }
        self.silent_at = Some(now);
        self.before_silence.get_or_insert(self.rate.target());
        self.rate.set(self.rate.target() / 2.0, Limit::Silence);
    }

    /// All that is known of the path.
    pub fn estimate(&self) -> Estimate {
        Estimate {
            target: self.target(),
            link_capacity: self.link_capacity(),
            acknowledged: self.arrivals.rate(ACKNOWLEDGED_WINDOW).map(bitrate),
            queue: self.queue(),
            loss_permille: self.loss_permille(),
            loss_random_permille: permille(self.loss.random()),
            round_trip: self.round_trip.unwrap_or(self.feedback_trip),
            state: self.state(),
            limit: self.limit(),
        }
    }

    /// What the path carries.
    pub fn target(&self) -> Bitrate {
        bitrate(self.rate.target().min(self.cap())).clamp(self.config.min, self.config.max)
    }

    /// Why it is not thought to carry more.
    pub fn limit(&self) -> Limit {
        match () {
            () if self.target() == self.config.max => Limit::Maximum,
            () if self.cap() < self.rate.target() => Limit::Remb,
            () => self.rate.limit(),
        }
    }

    /// What the rate does.
    pub fn state(&self) -> RateState {
        self.rate.state()
    }

    /// What the path carried when it was full.
    pub fn link_capacity(&self) -> Option<Bitrate> {
        self.rate.capacity().map(bitrate)
    }

    /// How long packets wait at the bottleneck.
    pub fn queue(&self) -> Duration {
        Duration::from_micros((self.queue.length().max(0.0) * 1e3) as u64)
    }

    /// What is lost of late, of 1000.
    pub fn loss_permille(&self) -> u16 {
        permille(self.loss.fraction())
    }

    fn cap(&self) -> f64 {
        self.remb.unwrap_or(f64::INFINITY)
    }

    /// Takes in the fate of one packet. Tells whether it is the first news of it.
    fn take_in(&mut self, now: Instant, result: &PacketResult, news: News) -> bool {
        match news {
            News::Known => return false,
            News::Late => {
                self.loss.arrived_late();
                self.prober.arrived_late(now, result);
                return false;
            }
            News::First { unreported } => self.count(result, unreported),
        }
        if let Some((reason, finding)) = self.prober.add(now, result) {
            self.probe_found(now, reason, &finding);
        }
        let Some(arrived) = result.arrived.filter(|_| result.sent >= self.path_since) else { return true };
        match self.groups.add(result.sent, arrived) {
            Grouped::Member => {}
            Grouped::Next(sample) => self.take_sample(sample),
            Grouped::Restart => self.forget_delay(),
        }
        self.backlog.add(arrived, result.bytes, self.queue.length_at(self.groups.latest()));
        true
    }

    /// Counts bytes and losses. What was never reported on, because feedback was lost, is taken to have fared like its neighbours.
    fn count(&mut self, result: &PacketResult, unreported: u32) {
        let assumed = f64::from(result.bytes) * f64::from(unreported.min(UNREPORTED_MAX));
        if assumed > 0.0 {
            self.departures.spread(result.sent, assumed as u64);
        }
        self.departures.add(result.sent, result.bytes);
        self.loss.add(result.sent, result.bytes, result.arrived.is_none());
        if let Some(arrived) = result.arrived {
            if assumed > 0.0 {
                self.arrivals.spread(arrived, (assumed * (1.0 - self.loss.fraction())) as u64);
            }
            self.arrivals.add(arrived, result.bytes);
        }
    }

    /// Delays from here on have nothing to do with those before.
    fn forget_delay(&mut self) {
        self.queue = Queue::new();
        self.trend = Trend::new();
        self.backlog = Backlog::default();
        self.arrivals.clear();
    }

    fn take_sample(&mut self, sample: DelaySample) {
        self.queue.add(sample);
        self.trend.add(sample);
    }

    fn judge_delay(&mut self, now: Instant) {
        if self.is_contested(now) {
            return;
        }
        if self.path_may_be_longer() {
            return;
        }
        let (queue, latest, noise) = (self.queue.length(), self.queue.latest(), self.noise());
        let slower = self.became_slower(noise);
        // While the queue is emptied the line of the trend is behind: what counts is whether the cut was not deep enough.
        let over = match self.rate.cut_queue() {
            Some(before) => queue.max(latest) > before + QUEUE_MIN_MILLIS && self.sends_too_much(),
            None => {
                let grows = self.trend.usage() == Usage::Over && queue > QUEUE_MIN_MILLIS + noise + self.queue.jitter();
                let sudden = latest > QUEUE_SUDDEN_MILLIS + 4.0 * noise;
                grows || queue > QUEUE_MAX_MILLIS + noise || sudden || slower.is_some()
            }
        };
        let less = self.carries_less_still(now);
        if less.is_some() || over && self.rate.may_cut(now, self.response()) {
            let (carried, ahead) = less.or(slower).unwrap_or_else(|| {
                let carried = self.carried();
                (carried, self.behind(carried))
            });
            self.rate.cut(now, carried, queue.max(latest).max(ahead), Limit::Delay);
            self.prober.cut(now);
            self.slowed = slower.or(less).is_some();
            if self.slowed {
                self.loss.forget_before(now);
            }
        }
    }

    /// Whether the delay came up at once and stays as it is. When it has for long enough, the path is longer than it was.
    fn path_may_be_longer(&mut self) -> bool {
        let loses = self.loss.fraction() > self.loss.random() + LOSES;
        let Some(time) = self.queue.raised_for(self.empty()).filter(|_| !loses) else { return false };
        // The first packet of a longer path looks like that of a slower one. If more arrives than was thought to be all, it is none;
        // if not, what is sent may be just what the path carries, and its queue stands.
        let cut = self.rate.state() == RateState::Drain;
        let may_be_ours = if cut { !self.arrives_more() } else { self.is_near_capacity() };
        if may_be_ours {
            return false;
        }
        if time >= LONGER_PATH && !self.arrives_less() {
            self.path_is_longer();
        } else if cut {
            self.rate.take_back();
        }
        true
    }

    fn path_is_longer(&mut self) {
        self.queue.rebase();
        self.trend = Trend::new();
        self.rate.take_back();
    }

    fn judge_loss(&mut self, now: Instant) {
        let queue = if self.is_contested(now) { f64::INFINITY } else { self.queue.length() - self.noise() };
        let verdict = self.loss.judge(now, self.rate.target(), queue, true);
        let carried = self.carried();
        self.obey(now, verdict, carried);
    }

    fn obey(&mut self, now: Instant, verdict: Verdict, carried: f64) {
        match verdict {
            Verdict::Usual | Verdict::Undecided => {}
            Verdict::Congestion => {
                if self.rate.may_cut(now, self.response()) {
                    self.rate.cut(now, carried, self.queue.length(), Limit::Loss);
                    self.prober.cut(now);
                    if self.is_contested(now) {
                        self.rate.give_up();
                    }
                }
            }
            Verdict::Restore(target) => self.rate.set(target.max(self.rate.target()), Limit::Delay),
        }
    }

    fn let_time_pass(&mut self, now: Instant) {
        let mut conditions = self.conditions(self.loss.wanted_probe().is_some(), self.arrivals.rate(ACKNOWLEDGED_WINDOW));
        conditions.contested = self.is_contested(now);
        if self.rate.update(now, &conditions) {
            self.still_queued(now);
        }
        if self.rate.is_beyond() && self.queue.length() < QUEUE_MIN_MILLIS / 2.0 {
            self.prober.hurry(now);
        }
    }

    /// The queue was not emptied in time.
    fn still_queued(&mut self, now: Instant) {
        let sent = self.departures.rate(traffic::WINDOW_MAX).unwrap_or(0.0);
        if sent > YIELDED * self.rate.carried() {
            return self.rate.drain_on(now);
        }
        let arrived = self.arrivals.rate(ACKNOWLEDGED_WINDOW).unwrap_or(sent);
        if self.rate.drain_harder(now, arrived) {
            return;
        }
        if self.queue.level_for() >= LONGER_PATH_YIELDED && self.loss.fraction() <= self.loss.random() + LOSES {
            // Nor does it grow.
            self.path_is_longer();
        } else {
            // Much less is sent than left the queue, and it is not empty: others fill it.
            self.queue.rebase();
            self.rate.give_up();
            self.contested_until = Some(now + CONTESTED);
        }
    }

    /// Whether others fill the queue, so that yielding to it would leave the path to them.
    fn is_contested(&self, now: Instant) -> bool {
        self.contested_until.is_some_and(|until| now < until)
    }

    fn conditions(&self, undecided: bool, acknowledged: Option<f64>) -> Conditions {
        let queue = self.queue.length();
        Conditions {
            shrinking: self.trend.usage() == Usage::Under && queue > QUEUE_MIN_MILLIS,
            undecided,
            contested: false,
            queue_empty: queue < self.empty(),
            acknowledged,
            sent: self.departures.rate(ACKNOWLEDGED_WINDOW),
            slowed: self.slowed,
            demand: self.worth_probing(),
            response: self.response(),
        }
    }

    fn probe_found(&mut self, now: Instant, reason: Reason, finding: &cluster::Finding) {
        if reason == Reason::Loss {
            let probe = Stretch { packets: finding.packets.into(), lost: finding.lost.into(), rate: finding.sent };
            let verdict = self.loss.probed(now, probe, self.queue.length() - self.noise());
            let carried = self.carried();
            return self.obey(now, verdict, carried);
        }
        let usual = self.loss.random().max(self.loss.fraction());
        let Some((through, finding)) = self.prober.judge(now, finding, usual) else { return };
        let full = Prober::carried(&finding, usual) * (1.0 - usual) / (1.0 - usual * LOST_BEHIND);
        let carried = if through { finding.sent } else { full };
        let before = self.rate.target();
        self.rate.raise(carried, !through);
        if !through && reason == Reason::Start && carried < before {
            self.rate.cut(now, carried, 0.0, Limit::Delay);
        }
        self.prober.go_on(now, through);
    }

    fn end_silence(&mut self, now: Instant) {
        self.silent_at = None;
        if let Some(before) = self.before_silence.take() {
            self.prober.returned(now, before);
        }
    }

    /// What the path carries while its queue is not empty, in bits per second.
    fn carried(&self) -> f64 {
        let busy = self.queue.busy_since().map_or(ACKNOWLEDGED_WINDOW, |s| self.arrivals.last().since(s.arrived));
        let mut window = busy.clamp(BUSY_WINDOW_MIN, ACKNOWLEDGED_WINDOW);
        if self.arrivals.recent(window).0 < BUSY_BYTES_MIN {
            window = traffic::WINDOW_MAX;
        }
        let arrived = self.arrivals.rate(window).or_else(|| self.arrivals.rate(ACKNOWLEDGED_WINDOW));
        arrived.unwrap_or(self.rate.target()) / (1.0 - self.loss.random() * LOST_BEHIND)
    }

    /// From a change of the rate to the news of what it did.
    fn response(&self) -> Duration {
        self.feedback_trip.min(Duration::from_secs(1)) + FEEDBACK_INTERVAL
    }

    /// The demand, as far as the peer lets the estimate go.
    fn worth_probing(&self) -> f64 {
        self.demand.min(self.cap())
    }

    fn patience(&self) -> Duration {
        SILENCE + self.feedback_trip.min(Duration::from_secs(1))
    }

    fn empty(&self) -> f64 {
        QUEUE_EMPTY_MILLIS + self.noise()
    }

    /// Milliseconds of queue that mean nothing: jitter, and one packet in front of another.
    fn noise(&self) -> f64 {
        self.queue.jitter() / 2.0 + (PACKET_BITS * 1e3 / self.rate.target()).min(PACKET_MILLIS_MAX)
    }
}

fn bitrate(bits: f64) -> Bitrate {
    Bitrate(bits.max(0.0) as u64)
}

fn permille(fraction: f64) -> u16 {
    (fraction * 1000.0) as u16
}

/// So much more than usual is lost of what a full queue does not take.
const LOSES: f64 = 0.02;
/// Numbers between two reports that are taken for lost feedback; more is a peer that was away.
const UNREPORTED_MAX: u32 = 500;
/// A packet of video.
const PACKET_BITS: f64 = 8.0 * 1_200.0;
/// A low rate need not mean a slow link: what else is in the queue may be others'.
const PACKET_MILLIS_MAX: f64 = 60.0;
/// A packet of audio and video together, where only the bit rate is known.
const MEAN_PACKET_BYTES: u64 = 1_000;

#[cfg(test)]
mod tests;
