//! Numbers of participants, asked of the shards that carry them.

use crate::app::App;
use crate::protocol::{ErrorName, ParticipantStats, ProtocolError};
use corelay_engine::control::{Command, Reply};
use corelay_wire::ids::ParticipantId;

impl App {
    /// What a participant sends and receives.
    pub(crate) async fn participant_stats(&self, participant: ParticipantId) -> Result<ParticipantStats, ProtocolError> {
        let left = || ProtocolError::new(ErrorName::UnknownParticipant, "the participant left while its numbers were asked for");
        let shard = self.registry().shard_of(participant).ok_or_else(left)?;
        let reply = self.shards.request(shard, |request| Command::Statistics { request, participant }).await?;
        let Reply::Statistics(stats) = reply else {
            return Err(ProtocolError::new(ErrorName::Busy, "the media shard gave no numbers: try again"));
        };
        self.registry().describe(&stats).ok_or_else(left)
    }
}
