//! One participant of a Corelay server: joins by its token, publishes what it is told to, consumes what appears, leaves.
//!
//! Signaling runs on tokio; media runs in the [`Fleet`].

use crate::association::{AssociationError, Identity, IdentityOptions, Profile};
use crate::fleet::{Fleet, FleetError};
use crate::stream::StreamPlan;
use std::sync::Arc;
use std::time::Duration;

/// The server to join.
#[derive(Clone)]
pub struct Server {
    /// Its WebSocket, such as `ws://127.0.0.1:3001/ws`.
    pub url: String,
    /// Shared by all clients.
    pub identity: Arc<Identity>,
}

impl Server {
    /// With a certificate of its own.
    pub fn new(url: &str, options: &IdentityOptions) -> Result<Self, AssociationError> {
        Ok(Self { url: url.to_owned(), identity: Identity::new(options)? })
    }
}

/// What a participant does.
#[derive(Clone, Default, Debug)]
pub struct ClientPlan {
    /// Streams to publish, in order. Without any, no transport for sending is made, unless `idle_transports`.
    pub publish: Vec<StreamPlan>,
    /// What to receive.
    pub subscribe: Subscribe,
    /// Make both transports even when nothing will flow on them, as an idle participant does.
    pub idle_transports: bool,
}

/// Which producers of others are consumed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Subscribe {
    /// Each that is there and each that appears.
    #[default]
    All,
    /// None.
    None,
    /// The first `n`, and another one when one of them ends.
    Most(usize),
}

/// When each step of a join was done, from its start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct Times {
    /// TCP and the WebSocket's upgrade.
    pub connected: Duration,
    /// The answer to `join`.
    pub joined: Duration,
    /// ICE and DTLS of all its transports.
    pub transports: Duration,
    /// The answers to `produce` and `consume` of what was there.
    pub ready: Duration,
    /// The first media packet of all those consumed; `None` until it came.
    pub first_packet: Option<Duration>,
}

/// A participant that is in the room. Dropping it closes everything without a word, as a crash would.
pub struct Client {}

impl Client {
    /// Joins, connects the transports, publishes, and consumes what is there and what appears.
    pub async fn join(_server: &Server, _token: &str, _plan: &ClientPlan, _fleet: &Fleet) -> Result<Self, ClientError> {
        Err(ClientError::Closed { step: "join" })
    }

    /// How long each step took.
    pub fn times(&self) -> Times {
        Times::default()
    }

    /// Its server-given id.
    pub fn participant_id(&self) -> &str {
        ""
    }

    /// The SRTP profile of its transports; `None` without any.
    pub fn profile(&self) -> Option<Profile> {
        None
    }

    /// Streams that it consumes, and those of them that have brought a packet.
    pub fn progress(&self) -> (usize, usize) {
        (0, 0)
    }

    /// Why it is no longer in the room, in the server's own words; `None` while it is.
    pub fn ended(&self) -> Option<Ended> {
        None
    }

    /// Returns when it is no longer in the room by the server's doing or the network's.
    pub async fn wait_ended(&self) -> Ended {
        Ended::Lost
    }

    /// Leaves properly.
    pub async fn leave(self) -> Result<(), ClientError> {
        Ok(())
    }
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
