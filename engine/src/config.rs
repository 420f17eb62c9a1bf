//! What the operator decides: one TOML file and the environment, and the environment wins.
//!
//! The keys are in one table, [`KEYS`]; the reader, the printer and the error messages go by it. A key of the file is the lower-case
//! name of the environment variable. An unknown key of the file, an unknown variable that begins with `CORELAY_` and a bad value
//! anywhere stop the start. A variable that is empty counts as not set, as compose files leave them.

mod error;
mod key;
pub mod limits;
mod relations;
mod secret;
mod table;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use corelay_core::transport::DtlsVersions;
pub use error::{ConfigError, Place};
pub use key::{Key, Kind};
pub use secret::Secret;
pub use table::KEYS;

/// Names the file for whoever starts the server; the only variable with our prefix that is not refused.
pub const FILE_VARIABLE: &str = "CORELAY_CONFIG";

/// The effective configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `PORT`: TCP port of HTTP and WebSocket.
    pub port: u16,
    /// `LISTEN_IP`: address of HTTP and WebSocket.
    pub listen_ip: IpAddr,
    /// `JWT_SECRET`: key of HS256 tokens.
    pub jwt_secret: Option<Secret>,
    /// `JWKS_FILE`: public keys of tokens.
    pub jwks_file: Option<PathBuf>,
    /// `JWKS_URL`: public keys of tokens.
    pub jwks_url: Option<String>,
    /// `JWT_AUDIENCE`: required `aud`.
    pub jwt_audience: Option<String>,
    /// `JWT_ISSUER`: required `iss`.
    pub jwt_issuer: Option<String>,
    /// `LOG_LEVEL`: a filter as `tracing` takes it.
    pub log_level: String,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `RTC_MIN_PORT`: first UDP port of media.
    pub rtc_min_port: u16,
    /// `RTC_MAX_PORT`: last UDP port of media.
    pub rtc_max_port: u16,
    /// `RTC_LISTEN_IPS`: addresses of media sockets, 1 to [`limits::RTC_LISTEN_IPS_MAX`].
    pub rtc_listen_ips: Vec<IpAddr>,
    /// `ANNOUNCED_IP`: addresses that clients are told; empty for those of the sockets.
    pub announced_ips: Vec<IpAddr>,
    /// `SHARDS`: how many; nothing for one per core but one.
    pub shards: Option<usize>,
    /// `IO_BACKEND`.
    pub io_backend: IoBackend,
    /// `UDP_GSO`: UDP segmentation offload.
    pub udp_gso: Switch,
    /// `COALESCE_US`: the latency within which company is waited for, in microseconds.
    pub coalesce_us: u32,
    /// `DTLS_VERSION`.
    pub dtls_version: DtlsVersions,
    /// `DRAIN_TIMEOUT`: how long calls go on after SIGTERM.
    pub drain_timeout: Duration,
    /// `ROOM_AUTO_CREATE`: whether a join makes its room.
    pub room_auto_create: bool,
    /// `PARTICIPANTS_MAX` of the node.
    pub participants_max: usize,
    /// `ROOM_PARTICIPANTS_MAX` of one room.
    pub room_participants_max: usize,
    /// `SPILL_PARTICIPANTS`: of one room on one shard, before the room spills.
    pub spill_participants: usize,
    /// `SPILL_SUBSCRIPTIONS`: of one room on one shard, before the room spills.
    pub spill_subscriptions: usize,
    /// `MICROPHONES_FORWARDED` of one room at a time; zero: all.
    pub microphones_forwarded: u8,
    /// `FAST_START_KIB` of a video since its last keyframe; zero: no fast start.
    pub fast_start_kib: u32,
    /// `ROOMS_MAX` of the node.
    pub rooms_max: usize,
    /// `METRICS_PUBLIC`: whether `/metrics` needs no token.
    pub metrics_public: bool,
    /// `DEMO`: whether the demo page is served.
    pub demo: bool,
    /// `ALLOWED_ORIGINS` of browsers; empty for the server's own.
    pub allowed_origins: Vec<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How shards talk to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoBackend {
    /// io_uring where it works, else epoll.
    Auto,
    /// io_uring, or no start.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

/// A feature that is found out or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On where it works.
    Auto,
    /// On, or no start.
    On,
    /// Off.
    Off,
}

