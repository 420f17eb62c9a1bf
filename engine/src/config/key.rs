//! One key of the configuration: its name, what it takes, what it means, and how it gets into and out of a [`Config`].

use std::fmt;
use std::net::IpAddr;

use super::Config;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number.
    Number {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
    },
    /// `true` or `false`.
    Flag,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any text; what it is.
    Text(&'static str),
    /// An IP address.
    Ip,
    /// IP addresses.
    Ips,
    /// Texts; what they are.
    Texts(&'static str),
}

impl Kind {
    /// Whether a TOML array may stand for it.
    pub(super) const fn is_list(self) -> bool {
        matches!(self, Self::Ips | Self::Texts(_))
    }

    pub(super) fn number<T: TryFrom<u64>>(self, text: &str) -> Result<T, String> {
        let Self::Number { min, max } = self else { unreachable!("the table pairs numbers with Kind::Number") };
        let number: u64 = text.parse().map_err(|_| format!("\"{text}\" is not a whole number"))?;
        if !(min..=max).contains(&number) {
            return Err(format!("{number} is out of range"));
        }
        T::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    pub(super) fn choice<T: Copy>(self, text: &str, values: &[T]) -> Result<T, String> {
        let Self::Choice(words) = self else { unreachable!("the table pairs choices with Kind::Choice") };
        let index = words.iter().position(|w| w.eq_ignore_ascii_case(text));
        index.map(|i| values[i]).ok_or_else(|| format!("\"{text}\" is none of them"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Flag => f.write_str("true or false"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Text(what) => f.write_str(what),
            Self::Ip => f.write_str("an IPv4 or IPv6 address"),
            Self::Ips => f.write_str("IPv4 and IPv6 addresses, comma separated or as a list"),
            Self::Texts(what) => write!(f, "{what}, comma separated or as a list"),
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The environment variable. The key of the file is the same in lower case.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is for, for the operator.
    pub meaning: &'static str,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// Puts a value, as text, into the configuration. The error says what is wrong with it.
    pub(super) read: fn(&mut Config, &str, Kind) -> Result<(), String>,
    /// The value as TOML; nothing when it is not set.
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Key {
    /// The key of the file.
    pub fn file_key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// The default as TOML; nothing when it is not set by default.
    pub fn default_value(&self) -> Option<String> {
        (self.show)(&Config::default())
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("\"{text}\" is neither")),
    }
}

pub(super) fn ip(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is not an IP address"))
}

/// The non-empty items of a comma-separated list.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn ips(text: &str) -> Result<Vec<IpAddr>, String> {
    let mut list = Vec::new();
    for item in items(text) {
        let address = ip(item)?;
        if list.contains(&address) {
            return Err(format!("{address} is there twice"));
        }
        list.push(address);
    }
    Ok(list)
}

/// A log level, or `target=level` pairs with one: what `tracing` takes.
pub(super) fn log_level(text: &str) -> Result<String, String> {
    for part in items(text) {
        let level = part.rsplit('=').next().unwrap_or(part);
        if !["off", "error", "warn", "info", "debug", "trace"].contains(&level.to_ascii_lowercase().as_str()) {
            return Err(format!("\"{level}\" is not a level"));
        }
    }
    Ok(text.to_owned())
}

/// `text` as a TOML basic string.
pub(super) fn quoted(text: impl AsRef<str>) -> String {
    toml::Value::String(text.as_ref().to_owned()).to_string()
}

/// `list` as a TOML array of strings.
pub(super) fn array<T: ToString>(list: &[T]) -> String {
    let items: Vec<String> = list.iter().map(|item| quoted(item.to_string())).collect();
    format!("[{}]", items.join(", "))
}
