//! Rooms with more microphones than anybody could listen to: each listener gets the few that are spoken into, from their first word to
//! the end of it, and the others cost nothing.

use core::time::Duration;
use corelay_core::control::{Command, Event, Loudness, SpeakerOptions};
use corelay_core::limits::Limits;
use corelay_sim::microphone::MicrophoneSpec;
use corelay_sim::prearranged::aead_128;
use corelay_sim::world::Reception;
use corelay_sim::{Faults, PeerId, Source, World};
use corelay_wire::ids::TrackId;
use corelay_wire::media::Codec;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Microphones that are forwarded at a time, by default.
const PLACES: usize = 5;
/// Packets of a microphone in a second.
const RATE: u64 = 50;
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(20);

/// A room of people with microphones, and some who only listen, to all of them.
struct Hall {
    world: World,
    speakers: Vec<PeerId>,
    tracks: Vec<TrackId>,
    listeners: Vec<PeerId>,
}

impl Hall {
    /// Of `levels.len()` microphones, in turns on each of `shards`, as is each of `listeners`.
    fn new(seed: u64, shards: u16, levels: &[u8], listeners: usize) -> Self {
        let people = (levels.len() + listeners) as u32;
        let limits = Limits {
            participants_max: people,
            transports_max: people,
            tracks_max: 2 * people,
            subscriptions_max: people * listeners as u32,
            shards,
            ..Limits::default()
        };
        let mut world = World::with_dtls(seed, limits, aead_128);
        let shard = |n: usize| n % usize::from(shards);
        let speakers: Vec<_> = (0..levels.len()).map(|n| world.join_on(shard(n))).collect();
        let publish = |(n, peer): (usize, &PeerId)| {
            let spec = MicrophoneSpec { level: levels[n], ..MicrophoneSpec::default() };
            let track = world.publish_microphone(*peer, spec, n as u32);
            world.peer(*peer).media.microphones[0].speaking = false;
            track
        };
        let tracks: Vec<_> = speakers.iter().enumerate().map(publish).collect();
        let listeners: Vec<_> = (0..listeners).map(|n| world.join_on(shard(n))).collect();
        for listener in &listeners {
            for (n, track) in tracks.iter().enumerate() {
                world.listen(*listener, *track, n as u32, Reception::default());
            }
        }
        world.run_until_connected(Duration::from_secs(10));
        world.run(Duration::from_secs(1));
        Self { world, speakers, tracks, listeners }
    }

    fn speak(&mut self, microphone: usize, speaking: bool) {
        let peer = self.speakers[microphone];
        self.world.peer(peer).media.microphones[0].speaking = speaking;
    }

    /// Packets that a listener got of each microphone.
    fn packets(&self, listener: usize) -> Vec<u64> {
        let endpoint = &self.world.peers[self.listeners[listener].0].media;
        endpoint.listeners.iter().map(|l| l.statistics().packets).collect()
    }

    /// What a listener gets of each microphone in `time`.
    fn during(&mut self, listener: usize, time: Duration) -> Vec<u64> {
        let before = self.packets(listener);
        self.world.run(time);
        self.packets(listener).iter().zip(before).map(|(after, before)| after - before).collect()
    }

    /// No listener saw a hole in the numbers, nor anything else that it was not promised.
    fn assert_whole(&self) {
        for listener in &self.listeners {
            for l in &self.world.peers[listener.0].media.listeners {
                assert_eq!(l.statistics().nacks, 0, "a hole in track {}", l.tag);
                assert!(l.statistics().broken.is_empty(), "{:?}", l.statistics().broken);
            }
        }
    }

    /// The active speakers that the first shard told, in order.
    fn active(&self) -> Vec<Option<TrackId>> {
        let active = |(_, event): &(_, Event)| if let Event::Speakers { active, .. } = event { Some(*active) } else { None };
        self.world.events.iter().filter_map(active).collect()
    }
}

/// Seeded talk: everybody alternates between utterances and pauses, and each listener is watched for words that break off.
struct Talk {
    random: ChaCha12Rng,
    /// Until when each microphone does what it does.
    until: Vec<u64>,
    speaking: Vec<bool>,
    /// For each listener and microphone: looks in a row without a packet, while it speaks and packets had come.
    stalled: Vec<Vec<Option<u32>>>,
    cuts: usize,
    heard: usize,
    utterances: usize,
}

