//! This project's server, started as an operator would, and driven through its WebSocket.

use super::fanout::{Call, Fanout};
use super::forwarded::Forwarded;
use super::process::{ServerProcess, free_port};
use anyhow::{Context, Result, bail};
use corelay_loadgen::association::Identity;
use corelay_loadgen::client::{Client, ClientPlan, Server, Subscribe};
use corelay_loadgen::fleet::Fleet;
use corelay_loadgen::token;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const SECRET: &str = "a secret that is good for one run of the bench";
const ROOM: &str = "bench";
/// Joins of subscribers that are not what is measured: the client side of a handshake takes one to two milliseconds of one core.
const JOINS_PER_SECOND: u32 = 200;
const READY_MAX: Duration = Duration::from_secs(20);

/// A server that is ready.
pub(super) struct Corelay {
    /// The process.
    pub(super) process: ServerProcess,
    rss_empty_kib: u64,
    port: u16,
}

impl Corelay {
    /// With one shard; all of its threads share `core`.
    pub(super) async fn start(core: usize) -> Result<Self> {
        let (port, media) = (free_port()?, free_port()?.min(u16::MAX - 16));
        let mut command = Command::new(binary()?);
        command
            // The server refuses keys that it does not know.
            .env_remove("CORELAY_BIN")
            .env_remove(crate::io::RUNTIMES)
            .env("PORT", port.to_string())
            .env("RTC_MIN_PORT", media.to_string())
            .env("RTC_MAX_PORT", (media + 15).to_string())
            .env("SHARDS", "1")
            .env("JWT_SECRET", SECRET)
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut process = ServerProcess::start(command, core)?;
        let until = Instant::now() + READY_MAX;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            process.check()?;
            if Instant::now() > until {
                bail!("the server does not listen on port {port} after {READY_MAX:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let rss_empty_kib = process.rss_kib()?;
        Ok(Self { process, rss_empty_kib, port })
    }

    /// One participant in a room, with the token of this name.
    pub(super) async fn join(
        &self,
        identity: &Arc<Identity>,
        room: &str,
        name: &str,
        plan: &ClientPlan,
        fleet: &Fleet,
    ) -> Result<Client> {
        let server = Server { url: format!("ws://127.0.0.1:{}/ws", self.port), identity: Arc::clone(identity) };
        let token = token::mint(SECRET, room, name)?;
        Client::join(&server, &token, plan, fleet).await.with_context(|| format!("{name} cannot join"))
    }

    /// One publisher, and those who receive from it and tell of their paths by `feedback`.
    pub(super) async fn call(self, plan: &Fanout, identity: &Arc<Identity>, fleet: &Fleet, feedback: bool) -> Result<Call> {
        let publishes =
            ClientPlan { publish: vec![plan.stream.clone()], subscribe: Subscribe::None, idle_transports: false, feedback: false };
        let mut clients = vec![self.join(identity, ROOM, "publisher", &publishes, fleet).await?];
        let receives = ClientPlan { feedback, ..ClientPlan::default() };
        let receivers = Joining { identity, fleet, plan: &receives, per_second: JOINS_PER_SECOND };
        clients.extend(receivers.join(&self, plan.subscribers, |n| (ROOM.to_owned(), format!("subscriber-{n}"))).await?);
        Ok(Call { process: self.process, rss_empty_kib: self.rss_empty_kib, _keep: Box::new(clients) })
    }

    /// The latencies that it added so far.
    pub(super) async fn forwarded(&self) -> Result<Forwarded> {
        Forwarded::read(self.port).await
    }

    /// Resident memory before anybody joined.
    pub(super) fn rss_empty_kib(&self) -> u64 {
        self.rss_empty_kib
    }
}

/// Participants that join one after the other at a rate, without waiting for one another.
pub(super) struct Joining<'a> {
    /// Theirs.
    pub(super) identity: &'a Arc<Identity>,
    /// Carries their media.
    pub(super) fleet: &'a Fleet,
    /// What each does.
    pub(super) plan: &'a ClientPlan,
    /// How many begin in a second.
    pub(super) per_second: u32,
}

impl Joining<'_> {
    /// So many of them; `place` gives the room and the name of the n-th.
    pub(super) async fn join(
        &self,
        server: &Corelay,
        count: usize,
        place: impl Fn(usize) -> (String, String),
    ) -> Result<Vec<Client>> {
        let begin = tokio::time::Instant::now();
        let joins = (0..count).map(|n| {
            let (room, name) = place(n);
            async move {
                tokio::time::sleep_until(begin + Duration::from_secs(n as u64) / self.per_second).await;
                server.join(self.identity, &room, &name, self.plan, self.fleet).await
            }
        });
        futures_util::future::try_join_all(joins).await
    }
}

/// The server's program: named by the environment, or beside this one.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CORELAY_BIN") {
        return Ok(path.into());
    }
    let beside = std::env::current_exe()?.with_file_name("corelay");
    if beside.exists() {
        return Ok(beside);
    }
    bail!("there is no server to measure: use `cargo xtask bench`, which builds it, or set CORELAY_BIN")
}
