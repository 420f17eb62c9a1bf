//! How far the server is on its way out.

use tokio::sync::watch;

/// Where the server is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Takes joins.
    Running,
    /// Takes no joins; calls go on.
    Draining,
    /// Everyone was told goodbye.
    Ending,
}

/// The stage, and a way to wait for the next one.
#[derive(Debug)]
pub(crate) struct Drain {
    stage: watch::Sender<Stage>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { stage: watch::Sender::new(Stage::Running) }
    }
}

impl Drain {
    pub(crate) fn is_draining(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Waits until everyone was told goodbye.
    pub(crate) async fn ending(&self) {
        let mut stage = self.stage.subscribe();
        let _ = stage.wait_for(|stage| *stage >= Stage::Ending).await;
    }

    /// Goes on to `stage`.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}
