//! How a publisher follows what it is told of its uplink: a small delay- and loss-based controller in the manner of browsers.

use crate::outgoing::Outlet;
use core::time::Duration;
use corelay_wire::rtcp::TransportCc;
use corelay_wire::units::{Bitrate, Instant};
use std::collections::VecDeque;

const BEGIN: f64 = 300_000.0;
const RATE_MIN: f64 = 60_000.0;
/// What arrived is averaged over this time.
const WINDOW: Duration = Duration::from_millis(500);
/// A queue that holds longer than this is too long.
const QUEUE_MAX: f64 = 0.05;
/// After a step down, no other for this time.
const HOLD: Duration = Duration::from_millis(300);
/// A loss above this is taken for congestion (GCC: 10 %).
const LOSS_MAX: f64 = 0.1;

/// See the module.
#[derive(Debug)]
pub(crate) struct RateControl {
    rate: f64,
    /// The most that REMB allows.
    cap: f64,
    /// Arrivals on the receiver's clock, with their bytes.
    arrived: VecDeque<(f64, usize)>,
    /// Arrival less send time.
    lags: VecDeque<(f64, f64)>,
    lost: f64,
    next: u64,
    updated: Instant,
    held: Instant,
    probing: bool,
}

impl RateControl {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rate: BEGIN,
            cap: f64::INFINITY,
            arrived: VecDeque::new(),
            lags: VecDeque::new(),
            lost: 0.0,
            next: 0,
            updated: now,
            held: now,
            probing: true,
        }
    }

    pub(crate) fn rate(&self) -> Bitrate {
        Bitrate(self.rate.min(self.cap).max(RATE_MIN) as u64)
    }

    /// The last REMB, if there was any.
    pub(crate) fn remb(&self) -> Option<Bitrate> {
        self.cap.is_finite().then_some(Bitrate(self.cap as u64))
    }

    pub(crate) fn take_remb(&mut self, bitrate: Bitrate) {
        self.cap = bitrate.0 as f64;
    }

    pub(crate) fn take(&mut self, now: Instant, message: &TransportCc<'_>, outlet: &Outlet) {
        let (mut lost, mut count) = (0.0, 0.0);
        for (number, arrival) in message.arrivals() {
            let long = self.next.wrapping_add_signed(i64::from(number.0.wrapping_sub(self.next as u16) as i16));
            let Some((sent, bytes)) = long.checked_sub(outlet.first).and_then(|at| outlet.sent.get(at as usize)) else { continue };
            count += 1.0;
            self.next = self.next.max(long + 1);
            match arrival {
                None => lost += 1.0,
                Some(ticks) => {
                    let at = ticks as f64 / TransportCc::TICKS_PER_SECOND as f64;
                    self.arrived.push_back((at, *bytes));
                    self.lags.push_back((at, at - sent.as_nanos() as f64 / 1e9));
                }
            }
        }
        if count > 0.0 {
            self.lost += (lost / count - self.lost) * 0.1;
        }
        self.update(now);
    }

    fn update(&mut self, now: Instant) {
        let Some((newest, _)) = self.arrived.back().copied() else { return };
        while self.arrived.front().is_some_and(|(at, _)| newest - at > WINDOW.as_secs_f64()) {
            self.arrived.pop_front();
        }
        while self.lags.front().is_some_and(|(at, _)| newest - at > 10.0) {
            self.lags.pop_front();
        }
        let came = self.arrived.iter().map(|(_, bytes)| *bytes as f64 * 8.0).sum::<f64>() / WINDOW.as_secs_f64();
        let lowest = self.lags.iter().map(|(_, lag)| *lag).fold(f64::INFINITY, f64::min);
        let recent = self.lags.iter().rev().take(10).map(|(_, lag)| *lag);
        let (sum, count) = recent.fold((0.0, 0.0), |(sum, count), lag| (sum + lag, count + 1.0));
        let since = now.since(core::mem::replace(&mut self.updated, now)).as_secs_f64().min(0.5);
        if sum / count - lowest > QUEUE_MAX || self.lost > LOSS_MAX {
            if self.held <= now {
                self.rate = (0.85 * came).min(self.rate).max(RATE_MIN);
                (self.held, self.probing) = (now + HOLD, false);
            }
        } else {
            let growth = if self.probing { 1.0 } else { 0.08 };
            self.rate = (self.rate * (1.0 + growth * since)).min((1.5 * came + 100_000.0).max(self.rate));
        }
    }
}
