//! The ICE-lite agent (RFC 8445 section 2.5): it answers checks, remembers the addresses that passed one, and follows the peer's
//! choice.
//!
//! - Always controlled: "the lite agent MUST take the controlled role" (RFC 8445 section 6.1.1). So there is no role conflict to
//!   resolve and 487 is never sent; the tie-breaker attributes are read over.
//! - The latest nomination wins, whatever its priority. Chromium sends USE-CANDIDATE to a lite peer only on the pair that it has
//!   selected, and moves to a pair of lower priority when the better one died (Wi-Fi to cellular); Firefox nominates once per
//!   session or restart. A peer that nominates all pairs at once settles by checking only the one that it keeps.
//! - The path moves by nothing else: neither by media nor by DTLS from another address. Before the first nomination it is where the
//!   handshake was completed ([`IceAgent::settle`]).
//! - Only requests count. An indication keeps NAT bindings open and carries no authentication (RFC 8445 section 11), so it proves
//!   nothing: it is taken and changes nothing.
//! - A lite agent sends no checks of its own, so consent (RFC 7675) is read from the peer's: each is proof that the peer wants the
//!   traffic at that address.

mod check;

use crate::control::IceCredentials;
use crate::outbox::Path;
use arrayvec::ArrayVec;
use core::net::SocketAddr;
use core::time::Duration;
use corelay_wire::units::Instant;

/// How long consent lasts without a check: "30 seconds" (RFC 7675 section 5.1).
pub const CONSENT_LIFETIME: Duration = Duration::from_secs(30);

/// How long nothing authentic may be heard before the transport counts as disconnected. RFC 7675 section 5.1 lets peers space their
/// checks by 4 to 6 seconds, and Firefox does: with 13 s one of them may be lost on the way and a healthy idle peer does not flap.
/// A higher value tells users later, and keeps an address that a network gave to another client from that client for longer.
pub const SILENCE_MAX: Duration = Duration::from_secs(13);

/// How many addresses of one peer are remembered. A browser has an address per network and family, and some more behind symmetric
/// NATs. With more, a peer could have more memory held; with fewer, good pairs would be forgotten between two checks.
const PATHS_MAX: usize = 8;

/// Which credentials a check used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Generation {
    Current,
    /// Of a restart that has not nominated yet.
    Next,
}

/// An address that passed a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ValidPath {
    path: Path,
    checked_at: Instant,
}

/// What an authenticated check changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// It named the pair to use.
    pub(crate) nominated: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct IceAgent {
    credentials: IceCredentials,
    /// Valid beside `credentials` until a check with them nominates (RFC 8445 section 9).
    next: Option<IceCredentials>,
    paths: ArrayVec<ValidPath, PATHS_MAX>,
    selected: Option<Path>,
    /// When anything authentic arrived last.
    heard_at: Option<Instant>,
}

impl IceAgent {
    pub(crate) fn new(credentials: IceCredentials) -> Self {
        Self { credentials, next: None, paths: ArrayVec::new(), selected: None, heard_at: None }
    }

    /// A restart before the last one nominated replaces that one.
    pub(crate) fn restart(&mut self, credentials: IceCredentials) {
        self.next = Some(credentials);
    }

    /// The pair that the peer nominated last, or the one of [`IceAgent::settle`].
    pub(crate) fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// Takes a path that passed a check until the peer nominates one.
    pub(crate) fn settle(&mut self, path: Path) {
        self.selected.get_or_insert(path);
    }

    /// Whether any address passed a check.
    pub(crate) fn has_path(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Whether a check arrived on this path within the lifetime of consent.
    pub(crate) fn is_valid(&self, path: Path, now: Instant) -> bool {
        self.paths.iter().any(|p| p.path.is(&path) && now.since(p.checked_at) < CONSENT_LIFETIME)
    }

    /// The same for any of our addresses.
    pub(crate) fn is_valid_from(&self, remote: SocketAddr, now: Instant) -> bool {
        self.paths.iter().any(|p| p.path.remote == remote && now.since(p.checked_at) < CONSENT_LIFETIME)
    }

    /// Notes that something authentic other than a check arrived.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard_at = Some(now);
    }

    /// When the peer counts as silent.
    pub(crate) fn silent_at(&self) -> Option<Instant> {
        self.heard_at.map(|at| at + SILENCE_MAX)
    }

    /// When consent ends: that of the selected pair, or of any while none is selected.
    pub(crate) fn consent_ends_at(&self) -> Option<Instant> {
        let checked = |p: &&ValidPath| self.selected.is_none_or(|selected| selected == p.path);
        self.paths.iter().filter(checked).map(|p| p.checked_at).max().map(|at| at + CONSENT_LIFETIME)
    }

    /// Forgets all addresses: nothing that arrives counts, nothing may be sent.
    pub(crate) fn clear(&mut self) {
        self.paths.clear();
        self.selected = None;
    }

    /// Takes an authenticated check.
    fn accept(&mut self, now: Instant, path: Path, generation: Generation, nominates: bool) -> Checked {
        if generation == Generation::Next && nominates {
            self.finish_restart();
        }
        self.hear(now);
        self.remember(now, path);
        if nominates {
            self.selected = Some(path);
        }
        Checked { nominated: nominates }
    }

    /// The new credentials are the only ones from here on, and what the old ones validated is forgotten.
    fn finish_restart(&mut self) {
        if let Some(next) = self.next.take() {
            self.credentials = next;
            self.clear();
        }
    }

    /// The address that was checked longest ago gives way, but never the selected one.
    fn remember(&mut self, now: Instant, path: Path) {
        let entry = ValidPath { path, checked_at: now };
        if let Some(known) = self.paths.iter_mut().find(|p| p.path == path) {
            *known = entry;
        } else if self.paths.try_push(entry).is_err() {
            let selected = self.selected;
            let oldest = self.paths.iter_mut().filter(|p| Some(p.path) != selected).min_by_key(|p| p.checked_at);
            *oldest.expect("at most one of eight is selected") = entry;
        }
    }
}
