//! One microphone: how loud it is, whether that is speech, and how active it was of late.
//!
//! ```text
//! level     ___.-'''-.__.-'''''-._________.-''-.___
//! floor     ....................................____     falls at once, rises slowly: a fan is a floor, a word is not
//! speech        ######   ########            ####        above the floor by a margin
//! utterance     ------------------           ----        words and the gaps between them; its end is a pause
//! ```
//!
//! Activity is how far speech is above the floor, in dB, averaged over three windows: a word, a sentence, a turn of talk. The idea of three
//! windows is that of Volfin and Cohen, "Dominant speaker identification for multipoint videoconferencing" (2012).

use core::time::Duration;
use corelay_wire::rtp::AudioLevel;
use corelay_wire::units::Instant;

/// Silence, in dB below full scale, and so the number of steps above it.
const SILENCE_DB: f32 = 127.0;
/// What is softer is not speech, however quiet the room: -68 dBov. Higher: somebody far from a bad microphone is not heard. Lower: so is
/// the hiss of a good one.
const SPEECH_MIN: f32 = SILENCE_DB - 68.0;
/// The floor of a microphone that was not heard yet: a quiet room.
const FLOOR_FIRST: f32 = SILENCE_DB - 75.0;
/// How far speech is above the floor, where the sender believes that it is speech, and where it does not or does not say. Higher: soft
/// voices in noise are not heard. Lower: noise that comes and goes is.
const MARGIN: [f32; 2] = [12.0, 7.0];
/// How fast the floor rises, in dB a second. Faster: the vowels of a singer become a floor. Slower: a fan that is turned on speaks for
/// longer (10 dB above the floor before: 3 s).
const FLOOR_RISE: f32 = 1.0;
/// The share of the way down that the floor takes with a packet. Less: it misses the gaps between words.
const FLOOR_FALL: f32 = 0.25;
/// Speech that makes a voice: 80 ms are four packets, so that it is let in within 100 ms. Longer: words lose their beginnings where it
/// is not in the history any more. Shorter: a click of the keyboard is a voice.
pub(crate) const VOICE_MIN: f32 = 80.0;
/// What a silent packet takes from that: a click needs several of its like before it counts.
const VOICE_DECAY: f32 = 2.0;
/// Silence that ends an utterance. Longer: the next one waits for longer. Shorter: it is cut between words; closures within words last up
/// to 120 ms, gaps between words seldom more than 200.
pub(crate) const PAUSE: Duration = Duration::from_millis(300);
/// No packets for this long are a pause as well. With discontinuous transmission an encoder sends one in 400 ms; without, this is an
/// outage, in which nobody else should lose their word.
const UNHEARD: Duration = Duration::from_millis(600);
/// The longest time that one packet stands for: after a gap it says nothing of what was before.
const PACKET_MS: (f32, f32) = (2.0, 60.0);
/// Windows in milliseconds: a word, a sentence, a turn of talk.
const WINDOWS_MS: [f32; 3] = [200.0, 1_200.0, 5_000.0];
/// What a packet counts as whose sender does not tell its level: speech of -55 dBov, so that anybody who is known to speak is louder.
const UNTOLD: f32 = SILENCE_DB - 55.0;
/// Payloads up to this are what an encoder makes of silence: Opus with discontinuous transmission says it in one or two bytes.
const SILENT_BYTES: usize = 10;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    /// Mean level of late, in dB above silence.
    level: f32,
    /// The same of speech alone, without the gaps.
    words: f32,
    floor: f32,
    /// Activity by window.
    activity: [f32; 3],
    /// Milliseconds of speech of late.
    voiced: f32,
    /// Packets since the speech of late began.
    onset: u8,
    /// The last packet, and the last that was speech.
    heard: Option<Instant>,
    spoke: Option<Instant>,
}

impl Default for Voice {
    fn default() -> Self {
        Self { level: 0.0, words: 0.0, floor: FLOOR_FIRST, activity: [0.0; 3], voiced: 0.0, onset: 0, heard: None, spoke: None }
    }
}

