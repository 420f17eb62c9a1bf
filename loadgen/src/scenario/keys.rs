//! Every key that a scenario may have: its form, its bounds, what holds without it, and what it does. `corelay-loadgen keys` prints
//! it, and `docs/loadgen.md` is held against it by a test.

use super::quantity::Unit;

/// A key.
pub(crate) struct Key {
    /// Dotted, as for `--set`.
    pub(crate) path: &'static str,
    pub(crate) form: Form,
    /// What holds when it is absent, in words.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// A table of further keys; `false` turns it off.
    Table,
    /// Any text.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number within bounds, in the unit's base, or one of these words.
    Number { unit: Unit, min: f64, max: f64, words: &'static [&'static str] },
    /// Up to `len_max` of them.
    Numbers { unit: Unit, min: f64, max: f64, len_max: usize },
}

impl Form {
    /// What to write, for messages and the list of keys.
    pub(crate) fn describe(self) -> String {
        let words = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
        let between = |unit: Unit, min: f64, max: f64| format!("{} to {}", unit.show(min), unit.show(max));
        match self {
            Self::Table => "a table".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Word(all) => words(all),
            Self::Number { unit, min, max, words: [] } => between(unit, min, max),
            Self::Number { unit, min, max, words: all } => format!("{}, or {}", between(unit, min, max), words(all)),
            Self::Numbers { unit, min, max, len_max } => format!("a list of up to {len_max}, each {}", between(unit, min, max)),
        }
    }
}

const fn number(unit: Unit, min: f64, max: f64) -> Form {
    Form::Number { unit, min, max, words: &[] }
}

const fn key(path: &'static str, form: Form, default: &'static str, about: &'static str) -> Key {
    Key { path, form, default, about }
}

const HOUR: f64 = 3600.0;
/// Associations of one generator: each has a socket and a thread's attention.
pub(crate) const PARTICIPANTS_MAX: f64 = 20_000.0;
/// Above what one packet takes on a path of 1500 bytes, with headers and tag.
const PACKET_MAX: f64 = 1_400.0;
/// Below it the stamp that a receiver checks does not fit.
const PACKET_MIN: f64 = 80.0;

