//! CPU and memory of a process on this machine, from `/proc`: that of the server under load, and our own.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// `/proc` counts CPU time in these: USER_HZ, which is 100 on every architecture that Linux and Rust share (proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// One look at a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident set, KiB.
    pub rss_kib: u64,
    /// User and system time of all its threads, also of those that ended. Steps of 10 ms.
    pub cpu: Duration,
    /// The same of each living thread, to the nanosecond where the kernel keeps run times.
    pub threads: Vec<Thread>,
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// The kernel's number of it.
    pub id: u32,
    /// 15 bytes at most.
    pub name: String,
    /// User and system time.
    pub cpu: Duration,
}

/// Looks at process `pid`; `None` when there is none, or when it is another user's.
pub fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Usage { rss_kib: field_kib(&status, "VmRSS:")?, cpu: cpu_of_stat(&stat)?, threads: threads(pid) })
}

/// Proportional set size in KiB: memory shared with other processes counts by its share. The kernel walks the page tables for it, under
/// a lock of the process, so it is not for every second.
pub fn pss_kib(pid: u32) -> Option<u64> {
    field_kib(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

impl Usage {
    /// CPU time since an `earlier` look: the sum of the threads, which is exact, unless threads that ended took more with them than the
    /// process's own coarse count could err by.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        let by_thread = self.cpu_by_name_since(earlier).values().sum();
        let by_process = self.cpu.saturating_sub(earlier.cpu);
        if by_process > by_thread + 4 * TICK { by_process } else { by_thread }
    }

    /// CPU time by thread name since an `earlier` look, for threads that lived then or began after it.
    pub fn cpu_by_name_since(&self, earlier: &Self) -> BTreeMap<String, Duration> {
        let before: BTreeMap<u32, Duration> = earlier.threads.iter().map(|thread| (thread.id, thread.cpu)).collect();
        let mut sums = BTreeMap::new();
        for thread in &self.threads {
            let since = thread.cpu.saturating_sub(before.get(&thread.id).copied().unwrap_or_default());
            *sums.entry(thread.name.clone()).or_default() += since;
        }
        sums
    }
}

fn threads(pid: u32) -> Vec<Thread> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut threads: Vec<Thread> =
        entries.filter_map(|entry| thread(pid, entry.ok()?.file_name().to_str()?.parse().ok()?)).collect();
    threads.sort_by_key(|thread| thread.id);
    threads
}

/// A thread may end between two reads: then it is none.
fn thread(pid: u32, id: u32) -> Option<Thread> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/task/{id}/{file}")).ok();
    let name = read("comm")?.trim_end().to_owned();
    let cpu = read("schedstat").and_then(|text| cpu_of_schedstat(&text)).or_else(|| cpu_of_stat(&read("stat")?))?;
    Some(Thread { id, name, cpu })
}

fn field_kib(text: &str, field: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}

/// `utime` and `stime`, the 14th and 15th field. The second, the name, may hold spaces and brackets: they are counted from behind it.
fn cpu_of_stat(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

/// The first field: nanoseconds on a CPU. Absent, or zero, in kernels without scheduler statistics.
fn cpu_of_schedstat(text: &str) -> Option<Duration> {
    let nanos = text.split_whitespace().next()?.parse().ok()?;
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_do_not_move_the_fields() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(cpu_of_stat(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_of_stat("42 (short) S 1"), None);
    }

    #[test]
    fn this_process_works() {
        let earlier = usage(std::process::id()).expect("we are here");
        let mut sum = 0u64;
        while usage(std::process::id()).expect("we are here").cpu < earlier.cpu + 2 * TICK {
            sum = std::hint::black_box(sum + 1);
        }
        let later = usage(std::process::id()).expect("we are here");
        assert!(later.rss_kib > 100 && !later.threads.is_empty(), "{later:?}");
        assert!(later.cpu_since(&earlier) > Duration::ZERO);
    }

    #[test]
    fn time_of_threads_that_ended_is_not_lost() {
        let thread = |id, millis| Thread { id, name: "t".to_owned(), cpu: Duration::from_millis(millis) };
        let usage = |millis, threads| Usage { rss_kib: 1, cpu: Duration::from_millis(millis), threads };
        let earlier = usage(100, vec![thread(1, 95), thread(2, 5)]);
        assert_eq!(usage(110, vec![thread(1, 98), thread(2, 6)]).cpu_since(&earlier), Duration::from_millis(4));
        assert_eq!(usage(600, vec![thread(1, 98)]).cpu_since(&earlier), Duration::from_millis(500));
    }

    #[test]
    fn nobody_has_no_usage() {
        assert_eq!(usage(u32::MAX), None);
        assert_eq!(pss_kib(u32::MAX), None);
    }
}
