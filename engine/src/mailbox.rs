//! Bounded lock-free queues between signaling and a shard, with a wake-up for whoever sleeps.
//!
//! ```text
//! signaling --push--> [commands] --> shard       full: MailboxFull to the caller
//!           --wake--> (its back-end's waker)     only when the shard said that it is going to sleep, and not for what can wait
//! signaling <-------- [events] <--push-- shard   full: spilled aside, then dropped and counted by kind; media goes on
//!           <--wake-- (one eventfd a node)       once per drain, not once per event
//! ```
//!
//! **No wake-up is lost.** Each direction is the same two-line argument: the sleeper announces its sleep and then looks at the queue
//! once more; the other side pushes and then looks at the announcement. In any order of these four, one of the two sees the other
//! (all four are sequentially consistent). A wake-up that was not needed is one more empty turn.

mod events;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use corelay_core::control::{Command, DtlsRole};
use corelay_uring::waker::Waker;
use corelay_wire::ids::RequestId;
use crossbeam::queue::ArrayQueue;

pub(crate) use events::{Bell, EventInbox, EventOutbox, event_mailbox};
pub use events::{EventDrops, EventKind};

use crate::config::limits;

/// The shard has more commands to carry out than its mailbox holds. Nothing was queued; the command is in the error.
#[derive(Debug, thiserror::Error)]
#[error("the shard's mailbox is full: answer the client with `busy` and let it try again")]
pub struct MailboxFull(pub Box<Command>);

/// How a shard sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sleep {
    /// It does not.
    Awake,
    /// Something that arrived waits for a command, and every command wakes.
    Light,
    /// What can wait does not wake.
    Deep,
}

/// Whether a shard that sleeps deep need not hear of `command` at once: nothing happens because of it before a datagram or another
/// command, which wakes, or the shard's own post within a second. A join has three wake-ups less without these.
///
/// A peer in DTLS's client role sends its ClientHello after the connecting, or the shard holds it and sleeps lightly. In the server role it
/// waits for ours.
fn can_wait(command: &Command) -> bool {
    match command {
        Command::OpenRoom { .. } | Command::Join { .. } => true,
        Command::OpenTransport { request, .. } => *request == RequestId::UNANSWERED,
        Command::Subscribe { request, paused, .. } => *request == RequestId::UNANSWERED && *paused,
        Command::ConnectTransport { remote, .. } => remote.role == DtlsRole::Client,
        _ => false,
    }
}

/// Signaling's end. Any number of threads may hold it.
#[derive(Clone, Debug)]
pub(crate) struct CommandSender {
    shared: Arc<Shared>,
}

/// The shard's end.
#[derive(Debug)]
pub(crate) struct CommandReceiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: ArrayQueue<Command>,
    /// A [`Sleep`]: how the shard sleeps, or is about to after it looked at the queue a last time.
    sleep: AtomicU8,
    stop: AtomicBool,
    refused: AtomicU64,
    /// The waker of the shard's back-end, which is a new one after a restart. Locked for a wake-up and for a restart only.
    waker: Mutex<Option<Waker>>,
    #[cfg(any(test, feature = "fault-injection"))]
    panic: AtomicBool,
}

pub(crate) fn command_mailbox() -> (CommandSender, CommandReceiver) {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(limits::COMMANDS_QUEUED_MAX),
        sleep: AtomicU8::new(Sleep::Awake as u8),
        stop: AtomicBool::new(false),
        refused: AtomicU64::new(0),
        waker: Mutex::new(None),
        #[cfg(any(test, feature = "fault-injection"))]
        panic: AtomicBool::new(false),
    });
    (CommandSender { shared: Arc::clone(&shared) }, CommandReceiver { shared })
}

impl CommandSender {
    /// Queues a command and wakes the shard if it sleeps, unless the command can wait for whatever wakes it next.
    pub(crate) fn send(&self, command: Command) -> Result<(), MailboxFull> {
        let wakes = if can_wait(&command) { Sleep::Light } else { Sleep::Deep };
        if let Err(command) = self.shared.queue.push(command) {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            // It may be full of what can wait.
            self.shared.wake_from(Sleep::Deep);
            return Err(MailboxFull(Box::new(command)));
        }
        self.shared.wake_from(wakes);
        Ok(())
    }

    /// Asks the shard to carry out what is queued and to end.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.wake_from(Sleep::Deep);
    }

    /// Has the shard look at its mailboxes and rings, such as when there is room for events again. Tells whether it slept and was woken.
    pub(crate) fn nudge(&self) -> bool {
        self.shared.wake_from(Sleep::Deep)
    }

    /// Makes the shard panic in its next turn.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn inject_panic(&self) {
        self.shared.panic.store(true, Ordering::SeqCst);
        self.shared.wake_from(Sleep::Deep);
    }
}

impl CommandReceiver {
    /// The next command.
    pub(crate) fn next(&mut self) -> Option<Command> {
        self.shared.queue.pop()
    }

    /// How many are queued.
    pub(crate) fn len(&self) -> usize {
        self.shared.queue.len()
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }

    /// Announces a sleep; from a light one every command wakes. False when there is something to do first.
    pub(crate) fn may_sleep(&mut self, sleep: Sleep) -> bool {
        self.shared.sleep.store(sleep as u8, Ordering::SeqCst);
        let may = self.shared.queue.is_empty() && !self.shared.interrupted();
        if !may {
            self.awake();
        }
        may
    }

    /// The sleep is over.
    pub(crate) fn awake(&mut self) {
        self.shared.sleep.store(Sleep::Awake as u8, Ordering::SeqCst);
    }

    /// Whether the shard is asked to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    /// Commands that found the mailbox full.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Tells senders how to wake the shard from here on.
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        *self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    /// Whether a test asked for a panic; asks once.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn take_panic(&mut self) -> bool {
        self.shared.panic.swap(false, Ordering::SeqCst)
    }
}

impl Shared {
    /// Wakes the shard unless it sleeps deeper than `deepest`. One caller of several wakes: the swap decides which. The load before it
    /// leaves the flag's cache line to a shard that is awake.
    fn wake_from(&self, deepest: Sleep) -> bool {
        let awake = Sleep::Awake as u8;
        let sleeps = |sleep: u8| sleep != awake && sleep <= deepest as u8;
        let wakes = sleeps(self.sleep.load(Ordering::SeqCst)) && self.sleep.swap(awake, Ordering::SeqCst) != awake;
        if wakes && let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake();
        }
        wakes
    }

    fn interrupted(&self) -> bool {
        #[cfg(any(test, feature = "fault-injection"))]
        if self.panic.load(Ordering::SeqCst) {
            return true;
        }
        self.stop.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
