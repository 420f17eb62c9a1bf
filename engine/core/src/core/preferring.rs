//! What subscribers wish, and how rooms deal with their speakers: values that are kept until somebody decides by them.

use super::Core;
use crate::control::{Preferences, Refusal, SpeakerOptions};
use corelay_wire::ids::{RoomId, SubscriptionId};
use corelay_wire::units::Instant;

impl Core {
    /// Changes what a subscriber wishes of a track.
    pub(super) fn prefer(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        change: impl FnOnce(&mut Preferences),
    ) -> Result<(), Refusal> {
        let slot = self.rooms.subscriptions.slot_of(id)?;
        change(&mut self.rooms.subscriptions[slot].preferences);
        self.select(now, slot);
        Ok(())
    }

    pub(super) fn set_speakers(&mut self, id: RoomId, options: SpeakerOptions) -> Result<(), Refusal> {
        let slot = self.rooms.rooms.slot_of(id)?;
        let levels_every = options.levels_every.map(|every| every.max(SpeakerOptions::LEVELS_EVERY_MIN));
        self.rooms.rooms[slot].speakers = SpeakerOptions { levels_every, ..options };
        Ok(())
    }
}