impl Talk {
    fn new(seed: u64, hall: &Hall) -> Self {
        let (microphones, listeners) = (hall.speakers.len(), hall.listeners.len());
        Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            until: vec![0; microphones],
            speaking: vec![false; microphones],
            stalled: vec![vec![None; microphones]; listeners],
            cuts: 0,
            heard: 0,
            utterances: 0,
        }
    }

    /// Goes on for `looks`; `pause` is the mean between two utterances. A stream may stall for `patience` looks.
    fn run(&mut self, hall: &mut Hall, looks: u32, pause: u64, patience: u32) {
        for _ in 0..looks {
            self.turn(hall, pause);
            let before: Vec<_> = (0..hall.listeners.len()).map(|listener| hall.packets(listener)).collect();
            hall.world.run(LOOK);
            for (listener, before) in before.iter().enumerate() {
                self.watch(listener, before, hall, patience);
            }
        }
    }

    fn turn(&mut self, hall: &mut Hall, pause: u64) {
        let now = hall.world.now().as_nanos() / 1_000_000;
        for microphone in 0..self.until.len() {
            if self.until[microphone] <= now {
                let speaks = !self.speaking[microphone] && self.until[microphone] > 0;
                let mean = if speaks { 1_500 } else { pause };
                self.until[microphone] = now + mean / 2 + self.random.next_u64() % mean;
                self.speaking[microphone] = speaks;
                self.utterances += usize::from(speaks);
                hall.speak(microphone, speaks);
                self.stalled.iter_mut().for_each(|listener| listener[microphone] = None);
            }
        }
    }

    fn watch(&mut self, listener: usize, before: &[u64], hall: &Hall, patience: u32) {
        for (microphone, after) in hall.packets(listener).into_iter().enumerate() {
            let stalled = &mut self.stalled[listener][microphone];
            let came = after > before[microphone];
            match stalled {
                _ if !self.speaking[microphone] => *stalled = None,
                None if came => {
                    self.heard += 1;
                    *stalled = Some(0);
                }
                Some(looks) if came => *looks = 0,
                Some(looks) => {
                    *looks += 1;
                    self.cuts += usize::from(*looks == patience);
                }
                None => {}
            }
        }
    }
}

#[test]
fn a_small_room_hears_everything() {
    let mut hall = Hall::new(1, 1, &[30; PLACES], 1);
    let got = hall.during(0, Duration::from_secs(2));
    assert!(got.iter().all(|packets| packets.abs_diff(2 * RATE) <= 2), "silence and all: {got:?}");
    hall.assert_whole();
    assert_eq!(hall.world.core.counters().microphones_admitted, 0);
}

#[test]
fn who_speaks_is_let_in_within_a_tenth_of_a_second_with_the_first_word() {
    let mut hall = Hall::new(2, 1, &[30; 20], 2);
    hall.world.run(Duration::from_secs(2));
    let silent = hall.during(0, Duration::from_secs(2));
    assert!(silent.iter().filter(|packets| **packets > 0).count() <= PLACES, "{silent:?}");
    for microphone in [7, 11, 19] {
        hall.speak(microphone, true);
        let got = hall.during(1, Duration::from_millis(140))[microphone];
        assert!(got >= 4, "100 ms, and 20 on each link: {got}");
        let rest = hall.during(1, Duration::from_millis(860))[microphone];
        assert!(got + rest >= 48, "from the first packet on: {got} and {rest}");
        hall.speak(microphone, false);
        hall.world.run(Duration::from_secs(1));
    }
    hall.assert_whole();
    assert!(hall.world.core.counters().microphones_admitted >= 3);
}

