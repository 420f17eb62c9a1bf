//! What a run does, as a person writes it down: a TOML file, a shipped one by its name, and `--set key=value` on top.

mod diagnostic;
mod document;
pub(crate) mod keys;
mod quantity;
mod reader;
pub(crate) mod shipped;

use anyhow::Context;
use diagnostic::{Diagnostics, Source};
use document::Document;
use reader::{Amount, Reader};
use std::path::Path;
use std::time::Duration;

/// A scenario whose values have been checked against each other.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Scenario {
    /// The file's name without its ending.
    pub(crate) name: String,
    pub(crate) summary: String,
    /// The text that it was read from, with what was set on top, for the report.
    pub(crate) written: String,
    pub(crate) rooms: usize,
    /// Of each room.
    pub(crate) participants: usize,
    pub(crate) publishers: Publishers,
    pub(crate) subscribe: Subscribe,
    /// Both transports are made even when nothing flows.
    pub(crate) idle_transports: bool,
    /// Receivers tell when each packet of video arrived.
    pub(crate) feedback: bool,
    pub(crate) audio: Option<Audio>,
    pub(crate) video: Option<Video>,
    pub(crate) join: Join,
    pub(crate) churn: Option<Churn>,
    pub(crate) storm: Option<Storm>,
    pub(crate) measure: Measure,
    pub(crate) fleet: Fleet,
    pub(crate) slo: Slo,
    pub(crate) ramp: Ramp,
}

/// How many participants of a room publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Publishers {
    All,
    First(usize),
}

impl Publishers {
    /// How many of `participants`.
    pub(crate) fn of(self, participants: usize) -> usize {
        match self {
            Self::All => participants,
            Self::First(n) => n.min(participants),
        }
    }
}

