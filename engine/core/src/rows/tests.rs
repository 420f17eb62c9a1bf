use super::*;
use crate::place::{Point, Points};

const STEP: u64 = 10;

struct Publisher {
    rows: Rows,
    /// What it is asked to send beside what is watched.
    asked: u8,
    ms: u64,
    fallen: Vec<(u64, Vec<Pulse>)>,
}

impl Publisher {
    fn new() -> Self {
        Self { rows: Rows::new(3), asked: 0, ms: 10_000, fallen: Vec::new() }
    }

    /// Each row sends a picture every so many milliseconds; zero: none. `audio`: goes on.
    fn run(&mut self, time: u64, periods: [u64; 3], audio: bool) -> &mut Self {
        for ms in (self.ms..self.ms + time).step_by(STEP as usize) {
            let now = Instant::from_millis(ms);
            let place = Place::new(Point::new(0, 0), Points::ALL).starting(true);
            let sending = (0u8..).zip(periods).filter(|(_, period)| *period > 0 && ms % period == 0);
            for (layer, _) in sending {
                self.rows.note(layer, place, 1_000, now);
                if self.rows.due_at().is_none() && self.rows.are_several() {
                    self.rows.arm(now);
                    self.rows.look(audio, self.asked | self.rows.watched(), now);
                }
            }
            if self.rows.due_at().is_some_and(|due| due <= now) && self.rows.look(audio, self.asked | self.rows.watched(), now) {
                self.fallen.push((ms, self.rows.rows[..3].iter().map(|row| row.pulse).collect()));
            }
        }
        self.ms += time;
        self
    }

    fn watch(&mut self, row: u8) -> &mut Self {
        self.rows.recount(0, 1 << row, Instant::from_millis(self.ms));
        self
    }
}

fn pulses(p: &Publisher) -> impl Iterator<Item = Pulse> {
    p.rows.rows[..3].iter().map(|row| row.pulse)
}

use Pulse::{Live, Resting, Silent};

#[test]
fn a_row_that_stops_alone_is_silent_within_half_a_second() {
    let mut p = Publisher::new();
    p.watch(2).run(2_000, [40, 40, 40], true).run(1_000, [40, 40, 0], true);
    assert_eq!(p.fallen, [(12_310, vec![Live, Live, Silent])]);
    p.run(500, [40, 40, 40], true);
    assert_eq!(p.rows.get(2).pulse, Live);
}

#[test]
fn a_row_that_nobody_wants_rests_and_is_given_time_to_wake() {
    let mut p = Publisher::new();
    p.watch(0).run(2_000, [40, 40, 40], true).run(1_000, [40, 40, 0], true);
    assert_eq!(p.rows.get(2).pulse, Resting);
    assert_eq!(p.rows.available(), 0b111);
    p.watch(2).run(2_900, [40, 40, 0], true);
    assert_eq!(p.rows.get(2).pulse, Resting);
    p.run(500, [40, 40, 0], true);
    assert_eq!(p.rows.get(2).pulse, Silent, "it was asked for, and did not come");
}

#[test]
fn rows_that_stop_together_are_silent_whoever_watches_them() {
    let mut p = Publisher::new();
    p.asked = 0b111;
    p.watch(2).run(2_000, [40, 40, 40], true).run(1_000, [40, 0, 0], true);
    assert_eq!(pulses(&p).collect::<Vec<_>>(), [Live, Silent, Silent]);
    assert!(p.fallen.iter().all(|(ms, _)| *ms < 12_500), "{:?}", p.fallen);
}

#[test]
fn a_publisher_that_is_muted_is_left_alone() {
    let mut p = Publisher::new();
    p.watch(2).run(2_000, [40, 40, 40], true).run(60_000, [0, 0, 0], true).run(2_000, [40, 40, 40], true);
    assert_eq!(p.fallen, []);
    assert!(pulses(&p).all(|pulse| pulse == Live));
}

#[test]
fn the_only_row_is_silent_when_audio_goes_on_without_it() {
    let mut p = Publisher::new();
    p.watch(2).run(2_000, [40, 40, 40], true).run(1_000, [0, 0, 40], true);
    assert_eq!(pulses(&p).collect::<Vec<_>>(), [Resting, Resting, Live]);
    p.run(1_000, [0, 0, 0], false);
    assert_eq!(p.rows.get(2).pulse, Live, "the network is gone");
    p.run(200, [0, 0, 40], true).run(1_000, [0, 0, 0], true);
    assert_eq!(p.rows.get(2).pulse, Silent);
}

#[test]
fn a_still_screen_is_not_silent() {
    for period in [200, 500, 1_000] {
        let mut p = Publisher::new();
        p.watch(2).run(20_000, [period; 3], true);
        p.run(20_000, [40, period, period], true);
        assert_eq!(p.fallen, [], "{period} ms");
    }
}

#[test]
fn rows_of_a_stream_cost_what_they_build_on() {
    let mut rows = Rows::new(1);
    for ms in (0..2_000).step_by(10) {
        for spatial in 0..3 {
            let place = Place::new(Point::new(spatial, 0), Points::from(spatial, 0));
            rows.note(0, place, (125 << spatial) - 70, Instant::from_millis(ms));
        }
    }
    let rates = [0, 1, 2].map(|row| rows.rates(row)[0].0 / 1_000);
    assert!(rates[0].abs_diff(100) < 5 && rates[1].abs_diff(300) < 15 && rates[2].abs_diff(700) < 35, "{rates:?}");
}
