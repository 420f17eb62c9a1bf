//! A UDP socket, set up as the back-ends need it.
//!
//! What is set, and why:
//! - `IPV6_V6ONLY`: an IPv6 socket never shows mapped IPv4 addresses; each family has its own socket.
//! - `IP_PKTINFO` / `IPV6_RECVPKTINFO` on a wildcard bind: which of our addresses a datagram came to, so that answers leave from
//!   it. A socket bound to one address knows, and saves the control message.
//! - IPv4 `IP_MTU_DISCOVER = IP_PMTUDISC_OMIT`: no don't-fragment bit, and ICMP "fragmentation needed" is not believed. Media
//!   packets are forwarded at the size the publisher chose and cannot be made smaller, so a path with a small MTU is served by
//!   fragments or not at all; and a forged ICMP message cannot shrink the path of someone else. The other side of the trade: no
//!   PMTU discovery by us, and a middlebox that drops fragments drops these packets.
//! - IPv6 `IPV6_MTU_DISCOVER = IPV6_PMTUDISC_WANT`: IPv6 routers do not fragment (RFC 8200 section 5), so "packet too big" must
//!   be believed or such a path stays black; a forged one reaches 1280 bytes at the least.
//! - `SO_TIMESTAMPNS`: when the kernel took a datagram in, so that the time it waited for the thread is known. A kernel that
//!   refuses it (Linux before 5.1) leaves the times out.
//! - `SO_RCVBUF`, `SO_SNDBUF`: asked for, and what was granted is kept for the boot report.
//! - `SO_REUSEPORT` and `SO_ATTACH_REUSEPORT_CBPF`, where RTCP is heard apart: a second socket on the same port, and six instructions
//!   that give it what RFC 5761 section 4 knows RTCP by. The first is bound without, so that a taken port is still refused.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

mod steer;

/// Sizes of a socket's two buffers in the kernel, in bytes.
///
/// The kernel counts its own bookkeeping as well: a 1200-byte datagram takes about 2,300. A larger receive buffer rides out a
/// longer turn (4 MiB: about 1,800 datagrams) and makes what waits in it older; a smaller one drops sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferSizes {
    /// `SO_RCVBUF`.
    pub receive: usize,
    /// `SO_SNDBUF`.
    pub send: usize,
}

impl Default for BufferSizes {
    fn default() -> Self {
        Self { receive: 4 << 20, send: 4 << 20 }
    }
}

/// `SO_RCVBUF` of a socket that hears RTCP alone. A message of 200 bytes takes 800: 1,300 of them, of 2,000 viewers those of 30 ms.
pub const RTCP_BUFFER: usize = 1 << 20;

/// What waits in a socket, and what found no room there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveQueue {
    /// Bytes that wait, with the kernel's bookkeeping, as `SO_RCVBUF` counts them twice.
    pub bytes: u32,
    /// Datagrams that the kernel dropped since the socket was made, nearly all for a full buffer. Wraps.
    pub dropped: u32,
}

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
    /// Hears RTCP, if that is apart.
    rtcp: Option<Socket>,
    local: SocketAddr,
    granted: BufferSizes,
}

