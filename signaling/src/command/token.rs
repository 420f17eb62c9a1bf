//! `corelay token`

use super::{CommandResult, load, print as write};
use clap::{Args, ValueEnum};
use corelay::token::{PublishKind, TokenRequest, mint};
use std::path::Path;
use std::time::Duration;

/// What the token shall say.
#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// The room.
    #[arg(long, required_unless_present = "admin")]
    room: Option<String>,
    /// The identity (`sub`).
    #[arg(long, required_unless_present = "admin")]
    identity: Option<String>,
    /// The display name.
    #[arg(long)]
    name: Option<String>,
    /// What may be published, with commas between.
    #[arg(long, value_enum, value_delimiter = ',')]
    publish: Vec<Publish>,
    /// Forbids subscribing.
    #[arg(long)]
    no_subscribe: bool,
    /// Allows the HTTP interface for servers.
    #[arg(long)]
    admin: bool,
    /// How long it is valid: a number and s, m, h or d.
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Publish {
    Audio,
    Video,
    Screen,
}

/// Prints a token.
pub(crate) fn print(file: Option<&Path>, arguments: &TokenArguments) -> CommandResult {
    let config = load(file)?;
    let secret = config.jwt_secret.as_ref().ok_or("there is nothing to sign with: set JWT_SECRET to the server's")?;
    let request = TokenRequest {
        room: arguments.room.clone(),
        identity: arguments.identity.clone(),
        name: arguments.name.clone(),
        publish: arguments.publish.iter().map(|kind| kind.grant()).collect(),
        subscribe: !arguments.no_subscribe,
        admin: arguments.admin,
        ttl: arguments.ttl,
        audience: config.jwt_audience.clone(),
        issuer: config.jwt_issuer.clone(),
    };
    write(&format!("{}\n", mint(secret.expose(), &request)?))
}

impl Publish {
    const fn grant(self) -> PublishKind {
        match self {
            Self::Audio => PublishKind::Audio,
            Self::Video => PublishKind::Video,
            Self::Screen => PublishKind::Screen,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("\"{text}\" is no time: write a number and s, m, h or d, such as 90m");
    let unit = text.chars().last().ok_or_else(problem)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(problem()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| problem())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("90m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for text in ["", "h", "1", "-1h", "1w", "99999999999999999999d", "1ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