#[test]
fn words_are_whole_whoever_talks_over_whom() {
    let (mut heard, mut utterances) = (0, 0);
    for seed in 0..3 {
        // Two machines hum.
        let mut levels = [30; 12];
        (levels[10], levels[11]) = (55, 58);
        let mut hall = Hall::new(seed, 1, &levels, 1);
        [10, 11].into_iter().for_each(|hum| hall.speak(hum, true));
        hall.world.run(Duration::from_secs(20));
        let mut talk = Talk::new(seed, &hall);
        talk.until[10..].fill(u64::MAX);
        // On average four of ten speak, often more than there are places for.
        talk.run(&mut hall, 40 * 50, 2_250, 5);
        assert_eq!(talk.cuts, 0, "seed {seed}: a word broke off");
        hall.assert_whole();
        heard += talk.heard;
        utterances += talk.utterances;
    }
    assert!(
        heard * 100 >= utterances * 80,
        "{heard} of {utterances} were heard, though more speak at a time than there are places"
    );
}

#[test]
fn words_are_whole_with_loss_on_the_links() {
    for seed in 10..12 {
        let mut hall = Hall::new(seed, 1, &[30; 10], 1);
        hall.world.faults = Faults { loss: 50, jitter: Duration::from_millis(30), reorder: true, ..Faults::default() };
        let mut talk = Talk::new(seed, &hall);
        // Three speak on average. Losses in a row look like a stall: more than 200 ms of them are as good as impossible.
        talk.run(&mut hall, 30 * 50, 4_500, 10);
        assert_eq!(talk.cuts, 0, "seed {seed}: a word broke off");
        assert!(talk.heard * 100 >= talk.utterances * 95, "{} of {} were heard", talk.heard, talk.utterances);
    }
}

#[test]
fn five_hundred_microphones_cost_each_listener_five() {
    const MICROPHONES: u32 = 500;
    let limits = Limits { transports_max: 512, tracks_max: 512, subscriptions_max: 2_048, ..Limits::default() };
    let mut world = World::with_dtls(3, limits, aead_128);
    let speakers: Vec<_> = (0..MICROPHONES).map(|_| world.join()).collect();
    let listeners: Vec<_> = (0..2).map(|_| world.join()).collect();
    for (tag, peer) in (0..).zip(&speakers) {
        let mut source = Source::new(Codec::Opus, tag);
        source.hushed = true;
        let track = world.publish(*peer, source);
        listeners.iter().for_each(|listener| _ = world.subscribe(*listener, track, tag));
    }
    world.run_until_connected(Duration::from_secs(10));
    world.run(Duration::from_secs(1));
    let second = |world: &mut World| {
        let before = world.core.counters().clone();
        world.run(Duration::from_secs(1));
        let after = world.core.counters();
        (after.packets_in - before.packets_in, after.packets_out - before.packets_out)
    };
    let (incoming, outgoing) = second(&mut world);
    let most = 2 * PLACES as u64 * (RATE + 1);
    assert!(incoming > 490 * RATE && outgoing <= most, "silence: {incoming} in, {outgoing} out");
    for speaking in [[1, 100, 300], [7, 200, 400]] {
        speaking.iter().for_each(|tag| world.peer(speakers[*tag as usize]).source(*tag).hushed = false);
        world.run(Duration::from_secs(1));
        let (_, outgoing) = second(&mut world);
        assert!((3 * 2 * 45..=most).contains(&outgoing), "{outgoing} out");
        for (listener, tag) in listeners.iter().flat_map(|listener| speaking.map(|tag| (*listener, tag))) {
            let stream = world.received(listener, tag);
            assert!(stream.arrivals.len() >= 95 && stream.gaps() == 0, "{tag}: {}", stream.arrivals.len());
        }
        speaking.iter().for_each(|tag| world.peer(speakers[*tag as usize]).source(*tag).hushed = true);
    }
}

