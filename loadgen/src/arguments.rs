//! What is said on the command line, and the lists that it prints.

use crate::run::Target;
use crate::scenario::{Scenario, keys, shipped};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};

/// Load for a Corelay server: real clients (WebSocket, ICE, DTLS, SRTP) in numbers, and what they see.
///
/// Exit codes: 0 everything arrived and all objectives held; 1 an objective (SLO) was broken; 2 a wrong argument or scenario;
/// 3 packets were lost or corrupt, or participants refused or thrown out; 4 the generator was the bottleneck, so there is no result;
/// 5 the run could not be set up.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    quick: Quick,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs a scenario: one of `list` by its name, or a file
    Run {
        #[command(flatten)]
        what: What,
    },
    /// Raises the load step by step until an objective breaks, and prints the capacity
    Ramp {
        #[command(flatten)]
        what: What,
        /// The first step [default: the scenario's ramp.from]
        #[arg(long)]
        from: Option<u32>,
        /// The last step [default: the scenario's ramp.to]
        #[arg(long)]
        to: Option<u32>,
        /// By how much each step raises [default: the scenario's ramp.step]
        #[arg(long)]
        step: Option<u32>,
    },
    /// Lists the scenarios that come with this program
    List,
    /// Prints one of them, to begin an own file with
    Show {
        /// Its name
        scenario: String,
    },
    /// Lists the keys of a scenario with their units, bounds and defaults
    Keys,
}

#[derive(Args)]
struct What {
    /// A name of `list`, or a TOML file
    scenario: String,
    /// Overrides a key of the scenario; may be given many times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Short for --set measure.duration="N s"
    #[arg(long)]
    seconds: Option<u32>,
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    outputs: Outputs,
}

#[derive(Args)]
struct ServerArguments {
    /// The server's WebSocket
    #[arg(long, default_value = "ws://127.0.0.1:3001/ws")]
    url: String,
    /// The secret that the server checks tokens with. Without it a development server is asked for demo tokens
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
    /// The room's name, or what the names of several begin with
    #[arg(long, default_value = "loadgen")]
    room: String,
    /// Process id of the server on this machine: its CPU and memory go into the report
    #[arg(long)]
    server_pid: Option<u32>,
}

/// Where results go.
#[derive(Args, Clone)]
pub(crate) struct Outputs {
    /// Writes the result as JSON to a file, or to standard output without one
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<String>,
    /// Writes the result as a page with plots
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<String>,
    /// Shows no progress
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// A call without a scenario: one room, said in a few flags.
#[derive(Args)]
struct Quick {
    #[command(flatten)]
    server: ServerArguments,
    /// How many participants join
    #[arg(long, default_value_t = 10)]
    participants: u32,
    /// How many of them publish; the rest only receive [default: all]
    #[arg(long)]
    publishers: Option<u32>,
    /// How long media flows, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Video of each publisher in kbit/s; 0 for audio only
    #[arg(long, default_value_t = 300)]
    video_kbps: u32,
    /// Participants publish nothing and only hold their transports
    #[arg(long)]
    idle: bool,
    #[command(flatten)]
    outputs: Outputs,
}

/// What the flags stand for; they override its values.
const QUICK: &str = "\
summary = \"A call said in flags\"
participants = 10
[audio]
[join]
rate = \"100 /s\"
[measure]
warmup = \"1 s\"
whole_every = 1
";

/// What to do. A scenario that cannot be read is an error of the command line.
pub(crate) enum Command {
    List,
    Keys,
    Show { scenario: String },
    Run { scenario: anyhow::Result<Scenario>, target: Target, outputs: Outputs },
    Ramp { scenario: anyhow::Result<Scenario>, target: Target, outputs: Outputs },
}

impl Arguments {
    /// What was asked for.
    pub(crate) fn command(&self) -> Command {
        match &self.verb {
            None => Command::Run {
                scenario: self.quick.scenario(),
                target: self.quick.server.target(),
                outputs: self.quick.outputs.clone(),
            },
            Some(Verb::List) => Command::List,
            Some(Verb::Keys) => Command::Keys,
            Some(Verb::Show { scenario }) => Command::Show { scenario: scenario.clone() },
            Some(Verb::Run { what }) => {
                Command::Run { scenario: what.scenario(Vec::new()), target: what.server.target(), outputs: what.outputs.clone() }
            }
            Some(Verb::Ramp { what, from, to, step }) => {
                let bounds = [("from", from), ("to", to), ("step", step)];
                let bounds = bounds.into_iter().filter_map(|(key, value)| Some(format!("ramp.{key}={}", (*value)?))).collect();
                Command::Ramp { scenario: what.scenario(bounds), target: what.server.target(), outputs: what.outputs.clone() }
            }
        }
    }
}

impl What {
    fn scenario(&self, mut overrides: Vec<String>) -> anyhow::Result<Scenario> {
        overrides.extend(self.seconds.map(|seconds| format!("measure.duration=\"{seconds} s\"")));
        overrides.extend(self.set.iter().cloned());
        Scenario::load(&self.scenario, &overrides)
    }
}

impl ServerArguments {
    fn target(&self) -> Target {
        Target { url: self.url.clone(), jwt_secret: self.jwt_secret.clone(), room: self.room.clone(), server_pid: self.server_pid }
    }
}

impl Quick {
    fn scenario(&self) -> anyhow::Result<Scenario> {
        let mut overrides = vec![format!("participants={}", self.participants), format!("measure.duration=\"{} s\"", self.seconds)];
        overrides.extend(self.publishers.map(|n| format!("publishers={}", n.min(self.participants))));
        if self.video_kbps > 0 {
            overrides.push(format!("video.bitrate=\"{} kbit/s\"", self.video_kbps));
        }
        if self.idle {
            overrides.extend(["publishers=0".to_owned(), "idle_transports=true".to_owned()]);
        }
        Ok(Scenario::parse("call", "flags", QUICK.to_owned(), &overrides)?)
    }
}

/// The shipped scenarios with what they show.
pub(crate) fn list() -> String {
    let line = |shipped: &shipped::Shipped| {
        let summary = Scenario::load(shipped.name, &[]).map(|scenario| scenario.summary).unwrap_or_default();
        format!("{:<20}{summary}\n", shipped.name)
    };
    shipped::ALL.iter().map(line).collect()
}

/// The text of a shipped scenario.
pub(crate) fn shown(name: &str) -> anyhow::Result<&'static str> {
    let shipped = shipped::find(name);
    Ok(shipped.with_context(|| format!("there is no scenario `{name}`: `corelay-loadgen list` lists what there is"))?.text)
}

