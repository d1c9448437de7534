//! The JSON API, version 1, read only. Field names carry their units; absent is null, never zero.

mod error;
mod events;
mod fleet;
mod node;
mod series;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::shared::Shared;
use error::ApiError;

/// Routes of the API, of `/healthz` and of `/metrics`.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/api/v1/fleet", get(fleet::show))
        .route("/api/v1/nodes/{id}", get(node::show))
        .route("/api/v1/nodes/{id}/decisions", get(node::decisions))
        .route(
            "/api/v1/nodes/{id}/workloads/{cgroup_id}",
            get(series::show),
        )
        .route("/api/v1/events", get(events::stream))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::read_only)
        .with_state(shared)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let text = shared.metrics.encode(&shared.fleet(), shared.now());
    let text = text.map_err(|_| ApiError::Internal("cannot write the metrics"))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
