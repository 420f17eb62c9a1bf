//! The delay that a playout buffer aims at: what nearly all packets need.

use crate::microphone::PACKET_TIME;
use core::time::Duration;
use corelay_wire::units::Instant;
use std::collections::VecDeque;

/// Before anything is known.
const BEGIN: f64 = 0.08;
const DELAY_MIN: f64 = 0.04;
/// More is not waited: people would talk into each other.
const DELAY_MAX: f64 = 0.2;
/// Packets that it is measured on: ten seconds.
const WINDOW: usize = 500;
/// Packets that the fastest is taken from: two seconds (NetEq).
const BASE: usize = 100;
/// This share of all packets is there in time, retransmissions included. NetEq weighs a percent of loss against 20 ms of delay and so
/// does not wait for retransmissions of a few lost packets: here it waits, so that what is concealed tells of the server's repair.
const IN_TIME: f64 = 0.995;

/// See the module. Times are in seconds.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// Arrival less media time of the last packets.
    lags: VecDeque<f64>,
    /// How much later than the fastest they were.
    delays: VecDeque<f64>,
    base: f64,
    target: Option<f64>,
}

impl Target {
    /// Notes a packet's arrival; its place is counted in packets.
    pub(crate) fn arrived(&mut self, now: Instant, place: i64) {
        let lag = now.as_nanos() as f64 / 1e9 - place as f64 * PACKET_TIME.as_secs_f64();
        push(&mut self.lags, lag, BASE);
        self.base = self.lags.iter().copied().fold(f64::INFINITY, f64::min);
        push(&mut self.delays, lag - self.base, WINDOW);
        // Sorting a window is not for every packet.
        if self.delays.len() % 10 == 1 || place % 10 == 0 {
            self.target = Some(self.optimum().clamp(DELAY_MIN, DELAY_MAX));
        }
    }

    fn optimum(&self) -> f64 {
        let mut all: Vec<f64> = self.delays.iter().copied().collect();
        all.sort_by(f64::total_cmp);
        let usual = all.get((all.len() as f64 * IN_TIME) as usize).or(all.last()).copied().unwrap_or(0.0);
        // A packet is due when its whole sound is.
        usual + PACKET_TIME.as_secs_f64()
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.target.unwrap_or(BEGIN).max(if self.delays.len() < 50 { BEGIN } else { 0.0 }))
    }

    /// How much later than the fastest packets a place is played at `at`.
    pub(crate) fn delay_of(&self, at: Instant, place: i64) -> Option<f64> {
        let media = place as f64 * PACKET_TIME.as_secs_f64();
        (!self.lags.is_empty()).then(|| at.as_nanos() as f64 / 1e9 - media - self.base)
    }
}

fn push<T>(window: &mut VecDeque<T>, value: T, max: usize) {
    window.push_back(value);
    if window.len() > max {
        window.pop_front();
    }
}
