//! `corelay`: the server itself.

use super::{CommandResult, descriptors, load};
use corelay::server::{RunningServer, Server};
use corelay_engine::config::{Config, LogFormat};
use std::io::IsTerminal as _;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs until a signal ends it.
pub(crate) fn run(file: Option<&Path>) -> CommandResult {
    let config = load(file)?;
    start_log(&config)?;
    descriptors::raise(&config);
    // One thread: what signaling does is short, and the other cores belong to the shards.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

fn start_log(config: &Config) -> CommandResult {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|e| format!("LOG_LEVEL: {e}: write info, or a filter such as corelay=debug"))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

async fn serve(config: Config) -> CommandResult {
    let is_development = config.is_development();
    let has_page = config.demo;
    let server = Server::start(config).await?;
    pin(&server);
    banner(&server, is_development, has_page);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signals = server.signals();
    let forward = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = signals.try_send(());
        }
    });
    server.ended().await;
    forward.abort();
    tracing::info!("ended");
    Ok(())
}

/// Keeps this thread, on which all of signaling runs, off the cores of the shards.
fn pin(server: &RunningServer) {
    let Some(core) = server.signaling_core() else { return };
    if !corelay_engine::topology::pin(core) {
        tracing::warn!(
            core,
            "signaling could not be pinned to its core and may delay media: allow this process sched_setaffinity, or check its cpuset"
        );
    }
}

fn banner(server: &RunningServer, is_development: bool, has_page: bool) {
    let address = server.address();
    tracing::info!(%address, "listening");
    if is_development {
        tracing::warn!(
            "development mode: the secret is made up and gone with this process; set JWT_SECRET for anything but loopback"
        );
    }
    if has_page {
        tracing::info!("demo page: http://{address}/");
    }
}
