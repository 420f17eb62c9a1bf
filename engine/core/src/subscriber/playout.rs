//! How long a subscriber's viewer is to wait before it shows a picture, so that what was lost can be sent again in time.
//!
//! ```text
//! lost -- noticed (a frame later) -- asked -- sent again -- | again ... |      shown
//!        '---- margin -----------'  '----- round trip ----'  '- another '
//! '----------------------------- playout delay ---------------------------------'
//! ```
//!
//! A browser waits for one answer, 0.9 round trips, once it had to ask. Of answers and requests that cross a link of 10 % loss both
//! ways one of five is lost, so that at 30 frames of six packets a second two frames of a second come too late, and stand still or
//! are left out. Two more rounds leave one of some hundred. It costs delay, for this subscriber alone and only while it loses
//! something.
//!
//! The delay is told in steps, for a viewer that is told to wait longer shows nothing for as long; and taken back slowly, in case
//! the loss comes again.

use crate::layer::Lossy;
use core::time::Duration;
use corelay_wire::units::Instant;

/// The loss, of 1000, from which one more round is waited for than browsers do, two and three. Higher leaves frames late: at 1 %
/// both ways one of thousand, at 3 % two. Lower makes viewers of good links wait.
const LITTLE: u16 = 6;
const MUCH: u16 = 25;
const VERY_MUCH: u16 = 130;
/// What passes until a loss is noticed, by the next frame, and asked for again, in steps of 20 ms.
const MARGIN: Duration = Duration::from_millis(60);
/// The most that is waited, if one round trip takes no longer. More repairs more on links that are long and lossy, and people begin
/// to talk into each other; less leaves a third round late from a round trip of 110 ms on.
const DELAY_MAX: Duration = Duration::from_millis(400);
/// The most for one round trip.
const DELAY_MAX_FAR: Duration = Duration::from_millis(600);
/// Before a report told the round trip.
const ROUND_TRIP_GUESSED: Duration = Duration::from_millis(100);
/// How much the delay grows at a time, and the time between. A picture that stands for 150 ms more than usual is counted as a
/// freeze, and what is lost meanwhile comes on top; smaller steps let more frames be late until the delay is reached.
const STEP: u8 = 4;
const STEP_EVERY: Duration = Duration::from_millis(90);
/// A viewer that lost something waits for one answer by itself, so that the first step begins there, and here at most. Higher
/// stands still for longer where the viewer does not wait yet; lower leaves the first losses of a call late.
const BEGIN_MAX: u8 = 8;
/// Of requests of which so few were repeated that it may be chance, so many more, of 1000 and in halves, are taken to be; and so
/// many less, so that some sixty of which none was say that packets are only overtaken. More waits longer on links that reorder,
/// for the first seconds; less waits for one answer on links that lose until the second is missed.
const DOUBT_HALVES: u32 = 1;
const DOUBT_REQUESTS: u32 = 4;
const DOUBT_LESS: u32 = 8;
/// How much it shrinks at a time, and the time between. The pictures that wait have their times moved by it at once, and one that
/// is late by 5 ms is left out for the next: at 10 ms, one in six times. Faster loses more of them, and makes them wait again when
/// the loss comes back.
const STEP_BACK: u8 = 1;
const STEP_BACK_EVERY: Duration = Duration::from_millis(1_500);
/// For so long less must have been enough.
const CALM: Duration = Duration::from_secs(6);
/// So much more than what is wanted is left as it is: estimates waver.
const LEFT: u8 = 4;
/// Packets that a loss is measured on at least. More tells the loss better, and later.
const WINDOW: u32 = 64;
/// Requests that are remembered.
const REQUESTS_MAX: u16 = 64;
/// Once nothing is waited for, it is told for this time, and then not written any more.
const TOLD: Duration = Duration::from_secs(3);
/// In these units it is told.
const UNIT_MILLIS: u128 = 10;

