//! Which socket of a port gets a datagram: a program of the kernel's classic filter machine that reads its first two bytes.

use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

/// RFC 7983 section 7: what begins with 128 to 191 is RTP or RTCP.
const MEDIA: [u32; 2] = [128, 191];
/// RFC 5761 section 4: of that, a second byte of 192 to 223 is RTCP.
const RTCP: [u32; 2] = [192, 223];

const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const MORE_THAN: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Gives the number of the socket in the order of binding. A load behind the end gives zero.
const PROGRAM: [libc::sock_filter; 8] = [
    step(LOAD_BYTE, 0, [0, 0]),
    step(AT_LEAST, MEDIA[0], [0, 5]),
    step(MORE_THAN, MEDIA[1], [4, 0]),
    step(LOAD_BYTE, 1, [0, 0]),
    step(AT_LEAST, RTCP[0], [0, 2]),
    step(MORE_THAN, RTCP[1], [1, 0]),
    step(RETURN, 1, [0, 0]),
    step(RETURN, 0, [0, 0]),
];

/// `jumps`: how many instructions are left out when it is so, and when not.
const fn step(code: u16, k: u32, jumps: [u8; 2]) -> libc::sock_filter {
    libc::sock_filter { code, jt: jumps[0], jf: jumps[1], k }
}

/// Of the sockets that share the port of `first`, the second bound gets RTCP, and the first all else.
pub(super) fn rtcp_to_second(first: &Socket) -> io::Result<()> {
    let mut program = PROGRAM;
    let program = libc::sock_fprog { len: PROGRAM.len() as u16, filter: program.as_mut_ptr() };
    let len = size_of_val(&program) as libc::socklen_t;
    // Needed: std and socket2 have no safe way to set this option. SAFETY: the descriptor is open as long as `first` is borrowed; pointer
    // and length are those of a live program, which the kernel copies before it returns, with the instructions that it names.
    let result = unsafe {
        let option = libc::SO_ATTACH_REUSEPORT_CBPF;
        libc::setsockopt(first.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const program).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
