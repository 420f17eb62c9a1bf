//! The modules of one crate, by its files, and where a path written in one of them leads.

use super::paths::{self, PathUse};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// A module by its path from the crate's root, which is the empty one.
pub(super) type Module = Vec<String>;

/// A path in a file that leads from one module to another.
pub(super) struct Reference {
    /// Where it is written.
    pub(super) from: Module,
    /// Where it leads.
    pub(super) to: Module,
    /// The file and line.
    pub(super) place: String,
}

/// The modules, and the names that their imports make known.
pub(super) struct ModuleTree {
    modules: BTreeSet<Module>,
    /// What an import's name stands for, so that a way round over a re-export is seen.
    known: BTreeMap<(Module, String), Module>,
}

/// All references between the modules of the crate in a directory.
pub(super) fn references(dir: &str, sources: &[Source]) -> Vec<Reference> {
    let files: Vec<(Module, &Source)> = sources.iter().filter_map(|source| Some((module_of(dir, &source.path)?, source))).collect();
    let uses: Vec<(Module, &Source, PathUse)> = files
        .iter()
        .flat_map(|(module, source)| paths::paths(&source.code).into_iter().map(|path| (module.clone(), *source, path)))
        .collect();
    let mut tree =
        ModuleTree { modules: files.iter().flat_map(|(module, _)| with_parents(module)).collect(), known: BTreeMap::new() };
    let known: Vec<_> = uses
        .iter()
        .filter_map(|(module, _, path)| Some(((module.clone(), path.known_as.clone()?), tree.resolve(module, &path.segments)?)))
        .collect();
    tree.known.extend(known.into_iter().filter(|((module, _), to)| module != to));
    uses.into_iter()
        .filter_map(|(from, source, path)| {
            let to = tree.resolve(&from, &path.segments)?;
            Some(Reference { from, to, place: source.place(path.at) })
        })
        .collect()
}

/// The module that a file holds, if it belongs to the crate's library or main binary.
fn module_of(dir: &str, path: &str) -> Option<Module> {
    let inside = path.strip_prefix(dir)?.trim_start_matches('/').strip_prefix("src/")?.strip_suffix(".rs")?;
    match inside {
        "lib" | "main" => Some(Vec::new()),
        _ if inside.starts_with("bin/") => None,
        _ => Some(inside.split('/').map(str::to_owned).collect()),
    }
}

fn with_parents(module: &Module) -> impl Iterator<Item = Module> {
    (0..=module.len()).map(|len| module[..len].to_vec())
}

impl ModuleTree {
    /// The module that a path leads to or into; `None` if it leaves the crate.
    fn resolve(&self, from: &Module, segments: &[String]) -> Option<Module> {
        let mut rest = segments.iter().map(String::as_str).peekable();
        let mut module = from.clone();
        match *rest.peek()? {
            "crate" => {
                module.clear();
                rest.next();
            }
            "self" | "super" => {}
            first => {
                let is_known =
                    self.modules.contains(&child(from, first)) || self.known.contains_key(&(from.clone(), first.to_owned()));
                is_known.then_some(())?;
            }
        }
        for segment in rest {
            match segment {
                "self" => {}
                "super" => _ = module.pop(),
                name => match self.step(&module, name) {
                    Some(next) => module = next,
                    None => break,
                },
            }
        }
        Some(module)
    }

    fn step(&self, module: &Module, name: &str) -> Option<Module> {
        let child = child(module, name);
        if self.modules.contains(&child) {
            return Some(child);
        }
        self.known.get(&(module.clone(), name.to_owned())).cloned()
    }
}

fn child(module: &Module, name: &str) -> Module {
    let mut child = module.clone();
    child.push(name.to_owned());
    child
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led_to(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        references("a", &sources)
            .into_iter()
            .map(|reference| format!("{} -> {}", reference.from.join("::"), reference.to.join("::")))
            .collect()
    }

    #[test]
    fn paths_lead_to_the_module_that_holds_the_item() {
        let found = led_to(&[
            ("a/src/lib.rs", "mod x; mod y;"),
            ("a/src/x.rs", "use crate::y::z::Item; use std::fmt; mod inner;"),
            ("a/src/x/inner.rs", "fn f() { super::super::y::g() }"),
            ("a/src/y.rs", "mod z; use z::Item;"),
            ("a/src/y/z.rs", "struct Item;"),
        ]);
        assert_eq!(found, ["x -> y::z", "x::inner -> y", "y -> y::z"]);
    }

    #[test]
    fn a_reexport_leads_to_where_the_item_is() {
        let found = led_to(&[("a/src/lib.rs", "pub use x::Item;"), ("a/src/x.rs", ""), ("a/src/y.rs", "use crate::Item;")]);
        assert_eq!(found, [" -> x", "y -> x"]);
    }

    #[test]
    fn tests_and_other_crates_do_not_count() {
        let found = led_to(&[
            ("a/src/x.rs", "#[cfg(test)]\nmod tests { use crate::y::Z; }"),
            ("a/src/y.rs", ""),
            ("ab/src/x.rs", "use crate::y::Z;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
