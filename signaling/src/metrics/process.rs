//! The process as `/proc` sees it, under the names that every Prometheus client uses. Absent where there is no `/proc`.

use super::writer::Writer;
use std::fmt;
use std::fs;

/// `USER_HZ`: ticks of `/proc/self/stat`, 100 on every architecture that the server runs on (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn write(out: &mut Writer<'_, '_>) -> fmt::Result {
    if let Some(bytes) = resident_bytes() {
        out.float("process_resident_memory_bytes", "Resident memory", bytes as f64)?;
    }
    if let Some(stat) = Stat::read() {
        out.float_counter("process_cpu_seconds", "User and system CPU time", stat.cpu_seconds)?;
        if let Some(start) = stat.start_time_seconds() {
            out.float("process_start_time_seconds", "When the process began, since the Unix epoch", start)?;
        }
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // The directory itself is open while it is read.
        out.gauge("process_open_fds", "Open file descriptors", entries.count().saturating_sub(1))?;
    }
    Ok(())
}

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

struct Stat {
    cpu_seconds: f64,
    start_ticks: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The name in parentheses may hold spaces. Behind it the fields count from the third, the state.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3).and_then(|f| f.parse::<f64>().ok());
        Some(Self { cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND, start_ticks: ticks(22)? })
    }

    /// The start is told since boot; the time of boot stands in `/proc/stat`.
    fn start_time_seconds(&self) -> Option<f64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(boot + self.start_ticks / TICKS_PER_SECOND)
    }
}
