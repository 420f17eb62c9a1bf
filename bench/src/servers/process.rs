//! A server under test: a child process on a core of its own, and what `/proc` tells of it.

use crate::cores;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to end after SIGTERM before it is killed: one that would drain its calls first has been measured.
const END_MAX: Duration = Duration::from_millis(500);
/// How often a port is looked for that is free for TCP and UDP.
const PORT_TRIES: u32 = 20;

/// A running server. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    /// The process whose CPU and memory count: a child of `child` for a server that is started by another program.
    pid: u32,
}

impl ServerProcess {
    /// Starts `command` on `core`; all of its threads and children stay there.
    pub(super) fn start(mut command: Command, core: usize) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        // A child inherits the affinity of the thread that starts it.
        let spawn = move || -> Result<Child> {
            cores::pin(core)?;
            command.stderr(Stdio::inherit()).spawn().with_context(|| format!("cannot start {program}: is it installed?"))
        };
        let child = std::thread::spawn(spawn).join().expect("starting a process does not panic")?;
        let pid = child.id();
        Ok(Self { child, pid })
    }

    /// It is another process that is to be measured.
    pub(super) fn measure(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// The child, for its pipes.
    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails when the server has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended by itself: {status}"),
            None => Ok(()),
        }
    }

    /// CPU time of its living threads, user and system, in nanoseconds' resolution (ticks of 10 ms would hide a percent of a core).
    pub(super) fn cpu(&self) -> Result<Duration> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid)).context("the server is gone")? {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            sum += text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).context("schedstat has no CPU time")?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Resident memory in KiB.
    pub(super) fn rss_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).context("the server is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).context("VmRSS is no number")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let id = Pid::from_raw(self.child.id().cast_signed());
        let until = Instant::now() + END_MAX;
        // It may have ended already.
        let _ = kill(id, Signal::SIGTERM);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free at the moment, for TCP and UDP.
pub(super) fn free_port() -> Result<u16> {
    for _ in 0..PORT_TRIES {
        let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("{PORT_TRIES} ports that are free for UDP are all taken for TCP: what else is running?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_and_ended() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut process = ServerProcess::start(command, 0).expect("sleep is there");
        process.check().expect("it lives");
        let until = Instant::now() + Duration::from_secs(5);
        // Before the program is loaded there is hardly any.
        while process.rss_kib().expect("it is there") < 100 {
            assert!(Instant::now() < until, "a program takes memory");
            std::thread::yield_now();
        }
        assert!(process.cpu().expect("it is there") < Duration::from_secs(5));
        let pid = process.pid;
        drop(process);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = ServerProcess::start(Command::new("no-such-program"), 0).expect_err("there is none").to_string();
        assert!(error.contains("no-such-program"), "{error}");
    }
}
