//! What a back-end is told when it is opened.

use std::fmt;
use std::str::FromStr;

/// Which back-end the operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoBackend {
    /// The faster one that works here.
    #[default]
    Auto,
    /// io_uring, or no start.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

/// Whether runs are sent with UDP segmentation offload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GsoMode {
    /// When the probe saw a run arrive as it was sent.
    #[default]
    Auto,
    /// Always, whatever the probe saw.
    On,
    /// Never: each packet is a message of its own.
    Off,
}

/// How a back-end is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Receive buffers of 2 KiB, shared by the sockets; a power of two up to 32,768; io_uring only. They are filled in turn, so
    /// more fall out of the second-level cache (1024: 317 ns a datagram, 256: 231; `recvmmsg` takes 262); fewer end the multishot
    /// receive within a burst, which costs a submission to begin it again, not a datagram: what is not taken waits in the
    /// socket's buffer.
    pub buffers: u16,
    /// Datagrams that one `receive` delivers at most. More lets a turn grow long before it sends; fewer makes runs shorter under
    /// load and pays the turn's fixed costs more often.
    pub batch_max: usize,
    /// Whether runs are sent with `UDP_SEGMENT`; see [`crate::Probe::gso`].
    pub gso: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { buffers: 256, batch_max: 256, gso: true }
    }
}

/// A word that names no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {expected}")]
pub struct UnknownChoice {
    expected: &'static str,
}

impl FromStr for IoBackend {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        match word {
            "auto" => Ok(Self::Auto),
            "uring" => Ok(Self::Uring),
            "epoll" => Ok(Self::Epoll),
            _ => Err(UnknownChoice { expected: "auto, uring, epoll" }),
        }
    }
}

impl fmt::Display for IoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Uring => "uring",
            Self::Epoll => "epoll",
        })
    }
}

impl FromStr for GsoMode {
    type Err = UnknownChoice;

    fn from_str(word: &str) -> Result<Self, UnknownChoice> {
        match word {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(UnknownChoice { expected: "auto, on, off" }),
        }
    }
}

impl fmt::Display for GsoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_reads_what_it_prints() {
        for choice in [IoBackend::Auto, IoBackend::Uring, IoBackend::Epoll] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        for choice in [GsoMode::Auto, GsoMode::On, GsoMode::Off] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
    }

    #[test]
    fn another_word_is_refused_with_the_choices() {
        let refused = "io_uring".parse::<IoBackend>().expect_err("no such choice");
        assert_eq!(refused.to_string(), "expected one of auto, uring, epoll");
    }
}
