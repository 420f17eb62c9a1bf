//! Numbers with units, as people write them: `"2.6 Mbit/s"`, `"20 ms"`, `"0.1 %"`.

/// What a number measures. The number itself is kept in the base unit, the first of `spellings` with factor 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// A bare number of things.
    Count,
    /// Seconds.
    Time,
    /// Times per second.
    Rate,
    /// Bits per second.
    Bits,
    /// Bytes.
    Bytes,
    /// A part of a whole, 0 to 1.
    Share,
}

const ALL: [Unit; 6] = [Unit::Count, Unit::Time, Unit::Rate, Unit::Bits, Unit::Bytes, Unit::Share];

impl Unit {
    /// The name with its article, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "a number",
            Self::Time => "a time",
            Self::Rate => "a rate",
            Self::Bits => "a bit rate",
            Self::Bytes => "a size",
            Self::Share => "a share",
        }
    }

    /// Unit names and what one of them is in the base unit.
    fn spellings(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Count => &[],
            Self::Time => &[("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("min", 60.0), ("h", 3600.0)],
            Self::Rate => &[("/s", 1.0), ("/min", 1.0 / 60.0)],
            Self::Bits => &[("kbit/s", 1e3), ("Mbit/s", 1e6), ("bit/s", 1.0)],
            Self::Bytes => &[("B", 1.0), ("KiB", 1024.0)],
            Self::Share => &[("%", 0.01)],
        }
    }

    /// The units' names, for messages.
    pub(crate) fn units(self) -> String {
        self.spellings().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// What to write for the bare number `number`, in the usual unit.
    pub(crate) fn with_unit(self, number: f64) -> String {
        match self.spellings().first() {
            Some((name, _)) => format!("\"{number} {name}\""),
            None => format!("{number}"),
        }
    }

    /// A value in the base unit, as one would write it.
    pub(crate) fn show(self, value: f64) -> String {
        let fits = |factor: f64| value / factor >= 1.0;
        let by_size = |order: &[&'static str]| {
            let factor = |name: &str| self.spellings().iter().find(|(n, _)| *n == name).map_or(1.0, |(_, factor)| *factor);
            let name = order.iter().find(|name| fits(factor(name))).or(order.last()).copied().unwrap_or_default();
            format!("{} {name}", trim(value / factor(name)))
        };
        match self {
            Self::Count => trim(value),
            Self::Time => by_size(if value == 0.0 { &["s"] } else { &["s", "ms", "us"] }),
            Self::Rate => by_size(&["/s"]),
            Self::Bits => by_size(&["Mbit/s", "kbit/s", "bit/s"]),
            Self::Bytes => by_size(&["B"]),
            Self::Share => by_size(&["%"]),
        }
    }

    /// Reads `"20 ms"` into the base unit. The error says what is wrong with the text.
    pub(crate) fn parse(self, text: &str) -> Result<f64, String> {
        let (number, unit) = split(text);
        let Ok(number) = number.parse::<f64>() else {
            return Err(format!("`{text}` does not begin with a number"));
        };
        match self.spellings().iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => Ok(number * factor),
            None if unit.is_empty() => Err(format!("`{text}` has no unit")),
            None => Err(match ALL.iter().find(|other| other.spellings().iter().any(|(name, _)| *name == unit)) {
                Some(other) => format!("`{unit}` is the unit of {}, not of {}", other.name(), self.name()),
                None => format!("there is no unit `{unit}` for {}", self.name()),
            }),
        }
    }
}

/// The number in front and the unit behind it; a space between them is optional.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

/// Three digits behind the point at most, and none that say nothing.
fn trim(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_into_their_base() {
        for (unit, text, value) in [
            (Unit::Time, "20 ms", 0.02),
            (Unit::Time, "1.5s", 1.5),
            (Unit::Time, "2 min", 120.0),
            (Unit::Rate, "50 /s", 50.0),
            (Unit::Bits, "2.6 Mbit/s", 2.6e6),
            (Unit::Bytes, " 1200 B ", 1200.0),
            (Unit::Share, "0.1 %", 0.001),
        ] {
            let read = unit.parse(text).expect(text);
            assert!((read - value).abs() < 1e-9 * value.max(1.0), "{text}: {read}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(Unit::Time.parse("5 kbit/s"), Err("`kbit/s` is the unit of a bit rate, not of a time".to_owned()));
        assert_eq!(Unit::Time.parse("5 parsec"), Err("there is no unit `parsec` for a time".to_owned()));
        assert_eq!(Unit::Time.parse("5"), Err("`5` has no unit".to_owned()));
        assert_eq!(Unit::Time.parse("soon"), Err("`soon` does not begin with a number".to_owned()));
    }

    #[test]
    fn values_are_shown_in_a_unit_that_fits() {
        assert_eq!(Unit::Time.show(0.02), "20 ms");
        assert_eq!(Unit::Time.show(0.0), "0 s");
        assert_eq!(Unit::Bits.show(2.6e6), "2.6 Mbit/s");
        assert_eq!(Unit::Share.show(0.001), "0.1 %");
        assert_eq!(Unit::Count.show(20_000.0), "20000");
    }
}
