//! Public keys (RFC 7517) from a file or from a URL.
//!
//! Keys of a URL are fetched at start, every [`KEY_AGE_MAX`] so that one that was withdrawn is not trusted for longer, and when a token names
//! a key that is not known, at most once in [`REFRESH_INTERVAL`]. A fetch that fails leaves the keys that are there: an issuer that is
//! down for a while does not end logins. The keys of the file stay beside them.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two fetches. Higher: a rotated key is unknown for longer. Lower: whoever sends tokens with made-up key ids has the server
/// ask the issuer more often.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// How old the keys of a URL get. Higher: a key that its issuer withdrew is trusted for longer. Lower: the issuer is asked more often.
pub(crate) const KEY_AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// A fetch that takes longer has failed: a client waits for it at connecting.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// A larger answer is not read: hundreds of keys fit.
const JWKS_LEN_MAX: usize = 256 * 1024;

/// Why the configured keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file cannot be read.
    #[error("JWKS_FILE {path} cannot be read ({source}): name a file that this user may read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has no key of use.
    #[error("JWKS_FILE {0} holds no key that can be used: give a JSON Web Key Set with RSA, P-256 or Ed25519 public keys")]
    NoKeys(PathBuf),
    /// The URL is none, or there is no TLS.
    #[error("JWKS_URL cannot be asked ({0}): give a http or https URL")]
    Client(#[from] reqwest::Error),
}

/// A public key and the one algorithm that it is for.
#[derive(Clone, Debug)]
struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Debug)]
pub(super) struct Jwks {
    /// Of the file: they stay for as long as the server runs.
    local: Vec<PublicKey>,
    remote: Option<Remote>,
}

#[derive(Debug)]
struct Remote {
    url: reqwest::Url,
    client: reqwest::Client,
    /// Of the last fetch that brought some.
    keys: Mutex<Vec<PublicKey>>,
    /// Held while fetching: those who come meanwhile wait for the one fetch.
    last_fetch: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Jwks {
    /// Nothing when neither is configured.
    pub(super) fn new(file: Option<&Path>, url: Option<&str>) -> Result<Option<Self>, JwksError> {
        if file.is_none() && url.is_none() {
            return Ok(None);
        }
        let local = file.map_or(Ok(Vec::new()), read_file)?;
        let remote = url.map(Remote::new).transpose()?;
        Ok(Some(Self { local, remote }))
    }

    /// The key for a token with this `kid` and algorithm. Without a `kid`, the only key of the algorithm.
    pub(super) async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        if let Some(key) = self.known(kid, algorithm) {
            return Some(key);
        }
        self.refresh().await;
        self.known(kid, algorithm)
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let fetched = self.remote.as_ref().map(Remote::keys);
        let fetched: &[PublicKey] = fetched.as_deref().map_or(&[], Vec::as_slice);
        let of_kid = |k: &&PublicKey| k.algorithm == algorithm && (kid.is_none() || k.kid.as_deref() == kid);
        let key = match kid {
            // One that is in both is no riddle: the file's counts.
            Some(_) => only(self.local.iter().filter(of_kid)).or_else(|| only(fetched.iter().filter(of_kid))),
            None => only(self.local.iter().chain(fetched).filter(of_kid)),
        };
        key.map(|key| key.key.clone())
    }

    /// Fetches the keys of the URL unless that was done a moment ago.
    pub(super) async fn refresh(&self) {
        let Some(remote) = &self.remote else { return };
        let mut last_fetch = remote.last_fetch.lock().await;
        if last_fetch.is_some_and(|at| at.elapsed() < REFRESH_INTERVAL) {
            return;
        }
        *last_fetch = Some(Instant::now());
        match remote.fetch().await {
            Ok(keys) if !keys.is_empty() => *remote.keys() = keys,
            Ok(_) => tracing::warn!("JWKS_URL gave no key that can be used: the keys from before stay in use"),
            Err(error) => tracing::warn!(%error, "JWKS_URL could not be fetched: the keys from before stay in use"),
        }
    }
}

impl Remote {
    fn new(url: &str) -> Result<Self, JwksError> {
        let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build()?;
        // Only to have the URL checked at start.
        let url = client.get(url).build()?.url().clone();
        Ok(Self { url, client, keys: Mutex::default(), last_fetch: tokio::sync::Mutex::new(None) })
    }

    fn keys(&self) -> MutexGuard<'_, Vec<PublicKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>, String> {
        let mut response = self
            .client
            .get(self.url.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|e| e.without_url().to_string())?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| e.without_url().to_string())? {
            if body.len() + chunk.len() > JWKS_LEN_MAX {
                return Err(format!("the answer is larger than {JWKS_LEN_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        parse(&body).ok_or_else(|| "the answer is not a JSON Web Key Set".to_owned())
    }
}

fn only<'a>(mut keys: impl Iterator<Item = &'a PublicKey>) -> Option<&'a PublicKey> {
    keys.next().filter(|_| keys.next().is_none())
}

fn read_file(path: &Path) -> Result<Vec<PublicKey>, JwksError> {
    let bytes = std::fs::read(path).map_err(|source| JwksError::Unreadable { path: path.to_owned(), source })?;
    match parse(&bytes) {
        Some(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(JwksError::NoKeys(path.to_owned())),
    }
}

/// The keys of a set; those of types that this server does not know are left out, as RFC 7517 section 5 asks.
fn parse(bytes: &[u8]) -> Option<Vec<PublicKey>> {
    let set: KeySet = serde_json::from_slice(bytes).ok()?;
    Some(set.keys.into_iter().filter_map(public_key).collect())
}

fn public_key(value: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = algorithm(&jwk)?;
    Some(PublicKey { kid: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(&jwk).ok()? })
}

/// The algorithm that a key's type stands for. Symmetric keys do not belong into a set of public keys: they are left out.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => (Algorithm::ES256, KeyAlgorithm::ES256),
        AlgorithmParameters::OctetKeyPair(p) if p.curve == EllipticCurve::Ed25519 => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        _ => return None,
    };
    match jwk.common.key_algorithm {
        Some(said) if said != name => None,
        _ => Some(algorithm),
    }
}

#[cfg(test)]
pub(super) fn tests_parse(bytes: &[u8]) -> Option<usize> {
    parse(bytes).map(|keys| keys.len())
}

#[cfg(test)]
impl Jwks {
    /// Lets the next unknown key id fetch again at once.
    pub(super) async fn forget_last_fetch(&self) {
        if let Some(remote) = &self.remote {
            *remote.last_fetch.lock().await = None;
        }
    }
}
