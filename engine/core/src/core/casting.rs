//! Whose camera is forwarded to those who follow the speakers: that of who spoke last. Screens always are.

use super::Core;
use crate::control::Cname;
use crate::room::Rooms;
use crate::timer::Timer;
use corelay_wire::media::Kind;
use corelay_wire::units::Instant;

impl Core {
    /// Which cameras are forwarded is decided anew within this turn: once, whatever number of things changed.
    pub(super) fn recast(&mut self, now: Instant, room: u32) {
        self.rooms.rooms[room].stage.recast = true;
        self.timers.schedule(Timer::Speakers(room), now);
    }

    /// A camera, or a subscription that follows speakers, came or went.
    pub(super) fn recast_for(&mut self, now: Instant, track: u32) {
        let track = &self.rooms.tracks[track];
        let room = self.rooms.room_of(track);
        if track.kind == Kind::Video && !track.screen && self.rooms.rooms[room].stage.options.videos > 0 {
            self.recast(now, room);
        }
    }

    /// The active speaker is another.
    pub(super) fn note_speaker(&mut self, now: Instant, room: u32) {
        let Rooms { rooms, tracks, .. } = &self.rooms;
        let stage = &rooms[room].stage;
        let (Some(active), 1..) = (stage.active, stage.options.videos) else { return };
        let (name, _) = self.rooms.publisher_of(&tracks[active]);
        let name = *name;
        let stage = &mut self.rooms.rooms[room].stage;
        stage.recent.retain(|recent| *recent != name);
        stage.recent.truncate(usize::from(stage.options.videos) - 1);
        stage.recent.insert(0, name);
        self.cast_videos(now, room);
    }

    /// Pauses and resumes cameras for the subscriptions that follow speakers.
    pub(super) fn cast_videos(&mut self, now: Instant, room: u32) {
        let cast = self.cast(room);
        for track in self.rooms.tracks_of(room) {
            let is_camera = self.rooms.tracks[track].kind == Kind::Video && !self.rooms.tracks[track].screen;
            let shown = cast.as_ref().is_none_or(|cast| cast.contains(self.rooms.publisher_of(&self.rooms.tracks[track]).0));
            for at in 0..self.rooms.tracks[track].subscriptions.len() {
                let slot = self.rooms.tracks[track].subscriptions[at];
                let subscription = &mut self.rooms.subscriptions[slot];
                subscription.left_out = is_camera && !shown && subscription.preferences.follows_speakers;
                self.update_pause(now, slot);
            }
        }
    }

    /// The names of those whose cameras are forwarded: who spoke last, then who has a camera for the longest. `None`: all.
    fn cast(&self, room: u32) -> Option<Vec<Cname>> {
        let stage = &self.rooms.rooms[room].stage;
        let count = usize::from(stage.options.videos);
        if count == 0 {
            return None;
        }
        let cameras = self.rooms.tracks_of(room).into_iter().map(|slot| &self.rooms.tracks[slot]);
        let mut others: Vec<_> = cameras
            .filter(|track| track.kind == Kind::Video && !track.screen)
            .map(|track| (track.published, track.id, *self.rooms.publisher_of(track).0))
            .collect();
        others.sort_unstable();
        let has_camera = |name: &&Cname| others.iter().any(|(_, _, other)| other == *name);
        let mut cast: Vec<Cname> = stage.recent.iter().filter(has_camera).copied().collect();
        for (_, _, name) in &others {
            if cast.len() < count && !cast.contains(name) {
                cast.push(*name);
            }
        }
        Some(cast)
    }
}
