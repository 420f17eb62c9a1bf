//! A TOML text as a flat list of dotted keys, each with its place, so that `--set video.bitrate=...` is one more entry.

use super::diagnostic::{Diagnostic, Diagnostics, Source};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as it was written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
    Bool(bool),
    List(Vec<(Self, Range<usize>)>),
    Table,
    /// What no key takes: a date, or a number that is none.
    Other(&'static str),
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// Index into the document's sources.
    source: usize,
    pub(crate) key_span: Range<usize>,
    pub(crate) value_span: Range<usize>,
}

/// All keys of a scenario by their dotted paths.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    sources: Vec<Source>,
    entries: BTreeMap<String, Entry>,
}

impl Document {
    /// Reads a TOML text.
    pub(crate) fn parse(source: Source) -> Result<Self, Diagnostics> {
        let mut document = Self { sources: Vec::new(), entries: BTreeMap::new() };
        document.take(source)?;
        Ok(document)
    }

    /// Overrides a key by `key=value`. The value is TOML; what is no TOML is taken as a text, so that `video.bitrate=5 Mbit/s` does not
    /// need quotes inside quotes.
    pub(crate) fn set(&mut self, assignment: &str) -> Result<(), Diagnostics> {
        let source = |text: String| Source { name: "--set".to_owned(), text };
        let Some((key, value)) = assignment.split_once('=') else {
            let help = "write --set key=value, for example --set participants=50";
            let source = source(assignment.to_owned());
            return Err(Diagnostics(vec![Diagnostic::new(&source, 0..assignment.len(), "this sets nothing", help)]));
        };
        let (key, value) = (key.trim(), value.trim());
        let is_toml = toml::de::DeValue::parse(value).is_ok();
        let value = if is_toml { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) };
        self.take(source(format!("{key} = {value}")))
    }

    fn take(&mut self, source: Source) -> Result<(), Diagnostics> {
        let text = source.text.clone();
        let table = DeTable::parse(&text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            Diagnostics(vec![Diagnostic::new(
                &source,
                span,
                format!("this is not TOML: {}", error.message()),
                "see toml.io for the syntax",
            )])
        })?;
        self.sources.push(source);
        self.flatten("", table.get_ref());
        Ok(())
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            let is_table = value.get_ref().is_table();
            // A value that replaces a table replaces what is in it; a table adds to the table of an earlier source.
            if !is_table {
                let inside = format!("{path}.");
                self.entries.retain(|other, _| !other.starts_with(&inside));
            }
            let is_known_table = self.entries.get(&path).is_some_and(|entry| entry.value == Value::Table);
            if !(is_table && is_known_table) {
                self.entries.insert(path.clone(), self.entry(key.span(), value));
            }
            if let DeValue::Table(inner) = value.get_ref() {
                self.flatten(&path, inner);
            }
        }
    }

    fn entry(&self, key_span: Range<usize>, value: &Spanned<DeValue<'_>>) -> Entry {
        let (value, value_span) = plain(value);
        Entry { value, source: self.sources.len() - 1, key_span, value_span }
    }

    /// The entry at a dotted path.
    pub(crate) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// All paths, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// A complaint about a place in an entry.
    pub(crate) fn complain(&self, entry: &Entry, span: Range<usize>, message: String, help: String) -> Diagnostic {
        Diagnostic::new(&self.sources[entry.source], span, message, help)
    }

    /// A complaint about something that is not there: at the head of its table, or of the text.
    pub(crate) fn complain_of_absence(&self, path: &str, message: String, help: String) -> Diagnostic {
        let table = path.rsplit_once('.').and_then(|(table, _)| self.get(table));
        match table {
            Some(entry) => self.complain(entry, entry.key_span.clone(), message, help),
            None => Diagnostic::new(&self.sources[0], 0..0, message, help),
        }
    }
}

fn plain(value: &Spanned<DeValue<'_>>) -> (Value, Range<usize>) {
    let number = |text: &str| text.replace('_', "").parse().map_or(Value::Other("a number that is none"), Value::Number);
    let plain_value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) if integer.radix() == 10 => number(integer.as_str()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Value::Other("a number out of every range"), |number| Value::Number(number as f64)),
        DeValue::Float(float) => number(float.as_str()),
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(list.iter().map(plain).collect()),
        DeValue::Table(_) => Value::Table,
    };
    (plain_value, value.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(Source { name: "a.toml".to_owned(), text: text.to_owned() }).expect("it is TOML")
    }

    #[test]
    fn keys_lie_flat_with_their_places() {
        let document = document("a = 1\n[video]\nbitrate = \"5 Mbit/s\"\nlayers = [1, 2]\n");
        let paths: Vec<&str> = document.paths().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "video", "video.bitrate", "video.layers"]);
        let entry = document.get("video.bitrate").expect("it is there");
        assert_eq!(entry.value, Value::Text("5 Mbit/s".to_owned()));
        assert_eq!((entry.key_span.clone(), entry.value_span.clone()), (14..21, 24..34));
    }

    #[test]
    fn a_set_overrides_adds_and_removes() {
        let mut document = document("a = 1\n[video]\nbitrate = \"5 Mbit/s\"\nfps = 30\n");
        document.set("a=2").expect("it is an assignment");
        document.set("video.bitrate = 7 Mbit/s").expect("it is an assignment");
        document.set("audio.packet_rate=\"50 /s\"").expect("it is an assignment");
        assert_eq!(document.get("a").map(|e| &e.value), Some(&Value::Number(2.0)));
        assert_eq!(document.get("video.bitrate").map(|e| &e.value), Some(&Value::Text("7 Mbit/s".to_owned())));
        assert_eq!(document.get("video.fps").map(|e| &e.value), Some(&Value::Number(30.0)));
        assert_eq!(document.get("audio").map(|e| &e.value), Some(&Value::Table));
        document.set("video=false").expect("it is an assignment");
        assert!(document.get("video.fps").is_none());
        assert_eq!(document.get("video").map(|e| &e.value), Some(&Value::Bool(false)));
    }

    #[test]
    fn what_is_no_toml_is_shown_with_its_place() {
        let source = Source { name: "a.toml".to_owned(), text: "a = 1\nb = = 2\n".to_owned() };
        let error = Document::parse(source).expect_err("two equals signs").to_string();
        assert!(error.contains("a.toml:2:5"), "{error}");
        let mut fine = document("a = 1");
        assert!(fine.set("participants").expect_err("no value").to_string().contains("--set key=value"));
    }
}
