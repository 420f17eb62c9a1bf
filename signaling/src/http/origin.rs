//! Which pages may open a WebSocket, and by which name they may call this server. Browsers do not apply the same-origin policy to WebSockets, so the server does (RFC 6455 section 10.2).

use super::answer::Refused;
use crate::protocol::{ErrorName, ProtocolError};
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;

/// Whether the page that the request comes from may connect. Clients that are no browsers send no `Origin`.
pub(super) fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.is_empty() {
        return headers.get(header::HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| is_same_host(origin, host));
    }
    allowed.iter().any(|a| a == "*" || a.trim_end_matches('/').eq_ignore_ascii_case(origin))
}

/// `Origin` is `scheme://host[:port]` and `Host` is `host[:port]`: both leave out the port that the scheme implies.
fn is_same_host(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// In development mode: refuses whoever asks for another host than this machine by its own name. A page whose name is made to resolve
/// to 127.0.0.1 (DNS rebinding) has the same origin as this server then, and would get a token; its `Host` gives it away.
pub(super) async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_this_machine) {
        return next.run(request).await;
    }
    let reason = "in development mode this server answers to localhost only: ask for http://localhost, or set JWT_SECRET";
    Refused(ProtocolError::new(ErrorName::OriginNotAllowed, reason)).into_response()
}

/// An address cannot be rebound, a name other than `localhost` can.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn allowed(origin: Option<&'static str>, list: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("calls.example:3001"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        is_allowed(&headers, &list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_list_the_same_host_or_no_browser() {
        assert!(allowed(None, &[]));
        assert!(allowed(Some("http://calls.example:3001"), &[]));
        assert!(!allowed(Some("http://calls.example"), &[]));
        assert!(!allowed(Some("https://evil.example"), &[]));
        assert!(!allowed(Some("null"), &[]));
    }

    #[test]
    fn this_machine_by_its_own_names() {
        for host in ["localhost", "LOCALHOST:3001", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:3001"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1", "a b"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn with_a_list_only_what_is_on_it() {
        assert!(allowed(Some("https://app.example"), &["https://app.example/"]));
        assert!(!allowed(Some("http://app.example"), &["https://app.example"]));
        assert!(!allowed(Some("http://calls.example:3001"), &["https://app.example"]));
        assert!(allowed(Some("https://any.example"), &["*"]));
        assert!(allowed(None, &["https://app.example"]));
    }
}
