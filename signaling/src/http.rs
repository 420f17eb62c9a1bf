//! The HTTP side: health, metrics, the interface for servers, the demo page, and the door to the WebSocket.

mod admin;
mod answer;
mod auth;
mod demo;
mod openapi;
mod origin;
mod page;
mod quality;
mod status;
mod ws;

use crate::app::App;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use std::sync::Arc;

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let router = Router::new()
        .route("/ws", get(ws::upgrade))
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/api/stats", get(status::stats))
        .route("/api/stats/rooms/{room}", get(quality::room))
        .route("/api/stats/rooms/{room}/participants/{identity}", get(quality::participant))
        .route("/api/rooms", get(admin::rooms).post(admin::open_room))
        .route("/api/rooms/{room}", delete(admin::close_room))
        .route("/api/rooms/{room}/participants/{identity}", delete(admin::remove_participant))
        .route("/api/openapi.json", get(openapi::document));
    let is_development = app.config.is_development();
    let router = if is_development { router.route("/api/demo/token", post(demo::token)) } else { router };
    let router = if app.config.demo { router.fallback(page::asset) } else { router.fallback(page::nothing) };
    let router = if is_development { router.layer(from_fn(origin::only_this_machine)) } else { router };
    router.layer(from_fn_with_state(Arc::clone(&app), answer::count)).with_state(app)
}
