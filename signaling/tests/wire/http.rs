//! What watches the node, and the page.

use crate::client::{TestServer, admin_token, server, server_with, token, within};
use crate::engine::Mood;
use corelay_engine::control::Command;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn ready_asks_the_shards() {
    let test = server_with(|_, limits| {
        limits.ready_timeout = Duration::from_millis(50);
        limits.ready_shared = Duration::ZERO;
    })
    .await;
    assert_eq!(test.get("/health").await.0, 200);
    assert_eq!(test.get("/ready").await.0, 200);
    test.stage.set(Mood::Silent);
    let (status, body) = test.get("/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains("does not answer"), "{body}");
    test.stage.set(Mood::Willing);
    assert_eq!(test.get("/ready").await.0, 200);
    test.stage.stop_posting();
    assert!(test.get("/ready").await.1.contains("has not reported"));
}

#[tokio::test]
async fn one_answer_of_ready_is_shared() {
    let test = server_with(|_, limits| limits.ready_shared = Duration::from_secs(3_600)).await;
    // Draining goes on for as long as someone is here.
    let (_ada, _) = test.join("lab", "ada").await;
    for _ in 0..3 {
        assert_eq!(test.get("/ready").await.0, 200);
    }
    let commands = test.stage.take_commands();
    assert_eq!(commands.iter().filter(|c| matches!(c, Command::Ping { .. })).count(), 2, "one a shard");
    test.server.signal();
    within("draining shows at once", async { while test.get("/ready").await.0 != 503 {} }).await;
    let wish = Some(json!({ "room": "lab" }));
    assert_eq!(test.http(Method::POST, "/api/rooms", Some(&admin_token()), wish).await.0, 503);
}

#[tokio::test]
async fn refusals_over_http_are_counted() {
    let test = server_with(|config, _| config.jwt_secret = None).await;
    assert_eq!(test.http(Method::POST, "/api/demo/token", None, Some(json!({}))).await.0, 400);
    assert_eq!(test.get("/api/rooms").await.0, 401);
    assert_eq!((test.refusals("malformed").await, test.refusals("token-missing").await), (1.0, 1.0));
    let test = server().await;
    assert_eq!(test.http(Method::DELETE, "/api/rooms/none", Some(&admin_token()), None).await.0, 404);
    assert_eq!(test.http(Method::POST, "/api/rooms", Some(&admin_token()), Some(json!({ "room": "" }))).await.0, 400);
    assert_eq!((test.refusals("malformed").await, test.refusals("unknown-room").await), (1.0, 1.0));
}

/// The name of a page that was made to resolve to this machine.
#[tokio::test]
async fn development_mode_answers_to_localhost_only() {
    let ask = async |test: &TestServer, host: &str| {
        let url = format!("http://{}/api/demo/token", test.address());
        let wish = json!({ "room": "lab", "name": "Eve" }).to_string();
        let request = reqwest::Client::new().post(url).header("Host", host).header("Origin", format!("http://{host}")).body(wish);
        request.send().await.expect("answers").status()
    };
    let test = server_with(|config, _| config.jwt_secret = None).await;
    assert_eq!(ask(&test, "evil.example:3001").await, 403);
    assert_eq!(test.refusals("origin-not-allowed").await, 1.0);
    assert_eq!(ask(&test, "localhost:3001").await, 200);
    let url = format!("http://{}/health", test.address());
    let health = |url: &str| reqwest::Client::new().get(url).header("Host", "evil.example").send();
    assert_eq!(health(&url).await.expect("answers").status(), 403);
    let test = server().await;
    let url = format!("http://{}/health", test.address());
    assert_eq!(health(&url).await.expect("answers").status(), 200);
}

#[tokio::test]
async fn stats_and_rooms_need_an_admin() {
    let test = server().await;
    for path in ["/api/stats", "/api/rooms"] {
        let (status, body) = test.get(path).await;
        assert_eq!(status, 401);
        assert!(body.contains("token-missing"), "{body}");
        let (status, body) = test.http(Method::GET, path, Some(&token("lab", "ada")), None).await;
        assert_eq!(status, 403);
        assert!(body.contains("no-admin-grant"), "{body}");
        assert_eq!(test.http(Method::GET, path, Some(&admin_token()), None).await.0, 200);
    }
    let (_ada, _) = test.join("lab", "ada").await;
    let (_, body) = test.http(Method::GET, "/api/stats", Some(&admin_token()), None).await;
    let stats: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&stats["calls"], &stats["participants"]), (&json!(1), &json!(1)));
    assert_eq!(stats["shards"].as_array().map(Vec::len), Some(2));
    let (status, body) = test.http(Method::POST, "/api/rooms", Some(&admin_token()), Some(json!({ "name": "x" }))).await;
    assert_eq!(status, 400);
    assert!(body.contains("malformed"), "{body}");
}