/// Which tracks a participant subscribes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subscribe {
    All,
    None,
    Most(usize),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Audio {
    pub(crate) packet_size: usize,
    /// Packets per second.
    pub(crate) packet_rate: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Video {
    pub(crate) picture: Picture,
    /// Bits per second of each layer, low to high; one without simulcast.
    pub(crate) layers: Vec<u32>,
    pub(crate) fps: u32,
    pub(crate) packet_size: usize,
    pub(crate) burst: Burst,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Picture {
    Synthetic,
    Clip,
}

/// How a frame's packets leave.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Burst {
    Together,
    Paced { packets: u32, gap: Duration },
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Join {
    /// Per second.
    pub(crate) rate: f64,
    pub(crate) timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Churn {
    /// Participants per second.
    pub(crate) rate: f64,
    pub(crate) away: Duration,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Storm {
    /// Guests per second.
    pub(crate) rate: f64,
    pub(crate) stay: Duration,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Measure {
    pub(crate) duration: Duration,
    pub(crate) warmup: Duration,
    pub(crate) interval: Duration,
    /// One participant in so many checks everything; 0 for none.
    pub(crate) whole_every: u32,
    /// The others check one packet in so many; 0 for none.
    pub(crate) one_in: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Fleet {
    pub(crate) threads: usize,
    pub(crate) cores: Vec<usize>,
    pub(crate) gro: bool,
    pub(crate) gso: bool,
    pub(crate) rest: Duration,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Slo {
    pub(crate) latency_p99: Option<Duration>,
    /// Without it none may be lost, and loss is a fault of the call, not a broken objective.
    pub(crate) loss: Option<f64>,
    pub(crate) join_p99: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Ramp {
    pub(crate) raise: Raise,
    pub(crate) from: Option<usize>,
    pub(crate) to: Option<usize>,
    pub(crate) step: Option<usize>,
    pub(crate) settle: Duration,
    pub(crate) hold: Duration,
}

/// What a ramp raises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Raise {
    Participants,
    Rooms,
    StormRate,
}

impl Raise {
    /// As in a scenario file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::Rooms => "rooms",
            Self::StormRate => "storm-rate",
        }
    }
}

impl Scenario {
    /// Reads a file, or a shipped scenario by its name, with overrides `key=value`.
    pub(crate) fn load(name_or_file: &str, overrides: &[String]) -> anyhow::Result<Self> {
        let text = match shipped::find(name_or_file) {
            Some(shipped) => shipped.text.to_owned(),
            None => std::fs::read_to_string(name_or_file).with_context(|| {
                format!(
                    "there is no scenario and no readable file `{name_or_file}`: `corelay-loadgen list` lists the shipped scenarios"
                )
            })?,
        };
        let stem =
            Path::new(name_or_file).file_stem().map_or_else(|| name_or_file.to_owned(), |stem| stem.to_string_lossy().into_owned());
        let file = if shipped::find(name_or_file).is_some() { format!("{name_or_file}.toml") } else { name_or_file.to_owned() };
        Ok(Self::parse(&stem, &file, text, overrides)?)
    }

    /// Reads a text; `file` is what messages call it.
    pub(crate) fn parse(name: &str, file: &str, text: String, overrides: &[String]) -> Result<Self, Diagnostics> {
        let set: String = overrides.iter().map(|assignment| format!("# --set {assignment}\n")).collect();
        let written = format!("{text}{set}");
        let mut document = Document::parse(Source { name: file.to_owned(), text })?;
        for assignment in overrides {
            document.set(assignment)?;
        }
        let mut reader = Reader::new(&document);
        let scenario = Self::read(name, written, &mut reader);
        reader.finish()?;
        Ok(scenario)
    }

    /// Wrong values are complaints of the reader, and anything here.
    fn read(name: &str, written: String, reader: &mut Reader<'_>) -> Self {
        let participants = reader.count("participants");
        let scenario = Self {
            name: name.to_owned(),
            summary: reader.text("summary").unwrap_or_default(),
            written,
            rooms: reader.count("rooms").unwrap_or(1),
            participants: reader.require("participants", participants, "nobody would join").unwrap_or(1),
            publishers: match reader.amount("publishers") {
                Some(Amount::Number(n)) => Publishers::First(n as usize),
                _ => Publishers::All,
            },
            subscribe: match reader.amount("subscribe") {
                Some(Amount::Number(n)) => Subscribe::Most(n as usize),
                Some(Amount::Word("none")) => Subscribe::None,
                _ => Subscribe::All,
            },
            idle_transports: reader.switch("idle_transports").unwrap_or(false),
            feedback: reader.switch("feedback").unwrap_or(false),
            audio: read_audio(reader),
            video: read_video(reader),
            join: read_join(reader),
            churn: read_churn(reader),
            storm: read_storm(reader),
            measure: read_measure(reader),
            fleet: read_fleet(reader),
            slo: read_slo(reader),
            ramp: read_ramp(reader),
        };
        scenario.check(reader);
        scenario
    }

    /// Values that are fine alone and clash together.
    fn check(&self, reader: &mut Reader<'_>) {
        let publishers = self.publishers.of(self.participants);
        if let Publishers::First(n) = self.publishers
            && n > self.participants
        {
            reader.object(
                "publishers",
                format!("{n} publishers are more than the {} participants", self.participants),
                "write \"all\", or raise participants",
            );
        }
        if publishers > 0 && self.tracks_per_publisher() == 0 {
            reader.object("publishers", "publishers have nothing to publish", "add [audio] or [video], or write `publishers = 0`");
        }
        if (self.rooms * self.participants) as f64 > keys::PARTICIPANTS_MAX {
            let message = format!(
                "{} rooms of {} participants are more than {} associations",
                self.rooms,
                self.participants,
                keys::PARTICIPANTS_MAX
            );
            reader.object("rooms", message, "write fewer rooms or participants");
        }
        if self.storm.is_some() && self.churn.is_some() {
            reader.object(
                "storm",
                "a storm and churn in one run cannot be told apart in its results",
                "leave [storm] or [churn] out",
            );
        }
        if self.ramp.raise == Raise::StormRate && self.storm.is_none() {
            reader.object("ramp.raise", "there is no storm whose rate could rise", "add [storm] with its rate");
        }
        if let (Some(from), Some(to)) = (self.ramp.from, self.ramp.to)
            && from > to
        {
            reader.object("ramp.to", "the ramp ends below its beginning", format!("write at least {from}"));
        }
    }

    /// Tracks that each publisher sends.
    pub(crate) fn tracks_per_publisher(&self) -> usize {
        usize::from(self.audio.is_some()) + usize::from(self.video.is_some())
    }

    /// Tracks that participant `index` of a room of `participants` is subscribed to when everybody is there.
    pub(crate) fn subscriptions_of(&self, index: usize, participants: usize) -> usize {
        let publishers = self.publishers.of(participants);
        let others = publishers - usize::from(index < publishers);
        let tracks = others * self.tracks_per_publisher();
        match self.subscribe {
            Subscribe::All => tracks,
            Subscribe::None => 0,
            Subscribe::Most(n) => tracks.min(n),
        }
    }

    /// Streams that a room of `participants` receives when everybody is there.
    pub(crate) fn streams_of_room(&self, participants: usize) -> usize {
        (0..participants).map(|index| self.subscriptions_of(index, participants)).sum()
    }
}

fn read_audio(reader: &mut Reader<'_>) -> Option<Audio> {
    let audio = Audio {
        packet_size: reader.count("audio.packet_size").unwrap_or(160),
        packet_rate: reader.number("audio.packet_rate").map_or(50, |rate| rate.round() as u32),
    };
    reader.has("audio").then_some(audio)
}

fn read_video(reader: &mut Reader<'_>) -> Option<Video> {
    if !reader.has("video") {
        return None;
    }
    let picture = if reader.word("video.picture") == Some("clip") { Picture::Clip } else { Picture::Synthetic };
    let burst = match reader.word("video.burst") {
        Some("paced") => Burst::Paced {
            packets: reader.count("video.burst_packets").map_or(3, |n| n as u32),
            gap: reader.time("video.burst_gap").unwrap_or(Duration::from_millis(5)),
        },
        _ => Burst::Together,
    };
    let is_paced = matches!(burst, Burst::Paced { .. });
    for path in
        ["video.burst_packets", "video.burst_gap"].into_iter().filter(|path| !is_paced && reader.is_set(path)).collect::<Vec<_>>()
    {
        reader.object(path, format!("`{path}` says nothing when packets leave together"), "add `burst = \"paced\"` to [video]");
    }
    Some(Video {
        picture,
        layers: read_layers(reader, picture),
        fps: reader.count("video.fps").map_or(30, |n| n as u32),
        packet_size: reader.count("video.packet_size").unwrap_or(1_200),
        burst,
    })
}

fn read_layers(reader: &mut Reader<'_>, picture: Picture) -> Vec<u32> {
    let (bitrate, layers) = (reader.number("video.bitrate"), reader.numbers("video.layers"));
    if layers.is_some() && reader.is_set("video.bitrate") {
        reader.object("video.bitrate", "the layers have their own bit rates", "leave `bitrate` or `layers` out");
    }
    if layers.is_some() && picture == Picture::Clip {
        reader.object("video.layers", "the clip has one layer", "leave `layers` out, or write `picture = \"synthetic\"`");
    }
    match layers {
        Some(layers) => layers.into_iter().map(|bitrate| bitrate as u32).collect(),
        None => vec![reader.require("video.bitrate", bitrate, "how much video is sent?").map_or(0, |bitrate| bitrate as u32)],
    }
}

fn read_join(reader: &mut Reader<'_>) -> Join {
    reader.has("join");
    Join {
        rate: reader.number("join.rate").unwrap_or(50.0),
        timeout: reader.time("join.timeout").unwrap_or(Duration::from_secs(20)),
    }
}

fn read_churn(reader: &mut Reader<'_>) -> Option<Churn> {
    if !reader.has("churn") {
        return None;
    }
    let rate = reader.number("churn.rate");
    Some(Churn {
        rate: reader.require("churn.rate", rate, "how many leave?").unwrap_or(1.0),
        away: reader.time("churn.away").unwrap_or(Duration::from_secs(1)),
    })
}

fn read_storm(reader: &mut Reader<'_>) -> Option<Storm> {
    if !reader.has("storm") {
        return None;
    }
    let rate = reader.number("storm.rate");
    Some(Storm {
        rate: reader.require("storm.rate", rate, "how many guests come?").unwrap_or(1.0),
        stay: reader.time("storm.stay").unwrap_or(Duration::from_secs(2)),
    })
}

fn read_measure(reader: &mut Reader<'_>) -> Measure {
    reader.has("measure");
    Measure {
        duration: reader.time("measure.duration").unwrap_or(Duration::from_secs(20)),
        warmup: reader.time("measure.warmup").unwrap_or(Duration::from_secs(2)),
        interval: reader.time("measure.interval").unwrap_or(Duration::from_secs(1)),
        whole_every: reader.count("measure.whole_every").map_or(100, |n| n as u32),
        one_in: reader.count("measure.one_in").map_or(100, |n| n as u32),
    }
}

fn read_fleet(reader: &mut Reader<'_>) -> Fleet {
    reader.has("fleet");
    Fleet {
        threads: reader.count("fleet.threads").unwrap_or(1),
        cores: reader.numbers("fleet.cores").unwrap_or_default().into_iter().map(|core| core as usize).collect(),
        gro: reader.switch("fleet.gro").unwrap_or(true),
        gso: reader.switch("fleet.gso").unwrap_or(true),
        rest: reader.time("fleet.rest").unwrap_or(Duration::from_millis(1)),
    }
}

fn read_slo(reader: &mut Reader<'_>) -> Slo {
    reader.has("slo");
    Slo { latency_p99: reader.time("slo.latency_p99"), loss: reader.number("slo.loss"), join_p99: reader.time("slo.join_p99") }
}

fn read_ramp(reader: &mut Reader<'_>) -> Ramp {
    reader.has("ramp");
    Ramp {
        raise: match reader.word("ramp.raise") {
            Some("rooms") => Raise::Rooms,
            Some("storm-rate") => Raise::StormRate,
            _ => Raise::Participants,
        },
        from: reader.count("ramp.from"),
        to: reader.count("ramp.to"),
        step: reader.count("ramp.step"),
        settle: reader.time("ramp.settle").unwrap_or(Duration::from_secs(2)),
        hold: reader.time("ramp.hold").unwrap_or(Duration::from_secs(5)),
    }
}

#[cfg(test)]
mod tests;
