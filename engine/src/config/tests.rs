//! The reader and its messages.

use super::*;

/// Environment variables.
type Pairs = &'static [(&'static str, &'static str)];

fn env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn file(name: &str, text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let path = std::env::temp_dir().join(format!("corelay-config-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).expect("the temporary directory is writable");
    let loaded = Config::load(Some(&path), pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    std::fs::remove_file(&path).expect("the file is there");
    loaded
}

fn message(result: Result<Config, ConfigError>) -> String {
    result.expect_err("the configuration is refused").to_string()
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn nothing_configured_is_development_on_loopback() {
    let config = env(&[("PATH", "/bin"), ("HOME", "/")]).expect("other variables are not ours");
    assert_eq!(config, Config::default());
    assert!(config.is_development());
    assert!(config.listen_ip.is_loopback() && config.rtc_listen_ips.iter().all(IpAddr::is_loopback));
    assert_eq!((config.port, config.rtc_min_port, config.rtc_max_port), (3001, 10_000, 10_100));
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "port = 4000\nlog_level = \"debug\"\nrtc_listen_ips = [\"127.0.0.1\"]\ndemo = false\n";
    let config = file("wins", text, &[("PORT", "5000")]).expect("all is well");
    assert_eq!((config.port, config.log_level.as_str(), config.demo), (5000, "debug", false));
    assert_eq!(config.rtc_listen_ips, [IpAddr::from([127, 0, 0, 1])]);
}

#[test]
fn an_empty_variable_is_not_set() {
    assert_eq!(env(&[("ANNOUNCED_IP", ""), ("JWT_SECRET", ""), ("SHARDS", " ")]).expect("as not set"), Config::default());
}

#[test]
fn every_bad_value_names_its_key_and_what_is_allowed() {
    let bad = [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("LISTEN_IP", "localhost"),
        ("JWT_SECRET", "short"),
        ("JWKS_URL", "ftp://example.com"),
        ("LOG_LEVEL", "loud"),
        ("LOG_LEVEL", "info,corelay=loud"),
        ("LOG_FORMAT", "xml"),
        ("RTC_MIN_PORT", "0"),
        ("RTC_MAX_PORT", "70000"),
        ("RTC_LISTEN_IPS", "eth0"),
        ("RTC_LISTEN_IPS", "127.0.0.1,127.0.0.1"),
        ("RTC_LISTEN_IPS", "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0.8,127.0.0.9"),
        ("RTC_LISTEN_IPS", ","),
        ("ANNOUNCED_IP", "example.com"),
        ("SHARDS", "0"),
        ("SHARDS", "many"),
        ("IO_BACKEND", "kqueue"),
        ("UDP_GSO", "maybe"),
        ("COALESCE_US", "1s"),
        ("COALESCE_US", "5000"),
        ("DTLS_VERSION", "1.1"),
        ("DRAIN_TIMEOUT", "5m"),
        ("ROOM_AUTO_CREATE", "perhaps"),
        ("PARTICIPANTS_MAX", "0"),
        ("ROOM_PARTICIPANTS_MAX", "0"),
        ("SPILL_PARTICIPANTS", "0"),
        ("SPILL_SUBSCRIPTIONS", "none"),
        ("MICROPHONES_FORWARDED", "256"),
        ("FAST_START_KIB", "16385"),
        ("ROOMS_MAX", "1.5"),
        ("METRICS_PUBLIC", "2"),
        ("DEMO", "demo"),
        ("ALLOWED_ORIGINS", "app.example.com"),
    ];
    for (key, value) in bad {
        let message = message(env(&[(key, value)]));
        assert!(message.starts_with(key), "{key}={value}: {message}");
        assert!(message.contains("Allowed: ") && message.contains("the environment"), "{key}={value}: {message}");
        assert!(
            key == "RTC_LISTEN_IPS" || key == "JWT_SECRET" || message.contains(value.rsplit('=').next().unwrap_or(value)),
            "{message}"
        );
    }
    let tested: Vec<&str> = bad.iter().map(|(key, _)| *key).collect();
    let free_text = ["JWKS_FILE", "JWT_AUDIENCE", "JWT_ISSUER"];
    assert!(KEYS.iter().all(|k| tested.contains(&k.name) || free_text.contains(&k.name)), "each key has a bad value in this test");
}

#[test]
fn a_bad_value_in_the_file_names_the_file() {
    let message = message(file("bad", "rtc_min_port = [1]\n", &[]));
    assert!(message.starts_with("RTC_MIN_PORT in ") && message.contains("bad.toml") && message.contains("array"), "{message}");
}

#[test]
fn an_unknown_key_stops_the_start() {
    let text = message(file("unknown", "rtc_mim_port = 1\n", &[]));
    assert!(text.contains("`rtc_mim_port`") && text.contains("rtc_min_port") && text.contains("unknown.toml"), "{text}");
    let text = message(env(&[("CORELAY_PORT", "1")]));
    assert!(text.contains("`CORELAY_PORT`") && text.contains("PORT"), "{text}");
    assert!(env(&[(FILE_VARIABLE, "corelay.toml")]).is_ok(), "the variable that names the file is known");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_named() {
    let text = message(Config::load(Some(Path::new("/nonexistent/corelay.toml")), std::iter::empty()));
    assert!(text.contains("/nonexistent/corelay.toml") && text.contains("Check the path"), "{text}");
    let text = message(file("syntax", "port = \n", &[]));
    assert!(text.contains("syntax.toml") && text.contains("not valid TOML"), "{text}");
}

#[test]
fn a_short_secret_is_refused_with_a_reason_and_not_shown() {
    let text = message(env(&[("JWT_SECRET", "hunter2")]));
    assert!(text.contains("JWT_SECRET") && text.contains("7 bytes") && text.contains("RFC 7518"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(env(&[("JWT_SECRET", SECRET)]).expect("32 bytes are enough").jwt_secret, Some(Secret::new(SECRET)));
}

#[test]
fn values_that_clash_say_what_to_change() {
    let clashes: [(Pairs, &[&str]); 9] = [
        (&[("RTC_MIN_PORT", "10200")], &["RTC_MIN_PORT", "RTC_MAX_PORT", "above"]),
        (&[("RTC_MIN_PORT", "10099"), ("SHARDS", "3")], &["SHARDS", "RTC_MAX_PORT by 1", "to 2"]),
        (&[("ROOM_PARTICIPANTS_MAX", "9000")], &["PARTICIPANTS_MAX", "ROOM_PARTICIPANTS_MAX"]),
        (&[("LISTEN_IP", "0.0.0.0")], &["LISTEN_IP", "Set JWT_SECRET"]),
        (&[("RTC_LISTEN_IPS", "192.0.2.7")], &["RTC_LISTEN_IPS", "192.0.2.7", "Set JWT_SECRET"]),
        (&[("RTC_LISTEN_IPS", "0.0.0.0"), ("JWT_SECRET", SECRET)], &["0.0.0.0", "Set ANNOUNCED_IP", "IPv4"]),
        (
            &[("RTC_LISTEN_IPS", "0.0.0.0,::"), ("ANNOUNCED_IP", "203.0.113.5"), ("JWT_SECRET", SECRET)],
            &["::", "Set ANNOUNCED_IP", "IPv6"],
        ),
        (&[("ANNOUNCED_IP", "203.0.113.5")], &["ANNOUNCED_IP", "RTC_LISTEN_IPS", "Add 0.0.0.0"]),
        (&[("ANNOUNCED_IP", "0.0.0.0")], &["ANNOUNCED_IP", "no address"]),
    ];
    for (pairs, parts) in clashes {
        let text = message(env(pairs));
        for part in parts {
            assert!(text.contains(part), "{pairs:?}: {part} is missing in: {text}");
        }
    }
}

#[test]
fn a_small_node_has_small_rooms() {
    assert_eq!(env(&[("PARTICIPANTS_MAX", "100")]).expect("one key is enough").room_participants_max, 100);
    let both = [("PARTICIPANTS_MAX", "100"), ("ROOM_PARTICIPANTS_MAX", "20")];
    assert_eq!(env(&both).expect("fits").room_participants_max, 20);
}

#[test]
fn a_production_configuration_loads() {
    let config = env(&[
        ("LISTEN_IP", "0.0.0.0"),
        ("JWT_SECRET", SECRET),
        ("RTC_LISTEN_IPS", "0.0.0.0, ::"),
        ("ANNOUNCED_IP", "203.0.113.5,2001:db8::5"),
        ("SHARDS", "4"),
        ("IO_BACKEND", "EPOLL"),
        ("ALLOWED_ORIGINS", "https://a.example.com/, https://b.example.com"),
    ])
    .expect("all is well");
    assert!(!config.is_development());
    assert_eq!(config.allowed_origins, ["https://a.example.com", "https://b.example.com"]);
    assert_eq!((config.shards, config.io_backend, config.announced_ips.len()), (Some(4), IoBackend::Epoll, 2));
}

#[test]
fn the_printed_configuration_loads_again_and_shows_no_secret() {
    let config = file(
        "printed",
        "jwt_issuer = 'a \"quoted\" issuer'\nallowed_origins = [\"https://a.example.com\", \"*\"]\nshards = 2\n",
        &[("JWT_SECRET", SECRET), ("DRAIN_TIMEOUT", "7"), ("UDP_GSO", "off"), ("DTLS_VERSION", "auto")],
    )
    .expect("all is well");
    let printed = config.to_toml();
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains("# jwt_secret (set, not shown)"), "{printed}");
    for key in KEYS {
        assert!(printed.contains(&key.file_key()) && printed.contains(key.meaning), "{} is missing", key.name);
    }
    let again = file("again", &printed, &[("JWT_SECRET", SECRET)]).expect("what is printed is valid");
    assert_eq!(again, config);
}
