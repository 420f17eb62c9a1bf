//! A hierarchical timer wheel: one entry for each timer that can exist, so that nothing is ever allocated, looked up or full.
//!
//! ```text
//! level 0 | 1 ms a slot   | 64 slots |     an entry sits on the level of the highest 6-bit digit in which its tick
//! level 1 | 64 ms a slot  | 64 slots |     differs from the wheel's; when the wheel reaches the slot, the entry
//! ...                                      moves down. The lowest level that is not empty holds the earliest.
//! level 6 | 2 years a slot| 64 slots |
//! ```

use crate::limits::Limits;
use core::time::Duration;
use corelay_wire::units::Instant;

/// Why the core wants to be woken. The number is the slot of whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// A transport: DTLS retransmission, handshake deadline or consent.
    Transport(u32),
    /// The RTCP reports of a transport.
    Reports(u32),
    /// Packets that a publisher's transport misses: to be asked for, again, or given up.
    Nack(u32),
    /// A transport: video that waits for its path may leave, or a probe goes on.
    Pace(u32),
    /// A transport: its estimate is due without feedback, or its layers are to be chosen again.
    Estimate(u32),
    /// Feedback to a publisher's transport on what arrived.
    Feedback(u32),
    /// Sound that leaves again to a transport whose path loses.
    Copies(u32),
    /// A keyframe request of a track that was throttled, or that is unanswered.
    Keyframe(u32),
    /// A track's rows: one may have fallen silent.
    Rows(u32),
    /// A room in which somebody speaks.
    Speakers(u32),
    /// DTLS datagrams that wait for their turn. Due when the first came, and not in the wheel.
    Handshakes,
}

/// Finer wakes the thread more often for neighbours in time; coarser delays DTLS retransmission, which starts at 50 ms and more.
const TICK_NANOS: u64 = 1_000_000;
const LEVELS: usize = 7;
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// The farthest a timer can be: 69 years of ticks. The levels reach twice as far, so that a wheel that has turned for as long still
/// finds a place for it.
const REACH: u64 = (1 << (DIGIT_BITS * (LEVELS as u32) - 1)) - 1;
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry {
    previous: u32,
    next: u32,
    /// When, in ticks; [`IDLE`] while it is not scheduled.
    tick: u64,
    /// Where it is linked: the wheel's own tick, by which the place was found, goes on.
    level: u8,
    slot: u8,
}

const IDLE: u64 = u64::MAX;

