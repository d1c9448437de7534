//! `/v1/freeze`: the one address that changes something. Only the unix socket has it, which is for its
//! owner and group.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use llmos_proto::status::{API_VERSION, FreezeReport, FreezeRequest};

use super::routes::error;
use crate::freeze::{Switch, switch};

/// Most bytes of a body: a cause, whatever its characters, and the JSON around it.
pub(super) const BODY_BYTES: usize = 4096;

/// Tells whether limits are frozen.
pub(super) async fn read(State(switch): State<Arc<Switch>>) -> Response {
    Json(report(&switch)).into_response()
}

/// Freezes. Without a file to keep it limits are frozen all the same, which the answer tells.
pub(super) async fn freeze(
    State(switch): State<Arc<Switch>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return error(rejection.status(), rejection.body_text()),
    };
    let cause = match cause_in(&body) {
        Ok(cause) => cause,
        Err(what) => return error(StatusCode::BAD_REQUEST, what),
    };
    switch.freeze(cause);
    // Why it is not kept stands in the report.
    let _ = settle(&switch).await;
    Json(report(&switch)).into_response()
}

/// Unfreezes, whoever froze.
pub(super) async fn unfreeze(State(switch): State<Arc<Switch>>) -> Response {
    switch.unfreeze();
    match settle(&switch).await {
        Ok(()) => Json(report(&switch)).into_response(),
        Err(what) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("still frozen: {what}"),
        ),
    }
}

/// The disk may take its time, so not in the loop.
async fn settle(switch: &Arc<Switch>) -> Result<(), String> {
    let switch = Arc::clone(switch);
    match tokio::task::spawn_blocking(move || switch.settle()).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn cause_in(body: &[u8]) -> Result<Option<String>, String> {
    if body.is_empty() {
        return Ok(None);
    }
    let request: FreezeRequest = serde_json::from_slice(body)
        .map_err(|error| format!("expected a body such as {{\"cause\": \"upgrade\"}}: {error}"))?;
    switch::cause(request.cause.as_deref().unwrap_or_default())
}

fn report(switch: &Switch) -> FreezeReport {
    let frozen = switch.frozen();
    FreezeReport {
        api_version: API_VERSION.to_owned(),
        frozen: frozen.is_some(),
        file: switch.file().display().to_string(),
        not_kept: frozen.as_ref().and_then(|frozen| frozen.not_kept.clone()),
        cause: frozen.map(|frozen| frozen.cause),
    }
}