#[test]
fn muting_and_leaving_make_room_for_all_again() {
    let mut hall = Hall::new(4, 1, &[30; 6], 1);
    hall.world.run(Duration::from_secs(2));
    assert!(hall.during(0, Duration::from_secs(1)).contains(&0), "six for five places");
    let track = hall.tracks[0];
    hall.world.pause_track(track, true);
    let got = hall.during(0, Duration::from_secs(1));
    assert!(got[1..].iter().all(|packets| packets.abs_diff(RATE) <= 3), "five for five: {got:?}");
    hall.world.pause_track(track, false);
    hall.world.run(Duration::from_secs(3));
    hall.speak(0, true);
    assert!(hall.during(0, Duration::from_secs(1))[0] >= 45);
    hall.speak(0, false);
    hall.world.leave(hall.speakers[5]);
    let got = hall.during(0, Duration::from_secs(1));
    assert!(got[..5].iter().all(|packets| packets.abs_diff(RATE) <= 3), "{got:?}");
    hall.assert_whole();
    let room = hall.world.room();
    let options = SpeakerOptions { streams: Some(1), ..SpeakerOptions::default() };
    hall.world.command(Command::SetSpeakers { room, options });
    hall.world.run(Duration::from_secs(2));
    let got = hall.during(0, Duration::from_secs(1));
    assert_eq!(got.iter().filter(|packets| **packets > 0).count(), 1, "one place: {got:?}");
    hall.world.command(Command::SetSpeakers { room, options: SpeakerOptions { streams: Some(0), ..options } });
    let got = hall.during(0, Duration::from_secs(1));
    assert!(got[..5].iter().all(|packets| packets.abs_diff(RATE) <= 3), "all: {got:?}");
    hall.assert_whole();
}

#[test]
fn the_active_speaker_is_told_when_it_changes_and_levels_when_asked_for() {
    let mut hall = Hall::new(5, 1, &[30; 3], 1);
    hall.world.run(Duration::from_secs(2));
    assert!(hall.active().is_empty(), "nobody spoke");
    let track = hall.tracks.clone();
    for (microphone, seconds) in [(0, 5), (2, 5)] {
        hall.speak(microphone, true);
        hall.world.run(Duration::from_secs(seconds));
        hall.speak(microphone, false);
    }
    hall.world.run(Duration::from_secs(2));
    assert_eq!(hall.active(), [Some(track[0]), Some(track[2])]);
    let (room, levels_every) = (hall.world.room(), Some(Duration::from_millis(500)));
    hall.world.command(Command::SetSpeakers { room, options: SpeakerOptions { levels_every, ..SpeakerOptions::default() } });
    let from = hall.world.events.len();
    hall.speak(1, true);
    hall.world.run(Duration::from_secs(5));
    hall.speak(1, false);
    hall.world.run(Duration::from_secs(10));
    let told: Vec<Vec<Loudness>> = hall.world.events[from..]
        .iter()
        .filter_map(|(_, event)| if let Event::Speakers { loudest, .. } = event { Some(loudest.to_vec()) } else { None })
        .collect();
    assert!((9..=18).contains(&told.len()), "every half second, and once for the change: {}", told.len());
    assert!(told[3].len() == 1 && told[3][0].track == track[1] && (-40..=-28).contains(&told[3][0].dbov), "{:?}", told[3]);
    assert!(told.last().is_some_and(Vec::is_empty), "silence is told once: {told:?}");
    hall.world.close_track(track[1]);
    assert_eq!(hall.active().last(), Some(&None), "the active speaker is gone");
}

#[test]
fn places_are_for_the_room_whatever_shards_it_is_on() {
    let mut hall = Hall::new(6, 2, &[30; 14], 2);
    hall.world.run(Duration::from_secs(2));
    let before = hall.world.counters(0).relayed_out + hall.world.counters(1).relayed_out;
    hall.world.run(Duration::from_secs(1));
    let relayed = hall.world.counters(0).relayed_out + hall.world.counters(1).relayed_out - before;
    assert!(relayed <= 2 * PLACES as u64 * (RATE + 1), "only what was admitted crosses: {relayed}");
    let mut talk = Talk::new(6, &hall);
    // Three speak on average.
    for second in 0..20 {
        let before: Vec<_> = (0..2).map(|listener| hall.packets(listener)).collect();
        talk.run(&mut hall, 50, 6_000, 6);
        for (listener, before) in before.into_iter().enumerate() {
            let got: u64 = hall.packets(listener).iter().zip(before).map(|(after, before)| after - before).sum();
            assert!(got <= PLACES as u64 * (RATE + 15), "listener {listener}, second {second}: {got}");
        }
    }
    assert_eq!(talk.cuts, 0);
    assert!(talk.heard * 100 >= 2 * talk.utterances * 95, "{} of 2 times {} were heard", talk.heard, talk.utterances);
    hall.assert_whole();
}
