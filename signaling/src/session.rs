//! One WebSocket from its first message to its last.
//!
//! ```text
//! Lobby --join--> Joined(participant) --leave--> over
//!   \___________________\________________lost | dismissed | silent | slow_/
//! ```
//!
//! Requests are carried out one after the other: a client may send them without waiting and finds them done in its order. While one
//! is carried out the next is not read, so that a client that sends faster than it is served fills its own socket, not our memory.

mod requests;
mod socket;

use crate::app::{App, LobbyPlace};
use crate::metrics::SessionEnd;
use crate::outbox::Outbox;
use crate::protocol::{Envelope, ErrorName, GoodbyeReason, IncomingRequest, MalformedMessage, ProtocolError, failure};
use crate::registry::Departure;
use crate::token::Claims;
use corelay_wire::ids::ParticipantId;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use socket::{Incoming, Socket};
pub(crate) use socket::{WebSocket, open};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Interval};

/// Who is at the other end.
enum State {
    /// Connected, in no room yet.
    Lobby(#[expect(dead_code, reason = "held for its Drop")] LobbyPlace),
    /// In the room.
    Joined(ParticipantId),
    /// Left: nothing more is taken.
    Left,
}

/// A rate of one client. On the operating system's clock: the library's own asks the processor for its features each time one is made,
/// and under a hypervisor that costs more than all else of a join's signaling.
type Rate = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

struct Session {
    app: Arc<App>,
    claims: Claims,
    outbox: Outbox,
    state: State,
    requests: Rate,
    /// Those among them that everyone in the room is told of.
    broadcasts: Rate,
    errors: u32,
}

/// A client whose token was refused: says why, in a way that a browser can read, and closes.
pub(crate) async fn refuse(app: Arc<App>, websocket: WebSocket, error: ProtocolError) {
    app.metrics.refused(error.name);
    let (outbox, reader) = app.outbox();
    outbox.goodbye(GoodbyeReason::Error(error.name), error.reason);
    let socket = Socket::new(websocket, reader, &app.limits);
    socket.finish().await;
}

/// A client with a good token.
pub(crate) async fn run(app: Arc<App>, websocket: WebSocket, claims: Claims) {
    let place = match app.enter_lobby(&claims.identity) {
        Ok(place) => place,
        Err(error) => return refuse(app, websocket, error).await,
    };
    app.metrics.sessions.inc();
    let (outbox, reader) = app.outbox();
    let mut socket = Socket::new(websocket, reader, &app.limits);
    let requests = Quota::per_second(app.limits.requests_per_second).allow_burst(app.limits.requests_burst);
    let broadcasts = Quota::per_second(app.limits.broadcasts_per_second).allow_burst(app.limits.broadcasts_burst);
    let mut session = Session {
        app: Arc::clone(&app),
        claims,
        outbox,
        state: State::Lobby(place),
        requests: RateLimiter::direct_with_clock(requests, MonotonicClock),
        broadcasts: RateLimiter::direct_with_clock(broadcasts, MonotonicClock),
        errors: 0,
    };
    let end = session.converse(&mut socket).await;
    session.depart(end);
    app.metrics.session_ended(end);
    drop(session);
    if end != SessionEnd::SlowReader {
        socket.finish().await;
    }
    app.metrics.sessions.dec();
}

impl Session {
    async fn converse(&mut self, socket: &mut Socket) -> SessionEnd {
        let app = Arc::clone(&self.app);
        let outbox = self.outbox.clone();
        let mut ping = interval(app.limits.ping_interval);
        // Each is made once, not with each message: setting a timer and waiting for a notice cost as much as reading a short one.
        let mut join_by = pin!(tokio::time::sleep(app.limits.join_timeout));
        let mut silence = pin!(tokio::time::sleep(app.limits.silence_max));
        let mut cut = pin!(outbox.cut());
        let mut ending = pin!(app.drain.ending());
        loop {
            tokio::select! {
                incoming = socket.next() => match incoming {
                    Incoming::Text(text) => tokio::select! {
                        () = self.take(&text) => {}
                        () = &mut cut => return SessionEnd::SlowReader,
                    },
                    Incoming::Binary => self.malformed(&MalformedMessage::binary()),
                    Incoming::Pong => {}
                    Incoming::TooLarge => self.too_large(),
                    Incoming::Written if outbox.is_closing() => return self.end_of_closing(),
                    Incoming::Written => return SessionEnd::Lost,
                    Incoming::Closed { is_deliberate } => return if is_deliberate { SessionEnd::Left } else { SessionEnd::Lost },
                },
                () = &mut cut => return SessionEnd::SlowReader,
                () = &mut ending, if matches!(self.state, State::Lobby(_)) => {
                    outbox.goodbye(GoodbyeReason::ServerShutdown, "the server shuts down: connect again");
                    return SessionEnd::Dismissed;
                }
                () = &mut join_by, if matches!(self.state, State::Lobby(_)) => {
                    outbox.goodbye(GoodbyeReason::Error(ErrorName::OutOfOrder), "no join came in time: connect when you are about to join");
                    return SessionEnd::Dismissed;
                }
                () = &mut silence => {
                    let silent_at = socket.heard_at() + app.limits.silence_max;
                    if silent_at <= Instant::now() {
                        return SessionEnd::Silent;
                    }
                    silence.as_mut().reset(silent_at);
                }
                _ = ping.tick() => outbox.ping(),
            }
            if outbox.is_closing() {
                return self.end_of_closing();
            }
        }
    }

