//! Public keys that are fetched over TLS.

use crate::client::server_with;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// TLS wants cryptography chosen for the process; a build whose other parts bring a second kind must not leave that open. And an issuer
/// that is down keeps nobody from starting.
#[tokio::test]
async fn an_issuer_that_is_down_is_no_failure_of_the_server() {
    // Bound, so that nobody else has the port, and never listening: connections are refused.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("binds");
    let issuer = socket.local_addr().expect("bound");
    let test = server_with(|config, _| {
        config.jwt_secret = None;
        config.jwks_url = Some(format!("https://{issuer}/jwks"));
    })
    .await;
    assert_eq!(test.get("/health").await.0, 200);
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "EdDSA", "typ": "JWT", "kid": "unknown" }));
    let claims = part(json!({ "sub": "ada", "room": "lab", "exp": 4_000_000_000_u64 }));
    let token = format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
    let (code, goodbye) = test.connect(&token).await.closed().await;
    assert_eq!((code, goodbye.expect("a goodbye")["reason"].clone()), (4401, json!("token-bad-signature")));
    assert_eq!(test.get("/health").await.0, 200);
}
