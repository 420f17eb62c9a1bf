//! The way to one client: a bounded queue between whoever has something to tell and the task that writes to the socket.
//!
//! A queue that is full means a client that does not read. It is cut off: the others and the memory do not wait for it.
//!
//! What nobody waits for (who joined, which step a transport took) leaves with the next message that somebody does wait for, or a moment
//! later with whatever gathered ([`Company`]): a `write` and the wake-up of its reader cost more than all that leads to them.
//!
//! ```text
//! text ----------------------------> [queue] --> writer --> socket
//! in company --> [waiting] --hurry----'            hurry: before the next text, and at the company's time
//! ```

mod company;

pub(crate) use company::Company;

use crate::limits::Limits;
use crate::protocol::{GoodbyeReason, Notification, notification};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The text of a message; cheap to clone.
pub(crate) type Text = Utf8Bytes;

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A message.
    Text(Text),
    /// A ping.
    Ping,
    /// The last thing: a close frame.
    Close {
        /// The close code.
        code: u16,
        /// The reason in the frame.
        reason: &'static str,
    },
}

/// The end that is written to; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    id: u64,
    sender: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
}

/// The end that the writing task reads.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    receiver: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
}

/// Messages that may wait for company. Higher: a member of a room that everyone joins at once is written to less often. Lower: fewer are
/// put into the queue at one go.
const WAITING_MAX: usize = 64;

#[derive(Debug)]
struct Shared {
    /// What waits for company, in order and before all that is queued later.
    waiting: Mutex<Vec<Text>>,
    company: Arc<Company>,
    bytes: AtomicUsize,
    bytes_max: usize,
    is_closing: AtomicBool,
    is_cut: AtomicBool,
    cut: Notify,
}

impl Shared {
    /// What a message counts for. Half at most: a large one alone, with what comes before it is written, is no sign of a client that
    /// does not read.
    fn charge(&self, text: &str) -> usize {
        text.len().min(self.bytes_max / 2)
    }
}

impl Outbox {
    /// A queue for the session `id`.
    pub(crate) fn new(id: u64, limits: &Limits, company: &Arc<Company>) -> (Self, OutboxReader) {
        // One place more than messages may take: the close frame always fits.
        let (sender, receiver) = mpsc::channel(limits.queue_messages_max + 1);
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            company: Arc::clone(company),
            bytes: AtomicUsize::new(0),
            bytes_max: limits.queue_bytes_max,
            is_closing: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
        });
        (Self { id, sender, shared: Arc::clone(&shared) }, OutboxReader { receiver, shared })
    }

    /// The session that reads it.
    pub(crate) fn session(&self) -> u64 {
        self.id
    }

    /// Queues a message; after [`Self::close`] it is dropped.
    pub(crate) fn text(&self, text: impl Into<Text>) {
        if self.is_closing() {
            return;
        }
        let text = text.into();
        self.charge(&text);
        self.hurry();
        self.queue(text);
    }

    /// The same for a message that may wait a moment.
    pub(crate) fn text_in_company(&self, text: impl Into<Text>) {
        if self.is_closing() {
            return;
        }
        let text = text.into();
        self.charge(&text);
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(text);
        let count = waiting.len();
        drop(waiting);
        match count {
            1 => self.shared.company.expect(self.clone()),
            WAITING_MAX => self.hurry(),
            _ => {}
        }
    }

    /// Queues what waits for company.
    fn hurry(&self) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).for_each(|text| self.queue(text));
    }

    fn charge(&self, text: &str) {
        let charge = self.shared.charge(text);
        if self.shared.bytes.fetch_add(charge, Ordering::Relaxed) + charge > self.shared.bytes_max {
            self.cut_off();
        }
    }

    fn queue(&self, text: Text) {
        // The last place is the close frame's.
        if self.sender.capacity() < 2 || self.sender.try_send(Outgoing::Text(text)).is_err() {
            self.cut_off();
        }
    }

    fn cut_off(&self) {
        self.shared.is_cut.store(true, Ordering::Relaxed);
        self.shared.cut.notify_one();
    }

    /// Queues a notification.
    pub(crate) fn notify(&self, message: &Notification) {
        self.tell(notification(message), message.can_wait());
    }

    /// Queues the text of a notification.
    pub(crate) fn tell(&self, text: impl Into<Text>, can_wait: bool) {
        if can_wait { self.text_in_company(text) } else { self.text(text) }
    }

    /// Queues a ping, unless messages wait anyway.
    pub(crate) fn ping(&self) {
        if self.sender.capacity() > 1 {
            let _ = self.sender.try_send(Outgoing::Ping);
        }
    }

    /// Says goodbye and closes. What comes after is dropped.
    pub(crate) fn goodbye(&self, reason: GoodbyeReason, message: impl Into<String>) {
        self.notify(&Notification::goodbye(reason, message));
        self.close(reason.close_code(), reason.label());
    }

    /// Closes after what is queued.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        if !self.shared.is_closing.swap(true, Ordering::Relaxed) {
            self.hurry();
            let _ = self.sender.try_send(Outgoing::Close { code, reason });
        }
    }

    /// Whether a close frame is queued.
    pub(crate) fn is_closing(&self) -> bool {
        self.shared.is_closing.load(Ordering::Relaxed)
    }

    /// Waits until the queue overflowed.
    pub(crate) async fn cut(&self) {
        while !self.shared.is_cut.load(Ordering::Relaxed) {
            self.shared.cut.notified().await;
        }
    }
}

