use super::*;
use corelay_wire::rtp::AudioLevel;

/// Microphones that hear levels in dBov at once, 20 ms each.
struct Hall(Vec<Hearing>, u64);

impl Hall {
    fn new(microphones: usize) -> Self {
        let hearing = Hearing { gate: Gate::Admitted(Instant::ZERO), competes: true, speaks: true, ..Hearing::default() };
        Self(vec![hearing; microphones], 10_000)
    }

    fn hear(&mut self, packets: u32, levels: &[i8]) -> &mut Self {
        for _ in 0..packets {
            self.1 += 20;
            for (hearing, dbov) in self.0.iter_mut().zip(levels) {
                let level = AudioLevel { below_full_dbov: dbov.unsigned_abs(), voice: true };
                hearing.voice.hear(Some(level), 80, Instant::from_millis(self.1));
            }
        }
        self
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.1)
    }

    /// Who of the first gives up their place to the last.
    fn leaver(&self) -> Option<usize> {
        let (newcomer, admitted) = self.0.split_last().expect("there is one");
        leaver(admitted.iter(), &newcomer.voice, self.now())
    }

    fn takes_over(&self, active: Option<usize>) -> Option<u32> {
        let talkers = self.0.iter().enumerate().map(|(n, h)| (n as u32, &h.voice));
        takes_over(talkers, active.map(|n| &self.0[n].voice), self.now())
    }
}

#[test]
fn nobody_who_speaks_leaves_for_somebody_as_loud() {
    let mut hall = Hall::new(3);
    hall.hear(50, &[-80, -80, -80]).hear(100, &[-30, -35, -80]);
    for _ in 0..100 {
        assert_eq!(hall.hear(1, &[-30, -35, -28]).leaver(), None);
    }
}

#[test]
fn who_pauses_leaves_first_the_longest_pause_before_others() {
    let mut hall = Hall::new(3);
    hall.hear(50, &[-80, -80, -80]).hear(100, &[-30, -30, -80]);
    assert_eq!(hall.hear(10, &[-30, -80, -30]).leaver(), None, "200 ms are the gap between two words");
    assert_eq!(hall.hear(10, &[-30, -80, -30]).leaver(), Some(1));
    assert_eq!(hall.hear(20, &[-80, -80, -30]).leaver(), Some(1));
}

#[test]
fn who_came_just_before_keeps_the_place_for_a_while_but_not_for_a_cough() {
    let mut hall = Hall::new(2);
    hall.hear(50, &[-80, -80]);
    hall.0[0].gate = Gate::Admitted(hall.now());
    assert_eq!(hall.hear(10, &[-30, -80]).hear(20, &[-80, -30]).leaver(), None, "a pause in what it says");
    assert_eq!(hall.hear(20, &[-80, -30]).leaver(), Some(0), "it was a cough");
}

#[test]
fn somebody_much_louder_takes_the_place_of_the_softest() {
    let mut hall = Hall::new(3);
    hall.hear(50, &[-80, -80, -80]).hear(100, &[-45, -50, -80]);
    assert_eq!(hall.hear(50, &[-45, -50, -40]).leaver(), None, "louder, but not by much");
    assert_eq!(hall.hear(50, &[-45, -50, -25]).leaver(), Some(1));
}

#[test]
fn the_first_who_speaks_is_active_and_stays_so_in_silence() {
    let mut hall = Hall::new(3);
    assert_eq!(hall.hear(50, &[-80, -80, -80]).takes_over(None), None);
    assert_eq!(hall.hear(15, &[-80, -30, -80]).takes_over(None), Some(1));
    assert_eq!(hall.hear(500, &[-80, -80, -80]).takes_over(Some(1)), None);
}

#[test]
fn turns_change_within_two_seconds_and_interjections_change_nothing() {
    let mut hall = Hall::new(2);
    hall.hear(50, &[-80, -80]).hear(500, &[-30, -80]);
    for _ in 0..5 {
        for _ in 0..20 {
            assert_eq!(hall.hear(1, &[-30, -30]).takes_over(Some(0)), None, "a word in between");
        }
        for _ in 0..20 {
            assert_eq!(hall.hear(1, &[-80, -30]).takes_over(Some(0)), None, "a word into a breath");
        }
        hall.hear(150, &[-30, -80]);
    }
    let mut packets = 0;
    while hall.hear(1, &[-80, -30]).takes_over(Some(0)) != Some(1) {
        packets += 1;
        assert!(packets < 100, "two seconds");
    }
    assert!(packets > 25, "half a second is an interjection");
}

#[test]
fn of_two_who_talk_at_once_the_active_one_stays() {
    let mut hall = Hall::new(2);
    hall.hear(50, &[-80, -80]).hear(200, &[-35, -80]);
    for _ in 0..500 {
        assert_eq!(hall.hear(1, &[-35, -30]).takes_over(Some(0)), None);
    }
}
