//! JSON to types, with errors that name the field.

use super::ProtocolError;
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;

/// The object that `text` is as a `T`, if it fits.
pub(super) fn from_object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    // Serde also builds structs from arrays, by position: not a shape of the protocol.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// `value` as a `T`; the error names the path from `root` to the field that does not fit.
pub(super) fn from_value<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, ProtocolError> {
    if !value.is_object() {
        return Err(ProtocolError::malformed(format!("{root}: must be a JSON object")));
    }
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let dot = if path == "." { "" } else { "." };
        let path = if path == "." { "" } else { path.as_str() };
        ProtocolError::malformed(format!("{root}{dot}{path}: {}", e.inner()))
    })
}