impl OutboxReader {
    /// The next thing to write.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.receiver.recv().await?;
        if let Outgoing::Text(text) = &outgoing {
            self.shared.bytes.fetch_sub(self.shared.charge(text), Ordering::Relaxed);
        }
        Some(outgoing)
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn small() -> (Outbox, OutboxReader) {
        let limits = Limits { queue_messages_max: 4, queue_bytes_max: 100, ..Limits::default() };
        Outbox::new(1, &limits, &Arc::default())
    }

    fn is_cut(outbox: &Outbox) -> bool {
        outbox.cut().now_or_never().is_some()
    }

    #[tokio::test]
    async fn too_many_messages_cut() {
        let (outbox, _reader) = small();
        for _ in 0..4 {
            outbox.text("x".to_owned());
        }
        assert!(!is_cut(&outbox));
        outbox.text("x".to_owned());
        assert!(is_cut(&outbox));
    }

    #[tokio::test]
    async fn too_many_bytes_cut_and_read_ones_do_not_count() {
        let (outbox, mut reader) = small();
        for _ in 0..10 {
            outbox.text("x".repeat(60));
            assert!(matches!(reader.next().await, Some(Outgoing::Text(_))));
        }
        assert!(!is_cut(&outbox));
        for _ in 0..3 {
            outbox.text("x".repeat(40));
        }
        assert!(is_cut(&outbox));
    }

    #[tokio::test]
    async fn one_message_beyond_the_limit_does_not_cut() {
        let (outbox, mut reader) = small();
        outbox.text("x".repeat(1_000));
        outbox.text("x".repeat(40));
        assert!(!is_cut(&outbox));
        assert!(matches!(reader.next().await, Some(Outgoing::Text(text)) if text.len() == 1_000));
        outbox.text("x".repeat(60));
        assert!(!is_cut(&outbox));
        outbox.text("x".repeat(60));
        assert!(is_cut(&outbox));
    }

    #[tokio::test]
    async fn a_close_fits_a_full_queue_and_is_the_last() {
        let (outbox, mut reader) = small();
        for _ in 0..4 {
            outbox.text("x".to_owned());
        }
        outbox.close(1000, "left");
        outbox.text("y".to_owned());
        for _ in 0..4 {
            assert!(matches!(reader.next().await, Some(Outgoing::Text(_))));
        }
        assert!(matches!(reader.next().await, Some(Outgoing::Close { code: 1000, .. })));
        drop(outbox);
        assert!(reader.next().await.is_none());
    }
    fn queued(reader: &mut OutboxReader) -> Vec<String> {
        let text = |outgoing| match outgoing {
            Outgoing::Text(text) => text.to_string(),
            other => panic!("not a text: {other:?}"),
        };
        std::iter::from_fn(|| reader.next().now_or_never().flatten().map(text)).collect()
    }

    #[tokio::test]
    async fn what_can_wait_leaves_in_company_and_in_order() {
        let company = Arc::new(Company::default());
        let (outbox, mut reader) = Outbox::new(1, &Limits::default(), &company);
        outbox.text_in_company("a");
        outbox.text_in_company("b");
        assert!(queued(&mut reader).is_empty(), "nobody is written to for it");
        outbox.text("c");
        assert_eq!(queued(&mut reader), ["a", "b", "c"]);
        outbox.text_in_company("d");
        let next = tokio::select! {
            () = company.run() => panic!("it goes on"),
            next = reader.next() => next,
        };
        assert!(matches!(next, Some(Outgoing::Text(text)) if text == "d"), "alone, after a moment");
        (0..WAITING_MAX).for_each(|_| outbox.text_in_company("e"));
        assert_eq!(queued(&mut reader).len(), WAITING_MAX);
        outbox.text_in_company("f");
        outbox.close(1000, "left");
        assert!(matches!(reader.next().await, Some(Outgoing::Text(text)) if text == "f"));
    }
}
