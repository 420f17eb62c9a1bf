use super::*;

const MINIMAL: &str = "participants = 3\n[audio]\n";

fn parse(text: &str) -> Result<Scenario, String> {
    parse_with(text, &[])
}

fn parse_with(text: &str, overrides: &[&str]) -> Result<Scenario, String> {
    let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
    Scenario::parse("mine", "mine.toml", text.to_owned(), &overrides).map_err(|error| error.to_string())
}

/// The message for `text` must name the place and hold each of `parts`.
fn assert_complaint(text: &str, place: &str, parts: &[&str]) {
    let message = parse(text).expect_err(text);
    for part in [place].iter().chain(parts) {
        assert!(message.contains(part), "`{part}` is missing in:\n{message}");
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let scenario = parse(MINIMAL).expect("it is complete");
    assert_eq!((scenario.rooms, scenario.participants, scenario.publishers), (1, 3, Publishers::All));
    assert_eq!(scenario.audio, Some(Audio { packet_size: 160, packet_rate: 50 }));
    assert_eq!(scenario.measure.duration, Duration::from_secs(20));
    assert_eq!(scenario.streams_of_room(3), 6);
}

#[test]
fn every_shipped_scenario_reads_and_says_what_it_is() {
    for shipped in shipped::ALL {
        let scenario = Scenario::load(shipped.name, &[]).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(scenario.name, shipped.name);
        assert!(!scenario.summary.is_empty(), "{}", shipped.name);
        assert!(scenario.ramp.from.is_some() && scenario.ramp.to.is_some(), "{} can be ramped", shipped.name);
        assert!(shipped.text.starts_with('#'), "{} begins with a comment that says what it is for", shipped.name);
    }
}

#[test]
fn overrides_win() {
    let scenario =
        parse_with(MINIMAL, &["participants=5", "video.bitrate=5 Mbit/s", "audio=false", "slo.loss=\"1 %\""]).expect("all known");
    assert_eq!((scenario.participants, scenario.audio), (5, None));
    assert_eq!(
        parse_with(MINIMAL, &["slo.latency_p99=10us"]).expect("the bound itself").slo.latency_p99,
        Some(Duration::from_micros(10))
    );
    assert_eq!(scenario.video.map(|video| video.layers), Some(vec![5_000_000]));
    assert_eq!(scenario.slo.loss, Some(0.01));
    let message = parse_with(MINIMAL, &["participants=lots"]).expect_err("no number");
    assert!(message.contains("--set:1:16"), "{message}");
}

#[test]
fn unknown_keys_are_shown_with_what_was_meant() {
    assert_complaint("participant = 3\n[audio]\n", "mine.toml:1:1", &["no key `participant`", "did you mean `participants`?"]);
    assert_complaint(
        "participants = 3\n[audio]\n[vidoe]\nbitrate = 1\n",
        "mine.toml:3:2",
        &["no key `vidoe`", "did you mean `video`?"],
    );
}

#[test]
fn wrong_units_are_shown_with_what_to_write() {
    assert_complaint("participants = 3\n[video]\nbitrate = 600\n", "mine.toml:3:11", &["needs a unit", "write \"600 kbit/s\""]);
    assert_complaint(
        "participants = 3\n[audio]\n[measure]\nduration = \"5 kbit/s\"\n",
        "mine.toml:4:12",
        &["unit of a bit rate", "write \"5 s\""],
    );
    assert_complaint("participants = \"3\"\n[audio]\n", "mine.toml:1:16", &["write 3 without quotes"]);
    assert_complaint("participants = 2.5\n[audio]\n", "mine.toml:1:16", &["whole number"]);
    assert_complaint("participants = 1979-05-27\n[audio]\n", "mine.toml:1:16", &["not a date"]);
}

#[test]
fn values_out_of_range_are_shown_with_their_bounds() {
    assert_complaint("participants = 0\n[audio]\n", "mine.toml:1:16", &["out of range", "1 to 20000"]);
    assert_complaint("participants = 3\n[video]\nbitrate = \"1 bit/s\"\n", "mine.toml:3:11", &["10 kbit/s to 100 Mbit/s"]);
    assert_complaint("participants = 3\n[video]\nlayers = [\"1 Mbit/s\", \"1 ms\"]\n", "mine.toml:3:23", &["unit of a time"]);
    assert_complaint(
        "participants = 3\n[audio]\n[video]\nbitrate = \"1 Mbit/s\"\nburst = \"big\"\n",
        "mine.toml:5:9",
        &["\"together\" or \"paced\""],
    );
    assert_complaint("participants = 3\n[audio]\n[fleet]\ngro = 1\n", "mine.toml:4:7", &["true or false, not a number"]);
}

#[test]
fn missing_keys_are_shown_at_their_table() {
    assert_complaint("[audio]\n", "mine.toml:1:1", &["`participants` is missing"]);
    assert_complaint("participants = 3\n[video]\nfps = 25\n", "mine.toml:2:2", &["`video.bitrate` is missing"]);
    assert_complaint("participants = 3\n[audio]\n[churn]\naway = \"1 s\"\n", "mine.toml:3:2", &["`churn.rate` is missing"]);
}

#[test]
fn values_that_clash_are_shown() {
    assert_complaint("participants = 3\npublishers = 4\n[audio]\n", "mine.toml:2:14", &["more than the 3 participants"]);
    assert_complaint("participants = 3\n", "mine.toml:1:1", &["nothing to publish", "publishers = 0"]);
    assert_complaint("participants = 300\nrooms = 300\n[audio]\n", "mine.toml:2:9", &["more than 20000 associations"]);
    let clip = "participants = 3\n[video]\nbitrate = \"1 Mbit/s\"\npicture = \"clip\"\nburst_gap = \"2 ms\"\n";
    assert_complaint(clip, "mine.toml:5:13", &["`burst = \"paced\"`"]);
    assert_complaint("participants = 3\n[audio]\n[ramp]\nfrom = 5\nto = 2\n", "mine.toml:5:6", &["at least 5"]);
}

#[test]
fn all_complaints_come_at_once() {
    let message = parse("participants = 0\nfoo = 1\n[video]\nbitrate = 3\n").expect_err("three faults");
    assert_eq!(message.matches("error: ").count(), 3, "{message}");
}

#[test]
fn subscriptions_follow_from_the_crowd() {
    let text = "participants = 5\npublishers = 2\nsubscribe = 3\n[audio]\n[video]\nbitrate = \"1 Mbit/s\"\n";
    let scenario = parse(text).expect("it is complete");
    assert_eq!((scenario.subscriptions_of(0, 5), scenario.subscriptions_of(4, 5)), (2, 3));
    assert_eq!(scenario.streams_of_room(5), 2 + 2 + 3 + 3 + 3);
}
