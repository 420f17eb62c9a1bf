//! Which shard runs on which core.
//!
//! - The cores are those of the process's affinity mask (a container's cpuset), at most as many as its CPU quota allows.
//! - One thread of each physical core comes first, their hyperthread siblings after: two siblings share one core's execution units,
//!   so the first shards each get a core of their own. All threads are used by default: on a rented machine a vCPU is a hyperthread,
//!   and leaving every other one idle would halve what was paid for. `SHARDS` at the number of physical cores is the other choice:
//!   less throughput, steadier latency.
//! - One shard per core but one; the last in that order is for signaling. With one core, both share it.

use std::path::Path;

use crate::config::limits;

/// Where the kernel describes its processors.
const SYS: &str = "/sys/devices/system/cpu";

/// The cores that this process may use, in the order in which they are given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    cores: Vec<usize>,
    physical: usize,
    quota: usize,
}

/// Who runs where, by the kernel's CPU numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The core of each shard.
    pub shards: Vec<usize>,
    /// The core of the signaling thread.
    pub signaling: usize,
}

impl Topology {
    /// What this process may use.
    pub fn detect() -> Self {
        let allowed: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
        // Counts the cgroup's CPU quota as well as the mask.
        let quota = std::thread::available_parallelism().map_or(1, usize::from);
        Self::read(Path::new(SYS), &allowed, quota)
    }

    /// Reads the siblings of the `allowed` cores below `root`. A core without a description counts as a physical one.
    pub fn read(root: &Path, allowed: &[usize], quota: usize) -> Self {
        let allowed = if allowed.is_empty() { &[0] } else { allowed };
        let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(allowed.len());
        let mut seen: Vec<usize> = Vec::new();
        for &core in allowed {
            let physical = first_sibling(root, core).unwrap_or(core);
            let rank = seen.iter().filter(|p| **p == physical).count();
            seen.push(physical);
            ranked.push((rank, core));
        }
        ranked.sort_unstable();
        let physical = ranked.iter().filter(|(rank, _)| *rank == 0).count();
        Self { cores: ranked.into_iter().map(|(_, core)| core).collect(), physical, quota: quota.max(1) }
    }

    /// Cores that may be used, hyperthreads counted.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Physical cores among them.
    pub fn physical(&self) -> usize {
        self.physical
    }

    /// Gives out the cores to `shards` shards, or to one per core but one.
    pub fn place(&self, shards: Option<usize>) -> Placement {
        let usable = self.cores.len().min(self.quota);
        let count = shards.unwrap_or((usable - 1).min(limits::SHARDS_MAX)).max(1);
        let shards: Vec<usize> = self.cores.iter().copied().cycle().take(count).collect();
        let last = self.cores[usable - 1];
        let signaling = self.cores.get(count).copied().unwrap_or(last);
        Placement { shards, signaling }
    }
}

/// Pins the calling thread to `core`. False when the system refuses; the thread then runs where the kernel puts it.
pub fn pin(core: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: core })
}

/// The lowest number among the hyperthreads of `core`'s physical core: it names that core.
fn first_sibling(root: &Path, core: usize) -> Option<usize> {
    let list = std::fs::read_to_string(root.join(format!("cpu{core}/topology/thread_siblings_list"))).ok()?;
    // "0-1" or "0,4" or "0": the kernel lists them in ascending order.
    list.trim().split([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct FakeSys(PathBuf);

    impl FakeSys {
        fn new(name: &str, siblings: &[&str]) -> Self {
            let root = std::env::temp_dir().join(format!("corelay-topology-{}-{name}", std::process::id()));
            for (core, list) in siblings.iter().enumerate() {
                let dir = root.join(format!("cpu{core}/topology"));
                std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
                std::fs::write(dir.join("thread_siblings_list"), format!("{list}\n")).expect("the temporary directory is writable");
            }
            Self(root)
        }
    }

    impl Drop for FakeSys {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn place(topology: &Topology, shards: Option<usize>) -> (Vec<usize>, usize) {
        let placement = topology.place(shards);
        (placement.shards, placement.signaling)
    }

    #[test]
    fn siblings_that_are_neighbours_come_after_the_physical_cores() {
        let sys = FakeSys::new("neighbours", &["0-1", "0-1", "2-3", "2-3"]);
        let topology = Topology::read(&sys.0, &[0, 1, 2, 3], 4);
        assert_eq!((topology.cores(), topology.physical()), (4, 2));
        assert_eq!(place(&topology, None), (vec![0, 2, 1], 3));
        assert_eq!(place(&topology, Some(2)), (vec![0, 2], 1));
    }

    #[test]
    fn siblings_in_the_upper_half_come_after_the_physical_cores() {
        let sys = FakeSys::new("upper", &["0,2", "1,3", "0,2", "1,3"]);
        assert_eq!(place(&Topology::read(&sys.0, &[0, 1, 2, 3], 4), None), (vec![0, 1, 2], 3));
    }

    #[test]
    fn a_container_uses_its_mask_and_its_quota() {
        let sys = FakeSys::new("container", &["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"]);
        assert_eq!(place(&Topology::read(&sys.0, &[5, 6, 7], 3), None), (vec![5, 6], 7));
        assert_eq!(place(&Topology::read(&sys.0, &[0, 1, 2, 3, 4, 5, 6, 7], 2), None), (vec![0], 2));
    }

    #[test]
    fn few_cores_are_shared() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(place(&Topology::read(nowhere, &[0], 1), None), (vec![0], 0));
        assert_eq!(place(&Topology::read(nowhere, &[0, 1], 2), None), (vec![0], 1));
        assert_eq!(place(&Topology::read(nowhere, &[0, 1], 2), Some(2)), (vec![0, 1], 1));
        assert_eq!(place(&Topology::read(nowhere, &[0, 1], 2), Some(3)), (vec![0, 1, 0], 1));
        assert_eq!(place(&Topology::read(nowhere, &[], 1), None), (vec![0], 0));
    }

    #[test]
    fn this_machine_has_a_place_for_everyone() {
        let topology = Topology::detect();
        assert!(topology.physical() <= topology.cores());
        assert!(!topology.place(None).shards.is_empty());
    }
}
