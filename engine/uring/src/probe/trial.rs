//! Whether io_uring does here what the back-end asks of it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use io_uring::opcode;

use super::limits::Limits;
use crate::backend::{Backend, Segments, Wait};
use crate::options::Options;
use crate::ring::Ring;
use crate::socket::{BufferSizes, UdpSocket};
use crate::uring::UringBackend;

/// What works, and how well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    /// `SINGLE_ISSUER | DEFER_TASKRUN`.
    pub(super) deferred: bool,
    /// One sleep can wait for company.
    pub(super) minimum_wait: bool,
}

/// Why it does not work. The message says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("the kernel has no io_uring; Linux 6.1 or newer has what is needed")]
    Kernel,
    #[error("kernel.io_uring_disabled is {0}: set it to 0 with sysctl, or put the user into kernel.io_uring_group where it is 1")]
    Sysctl(u8),
    #[error("the container's seccomp filter forbids it: allow io_uring_setup, io_uring_enter and io_uring_register in the profile")]
    Seccomp,
    #[error("a security policy forbids it: look for io_uring in the audit log")]
    Forbidden,
    #[error("no memory for a ring: raise the limit of locked memory (ulimit -l, LimitMEMLOCK=)")]
    Memory,
    #[error("the kernel lacks {0}; Linux 6.1 or newer has it")]
    Operation(&'static str),
    #[error("a datagram sent to ourselves did not come back: {0}; report it with the kernel's version")]
    Trial(String),
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.deferred { "deferred task work" } else { "no deferred task work (Linux 6.1 has it)" })?;
        f.write_str(if self.minimum_wait { ", minimum wait" } else { ", no minimum wait (Linux 6.12 has it): two sleeps for one" })
    }
}

pub(super) fn run(limits: &Limits) -> Result<Features, Missing> {
    let ring = Ring::new(8, 16).map_err(|e| setup_failed(&e, limits))?;
    operations(&ring)?;
    let features = Features { deferred: ring.is_deferred(), minimum_wait: ring.has_minimum_wait() };
    match echo() {
        Ok(true) => Ok(features),
        Ok(false) => Err(Missing::Trial("no error, no datagram".to_owned())),
        Err(e) if e.raw_os_error() == Some(libc::ENOMEM) => Err(Missing::Memory),
        Err(e) => Err(Missing::Trial(e.to_string())),
    }
}

fn setup_failed(error: &io::Error, limits: &Limits) -> Missing {
    match (error.raw_os_error(), limits.uring_disabled, limits.seccomp) {
        (Some(libc::EPERM | libc::EACCES), Some(disabled @ 1..), _) => Missing::Sysctl(disabled),
        // A profile answers EPERM, or ENOSYS so that programs think the kernel is old.
        (Some(libc::EPERM | libc::EACCES), _, Some(1..)) => Missing::Seccomp,
        (Some(libc::ENOSYS), Some(_), Some(1..)) => Missing::Seccomp,
        (Some(libc::EPERM | libc::EACCES), _, _) => Missing::Forbidden,
        (Some(libc::ENOMEM), _, _) => Missing::Memory,
        (Some(libc::ENOSYS), _, _) => Missing::Kernel,
        _ => Missing::Trial(error.to_string()),
    }
}

fn operations(ring: &Ring) -> Result<(), Missing> {
    let mut probe = io_uring::Probe::new();
    if ring.submitter().register_probe(&mut probe).is_err() {
        return Err(Missing::Operation("the question for its operations"));
    }
    let needed = [
        (opcode::RecvMsgMulti::CODE, "RECVMSG"),
        (opcode::PollAdd::CODE, "POLL_ADD"),
        // The youngest neighbour of multishot RECVMSG (6.0) that has a code of its own.
        (opcode::SendZc::CODE, "the operations of Linux 6.0"),
    ];
    match needed.iter().find(|(code, _)| !probe.is_supported(*code)) {
        Some((_, name)) => Err(Missing::Operation(name)),
        None => Ok(()),
    }
}

/// Whether a datagram goes through the whole back-end: buffer ring, multishot receive, registered files, send, cancel.
fn echo() -> io::Result<bool> {
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), BufferSizes::default())?;
    let here = socket.local();
    let mut backend = UringBackend::new(vec![socket], Options { buffers: 8, batch_max: 8, gso: false })?;
    let run = Segments { remote: here, local: here.ip(), bytes: b"corelay", segment: 7 };
    backend.send(&mut std::iter::once(run))?;
    let mut came = false;
    for _ in 0..10 {
        let wait = Wait { at_most: Some(Duration::from_millis(100)), company: Duration::ZERO };
        backend.receive(wait, &mut |datagram| came |= datagram.bytes == b"corelay" && datagram.source == here)?;
        if came {
            break;
        }
    }
    Ok(came)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_setup_names_who_refused() {
        let limits = |uring_disabled, seccomp| Limits { kernel: String::new(), uring_disabled, seccomp, memlock: None };
        let failed = |errno, limits: &Limits| setup_failed(&io::Error::from_raw_os_error(errno), limits);
        assert_eq!(failed(libc::EPERM, &limits(Some(2), Some(2))), Missing::Sysctl(2));
        assert_eq!(failed(libc::EPERM, &limits(Some(0), Some(2))), Missing::Seccomp);
        assert_eq!(failed(libc::ENOSYS, &limits(Some(0), Some(2))), Missing::Seccomp);
        assert_eq!(failed(libc::ENOSYS, &limits(None, Some(0))), Missing::Kernel);
        assert_eq!(failed(libc::EPERM, &limits(Some(0), Some(0))), Missing::Forbidden);
        assert_eq!(failed(libc::ENOMEM, &limits(Some(0), Some(0))), Missing::Memory);
    }
}