/// All of them, in the order of a scenario file.
pub(crate) const KEYS: &[Key] = &[
    key("summary", Form::Text, "nothing", "One line that says what the scenario shows; `list` prints it."),
    key("rooms", number(Unit::Count, 1.0, 10_000.0), "1", "How many rooms."),
    key("participants", number(Unit::Count, 1.0, PARTICIPANTS_MAX), "required", "How many participants join each room."),
    key(
        "publishers",
        Form::Number { unit: Unit::Count, min: 0.0, max: PARTICIPANTS_MAX, words: &["all"] },
        "all",
        "How many of a room's participants publish; the others only receive.",
    ),
    key(
        "subscribe",
        Form::Number { unit: Unit::Count, min: 1.0, max: PARTICIPANTS_MAX, words: &["all", "none"] },
        "all",
        "How many tracks each participant subscribes to.",
    ),
    key(
        "idle_transports",
        Form::Switch,
        "false",
        "Make both transports even when nothing will flow on them. Otherwise only those that are needed are made.",
    ),
    key(
        "feedback",
        Form::Switch,
        "false",
        "Receivers of video tell when each packet arrived (transport-wide), as browsers do. Otherwise the server knows nothing of their paths.",
    ),
    key("audio", Form::Table, "no audio", "The microphone of each publisher."),
    key("audio.packet_size", number(Unit::Bytes, PACKET_MIN, PACKET_MAX), "160 B", "RTP packet in the clear, header included."),
    key("audio.packet_rate", number(Unit::Rate, 8.0, 400.0), "50 /s", "Audio packets per second: 50 are 20 ms each."),
    key("video", Form::Table, "no video", "The camera of each publisher."),
    key(
        "video.picture",
        Form::Word(&["synthetic", "clip"]),
        "synthetic",
        "`synthetic`: bytes that say what they are, sent as VP8. `clip`: a real H264 test picture with a frame counter, for browsers that join.",
    ),
    key(
        "video.bitrate",
        number(Unit::Bits, 10e3, 100e6),
        "required without layers",
        "Of the video; with `layers` each of them has its own.",
    ),
    key("video.fps", number(Unit::Count, 1.0, 120.0), "30", "Frames per second."),
    key(
        "video.packet_size",
        number(Unit::Bytes, PACKET_MIN, PACKET_MAX),
        "1200 B",
        "RTP packet in the clear, header included; the longest one of a clip.",
    ),
    key(
        "video.burst",
        Form::Word(&["together", "paced"]),
        "together",
        "`together`: a frame's packets leave at once. `paced`: in bursts, as a browser's pacer sends them.",
    ),
    key("video.burst_packets", number(Unit::Count, 1.0, 100.0), "3", "Packets of one burst when paced."),
    key("video.burst_gap", number(Unit::Time, 0.0001, 0.1), "5 ms", "Time between the bursts of a frame when paced."),
    key(
        "video.layers",
        Form::Numbers { unit: Unit::Bits, min: 10e3, max: 100e6, len_max: 3 },
        "one layer",
        "Simulcast: the bit rate of each layer, low to high.",
    ),
    key("join", Form::Table, "as its keys", "How participants arrive."),
    key("join.rate", number(Unit::Rate, 0.1, 5_000.0), "50 /s", "Joins per second."),
    key(
        "join.timeout",
        number(Unit::Time, 1.0, 120.0),
        "20 s",
        "A join, or the last stream after it, that takes longer fails the run.",
    ),
    key("churn", Form::Table, "nobody leaves", "Participants that leave and come back while the run measures."),
    key("churn.rate", number(Unit::Rate, 0.01, 1_000.0), "required", "Participants per second that leave."),
    key("churn.away", number(Unit::Time, 0.0, HOUR), "1 s", "How long they stay away."),
    key(
        "storm",
        Form::Table,
        "no storm",
        "Guests who join on top of the participants while the run measures, publish nothing, subscribe to everything and leave.",
    ),
    key("storm.rate", number(Unit::Rate, 0.1, 5_000.0), "required", "Guests per second."),
    key("storm.stay", number(Unit::Time, 0.1, HOUR), "2 s", "How long a guest stays."),
    key("measure", Form::Table, "as its keys", "When and what is measured."),
    key("measure.duration", number(Unit::Time, 1.0, 24.0 * HOUR), "20 s", "How long, after everybody's streams flow."),
    key("measure.warmup", number(Unit::Time, 0.0, HOUR), "2 s", "How long streams flow before."),
    key("measure.interval", number(Unit::Time, 0.2, 60.0), "1 s", "Between two points of the plots."),
    key(
        "measure.whole_every",
        number(Unit::Count, 0.0, 20_000.0),
        "100",
        "One participant in so many decrypts and checks every packet it receives; 0 for none. Sequence numbers are looked at in all.",
    ),
    key(
        "measure.one_in",
        number(Unit::Count, 0.0, 16_384.0),
        "100",
        "The others decrypt and check one packet in so many; 0 for none.",
    ),
    key("fleet", Form::Table, "as its keys", "The generator itself."),
    key("fleet.threads", number(Unit::Count, 1.0, 64.0), "1", "Threads that send and receive media."),
    key(
        "fleet.cores",
        Form::Numbers { unit: Unit::Count, min: 0.0, max: 1023.0, len_max: 64 },
        "not pinned",
        "CPUs that these threads are pinned to, in order.",
    ),
    key("fleet.gro", Form::Switch, "true", "Take many datagrams from the kernel at once. `false`: as an ordinary client does."),
    key("fleet.gso", Form::Switch, "true", "Give the kernel a burst at once. `false`: one call for each packet."),
    key(
        "fleet.rest",
        number(Unit::Time, 0.0, 0.05),
        "1 ms",
        "What arrives gathers for so long, in whole milliseconds, before it is read. 0: each arrival wakes the generator.",
    ),
    key("slo", Form::Table, "as its keys", "What must hold; the run fails otherwise."),
    key(
        "slo.latency_p99",
        number(Unit::Time, 0.00001, 60.0),
        "not judged",
        "99 % of packets arrive within this time of their sending.",
    ),
    key("slo.loss", number(Unit::Share, 0.0, 1.0), "none at all", "Share of packets that may be missing."),
    key(
        "slo.join_p99",
        number(Unit::Time, 0.001, 120.0),
        "not judged",
        "99 % of joins are done within this time: with the first packet, or the last answer where no packet is due.",
    ),
    key("ramp", Form::Table, "as its keys", "What `corelay-loadgen ramp` raises."),
    key(
        "ramp.raise",
        Form::Word(&["participants", "rooms", "storm-rate"]),
        "participants",
        "`participants` in each room, `rooms`, or guests per second by `storm-rate`.",
    ),
    key("ramp.from", number(Unit::Count, 1.0, PARTICIPANTS_MAX), "required to ramp", "The first step."),
    key("ramp.to", number(Unit::Count, 1.0, PARTICIPANTS_MAX), "required to ramp", "The last step."),
    key("ramp.step", number(Unit::Count, 1.0, PARTICIPANTS_MAX), "a tenth of the way", "By how much each step raises."),
    key("ramp.settle", number(Unit::Time, 0.0, HOUR), "2 s", "How long a step flows before it is measured."),
    key("ramp.hold", number(Unit::Time, 1.0, HOUR), "5 s", "How long a step is measured."),
];

/// The key at a path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The known key that an unknown one was perhaps meant to be.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let unknown = path.rsplit('.').next().unwrap_or(path);
    let moved = KEYS.iter().map(|key| key.path).find(|known| last(known) == unknown);
    let distance = |known: &str| edits(known, path);
    moved.or_else(|| {
        KEYS.iter().map(|key| key.path).min_by_key(|known| distance(known)).filter(|known| distance(known) * 5 <= path.len() * 2)
    })
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_guessed() {
        assert_eq!(nearest("participant"), Some("participants"));
        assert_eq!(nearest("video.bitrat"), Some("video.bitrate"));
        assert_eq!(nearest("bitrate"), Some("video.bitrate"));
        assert_eq!(nearest("quantum_flux"), None);
    }

    #[test]
    fn every_key_has_a_table_above_it_and_says_what_it_does() {
        for key in KEYS {
            assert!(key.about.ends_with('.'), "{}", key.path);
            if let Some((table, _)) = key.path.rsplit_once('.') {
                assert!(matches!(find(table).map(|key| key.form), Some(Form::Table)), "{}", key.path);
            }
        }
    }
}
