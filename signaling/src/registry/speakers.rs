//! Who is heard in a room: what the shards tell of it, and who is told.
//!
//! Each shard of a room tells what it hears. The room's active speaker and its levels are what its home says.

use super::Registry;
use super::refusal::gone;
use crate::protocol::{ActiveSpeaker, AudioLevel, Notification, ProtocolError, SetAudioLevels};
use corelay_engine::control::{Command, Loudness, SpeakerOptions};
use corelay_wire::ids::{ParticipantId, RoomId, ShardId, TrackId};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest interval of levels that is kept apart from "never".
const LEVELS_EVERY_MAX: Duration = Duration::from_secs(10);

/// What a room has of speakers.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    /// What was asked for the room; the interval of levels is the shortest of `listeners`.
    options: SpeakerOptions,
    /// Who wants levels, and how often.
    listeners: BTreeMap<ParticipantId, Duration>,
    active: Option<TrackId>,
}

impl Speakers {
    /// What each shard of the room is to do about its speakers.
    pub(super) fn options(&self) -> SpeakerOptions {
        SpeakerOptions { levels_every: self.listeners.values().min().copied(), ..self.options }
    }
}

impl Registry {
    /// Opens a room on a shard.
    pub(super) fn open_on(&self, shard: ShardId, room: RoomId, options: SpeakerOptions) {
        self.shards.post(shard, Command::OpenRoom { room });
        if options != SpeakerOptions::default() {
            self.shards.post(shard, Command::SetSpeakers { room, options });
        }
    }

    /// How many microphones and cameras of a room are forwarded.
    pub(crate) fn limit_speakers(&mut self, name: &str, streams: Option<u8>, videos: u8) {
        self.change_speakers(name, |speakers| speakers.options = SpeakerOptions { streams, videos, levels_every: None });
    }

    /// A participant wants to be told levels, or no more.
    pub(crate) fn set_audio_levels(&mut self, owner: ParticipantId, wish: &SetAudioLevels) -> Result<(), ProtocolError> {
        let room = self.participants.get(&owner).ok_or_else(gone)?.room.clone();
        let every =
            wish.interval_ms.map(|ms| Duration::from_millis(ms.into()).clamp(SpeakerOptions::LEVELS_EVERY_MIN, LEVELS_EVERY_MAX));
        self.change_speakers(&room, |speakers| match every {
            Some(every) => drop(speakers.listeners.insert(owner, every)),
            None => drop(speakers.listeners.remove(&owner)),
        });
        Ok(())
    }

    /// A participant that left listens to nothing.
    pub(super) fn forget_listener(&mut self, owner: ParticipantId, room: &str) {
        if self.rooms.get(room).is_some_and(|room| room.speakers.listeners.contains_key(&owner)) {
            self.change_speakers(room, |speakers| {
                speakers.listeners.remove(&owner);
            });
        }
    }

    fn change_speakers(&mut self, name: &str, change: impl FnOnce(&mut Speakers)) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        let before = room.speakers.options();
        change(&mut room.speakers);
        let options = room.speakers.options();
        if options != before {
            for share in &room.places.shares {
                self.shards.post(share.shard, Command::SetSpeakers { room: room.id, options });
            }
        }
    }

    /// A shard tells who is heard in a room.
    pub(crate) fn speakers_heard(&mut self, shard: ShardId, id: RoomId, active: Option<TrackId>, loudest: &[Loudness]) {
        let Some(name) = self.room_names.get(&id).cloned() else { return };
        let Some(room) = self.rooms.get_mut(&name).filter(|room| room.places.home == shard) else { return };
        let is_new = std::mem::replace(&mut room.speakers.active, active) != active;
        let listeners: Vec<ParticipantId> = room.speakers.listeners.keys().copied().collect();
        if is_new {
            let told = Notification::ActiveSpeaker(self.active_speaker(&name));
            self.tell_everyone(&name, &told);
        }
        if !listeners.is_empty() {
            let levels = loudest.iter().filter_map(|one| self.audio_level(*one)).collect::<Vec<_>>();
            for listener in listeners {
                self.tell(listener, || Notification::AudioLevels { levels: levels.clone() });
            }
        }
    }

    /// Who speaks in a room, or spoke last.
    pub(super) fn active_speaker(&self, room: &str) -> ActiveSpeaker {
        let active = self.rooms.get(room).and_then(|room| room.speakers.active);
        let named = active.and_then(|track| self.publisher_of(track));
        ActiveSpeaker {
            participant_id: named.map(|(participant, _)| participant.to_owned()),
            producer_id: named.map(|(_, producer)| producer.to_owned()),
        }
    }

    fn audio_level(&self, Loudness { track, dbov }: Loudness) -> Option<AudioLevel> {
        let (participant_id, producer_id) = self.publisher_of(track)?;
        Some(AudioLevel { participant_id: participant_id.to_owned(), producer_id: producer_id.to_owned(), dbov })
    }

    /// The public ids of a track's publisher and of its producer. Nothing for one that is not announced.
    fn publisher_of(&self, track: TrackId) -> Option<(&str, &str)> {
        let named = &self.names.tracks.get(&track)?.named;
        let public_id = self.producers.get_key_value(&named.public_id)?.0;
        Some((&self.participants.get(&named.owner)?.public_id, public_id))
    }
}
