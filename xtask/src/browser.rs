//! Real browsers against the server, by the tests in e2e/.

use crate::console;
use crate::install::Tools;
use crate::project::Project;
use crate::stage::Stage;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;

/// The server is built as users run it, but for link-time optimisation: that takes minutes and changes no behaviour.
const PROFILE: &str = "e2e";

/// Test files that make a network namespace.
const IN_NAMESPACE: &[&str] = &["firefox"];

/// Runs the browser tests, one file after another: each keeps two cores busy. `filter` chooses files by their names.
pub(crate) fn test(project: &Project, tools: &Tools, filter: Option<&str>) -> Result<Tally> {
    let files = test_files(project, filter)?;
    if files.is_empty() {
        return Ok(Tally::default());
    }
    if tools.node_path.is_none() || !tools.has_browsers {
        console::line(&format!("browser: skipped {} files: Node, Chromium, Firefox or ffmpeg is missing", files.len()));
        return Ok(Tally::skipped(files.len() as u64));
    }
    let (Some(server), Some(loadgen)) = (prepare(project, tools)?, build(project, "corelay-loadgen")?) else {
        return Ok(Tally::of(false));
    };
    let mut sum = Tally::default();
    for file in files {
        if IN_NAMESPACE.contains(&file.as_str()) && !tools.has_namespaces {
            sum += Tally::skipped(1);
            continue;
        }
        let arguments = ["--test", "--test-concurrency=1", "--test-reporter=tap", &format!("{file}.test.mjs")];
        let stage = Stage::new(project, file.as_str(), "sh", &["-c", "exec node \"$@\"", "sh"], 15);
        let stage = stage.configure(|command| {
            command
                .args(arguments)
                .current_dir(project.e2e())
                .env("CORELAY_BIN", &server)
                .env("CORELAY_LOADGEN", &loadgen)
                .envs(path(tools));
        });
        sum += stage.count(project, Tally::from_node)?;
    }
    Ok(sum)
}

/// Takes the README's picture.
pub(crate) fn screenshot(project: &Project) -> Result<bool> {
    let tools = Tools::install(project, true)?;
    if tools.node_path.is_none() || !tools.has_browsers {
        bail!("the screenshot needs Node and Chromium; see above for what is missing");
    }
    let Some(server) = prepare(project, &tools)? else {
        return Ok(false);
    };
    let picture = project.root.join("docs/images/call.png");
    let stage = Stage::new(project, "screenshot", "sh", &["-c", "exec node screenshot.mjs \"$1\"", "sh"], 5).configure(|command| {
        command.arg(&picture).current_dir(project.e2e()).env("CORELAY_BIN", &server).envs(path(&tools));
    });
    Ok(stage.check(project)?.failed == 0)
}

/// Installs e2e's packages and builds the server. Its path, or `None` after a failure that was shown.
pub(crate) fn prepare(project: &Project, tools: &Tools) -> Result<Option<PathBuf>> {
    if !tools.npm_ci(project, "e2e-install", &project.e2e())? {
        return Ok(None);
    }
    build(project, "corelay")
}

/// Builds one package by itself: with others beside it, Cargo would lend it features that it does not have at a user's.
fn build(project: &Project, package: &str) -> Result<Option<PathBuf>> {
    let arguments = ["build", "--locked", "--package", package, "--profile", PROFILE];
    let build = Stage::new(project, package, "cargo", &arguments, 40).check(project)?;
    Ok((build.failed == 0).then(|| project.target.join(PROFILE).join(package)))
}

/// The PATH with Node for a command's environment.
pub(crate) fn path(tools: &Tools) -> impl Iterator<Item = (&'static str, &std::ffi::OsString)> {
    tools.node_path.iter().map(|path| ("PATH", path))
}

/// The names of the test files, without `.test.mjs`, in order.
fn test_files(project: &Project, filter: Option<&str>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(project.e2e()).context("cannot read e2e/")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".test.mjs").map(str::to_owned));
    }
    names.retain(|name| filter.is_none_or(|filter| name.contains(filter)));
    names.sort();
    Ok(names)
}
