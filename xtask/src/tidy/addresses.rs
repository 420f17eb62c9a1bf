//! Addresses that only hold on one machine: absolute paths, and the hosts of package registries.

use super::Finding;
use super::source::line_of;
use std::collections::BTreeMap;

/// Home directories and the like. In two parts, so that this file passes its own rule.
const PATHS: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
/// Hosts of registries and of their mirrors.
const HOSTS: &[&str] = &[
    concat!("registry.", "npmjs"),
    concat!("registry.", "yarnpkg"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("pypi", ".org"),
    concat!("deb.", "debian.org"),
];

/// Looks through all text files.
pub(super) fn check(files: &BTreeMap<String, String>) -> Vec<Finding> {
    files.iter().flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let found = |at: usize, message: &str| Finding::new(format!("{path}:{}", line_of(text, at)), message);
    let mut findings = Vec::new();
    for word in PATHS {
        let places = text.match_indices(word).filter(|(at, _)| is_absolute(text, *at));
        findings.extend(places.map(|(at, _)| found(at, "an absolute path of one machine: make it relative to the checkout")));
    }
    for host in HOSTS {
        findings.extend(text.match_indices(host).map(|(at, _)| found(at, "names a registry's host: it is the user's to choose")));
    }
    if path.ends_with("package-lock.json") {
        let advice = "a lock file with addresses: npm leaves them out with `omit-lockfile-registry-resolved=true` in .npmrc";
        findings.extend(text.match_indices("\"resolved\": \"http").map(|(at, _)| found(at, advice)));
    }
    findings
}

/// Whether a path starts here, and not in the middle of another (`frame/work/x`, `https://a.b/work/`).
fn is_absolute(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ']' | ')' | '*' | '$' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_and_project_sites_pass() {
        let text =
            concat!("see frame", "/wo", "rk/x, https://docs.rs/home/y and registry+https://github.com/rust-lang/crates.io-index");
        assert_eq!(check_file("a.md", text), []);
        assert_eq!(check_file("web/package-lock.json", "{\n\"version\": \"1\", \"integrity\": \"sha512-x\"}"), []);
    }

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        let found = check_file("a.md", concat!("x\ncd /ro", "ot/corelay"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "a.md:2");
    }

    #[test]
    fn a_registry_is_found() {
        assert_eq!(check_file("a.md", concat!("https://index.", "crates.io/x")).len(), 1);
        assert_eq!(check_file("web/package-lock.json", "\"resolved\": \"https://mirror.example/x.tgz\"").len(), 1);
    }
}
