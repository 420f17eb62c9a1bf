//! When a datagram came in, on the node's clock.
//!
//! ```text
//! wall clock     ----stamp----------------wall---->      the kernel's, may be set at any moment
//!                      |<------ age ------>|
//! node's clock   --floor----received------now----->      never goes back
//! ```
//!
//! The kernel stamps by the wall clock. Both clocks are read once, when the first datagram of a turn is delivered; a stamp's age by the
//! one is taken from the other. Two things keep a wall clock that is set from making latencies that never were:
//! - **the floor**: what a call delivers was not there when the call before asked, if that left nothing behind. No datagram is older.
//! - **the step**: a turn that finds the clocks further apart than [`STEP_MIN`] from where the turn before found them believes no stamp,
//!   nor do the next ones until nothing is left that was stamped before.

use std::time::{Duration, SystemTime};

use corelay_wire::units::Instant;

use crate::clock::Clock;

/// A wall clock that moved this much against the node's since the last turn was set. Lower: one that is slewed (half a millisecond a
/// second at most, `adjtimex(2)`), or a thread that lost its core between the two readings, looks as if it was. Higher: a small step
/// bends the latencies of a turn by up to that much.
const STEP_MIN: Duration = Duration::from_millis(1);

/// What one shard knows of the two clocks.
#[derive(Debug)]
pub(crate) struct Stamps {
    clock: Clock,
    /// Wall clock less node's clock, in nanoseconds, at the last reading.
    apart: i128,
    /// Something stamped before a step may still be waiting.
    in_doubt: bool,
    floor: Instant,
    /// When the call under way began.
    asked: Instant,
}

/// One reading of both clocks: the time of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    now: Instant,
    wall: SystemTime,
    floor: Instant,
    in_doubt: bool,
}

impl Stamps {
    pub(crate) fn new(clock: Clock) -> Self {
        let (now, wall) = (clock.now(), SystemTime::now());
        Self { clock, apart: apart(now, wall), in_doubt: false, floor: now, asked: now }
    }

    /// Reads both clocks, when the first datagram of a turn is there.
    pub(crate) fn read(&mut self) -> Reading {
        self.note(self.clock.now(), SystemTime::now())
    }

    fn note(&mut self, now: Instant, wall: SystemTime) -> Reading {
        let apart = apart(now, wall);
        self.in_doubt |= apart.abs_diff(self.apart) >= STEP_MIN.as_nanos();
        self.apart = apart;
        Reading { now, wall, floor: self.floor, in_doubt: self.in_doubt }
    }

    /// A turn ended at `end`, and the next call begins. `more`: something may have been left behind by the last.
    pub(crate) fn turned(&mut self, end: Instant, more: bool) {
        if !more {
            self.floor = self.asked;
            self.in_doubt = false;
        }
        self.asked = end;
    }
}

impl Reading {
    /// The turn's time.
    pub(crate) fn now(self) -> Instant {
        self.now
    }

    /// When a datagram came in: by its stamp, or the turn's time where there is none to believe.
    pub(crate) fn received(self, stamped: Option<SystemTime>) -> Instant {
        match stamped {
            Some(stamped) if !self.in_doubt => {
                let age = self.wall.duration_since(stamped).unwrap_or_default();
                let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
                Instant::from_nanos(self.now.as_nanos().saturating_sub(age_ns)).max(self.floor).min(self.now)
            }
            _ => self.now,
        }
    }
}

/// A wall clock before 1970 reads as 1970: wrong, and the same at every reading.
fn apart(now: Instant, wall: SystemTime) -> i128 {
    let wall_ns = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    i128::try_from(wall_ns).expect("a Duration has 94 bits of nanoseconds") - i128::from(now.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);
    const HOUR: Duration = Duration::from_secs(3_600);

    /// A shard at 10 s of the node's clock, and what the wall clock says then.
    fn stamps() -> (Stamps, Instant, SystemTime) {
        let (now, wall) = (Instant::from_millis(10_000), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let stamps = Stamps { clock: Clock::start(), apart: apart(now, wall), in_doubt: false, floor: now, asked: now };
        (stamps, now, wall)
    }

    #[test]
    fn a_stamp_is_as_old_on_the_nodes_clock() {
        let (mut stamps, now, wall) = stamps();
        let reading = stamps.note(now + 300 * US, wall + 300 * US);
        assert_eq!(reading.received(Some(wall + 100 * US)), now + 100 * US);
        assert_eq!(reading.received(None), now + 300 * US);
        assert_eq!(reading.now(), now + 300 * US);
    }

    #[test]
    fn a_stamp_from_the_future_or_from_before_the_last_look_is_cut() {
        let (mut stamps, now, wall) = stamps();
        let reading = stamps.note(now + 300 * US, wall + 300 * US);
        assert_eq!(reading.received(Some(wall + HOUR)), reading.now());
        assert_eq!(reading.received(Some(wall - HOUR)), now);
    }

    #[test]
    fn the_floor_rises_with_calls_that_leave_nothing_behind() {
        let (mut stamps, now, wall) = stamps();
        stamps.turned(now + 100 * US, true);
        stamps.turned(now + 200 * US, true);
        // Two full batches behind it, a datagram may be as old as the first.
        assert_eq!(stamps.note(now + 300 * US, wall + 300 * US).received(Some(wall + US)), now + US);
        stamps.turned(now + 300 * US, false);
        // The call that left nothing began at 200 us: what comes after was not there then.
        assert_eq!(stamps.note(now + 400 * US, wall + 400 * US).received(Some(wall + US)), now + 200 * US);
    }

    #[test]
    fn no_stamp_is_believed_after_a_step_until_all_from_before_it_are_gone() {
        for step in [HOUR, Duration::from_millis(2)] {
            for ahead in [true, false] {
                let (mut stamps, now, wall) = stamps();
                let moved = if ahead { wall + step } else { wall - step };
                let reading = stamps.note(now + 300 * US, moved + 300 * US);
                assert_eq!(reading.received(Some(wall + 100 * US)), reading.now(), "stamped before the step");
                stamps.turned(now + 300 * US, true);
                let reading = stamps.note(now + 400 * US, moved + 400 * US);
                assert_eq!(reading.received(Some(wall + 200 * US)), reading.now(), "left behind from before the step");
                stamps.turned(now + 400 * US, false);
                let reading = stamps.note(now + 900 * US, moved + 900 * US);
                assert_eq!(reading.received(Some(moved + 700 * US)), now + 700 * US, "the clocks go together again");
            }
        }
    }

    #[test]
    fn a_clock_that_is_slewed_is_believed() {
        let (mut stamps, now, wall) = stamps();
        let second = Duration::from_secs(1);
        let reading = stamps.note(now + second, wall + second + 500 * US);
        assert_eq!(reading.received(Some(wall + second)), now + (second - 500 * US));
    }
}
