//! Which processors the two sides of a measurement run on: apart where there are two.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io;

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

#[cfg(test)]
mod tests {
    use super::*;

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
