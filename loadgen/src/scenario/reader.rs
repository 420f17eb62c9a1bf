//! Takes values out of a document by the table of keys, and collects every complaint, so that one run shows all of them.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::document::{Document, Entry, Value};
use super::keys::{self, Form};
use super::quantity::Unit;
use std::ops::Range;
use std::time::Duration;

/// A document being read.
pub(crate) struct Reader<'a> {
    document: &'a Document,
    complaints: Vec<Diagnostic>,
}

/// A number, or a word where the key takes one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Amount {
    Number(f64),
    Word(&'static str),
}

/// What is wrong with a value, and what to write.
type Wrong = (String, String);

impl<'a> Reader<'a> {
    /// Begins, and complains of keys that do not exist.
    pub(crate) fn new(document: &'a Document) -> Self {
        let mut reader = Self { document, complaints: Vec::new() };
        for (path, entry) in document.paths().filter(|(path, _)| keys::find(path).is_none()) {
            let is_in_unknown_table = path.rsplit_once('.').is_some_and(|(table, _)| keys::find(table).is_none());
            if !is_in_unknown_table {
                let help = match keys::nearest(path) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`corelay-loadgen keys` lists what there is".to_owned(),
                };
                reader.complain(entry, entry.key_span.clone(), format!("there is no key `{path}`"), help);
            }
        }
        reader
    }

    /// Whether a table is there and on.
    pub(crate) fn has(&mut self, path: &str) -> bool {
        match self.document.get(path) {
            None => false,
            Some(entry) => match &entry.value {
                Value::Table | Value::Bool(true) => true,
                Value::Bool(false) => false,
                other => {
                    let message = format!("`{path}` is a table, not {}", other.kind());
                    self.complain(
                        entry,
                        entry.value_span.clone(),
                        message,
                        format!("write [{path}] and its keys below, or `{path} = false`"),
                    );
                    false
                }
            },
        }
    }

    /// Whether a key was written.
    pub(crate) fn is_set(&self, path: &str) -> bool {
        self.document.get(path).is_some()
    }

    /// A number in its base unit.
    pub(crate) fn number(&mut self, path: &'static str) -> Option<f64> {
        match self.amount(path)? {
            Amount::Number(number) => Some(number),
            Amount::Word(_) => None,
        }
    }

    /// A number of things.
    pub(crate) fn count(&mut self, path: &'static str) -> Option<usize> {
        self.number(path).map(|number| number as usize)
    }

    /// A time.
    pub(crate) fn time(&mut self, path: &'static str) -> Option<Duration> {
        self.number(path).map(Duration::from_secs_f64)
    }

    /// A number, or a word instead.
    pub(crate) fn amount(&mut self, path: &'static str) -> Option<Amount> {
        let Form::Number { unit, min, max, words } = form(path) else { return None };
        self.value(path, |value| match value {
            Value::Text(text) => match words.iter().find(|word| *word == text) {
                Some(word) => Ok(Amount::Word(word)),
                None => quantity(path, value, unit, (min, max)).map(Amount::Number),
            },
            _ => quantity(path, value, unit, (min, max)).map(Amount::Number),
        })
    }

    /// One of the key's words.
    pub(crate) fn word(&mut self, path: &'static str) -> Option<&'static str> {
        let Form::Word(words) = form(path) else { return None };
        self.value(path, |value| {
            let found = match value {
                Value::Text(text) => words.iter().copied().find(|word| word == text),
                _ => None,
            };
            found.ok_or_else(|| wrong(path, "takes one of its words", form(path)))
        })
    }

    /// True or false.
    pub(crate) fn switch(&mut self, path: &'static str) -> Option<bool> {
        self.value(path, |value| match value {
            Value::Bool(on) => Ok(*on),
            other => Err((format!("`{path}` is true or false, not {}", other.kind()), "write true or false".to_owned())),
        })
    }

    /// Any text.
    pub(crate) fn text(&mut self, path: &'static str) -> Option<String> {
        self.value(path, |value| match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err((format!("`{path}` takes a text, not {}", other.kind()), "write it in quotes".to_owned())),
        })
    }

    /// A list of numbers.
    pub(crate) fn numbers(&mut self, path: &'static str) -> Option<Vec<f64>> {
        let Form::Numbers { unit, min, max, len_max } = form(path) else { return None };
        let list = self.value(path, |value| match value {
            Value::List(list) if !list.is_empty() && list.len() <= len_max => Ok(list.clone()),
            Value::List(list) => Err(wrong(path, &format!("has {} entries", list.len()), form(path))),
            _ => Err(wrong(path, "takes a list", form(path))),
        })?;
        let entry = self.document.get(path)?;
        let mut numbers = Vec::new();
        for (value, span) in &list {
            match quantity(path, value, unit, (min, max)) {
                Ok(number) => numbers.push(number),
                Err((message, help)) => self.complain(entry, span.clone(), message, help),
            }
        }
        Some(numbers)
    }

    /// A key that cannot be left out.
    pub(crate) fn require<T>(&mut self, path: &'static str, value: Option<T>, why: &str) -> Option<T> {
        if value.is_none() && !self.is_set(path) {
            let help = format!("add `{path}`: {}", form(path).describe());
            self.complaints.push(self.document.complain_of_absence(path, format!("`{path}` is missing: {why}"), help));
        }
        value
    }

    /// A complaint about a key's value, or about its absence.
    pub(crate) fn object(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        match self.document.get(path) {
            Some(entry) => self.complain(entry, entry.value_span.clone(), message, help),
            None => self.complaints.push(self.document.complain_of_absence(path, message, help)),
        }
    }

    /// All complaints, in the order of the text.
    pub(crate) fn finish(mut self) -> Result<(), Diagnostics> {
        self.complaints.sort_by(|a, b| a.place().cmp(&b.place()));
        self.complaints.dedup();
        if self.complaints.is_empty() { Ok(()) } else { Err(Diagnostics(self.complaints)) }
    }

    fn value<T>(&mut self, path: &'static str, read: impl FnOnce(&Value) -> Result<T, Wrong>) -> Option<T> {
        let entry = self.document.get(path)?;
        match read(&entry.value) {
            Ok(value) => Some(value),
            Err((message, help)) => {
                self.complain(entry, entry.value_span.clone(), message, help);
                None
            }
        }
    }

    fn complain(&mut self, entry: &Entry, span: Range<usize>, message: String, help: String) {
        self.complaints.push(self.document.complain(entry, span, message, help));
    }
}

