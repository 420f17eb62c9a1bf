//! What must hold between the values of a configuration.

use std::net::IpAddr;

use super::{Config, ConfigError, limits};

/// The first relation that does not hold, as an error.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    ports(config)?;
    rooms(config)?;
    announced(config)?;
    authentication(config)
}

fn clash(keys: &'static str, problem: String, advice: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Clash { keys, problem, advice: advice.into() })
}

fn ports(config: &Config) -> Result<(), ConfigError> {
    let (min, max) = (config.rtc_min_port, config.rtc_max_port);
    if min > max {
        return clash(
            "RTC_MIN_PORT, RTC_MAX_PORT",
            format!("the first port {min} is above the last {max}"),
            "Swap or correct them",
        );
    }
    let count = usize::from(max - min) + 1;
    match config.shards {
        Some(shards) if shards > count => clash(
            "RTC_MIN_PORT, RTC_MAX_PORT, SHARDS",
            format!("{count} ports are too few for {shards} shards, which need one each"),
            format!("Raise RTC_MAX_PORT by {} or lower SHARDS to {count}", shards - count),
        ),
        _ => Ok(()),
    }
}

fn rooms(config: &Config) -> Result<(), ConfigError> {
    if config.room_participants_max > config.participants_max {
        return clash(
            "ROOM_PARTICIPANTS_MAX, PARTICIPANTS_MAX",
            format!("a room of {} does not fit a node of {}", config.room_participants_max, config.participants_max),
            "Raise PARTICIPANTS_MAX or lower ROOM_PARTICIPANTS_MAX",
        );
    }
    Ok(())
}

fn announced(config: &Config) -> Result<(), ConfigError> {
    for ip in &config.announced_ips {
        if ip.is_unspecified() {
            return clash(
                "ANNOUNCED_IP",
                format!("{ip} is no address that a client can send to"),
                "Set it to the address at which clients reach this machine",
            );
        }
        let heard = |l: &IpAddr| l.is_ipv4() == ip.is_ipv4() && (ip.is_loopback() || !l.is_loopback());
        if !config.rtc_listen_ips.iter().any(heard) {
            let wildcard = if ip.is_ipv4() { "0.0.0.0" } else { "::" };
            return clash(
                "ANNOUNCED_IP, RTC_LISTEN_IPS",
                format!("clients would be told to send to {ip}, and no address of RTC_LISTEN_IPS can hear them there"),
                format!("Add {wildcard}, or the address of the interface, to RTC_LISTEN_IPS"),
            );
        }
    }
    match config
        .rtc_listen_ips
        .iter()
        .find(|l| l.is_unspecified() && !config.announced_ips.iter().any(|a| a.is_ipv4() == l.is_ipv4()))
    {
        Some(listen) => clash(
            "RTC_LISTEN_IPS, ANNOUNCED_IP",
            format!("{listen} listens everywhere and tells clients nothing"),
            format!(
                "Set ANNOUNCED_IP to the IPv{} address at which clients reach this machine, or list the address itself in RTC_LISTEN_IPS",
                if listen.is_ipv4() { 4 } else { 6 }
            ),
        ),
        None => Ok(()),
    }
}

fn authentication(config: &Config) -> Result<(), ConfigError> {
    if !config.is_development() {
        return Ok(());
    }
    let (key, open) = match config.rtc_listen_ips.iter().find(|l| !l.is_loopback()) {
        _ if !config.listen_ip.is_loopback() => ("LISTEN_IP, JWT_SECRET", config.listen_ip),
        Some(ip) => ("RTC_LISTEN_IPS, JWT_SECRET", *ip),
        None => return Ok(()),
    };
    clash(
        key,
        format!("without a secret anyone who reaches {open} could join any room"),
        format!(
            "Set JWT_SECRET (at least {} bytes), JWKS_FILE or JWKS_URL, or listen on 127.0.0.1 and ::1 only",
            limits::JWT_SECRET_BYTES_MIN
        ),
    )
}
