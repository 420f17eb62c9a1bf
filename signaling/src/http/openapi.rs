//! The HTTP interface in machine-readable form.

use super::{admin, demo, quality, status};
use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Corelay", description = "Rooms, participants, state and metrics of one node. Errors have the names of docs/protocol.md."),
    paths(
        status::health,
        status::ready,
        status::metrics,
        status::stats,
        quality::room,
        quality::participant,
        admin::rooms,
        admin::open_room,
        admin::close_room,
        admin::remove_participant,
        demo::token,
    ),
    modifiers(&AdminToken)
)]
struct Document;

struct AdminToken;

impl Modify for AdminToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("a token with \"admin\": true"))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("admin", SecurityScheme::Http(scheme));
    }
}

/// `GET /api/openapi.json`
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
