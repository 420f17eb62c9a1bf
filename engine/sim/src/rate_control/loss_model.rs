//! What of a publisher's loss is congestion, as libwebrtc's loss-based estimator (the second one) judges it: of several bandwidths the
//! one is believed in under which what was lost is the most likely, where a link loses an inherent part, and all that is beyond its
//! bandwidth.
//!
//! The figures are those that libwebrtc has without field trials.

use super::{Fate, RATE_MIN};
use std::collections::VecDeque;

/// Seconds of sending in an observation, at least; how many are kept, and what each is worth of the one after it.
const OBSERVED: f64 = 0.25;
const KEPT: usize = 20;
const WORTH: f64 = 0.9;
/// Before that many, nothing is said.
const KEPT_MIN: usize = 3;
/// What is tried, as multiples of what is believed.
const CANDIDATES: [f64; 3] = [1.02, 1.0, 0.95];
/// The inherent loss at first, and its least.
const INHERENT_BEGIN: f64 = 0.01;
const INHERENT_MIN: f64 = 0.001;
/// No more than this is inherent, and this in bit/s divided by the bandwidth. The same bounds the rate by the loss.
const INHERENT_MOST: f64 = 0.05;
const BALANCE: f64 = 75_000.0;
/// Part of a step to the most likely inherent loss.
const STEP: f64 = 0.75;
/// How much more likely a higher bandwidth is held to be, by kbit/s and by their logarithm, below this loss; and less above.
const BIAS: f64 = 0.0002;
const BIAS_LOG: f64 = 0.02;
const BIAS_BELOW: f64 = 0.15;
const BIAS_SMOOTH: f64 = 0.002;
/// What is believed in grows by so much in so many seconds while loss is the limit.
const GROWTH: f64 = 1.3;
const GROWS_IN: f64 = 0.3;

#[derive(Clone, Copy, Debug)]
struct Observation {
    packets: f64,
    lost: f64,
    bits: f64,
    seconds: f64,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    bandwidth: f64,
    inherent: f64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LossModel {
    /// The newest first.
    observations: VecDeque<Observation>,
    /// Packets, those lost, and bits since the last.
    partial: (f64, f64, f64),
    /// When the last observation ended, and the newest packet left.
    ended: Option<f64>,
    newest: f64,
    believed: Option<Channel>,
    limit: Option<f64>,
    decreases: bool,
    /// Since when, and up to where, what is believed in grows.
    window: Option<(f64, f64)>,
}

impl LossModel {
    /// Takes in what became of a packet.
    pub(super) fn add(&mut self, fate: &Fate) {
        let (packets, lost, bits) = self.partial;
        self.partial = (packets + 1.0, lost + f64::from(u8::from(fate.arrived.is_none())), bits + fate.bytes * 8.0);
        self.newest = self.newest.max(fate.sent);
        self.ended.get_or_insert(fate.sent);
    }

    /// The rate that loss leaves; `None` while that is no less than what delay does.
    pub(super) fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// Whether loss takes the rate down at present.
    pub(super) fn decreases(&self) -> bool {
        self.decreases
    }

    /// After each feedback: `delay_based` is what delay allows, `acknowledged` what arrives.
    pub(super) fn judge(&mut self, delay_based: f64, acknowledged: f64) {
        let seconds = self.ended.map_or(0.0, |ended| self.newest - ended);
        if seconds < OBSERVED {
            return;
        }
        let (packets, lost, bits) = core::mem::take(&mut self.partial);
        self.ended = Some(self.newest);
        self.observations.push_front(Observation { packets, lost, bits, seconds });
        self.observations.truncate(KEPT);
        let before = self.believed.unwrap_or(Channel { bandwidth: delay_based, inherent: INHERENT_BEGIN });
        let mut best = self.likeliest(before, delay_based, acknowledged);
        let loss = self.average();
        if loss > best.inherent {
            // More is lost than what is inherent: no time to grow.
            best.bandwidth = best.bandwidth.min(before.bandwidth);
        }
        self.believed = Some(best);
        let most = if loss > INHERENT_MOST { BALANCE / (loss - INHERENT_MOST) } else { f64::INFINITY };
        let bounded = best.bandwidth.min(most).max(RATE_MIN);
        let limited = bounded < delay_based && self.observations.len() >= KEPT_MIN;
        self.decreases = limited && self.limit.is_none_or(|limit| bounded < limit);
        self.limit = limited.then_some(bounded);
        if !limited {
            self.window = None;
        } else if self.window.is_none_or(|(since, _)| self.newest - since > GROWS_IN) {
            self.window = Some((self.newest, best.bandwidth * GROWTH));
        }
    }