fn form(path: &'static str) -> Form {
    keys::find(path).expect("the reader asks only for keys of the table").form
}

fn wrong(path: &str, what: &str, form: Form) -> Wrong {
    (format!("`{path}` {what}"), format!("write {}", form.describe()))
}

fn quantity(path: &str, value: &Value, unit: Unit, (min, max): (f64, f64)) -> Result<f64, Wrong> {
    let bounds = format!("{} to {}", unit.show(min), unit.show(max));
    let number = match (value, unit) {
        (Value::Number(number), Unit::Count) if number.fract() == 0.0 => *number,
        (Value::Number(_), Unit::Count) => return Err((format!("`{path}` takes a whole number"), format!("write {bounds}"))),
        (Value::Number(number), _) => return Err((format!("`{path}` needs a unit"), format!("write {}", unit.with_unit(*number)))),
        (Value::Text(text), Unit::Count) => {
            let help = if text.parse::<u32>().is_ok() { format!("write {text} without quotes") } else { format!("write {bounds}") };
            return Err((format!("`{path}` takes a number, not a text"), help));
        }
        (Value::Text(text), _) => unit.parse(text).map_err(|reason| {
            let number =
                text.trim().split(|c: char| !(c.is_ascii_digit() || c == '.')).next().and_then(|n| n.parse().ok()).unwrap_or(min);
            (format!("`{path}`: {reason}"), format!("write {} ({})", unit.with_unit(number), unit.units()))
        })?,
        (other, _) => return Err((format!("`{path}` takes {}, not {}", unit.name(), other.kind()), format!("write {bounds}"))),
    };
    // 10 us is a little less than 0.00001 s in binary.
    let (low, high) = (min - min.abs() * 1e-9, max + max.abs() * 1e-9);
    if number.is_finite() && (low..=high).contains(&number) {
        Ok(number)
    } else {
        Err((format!("`{path}` is out of range"), format!("write {bounds}")))
    }
}
