//! Datagrams in and out of the kernel: io_uring, and epoll + `recvmmsg`/`sendmmsg` where io_uring is forbidden, behind one trait.
//! The only crate with unsafe code.

pub mod backend;
pub mod waker;