impl UdpSocket {
    /// Binds to `address` and asks for buffers of the `wanted` sizes; [`Self::granted`] says what came of it.
    ///
    /// # Errors
    /// The address is not ours, the port is taken, or the process is out of file descriptors.
    pub fn bind(address: SocketAddr, wanted: BufferSizes) -> io::Result<Self> {
        let socket = open(address)?;
        let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS_NEW, 1);
        let granted = grow_buffers(&socket, wanted)?;
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, rtcp: None, local, granted })
    }

    /// The same socket by another descriptor: whoever keeps one keeps the port while a back-end is built anew.
    ///
    /// # Errors
    /// When the process is out of file descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        let rtcp = self.rtcp.as_ref().map(Socket::try_clone).transpose()?;
        Ok(Self { socket: self.socket.try_clone()?, rtcp, local: self.local, granted: self.granted })
    }

    /// From here on RTCP is heard by a socket of its own on the same port, which the back-ends look at when they are awake anyway.
    ///
    /// # Errors
    /// The kernel does not tell them apart (Linux before 4.5), or not for this process: all is heard by the one socket as before.
    pub fn set_rtcp_apart(&mut self) -> io::Result<()> {
        self.socket.set_reuse_port(true)?;
        let rtcp = self.bind_beside().and_then(|rtcp| steer::rtcp_to_second(&self.socket).map(|()| rtcp));
        if rtcp.is_err() {
            self.socket.set_reuse_port(false)?;
        }
        self.rtcp = Some(rtcp?);
        Ok(())
    }

    /// Another socket where this one is. What is sent leaves by this one.
    fn bind_beside(&self) -> io::Result<Socket> {
        let socket = open(self.local)?;
        grow_receive_buffer(&socket, RTCP_BUFFER)?;
        socket.set_reuse_port(true)?;
        socket.bind(&self.local.into())?;
        Ok(socket)
    }

    /// The descriptor that hears RTCP, if that is apart.
    pub(crate) fn rtcp_fd(&self) -> Option<RawFd> {
        self.rtcp.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Whether the kernel is to tell when it took a datagram in. [`Self::bind`] asks for it; without it a datagram has no time of
    /// its own.
    ///
    /// # Errors
    /// The kernel has no such option.
    pub fn set_stamped(&self, stamped: bool) -> io::Result<()> {
        set_option(&self.socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS_NEW, libc::c_int::from(stamped))
    }

    /// What waits in it (`SO_MEMINFO`, Linux 4.12). Nothing where the kernel does not say. Costs a system call: not per turn.
    pub fn receive_queue(&self) -> ReceiveQueue {
        let queues = [Some(&self.socket), self.rtcp.as_ref()].into_iter().flatten().map(receive_queue);
        queues.fold(ReceiveQueue::default(), |sum, queue| ReceiveQueue {
            bytes: sum.bytes.saturating_add(queue.bytes),
            dropped: sum.dropped.wrapping_add(queue.dropped),
        })
    }

    /// Where it is bound, with the port that the kernel chose when 0 was asked for.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The buffer sizes that the kernel granted, counted as asked for (the kernel reports twice that).
    pub fn granted(&self) -> BufferSizes {
        self.granted
    }

    /// Its address, unless it listens on all of them.
    pub(crate) fn fixed_ip(&self) -> Option<IpAddr> {
        (!self.local.ip().is_unspecified()).then_some(self.local.ip())
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn receive_queue(socket: &Socket) -> ReceiveQueue {
    // From `linux/sock_diag.h`: SK_MEMINFO_RMEM_ALLOC 0, SK_MEMINFO_DROPS 8, nine words in all.
    let mut words = [0u32; 9];
    let mut len = size_of_val(&words) as libc::socklen_t;
    // Needed: std and socket2 do not read this option. SAFETY: the descriptor is open as long as `socket` is borrowed; the kernel writes
    // `len` bytes at most, which are those of an array that is ours alone, and the length.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, words.as_mut_ptr().cast(), &raw mut len)
    };
    if result != 0 {
        return ReceiveQueue::default();
    }
    ReceiveQueue { bytes: words[0], dropped: words[8] }
}

/// Non-blocking, and set up for its family.
fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    match address {
        SocketAddr::V4(_) => set_up_v4(&socket, address)?,
        SocketAddr::V6(_) => set_up_v6(&socket, address)?,
    }
    Ok(socket)
}

fn set_up_v4(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)?;
    if address.ip().is_unspecified() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    }
    Ok(())
}

fn set_up_v6(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_only_v6(true)?;
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_WANT)?;
    if address.ip().is_unspecified() {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
    }
    Ok(())
}

