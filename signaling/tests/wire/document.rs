//! The schema itself: that it is one, that it knows every name, and that it refuses.

use crate::schema::{DOCUMENT, check, validator};
use serde_json::json;

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