/// Every key with its form and default.
pub(crate) fn keys() -> String {
    let describe = |key: &keys::Key| {
        let form = key.form.describe();
        format!("{}\n    {}\n    {form}; default: {}\n", key.path, key.about, key.default)
    };
    keys::KEYS.iter().map(describe).collect()
}

/// Writes a result.
pub(crate) fn write_file(path: &str, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)
        .with_context(|| format!("cannot write {path}: choose a folder that exists and that you may write to"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::time::Duration;

    fn scenario(arguments: &[&str]) -> Scenario {
        let arguments = Arguments::parse_from([&["corelay-loadgen"], arguments].concat());
        match arguments.command() {
            Command::Run { scenario, .. } | Command::Ramp { scenario, .. } => scenario.expect("it is complete"),
            _ => panic!("no run"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn flags_alone_make_a_scenario() {
        let call = scenario(&["--json", "--participants", "20", "--publishers", "3", "--seconds", "5", "--video-kbps", "500"]);
        assert_eq!((call.participants, call.publishers.of(20)), (20, 3));
        assert_eq!((call.measure.duration, call.video.map(|video| video.layers)), (Duration::from_secs(5), Some(vec![500_000])));
        let idle = scenario(&["--idle", "--participants", "100"]);
        assert!(idle.idle_transports && idle.publishers.of(100) == 0);
        assert!(scenario(&["--video-kbps", "0"]).video.is_none());
    }

    #[test]
    fn overrides_of_the_command_line_reach_the_scenario() {
        let run = scenario(&["run", "meeting", "--seconds", "7", "--set", "participants=3", "--json", "-", "--html", "x.html"]);
        assert_eq!((run.participants, run.measure.duration), (3, Duration::from_secs(7)));
        let ramp = scenario(&["ramp", "meeting", "--from", "2", "--to", "9"]);
        assert_eq!((ramp.ramp.from, ramp.ramp.to), (Some(2), Some(9)));
    }

    #[test]
    fn lists_name_everything() {
        assert!(shipped::ALL.iter().all(|shipped| list().contains(shipped.name)));
        assert!(keys::KEYS.iter().all(|key| keys().contains(key.path)));
        assert!(shown("meeting").expect("it is shipped").contains("[video]"));
        assert!(shown("nothing").expect_err("no such thing").to_string().contains("list"));
    }

    #[test]
    fn the_manual_has_every_key_as_it_is() {
        let manual = include_str!("../../docs/loadgen.md");
        let row = |key: &keys::Key| format!("| `{}` | {} | {} | {} |", key.path, key.form.describe(), key.default, key.about);
        let missing: Vec<String> = keys::KEYS.iter().map(row).filter(|row| !manual.contains(row)).collect();
        assert!(missing.is_empty(), "docs/loadgen.md must have these rows:\n{}", missing.join("\n"));
    }
}