    /// Who wanted the end that the server carries out.
    fn end_of_closing(&self) -> SessionEnd {
        if matches!(self.state, State::Left) { SessionEnd::Left } else { SessionEnd::Dismissed }
    }

    /// Takes one text message. Over its rate a client waits, and what it sends meanwhile waits in its socket: entering a large room
    /// is a burst of requests that are all meant.
    async fn take(&mut self, text: &str) {
        self.requests.until_ready().await;
        match Envelope::parse(text) {
            Ok(IncomingRequest { id, request }) => {
                self.app.metrics.requested(request.method());
                if request.is_broadcast() {
                    self.broadcasts.until_ready().await;
                }
                match self.carry_out(id, request).await {
                    Ok(response) => self.respond(response),
                    Err(error) => self.refuse_request(id, &error),
                }
            }
            Err(message) => self.malformed(&message),
        }
    }

    fn respond(&self, response: String) {
        self.outbox.text(response);
        if matches!(self.state, State::Left) {
            self.outbox.close(1000, "left");
        }
    }

    /// A request that was understood and cannot be carried out.
    fn refuse_request(&mut self, id: u32, error: &ProtocolError) {
        self.app.metrics.refused(error.name);
        self.outbox.text(failure(Some(id), error));
        // Only another node can help: let go of the client so that it looks for one.
        let is_final = matches!(error.name, ErrorName::Draining | ErrorName::Full) && matches!(self.state, State::Lobby(_));
        if is_final {
            self.outbox.goodbye(GoodbyeReason::Error(error.name), error.reason.clone());
        }
    }

    fn malformed(&mut self, message: &MalformedMessage) {
        self.fail(message.id, &message.error);
    }

    /// Answers what counts against the client.
    fn fail(&mut self, id: Option<u32>, error: &ProtocolError) {
        self.app.metrics.refused(error.name);
        self.outbox.text(failure(id, error));
        self.errors += 1;
        if self.errors >= self.app.limits.errors_max {
            self.outbox
                .goodbye(GoodbyeReason::Error(error.name), "too many messages that are malformed or unknown: mend the client");
        }
    }

    fn too_large(&mut self) {
        self.app.metrics.refused(ErrorName::TooLarge);
        let max = self.app.limits.message_len_max;
        let message = format!("a message may have {max} bytes: send less appData or fewer codecs");
        self.outbox.goodbye(GoodbyeReason::Error(ErrorName::TooLarge), message);
    }

    /// What becomes of the participant when its WebSocket is over.
    fn depart(&self, end: SessionEnd) {
        let State::Joined(participant) = self.state else { return };
        let mut registry = self.app.registry();
        if !registry.session_lost(participant, self.outbox.session()) {
            return;
        }
        if end == SessionEnd::Left {
            registry.remove(participant, Departure { reason: crate::protocol::LeaveReason::Left, goodbye: None });
            return;
        }
        let app = Arc::clone(&self.app);
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(app.limits.linger) => {}
                () = app.drain.ending() => {}
            }
            app.registry().linger_over(participant);
        });
    }
}

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}
