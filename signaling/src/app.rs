//! What all tasks of the server share.

use crate::limits::Limits;
use crate::media_engine::MediaEngine;
use crate::metrics::Metrics;
use crate::protocol::{ErrorName, ProtocolError};
use crate::registry::Registry;
use crate::shards::Shards;
use crate::stage::Drain;
use crate::token::{JwksError, Verifier};
use corelay_engine::config::Config;
use rand::RngExt as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
    lobby: AtomicUsize,
}

/// A place among the connections that have not joined yet.
pub(crate) struct LobbyPlace(Arc<App>);

impl Drop for LobbyPlace {
    fn drop(&mut self) {
        self.0.lobby.fetch_sub(1, Ordering::Relaxed);
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
            lobby: AtomicUsize::new(0),
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

    pub(crate) fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for a connection that has not joined.
    pub(crate) fn enter_lobby(self: &Arc<Self>) -> Result<LobbyPlace, ProtocolError> {
        if self.lobby.fetch_add(1, Ordering::Relaxed) >= self.limits.lobby_max {
            self.lobby.fetch_sub(1, Ordering::Relaxed);
            return Err(ProtocolError::new(ErrorName::Full, "too many connections have not joined a room: try again in a moment"));
        }
        Ok(LobbyPlace(Arc::clone(self)))
    }
}