    fn likeliest(&self, before: Channel, delay_based: f64, acknowledged: f64) -> Channel {
        let ceiling = self.window.map_or(f64::INFINITY, |(_, most)| most.max(before.bandwidth));
        let tried = CANDIDATES.map(|factor| factor * before.bandwidth).into_iter();
        let others = [acknowledged, delay_based.max(before.bandwidth)];
        let fitted = tried.chain(others).map(|bandwidth| self.fitted(Channel { bandwidth: bandwidth.min(ceiling), ..before }));
        fitted.max_by(|a, b| self.likelihood(a).total_cmp(&self.likelihood(b))).unwrap_or(before)
    }

    /// With the inherent loss that explains more of what was seen.
    fn fitted(&self, channel: Channel) -> Channel {
        let channel = channel.feasible(channel.inherent);
        let (mut first, mut second) = (0.0, 0.0);
        for (worth, seen) in self.weighted() {
            let lost = channel.loss_at(seen.bits / seen.seconds);
            let arrived = seen.packets - seen.lost;
            first += worth * (seen.lost / lost - arrived / (1.0 - lost));
            second -= worth * (seen.lost / lost.powi(2) + arrived / (1.0 - lost).powi(2));
        }
        channel.feasible(channel.inherent - STEP * first / second.min(-1e-6))
    }

    fn likelihood(&self, channel: &Channel) -> f64 {
        let threshold = BIAS_BELOW - self.average();
        let kbps = channel.bandwidth / 1e3;
        let bias = (BIAS * kbps + BIAS_LOG * (1.0 + kbps).ln()) * threshold / (BIAS_SMOOTH + threshold.abs());
        let of = |seen: &Observation| {
            let lost = channel.loss_at(seen.bits / seen.seconds);
            seen.lost * lost.ln() + (seen.packets - seen.lost) * (1.0 - lost).ln() + bias * seen.packets
        };
        self.weighted().map(|(worth, seen)| worth * of(seen)).sum()
    }

    /// The share that was lost.
    fn average(&self) -> f64 {
        let (lost, packets) = self.weighted().fold((0.0, 0.0), |(l, p), (worth, s)| (l + worth * s.lost, p + worth * s.packets));
        if packets > 0.0 { lost / packets } else { 0.0 }
    }

    fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        self.observations.iter().enumerate().map(|(age, seen)| (WORTH.powi(age as i32), seen))
    }
}

impl Channel {
    fn feasible(self, inherent: f64) -> Self {
        let most = (INHERENT_MOST + BALANCE / self.bandwidth).min(1.0);
        Self { inherent: inherent.max(INHERENT_MIN).min(most), ..self }
    }

    /// What is lost of a rate: the inherent part, and what does not fit.
    fn loss_at(self, rate: f64) -> f64 {
        let beyond = ((rate - self.bandwidth) / rate.max(1.0)).max(0.0);
        (self.inherent + (1.0 - self.inherent) * beyond).clamp(1e-6, 1.0 - 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `kbps` for some seconds; every `one_of`-th packet is lost, and what is beyond `link`.
    fn send(model: &mut LossModel, from: f64, seconds: f64, kbps: f64, one_of: u64, link: f64) -> f64 {
        let packets = (seconds * kbps * 1e3 / 8.0 / 1_000.0) as u64;
        for n in 0..packets {
            let sent = from + n as f64 / packets as f64 * seconds;
            let fits = n as f64 * link % kbps < link;
            let arrived = (fits && !(n * 7 + n / one_of).is_multiple_of(one_of)).then_some(sent + 0.05);
            model.add(&Fate { number: n, sent, arrived, bytes: 1_000.0 });
            if n % 20 == 0 {
                model.judge(3e6, kbps.min(link) * 1e3);
            }
        }
        from + seconds
    }

    #[test]
    fn no_loss_is_no_limit_and_little_is_none() {
        let mut model = LossModel::default();
        send(&mut model, 0.0, 10.0, 2_000.0, u64::MAX, 1e9);
        assert_eq!(model.limit(), None);
        let mut model = LossModel::default();
        send(&mut model, 0.0, 10.0, 2_000.0, 30, 1e9);
        assert!(model.limit().is_none_or(|limit| limit > 2e6), "{:?}", model.limit());
    }

    #[test]
    fn a_tenth_of_random_loss_leaves_what_chromium_sends() {
        let mut model = LossModel::default();
        send(&mut model, 0.0, 20.0, 1_400.0, 10, 1e9);
        let limit = model.limit().expect("less than three megabits");
        assert!((1.0e6..2.2e6).contains(&limit), "{limit}");
    }

    #[test]
    fn what_is_lost_beyond_a_link_is_congestion() {
        let mut model = LossModel::default();
        send(&mut model, 0.0, 10.0, 2_000.0, u64::MAX, 1_000.0);
        let limit = model.limit().expect("half is lost");
        assert!(limit < 1.2e6, "{limit}");
    }
}
