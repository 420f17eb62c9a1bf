//! `docs/protocol.schema.json`, applied to every message of the tests.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/protocol.schema.json")).expect("the schema is JSON"));

static VALIDATORS: LazyLock<Mutex<HashMap<String, std::sync::Arc<Validator>>>> = LazyLock::new(Mutex::default);

fn validator(definition: &str) -> std::sync::Arc<Validator> {
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

#[test]
fn the_schema_is_one() {
    jsonschema::draft202012::meta::validate(&DOCUMENT).expect("a JSON Schema of 2020-12");
}

#[test]
fn every_method_and_error_has_its_definition() {
    for method in corelay::protocol::METHODS {
        for direction in ["request", "response"] {
            assert!(DOCUMENT["$defs"].get(format!("{direction}.{method}")).is_some(), "{direction}.{method}");
        }
    }
    let names: Vec<&str> = corelay::protocol::ErrorName::ALL.iter().map(|e| e.label()).collect();
    assert_eq!(DOCUMENT["$defs"]["errorName"]["enum"], json!(names));
    for error in corelay::protocol::ErrorName::ALL {
        let error = corelay::protocol::ProtocolError::new(*error, "a reason");
        check("errorResponse", &serde_json::from_str(&corelay::protocol::failure(Some(1), &error)).expect("JSON"));
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    for (definition, message) in [
        ("request.closeTransport", json!({ "request": true, "id": 1, "method": "closeTransport", "data": {} })),
        ("request.leave", json!({ "request": true, "id": -1, "method": "leave" })),
        (
            "notification.participantLeft",
            json!({ "notification": true, "method": "participantLeft", "data": { "participantId": "x", "reason": "bored" } }),
        ),
        ("errorResponse", json!({ "response": true, "id": 1, "ok": false, "errorCode": 404, "error": "full", "errorReason": "x" })),
    ] {
        assert!(!validator(definition).is_valid(&message), "{definition}");
    }
}