impl Voice {
    /// Takes in a packet. `level`: what its sender told of it.
    pub(crate) fn hear(&mut self, level: Option<AudioLevel>, payload_len: usize, now: Instant) {
        let passed = self.heard.map_or(20.0, |heard| now.since(heard).as_secs_f32() * 1e3).clamp(PACKET_MS.0, PACKET_MS.1);
        let (loudness, margin) = match level {
            Some(level) => (SILENCE_DB - f32::from(level.below_full_dbov), MARGIN[usize::from(level.voice)]),
            None if payload_len <= SILENT_BYTES => (0.0, MARGIN[0]),
            None => (UNTOLD, MARGIN[1]),
        };
        self.heard = Some(now);
        let is_speech = loudness >= (self.floor + margin).max(SPEECH_MIN);
        let excess = if is_speech { loudness - self.floor } else { 0.0 };
        for (activity, window) in self.activity.iter_mut().zip(WINDOWS_MS) {
            *activity += (excess - *activity) * (passed / window).min(1.0);
        }
        self.level += (loudness - self.level) * (passed / WINDOWS_MS[0]).min(1.0);
        // A level that is not told is no reason to take it for noise.
        match level {
            Some(_) if loudness < self.floor => self.floor += (loudness.max(0.0) - self.floor) * FLOOR_FALL,
            Some(_) => self.floor = loudness.min(self.floor + FLOOR_RISE * passed / 1e3),
            None => {}
        }
        if is_speech {
            let fresh = self.voiced <= 0.0;
            self.words = if fresh { loudness } else { self.words + (loudness - self.words) * (passed / WINDOWS_MS[0]).min(1.0) };
        }
        self.count(is_speech, passed, now);
    }

    fn count(&mut self, is_speech: bool, passed: f32, now: Instant) {
        self.onset = if self.voiced > 0.0 { self.onset.saturating_add(1) } else { 0 };
        if is_speech {
            self.onset = self.onset.max(1);
            self.voiced = (self.voiced + passed).min(2.0 * VOICE_MIN);
            self.spoke = Some(now);
        } else {
            self.voiced = (self.voiced - VOICE_DECAY * passed).max(0.0);
        }
    }

    /// Whether it speaks: for long enough to be no click.
    pub(crate) fn is_voiced(&self) -> bool {
        self.voiced >= VOICE_MIN
    }

    /// Another shard heard it speak, and lets it be heard: the next word counts at once.
    pub(crate) fn vouch(&mut self) {
        (self.voiced, self.onset) = (VOICE_MIN, 0);
    }

    /// Packets since the speech of late began: those that make its first word whole.
    pub(crate) fn onset(&self) -> u8 {
        self.onset
    }

