//! Which pages may open a WebSocket. Browsers do not apply the same-origin policy to WebSockets, so the server does (RFC 6455 section 10.2).

use axum::http::{HeaderMap, header};

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
    fn with_a_list_only_what_is_on_it() {
        assert!(allowed(Some("https://app.example"), &["https://app.example/"]));
        assert!(!allowed(Some("http://app.example"), &["https://app.example"]));
        assert!(!allowed(Some("http://calls.example:3001"), &["https://app.example"]));
        assert!(allowed(Some("https://any.example"), &["*"]));
        assert!(allowed(None, &["https://app.example"]));
    }
}