impl Default for Config {
    /// Development on loopback.
    fn default() -> Self {
        Self {
            port: 3001,
            listen_ip: Ipv4Addr::LOCALHOST.into(),
            jwt_secret: None,
            jwks_file: None,
            jwks_url: None,
            jwt_audience: None,
            jwt_issuer: None,
            log_level: "info".to_owned(),
            log_format: LogFormat::Text,
            rtc_min_port: 10_000,
            rtc_max_port: 10_100,
            rtc_listen_ips: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            announced_ips: Vec::new(),
            shards: None,
            io_backend: IoBackend::Auto,
            udp_gso: Switch::Auto,
            coalesce_us: limits::COALESCE_US_DEFAULT,
            dtls_version: DtlsVersions::V12,
            drain_timeout: Duration::from_secs(limits::DRAIN_TIMEOUT_S_DEFAULT),
            room_auto_create: true,
            participants_max: limits::PARTICIPANTS_DEFAULT,
            room_participants_max: limits::ROOM_PARTICIPANTS_DEFAULT,
            spill_participants: limits::SPILL_PARTICIPANTS_DEFAULT,
            spill_subscriptions: limits::SPILL_SUBSCRIPTIONS_DEFAULT,
            microphones_forwarded: limits::MICROPHONES_FORWARDED_DEFAULT,
            fast_start_kib: limits::FAST_START_KIB_DEFAULT,
            rooms_max: limits::ROOMS_DEFAULT,
            metrics_public: true,
            demo: true,
            allowed_origins: Vec::new(),
        }
    }
}

impl Config {
    /// Reads `file`, lays `env` over it and checks the result. `env` is `std::env::vars()` in the server.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a bad value, or values that do not fit each other.
    pub fn load(file: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
            config.lay_file(file, &text)?;
        }
        config.lay_environment(env)?;
        config.fit_defaults();
        relations::check(&config)?;
        Ok(config)
    }

    /// A node that is told to take fewer participants need not be told what a room takes as well.
    fn fit_defaults(&mut self) {
        if self.room_participants_max == limits::ROOM_PARTICIPANTS_DEFAULT {
            self.room_participants_max = self.room_participants_max.min(self.participants_max);
        }
    }

    /// Whether there is no way to verify a token, so that the server mints its own and stays on loopback.
    pub fn is_development(&self) -> bool {
        self.jwt_secret.is_none() && self.jwks_file.is_none() && self.jwks_url.is_none()
    }

    /// The effective configuration as a file with a comment for each key. Secrets are named, not shown.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for key in KEYS {
            let default = key.default_value().unwrap_or_else(|| "not set".to_owned());
            out.push_str(&format!("# {}\n# {}; default: {default}\n", key.meaning, key.kind));
            let name = key.file_key();
            out.push_str(&match (key.show)(self) {
                Some(value) if key.is_secret => format!("# {name} {value}\n\n"),
                Some(value) => format!("{name} = {value}\n\n"),
                None => format!("# {name} =\n\n"),
            });
        }
        out.truncate(out.trim_end().len() + 1);
        out
    }

    fn lay_file(&mut self, file: &Path, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| ConfigError::Syntax { file: file.to_owned(), message: e.to_string() })?;
        let place = Place::File(file.to_owned());
        for (name, value) in &table {
            let Some(key) = KEYS.iter().find(|k| k.file_key() == *name) else {
                let known = KEYS.iter().map(Key::file_key).collect::<Vec<_>>().join(", ");
                return Err(ConfigError::UnknownKey { key: name.clone(), place, known });
            };
            match text_of(value, key.kind) {
                Ok(text) => self.lay(key, &place, &text)?,
                Err(problem) => return Err(bad_value(key, &place, problem)),
            }
        }
        Ok(())
    }

    fn lay_environment(&mut self, env: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (name, value) in env {
            match KEYS.iter().find(|k| k.name == name) {
                Some(key) => self.lay(key, &Place::Environment, &value)?,
                None if name.starts_with("CORELAY_") && name != FILE_VARIABLE => {
                    let known = KEYS.iter().map(|k| k.name).collect::<Vec<_>>().join(", ");
                    return Err(ConfigError::UnknownKey { key: name, place: Place::Environment, known });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Takes one value in. Empty text leaves what is there. A secret is taken to the byte: the one who signs has the same bytes.
    fn lay(&mut self, key: &'static Key, place: &Place, text: &str) -> Result<(), ConfigError> {
        let text = if key.is_secret { text } else { text.trim() };
        if text.is_empty() {
            return Ok(());
        }
        (key.read)(self, text, key.kind).map_err(|problem| bad_value(key, place, problem))
    }
}

fn bad_value(key: &'static Key, place: &Place, problem: String) -> ConfigError {
    ConfigError::BadValue { key: key.name, place: place.clone(), problem, allowed: key.kind.to_string() }
}

/// A value of the file as the text that an environment variable would hold, so that there is one reader.
fn text_of(value: &toml::Value, kind: Kind) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(list) if kind.is_list() => {
            let items: Result<Vec<String>, String> = list.iter().map(|item| text_of(item, Kind::Flag)).collect();
            Ok(items?.join(","))
        }
        other => Err(format!("a value of type {} does not fit", other.type_str())),
    }
}
