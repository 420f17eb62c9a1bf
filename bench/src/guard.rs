//! Instruction counts that may not grow unseen: the stages' own, without the cryptography, against a file that is checked in.

use crate::stages::{Counts, count};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// How far above its limit a count may be. Lower: a new compiler fails the check. Higher: three small losses in a row pass.
const TOLERANCE: f64 = 0.05;

/// What is guarded: a name, the stage that is counted, and the stage whose cryptography is taken off.
const GUARDED: &[(&str, &str, Option<&str>)] = &[
    ("demux", "demux", None),
    ("receive_over_open", "receive", Some("open")),
    ("forward_over_seal.run20", "forward.run20", Some("seal.video")),
    ("forward_over_seal.single", "forward.single", Some("seal.video")),
    ("forward_over_seal.frames", "forward.frames", Some("seal.video")),
    ("forward_over_seal.audio", "forward.audio", Some("seal.audio")),
    ("send.message", "send.message", None),
    ("relay", "relay", None),
    ("feedback", "feedback", None),
    ("timer", "timer", None),
];

const HEAD: &str = "# Instructions of one operation under callgrind, that the next change may not exceed by more than 5 %.\n\
                    # `cargo xtask bench --guard` compares; `cargo xtask bench --guard --raise` writes what it counts, for a change that costs more on\n\
                    # purpose, or less: then the commit says why.\n\n";

/// Compares with the limits in the file at `path`; with `raise` writes it anew.
pub fn guard(path: &Path, raise: bool) -> io::Result<()> {
    let counted = guarded(&count(&std::env::current_exe()?)?)?;
    if raise {
        return std::fs::write(path, format!("{HEAD}{}", lines(&counted)));
    }
    let limits = parse(&std::fs::read_to_string(path)?)?;
    let exceeded = compare(&counted, &limits, &mut io::stdout())?;
    if exceeded.is_empty() {
        return Ok(());
    }
    let how = "if the cost is meant, `cargo xtask bench --guard --raise` writes the new limits, and the commit says why";
    Err(io::Error::other(format!("{} cost more than {} allows: {how}", exceeded.join(", "), path.display())))
}

/// Each guarded cost by its name.
fn guarded(counts: &Counts) -> io::Result<BTreeMap<String, f64>> {
    let of = |name: &str| counts.of(name).ok_or_else(|| io::Error::other(format!("there is no stage {name} to guard")));
    let cost = |(name, stage, without): &(&str, &str, Option<&str>)| {
        let off = without.map_or(Ok(0.0), of)?;
        Ok(((*name).to_owned(), of(stage)? - off))
    };
    GUARDED.iter().map(cost).collect()
}

/// Tells each cost beside its limit; gives those above.
fn compare(counted: &BTreeMap<String, f64>, limits: &BTreeMap<String, f64>, out: &mut impl Write) -> io::Result<Vec<String>> {
    let mut exceeded = Vec::new();
    for (name, count) in counted {
        let Some(limit) = limits.get(name) else {
            return Err(io::Error::other(format!("{name} has no limit: `cargo xtask bench --guard --raise` writes them all")));
        };
        let share = count / limit * 100.0 - 100.0;
        writeln!(out, "guard {name} {count:.1} instructions, limit {limit:.1} ({share:+.1} %)")?;
        if *count > limit * (1.0 + TOLERANCE) {
            exceeded.push(name.clone());
        }
    }
    Ok(exceeded)
}

fn lines(counts: &BTreeMap<String, f64>) -> String {
    counts.iter().map(|(name, count)| format!("\"{name}\" = {count:.1}\n")).collect()
}

/// The part of TOML that [`lines`] writes.
fn parse(text: &str) -> io::Result<BTreeMap<String, f64>> {
    let kept = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parsed = kept.map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().trim_matches('"').to_owned(), value.trim().parse().ok()?))
    });
    parsed.collect::<Option<_>>().ok_or_else(|| io::Error::other("a limit is a line `\"name\" = number`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let written = costs(&[("forward.run20", 640.5), ("demux", 9.0)]);
        assert_eq!(parse(&format!("{HEAD}{}", lines(&written))).expect("ours"), written);
        assert!(parse("nonsense").is_err());
    }

    #[test]
    fn five_percent_more_pass_and_six_do_not() {
        let limits = costs(&[("a", 100.0), ("b", 100.0)]);
        let exceeded = compare(&costs(&[("a", 104.9), ("b", 106.0)]), &limits, &mut Vec::new()).expect("both have limits");
        assert_eq!(exceeded, ["b"]);
        assert!(compare(&costs(&[("c", 1.0)]), &limits, &mut Vec::new()).is_err());
    }
}
