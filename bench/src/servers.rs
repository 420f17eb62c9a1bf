//! Whole servers as processes, with real clients: what a user of them pays.
//!
//! ```text
//! Contestant -> ServerProcess (a core of its own) <- Association, Fleet (another core, corelay-loadgen) -> Outcome -> figures
//! ```

mod contestant;
mod corelay;
mod delay;
mod fanout;
mod footprint;
mod forwarded;
mod janus;
mod joins;
mod mediasoup;
mod peers;
mod process;
mod sdp;

use crate::section::{Effort, Findings, Section};
use anyhow::Result;
use std::io;

/// The sections that start servers.
pub fn sections() -> [Section; 4] {
    [
        Section { name: "latency", about: "through the whole server, end to end", run: |effort| drive(effort, delay::run) },
        Section {
            name: "join",
            about: "what a join costs, and what a storm of them does to media",
            run: |effort| drive(effort, joins::run),
        },
        Section { name: "memory", about: "resident memory by what is in the server", run: |effort| drive(effort, footprint::run) },
        Section {
            name: "peers",
            about: "Corelay, Janus and mediasoup with the same call",
            run: |effort| drive(effort, peers::run),
        },
    ]
}

/// Runs a section on a thread of its own, beside the clients, with a runtime for signaling.
fn drive(effort: &Effort, section: impl AsyncFn(&Effort) -> Result<Findings> + Send + Sync) -> io::Result<Findings> {
    let work = || -> Result<Findings> {
        crate::cores::pin(effort.cores().client)?;
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(section(effort))
    };
    let joined = std::thread::scope(|scope| scope.spawn(work).join());
    joined.expect("a section does not panic").map_err(|error| io::Error::other(format!("{error:#}")))
}
