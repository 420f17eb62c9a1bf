//! The participants: they arrive at the scenario's rate, some come and go while the run measures, and all leave at the end.

use super::generator::{Generator, Seat};
use super::joins::Join;
use crate::scenario::{Churn, Storm, Subscribe};
use anyhow::Context;
use corelay_loadgen::client::{Client, Ended};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Leaving is asked of so many at a time: more would wait for each other in the server's one signaling thread, and time out there.
const LEAVING_MAX: usize = 64;

/// Everybody who is there, and who is on the way.
pub(crate) struct Crowd {
    generator: Arc<Generator>,
    begun: Instant,
    members: BTreeMap<Seat, Client>,
    /// How large the rooms are at the moment.
    rooms: usize,
    participants: usize,
    /// Members on their way in.
    coming: JoinSet<Arrival>,
    guests: JoinSet<Join>,
    /// Of those who left; those who are there are added at the end.
    joins: Vec<Join>,
    /// When the members that are there joined, and whether media was due at once.
    admitted: BTreeMap<Seat, (Duration, bool)>,
    /// Members that the server or the network threw out.
    lost: Vec<String>,
}

/// A member's join.
struct Arrival {
    seat: Seat,
    at: Duration,
    expects_media: bool,
    outcome: anyhow::Result<Client>,
}

impl Crowd {
    pub(crate) fn new(generator: &Arc<Generator>) -> Self {
        Self {
            generator: Arc::clone(generator),
            begun: Instant::now(),
            members: BTreeMap::new(),
            rooms: 0,
            participants: 0,
            coming: JoinSet::new(),
            guests: JoinSet::new(),
            joins: Vec::new(),
            admitted: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    /// Lets rooms and participants arrive until there are so many. The first one who cannot join ends it.
    pub(crate) async fn grow(&mut self, rooms: usize, participants: usize) -> anyhow::Result<()> {
        (self.rooms, self.participants) = (rooms, participants);
        // By index first: publishers of all rooms are there before the first listener.
        let seats = (0..participants).flat_map(|index| (0..rooms).map(move |room| Seat { room, index }));
        let missing: Vec<Seat> = seats.filter(|seat| !self.members.contains_key(seat)).collect();
        let mut pace = pace(self.generator.scenario.join.rate);
        for seat in missing {
            pace.tick().await;
            self.send_for(seat, Duration::ZERO);
            while let Some(arrival) = self.coming.try_join_next() {
                self.admit(arrival)?;
            }
        }
        self.gather().await
    }

    /// Waits for everyone who is on the way, and fails with the first who cannot join.
    pub(crate) async fn gather(&mut self) -> anyhow::Result<()> {
        while let Some(arrival) = self.coming.join_next().await {
            self.admit(arrival)?;
        }
        while let Some(guest) = self.guests.join_next().await {
            self.see_off(guest);
        }
        Ok(())
    }

    /// Members leave and come back, until this is dropped; then `gather` them.
    pub(crate) async fn churn(&mut self, churn: Churn) -> Infallible {
        let mut pace = pace(churn.rate);
        loop {
            tokio::select! {
                _ = pace.tick() => self.leave_and_return(churn.away),
                // Whoever cannot come back is put down as a failed join.
                Some(arrival) = self.coming.join_next() => drop(self.admit(arrival)),
            }
        }
    }

    /// Guests come and go, until this is dropped; then `gather` them.
    pub(crate) async fn storm(&mut self, storm: Storm) -> Infallible {
        let mut pace = pace(storm.rate);
        let mut room = 0;
        loop {
            tokio::select! {
                _ = pace.tick() => {
                    room = (room + 1) % self.rooms.max(1);
                    self.invite(room, storm.stay);
                }
                Some(guest) = self.guests.join_next() => self.see_off(guest),
            }
        }
    }

    /// Rooms, and participants of each.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rooms, self.participants)
    }

    /// Streams that they receive together when all of them flow.
    pub(crate) fn streams(&self) -> usize {
        self.generator.scenario.streams_of_room(self.participants) * self.rooms
    }

    /// The SRTP profile of the associations.
    pub(crate) fn profile(&self) -> Option<&'static str> {
        self.members.values().find_map(Client::profile).map(|profile| profile.name())
    }

    /// Members that are no longer in their room though nobody sent them away, each with the reason.
    pub(crate) fn lost(&self) -> Vec<String> {
        let ended = self.members.iter().filter_map(|(seat, client)| Some((seat, client.ended()?)));
        let now = ended.map(|(seat, ended)| format!("participant {} of room {}: {}", seat.index, seat.room, describe(&ended)));
        self.lost.iter().cloned().chain(now).collect()
    }

    /// All joins so far.
    pub(crate) fn joins(&self) -> Vec<Join> {
        let present = self.members.iter().map(|(seat, client)| self.join_of(*seat, client));
        self.joins.iter().cloned().chain(present).collect()
    }

