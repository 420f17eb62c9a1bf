//! The server as a value: started from a configuration, stopped by a signal, with everything that it needs inside.

use crate::app::App;
use crate::limits::Limits;
use crate::media_engine::{self, EventSource, MediaEngine, StartEngineError};
use crate::token::{JwksError, KEY_AGE_MAX};
use crate::{connections, drain, events, http};
use corelay_engine::config::Config;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken or not allowed.
    #[error("cannot listen on {address} ({source}): set PORT or LISTEN_IP to something free")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The shards do not start.
    #[error(transparent)]
    Engine(#[from] StartEngineError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] JwksError),
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

/// A server that runs. Dropping it says goodbye to everyone at once.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    signaling_core: Option<usize>,
    signals: mpsc::Sender<()>,
    main: JoinHandle<()>,
}

impl Server {
    /// Starts the shards and listens.
    ///
    /// # Errors
    /// When a shard, the keys or the listener does not start.
    pub async fn start(config: Config) -> Result<RunningServer, StartError> {
        let (engine, events) = media_engine::start(&config)?;
        Self::start_with(config, Limits::default(), engine, events).await
    }

    /// [`Self::start`] with limits and an engine of the caller's.
    ///
    /// # Errors
    /// When the keys or the listener do not start.
    pub async fn start_with(
        config: Config,
        limits: Limits,
        engine: Box<dyn MediaEngine>,
        events: EventSource,
    ) -> Result<RunningServer, StartError> {
        let address = SocketAddr::new(config.listen_ip, config.port);
        let listener = TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        // Refused, each connection costs one wake-up more.
        let _ = corelay_engine::defer_accept(&listener, SPEECHLESS_MAX);
        let signaling_core = engine.signaling_core();
        let app = Arc::new(App::new(config, limits, engine)?);
        let (signals, receiver) = mpsc::channel(2);
        let main = tokio::spawn(run(app, listener, events, receiver));
        Ok(RunningServer { address, signaling_core, signals, main })
    }
}

impl RunningServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The core that the shards leave to signaling. Whoever owns the thread that the server runs on may pin it there.
    pub fn signaling_core(&self) -> Option<usize> {
        self.signaling_core
    }

    /// Begins to drain; a second time ends at once.
    pub fn signal(&self) {
        // A third signal finds the queue full and changes nothing.
        let _ = self.signals.try_send(());
    }

    /// A sender of signals, for a task that waits for the operating system's.
    pub fn signals(&self) -> mpsc::Sender<()> {
        self.signals.clone()
    }

    /// Waits until the server has ended.
    pub async fn ended(mut self) {
        let _ = (&mut self.main).await;
    }
}

async fn run(app: Arc<App>, listener: TcpListener, events: EventSource, signals: mpsc::Receiver<()>) {
    let for_events = Arc::clone(&app);
    let event_task = tokio::spawn(events.run(move |event| events::handle(&for_events, event)));
    let for_backlog = Arc::clone(&app);
    let backlog_task = tokio::spawn(async move { for_backlog.shards.run_backlog().await });
    let for_company = Arc::clone(&app);
    let company_task = tokio::spawn(async move { for_company.company.run().await });
    let beat_task = tokio::spawn(beat());
    app.verifier.prefetch().await;
    let http = tokio::spawn(connections::serve_all(listener, Arc::clone(&app), http::router(Arc::clone(&app))));
    let for_keys = Arc::clone(&app);
    let key_task = tokio::spawn(async move { for_keys.verifier.run_refresh(KEY_AGE_MAX).await });
    drain::run(Arc::clone(&app), signals).await;
    // Its own end waits for connections that are kept alive; nobody needs them any more.
    http.abort();
    event_task.abort();
    backlog_task.abort();
    key_task.abort();
    company_task.abort();
    beat_task.abort();
    let _ = tokio::join!(http, event_task, backlog_task, key_task, company_task, beat_task);
}

/// How long the kernel keeps a connection that says nothing. Higher: a peer whose first bytes were lost is accepted later. Lower: those that
/// never say anything take a place and a file descriptor sooner. The kernel knows no less than a second.
const SPEECHLESS_MAX: Duration = Duration::from_secs(1);

/// How far the nearest timer is at most. Higher: timeouts shorter than it cost more, see [`beat`]. Lower: a node without a call wakes
/// more often.
const BEAT: Duration = Duration::from_secs(1);

/// Keeps a timer near. When a timer is set that is due before all others, the runtime wakes itself, by an eventfd and one more turn of
/// its loop: 4 us, and a request to a shard, which has a timeout of seconds, was three times in each join the first to come.
async fn beat() {
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
    }
}
