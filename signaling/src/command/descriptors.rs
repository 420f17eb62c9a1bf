//! File descriptors: each WebSocket takes one, and most systems give a process 1,024 unless it asks for more.

use corelay::limits::Limits;
use corelay_engine::config::Config;

/// For shards, timers, keys and the log: a socket for each address and shard, two event counters and a ring for each shard.
const OF_THE_SERVER: usize = 512;

/// Raises the limit as far as the system allows, and says so if that is not enough for what the configuration promises.
pub(crate) fn raise(config: &Config) {
    let needed = needed(config, &Limits::default());
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(granted) if granted < needed => tracing::warn!(
            granted,
            needed,
            "too few file descriptors for PARTICIPANTS_MAX: raise LimitNOFILE of systemd, `ulimit -Hn` or the container's nofile limit"
        ),
        Ok(granted) => tracing::debug!(granted, needed, "file descriptors"),
        Err(error) => tracing::warn!(
            %error,
            needed,
            "the limit of file descriptors cannot be raised: set LimitNOFILE of systemd, `ulimit -n` or the container's nofile limit"
        ),
    }
}

fn needed(config: &Config, limits: &Limits) -> u64 {
    (config.participants_max + limits.lobby_max + limits.http_connections_max + OF_THE_SERVER) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_participant_and_every_place_in_the_lobby_has_a_descriptor() {
        let config = Config { participants_max: 10_000, ..Config::default() };
        assert!(needed(&config, &Limits::default()) > 11_000);
    }
}
