//! What subscribers wish: values that are kept until somebody decides by them.

use super::Core;
use crate::control::{Preferences, Refusal};
use corelay_wire::ids::SubscriptionId;
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
        self.update_pause(now, slot);
        self.select(now, slot);
        Ok(())
    }

    pub(super) fn follow_speakers(&mut self, now: Instant, id: SubscriptionId, follow: bool) -> Result<(), Refusal> {
        let slot = self.rooms.subscriptions.slot_of(id)?;
        self.rooms.subscriptions[slot].preferences.follows_speakers = follow;
        self.recast_for(now, self.rooms.subscriptions[slot].track);
        Ok(())
    }
}
