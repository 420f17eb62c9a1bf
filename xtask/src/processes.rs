//! Ending a command that takes too long, with all that it started.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Waits for a child, at most `limit`. `None`: the time was over, and the child and its descendants were killed.
///
/// The children stay in the terminal's process group, so that Ctrl-C reaches them; that is why the descendants are looked up by
/// their parents and not killed as a group.
pub(crate) fn wait(mut child: Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || {
        // Nobody listens any more when the time was over.
        let _ = sender.send(child.wait());
    });
    let status = match receiver.recv_timeout(limit) {
        Ok(status) => Some(status?),
        Err(_) => {
            kill_tree(pid);
            None
        }
    };
    waiter.join().expect("the waiter only waits");
    Ok(status)
}

fn kill_tree(root: u32) {
    let parents = parents();
    let mut doomed = vec![root];
    let mut next = 0;
    while let Some(&pid) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|&(_, &parent)| parent == pid).map(|(&child, _)| child));
        next += 1;
    }
    let pids = doomed.iter().map(u32::to_string);
    let _ = Command::new("kill").arg("-KILL").args(pids).status();
}

/// The parent of each process, from /proc.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parent_in(&stat)?))
        })
        .collect()
}

/// The fourth field of /proc/PID/stat; the second is a name in parentheses that may hold anything, parentheses too.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        assert_eq!(parent_in("12 (a) b (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("garbage"), None);
    }

    #[test]
    fn a_child_that_ends_gives_its_status() {
        let child = Command::new("true").spawn().expect("true runs");
        let status = wait(child, Duration::from_secs(20)).expect("wait works").expect("in time");
        assert!(status.success());
    }

    #[test]
    fn a_child_that_hangs_is_killed_with_its_own_children() {
        let child = Command::new("sh").args(["-c", "sleep 600 & wait"]).spawn().expect("sh runs");
        let pid = child.id();
        assert!(wait(child, Duration::from_millis(300)).expect("wait works").is_none());
        assert!(!parents().values().any(|&parent| parent == pid), "the sleep outlived the shell");
    }
}
