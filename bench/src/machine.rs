//! What the figures were measured on: without it they say nothing.

use core::fmt;
use std::fs;

/// One line about the machine and the build.
#[derive(Clone, Debug)]
pub struct Machine {
    processor: String,
    processors: usize,
    is_virtual: bool,
    kernel: String,
}

impl Machine {
    /// This one, as far as it can be read.
    pub fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: processor(&cpuinfo),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            is_virtual: field(&cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, processors, is_virtual, kernel } = self;
        let kind = if *is_virtual { "virtual" } else { "physical" };
        let build = if cfg!(debug_assertions) { "unoptimised (the figures mean nothing)" } else { "optimised" };
        write!(f, "machine {kind}, {processors} processors, {processor}, Linux {kernel}, build {build}")
    }
}

/// Name, family and model: hypervisors often leave the name vague.
fn processor(cpuinfo: &str) -> String {
    let field = |name| field(cpuinfo, name).unwrap_or("unknown");
    format!("{} (family {} model {})", field("model name"), field("cpu family"), field("model"))
}

/// The first field with this name.
fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_read_by_whole_names() {
        let cpuinfo = "cpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Some CPU\nflags : fpu hypervisor\n\nmodel : 7\n";
        assert_eq!(processor(cpuinfo), "Some CPU (family 6 model 143)");
        assert_eq!(processor(""), "unknown (family unknown model unknown)");
    }
}
