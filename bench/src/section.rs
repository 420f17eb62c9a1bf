//! A part of the bench: it measures one thing and yields figures.

use crate::cores::Cores;
use crate::figure::Figure;
use corelay_uring::{IoBackend, Kind, Probe, probe};
use std::fmt;
use std::io;
use std::time::Duration;

/// How much is measured, and with what.
#[derive(Clone, Debug)]
pub struct Effort {
    /// The main figures only, in minutes.
    pub quick: bool,
    /// What the kernel can do here.
    pub probe: Probe,
    cores: Cores,
}

impl Effort {
    /// Asks the kernel.
    pub fn new(quick: bool) -> Self {
        Self { quick, probe: probe(), cores: Cores::available() }
    }

    /// Rounds of one comparison. An odd number has a middle.
    pub fn rounds(&self) -> usize {
        if self.quick { 7 } else { 15 }
    }

    /// CPU time that one side of a round takes at least: the clock's own microseconds are nothing beside it.
    pub fn round_time(&self) -> Duration {
        Duration::from_millis(if self.quick { 20 } else { 40 })
    }

    /// Where the two sides of a measurement run: asked once, for sections pin this thread.
    pub fn cores(&self) -> Cores {
        self.cores
    }

    /// The back-ends that work here, the server's choice first.
    pub fn kinds(&self) -> Vec<Kind> {
        let chosen = self.probe.choose(IoBackend::Auto).unwrap_or(Kind::Epoll);
        let others = [Kind::Uring, Kind::Epoll].into_iter().filter(|kind| *kind != chosen);
        let works = |kind: &Kind| *kind == Kind::Epoll || self.probe.choose(IoBackend::Uring).is_ok();
        [chosen].into_iter().chain(others.filter(works)).collect()
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effort = if self.quick { "main figures only" } else { "all figures" };
        write!(f, "{effort}, back-end {}; {}", self.kinds()[0].name(), self.probe)
    }
}

/// What a section found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Its figures.
    pub figures: Vec<Figure>,
    /// What a reader must know of how they came about.
    pub notes: Vec<String>,
}

impl From<Vec<Figure>> for Findings {
    fn from(figures: Vec<Figure>) -> Self {
        Self { figures, notes: Vec::new() }
    }
}

/// One part of the bench.
pub struct Section {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures, in a sentence.
    pub about: &'static str,
    /// Measures. Fails when something was lost that should not be, or the machine lacks what it needs.
    pub run: fn(&Effort) -> io::Result<Findings>,
}
