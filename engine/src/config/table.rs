//! The table of keys: the only list of what can be configured. The reader, the printer and the messages all go by it.

use std::time::Duration;

use super::key::{Key, Kind, array, flag, ip, ips, items, log_level, quoted};
use super::{Config, DtlsVersions, IoBackend, LogFormat, Secret, Switch, limits};

const PORT: Kind = Kind::Number { min: 1, max: 65_535 };
const IO_BACKENDS: &[&str] = &["auto", "uring", "epoll"];
const SWITCHES: &[&str] = &["auto", "on", "off"];
const LOG_FORMATS: &[&str] = &["text", "json"];
const DTLS: &[&str] = &["1.2", "1.3", "auto"];

const fn key(
    name: &'static str,
    kind: Kind,
    meaning: &'static str,
    read: fn(&mut Config, &str, Kind) -> Result<(), String>,
    show: fn(&Config) -> Option<String>,
) -> Key {
    Key { name, kind, meaning, is_secret: false, read, show }
}

const fn secret(mut key: Key) -> Key {
    key.is_secret = true;
    key
}

/// Every key, in the order in which they are printed.
pub const KEYS: &[Key] = &[
    key(
        "PORT",
        Kind::Number { min: 0, max: 65_535 },
        "TCP port of HTTP and WebSocket. 0: any free one (for tests).",
        |c, text, kind| kind.number(text).map(|n| c.port = n),
        |c| Some(c.port.to_string()),
    ),
    key(
        "LISTEN_IP",
        Kind::Ip,
        "Address of HTTP and WebSocket. Anything but loopback needs JWT_SECRET, JWKS_FILE or JWKS_URL.",
        |c, text, _| ip(text).map(|a| c.listen_ip = a),
        |c| Some(quoted(c.listen_ip.to_string())),
    ),
    secret(key(
        "JWT_SECRET",
        Kind::Text("at least 32 bytes of text, such as the output of `openssl rand -base64 48`"),
        "Key of HS256 tokens. Without it and without JWKS the server runs for development and mints its own demo tokens.",
        |c, text, _| {
            if text.len() < limits::JWT_SECRET_BYTES_MIN {
                return Err(format!(
                    "the secret has {} bytes, and a short one can be guessed from any token (RFC 7518 section 3.2)",
                    text.len()
                ));
            }
            c.jwt_secret = Some(Secret::new(text));
            Ok(())
        },
        |c| c.jwt_secret.as_ref().map(ToString::to_string),
    )),
    key(
        "JWKS_FILE",
        Kind::Text("path of a file"),
        "Public keys for RS256, ES256 and EdDSA tokens, as a JSON Web Key Set.",
        |c, text, _| {
            c.jwks_file = Some(text.into());
            Ok(())
        },
        |c| c.jwks_file.as_ref().map(|p| quoted(p.to_string_lossy())),
    ),
    key(
        "JWKS_URL",
        Kind::Text("an http:// or https:// address"),
        "The same from a server.",
        |c, text, _| {
            if !(text.starts_with("https://") || text.starts_with("http://")) {
                return Err(format!("\"{text}\" is not one"));
            }
            c.jwks_url = Some(text.to_owned());
            Ok(())
        },
        |c| c.jwks_url.as_ref().map(quoted),
    ),
    key(
        "JWT_AUDIENCE",
        Kind::Text("text"),
        "What the `aud` of a token must contain. Not set: a token that has an `aud` is refused (RFC 7519 section 4.1.3).",
        |c, text, _| {
            c.jwt_audience = Some(text.to_owned());
            Ok(())
        },
        |c| c.jwt_audience.as_ref().map(quoted),
    ),
    key(
        "JWT_ISSUER",
        Kind::Text("text"),
        "What the `iss` of a token must be. Not set: `iss` is not looked at.",
        |c, text, _| {
            c.jwt_issuer = Some(text.to_owned());
            Ok(())
        },
        |c| c.jwt_issuer.as_ref().map(quoted),
    ),
    key(
        "LOG_LEVEL",
        Kind::Text("off, error, warn, info, debug or trace, alone or as target=level, comma separated"),
        "How much is logged. There is no log line per packet at any level.",
        |c, text, _| log_level(text).map(|level| c.log_level = level),
        |c| Some(quoted(&c.log_level)),
    ),
    key(
        "LOG_FORMAT",
        Kind::Choice(LOG_FORMATS),
        "How lines are written: for people or for machines.",
        |c, text, kind| kind.choice(text, &[LogFormat::Text, LogFormat::Json]).map(|f| c.log_format = f),
        |c| Some(quoted(LOG_FORMATS[c.log_format as usize])),
    ),
    key(
        "RTC_MIN_PORT",
        PORT,
        "First UDP port of media. The range is cut into equal slices, one per shard; a shard listens on the first port of its slice.",
        |c, text, kind| kind.number(text).map(|n| c.rtc_min_port = n),
        |c| Some(c.rtc_min_port.to_string()),
    ),
    key(
        "RTC_MAX_PORT",
        PORT,
        "Last UDP port of media. There must be at least as many ports as shards.",
        |c, text, kind| kind.number(text).map(|n| c.rtc_max_port = n),
        |c| Some(c.rtc_max_port.to_string()),
    ),
    key(
        "RTC_LISTEN_IPS",
        Kind::Ips,
        "Addresses of media sockets. 0.0.0.0 and :: mean every interface and need ANNOUNCED_IP.",
        |c, text, _| ips(text).and_then(|list| set_listen_ips(c, list)),
        |c| Some(array(&c.rtc_listen_ips)),
    ),
    key(
        "ANNOUNCED_IP",
        Kind::Ips,
        "Addresses that clients are told to send media to, where they are not those of RTC_LISTEN_IPS (NAT, containers).",
        |c, text, _| ips(text).map(|list| c.announced_ips = list),
        |c| (!c.announced_ips.is_empty()).then(|| array(&c.announced_ips)),
    ),
    key(
        "SHARDS",
        Kind::Number { min: 1, max: limits::SHARDS_MAX as u64 },
        "Media threads, each pinned to a core. Not set: one per core but one, which is left for signaling.",
        |c, text, kind| kind.number(text).map(|n| c.shards = Some(n)),
        |c| c.shards.map(|n| n.to_string()),
    ),
    key(
        "IO_BACKEND",
        Kind::Choice(IO_BACKENDS),
        "How shards talk to the kernel. auto: io_uring where the kernel and the container's seccomp profile allow it, else epoll.",
        |c, text, kind| kind.choice(text, &[IoBackend::Auto, IoBackend::Uring, IoBackend::Epoll]).map(|b| c.io_backend = b),
        |c| Some(quoted(IO_BACKENDS[c.io_backend as usize])),
    ),
    key(
        "UDP_GSO",
        Kind::Choice(SWITCHES),
        "UDP segmentation offload. auto: on where it works (Linux 7.0 to 7.1.4 corrupts it and is left out).",
        |c, text, kind| kind.choice(text, &[Switch::Auto, Switch::On, Switch::Off]).map(|s| c.udp_gso = s),
        |c| Some(quoted(SWITCHES[c.udp_gso as usize])),
    ),
    key(
        "COALESCE_US",
        Kind::Number { min: 0, max: limits::COALESCE_US_MAX as u64 },
        "Latency within which a busy shard waits for more datagrams, in microseconds. Higher: less CPU. Lower: less latency. An idle shard never waits.",
        |c, text, kind| kind.number(text).map(|n| c.coalesce_us = n),
        |c| Some(c.coalesce_us.to_string()),
    ),
    key(
        "DTLS_VERSION",
        Kind::Choice(DTLS),
        "DTLS versions that are spoken. 1.2 agrees on an AEAD cipher for media with every browser; 1.3 takes the client's first choice.",
        |c, text, kind| kind.choice(text, &[DtlsVersions::V12, DtlsVersions::V13, DtlsVersions::Auto]).map(|v| c.dtls_version = v),
        |c| Some(quoted(DTLS[c.dtls_version as usize])),
    ),
    key(
        "DRAIN_TIMEOUT",
        Kind::Number { min: 0, max: limits::DRAIN_TIMEOUT_S_MAX },
        "Seconds that running calls may go on after SIGTERM.",
        |c, text, kind| kind.number(text).map(|n| c.drain_timeout = Duration::from_secs(n)),
        |c| Some(c.drain_timeout.as_secs().to_string()),
    ),
    key(
        "ROOM_AUTO_CREATE",
        Kind::Flag,
        "Whether the first participant with a token for a room makes it. false: rooms are made over HTTP.",
        |c, text, _| flag(text).map(|b| c.room_auto_create = b),
        |c| Some(c.room_auto_create.to_string()),
    ),
    key(
        "PARTICIPANTS_MAX",
        Kind::Number { min: 1, max: limits::PARTICIPANTS_MAX as u64 },
        "Participants of this node.",
        |c, text, kind| kind.number(text).map(|n| c.participants_max = n),
        |c| Some(c.participants_max.to_string()),
    ),
    key(
        "ROOM_PARTICIPANTS_MAX",
        Kind::Number { min: 1, max: limits::PARTICIPANTS_MAX as u64 },
        "Participants of one room.",
        |c, text, kind| kind.number(text).map(|n| c.room_participants_max = n),
        |c| Some(c.room_participants_max.to_string()),
    ),
    key(
        "SPILL_PARTICIPANTS",
        Kind::Number { min: 1, max: limits::PARTICIPANTS_MAX as u64 },
        "Participants of one room that a shard takes before the room spills onto another shard. Higher: fewer copies between shards. Lower: large rooms use more cores sooner.",
        |c, text, kind| kind.number(text).map(|n| c.spill_participants = n),
        |c| Some(c.spill_participants.to_string()),
    ),
    key(
        "SPILL_SUBSCRIPTIONS",
        Kind::Number { min: 1, max: limits::SPILL_SUBSCRIPTIONS_MAX as u64 },
        "The same for subscriptions of one room: what costs a shard in a meeting where everyone receives everyone.",
        |c, text, kind| kind.number(text).map(|n| c.spill_subscriptions = n),
        |c| Some(c.spill_subscriptions.to_string()),
    ),
    key(
        "MICROPHONES_FORWARDED",
        Kind::Number { min: 0, max: u8::MAX as u64 },
        "Microphones of one room that are forwarded at a time: those that are spoken into. 0: all. Rooms with no more than these are not affected.",
        |c, text, kind| kind.number(text).map(|n| c.microphones_forwarded = n),
        |c| Some(c.microphones_forwarded.to_string()),
    ),
    key(
        "FAST_START_KIB",
        Kind::Number { min: 0, max: limits::FAST_START_KIB_MAX as u64 },
        "What a video may have had since its last keyframe for a joiner to begin with that at once, in KiB. More than 256: kept for each video. 0: every joiner waits for a new keyframe.",
        |c, text, kind| kind.number(text).map(|n| c.fast_start_kib = n),
        |c| Some(c.fast_start_kib.to_string()),
    ),
    key(
        "ROOMS_MAX",
        Kind::Number { min: 1, max: limits::ROOMS_MAX as u64 },
        "Rooms of this node.",
        |c, text, kind| kind.number(text).map(|n| c.rooms_max = n),
        |c| Some(c.rooms_max.to_string()),
    ),
    key(
        "METRICS_PUBLIC",
        Kind::Flag,
        "Whether /metrics is answered without a token.",
        |c, text, _| flag(text).map(|b| c.metrics_public = b),
        |c| Some(c.metrics_public.to_string()),
    ),
    key(
        "DEMO",
        Kind::Flag,
        "Whether the demo page is served.",
        |c, text, _| flag(text).map(|b| c.demo = b),
        |c| Some(c.demo.to_string()),
    ),
    key(
        "ALLOWED_ORIGINS",
        Kind::Texts("origins such as https://app.example.com, or *"),
        "Web origins that may use the server from a browser. Not set: the server's own.",
        |c, text, _| set_origins(c, text),
        |c| (!c.allowed_origins.is_empty()).then(|| array(&c.allowed_origins)),
    ),
];

fn set_listen_ips(config: &mut Config, list: Vec<std::net::IpAddr>) -> Result<(), String> {
    if list.is_empty() || list.len() > limits::RTC_LISTEN_IPS_MAX {
        return Err(format!("there are {} addresses, and a shard takes 1 to {}", list.len(), limits::RTC_LISTEN_IPS_MAX));
    }
    config.rtc_listen_ips = list;
    Ok(())
}

fn set_origins(config: &mut Config, text: &str) -> Result<(), String> {
    let list: Vec<String> = items(text).map(|item| item.trim_end_matches('/').to_owned()).collect();
    match list.iter().find(|item| *item != "*" && !item.contains("://")) {
        Some(item) => Err(format!("\"{item}\" has no scheme")),
        None => {
            config.allowed_origins = list;
            Ok(())
        }
    }
}
