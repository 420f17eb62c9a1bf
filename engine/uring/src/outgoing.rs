//! Messages on their way out: what the kernel reads of each, for both back-ends.
//!
//! ```text
//! messages[i] -> msghdr { name -> names[i], iov -> iovecs[i] -> the caller's bytes, control -> controls[i] }
//! ```
//!
//! The arrays are allocated once and do not move; [`Outgoing`] lends them to the runs of one call and holds the borrow of the
//! caller's bytes, so that whoever has an `Outgoing` may hand its headers to the kernel for as long as it lives.
//!
//! What a full send buffer refuses stays, closed up to the front in its order, and is handed over again when there is room: a
//! `msghdr` moves to another place of `messages`, what it points to does not.

use std::io;
use std::ptr;

use crate::MESSAGES_MAX;
use crate::address::{self, NAME_BYTES};
use crate::backend::{Departures, Segments};
use crate::cmsg::Control;
use crate::errno;
use crate::patience::{FULL_WAIT, Patience};
use crate::sockets::Sockets;

/// The headers, and where they point to.
pub(crate) struct Headers {
    messages: Box<[libc::mmsghdr]>,
    iovecs: Box<[libc::iovec]>,
    names: Box<[[u8; NAME_BYTES]]>,
    controls: Box<[Control]>,
}

impl Headers {
    pub(crate) fn new() -> Self {
        // SAFETY: mmsghdr is integers and raw pointers, for which zero is a value. Needed: libc's struct has private padding on
        // some targets, so it cannot be written out.
        let message: libc::mmsghdr = unsafe { std::mem::zeroed() };
        Self {
            messages: vec![message; MESSAGES_MAX].into_boxed_slice(),
            iovecs: vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MESSAGES_MAX].into_boxed_slice(),
            names: vec![[0; NAME_BYTES]; MESSAGES_MAX].into_boxed_slice(),
            controls: vec![Control::EMPTY; MESSAGES_MAX].into_boxed_slice(),
        }
    }

    fn begin<'a>(&mut self) -> Outgoing<'_, 'a> {
        Outgoing {
            headers: self,
            runs: [const { None }; MESSAGES_MAX],
            sockets: [0; MESSAGES_MAX],
            errnos: [0; MESSAGES_MAX],
            len: 0,
        }
    }
}

/// Up to [`MESSAGES_MAX`] messages, with what became of each. `'a` is the borrow of their bytes.
pub(crate) struct Outgoing<'h, 'a> {
    headers: &'h mut Headers,
    runs: [Option<Segments<'a>>; MESSAGES_MAX],
    sockets: [u8; MESSAGES_MAX],
    errnos: [i32; MESSAGES_MAX],
    len: usize,
}

/// The headers of messages that leave by one socket, valid as long as the `Outgoing` they were taken from.
pub(crate) struct Stretch<'o> {
    pub(crate) socket: usize,
    pub(crate) messages: &'o mut [libc::mmsghdr],
}

impl<'a> Outgoing<'_, 'a> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The messages from `from` on that leave by the same socket.
    pub(crate) fn stretch(&mut self, from: usize) -> Stretch<'_> {
        let socket = self.sockets[from];
        let len = self.sockets[from..self.len].iter().take_while(|s| **s == socket).count();
        Stretch { socket: usize::from(socket), messages: &mut self.headers.messages[from..from + len] }
    }

    /// Message `index` was refused.
    pub(crate) fn refuse(&mut self, index: usize, errno: i32) {
        self.errnos[index] = errno;
    }

    /// Takes the next run in, if it can be sent. `None`: there is none.
    ///
    /// The run is written where it stays, and read from there: a copy of what was written a moment ago, in other pieces, waits for
    /// the processor's store buffer, 20 ns and more for each run.
    fn take(&mut self, runs: &mut dyn Iterator<Item = Segments<'a>>, sockets: &Sockets) -> Option<Taken> {
        let (headers, i) = (&mut *self.headers, self.len);
        self.runs[i] = runs.next();
        let run = self.runs[i].as_ref()?;
        let route = sockets.route(&run.remote, &run.local).filter(|_| run.segment > 0 && !run.bytes.is_empty());
        let Some(route) = route else { return Some(Taken::Refused(run.packets().len())) };
        let control = &mut headers.controls[i];
        *control = Control::EMPTY;
        if run.bytes.len() > run.segment {
            control.put_segment(u16::try_from(run.segment).unwrap_or(u16::MAX));
        }
        if let Some(source) = route.source {
            control.put_source(source);
        }
        let control = control.as_mut();
        headers.iovecs[i] = libc::iovec { iov_base: run.bytes.as_ptr().cast_mut().cast(), iov_len: run.bytes.len() };
        let message = &mut headers.messages[i].msg_hdr;
        message.msg_namelen = address::encode(&run.remote, &mut headers.names[i]) as libc::socklen_t;
        message.msg_name = headers.names[i].as_mut_ptr().cast();
        message.msg_iov = &raw mut headers.iovecs[i];
        message.msg_iovlen = 1;
        message.msg_controllen = control.len() as _;
        message.msg_control = if control.is_empty() { ptr::null_mut() } else { control.as_mut_ptr().cast() };
        self.sockets[i] = route.socket as u8;
        self.errnos[i] = 0;
        self.len += 1;
        Some(Taken::InLine)
    }

    /// Counts what became of the messages. Those that a full buffer refused stay; runs that may pass as single messages are moved
    /// to `split`.
    fn settle(&mut self, split: &mut Split<'a>, departures: &mut Departures) -> io::Result<()> {
        let mut kept = 0;
        for index in 0..self.len {
            let (errno, run) = (self.errnos[index], self.runs[index].take());
            let packets = run.as_ref().map_or(0, |r| r.packets().len());
            match errno {
                0 => departures.packets += packets,
                errno if errno::is_of_room(errno) => {
                    self.runs[kept] = run;
                    self.sockets[kept] = self.sockets[index];
                    self.errnos[kept] = errno;
                    // Their pointers go with them. Swapped, not copied: no header is named twice.
                    self.headers.messages.swap(kept, index);
                    kept += 1;
                }
                errno if packets > 1 && errno::is_of_run(errno) => {
                    split.runs.extend(run);
                    split.device_cannot |= errno == libc::EIO;
                }
                errno if errno::is_ours(errno) => return Err(io::Error::from_raw_os_error(errno)),
                _ => departures.refused += packets,
            }
        }
        self.len = kept;
        Ok(())
    }

    /// What is left is to be handed over once more.
    fn begin_again(&mut self) {
        self.errnos[..self.len].fill(0);
    }

    /// The packets of what is left.
    fn packets(&self) -> usize {
        self.runs[..self.len].iter().flatten().map(|run| run.packets().len()).sum()
    }

    /// The sockets of what is left, neighbours once.
    fn crowded(&self) -> impl Iterator<Item = usize> {
        let sockets = &self.sockets[..self.len];
        sockets.chunk_by(|a, b| a == b).map(|same| usize::from(same[0]))
    }
}

