//! The addresses of the status socket and their answers. All but `/v1/freeze` reads the board and
//! changes nothing.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRef, Path, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use llmos_proto::status::{API_VERSION, ErrorBody, Schema};
use serde::Serialize;

use super::freeze;
use crate::board::Board;
use crate::freeze::Switch;
use crate::metrics;

/// What the answers are made from.
#[derive(Clone)]
struct Sources {
    board: Arc<Board>,
    switch: Arc<Switch>,
}

impl FromRef<Sources> for Arc<Board> {
    fn from_ref(sources: &Sources) -> Self {
        Self::clone(&sources.board)
    }
}

impl FromRef<Sources> for Arc<Switch> {
    fn from_ref(sources: &Sources) -> Self {
        Self::clone(&sources.switch)
    }
}

/// Everything: for the unix socket.
pub fn all(board: Arc<Board>, switch: Arc<Switch>) -> Router {
    let on_freeze = get(freeze::read)
        .post(freeze::freeze)
        .delete(freeze::unfreeze)
        .layer(DefaultBodyLimit::max(freeze::BODY_BYTES));
    Router::new()
        .route("/", get(async || Json(Schema::index())))
        .route("/v1/schema", get(async || Json(Schema::full())))
        .route("/v1/status", get(status))
        .route("/v1/health", get(health))
        .route("/v1/workloads", get(workloads))
        .route("/v1/workloads/{*key}", get(workload))
        .route("/v1/decisions", get(decisions))
        .route("/v1/freeze", on_freeze)
        .route("/metrics", get(exposition))
        .fallback(unknown)
        .method_not_allowed_fallback(not_get)
        .with_state(Sources { board, switch })
}

/// Only `/metrics`: for the TCP listener, which anybody may reach.
pub fn metrics_only(board: Arc<Board>) -> Router {
    Router::new()
        .route("/metrics", get(exposition))
        .fallback(unknown)
        .method_not_allowed_fallback(not_get)
        .with_state(board)
}

async fn status(State(board): State<Arc<Board>>) -> Response {
    let mut status = board.status();
    // The board is a tick old; a reader that compares clocks wants this very moment.
    if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
        status.now_unix_ms = u64::try_from(now.as_millis()).unwrap_or(status.now_unix_ms);
    }
    json(Arc::new(status)).await
}

async fn health(State(board): State<Arc<Board>>) -> Response {
    json(Arc::new(board.health())).await
}

async fn workloads(State(board): State<Arc<Board>>) -> Response {
    json(board.workloads()).await
}

async fn decisions(State(board): State<Arc<Board>>) -> Response {
    json(Arc::new(board.decisions())).await
}

async fn workload(
    State(board): State<Arc<Board>>,
    key: Result<Path<String>, PathRejection>,
) -> Response {
    let key = match key {
        Ok(Path(key)) => key,
        Err(rejection) => return error(StatusCode::BAD_REQUEST, rejection.body_text()),
    };
    match board.workload(&key) {
        Some(detail) => json(Arc::new(detail)).await,
        None => error(
            StatusCode::NOT_FOUND,
            format!(
                "no workload has the id or the path {key:?}: /v1/workloads lists those that exist"
            ),
        ),
    }
}

async fn exposition(State(board): State<Arc<Board>>) -> Response {
    match tokio::task::spawn_blocking(move || metrics::exposition(&board)).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Ok(Err(cause)) => broken(&cause),
        Err(cause) => broken(&cause),
    }
}

async fn unknown(uri: Uri) -> Response {
    error(
        StatusCode::NOT_FOUND,
        format!("nothing is at {}: / lists the addresses", uri.path()),
    )
}

async fn not_get(method: Method, uri: Uri) -> Response {
    let text = format!(
        "{method} {} is not served: only GET and HEAD are, and POST and DELETE at /v1/freeze",
        uri.path()
    );
    error(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// Serialises away from the loop: with a thousand workloads it takes milliseconds.
async fn json<T: Serialize + Send + Sync + 'static>(value: Arc<T>) -> Response {
    let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&*value)).await;
    match text {
        Ok(Ok(text)) => {
            let kind = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Ok(Err(cause)) => broken(&cause),
        Err(cause) => broken(&cause),
    }
}

fn broken(cause: &dyn std::error::Error) -> Response {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("the answer could not be made: {cause}"),
    )
}

pub(super) fn error(code: StatusCode, error: String) -> Response {
    let body = ErrorBody {
        api_version: API_VERSION.to_owned(),
        error,
    };
    (code, Json(body)).into_response()
}
