//! What a shard would hold after the commands that it was sent, by the rules of `control.rs`.

use crate::figures::{subscription_statistics, track_statistics, transport_statistics};
use corelay_engine::control::{Command, IceCredentials, ParticipantStatistics, Refusal, Reply};
use corelay_wire::ids::{ParticipantId, RequestId, RoomId, ShardId, SubscriptionId, TrackId, TransportId};
use std::collections::{BTreeMap, BTreeSet};

type Answer = Result<Reply, Refusal>;

/// The tables of a shard.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    rooms: BTreeSet<RoomId>,
    participants: BTreeMap<ParticipantId, RoomId>,
    transports: BTreeMap<TransportId, ParticipantId>,
    tracks: BTreeMap<TrackId, Track>,
    subscriptions: BTreeMap<SubscriptionId, (TransportId, TrackId)>,
}

#[derive(Debug)]
struct Track {
    room: RoomId,
    origin: Origin,
    paused: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Transport(TransportId),
    Relay(ShardId),
}

/// How much of each there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    pub(crate) transports: usize,
    pub(crate) tracks: usize,
    pub(crate) mirrors: usize,
    pub(crate) subscriptions: usize,
}

impl Contents {
    /// Carries `command` out. Gives its answer, if it has one.
    pub(crate) fn apply(&mut self, command: &Command) -> Option<(RequestId, Answer)> {
        match command {
            Command::OpenRoom { room } => drop(self.rooms.insert(*room)),
            Command::CloseRoom { room } => drop(self.rooms.remove(room)),
            Command::Join { room, participant, .. } => drop(self.participants.insert(*participant, *room)),
            Command::Leave { participant } => drop(self.participants.remove(participant)),
            Command::CloseTransport { transport } => drop(self.transports.remove(transport)),
            Command::CloseTrack { track } => drop(self.tracks.remove(track)),
            Command::Unsubscribe { subscription } => drop(self.subscriptions.remove(subscription)),
            Command::PauseTrack { track, paused } => {
                if let Some(track) = self.tracks.get_mut(track) {
                    track.paused = *paused;
                }
            }
            Command::PauseSubscription { .. }
            | Command::RequestKeyframe { .. }
            | Command::PreferLayers { .. }
            | Command::SetPriority { .. }
            | Command::SetViewport { .. }
            | Command::FollowSpeakers { .. }
            | Command::SetSpeakers { .. }
            | Command::ConnectTransport { .. }
            | Command::Trace { .. } => {}
            other => return self.answer(other),
        }
        self.sweep();
        None
    }

    fn answer(&mut self, command: &Command) -> Option<(RequestId, Answer)> {
        let known = |is_known: bool, what| if is_known { Ok(Reply::Done) } else { Err(Refusal::Unknown(what)) };
        Some(match command {
            Command::OpenTransport { request, participant, transport, .. } => {
                let is_known = self.participants.contains_key(participant);
                if is_known {
                    self.transports.insert(*transport, *participant);
                }
                (*request, known(is_known, "participant").map(|_| credentials(*transport)))
            }
            Command::RestartIce { request, transport } => {
                (*request, known(self.transports.contains_key(transport), "transport").map(|_| credentials(*transport)))
            }
            Command::Publish { request, transport, track, paused, .. } => {
                let room = self.transports.get(transport).and_then(|owner| self.participants.get(owner)).copied();
                if let Some(room) = room {
                    self.tracks.insert(*track, Track { room, origin: Origin::Transport(*transport), paused: *paused });
                }
                (*request, known(room.is_some(), "transport"))
            }
            Command::Mirror { request, room, track, source, paused, .. } => {
                let is_known = self.rooms.contains(room);
                if is_known {
                    let mirror = Track { room: *room, origin: Origin::Relay(*source), paused: *paused };
                    self.tracks.entry(*track).or_insert(mirror);
                }
                (*request, known(is_known, "room"))
            }
            Command::Subscribe { request, transport, track, subscription, .. } => {
                let result = known(self.transports.contains_key(transport), "transport")
                    .and_then(|_| known(self.tracks.contains_key(track), "track"));
                if result.is_ok() {
                    self.subscriptions.insert(*subscription, (*transport, *track));
                }
                (*request, result)
            }
            Command::Statistics { request, participant } => {
                let known = self.participants.contains_key(participant).then(|| self.statistics(*participant));
                (*request, known.map(|s| Reply::Statistics(Box::new(s))).ok_or(Refusal::Unknown("participant")))
            }
            Command::Ping { request } => (*request, Ok(Reply::Done)),
            _ => return None,
        })
    }

    /// What a participant has, with numbers that are made up.
    fn statistics(&self, participant: ParticipantId) -> ParticipantStatistics {
        let transports: Vec<TransportId> =
            self.transports.iter().filter(|(_, owner)| **owner == participant).map(|(id, _)| *id).collect();
        let tracks = self.tracks.iter().filter_map(|(id, track)| match track.origin {
            Origin::Transport(transport) if transports.contains(&transport) => Some(track_statistics(*id, transport)),
            _ => None,
        });
        let subscriptions = self.subscriptions.iter().filter(|(_, (transport, _))| transports.contains(transport));
        ParticipantStatistics {
            participant,
            tracks: tracks.collect(),
            subscriptions: subscriptions.map(|(id, (transport, track))| subscription_statistics(*id, *transport, *track)).collect(),
            transports: transports.into_iter().map(transport_statistics).collect(),
        }
    }

    /// What hangs on something that ended ends.
    fn sweep(&mut self) {
        self.participants.retain(|_, room| self.rooms.contains(room));
        self.transports.retain(|_, owner| self.participants.contains_key(owner));
        self.tracks.retain(|_, track| {
            let has_origin = match &track.origin {
                Origin::Transport(transport) => self.transports.contains_key(transport),
                Origin::Relay(_) => true,
            };
            has_origin && self.rooms.contains(&track.room)
        });
        self.subscriptions
            .retain(|_, (transport, track)| self.transports.contains_key(transport) && self.tracks.contains_key(track));
    }

    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.iter().copied().collect()
    }

    pub(crate) fn transport(&self) -> Option<TransportId> {
        self.transports.keys().next().copied()
    }

    pub(crate) fn counts(&self) -> Counts {
        let mirrors = self.tracks.values().filter(|t| matches!(t.origin, Origin::Relay(_))).count();
        Counts {
            rooms: self.rooms.len(),
            participants: self.participants.len(),
            transports: self.transports.len(),
            tracks: self.tracks.len() - mirrors,
            mirrors,
            subscriptions: self.subscriptions.len(),
        }
    }

    /// Whether each track is paused, with the shard that it comes from.
    pub(crate) fn pauses(&self) -> Vec<(TrackId, Option<ShardId>, bool)> {
        let source = |track: &Track| if let Origin::Relay(shard) = track.origin { Some(shard) } else { None };
        self.tracks.iter().map(|(id, track)| (*id, source(track), track.paused)).collect()
    }
}

fn credentials(transport: TransportId) -> Reply {
    Reply::Transport {
        ice: IceCredentials {
            ufrag: format!("ufrag{transport}").as_str().try_into().expect("fits"),
            password: "password-of-22-characters".try_into().expect("fits"),
        },
    }
}
