//! Whether a run that is sent as one message arrives as the packets that went in.
//!
//! Tried, not asked for: Linux before 4.18 has no `UDP_SEGMENT`. What goes wrong between the kernel and a device cannot be tried over
//! loopback, so one kind of it goes by the version: Linux 7.0 to 7.1.4 mangles headers and checksums of runs of equal segments on devices
//! that do the segmentation themselves (fixed by 78effd8 and 5f17ae0). Which kernels a distributor mended does not show in the number;
//! `UDP_GSO=on` is for those.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::backend::{Backend, Segments, Wait};
use crate::epoll::EpollBackend;
use crate::options::Options;
use crate::socket::{BufferSizes, UdpSocket};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segmentation {
    /// What came is what was sent.
    Works,
    /// The kernel does not take runs.
    Refused,
    /// Something else came than was sent.
    Corrupt,
    /// It came as it was sent over loopback, by a kernel that is known to mangle it on devices.
    Mistrusted,
    /// Loopback itself failed.
    Untried,
}

impl fmt::Display for Segmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "works",
            Self::Refused => "refused: each packet is sent by itself, at up to ten times the cost; Linux 4.18 or newer has it",
            Self::Corrupt => "CORRUPTS packets, so it is not used: update the kernel (Linux 7.0 to 7.1.4 are known for this)",
            Self::Mistrusted => {
                "not used: Linux 7.0 to 7.1.4 mangles it on some devices. Update to 7.1.5, or set UDP_GSO=on where the fix is in this kernel"
            }
            Self::Untried => "unknown, so it is not used: 127.0.0.1 does not work here; bring the loopback interface up",
        })
    }
}

/// Tries it on a kernel that calls itself `kernel`.
pub(super) fn run(kernel: &str) -> Segmentation {
    // Equal segments, which is where kernels were wrong, and a shorter last one.
    for (segment, len) in [(1200, 8 * 1200), (1000, 5 * 1000 + 300)] {
        let found = try_run(segment, len).unwrap_or(Segmentation::Untried);
        if found != Segmentation::Works {
            return found;
        }
    }
    if is_mistrusted(kernel) { Segmentation::Mistrusted } else { Segmentation::Works }
}

fn is_mistrusted(kernel: &str) -> bool {
    let mut numbers = kernel.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ((7, 0, 0)..(7, 1, 5)).contains(&version)
}

fn try_run(segment: usize, len: usize) -> io::Result<Segmentation> {
    let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + i / 256) as u8).collect();
    let bind = || UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), BufferSizes::default());
    let (from, to) = (bind()?, bind()?);
    let (remote, local) = (to.local(), from.local().ip());
    let options = Options { batch_max: 64, gso: true, ..Options::default() };
    let mut sender = EpollBackend::new(vec![from], options)?;
    let mut receiver = EpollBackend::new(vec![to], options)?;

    let departures = sender.send(&mut std::iter::once(Segments { remote, local, bytes: &bytes, segment }))?;
    // A refused run went as single messages, which took further calls.
    if departures.calls != 1 || departures.refused != 0 {
        return Ok(Segmentation::Refused);
    }
    let mut rest = bytes.chunks(segment);
    let mut right = true;
    while right && rest.len() > 0 {
        let wait = Wait { at_most: Some(Duration::from_millis(500)), company: Duration::ZERO };
        let arrivals = receiver.receive(wait, &mut |datagram| right &= rest.next() == Some(&*datagram.bytes))?;
        right &= arrivals.datagrams > 0;
    }
    Ok(if right { Segmentation::Works } else { Segmentation::Corrupt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_over_loopback() {
        assert_ne!(run(""), Segmentation::Untried);
    }

    #[test]
    fn the_versions_that_mangle_runs_are_known() {
        for (kernel, mistrusted) in [
            ("6.18.44", false),
            ("7.0.0-14-generic", true),
            ("7.0-rc1", true),
            ("7.1.4+deb14-amd64", true),
            ("7.1.5", false),
            ("7.2.0", false),
            ("17.0.0", false),
            ("", false),
        ] {
            assert_eq!(is_mistrusted(kernel), mistrusted, "{kernel}");
        }
        if run("") == Segmentation::Works {
            assert_eq!(run("7.1.0"), Segmentation::Mistrusted);
        }
    }
}
