//! The demo page: its bundle is checked in, so that the server builds without Node; here it is built, tested and compared.

use crate::console;
use crate::install::Tools;
use crate::project::Project;
use crate::stage::Stage;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Builds the bundle into signaling/web/dist.
pub(crate) fn build(project: &Project) -> Result<bool> {
    let tools = Tools::install(project, true)?;
    if !tools.npm_ci(project, "web-install", &project.web())? {
        bail!("the demo page needs Node and npm to build; see above for what is missing");
    }
    Ok(script(project, &tools, "web-build", &["build"]).check(project)?.failed == 0)
}

/// The page's types and unit tests, and whether its source gives the bundle that is checked in.
pub(crate) fn test(project: &Project, tools: &Tools) -> Result<Tally> {
    if tools.node_path.is_none() {
        return Ok(Tally::skipped(3));
    }
    if !tools.npm_ci(project, "web-install", &project.web())? {
        return Ok(Tally::of(false));
    }
    let mut sum = script(project, tools, "web-types", &["check"]).check(project)?;
    sum += script(project, tools, "web-test", &["test"]).count(project, Tally::from_node)?;
    sum += compare_bundle(project, tools)?;
    Ok(sum)
}

fn script(project: &Project, tools: &Tools, name: &'static str, arguments: &[&str]) -> Stage {
    let arguments = [&["run"], arguments].concat();
    Stage::new(project, name, "npm", &arguments, 10).configure(|command| {
        command.current_dir(project.web()).envs(tools.node_path.iter().map(|path| ("PATH", path)));
    })
}

fn compare_bundle(project: &Project, tools: &Tools) -> Result<Tally> {
    let fresh = project.scratch().join("web-dist");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let dir = fresh.to_string_lossy().into_owned();
    let build = script(project, tools, "web-bundle", &["build", "--", "--outDir", &dir, "--emptyOutDir"]).check(project)?;
    if build.failed > 0 {
        return Ok(build);
    }
    let differences = differences(&files(&project.web().join("dist"))?, &files(&fresh)?);
    if !differences.is_empty() {
        console::line("signaling/web/dist is not what its source gives; `cargo xtask web` builds it:");
        console::indented(&differences.join("\n"));
    }
    Ok(Tally::of(differences.is_empty()))
}

/// All files below a directory, by their path in it.
fn files(root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.insert(path.strip_prefix(root)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn differences(checked_in: &BTreeMap<PathBuf, Vec<u8>>, fresh: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let gone =
        checked_in.keys().filter(|path| !fresh.contains_key(*path)).map(|path| format!("{}: not built any more", path.display()));
    let other = fresh.iter().filter_map(|(path, bytes)| match checked_in.get(path) {
        None => Some(format!("{}: not checked in", path.display())),
        Some(old) if old != bytes => Some(format!("{}: differs", path.display())),
        Some(_) => None,
    });
    gone.chain(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> BTreeMap<PathBuf, Vec<u8>> {
        files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn equal_bundles_have_no_differences() {
        let bundle = tree(&[("index.html", "a"), ("assets/x.js", "b")]);
        assert!(differences(&bundle, &bundle).is_empty());
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let found = differences(&tree(&[("gone", ""), ("other", "a")]), &tree(&[("other", "b"), ("new", "")]));
        assert_eq!(found, ["gone: not built any more", "new: not checked in", "other: differs"]);
    }
}
