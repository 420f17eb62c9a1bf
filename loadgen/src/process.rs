//! Memory and CPU of the server's process, from `/proc`.

use serde::Serialize;
use std::fs;

/// One look at a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    /// Resident set, KiB.
    pub(crate) rss_kib: u64,
    /// User and system time, in clock ticks (1/100 s on Linux).
    pub(crate) cpu_ticks: u64,
}

/// Looks at process `pid`; `None` when there is none.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rss_kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces; fields are counted from behind it: utime and stime are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let cpu_ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Usage { rss_kib, cpu_ticks })
}
