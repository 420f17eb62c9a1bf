//! `docs/protocol.schema.json`, applied to every message of the tests.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

/// The whole schema.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/protocol.schema.json")).expect("the schema is JSON"));

static VALIDATORS: LazyLock<Mutex<HashMap<String, std::sync::Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The compiled `definition`.
pub(crate) fn validator(definition: &str) -> std::sync::Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let compiled = validators.entry(definition.to_owned()).or_insert_with(|| {
        assert!(DOCUMENT["$defs"].get(definition).is_some(), "the schema has no {definition}");
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/$defs/{definition}"),
            "$defs": DOCUMENT["$defs"],
        });
        std::sync::Arc::new(jsonschema::draft202012::new(&schema).expect("the schema compiles"))
    });
    std::sync::Arc::clone(compiled)
}

/// Fails the test unless `message` is as the schema's `definition` says.
pub(crate) fn check(definition: &str, message: &Value) {
    let errors: Vec<String> = validator(definition).iter_errors(message).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{definition}: {}\n{message:#}", errors.join("\n"));
}
