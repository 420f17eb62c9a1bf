//! Control messages, as plain bytes.
//!
//! ```text
//! | length (of header and data) | level 4 | type 4 | data | zero to a multiple of the word |  next ...
//! ```

use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const WORD: usize = size_of::<usize>();
const HEADER: usize = size_of::<libc::cmsghdr>().next_multiple_of(WORD);
const LEVEL: usize = offset_of!(libc::cmsghdr, cmsg_level);
const TYPE: usize = offset_of!(libc::cmsghdr, cmsg_type);

/// From `linux/udp.h`; libc has it for few targets.
const UDP_SEGMENT: i32 = 103;

/// `ipi_ifindex` 4, `ipi_spec_dst` 4, `ipi_addr` 4.
const PKTINFO_V4: usize = size_of::<libc::in_pktinfo>();
/// `ipi6_addr` 16, `ipi6_ifindex` 4.
const PKTINFO_V6: usize = size_of::<libc::in6_pktinfo>();
const _: () =
    assert!(PKTINFO_V4 == 12 && PKTINFO_V6 == 20 && offset_of!(libc::in_pktinfo, ipi_spec_dst) == 4, "as read and written below");

/// Seconds 8, nanoseconds 8 (`struct __kernel_timespec`).
const STAMP: usize = 16;

/// What the longest set of messages on a send takes: the segment length and an IPv6 source.
pub(crate) const CONTROL_BYTES: usize = space(size_of::<u16>()) + space(PKTINFO_V6);
/// What the longest set of messages on a receive takes: the time and an IPv6 destination.
pub(crate) const RECEIVED_BYTES: usize = space(STAMP) + space(PKTINFO_V6);

const fn space(data: usize) -> usize {
    HEADER + data.next_multiple_of(WORD)
}

/// The control messages of one send.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(crate) struct Control {
    bytes: [u8; CONTROL_BYTES],
    len: usize,
}

impl Control {
    /// None.
    pub(crate) const EMPTY: Self = Self { bytes: [0; CONTROL_BYTES], len: 0 };

    /// Cuts the message into datagrams of `segment` bytes (`udp(7)`, `UDP_SEGMENT`).
    pub(crate) fn put_segment(&mut self, segment: u16) {
        self.put(libc::SOL_UDP, UDP_SEGMENT, &segment.to_ne_bytes());
    }

    /// Sends from `source` (`ip(7)`, `ipv6(7)`). The interface is left to the route.
    pub(crate) fn put_source(&mut self, source: IpAddr) {
        match source {
            IpAddr::V4(v4) => {
                let mut info = [0; PKTINFO_V4];
                info[4..8].copy_from_slice(&v4.octets());
                self.put(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            IpAddr::V6(v6) => {
                let mut info = [0; PKTINFO_V6];
                info[..16].copy_from_slice(&v6.octets());
                self.put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
        }
    }

    /// The messages, for `msg_control` and `msg_controllen`.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let at = &mut self.bytes[self.len..self.len + space(data.len())];
        at.fill(0);
        at[..WORD].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
        at[LEVEL..LEVEL + 4].copy_from_slice(&level.to_ne_bytes());
        at[TYPE..TYPE + 4].copy_from_slice(&kind.to_ne_bytes());
        at[HEADER..HEADER + data.len()].copy_from_slice(data);
        self.len += at.len();
    }
}

/// What the kernel tells of a datagram that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The address that it was sent to.
    pub(crate) local: Option<IpAddr>,
    /// When the kernel took it in, on its wall clock.
    pub(crate) stamped: Option<SystemTime>,
}

/// Reads the control messages that came with a datagram.
pub(crate) fn read(control: &[u8]) -> Told {
    let mut told = Told::default();
    for (level, kind, data) in messages(control) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS_NEW) => told.stamped = stamp(data),
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => told.local = v4(data),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => told.local = v6(data),
            _ => {}
        }
    }
    told
}

fn v4(data: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 4] = *data.get(4..)?.first_chunk()?;
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

fn v6(data: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = *data.first_chunk()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

/// A time before 1970 is none.
fn stamp(data: &[u8]) -> Option<SystemTime> {
    let seconds = u64::try_from(i64::from_ne_bytes(*data.first_chunk()?)).ok()?;
    let nanos = u32::try_from(i64::from_ne_bytes(*data.get(8..)?.first_chunk()?)).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?.checked_add(Duration::from_nanos(u64::from(nanos)))
}

fn messages(mut control: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from_ne_bytes(*control.first_chunk()?);
        let message = control.get(..len)?;
        let data = message.get(HEADER..)?;
        let level = i32::from_ne_bytes(*message.get(LEVEL..)?.first_chunk()?);
        let kind = i32::from_ne_bytes(*message.get(TYPE..)?.first_chunk()?);
        control = control.get(len.next_multiple_of(WORD)..).unwrap_or_default();
        Some((level, kind, data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_as_it_was_written_behind_a_segment_length() {
        for source in ["127.0.0.2", "2001:db8::7"] {
            let source: IpAddr = source.parse().expect("an address");
            let mut control = Control::EMPTY;
            control.put_segment(1200);
            control.put_source(source);
            assert_eq!(read(control.as_mut()), Told { local: Some(source), stamped: None });
            let kinds: Vec<_> = messages(control.as_mut()).map(|(level, kind, data)| (level, kind, data.len())).collect();
            assert_eq!(kinds[0], (libc::SOL_UDP, UDP_SEGMENT, 2));
            assert_eq!(kinds.len(), 2);
        }
    }

    /// As the kernel lays out an IPv6 datagram with its time.
    fn received(seconds: i64, nanos: i64) -> Vec<u8> {
        let mut bytes = vec![0; space(STAMP)];
        bytes[..WORD].copy_from_slice(&(HEADER + STAMP).to_ne_bytes());
        bytes[LEVEL..LEVEL + 4].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
        bytes[TYPE..TYPE + 4].copy_from_slice(&libc::SO_TIMESTAMPNS_NEW.to_ne_bytes());
        bytes[HEADER..HEADER + 8].copy_from_slice(&seconds.to_ne_bytes());
        bytes[HEADER + 8..HEADER + STAMP].copy_from_slice(&nanos.to_ne_bytes());
        let mut control = Control::EMPTY;
        control.put_source("2001:db8::7".parse().expect("an address"));
        bytes.extend_from_slice(control.as_mut());
        bytes
    }

    #[test]
    fn a_time_reads_beside_an_address_and_an_impossible_one_does_not() {
        let local = "2001:db8::7".parse().ok();
        let control = received(1_700_000_000, 999_999_999);
        assert_eq!(control.len(), RECEIVED_BYTES);
        let at = UNIX_EPOCH + Duration::new(1_700_000_000, 999_999_999);
        assert_eq!(read(&control), Told { local, stamped: Some(at) });
        for (seconds, nanos) in [(-1, 0), (0, -1), (i64::MAX, 1_000_000_000), (0, i64::MAX)] {
            assert_eq!(read(&received(seconds, nanos)), Told { local, stamped: None }, "{seconds} {nanos}");
        }
    }

    #[test]
    fn lengths_beyond_the_bytes_end_the_list() {
        let mut control = Control::EMPTY;
        control.put_source(IpAddr::from([127, 0, 0, 1]));
        let whole = control.as_mut().to_vec();
        assert!((0..HEADER + PKTINFO_V4).all(|short| read(&whole[..short]) == Told::default()));
        for len in [0, 1, HEADER - 1, usize::MAX] {
            let mut bytes = whole.clone();
            bytes[..WORD].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(read(&bytes), Told::default());
        }
    }
}
