//! Which processors the two sides of a measurement run on: apart where there are two.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::time::Duration;
use std::{fs, io};

/// `/proc/stat` counts in hundredths of a second, whatever the kernel's own tick is (proc_stat(5), `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// The column of what the hypervisor gave to others, behind the processor's name.
const STEAL: usize = 8;

/// A processor for the server's side and one for the clients'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// Runs what is measured.
    pub server: usize,
    /// Runs who it is measured with.
    pub client: usize,
}

impl Cores {
    /// The first and the last that this process may use: the same where there is one.
    pub fn available() -> Self {
        let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
        let mut allowed = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false));
        let server = allowed.next().unwrap_or_default();
        Self { server, client: allowed.next_back().unwrap_or(server) }
    }
}

/// Binds the calling thread to one processor.
pub fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// For how long this processor was ready to run something here and ran others of the same host, since the machine started.
pub fn stolen(core: usize) -> io::Result<Duration> {
    stolen_in(&fs::read_to_string("/proc/stat")?, core)
        .ok_or_else(|| io::Error::other(format!("/proc/stat does not tell of processor {core}")))
}

fn stolen_in(stat: &str, core: usize) -> Option<Duration> {
    let name = format!("cpu{core} ");
    let ticks: u32 = stat.lines().find(|line| line.starts_with(&name))?.split_whitespace().nth(STEAL)?.parse().ok()?;
    Some(ticks * TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_that_of_the_processor() {
        let stat = "cpu  1 2 3 4 5 6 7 80 0 0\ncpu1 1 2 3 4 5 6 7 30 0 0\ncpu10 1 2 3 4 5 6 7 50 0 0\n";
        assert_eq!(stolen_in(stat, 1), Some(Duration::from_millis(300)));
        assert_eq!(stolen_in(stat, 10), Some(Duration::from_millis(500)));
        assert_eq!(stolen_in(stat, 2), None);
    }

    #[test]
    fn a_pinned_thread_has_one_processor() {
        let cores = Cores::available();
        std::thread::spawn(move || {
            pin(cores.client).expect("it is allowed");
            assert_eq!(Cores::available(), Cores { server: cores.client, client: cores.client });
        })
        .join()
        .expect("no panic");
    }
}
