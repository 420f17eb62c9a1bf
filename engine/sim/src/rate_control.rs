//! How a publisher follows what it is told of its uplink: as Chromium does (libwebrtc's GoogCC), as far as a server can tell.
//!
//! ```text
//! feedback -> delay: cut when a queue stands, else 8 % a second   --.
//!          -> probes: sent in a burst, and how fast it arrived    ---+-> least of all -> rate of the cameras
//!          -> loss: what of it is congestion  (`loss_model`)      --'
//! REMB     -> cap                                                 --'
//! ```
//!
//! **Probes** (`probes`): 15 ms and five packets at least, filled up by packets sent again on RTX. At the start at three and six times
//! the beginning rate, then at twice what arrived as long as 70 % of a probe does; while little is sent, at twice the rate every five
//! seconds. None beyond twice what all streams take, and none while loss takes the rate down.
//!
//! **Loss** is congestion only as far as it depends on the rate; but what is taken for inherent is limited by the rate, so that at
//! 10 % of random loss a Chromium sends 75 kbit/s / (0.10 - 0.05) = 1.5 Mbit/s and no more, on whatever link.
//!
//! Left out, as no condition has it: probes after a route change and after a stream is added.

mod loss_model;
mod probes;

use crate::outgoing::Outlet;
use core::time::Duration;
use corelay_wire::rtcp::TransportCc;
use corelay_wire::units::{Bitrate, Instant};
use loss_model::LossModel;
use probes::Probes;
use std::collections::VecDeque;

const BEGIN: f64 = 300_000.0;
const RATE_MIN: f64 = 60_000.0;
/// What is sent, and what arrives, is averaged over this time; where a queue stands over this (libwebrtc's throughput estimate has
/// 500 ms for its first value, and 150 from there on).
const WINDOW: Duration = Duration::from_millis(500);
const BUSY_WINDOW: f64 = 0.15;
/// A queue that holds longer than this is too long.
const QUEUE_MAX: f64 = 0.05;
/// After a step down, no other for this time.
const HOLD: Duration = Duration::from_millis(300);
/// Growth a second while nothing queues.
const GROWTH: f64 = 0.08;
/// Less than this part of the rate is sent: the application is the limit, not the link.
const IDLE_BELOW: f64 = 0.65;
/// A probe that arrived more slowly than what arrives anyhow says this much of it at least.
const ARRIVES_ANYHOW: f64 = 0.85;

