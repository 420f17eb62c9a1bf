//! What all tasks of the server share.

use crate::limits::Limits;
use crate::media_engine::MediaEngine;
use crate::metrics::Metrics;
use crate::outbox::{Company, Outbox, OutboxReader};
use crate::protocol::{ErrorName, ProtocolError};
use crate::readiness::Readiness;
use crate::registry::Registry;
use crate::shards::Shards;
use crate::stage::Drain;
use crate::token::{JwksError, Verifier};
use corelay_engine::config::Config;
use rand::RngExt as _;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One running server. The registry is locked for moments only, never over an await: signaling is one thread, so nobody ever waits.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) verifier: Verifier,
    pub(crate) shards: Arc<Shards>,
    pub(crate) metrics: Metrics,
    pub(crate) drain: Drain,
    registry: Arc<Mutex<Registry>>,
    /// The HS256 secret: the operator's, or one made up in development mode.
    secret: Option<Vec<u8>>,
    next_session: AtomicU64,
    /// Of the messages that can wait for it.
    pub(crate) company: Arc<Company>,
    lobby: Mutex<Lobby>,
    pub(crate) readiness: Readiness,
}

/// Who is connected and in no room.
#[derive(Debug, Default)]
struct Lobby {
    taken: usize,
    by_identity: HashMap<String, usize>,
}

/// A place among the connections that have not joined yet.
pub(crate) struct LobbyPlace {
    app: Arc<App>,
    identity: String,
}

impl Drop for LobbyPlace {
    fn drop(&mut self) {
        let mut lobby = self.app.lobby();
        lobby.taken -= 1;
        if let Entry::Occupied(mut count) = lobby.by_identity.entry(std::mem::take(&mut self.identity)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl App {
    pub(crate) fn new(config: Config, limits: Limits, engine: Box<dyn MediaEngine>) -> Result<Self, JwksError> {
        let secret = match &config.jwt_secret {
            Some(secret) => Some(secret.expose().to_vec()),
            None if config.is_development() => Some(rand::rng().random::<[u8; 32]>().to_vec()),
            None => None,
        };
        let shards = Arc::new(Shards::new(engine, &limits));
        let registry = Arc::new(Mutex::new(Registry::new(Arc::clone(&shards), &config, limits.clone())));
        Ok(Self {
            verifier: Verifier::new(&config, secret.as_deref())?,
            metrics: Metrics::new(Arc::clone(&shards), Arc::clone(&registry)),
            drain: Drain::default(),
            next_session: AtomicU64::new(1),
            company: Arc::default(),
            lobby: Mutex::default(),
            readiness: Readiness::default(),
            registry,
            secret,
            shards,
            config,
            limits,
        })
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What demo tokens are signed with; nothing outside of development mode.
    pub(crate) fn demo_secret(&self) -> Option<&[u8]> {
        self.secret.as_deref().filter(|_| self.config.is_development())
    }

    /// The way to the client of a new session.
    pub(crate) fn outbox(&self) -> (Outbox, OutboxReader) {
        Outbox::new(self.next_session.fetch_add(1, Ordering::Relaxed), &self.limits, &self.company)
    }

    fn lobby(&self) -> MutexGuard<'_, Lobby> {
        self.lobby.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that has not joined.
    pub(crate) fn enter_lobby(self: &Arc<Self>, identity: &str) -> Result<LobbyPlace, ProtocolError> {
        let mut lobby = self.lobby();
        if lobby.taken >= self.limits.lobby_max {
            return Err(ProtocolError::new(ErrorName::Full, "too many connections have not joined a room: try again in a moment"));
        }
        let of_identity = lobby.by_identity.entry(identity.to_owned()).or_default();
        if *of_identity >= self.limits.lobby_per_identity_max {
            return Err(ProtocolError::new(
                ErrorName::TooManyRequests,
                "too many connections of this identity have not joined a room: connect once, and join",
            ));
        }
        *of_identity += 1;
        lobby.taken += 1;
        Ok(LobbyPlace { app: Arc::clone(self), identity: identity.to_owned() })
    }
}
