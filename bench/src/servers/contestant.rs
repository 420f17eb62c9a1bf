//! The servers that are compared, by one name each.

use super::corelay::Corelay;
use super::fanout::{Fanout, Outcome, clients};
use super::janus::Janus;
use super::mediasoup::Mediasoup;
use anyhow::Result;

/// Who is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contestant {
    /// This project's server, with one shard.
    Corelay {
        /// Receivers tell when each packet arrived, so that the server estimates their paths, paces and chooses layers.
        feedback: bool,
    },
    /// Debian's package; a thread for each client, or so many event loops for all.
    Janus {
        /// `event_loops`.
        event_loops: Option<u32>,
    },
    /// One worker.
    Mediasoup,
}

impl Contestant {
    /// Starts the server, sets the call up, measures, and ends everything.
    pub(super) async fn run(&self, plan: &Fanout) -> Result<Outcome> {
        let (identity, fleet) = clients(plan.cores)?;
        let core = plan.cores.server;
        let call = match self {
            Self::Corelay { feedback } => Corelay::start(core).await?.call(plan, &identity, &fleet, *feedback).await?,
            Self::Janus { event_loops } => Janus::start(core, *event_loops).await?.call(plan, &identity, &fleet).await?,
            Self::Mediasoup => Mediasoup::start(core).await?.call(plan, &identity, &fleet).await?,
        };
        call.measure(plan, &fleet).await
    }
}
