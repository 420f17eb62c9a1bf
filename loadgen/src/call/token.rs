//! Tokens of the generator's own making, or a development server's.

use anyhow::Context;
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Claims of `docs/protocol.md`.
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    room: &'a str,
    exp: u64,
    publish: [&'a str; 3],
    subscribe: bool,
}

/// A token for one participant, good for two hours.
pub(crate) fn mint(secret: &str, room: &str, identity: &str) -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let claims = Claims { sub: identity, room, exp: now + 7200, publish: ["audio", "video", "screen"], subscribe: true };
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    Ok(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?)
}

/// Asks a development server for a demo token, over plain HTTP on loopback.
pub(crate) async fn ask(url: &str, room: &str, identity: &str) -> anyhow::Result<String> {
    let host = url
        .strip_prefix("ws://")
        .and_then(|rest| rest.split('/').next())
        .context("only ws:// servers give demo tokens: pass --jwt-secret")?;
    let body = serde_json::json!({ "room": room, "name": identity }).to_string();
    let mut stream =
        tokio::net::TcpStream::connect(host).await.with_context(|| format!("no server answers on {host}: start it first"))?;
    let request = format!(
        "POST /api/demo/token HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let json = answer.find('{').and_then(|start| answer.rfind('}').map(|end| &answer[start..=end])).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(json).with_context(|| {
        format!("the server gives no demo tokens: pass --jwt-secret. It said: {}", answer.lines().next().unwrap_or_default())
    })?;
    Ok(value["token"].as_str().context("the answer has no token")?.to_owned())
}
