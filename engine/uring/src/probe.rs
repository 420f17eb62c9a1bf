//! What the kernel, the container and the limits give, found out by trying, and what to do about what is missing.

use std::fmt;

use crate::options::{GsoMode, IoBackend};

mod limits;
mod segmentation;
mod trial;

use limits::Limits;
use segmentation::Segmentation;
use trial::{Features, Missing};

/// A back-end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// io_uring.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

impl Kind {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uring => "uring",
            Self::Epoll => "epoll",
        }
    }
}

/// The wanted back-end does not work here. The message says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("IO_BACKEND=uring, but io_uring does not work here: {0} (or set IO_BACKEND=auto)")]
pub struct ProbeError(String);

/// What was found. `Display` is the report for the log, a line each.
#[derive(Clone, Debug)]
pub struct Probe {
    limits: Limits,
    uring: Result<Features, Missing>,
    segmentation: Segmentation,
}

/// Asks the kernel and tries both ways over loopback. Once a process, at boot; takes milliseconds.
pub fn probe() -> Probe {
    let limits = Limits::read();
    let uring = trial::run(&limits);
    Probe { uring, segmentation: segmentation::run(&limits.kernel), limits }
}

impl Probe {
    /// The back-end to open.
    ///
    /// # Errors
    /// `preference` is io_uring, and that does not work here.
    pub fn choose(&self, preference: IoBackend) -> Result<Kind, ProbeError> {
        match (preference, &self.uring) {
            (IoBackend::Epoll, _) | (IoBackend::Auto, Err(_)) => Ok(Kind::Epoll),
            (IoBackend::Auto | IoBackend::Uring, Ok(_)) => Ok(Kind::Uring),
            (IoBackend::Uring, Err(missing)) => Err(ProbeError(missing.to_string())),
        }
    }

    /// Whether runs are to be sent with segmentation offload.
    pub fn gso(&self, mode: GsoMode) -> bool {
        match mode {
            GsoMode::Auto => self.segmentation == Segmentation::Works,
            GsoMode::On => true,
            GsoMode::Off => false,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kernel: {}", self.limits.kernel)?;
        match &self.uring {
            Ok(features) => writeln!(f, "io_uring: works; {features}")?,
            Err(missing) => writeln!(f, "io_uring: does not work, epoll takes its place: {missing}")?,
        }
        writeln!(f, "UDP segmentation offload: {}", self.segmentation)?;
        write!(f, "{}", self.limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uring: Result<Features, Missing>, segmentation: Segmentation) -> Probe {
        Probe { limits: Limits::read(), uring, segmentation }
    }

    #[test]
    fn auto_falls_back_and_uring_refuses_with_the_reason() {
        let without = found(Err(Missing::Kernel), Segmentation::Works);
        assert_eq!(without.choose(IoBackend::Auto), Ok(Kind::Epoll));
        let refused = without.choose(IoBackend::Uring).expect_err("not there");
        assert!(refused.to_string().contains("Linux 6.1"), "{refused}");
        let with = found(Ok(Features { deferred: true, minimum_wait: true }), Segmentation::Works);
        assert_eq!(with.choose(IoBackend::Auto), Ok(Kind::Uring));
        assert_eq!(with.choose(IoBackend::Epoll), Ok(Kind::Epoll));
    }

    #[test]
    fn corrupt_segmentation_is_off_unless_forced() {
        for bad in [Segmentation::Corrupt, Segmentation::Mistrusted] {
            let probe = found(Err(Missing::Kernel), bad);
            assert!(!probe.gso(GsoMode::Auto));
            assert!(probe.gso(GsoMode::On));
        }
        assert!(!found(Err(Missing::Kernel), Segmentation::Works).gso(GsoMode::Off));
    }

    #[test]
    fn the_report_has_a_line_for_each_finding() {
        let report = probe().to_string();
        for word in ["kernel: ", "io_uring: ", "UDP segmentation offload: ", "locked memory: ", "seccomp: "] {
            assert!(report.contains(word), "{word} is missing in:\n{report}");
        }
        eprintln!("{report}");
    }
}