#[tokio::test]
async fn metrics_may_need_an_admin() {
    let test = server_with(|config, _| config.metrics_public = false).await;
    assert_eq!(test.get("/metrics").await.0, 401);
    let (status, text) = test.http(Method::GET, "/metrics", Some(&admin_token()), None).await;
    assert_eq!(status, 200);
    for name in [
        "mediasoup_workers_total 2",
        "mediasoup_routers_total ",
        "calls_active_total ",
        "calls_mode_sfu_total ",
        "calls_mode_transitions_total 0",
        "call_mode_transition_duration_seconds_count 0",
        "webrtc_transport_connection_duration_seconds_bucket",
        "producer_creation_duration_seconds_count",
        "consumer_creation_duration_seconds_count",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
        "process_start_time_seconds ",
        "corelay_drops_total{shard=\"0\",reason=\"srtp_replayed\"} 0",
        "corelay_packets_in_total{shard=\"1\"} 0",
        "corelay_turn_seconds_bucket",
        "corelay_signaling_refusals_total{reason=\"token-missing\"} 1",
    ] {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn demo_tokens_exist_in_development_only() {
    let wish = json!({ "room": "lab", "name": "Ada" });
    let test = server().await;
    assert_ne!(test.http(Method::POST, "/api/demo/token", None, Some(wish.clone())).await.0, 200);
    let test = server_with(|config, _| config.jwt_secret = None).await;
    let (status, body) = test.http(Method::POST, "/api/demo/token", None, Some(wish)).await;
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let mut client = test.connect(answer["token"].as_str().expect("a token")).await;
    let joined = client.ok("join", json!({})).await;
    assert_eq!((&joined["identity"], &joined["room"]), (&answer["identity"], &json!("lab")));
    assert_eq!(test.get("/api/stats").await.0, 200);
    assert_eq!(test.get("/api/rooms").await.0, 401);
    assert_eq!(test.http(Method::POST, "/api/demo/token", None, Some(json!({ "room": "" }))).await.0, 400);
}

#[tokio::test]
async fn the_page_is_served_with_its_headers() {
    let test = server().await;
    let response = reqwest::get(format!("http://{}/", test.address())).await.expect("answers");
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().expect("ASCII").to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert!(header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(header("cache-control"), "no-cache");
    let client = reqwest::Client::new();
    let again =
        client.get(format!("http://{}/", test.address())).header("if-none-match", header("etag")).send().await.expect("answers");
    assert_eq!(again.status(), 304);
    assert_eq!(test.get("/no-such-page").await.0, 404);
    assert_eq!(test.get("/../Cargo.toml").await.0, 404);
    let without = server_with(|config, _| config.demo = false).await;
    assert_eq!(without.get("/").await.0, 404);
}

#[tokio::test]
async fn the_openapi_document_lists_the_routes() {
    let test = server().await;
    let (status, body) = test.get("/api/openapi.json").await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&body).expect("JSON");
    for path in [
        "/health",
        "/ready",
        "/metrics",
        "/api/stats",
        "/api/stats/rooms/{room}",
        "/api/stats/rooms/{room}/participants/{identity}",
        "/api/rooms",
        "/api/rooms/{room}",
        "/api/rooms/{room}/participants/{identity}",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
}
