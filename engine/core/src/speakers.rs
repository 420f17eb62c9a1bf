//! Who is heard in a room: which microphones are forwarded, and who the active speaker is.
//!
//! ```text
//! microphones <= N   all Open                                          nothing changes in small rooms
//! microphones >  N   Held --speaks, and there is a place--> Admitted   the packets since its first word began go with it
//!                    Admitted --pauses, and somebody speaks--> Held    or for somebody who is much louder; never in mid-word else
//! ```
//!
//! A microphone that is held costs its packets' decryption and their place in the history: its track is not walked, its subscriptions are
//! not looked at. When it is let in again, each of them goes on without a gap in its numbers, because what was not sent was not lost.
//!
//! **Over shards** each shard decides for its own tracks and for what reaches it. It passes on what it admitted itself: of N places, all that
//! could be filled from elsewhere come that way. What comes from another shard was heard there for long enough, so that its first
//! word counts here at once.

mod voice;

use crate::control::{Cname, SpeakerOptions};
use core::time::Duration;
use corelay_wire::units::Instant;
pub(crate) use voice::{PAUSE, Voice};

/// How long a microphone that was admitted has its place, if it does not stop for [`SILENT`]. Longer: who wants to answer waits for
/// longer. Shorter: places change hands between the words of everybody who speaks at a time.
const HOLD: Duration = Duration::from_millis(1_500);
/// A pause in which a place is free whoever has it, so that a cough does not hold one for [`HOLD`].
const SILENT: Duration = Duration::from_millis(700);
/// How much louder, in dB, somebody must be to take the place of one who speaks. Less: voices cut each other off. More: a murmur
/// keeps a place from a voice until it pauses.
const MUCH_LOUDER: f32 = 15.0;
/// Who was silent for longer is not looked at any more until it speaks again; in a room that is told levels less often, for longer than
/// that. Longer: rooms in which nobody speaks are looked at in vain, three times a second each. Shorter: the room is told of a talker anew
/// after each breath.
const TALKER_GONE: Duration = Duration::from_secs(1);
/// How often the active speaker may change. Longer: it is told later. Shorter: it changes with each interjection.
pub(crate) const DECIDE_EVERY: Duration = Duration::from_millis(300);
/// Activity over a sentence, in dB, that makes a speaker: a few words.
const ACTIVE_MIN: f32 = 3.0;

/// Whether a track of audio is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Gate {
    /// Always: the room has places for all, or the track does not need one.
    #[default]
    Open,
    /// It has a place, since then.
    Admitted(Instant),
    /// Not at present.
    Held,
}

/// What a track of audio has to do with speaking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearing {
    pub(crate) voice: Voice,
    pub(crate) gate: Gate,
    /// It needs a place where those are fewer than microphones: its publisher tells levels, and it is no screen's sound.
    pub(crate) competes: bool,
    /// It may become the active speaker.
    pub(crate) speaks: bool,
    /// It competes and is not muted.
    pub(crate) counted: bool,
    /// It is among the talkers of its room.
    pub(crate) listed: bool,
}

impl Hearing {
    pub(crate) fn is_held(&self) -> bool {
        self.gate == Gate::Held
    }

    /// Whether the room is to be told that it speaks.
    pub(crate) fn stirs(&self) -> bool {
        self.speaks && self.voice.is_voiced() && (!self.listed || self.is_held())
    }
}

/// The speakers of a room, on one shard. Tracks are slots.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) options: SpeakerOptions,
    /// Tracks of audio that may speak.
    pub(crate) voices: usize,
    /// Tracks that need a place and are not muted.
    pub(crate) microphones: u32,
    /// There are fewer places than microphones.
    pub(crate) limited: bool,
    /// Those that have one. More than there are places only until enough of them pause.
    pub(crate) admitted: Vec<u32>,
    /// Those that spoke of late.
    pub(crate) talkers: Vec<u32>,
    pub(crate) active: Option<u32>,
    /// When levels were told last.
    pub(crate) told: Instant,
    /// Whether those who were loudest then are still to be told to be silent.
    pub(crate) loud: bool,
    /// The names of those who were active, the last one first; as many as `options.videos`.
    pub(crate) recent: Vec<Cname>,
    /// Which cameras are forwarded is to be decided anew.
    pub(crate) recast: bool,
}

impl Stage {
    /// Microphones that are forwarded at a time; zero: all.
    pub(crate) fn places(&self, default: u8) -> usize {
        self.options.streams.unwrap_or(default).into()
    }

    /// How long a talker is one that says nothing.
    pub(crate) fn gone_after(&self) -> Duration {
        self.options.levels_every.map_or(TALKER_GONE, |every| every.max(TALKER_GONE))
    }

    /// How often it is looked at while somebody speaks.
    pub(crate) fn period(&self) -> Duration {
        self.options.levels_every.map_or(DECIDE_EVERY, |every| every.min(DECIDE_EVERY))
    }
}

/// Who gives up their place to a newcomer, as the place in `admitted`: who has paused for the longest; or the softest, for somebody who is
/// much louder.
pub(crate) fn leaver<'a>(admitted: impl Iterator<Item = &'a Hearing>, newcomer: &Voice, now: Instant) -> Option<usize> {
    let mut paused: Option<(Duration, usize)> = None;
    let mut softest: Option<(f32, usize)> = None;
    for (at, hearing) in admitted.enumerate() {
        let Gate::Admitted(since) = hearing.gate else { continue };
        let (pause, held) = (hearing.voice.pause(now), now.since(since) >= HOLD);
        if pause >= SILENT || (pause >= PAUSE && held) {
            paused = paused.max(Some((pause, at)));
        } else if held {
            let loudness = hearing.voice.loudness();
            softest = softest.filter(|(other, _)| *other <= loudness).or(Some((loudness, at)));
        }
    }
    let louder = |(loudness, _): &(f32, usize)| newcomer.loudness() >= loudness + MUCH_LOUDER;
    paused.map(|(_, at)| at).or_else(|| softest.filter(louder).map(|(_, at)| at))
}

/// Whether `new` takes over from `old` as the active speaker: by the word, so that a change of turns is seen at once; by the sentence, so
/// that an interjection is none; and by the turn of talk, which gives who has talked for long a little more patience.
fn outdoes(new: [f32; 3], old: [f32; 3]) -> bool {
    let patience = 1.0 + 0.1 * (old[2] - new[2]).max(0.0);
    new[0] > 1.5 * old[0] + 3.0 && new[1] > 1.2 * old[1] + patience
}

/// The next active speaker, if it is another: `talkers` are slots with their voices, `active` the voice of the present one.
pub(crate) fn takes_over<'a>(talkers: impl Iterator<Item = (u32, &'a Voice)>, active: Option<&Voice>, now: Instant) -> Option<u32> {
    let old = active.map_or([0.0; 3], |voice| voice.activity(now));
    let speaking = talkers.filter(|(_, voice)| voice.pause(now) < PAUSE).map(|(slot, voice)| (slot, voice.activity(now)));
    let best = speaking.max_by(|(_, a), (_, b)| a[1].total_cmp(&b[1]));
    let (slot, new) = best.filter(|(_, new)| new[1] >= ACTIVE_MIN)?;
    (active.is_none() || outdoes(new, old)).then_some(slot)
}

#[cfg(test)]
mod tests;
