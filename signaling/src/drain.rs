//! The way out: no new joins, running calls go on for a while, then a goodbye to everyone.
//!
//! ```text
//! Running --signal--> Draining --nobody left | deadline | second signal--> Ending
//! ```

use crate::app::App;
use crate::protocol::{GoodbyeReason, Notification};
use crate::stage::Stage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often it is asked whether somebody is left.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the last messages may take to leave.
const GOODBYE_TIME: Duration = Duration::from_secs(2);

/// Waits for a signal, drains, says goodbye and returns when the sessions are closed. `signals` gives one value a signal; the second
/// one cuts the draining short.
pub(crate) async fn run(app: Arc<App>, mut signals: mpsc::Receiver<()>) {
    // A sender that is gone is a signal as well: whoever held the server dropped it.
    let was_signal = signals.recv().await.is_some();
    let deadline = app.config.drain_timeout;
    app.drain.enter(Stage::Draining);
    if was_signal {
        tracing::info!(deadline_seconds = deadline.as_secs(), "draining: no new joins; a second signal ends at once");
        app.registry().tell_all(&Notification::ServerDraining { deadline_seconds: deadline.as_secs() });
        tokio::select! {
            () = nobody_left(&app) => tracing::info!("everyone left"),
            () = tokio::time::sleep(deadline) => tracing::info!("the deadline of draining is over"),
            _ = signals.recv() => tracing::info!("second signal: ending at once"),
        }
    }
    end(&app).await;
}

async fn nobody_left(app: &App) {
    let mut interval = tokio::time::interval(CHECK_INTERVAL);
    loop {
        interval.tick().await;
        if app.registry().is_empty() {
            return;
        }
    }
}

async fn end(app: &App) {
    app.registry().dismiss_everyone(GoodbyeReason::ServerShutdown, "the server shuts down: connect again");
    app.drain.enter(Stage::Ending);
    let all_closed = async {
        let mut interval = tokio::time::interval(Duration::from_millis(5));
        while app.metrics.sessions.get() > 0 {
            interval.tick().await;
        }
    };
    if tokio::time::timeout(GOODBYE_TIME, all_closed).await.is_err() {
        tracing::info!("some clients did not take their goodbye");
    }
}
