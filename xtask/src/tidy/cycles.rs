//! Modules of one level must not need each other in a circle.
//!
//! ```text
//!   crate            receive::nack uses forward::history   : receive -> forward
//!    |- receive      forward uses receive                  : forward -> receive, a cycle on the level of `crate`
//!    |   `- nack     nack uses super::Stats (its parent's)  : no edge, a parent and its children are one thing
//!    `- forward
//! ```
//!
//! A reference counts between the two modules that part right below the nearest common parent. So a cycle that runs through the
//! children of two modules is one between these two.

use super::Finding;
use super::crates::Metadata;
use super::module_tree::{self, Module, Reference};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who needs whom on one level, and a place that shows it.
type Edges = BTreeMap<(String, String), String>;

/// Checks each crate of the workspace.
pub(super) fn check(metadata: &Metadata, sources: &[Source]) -> Vec<Finding> {
    metadata.own.iter().flat_map(|package| check_crate(&package.name, module_tree::references(&package.dir, sources))).collect()
}

fn check_crate(name: &str, references: Vec<Reference>) -> Vec<Finding> {
    let mut levels: BTreeMap<Module, Edges> = BTreeMap::new();
    for Reference { from, to, place } in references {
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(common), to.get(common)) {
            levels.entry(from[..common].to_vec()).or_default().entry((a.clone(), b.clone())).or_insert(place);
        }
    }
    levels.iter().flat_map(|(level, edges)| check_level(&[&[name.to_owned()][..], level].concat().join("::"), edges)).collect()
}

fn check_level(level: &str, edges: &Edges) -> Vec<Finding> {
    let starts: BTreeSet<&str> = edges.keys().map(|(from, _)| from.as_str()).collect();
    let mut reported = BTreeSet::new();
    let mut findings = Vec::new();
    for start in starts {
        if reported.contains(start) {
            continue;
        }
        let Some(cycle) = shortest_cycle(start, edges) else { continue };
        let steps = cycle
            .windows(2)
            .map(|pair| format!("{} needs {} ({})", pair[0], pair[1], edges[&(pair[0].to_owned(), pair[1].to_owned())]));
        findings.push(Finding::new(
            level,
            format!("modules in a circle: {}. Move what both need down", steps.collect::<Vec<_>>().join(", ")),
        ));
        reported.extend(cycle);
    }
    findings
}

/// The shortest way from a module back to itself.
fn shortest_cycle<'a>(start: &'a str, edges: &'a Edges) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        for (_, next) in edges.keys().filter(|(from, _)| from == here) {
            if next == start {
                let mut way = vec![start, here];
                while let Some(before) = came_from.get(way[way.len() - 1]) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, here);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::crates::Package;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(&format!("a/src/{path}"), text)).collect();
        let package = Package { name: "a".to_owned(), dir: "a".to_owned(), ..Package::default() };
        check(&Metadata { own: vec![package], foreign: Vec::new() }, &sources).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn imports_in_one_direction_pass() {
        let none = found(&[
            ("lib.rs", "pub use x::X;"),
            ("x.rs", "use crate::y::Y;"),
            ("x/z.rs", "use super::X; use crate::y::Y;"),
            ("y.rs", ""),
        ]);
        assert_eq!(none, Vec::<String>::new());
    }

    #[test]
    fn a_cycle_is_found_once_with_the_lines() {
        let cycle = found(&[("x.rs", "\nuse crate::y::Y;"), ("y.rs", "use crate::z::Z;"), ("z.rs", "use super::x::X;")]);
        assert_eq!(
            cycle,
            [
                "modules in a circle: x needs y (a/src/x.rs:2), y needs z (a/src/y.rs:1), z needs x (a/src/z.rs:1). Move what both need down"
            ]
        );
    }

    #[test]
    fn a_cycle_through_children_and_reexports_is_found() {
        assert_eq!(
            found(&[("x/one.rs", "use crate::y::two::T;"), ("y/two.rs", ""), ("y/three.rs", "use crate::x::one::O;")]).len(),
            1
        );
        assert_eq!(found(&[("lib.rs", "pub use x::X;"), ("x.rs", "use crate::y::Y;"), ("y.rs", "use crate::X;")]).len(), 1);
    }

    #[test]
    fn a_cycle_among_the_children_of_one_module_is_found() {
        assert_eq!(found(&[("x/one.rs", "use super::two::T;"), ("x/two.rs", "use super::one::O;")]).len(), 1);
    }
}
