use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The numbers that are asked for at a look.
fn asked(m: &mut Missing, millis: u64, timing: &mut NackTiming) -> (Vec<u16>, Looked) {
    let looked = m.look(at(millis), timing, Some(Duration::from_millis(80)));
    let mut numbers = vec![];
    assert!(m.ask(|n| {
        numbers.push(n.0);
        true
    }));
    assert_eq!(looked.ask, !numbers.is_empty());
    (numbers, looked)
}

fn video() -> (Missing, NackTiming) {
    (Missing::new(Kind::Video, true), NackTiming::default())
}

#[test]
fn a_gap_is_asked_for_at_once_and_again_after_a_round_trip_until_it_is_filled() {
    let (mut m, mut t) = video();
    assert_eq!(m.arrived(65_534, at(0), &mut t), Arrival::Expected);
    assert_eq!(m.arrived(65_537, at(10), &mut t), Arrival::Gap(at(10)));
    assert_eq!(asked(&mut m, 10, &mut t).0, [65_535, 0]);
    assert!(m.answered(65_536, at(90), &mut t));
    assert!(!m.answered(65_536, at(91), &mut t), "it is there");
    assert_eq!(asked(&mut m, 99, &mut t), (vec![], Looked { next: Some(at(100)), ..Looked::default() }));
    assert_eq!(asked(&mut m, 100, &mut t).0, [65_535]);
    m.arrived(65_535, at(180), &mut t);
    assert_eq!(asked(&mut m, 1_000, &mut t), (vec![], Looked::default()));
}

#[test]
fn reordering_teaches_patience_and_asks_for_nothing() {
    let (mut m, mut t) = video();
    m.arrived(1, at(0), &mut t);
    m.arrived(3, at(0), &mut t);
    m.arrived(2, at(8), &mut t);
    assert_eq!(m.arrived(5, at(20), &mut t), Arrival::Gap(at(30)), "as long as the last time and a quarter");
    assert_eq!(asked(&mut m, 29, &mut t).0, []);
    m.arrived(4, at(29), &mut t);
    assert_eq!(asked(&mut m, 30, &mut t), (vec![], Looked::default()));
}

/// How often a hole is asked for, until when, and what the last look said.
fn asked_in_vain(timing: &mut NackTiming) -> (usize, u64, Looked) {
    let mut m = Missing::new(Kind::Video, true);
    m.arrived(1, at(0), timing);
    m.arrived(3, at(0), timing);
    let (mut now, mut requests) = (0, 0);
    loop {
        let (numbers, looked) = asked(&mut m, now, timing);
        requests += numbers.len();
        match looked.next {
            Some(next) => now = next.as_nanos() / 1_000_000,
            None => return (requests, now, looked),
        }
    }
}

#[test]
fn a_hole_is_given_up_by_age_and_by_count() {
    let (_, mut t) = video();
    let given_up = Looked { given_up: 1, damaged: true, ..Looked::default() };
    assert_eq!(asked_in_vain(&mut t), (22, 1_035, given_up), "after 90 ms, then each 45 ms");
    t.answered(Duration::from_millis(10), false);
    assert_eq!(asked_in_vain(&mut t), (REQUESTS_MAX.into(), 960, given_up), "each 20 ms");

    let mut audio = Missing::new(Kind::Audio, true);
    audio.arrived(1, at(0), &mut t);
    audio.arrived(3, at(0), &mut t);
    asked(&mut audio, 0, &mut t);
    assert_eq!(asked(&mut audio, 400, &mut t).1.given_up, 1);
}

#[test]
fn what_is_asked_for_while_each_request_is_made_twice_tells_the_round_trip_when_that_is_over() {
    let (mut m, mut t) = video();
    let trip = Duration::from_millis(80);
    (0..50).for_each(|_| t.answered(trip, false));
    (0..4).for_each(|_| t.answered(3 * trip, true));
    assert_eq!(t.requests_of_a_round(), 2);
    m.arrived(1, at(1_000), &mut t);
    m.arrived(3, at(1_000), &mut t);
    let first = asked(&mut m, 1_000, &mut t).1.next.expect("again");
    asked(&mut m, first.as_nanos() / 1_000_000 + 1, &mut t);
    while t.requests_of_a_round() == 2 {
        t.answered(trip, false);
    }
    let before = t.interval(None, false, 1, 1);
    assert!(m.answered(2, at(1_080), &mut t));
    assert!(t.interval(None, false, 1, 1) <= before, "80 ms after the first request, as all the others");
    // And one that was asked for once is not taken for one of a round of two.
    m.arrived(5, at(2_000), &mut t);
    asked(&mut m, 2_000, &mut t);
    (0..4).for_each(|_| t.answered(3 * trip, true));
    let before = t.interval(None, false, 1, 1);
    assert!(m.answered(4, at(2_080), &mut t));
    assert!(t.interval(None, false, 1, 1) <= before);
}

#[test]
fn what_is_before_a_keyframe_is_not_needed() {
    let (mut m, mut t) = video();
    m.arrived(1, at(0), &mut t);
    m.arrived(3, at(0), &mut t);
    m.keyframe(4);
    asked(&mut m, 0, &mut t);
    let (_, looked) = asked(&mut m, 2_000, &mut t);
    assert_eq!((looked.given_up, looked.damaged), (1, false));
}

#[test]
fn too_large_a_gap_is_not_asked_for() {
    let (mut m, mut t) = video();
    m.arrived(1, at(0), &mut t);
    m.arrived(3, at(0), &mut t);
    assert_eq!(m.arrived(4 + HOLES as u64, at(1), &mut t), Arrival::TooMuch);
    assert_eq!(asked(&mut m, 1, &mut t), (vec![], Looked::default()));
    assert_eq!(m.arrived(6 + HOLES as u64, at(2), &mut t), Arrival::Gap(at(2)), "and what comes next is");
}

#[test]
fn what_an_absence_took_is_not_asked_for() {
    let (mut m, mut t) = video();
    m.arrived(1, at(0), &mut t);
    m.arrived(3, at(0), &mut t);
    assert!(!m.ends_absence(3 + ABSENCE), "a picture now and then");
    assert!(m.ends_absence(4 + ABSENCE));
    assert_eq!(m.arrived(4 + ABSENCE, at(900), &mut t), Arrival::Expected);
    assert_eq!(asked(&mut m, 900, &mut t), (vec![], Looked::default()));
}

#[test]
fn who_does_not_answer_is_not_asked() {
    let (mut m, mut t) = (Missing::new(Kind::Video, false), NackTiming::default());
    m.arrived(1, at(0), &mut t);
    assert_eq!(m.arrived(5, at(1), &mut t), Arrival::Expected);
    assert_eq!(asked(&mut m, 1, &mut t), (vec![], Looked::default()));
}

#[test]
fn what_does_not_fit_one_message_is_asked_for_by_the_next() {
    let (mut m, mut t) = video();
    m.arrived(0, at(0), &mut t);
    m.arrived(10, at(0), &mut t);
    m.look(at(0), &mut t, None);
    let mut room = 4;
    let pack = |numbers: &mut Vec<u16>, n: SequenceNumber| {
        numbers.push(n.0);
        true
    };
    let mut first = vec![];
    assert!(!m.ask(|n| {
        room -= 1;
        room >= 0 && pack(&mut first, n)
    }));
    let mut rest = vec![];
    assert!(m.ask(|n| pack(&mut rest, n)));
    assert_eq!((first, rest), (vec![1, 2, 3, 4], vec![5, 6, 7, 8, 9]));
}
