//! The embedded demo page.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "web/dist"]
struct Dist;

/// Scripts, styles, fonts and pictures of this server only, and nothing inline. Media needs no source: tracks are given to elements as
/// objects, not as URLs. `connect-src 'self'` covers the WebSocket of the same host.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The build puts a hash of the content into the names under this folder.
const HASHED: &str = "assets/";

/// A file of the page; `/` is `index.html`.
pub(super) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    match Dist::get(path) {
        Some(file) => serve(path, file, &headers),
        None => nothing().await,
    }
}

/// There is no such page.
pub(super) async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here; /api/openapi.json says what is\n").into_response()
}

fn serve(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = HeaderValue::from_str(&format!("\"{hash}\"")).expect("quotes and hexadecimal digits");
    let is_known = request.get(header::IF_NONE_MATCH).is_some_and(|theirs| *theirs == etag);
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_response() };
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(mime) = HeaderValue::from_str(&content_type(file.metadata.mimetype())) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("permissions-policy", HeaderValue::from_static("camera=(self), microphone=(self), display-capture=(self)"));
    response
}

fn content_type(mime: &str) -> String {
    if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}