/// The wheel. Owned by the core; time is told by the caller and never goes back.
#[derive(Debug)]
pub struct Wheel {
    entries: Box<[Entry]>,
    heads: [[u32; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    tick: u64,
    scheduled: usize,
    transports_max: u32,
    tracks_max: u32,
}

impl Wheel {
    /// A wheel with one entry for each timer that `limits` allow.
    pub fn new(limits: &Limits) -> Self {
        let idle = Entry { previous: NIL, next: NIL, tick: IDLE, level: 0, slot: 0 };
        Self {
            entries: vec![idle; Self::entries(limits)].into_boxed_slice(),
            heads: [[NIL; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            tick: 0,
            scheduled: 0,
            transports_max: limits.transports_max,
            tracks_max: limits.tracks_max,
        }
    }

    /// Bytes of a wheel under `limits`.
    pub fn bytes(limits: &Limits) -> u64 {
        (size_of::<Self>() + Self::entries(limits) * size_of::<Entry>()) as u64
    }

    fn entries(limits: &Limits) -> usize {
        7 * limits.transports_max as usize + 2 * limits.tracks_max as usize + limits.rooms_max as usize
    }

    /// How many timers are scheduled.
    pub fn len(&self) -> usize {
        self.scheduled
    }

    /// Whether no timer is scheduled.
    pub fn is_empty(&self) -> bool {
        self.scheduled == 0
    }

    /// Sets `timer` to fire at `at`, never before; a timer that was set before moves.
    pub fn schedule(&mut self, timer: Timer, at: Instant) {
        self.cancel(timer);
        let tick = at.as_nanos().div_ceil(TICK_NANOS).clamp(self.tick, self.tick + REACH);
        self.link(self.key(timer), tick);
        self.scheduled += 1;
    }

    /// Sets `timer` to `at`, or stops it.
    pub fn set(&mut self, timer: Timer, at: Option<Instant>) {
        match at {
            Some(at) => self.schedule(timer, at),
            None => self.cancel(timer),
        }
    }

    /// Stops `timer`; one that is not set stays so.
    pub fn cancel(&mut self, timer: Timer) {
        let key = self.key(timer);
        if self.entries[key as usize].tick != IDLE {
            self.unlink(key);
            self.scheduled -= 1;
        }
    }

    /// When to wake, and for whom. May be earlier than the timer (the wheel then only turns), never later.
    pub fn next(&self) -> Option<(Instant, Timer)> {
        let (level, slot, tick) = self.earliest()?;
        let at = Instant::from_nanos(tick * TICK_NANOS);
        Some((at, self.timer(self.heads[level][slot])))
    }

    /// Takes one timer that is due at `now`; `None` when there are no more.
    pub fn expire(&mut self, now: Instant) -> Option<Timer> {
        let target = now.as_nanos() / TICK_NANOS;
        while let Some((level, slot, tick)) = self.earliest() {
            if tick > target {
                break;
            }
            self.tick = tick;
            if level == 0 {
                let key = self.heads[0][slot];
                self.unlink(key);
                self.scheduled -= 1;
                return Some(self.timer(key));
            }
            self.cascade(level, slot);
        }
        self.tick = self.tick.max(target);
        None
    }

    fn cascade(&mut self, level: usize, slot: usize) {
        while self.heads[level][slot] != NIL {
            let key = self.heads[level][slot];
            let tick = self.entries[key as usize].tick;
            self.unlink(key);
            self.link(key, tick);
        }
    }

    /// The earliest slot that is not empty: level, slot, and the tick at which the wheel reaches it.
    fn earliest(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = DIGIT_BITS * level as u32;
        let above = self.tick >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        Some((level, slot, above | ((slot as u64) << shift)))
    }

    /// Level and slot of `tick`: the highest digit in which it differs from the wheel's own.
    fn place(&self, tick: u64) -> (usize, usize) {
        let different = (tick ^ self.tick) | 1;
        let level = ((u64::BITS - 1 - different.leading_zeros()) / DIGIT_BITS) as usize;
        (level, (tick >> (DIGIT_BITS * level as u32)) as usize & (SLOTS - 1))
    }

    fn link(&mut self, key: u32, tick: u64) {
        let (level, slot) = self.place(tick);
        let head = self.heads[level][slot];
        self.entries[key as usize] = Entry { previous: NIL, next: head, tick, level: level as u8, slot: slot as u8 };
        if head != NIL {
            self.entries[head as usize].previous = key;
        }
        self.heads[level][slot] = key;
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, key: u32) {
        let entry = self.entries[key as usize];
        if entry.previous == NIL {
            let (level, slot) = (usize::from(entry.level), usize::from(entry.slot));
            debug_assert_eq!(self.heads[level][slot], key, "an entry without a previous one is a head");
            self.heads[level][slot] = entry.next;
            if entry.next == NIL {
                self.occupied[level] &= !(1 << slot);
            }
        } else {
            self.entries[entry.previous as usize].next = entry.next;
        }
        if entry.next != NIL {
            self.entries[entry.next as usize].previous = entry.previous;
        }
        self.entries[key as usize].tick = IDLE;
    }

    fn key(&self, timer: Timer) -> u32 {
        match timer {
            Timer::Transport(slot) => slot,
            Timer::Reports(slot) => self.transports_max + slot,
            Timer::Nack(slot) => 2 * self.transports_max + slot,
            Timer::Pace(slot) => 3 * self.transports_max + slot,
            Timer::Estimate(slot) => 4 * self.transports_max + slot,
            Timer::Feedback(slot) => 5 * self.transports_max + slot,
            Timer::Copies(slot) => 6 * self.transports_max + slot,
            Timer::Keyframe(slot) => 7 * self.transports_max + 2 * slot,
            Timer::Rows(slot) => 7 * self.transports_max + 2 * slot + 1,
            Timer::Speakers(slot) => 7 * self.transports_max + 2 * self.tracks_max + slot,
            Timer::Handshakes => unreachable!("the line of handshakes is no timer of the wheel"),
        }
    }

    fn timer(&self, key: u32) -> Timer {
        match key / self.transports_max {
            0 => Timer::Transport(key),
            1 => Timer::Reports(key - self.transports_max),
            2 => Timer::Nack(key - 2 * self.transports_max),
            3 => Timer::Pace(key - 3 * self.transports_max),
            4 => Timer::Estimate(key - 4 * self.transports_max),
            5 => Timer::Feedback(key - 5 * self.transports_max),
            6 => Timer::Copies(key - 6 * self.transports_max),
            _ => match key - 7 * self.transports_max {
                key if key >= 2 * self.tracks_max => Timer::Speakers(key - 2 * self.tracks_max),
                key if key.is_multiple_of(2) => Timer::Keyframe(key / 2),
                key => Timer::Rows(key / 2),
            },
        }
    }
}

/// The length of a tick: how late a timer may be.
pub const TICK: Duration = Duration::from_nanos(TICK_NANOS);

/// What nobody waits for is done at multiples of this: looks at the rooms in which somebody speaks, of which a hundred would wake a shard 330
/// times a second at 25 us each; what signaling is told soon (`docs/decisions/0010-who-is-woken.md`). Longer: fewer wake-ups, each of them
/// for more. Shorter: the other way round. It divides a slot of level 1, so that the wheel's own turns fall on it as well.
pub const COMPANY: Duration = Duration::from_nanos(16 * TICK_NANOS);
/// Reports leave at multiples of this, those of many transports in one turn: of a hundred that are due within a second each would wake a
/// shard that sleeps, and a wake-up costs more than the report. Longer: fewer turns. Shorter: fewer reports in one, before which media
/// may have to wait; of 2,000 transports 128 leave together, in a seventh of a millisecond.
pub(crate) const REPORT_COMPANY: Duration = Duration::from_nanos(4 * COMPANY.as_nanos() as u64);

const _: () = assert!((SLOTS as u64 * TICK_NANOS).is_multiple_of(COMPANY.as_nanos() as u64));

/// The first time at or after `at` that is shared by all who keep to `company`: see [`COMPANY`].
pub fn in_company(at: Instant, company: Duration) -> Instant {
    Instant::from_nanos(at.as_nanos().next_multiple_of(company.as_nanos() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn wheel() -> Wheel {
        Wheel::new(&Limits { transports_max: 4, tracks_max: 8, ..Limits::default() })
    }

    #[test]
    fn fires_in_order_and_never_early() {
        let mut w = wheel();
        w.schedule(Timer::Keyframe(7), Instant::from_millis(70_000));
        w.schedule(Timer::Rows(7), Instant::from_millis(80_000));
        w.schedule(Timer::Reports(1), Instant::from_nanos(1));
        w.schedule(Timer::Transport(3), Instant::from_millis(65));
        assert_eq!(w.expire(Instant::ZERO), None);
        assert_eq!(w.next(), Some((Instant::from_millis(1), Timer::Reports(1))));
        assert_eq!(w.expire(Instant::from_millis(64)), Some(Timer::Reports(1)));
        assert_eq!(w.expire(Instant::from_millis(64)), None);
        assert_eq!(w.expire(Instant::from_millis(65)), Some(Timer::Transport(3)));
        assert_eq!(w.expire(Instant::from_millis(69_999)), None);
        assert_eq!(w.expire(Instant::from_millis(70_000)), Some(Timer::Keyframe(7)));
        assert_eq!(w.expire(Instant::from_millis(80_000)), Some(Timer::Rows(7)));
        assert!(w.is_empty());
        assert_eq!(w.next(), None);
    }

    #[test]
    fn a_timer_in_the_past_fires_at_once_and_a_moved_one_fires_once() {
        let mut w = wheel();
        assert_eq!(w.expire(Instant::from_millis(5_000)), None);
        w.schedule(Timer::Transport(0), Instant::from_millis(9_000));
        w.schedule(Timer::Transport(0), Instant::from_millis(1));
        assert_eq!(w.len(), 1);
        assert_eq!(w.expire(Instant::from_millis(5_000)), Some(Timer::Transport(0)));
        assert_eq!(w.expire(Instant::from_millis(100_000)), None);
    }

    #[test]
    fn timers_cross_every_digit() {
        for level in 1..LEVELS as u32 {
            let mut w = wheel();
            let crossing = 1u64 << (DIGIT_BITS * level);
            assert_eq!(w.expire(Instant::from_millis(crossing - 5)), None);
            w.schedule(Timer::Transport(0), Instant::from_millis(crossing + 5));
            assert_eq!(w.expire(Instant::from_millis(crossing + 4)), None);
            assert_eq!(w.expire(Instant::from_millis(crossing + 5)), Some(Timer::Transport(0)));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(steps in prop::collection::vec((0u32..40, prop::option::weighted(0.8, 0u64..300_000), 0u64..9_000), 1..200)) {
            let mut w = wheel();
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = 0;
            for (key, at, forward) in steps {
                let timer = w.timer(key);
                match at {
                    Some(at) => {
                        model.insert(key, (now + at).max(now));
                        w.schedule(timer, Instant::from_millis(now + at));
                    }
                    None => {
                        model.remove(&key);
                        w.cancel(timer);
                    }
                }
                let earliest = model.values().min().copied();
                prop_assert_eq!(w.next().is_some(), earliest.is_some());
                if let (Some((at, _)), Some(earliest)) = (w.next(), earliest) {
                    prop_assert!(at <= Instant::from_millis(earliest));
                }
                now += forward;
                let mut last = 0;
                while let Some(timer) = w.expire(Instant::from_millis(now)) {
                    let due = model.remove(&w.key(timer)).expect("only what was scheduled fires");
                    prop_assert!(due <= now && due >= last);
                    last = due;
                }
                prop_assert!(model.values().all(|due| *due > now));
                prop_assert_eq!(w.len(), model.len());
            }
        }
    }
}