    /// Everybody leaves properly. How many could not.
    pub(crate) async fn leave(mut self) -> usize {
        let mut leaving = JoinSet::new();
        let mut failed = 0;
        for client in std::mem::take(&mut self.members).into_values() {
            if leaving.len() >= LEAVING_MAX {
                failed += usize::from(!has_left(leaving.join_next().await));
            }
            let generator = Arc::clone(&self.generator);
            leaving.spawn(async move { generator.leave(client).await });
        }
        while let Some(left) = leaving.join_next().await {
            failed += usize::from(!has_left(Some(left)));
        }
        failed
    }

    fn send_for(&mut self, seat: Seat, away: Duration) {
        let (generator, participants) = (Arc::clone(&self.generator), self.participants);
        let (begun, expects_media) = (self.begun, self.has_publisher(seat));
        self.coming.spawn(async move {
            tokio::time::sleep(away).await;
            let at = begun.elapsed();
            Arrival { seat, at, expects_media, outcome: generator.join_member(seat, participants).await }
        });
    }

    fn admit(&mut self, arrival: Result<Arrival, JoinError>) -> anyhow::Result<()> {
        let Arrival { seat, at, expects_media, outcome } = arrival.context("a participant's task failed")?;
        match outcome {
            Ok(client) => {
                self.admitted.insert(seat, (at, expects_media));
                self.members.insert(seat, client);
                Ok(())
            }
            Err(error) => {
                self.joins.push(Join { at, expects_media, outcome: Err(format!("{error:#}")) });
                Err(error)
            }
        }
    }

    fn see_off(&mut self, guest: Result<Join, JoinError>) {
        match guest {
            Ok(join) => self.joins.push(join),
            Err(error) => self.lost.push(format!("a guest's task failed: {error}")),
        }
    }

    /// Somebody at random goes; its join is put down as it was.
    fn leave_and_return(&mut self, away: Duration) {
        let Some(seat) = self.members.keys().nth(rand::random_range(0..self.members.len().max(1))).copied() else {
            return;
        };
        let Some(client) = self.members.remove(&seat) else { return };
        self.joins.push(self.join_of(seat, &client));
        if let Some(ended) = client.ended() {
            self.lost.push(format!("participant {} of room {}: {}", seat.index, seat.room, describe(&ended)));
        }
        let (generator, participants, begun) = (Arc::clone(&self.generator), self.participants, self.begun);
        let expects_media = self.has_publisher(seat);
        self.coming.spawn(async move {
            // Whoever cannot leave properly is gone as well, and its return will show what is wrong.
            generator.leave(client).await;
            tokio::time::sleep(away).await;
            let at = begun.elapsed();
            Arrival { seat, at, expects_media, outcome: generator.join_member(seat, participants).await }
        });
    }

    fn invite(&mut self, room: usize, stay: Duration) {
        let generator = Arc::clone(&self.generator);
        let expects_media = self.has_publisher(Seat { room, index: usize::MAX });
        let begun = self.begun;
        self.guests.spawn(async move {
            let at = begun.elapsed();
            let outcome = match generator.join_guest(room).await {
                Ok(client) => {
                    tokio::time::sleep(stay).await;
                    let times = client.times();
                    let ended = client.ended();
                    generator.leave(client).await;
                    ended.map_or(Ok(times), |ended| Err(format!("a guest was thrown out: {}", describe(&ended))))
                }
                Err(error) => Err(format!("{error:#}")),
            };
            Join { at, expects_media, outcome }
        });
    }

    /// Whether someone else publishes in the room, so that a newcomer gets packets at once.
    fn has_publisher(&self, newcomer: Seat) -> bool {
        let scenario = &self.generator.scenario;
        let publishers = scenario.publishers.of(self.participants);
        let in_room = Seat { index: 0, ..newcomer }..Seat { index: publishers, ..newcomer };
        scenario.subscribe != Subscribe::None && self.members.range(in_room).any(|(seat, _)| *seat != newcomer)
    }

    fn join_of(&self, seat: Seat, client: &Client) -> Join {
        let (at, expects_media) = self.admitted.get(&seat).copied().unwrap_or_default();
        Join { at, expects_media, outcome: Ok(client.times()) }
    }
}

fn has_left(result: Option<Result<bool, JoinError>>) -> bool {
    matches!(result, Some(Ok(true)))
}

/// A tick for each that is due; late ones follow at once, so that the rate holds on average.
fn pace(rate: f64) -> Interval {
    let mut interval = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    interval
}

fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Goodbye { reason, message, .. } => format!("the server said goodbye: {reason}: {message}"),
        Ended::Lost => "the connection was lost: look into the server's log".to_owned(),
        Ended::Refused(refusal) => refusal.to_string(),
        Ended::Transport(reason) => format!("a transport failed: {reason}"),
    }
}