/// Whether a link is so long that nobody waits for a second round.
pub(crate) fn waits_once(round_trip: Option<Duration>) -> bool {
    round_trip.is_some_and(|trip| 2 * trip + MARGIN > DELAY_MAX_FAR)
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Playout {
    /// What packets tell, in units of 10 ms; `None`: they tell nothing.
    told: Option<u8>,
    changed: Instant,
    /// When as much was wanted last.
    wanted: Instant,
    /// Of 1000.
    loss: u16,
    measured: bool,
    /// Packets that were missed since the window began, and what had been sent by then.
    missed: u32,
    sent: u32,
    /// Requests of late, and how many of them were not the first for their packet.
    requests: u16,
    repeated: u16,
}

impl Playout {
    /// A packet is asked for, `again` where it had been before.
    pub(crate) fn asked(&mut self, again: bool) {
        self.missed += u32::from(!again);
        if self.requests == REQUESTS_MAX {
            (self.requests, self.repeated) = (self.requests / 2, self.repeated / 2);
        }
        (self.requests, self.repeated) = (self.requests + 1, self.repeated + u16::from(again));
    }

    /// The share of packets that was lost of late, of 1000: of those that were asked for, and no more than the share of requests
    /// that had to be repeated. A packet that was only overtaken is asked for as well, but once.
    pub(crate) fn loss(&self) -> u16 {
        let repeated = (u32::from(self.repeated) * 1_000).checked_div(self.requests.into()).unwrap_or(0);
        self.loss.min(repeated as u16)
    }

    /// What is in the headers of packets.
    pub(crate) fn told(&self) -> Option<u8> {
        self.told
    }

    /// Looks at what was lost of the `sent` packets so far, a count that wraps. `upstream`: what is lost on the way from the
    /// publisher. `reported`: a report brought this up, which comes each second. Tells whether packets are to tell something else.
    pub(crate) fn look(&mut self, now: Instant, sent: u32, round_trip: Option<Duration>, upstream: Lossy, reported: bool) -> bool {
        self.measure(sent);
        let (wanted, told) = (self.wanted(round_trip, upstream), self.told.unwrap_or(0));
        let idle = now.since(self.changed);
        let (less, calm) = (wanted + LEFT < told || wanted == 0 && told > 0, now.since(self.wanted));
        if !less {
            self.wanted = now;
        }
        let next = if wanted > told && idle >= STEP_EVERY {
            let own = round_trip.map_or(0, |trip| (trip.as_millis() / UNIT_MILLIS).min(u128::from(BEGIN_MAX)) as u8);
            Some(wanted.min(told.max(own) + STEP))
        } else if less && calm >= CALM && reported && idle >= STEP_BACK_EVERY {
            Some(wanted.max(told - STEP_BACK))
        } else if self.told == Some(0) && wanted == 0 && idle > TOLD {
            None
        } else {
            return false;
        };
        self.changed = now;
        core::mem::replace(&mut self.told, next) != next
    }

    fn measure(&mut self, sent: u32) {
        let packets = sent.wrapping_sub(self.sent);
        if packets < WINDOW {
            return;
        }
        let loss = (u64::from(self.missed) * 1_000 / u64::from(packets)).min(1_000) as u16;
        // It rises faster than it falls: a burst is not the last.
        let weight = if !core::mem::replace(&mut self.measured, true) {
            8
        } else if loss > self.loss {
            3
        } else {
            1
        };
        self.loss = (self.loss * (8 - weight) + loss * weight) / 8;
        (self.missed, self.sent) = (0, sent);
    }

    /// Of requests and answers that are waited for. What is asked for and need not be asked for again takes one.
    fn rounds(&self) -> u32 {
        let (repeated, requests) = (u32::from(self.repeated), u32::from(self.requests));
        let doubted = ((2 * repeated + DOUBT_HALVES) * 500 / (requests + DOUBT_REQUESTS)).saturating_sub(DOUBT_LESS) as u16;
        match (self.loss, self.loss().max(doubted.min(self.loss))) {
            (..LITTLE, _) => 0,
            (_, ..LITTLE) => 1,
            (_, repeated) => rounds(repeated),
        }
    }

    fn wanted(&self, round_trip: Option<Duration>, upstream: Lossy) -> u8 {
        let own = wait(self.rounds(), round_trip.unwrap_or(ROUND_TRIP_GUESSED));
        let upstream = wait(rounds(upstream.loss), upstream.round_trip);
        // Few frames are late on both ways, and fewer by the most on both.
        ((own.max(upstream) + own.min(upstream) / 2).min(DELAY_MAX.max(own)).as_millis() / UNIT_MILLIS) as u8
    }
}

/// How many rounds repair nearly all of such a loss.
fn rounds(loss: u16) -> u32 {
    match loss {
        ..LITTLE => 0,
        LITTLE..MUCH => 2,
        MUCH..VERY_MUCH => 3,
        VERY_MUCH.. => 4,
    }
}

/// How long to wait for what a way loses.
fn wait(rounds: u32, round_trip: Duration) -> Duration {
    if rounds == 0 {
        return Duration::ZERO;
    }
    (round_trip * rounds + MARGIN).min(DELAY_MAX.max(round_trip + MARGIN).min(DELAY_MAX_FAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Option<Duration> = Some(Duration::from_millis(80));

    /// A second of 200 packets each, of which so many were missed and some twice; what is told after each.
    fn told(
        playout: &mut Playout,
        second: &mut u64,
        (missed, repeats): (u32, bool),
        seconds: u64,
        trip: Option<Duration>,
        up: Lossy,
    ) -> Vec<Option<u8>> {
        let mut told = Vec::new();
        for _ in 0..seconds {
            for n in 0..missed {
                playout.asked(false);
                if repeats && n % 5 == 0 {
                    playout.asked(true);
                }
            }
            *second += 1;
            let sent = 200 * *second as u32;
            for tenth in 0..10 {
                playout.look(Instant::from_millis(1_000 * *second + 100 * tenth), sent, trip, up, tenth == 0);
            }
            told.push(playout.told());
        }
        told
    }

    #[test]
    fn nothing_is_told_on_a_good_link() {
        let mut playout = Playout::default();
        assert_eq!(told(&mut playout, &mut 0, (1, true), 10, TRIP, Lossy::default()), [None; 10]);
        assert_eq!(playout.loss(), 5);
    }

    #[test]
    fn a_bad_link_gets_three_rounds_in_steps_and_they_go_slowly() {
        let (mut playout, mut second) = (Playout::default(), 0);
        let rising = told(&mut playout, &mut second, (20, true), 3, TRIP, Lossy::default());
        assert_eq!(rising, [Some(30); 3], "of 80, 80, 80 and 60 ms");
        let falling = told(&mut playout, &mut second, (0, true), 90, TRIP, Lossy::default());
        assert!(falling.is_sorted_by(|a, b| b.is_none() || (a.is_some() && b <= a)), "{falling:?}");
        assert!(falling.windows(2).all(|w| w[0].unwrap_or(0) - w[1].unwrap_or(0) <= STEP_BACK), "{falling:?}");
        assert!(falling.contains(&Some(0)) && falling.last() == Some(&None), "zero is told before nothing: {falling:?}");
    }

    #[test]
    fn what_is_overtaken_is_asked_for_once() {
        let mut playout = Playout::default();
        let told = told(&mut playout, &mut 0, (80, false), 10, TRIP, Lossy::default());
        assert_eq!((told.last(), playout.loss()), (Some(&Some(14)), 0), "for one answer only");
    }

    #[test]
    fn the_first_losses_are_taken_for_such_that_happen_to_answers_too() {
        let mut playout = Playout::default();
        (0..6).for_each(|_| playout.asked(false));
        playout.look(Instant::from_millis(1_000), 200, TRIP, Lossy::default(), false);
        assert_eq!(playout.told(), Some(8 + STEP), "from what the viewer waits anyhow");
        playout.look(Instant::from_millis(1_100), 200, TRIP, Lossy::default(), false);
        assert!(playout.told() > Some(14), "more than one answer, though none was lost yet: {:?}", playout.told());
    }

    #[test]
    fn it_is_no_more_than_people_bear() {
        for (missed, trip, lost_upstream, expected) in [
            (4, 80, 0, 22),
            (20, 200, 0, 40),
            (20, 400, 0, 46),
            (20, 900, 0, 60),
            (0, 80, 100, 21),
            (4, 80, 100, 32),
            (20, 80, 100, 40),
        ] {
            let mut playout = Playout::default();
            let up = Lossy { loss: lost_upstream, round_trip: Duration::from_millis(50) };
            let seen = told(&mut playout, &mut 0, (missed, true), 4, Some(Duration::from_millis(trip)), up);
            assert_eq!(seen.last(), Some(&Some(expected)), "{missed} {trip} {lost_upstream}");
        }
    }
}
