//! Why something did not work, in the server's own words where it has some.

use crate::association::AssociationError;
use crate::fleet::FleetError;

/// A request that the server refused, in its own words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{method} was refused with {code} {name}: {reason}")]
pub struct Refusal {
    /// What was asked.
    pub method: &'static str,
    /// An HTTP status.
    pub code: u16,
    /// Stable name, such as `full`.
    pub name: String,
    /// A sentence.
    pub reason: String,
}

/// Why a participant is no longer in the room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The server said so.
    Goodbye {
        /// Stable name, such as `replaced`, `full`, `server-shutdown`.
        reason: String,
        /// A sentence.
        message: String,
        /// The client may try again.
        reconnect: bool,
    },
    /// The WebSocket closed without a word.
    Lost,
    /// The server refused a request that a well-behaved client may make.
    Refused(Refusal),
    /// A transport failed.
    Transport(String),
}

/// Why a join or leave did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no server, or it is none of ours.
    #[error("no WebSocket at {url}: {error}; is the server started there?")]
    Connect {
        /// Where.
        url: String,
        /// What went wrong.
        error: String,
    },
    /// The server refused a request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The server ended the connection with a reason.
    #[error("the server said goodbye: {reason}: {message}")]
    Goodbye {
        /// Stable name.
        reason: String,
        /// A sentence.
        message: String,
        /// The client may try again.
        reconnect: bool,
    },
    /// The server closed the connection without a word.
    #[error("the server closed the connection during {step}: look into its log")]
    Closed {
        /// At which request.
        step: &'static str,
    },
    /// An answer that does not fit the protocol.
    #[error("the answer to {method} is not of protocol version 1: {what}")]
    Answer {
        /// What was asked.
        method: &'static str,
        /// What is missing in the answer.
        what: &'static str,
    },
    /// A transport did not come up.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// The fleet cannot carry it.
    #[error(transparent)]
    Fleet(#[from] FleetError),
}
