//! Who is heard: microphones that come and go, places that they get and give up, and what is told of it. See [`crate::speakers`].

use super::Core;
use crate::control::{Event, LOUDEST_MAX, Loudness, Refusal, SpeakerOptions};
use crate::room::{Rooms, Track};
use crate::speakers::{Gate, PAUSE, Stage, leaver, takes_over};
use crate::timer::{COMPANY, Timer, in_company};
use core::time::Duration;
use corelay_wire::ids::RoomId;
use corelay_wire::units::Instant;

/// Who spoke no longer ago keeps being forwarded when places get fewer than microphones.
const SPOKE_OF_LATE: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn set_speakers(&mut self, now: Instant, id: RoomId, options: SpeakerOptions) -> Result<(), Refusal> {
        let room = self.rooms.rooms.slot_of(id)?;
        let levels_every = options.levels_every.map(|every| every.max(SpeakerOptions::LEVELS_EVERY_MIN));
        let stage = &mut self.rooms.rooms[room].stage;
        stage.options = SpeakerOptions { levels_every, ..options };
        stage.options.videos = options.videos.min(SpeakerOptions::VIDEOS_MAX);
        stage.recent.truncate(stage.options.videos.into());
        self.limit(now, room);
        self.recast(now, room);
        if !self.rooms.rooms[room].stage.talkers.is_empty() {
            self.timers.schedule(Timer::Speakers(room), now);
        }
        Ok(())
    }

    /// A track began. Lists of those that speak grow on the packet path: not beyond what is reserved here.
    pub(super) fn welcome(&mut self, now: Instant, slot: u32) {
        let track = &self.rooms.tracks[slot];
        if track.hearing.speaks {
            let room = self.rooms.room_of(track);
            let stage = &mut self.rooms.rooms[room].stage;
            stage.voices += 1;
            stage.talkers.reserve(stage.voices - stage.talkers.len());
            stage.admitted.reserve(stage.voices - stage.admitted.len());
        }
        self.count_microphone(now, slot, true);
        self.recast_for(now, slot);
    }

    /// A track ends.
    pub(super) fn farewell(&mut self, now: Instant, slot: u32) {
        self.count_microphone(now, slot, false);
        if self.rooms.tracks[slot].hearing.speaks {
            self.silence(slot);
            let room = self.rooms.room_of(&self.rooms.tracks[slot]);
            self.rooms.rooms[room].stage.voices -= 1;
        }
        self.recast_for(now, slot);
    }

    /// A track began, ended, or was paused or resumed: it may be one microphone more or less.
    pub(super) fn count_microphone(&mut self, now: Instant, slot: u32, is_there: bool) {
        let room = self.rooms.room_of(&self.rooms.tracks[slot]);
        let track = &mut self.rooms.tracks[slot];
        let counted = is_there && track.hearing.competes && !track.paused;
        if core::mem::replace(&mut track.hearing.counted, counted) == counted {
            return;
        }
        let stage = &mut self.rooms.rooms[room].stage;
        match counted {
            true => stage.microphones += 1,
            false => stage.microphones -= 1,
        }
        stage.admitted.retain(|admitted| *admitted != slot);
        let was_limited = stage.limited;
        self.limit(now, room);
        if was_limited && self.rooms.rooms[room].stage.limited {
            self.hold(slot);
        }
    }

    /// A track that may speak ends or is muted: it is active no more.
    pub(super) fn silence(&mut self, slot: u32) {
        let room = self.rooms.room_of(&self.rooms.tracks[slot]);
        let Rooms { rooms, tracks, .. } = &mut self.rooms;
        let stage = &mut rooms[room].stage;
        if core::mem::take(&mut tracks[slot].hearing.listed) {
            stage.talkers.retain(|talker| *talker != slot);
        }
        if stage.active == Some(slot) {
            stage.active = None;
            self.tell_speakers(room, Box::default());
        }
    }

    /// Whether there are fewer places than microphones may have changed.
    fn limit(&mut self, now: Instant, room: u32) {
        let stage = &mut self.rooms.rooms[room].stage;
        let places = stage.places(self.limits.microphones_forwarded);
        let limited = places > 0 && stage.microphones as usize > places;
        if core::mem::replace(&mut stage.limited, limited) == limited {
            return;
        }
        stage.admitted.clear();
        for slot in self.rooms.tracks_of(room) {
            let hearing = &self.rooms.tracks[slot].hearing;
            if !hearing.competes {
                continue;
            }
            match limited {
                true if hearing.counted && hearing.voice.pause(now) < SPOKE_OF_LATE => {
                    self.rooms.tracks[slot].hearing.gate = Gate::Admitted(now);
                    self.rooms.rooms[room].stage.admitted.push(slot);
                }
                true => self.hold(slot),
                false => self.let_through(slot, Gate::Open, 0),
            }
        }
    }

    /// The track in `slot` brought a packet.
    pub(super) fn notice_voice(&mut self, now: Instant, slot: u32) {
        if self.rooms.tracks[slot].hearing.stirs() {
            self.stir(now, slot);
        }
    }

    /// Somebody speaks who is not known to, or who has no place.
    fn stir(&mut self, now: Instant, slot: u32) {
        let room = self.rooms.room_of(&self.rooms.tracks[slot]);
        let stage = &mut self.rooms.rooms[room].stage;
        if !core::mem::replace(&mut self.rooms.tracks[slot].hearing.listed, true) {
            if stage.talkers.is_empty() {
                self.timers.schedule(Timer::Speakers(room), in_company(now + stage.period(), COMPANY));
            }
            stage.talkers.push(slot);
        }
        if self.rooms.tracks[slot].hearing.is_held() {
            self.contend(now, room, slot);
        }
    }

    /// A microphone without a place wants one.
    fn contend(&mut self, now: Instant, room: u32, slot: u32) {
        let Rooms { rooms, tracks, .. } = &self.rooms;
        let stage = &rooms[room].stage;
        if stage.admitted.len() >= stage.places(self.limits.microphones_forwarded) {
            let admitted = stage.admitted.iter().map(|slot| &tracks[*slot].hearing);
            let Some(at) = leaver(admitted, &tracks[slot].hearing.voice, now) else { return };
            let leaves = self.rooms.rooms[room].stage.admitted.swap_remove(at);
            self.hold(leaves);
            if self.rooms.rooms[room].stage.admitted.len() >= self.places(room) {
                return;
            }
        }
        self.rooms.rooms[room].stage.admitted.push(slot);
        self.counters.microphones_admitted += 1;
        let onset = self.rooms.tracks[slot].hearing.voice.onset();
        self.let_through(slot, Gate::Admitted(now), onset.into());
    }

    fn places(&self, room: u32) -> usize {
        self.rooms.rooms[room].stage.places(self.limits.microphones_forwarded)
    }

    /// Takes a track's place away. What it brought before still goes out.
    fn hold(&mut self, slot: u32) {
        self.rooms.tracks[slot].hearing.gate = Gate::Held;
    }

    /// Forwards a track from here on. If it was held, from the last `onset` packets on, and without a gap for those who get it: here,
    /// and on other shards.
    fn let_through(&mut self, slot: u32, gate: Gate, onset: u64) {
        let track = &mut self.rooms.tracks[slot];
        if core::mem::replace(&mut track.hearing.gate, gate) != Gate::Held {
            return;
        }
        for subscription in &track.subscriptions {
            self.rooms.subscriptions[*subscription].subscriber.mapping.suspend();
        }
        track.relays.iter_mut().for_each(|relay| relay.suspend = true);
        let mut due = false;
        for (n, layer) in track.layers.iter_mut().enumerate() {
            let fresh = layer.history.fresh();
            let from = fresh.end.saturating_sub(onset).max(fresh.start);
            layer.history.settle(from);
            track.relays.iter_mut().for_each(|relay| relay.next[n] = relay.next[n].max(from));
            due |= from < fresh.end;
        }
        if due && !core::mem::replace(&mut track.dirty, true) {
            self.forwarder.add(slot);
            self.pass_on(slot);
        }
    }

    /// The shard of a mirror held its track: what comes next goes on without a gap.
    pub(super) fn suspend_mirror(&mut self, slot: u32) {
        let track = &mut self.rooms.tracks[slot];
        track.hearing.voice.vouch();
        for subscription in &track.subscriptions {
            self.rooms.subscriptions[*subscription].subscriber.mapping.suspend();
        }
    }

    /// Looks at a room in which somebody speaks.
    pub(super) fn look_at_speakers(&mut self, now: Instant, room: u32) {
        if core::mem::take(&mut self.rooms.rooms[room].stage.recast) {
            self.cast_videos(now, room);
        }
        self.thin_out(now, room);
        let Rooms { rooms, tracks, .. } = &mut self.rooms;
        let stage = &mut rooms[room].stage;
        let gone_after = stage.gone_after();
        stage.talkers.retain(|slot| {
            let hearing = &mut tracks[*slot].hearing;
            hearing.listed = hearing.voice.pause(now) < gone_after;
            hearing.listed
        });
        let voices = stage.talkers.iter().map(|slot| (*slot, &tracks[*slot].hearing.voice));
        let next = takes_over(voices, stage.active.map(|slot| &tracks[slot].hearing.voice), now);
        let changed = next.is_some_and(|next| stage.active != Some(next));
        if changed {
            stage.active = next;
            self.counters.speakers += 1;
            self.note_speaker(now, room);
        }
        self.tell_levels(now, room, changed);
        let stage = &self.rooms.rooms[room].stage;
        if !stage.talkers.is_empty() {
            self.timers.schedule(Timer::Speakers(room), in_company(now + stage.period(), COMPANY));
        }
    }

    /// More have a place than there are, since places got fewer: who pauses gives it up.
    fn thin_out(&mut self, now: Instant, room: u32) {
        let places = self.places(room);
        while self.rooms.rooms[room].stage.limited && self.rooms.rooms[room].stage.admitted.len() > places {
            let Rooms { rooms, tracks, .. } = &mut self.rooms;
            let stage = &mut rooms[room].stage;
            let Some(at) = stage.admitted.iter().position(|slot| tracks[*slot].hearing.voice.pause(now) >= PAUSE) else { return };
            let leaves = stage.admitted.swap_remove(at);
            self.hold(leaves);
        }
    }

    /// Tells levels where they are due, or the active speaker where it changed.
    fn tell_levels(&mut self, now: Instant, room: u32, changed: bool) {
        let Rooms { rooms, tracks, .. } = &mut self.rooms;
        let stage = &mut rooms[room].stage;
        let every = stage.options.levels_every;
        // A timer may be a tick late, and is set anew from there.
        let due = every.is_some_and(|every| now.since(stage.told) + stage.period() / 2 > every);
        if !(due || changed) {
            // Whoever shows levels is told that all fell silent before the timer stops.
            if !(stage.loud && stage.talkers.is_empty() && every.is_some()) {
                return;
            }
        }
        let loudest = loudest(stage, |slot| &tracks[slot], now);
        if loudest.is_empty() && !core::mem::take(&mut stage.loud) && !changed {
            return;
        }
        (stage.told, stage.loud) = (now, !loudest.is_empty());
        self.tell_speakers(room, loudest);
    }

    fn tell_speakers(&mut self, room: u32, loudest: Box<[Loudness]>) {
        let Rooms { rooms, tracks, .. } = &self.rooms;
        let active = rooms[room].stage.active.map(|slot| tracks[slot].id);
        self.events.push_back(Event::Speakers { room: rooms[room].id, active, loudest });
    }
}

/// Who spoke of late, the loudest first.
fn loudest<'a>(stage: &Stage, track: impl Fn(u32) -> &'a Track, now: Instant) -> Box<[Loudness]> {
    let late = stage.options.levels_every.unwrap_or(PAUSE).max(PAUSE);
    let tracks = stage.talkers.iter().map(|slot| track(*slot)).filter(|track| track.hearing.voice.pause(now) < late);
    let mut all: Vec<_> = tracks.map(|track| Loudness { track: track.id, dbov: track.hearing.voice.dbov(now) }).collect();
    all.sort_unstable_by_key(|loudness| (core::cmp::Reverse(loudness.dbov), loudness.track));
    all.truncate(LOUDEST_MAX);
    all.into_boxed_slice()
}