/// What became of a run that was taken from the caller.
enum Taken {
    /// It has its headers.
    InLine,
    /// No socket can send it: so many packets.
    Refused(usize),
}

/// Runs that could not leave as one and are to go as single messages. Rare, and next to its messages the allocation is nothing.
#[derive(Default)]
struct Split<'a> {
    runs: Vec<Segments<'a>>,
    /// The device cannot make checksums for segments: so it will be with the next run.
    device_cannot: bool,
}

/// Hands messages to the kernel: gives the calls it took, and tells each refusal by [`Outgoing::refuse`].
pub(crate) type Transmit<'t> = dyn FnMut(&mut Outgoing<'_, '_>) -> usize + 't;

/// Sends everything that `runs` gives, in batches, by `transmit`. A run that cannot leave as one goes as single messages; where
/// the device is the reason, `gso` is switched off. A full send buffer is waited for, [`FULL_WAIT`] in all.
pub(crate) fn send_all(
    headers: &mut Headers,
    sockets: &Sockets,
    gso: &mut bool,
    runs: &mut dyn Iterator<Item = Segments<'_>>,
    transmit: &mut Transmit<'_>,
) -> io::Result<Departures> {
    let mut sending = Sending { headers, sockets, transmit, patience: Patience::new(FULL_WAIT), departures: Departures::default() };
    if *gso {
        *gso = !sending.batches(runs)?;
    } else {
        sending.batches(&mut runs.flat_map(singles))?;
    }
    Ok(sending.departures)
}

/// One `send` on its way.
struct Sending<'s, 't> {
    headers: &'s mut Headers,
    sockets: &'s Sockets,
    transmit: &'s mut Transmit<'t>,
    patience: Patience,
    departures: Departures,
}

impl Sending<'_, '_> {
    /// Sends all of `runs`. Whether a device could not make checksums for segments.
    fn batches(&mut self, runs: &mut dyn Iterator<Item = Segments<'_>>) -> io::Result<bool> {
        let mut device_cannot = false;
        loop {
            let mut outgoing = self.headers.begin();
            fill(&mut outgoing, self.sockets, runs, &mut self.departures);
            if outgoing.len() == 0 {
                return Ok(device_cannot);
            }
            let mut split = Split::default();
            let (sockets, patience, departures) = (self.sockets, &mut self.patience, &mut self.departures);
            hand_over(&mut outgoing, &mut split, sockets, self.transmit, patience, departures)?;
            device_cannot |= split.device_cannot;
            if !split.runs.is_empty() {
                // Single messages are never cut again, so this nests once.
                self.batches(&mut split.runs.into_iter().flat_map(singles))?;
            }
        }
    }
}

/// Hands a batch to the kernel until nothing of it is left. What a full buffer refuses is handed over again, in its order, when
/// there is room. It counts as refused when patience is over, or when nothing passes although there is room: more sleep would
/// not help that.
fn hand_over<'a>(
    outgoing: &mut Outgoing<'_, 'a>,
    split: &mut Split<'a>,
    sockets: &Sockets,
    transmit: &mut Transmit<'_>,
    patience: &mut Patience,
    departures: &mut Departures,
) -> io::Result<()> {
    let mut had_room = false;
    loop {
        let before = outgoing.len();
        departures.calls += transmit(outgoing);
        outgoing.settle(split, departures)?;
        let is_stuck = had_room && outgoing.len() == before;
        if outgoing.len() == 0 || is_stuck || patience.is_over() {
            break;
        }
        departures.calls += 1;
        had_room = patience.await_room(outgoing.crowded().map(|socket| sockets.fd(socket)));
        if !had_room {
            break;
        }
        outgoing.begin_again();
    }
    departures.refused += outgoing.packets();
    Ok(())
}

fn fill<'a>(
    outgoing: &mut Outgoing<'_, 'a>,
    sockets: &Sockets,
    runs: &mut dyn Iterator<Item = Segments<'a>>,
    departures: &mut Departures,
) {
    while outgoing.len() < MESSAGES_MAX {
        match outgoing.take(runs, sockets) {
            Some(Taken::InLine) => {}
            Some(Taken::Refused(packets)) => departures.refused += packets,
            None => return,
        }
    }
}

fn singles(run: Segments<'_>) -> impl Iterator<Item = Segments<'_>> {
    run.packets().map(move |bytes| Segments { bytes, segment: bytes.len(), ..run })
}

#[cfg(test)]
mod tests;
