//! The outer shape of every message: request, response, notification.

use super::parse::{from_object, from_value};
use super::{ErrorName, Notification, ProtocolError, Request};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;

/// What a client sends, before its method is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    request: bool,
    id: u32,
    method: String,
    #[serde(default)]
    data: Option<Value>,
}

/// A request that may be carried out.
#[derive(Debug)]
pub struct IncomingRequest {
    /// Names the answer.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// A message that is no request: what to answer, and to which id if that much could be read.
#[derive(Debug)]
pub struct MalformedMessage {
    /// The id of the message, if it has a valid one.
    pub id: Option<u32>,
    /// What is wrong with it.
    pub error: ProtocolError,
}

impl Envelope {
    /// Takes one text message apart. What fits is read at once; what does not is read again, for words that name the field.
    pub fn parse(text: &str) -> Result<IncomingRequest, MalformedMessage> {
        Sealed::read(text).map_or_else(|| Self::explain(text), Ok)
    }

    fn explain(text: &str) -> Result<IncomingRequest, MalformedMessage> {
        let value: Value = serde_json::from_str(text).map_err(|e| MalformedMessage {
            id: None,
            error: ProtocolError::malformed(format!("the message is not JSON ({e}): send one JSON object per text message")),
        })?;
        let id = value.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        Self::from_value(value).and_then(Self::into_request).map_err(|error| MalformedMessage { id, error })
    }

    fn from_value(value: Value) -> Result<Self, ProtocolError> {
        let envelope: Self = from_value("message", value)?;
        if !envelope.request {
            return Err(ProtocolError::malformed("message.request: must be true: clients send requests only"));
        }
        Ok(envelope)
    }

    fn into_request(self) -> Result<IncomingRequest, ProtocolError> {
        let data = self.data.unwrap_or_else(|| json!({}));
        Ok(IncomingRequest { id: self.id, request: Request::parse(&self.method, data)? })
    }
}

/// An envelope with its data in the text of the message: a tree of values in between costs twice what reading it costs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    request: bool,
    id: u32,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl<'a> Sealed<'a> {
    /// The request, if everything fits.
    fn read(text: &'a str) -> Option<IncomingRequest> {
        let sealed: Self = from_object(text)?;
        let data = sealed.data.map_or("{}", RawValue::get);
        let request = Request::read(&sealed.method, data).filter(|_| sealed.request)?;
        Some(IncomingRequest { id: sealed.id, request })
    }
}

#[derive(Serialize)]
struct Success<'a, T> {
    response: bool,
    id: u32,
    ok: bool,
    data: &'a T,
}

#[derive(Serialize)]
struct Told<'a> {
    notification: bool,
    #[serde(flatten)]
    told: &'a Notification,
}

/// The text of a positive response.
pub fn success(id: u32, data: &impl serde::Serialize) -> String {
    text(&Success { response: true, id, ok: true, data })
}

/// The text of a negative response; `id` is `null` where the request's could not be read.
pub fn failure(id: Option<u32>, error: &ProtocolError) -> String {
    let ProtocolError { name, reason } = error;
    json!({ "response": true, "id": id, "ok": false, "errorCode": name.code(), "error": name.label(), "errorReason": reason })
        .to_string()
}

/// The text of a notification.
pub fn notification(notification: &Notification) -> String {
    text(&Told { notification: true, told: notification })
}

fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages have string keys only")
}

impl From<&MalformedMessage> for String {
    fn from(message: &MalformedMessage) -> Self {
        failure(message.id, &message.error)
    }
}

impl MalformedMessage {
    /// A message that is not text.
    pub fn binary() -> Self {
        Self {
            id: None,
            error: ProtocolError::new(ErrorName::Malformed, "binary messages have no meaning here: send JSON as text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (Option<u32>, ProtocolError) {
        let message = Envelope::parse(text).expect_err("must be refused");
        (message.id, message.error)
    }

    #[test]
    fn a_request_without_data_has_empty_data() {
        let incoming = Envelope::parse(r#"{"request":true,"id":1,"method":"leave"}"#).expect("a request");
        assert_eq!(incoming.id, 1);
        assert!(matches!(incoming.request, Request::Leave));
    }

    #[test]
    fn what_is_not_json_is_answered_without_id() {
        let (id, e) = error("{nonsense");
        assert_eq!((id, e.name), (None, ErrorName::Malformed));
    }

    #[test]
    fn the_reason_names_the_field() {
        let (id, e) = error(r#"{"request":true,"id":7,"method":"createWebRtcTransport","data":{"direction":"up"}}"#);
        assert_eq!((id, e.name), (Some(7), ErrorName::Malformed));
        assert!(e.reason.contains("data.direction"), "{}", e.reason);
        let (_, e) = error(r#"{"request":true,"id":7,"method":"closeTransport","data":{}}"#);
        assert!(e.reason.contains("transportId"), "{}", e.reason);
        let (_, e) = error(
            r#"{"request":true,"id":7,"method":"produce","data":{"transportId":"t","kind":"video","source":"camera",
               "rtpParameters":{"codecs":[{"mimeType":"video/VP8","payloadType":"x","clockRate":90000}],"encodings":[]}}}"#,
        );
        assert!(e.reason.contains("data.rtpParameters.codecs[0].payloadType"), "{}", e.reason);
    }

    #[test]
    fn arrays_are_no_objects() {
        assert_eq!(error("[true, 1, \"leave\"]").1.name, ErrorName::Malformed);
        assert_eq!(error(r#"{"request":true,"id":1,"method":"closeTransport","data":["x"]}"#).1.name, ErrorName::Malformed);
    }

    #[test]
    fn ids_beyond_32_bits_and_unknown_methods_are_refused() {
        assert_eq!(error(r#"{"request":true,"id":4294967296,"method":"leave"}"#), {
            let (id, e) = error(r#"{"request":true,"id":4294967296,"method":"leave"}"#);
            assert_eq!((id, e.name), (None, ErrorName::Malformed));
            (id, e)
        });
        assert_eq!(error(r#"{"request":true,"id":1,"method":"dance"}"#).1.name, ErrorName::UnknownMethod);
    }
}
