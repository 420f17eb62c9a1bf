use super::*;
use crate::socket::{BufferSizes, UdpSocket};
use std::net::SocketAddr;

/// A kernel whose answers are the test's: it gets the number of the call and the payload's first byte, and gives an errno or 0.
struct Kernel {
    sockets: Sockets,
    headers: Headers,
    /// The first bytes of the messages that passed.
    passed: Vec<u8>,
    calls: usize,
}

impl Kernel {
    fn new() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = UdpSocket::bind(address, BufferSizes::default()).expect("loopback binds");
        let sockets = Sockets::new(vec![socket]).expect("one");
        Self { sockets, headers: Headers::new(), passed: Vec::new(), calls: 0 }
    }

    fn send(&mut self, runs: &[&[u8]], segment: usize, answer: &mut dyn FnMut(usize, u8) -> i32) -> Departures {
        let Self { sockets, headers, passed, calls } = self;
        let remote = sockets.local_address(0);
        let mut runs = runs.iter().map(|bytes| Segments { remote, local: remote.ip(), bytes, segment });
        let mut transmit = |outgoing: &mut Outgoing<'_, '_>| {
            *calls += 1;
            for index in 0..outgoing.len() {
                let first = first_byte(&outgoing.stretch(index).messages[0].msg_hdr);
                match answer(*calls, first) {
                    0 => passed.push(first),
                    errno => outgoing.refuse(index, errno),
                }
            }
            1
        };
        send_all(headers, sockets, &mut true, &mut runs, &mut transmit).expect("no error of ours")
    }
}

/// As the kernel finds it.
fn first_byte(header: &libc::msghdr) -> u8 {
    // SAFETY: the header and what it points to live as long as the `Outgoing` that it is borrowed from, and nothing writes
    // meanwhile.
    unsafe { *(*header.msg_iov).iov_base.cast::<u8>() }
}

fn numbered(count: u8) -> Vec<[u8; 2]> {
    (0..count).map(|i| [i, i]).collect()
}

fn runs(bytes: &[[u8; 2]]) -> Vec<&[u8]> {
    bytes.iter().map(<[u8; 2]>::as_slice).collect()
}

#[test]
fn what_a_full_buffer_refuses_goes_in_its_order_when_there_is_room() {
    let (mut kernel, bytes) = (Kernel::new(), numbered(150));
    // Each call takes ten messages; batches are of 64.
    let (mut call_before, mut taken) = (0, 0);
    let departures = kernel.send(&runs(&bytes), 2, &mut |call, _| {
        taken = if call == call_before { taken + 1 } else { 1 };
        call_before = call;
        if taken <= 10 { 0 } else { libc::EAGAIN }
    });
    assert_eq!((departures.packets, departures.refused), (150, 0));
    assert!(kernel.passed.iter().copied().eq(0..150), "{:?}", kernel.passed);
}

#[test]
fn refusals_of_all_kinds_in_one_batch_are_told_apart() {
    let (mut kernel, bytes) = (Kernel::new(), numbered(8));
    // Runs of two packets. 1: no room at first; 3: bad peer; 5: no run, then its packets; 6: no room for parts, at first.
    let departures = kernel.send(&runs(&bytes), 1, &mut |call, first| match (call, first) {
        (1, 1) => libc::EAGAIN,
        (_, 3) => libc::EACCES,
        (1, 5) => libc::EINVAL,
        (1, 6) => libc::ENOBUFS,
        _ => 0,
    });
    assert_eq!((departures.packets, departures.refused), (14, 2));
    assert_eq!(kernel.passed, [0, 2, 4, 7, 1, 6, 5, 5]);
}

#[test]
fn a_buffer_with_room_that_takes_nothing_is_not_asked_for_ever() {
    let (mut kernel, bytes) = (Kernel::new(), numbered(3));
    let departures = kernel.send(&runs(&bytes), 1, &mut |_, first| if first == 1 { libc::ENOBUFS } else { 0 });
    assert_eq!((departures.packets, departures.refused), (4, 2));
    // The batch, a look for room, and once more.
    assert_eq!((kernel.calls, departures.calls), (2, 3));
}

#[test]
fn patience_that_is_over_refuses_at_once() {
    let (mut kernel, bytes) = (Kernel::new(), numbered(4));
    let Kernel { sockets, headers, .. } = &mut kernel;
    let remote = sockets.local_address(0);
    let mut calls = 0;
    let mut transmit = |outgoing: &mut Outgoing<'_, '_>| {
        calls += 1;
        (0..outgoing.len()).for_each(|index| outgoing.refuse(index, libc::EAGAIN));
        1
    };
    let patience = Patience::new(std::time::Duration::ZERO);
    let mut sending = Sending { headers, sockets, transmit: &mut transmit, patience, departures: Departures::default() };
    let mut runs = bytes.iter().map(|bytes| Segments { remote, local: remote.ip(), bytes, segment: 1 });
    sending.batches(&mut runs).expect("no error of ours");
    assert_eq!((sending.departures.packets, sending.departures.refused), (0, 8));
    assert_eq!(calls, 1);
}