    /// For how long it has been silent, if it is known to be: a packet that is lost is no pause.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        let (Some(heard), Some(spoke)) = (self.heard, self.spoke) else { return Duration::MAX };
        let unheard = now.since(heard);
        match spoke < heard || unheard >= UNHEARD {
            true => now.since(spoke),
            false => Duration::ZERO,
        }
    }

    /// How active it is over a word, a sentence and a turn of talk, in dB above the floor.
    pub(crate) fn activity(&self, now: Instant) -> [f32; 3] {
        let unheard = self.heard.map_or(f32::MAX, |heard| now.since(heard).as_secs_f32() * 1e3 - PACKET_MS.1).max(0.0);
        core::array::from_fn(|n| self.activity[n] * WINDOWS_MS[n] / (WINDOWS_MS[n] + unheard))
    }

    /// How loud its words are, in dB above silence.
    pub(crate) fn loudness(&self) -> f32 {
        self.words
    }

    /// Mean level of late in dBov; -127 when it has not been heard for a while.
    pub(crate) fn dbov(&self, now: Instant) -> i8 {
        let gone = self.heard.is_none_or(|heard| now.since(heard) >= UNHEARD);
        if gone { -127 } else { (self.level - SILENCE_DB).clamp(-127.0, 0.0) as i8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A voice that hears levels in dBov, 20 ms each.
    struct Ear(Voice, u64);

    impl Ear {
        fn new() -> Self {
            Self(Voice::default(), 1_000)
        }

        fn hear(&mut self, dbov: i8, packets: u32) -> &mut Self {
            for _ in 0..packets {
                self.1 += 20;
                let level = AudioLevel { below_full_dbov: dbov.unsigned_abs(), voice: false };
                self.0.hear(Some(level), 80, Instant::from_millis(self.1));
            }
            self
        }

        fn now(&self) -> Instant {
            Instant::from_millis(self.1)
        }
    }

    #[test]
    fn a_word_is_heard_within_a_tenth_of_a_second_and_a_click_is_not() {
        let mut ear = Ear::new();
        assert!(!ear.hear(-80, 100).0.is_voiced());
        assert!(!ear.hear(-30, 2).0.is_voiced() && !ear.hear(-80, 10).0.is_voiced());
        assert!(!ear.hear(-30, 3).0.is_voiced() && ear.hear(-30, 1).0.is_voiced());
        assert_eq!(ear.0.onset(), 4, "the word is whole with the packets since it began");
    }

    #[test]
    fn a_pause_is_longer_than_the_gap_between_words_and_no_loss_is_one() {
        let mut ear = Ear::new();
        ear.hear(-80, 50).hear(-30, 50);
        assert_eq!(ear.0.pause(ear.now()), Duration::ZERO);
        ear.hear(-80, 10);
        assert!(ear.0.pause(ear.now()) < PAUSE);
        ear.hear(-80, 6);
        assert!(ear.0.pause(ear.now()) >= PAUSE);
        ear.hear(-30, 5);
        ear.1 += 500;
        assert_eq!(ear.0.pause(ear.now()), Duration::ZERO, "half a second of loss");
        ear.1 += 100;
        assert!(ear.0.pause(ear.now()) >= PAUSE, "an outage");
    }

    #[test]
    fn noise_becomes_the_floor_and_speech_above_it_is_still_heard() {
        let mut ear = Ear::new();
        ear.hear(-55, 50 * 30);
        assert!(!ear.0.is_voiced() && ear.0.pause(ear.now()) > PAUSE, "a fan is a floor by then");
        assert!(ear.hear(-35, 5).0.is_voiced());
        // Words of 300 ms with gaps between them keep the floor where it is.
        for _ in 0..200 {
            ear.hear(-35, 15).hear(-55, 5);
        }
        assert!(ear.hear(-35, 5).0.is_voiced() && ear.0.activity(ear.now())[2] > 8.0);
    }

    #[test]
    fn activity_fades_when_nothing_comes() {
        let mut ear = Ear::new();
        ear.hear(-80, 50).hear(-30, 250);
        let [word, sentence, talk] = ear.0.activity(ear.now());
        assert!(word > 35.0 && sentence > 35.0 && talk > 20.0, "{word} {sentence} {talk}");
        ear.1 += 3_000;
        let [word, sentence, talk] = ear.0.activity(ear.now());
        assert!(word < 5.0 && sentence < 15.0 && talk > 12.0, "{word} {sentence} {talk}");
        assert_eq!(ear.0.dbov(ear.now()), -127);
    }

    #[test]
    fn who_does_not_tell_is_taken_by_size() {
        let (mut voice, mut now) = (Voice::default(), 0);
        let mut hear = |len, packets| {
            (0..packets).for_each(|_| {
                now += 20;
                voice.hear(None, len, Instant::from_millis(now));
            });
            voice.is_voiced()
        };
        assert!(!hear(3, 50) && hear(80, 5) && hear(80, 5_000), "it stays speech");
        assert!(!hear(3, 5));
    }

    proptest! {
        #[test]
        fn any_packets_leave_numbers(packets in prop::collection::vec((any::<Option<u8>>(), 0..1_500usize, 0..100_000u64), 1..200)) {
            let (mut voice, mut now) = (Voice::default(), 0);
            for (level, len, passed) in packets {
                now += passed;
                let level = level.and_then(|byte| AudioLevel::read(&[byte]));
                voice.hear(level, len, Instant::from_millis(now));
                prop_assert!(voice.activity(Instant::from_millis(now)).iter().all(|a| (0.0..=SILENCE_DB).contains(a)));
                prop_assert!((0.0..=SILENCE_DB).contains(&voice.floor) && voice.dbov(Instant::from_millis(now)) <= 0);
            }
        }
    }
}
