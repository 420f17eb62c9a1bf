//! What `/proc` says about the kernel and this process.

use std::fmt;
use std::fs;

/// See the module. `None`: could not be read.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) kernel: String,
    /// `kernel.io_uring_disabled`: 0 for nobody, 1 for the unprivileged, 2 for all.
    pub(super) uring_disabled: Option<u8>,
    /// 0 none, 1 strict, 2 filter.
    pub(super) seccomp: Option<u8>,
    /// The soft limit of locked memory, a number of bytes or `unlimited`.
    pub(super) memlock: Option<String>,
}

impl Limits {
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            uring_disabled: text("/proc/sys/kernel/io_uring_disabled").trim().parse().ok(),
            seccomp: seccomp(&text("/proc/self/status")),
            memlock: memlock(&text("/proc/self/limits")),
        }
    }
}

fn seccomp(status: &str) -> Option<u8> {
    status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?.trim().parse().ok()
}

fn memlock(limits: &str) -> Option<String> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    line.split_whitespace().next().map(str::to_owned)
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memlock = self.memlock.as_deref().unwrap_or("unknown");
        writeln!(f, "locked memory: {memlock} bytes (kernels before 5.12 count rings against it: ulimit -l)")?;
        f.write_str(match self.seccomp {
            Some(0) => "seccomp: none",
            Some(1) => "seccomp: strict",
            Some(_) => "seccomp: a filter is in place (containers: the runtime's profile decides about io_uring)",
            None => "seccomp: unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_proc_are_found() {
        assert_eq!(seccomp("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n"), Some(2));
        assert_eq!(
            memlock("Max file size  unlimited unlimited bytes\nMax locked memory   8388608   8388608   bytes\n").as_deref(),
            Some("8388608")
        );
        assert_eq!((seccomp(""), memlock("")), (None, None));
    }
}