/// What became of one packet; times in seconds, arrival on the receiver's clock.
#[derive(Clone, Copy, Debug)]
struct Fate {
    number: u64,
    sent: f64,
    arrived: Option<f64>,
    bytes: f64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct RateControl {
    /// By delay and probes.
    rate: f64,
    /// The most that REMB allows.
    cap: f64,
    /// All that the streams take together.
    most: f64,
    /// Arrivals on the receiver's clock, with their bytes.
    arrived: VecDeque<(f64, f64)>,
    /// Arrival less send time.
    lags: VecDeque<(f64, f64)>,
    /// Bytes that had left, by time.
    left: VecDeque<(Instant, u64)>,
    loss: LossModel,
    probes: Probes,
    next: u64,
    updated: Instant,
    held: Instant,
}

impl RateControl {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rate: BEGIN,
            cap: f64::INFINITY,
            most: f64::INFINITY,
            arrived: VecDeque::new(),
            lags: VecDeque::new(),
            left: VecDeque::new(),
            loss: LossModel::default(),
            probes: Probes::new(BEGIN),
            next: 0,
            updated: now,
            held: now,
        }
    }

    pub(crate) fn rate(&self) -> Bitrate {
        Bitrate(self.limited().min(self.cap).max(RATE_MIN) as u64)
    }

    /// The last REMB, if there was any.
    pub(crate) fn remb(&self) -> Option<Bitrate> {
        self.cap.is_finite().then_some(Bitrate(self.cap as u64))
    }

    pub(crate) fn take_remb(&mut self, bitrate: Bitrate) {
        self.cap = bitrate.0 as f64;
    }

    /// What all streams take together at most: more is not probed for.
    pub(crate) fn set_most(&mut self, most: Bitrate) {
        self.most = most.0 as f64;
    }

    pub(crate) fn take(&mut self, now: Instant, message: &TransportCc<'_>, outlet: &Outlet) {
        let before = self.next;
        for (number, arrival) in message.arrivals() {
            let long = self.next.wrapping_add_signed(i64::from(number.0.wrapping_sub(self.next as u16) as i16));
            let Some((sent, bytes)) = long.checked_sub(outlet.first).and_then(|at| outlet.sent.get(at as usize)) else { continue };
            self.next = self.next.max(long + 1);
            let arrived = arrival.map(|ticks| ticks as f64 / TransportCc::TICKS_PER_SECOND as f64);
            let fate = Fate { number: long, sent: sent.as_nanos() as f64 / 1e9, arrived, bytes: *bytes as f64 };
            // What is told a second time was late: it counts as lost already.
            if long >= before {
                self.loss.add(&fate);
            }
            self.probes.add(&fate);
            if let Some(at) = arrived {
                self.arrived.push_back((at, fate.bytes));
                self.lags.push_back((at, at - fate.sent));
            }
        }
        self.update(now);
    }

    /// Whether a packet is to leave for a probe, beside media.
    pub(crate) fn wants_padding(&mut self, now: Instant, outlet: &Outlet) -> bool {
        let rate = self.limited();
        self.left.push_back((now, outlet.bytes));
        while self.left.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
            self.left.pop_front();
        }
        let (since, bytes) = self.left.front().copied().unwrap_or((now, outlet.bytes));
        let seconds = now.since(since).as_secs_f64();
        let idle = seconds > 0.4 && (outlet.bytes - bytes) as f64 * 8.0 < IDLE_BELOW * rate * seconds;
        if !self.loss.decreases() {
            self.probes.look(now, rate, 2.0 * self.most, idle);
        }
        self.probes.wants_more(now, outlet)
    }

    /// There is nothing that a probe could be filled up with.
    pub(crate) fn give_up_probe(&mut self) {
        self.probes.give_up();
    }

    fn limited(&self) -> f64 {
        self.loss.limit().map_or(self.rate, |limit| limit.min(self.rate))
    }

    fn update(&mut self, now: Instant) {
        let Some((newest, _)) = self.arrived.back().copied() else { return };
        while self.arrived.front().is_some_and(|(at, _)| newest - at > WINDOW.as_secs_f64()) {
            self.arrived.pop_front();
        }
        while self.lags.front().is_some_and(|(at, _)| newest - at > 10.0) {
            self.lags.pop_front();
        }
        let within = |seconds: f64| {
            let of = self.arrived.iter().filter(|(at, _)| newest - at <= seconds);
            of.map(|(_, bytes)| bytes * 8.0).sum::<f64>() / seconds
        };
        let (came, busy) = (within(WINDOW.as_secs_f64()), within(BUSY_WINDOW));
        let lowest = self.lags.iter().map(|(_, lag)| *lag).fold(f64::INFINITY, f64::min);
        let recent = self.lags.iter().rev().take(10).map(|(_, lag)| *lag);
        let (sum, count) = recent.fold((0.0, 0.0), |(sum, count), lag| (sum + lag, count + 1.0));
        let since = now.since(core::mem::replace(&mut self.updated, now)).as_secs_f64().min(0.5);
        let found = self.probes.finish(now);
        if sum / count - lowest > QUEUE_MAX {
            if self.held <= now {
                self.rate = (0.85 * busy).min(self.rate).max(RATE_MIN);
                self.held = now + HOLD;
            }
        } else if let Some(found) = found {
            self.rate = found.max(self.rate.min(ARRIVES_ANYHOW * came));
        } else {
            self.rate = (self.rate * (1.0 + GROWTH * since)).min((1.5 * came + 10_000.0).max(self.rate));
        }
        self.loss.judge(self.rate, came);
    }
}
