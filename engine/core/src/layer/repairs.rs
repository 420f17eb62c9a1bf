//! How many packets of a layer are lost on the way to the server, and how long it takes until they are there after all: viewers
//! have to wait for them.

use core::time::Duration;
use corelay_wire::units::Instant;

/// Later than this and it is no repair, but the end of an outage: who waited for it would wait for ever after.
const LATE_MAX: Duration = Duration::from_millis(500);
/// Sooner than this it was only overtaken, which jitter buffers know how to measure.
const LATE_MIN: Duration = Duration::from_millis(15);
/// Packets that the loss is measured on at least.
const WINDOW: u64 = 128;
/// What was not repeated for so long tells nothing of what comes.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// A way that loses packets, and repairs that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Lossy {
    /// Of 1000 packets.
    pub(crate) loss: u16,
    /// How long it takes to ask and be answered, if nothing of that is lost.
    pub(crate) round_trip: Duration,
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repairs {
    lossy: Lossy,
    at: Instant,
    measured: bool,
    /// Since the window began, and the index that it began with.
    repairs: u32,
    from: u64,
}

impl Repairs {
    /// A packet came so long after one behind it; `highest` is the highest index of the layer.
    pub(crate) fn repaired(&mut self, now: Instant, late: Duration, highest: u64) {
        if !(LATE_MIN..=LATE_MAX).contains(&late) {
            return;
        }
        let begins = self.lossy.round_trip.is_zero();
        if begins || now.since(self.at) > FORGOTTEN || highest < self.from {
            *self = Self { from: highest, ..Self::default() };
        }
        self.at = now;
        self.repairs += 1;
        // Those that took two rounds and more do not make the round longer.
        let trip = self.lossy.round_trip;
        self.lossy.round_trip = if trip.is_zero() { late } else { (trip * 15 + late.min(trip + trip / 4)) / 16 };
        let packets = highest - self.from;
        if packets >= WINDOW {
            let loss = (u64::from(self.repairs) * 1_000 / packets).min(1_000) as u16;
            let weight = if core::mem::replace(&mut self.measured, true) { 2 } else { 8 };
            self.lossy.loss = (self.lossy.loss * (8 - weight) + loss * weight) / 8;
            (self.repairs, self.from) = (0, highest);
        }
    }

    /// What is known of the way; nothing where nothing was lost of late.
    pub(crate) fn lossy(&self, now: Instant) -> Lossy {
        if now.since(self.at) <= FORGOTTEN { self.lossy } else { Lossy::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn loss_and_round_trip_are_learnt_and_forgotten() {
        let mut repairs = Repairs::default();
        let at = Instant::from_millis;
        for n in 0..40 {
            let late = if n % 5 == 4 { ms(170) } else { ms(80) };
            repairs.repaired(at(1_000 + 50 * n), late, 10_000 + 10 * n);
        }
        let lossy = repairs.lossy(at(3_000));
        assert!((95..=110).contains(&lossy.loss) && (ms(80)..ms(90)).contains(&lossy.round_trip), "{lossy:?}");
        for late in [ms(5), ms(900)] {
            repairs.repaired(at(3_000), late, 10_400);
        }
        assert_eq!(repairs.lossy(at(3_000)), lossy, "neither overtaken packets nor outages count");
        assert_eq!(repairs.lossy(at(8_500)), Lossy::default());
        repairs.repaired(at(9_000), ms(80), 12_000);
        assert_eq!(repairs.lossy(at(9_000)).loss, 0, "it begins anew");
    }

    #[test]
    fn another_stream_begins_anew() {
        let mut repairs = Repairs::default();
        repairs.repaired(Instant::from_millis(1_000), ms(80), 90_000);
        repairs.repaired(Instant::from_millis(1_100), ms(80), 200);
        assert_eq!(repairs.lossy(Instant::from_millis(1_100)), Lossy { loss: 0, round_trip: ms(80) });
    }
}