/// Without privilege the kernel grants `net.core.rmem_max` / `wmem_max` at most; `*BUFFORCE` goes past them with `CAP_NET_ADMIN`.
fn grow_buffers(socket: &Socket, wanted: BufferSizes) -> io::Result<BufferSizes> {
    grow_receive_buffer(socket, wanted.receive)?;
    socket.set_send_buffer_size(wanted.send)?;
    if socket.send_buffer_size()? / 2 < wanted.send {
        force_buffer(socket, libc::SO_SNDBUFFORCE, wanted.send);
    }
    Ok(BufferSizes { receive: socket.recv_buffer_size()? / 2, send: socket.send_buffer_size()? / 2 })
}

fn grow_receive_buffer(socket: &Socket, wanted: usize) -> io::Result<()> {
    socket.set_recv_buffer_size(wanted)?;
    if socket.recv_buffer_size()? / 2 < wanted {
        force_buffer(socket, libc::SO_RCVBUFFORCE, wanted);
    }
    Ok(())
}

/// Refused without privilege: what was granted before stays, and the boot report says so.
fn force_buffer(socket: &Socket, option: libc::c_int, wanted: usize) {
    let wanted = libc::c_int::try_from(wanted).unwrap_or(libc::c_int::MAX);
    let _ = set_option(socket, libc::SOL_SOCKET, option, wanted);
}

pub(crate) fn set_option(socket: &Socket, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // Needed: std and socket2 have no safe way to set these options.
    // SAFETY: the descriptor is open as long as `socket` is borrowed; pointer and length are those of a live integer, which the
    // kernel only reads before it returns.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_share_a_port() {
        let v4 = UdpSocket::bind(SocketAddr::from(([0; 4], 0)), BufferSizes::default()).expect("v4 binds");
        let v6 = UdpSocket::bind(SocketAddr::from(([0u16; 8], v4.local().port())), BufferSizes::default()).expect("V6ONLY is set");
        assert_eq!(v4.local().port(), v6.local().port());
        assert_eq!((v4.fixed_ip(), v6.fixed_ip()), (None, None));
    }

    #[test]
    fn rtcp_is_heard_by_the_second_socket_and_all_else_by_the_first() {
        let mut socket = UdpSocket::bind("127.0.0.1:0".parse().expect("an address"), BufferSizes::default()).expect("binds");
        socket.set_rtcp_apart().expect("the kernel steers by a filter");
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
        let rtcp = socket.rtcp.as_ref().expect("it is apart");
        let heard = |socket: &Socket| socket.recv(&mut [std::mem::MaybeUninit::uninit(); 8]).is_ok();
        for first in [0, 22, 127, 128, 160, 191, 192, 255] {
            for second in [0, 96, 191, 192, 200, 223, 224, 255] {
                sender.send_to(&[first, second, 0, 0], socket.local()).expect("loopback takes it");
                let is_rtcp = (128..=191).contains(&first) && (192..=223).contains(&second);
                assert_eq!((heard(&socket.socket), heard(rtcp)), (!is_rtcp, is_rtcp), "{first} {second}");
            }
        }
        for short in [&[][..], &[0x80]] {
            sender.send_to(short, socket.local()).expect("loopback takes it");
            assert_eq!((heard(&socket.socket), heard(rtcp)), (true, false));
        }
        let taken = UdpSocket::bind(socket.local(), BufferSizes::default()).expect_err("the port is taken");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let sizes = BufferSizes { receive: 4_096, ..BufferSizes::default() };
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), sizes).expect("binds");
        assert_eq!(socket.receive_queue(), ReceiveQueue::default());
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..100 {
            sender.send_to(&[0; 1000], socket.local()).expect("loopback takes it");
        }
        let queue = socket.receive_queue();
        assert!(queue.bytes > 1_000 && (50..100).contains(&queue.dropped), "{queue:?}");
    }

    #[test]
    fn a_small_wish_is_granted_in_full() {
        let sizes = BufferSizes { receive: 65_536, send: 65_536 };
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), sizes).expect("binds");
        assert_eq!(socket.granted(), sizes);
        assert_ne!(socket.local().port(), 0);
    }
}
