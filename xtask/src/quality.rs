//! `cargo xtask quality`: a call between two real browsers over a bad network, through this server and through others.

use crate::browser;
use crate::console;
use crate::install::Tools;
use crate::project::{Project, program};
use crate::stage::Stage;
use anyhow::{Result, bail};
use serde_json::json;

/// One round of one server takes about two and a half minutes; a hang ends after three times that.
const ROUND_MINUTES_MAX: u64 = 8;

/// What is to be measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these servers, by commas.
    #[arg(long, value_delimiter = ',', default_value = "corelay,janus,mediasoup")]
    only: Vec<String>,
    /// How often each server is measured, one after the other in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Fill the tables of docs/quality.md with what is measured, and draw its plots.
    #[arg(long)]
    write_docs: bool,
}

/// Measures. Whether everything that is installed could be.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let tools = Tools::install(project, true)?;
    if tools.node_path.is_none() || program("chromium").is_none() {
        bail!("the measurement needs Node 20, npm and Chromium: sudo apt-get install nodejs npm chromium");
    }
    if !tools.has_namespaces || program("python3").is_none() {
        bail!("the network is made of namespaces: run it as root, with iproute2, nftables and python3 installed");
    }
    let Some(server) = browser::prepare(project, &tools)? else {
        return Ok(false);
    };
    let report = project.target.join("quality");
    let docs = options.write_docs.then(|| project.root.join("docs/quality.md"));
    let commit = commit(project)?;
    let settings = json!({ "only": options.only, "rounds": options.rounds, "report": report, "docs": docs, "commit": commit });
    let limit = ROUND_MINUTES_MAX * options.rounds * options.only.len() as u64;
    let stage =
        Stage::new(project, "quality", "sh", &["-c", "exec node quality/measure.mjs \"$1\"", "sh"], limit).configure(|command| {
            command
                .arg(settings.to_string())
                .current_dir(project.e2e())
                .env("CORELAY_BIN", &server)
                .env("CORELAY_COMMIT", &commit)
                .envs(browser::path(&tools));
        });
    console::line("quality: each round of a server takes about two and a half minutes");
    let measured = stage.count(project, |output| {
        output.lines().filter(|line| line.contains(" round ") || line.contains(": left out.")).for_each(console::line);
        crate::tally::Tally::default()
    })?;
    if measured.failed == 0 {
        console::line(&format!("report: {}", report.join("report.json").display()));
    }
    Ok(measured.failed == 0)
}

/// The commit that is measured, with a `+` where the checkout differs from it.
fn commit(project: &Project) -> Result<String> {
    let describe = Stage::new(project, "quality-commit", "git", &["describe", "--always", "--abbrev=7", "--dirty=+"], 1);
    Ok(describe.run(project)?.output.trim().to_owned())
}
