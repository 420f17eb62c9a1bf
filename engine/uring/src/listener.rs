//! What the standard library cannot be asked for of a socket that listens.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;

use crate::socket::set_option;

/// Has the kernel keep a connection of `listener` to itself until its first bytes are there, for about `patience` (whole seconds). Who accepts
/// then finds a request, where it would find an empty socket first and be woken a second time.
///
/// # Errors
/// The socket is no TCP listener.
pub fn defer_accept(listener: &impl AsFd, patience: Duration) -> io::Result<()> {
    let seconds = libc::c_int::try_from(patience.as_secs()).unwrap_or(libc::c_int::MAX);
    set_option(&SockRef::from(listener), libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_connection_is_accepted_once_it_says_something() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback binds");
        defer_accept(&listener, Duration::from_secs(5)).expect("a listener takes it");
        listener.set_nonblocking(true).expect("a live descriptor");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        assert_eq!(listener.accept().expect_err("it said nothing").kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"hello").expect("there is room");
        listener.set_nonblocking(false).expect("a live descriptor");
        assert!(listener.accept().is_ok());
    }
}
