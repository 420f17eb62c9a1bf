//! The time at which messages that can wait leave together.

use super::Outbox;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a message waits for others at most. Higher: in a storm of joins each member of a room is written to less often, at most
/// once in this time. Lower: others appear sooner to people who would not see the difference.
const COMPANY_TIME: Duration = Duration::from_millis(20);

/// The outboxes in which something waits, and the time they share: one timer, and one wake-up of signaling, for all of them.
#[derive(Debug, Default)]
pub(crate) struct Company {
    waiting: Mutex<Vec<Outbox>>,
    begun: Notify,
}

impl Company {
    /// Something began to wait in `outbox`.
    pub(super) fn expect(&self, outbox: Outbox) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(outbox);
        if waiting.len() == 1 {
            self.begun.notify_one();
        }
    }

    /// Sends off what gathered, for as long as the server runs.
    pub(crate) async fn run(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(COMPANY_TIME).await;
            let gathered = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            gathered.iter().for_each(Outbox::hurry);
        }
    }
}
