//! Errors of the API: a status and a JSON body with one line.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use llmos_proto::status::{API_VERSION, ErrorBody};

/// What a request can end in.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("no node {0:?}; /api/v1/fleet lists the nodes")]
    NoNode(String),
    #[error("no workload {workload:?} on node {node:?}; /api/v1/nodes/{node} lists the workloads")]
    NoWorkload { node: String, workload: String },
    #[error("{name} is {value:?}, expected {expected}")]
    BadValue {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("no such path: {0}")]
    NoPath(String),
    #[error("the query cannot be read: {0}")]
    Query(#[from] QueryRejection),
    #[error("the path cannot be read: {0}")]
    Path(#[from] PathRejection),
    #[error("the API is read only, expected GET")]
    ReadOnly,
    #[error("{0} pages listen already, the bound; close one")]
    TooManyPages(usize),
    #[error("{0}")]
    Internal(&'static str),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoNode(_) | Self::NoWorkload { .. } | Self::NoPath(_) => StatusCode::NOT_FOUND,
            Self::BadValue { .. } | Self::Query(_) | Self::Path(_) => StatusCode::BAD_REQUEST,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyPages(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = ErrorBody {
            api_version: API_VERSION.to_owned(),
            error: self.to_string(),
        };
        (status, Json(body)).into_response()
    }
}

pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::NoPath(uri.path().chars().take(256).collect())
}

pub(super) async fn read_only() -> ApiError {
    ApiError::ReadOnly
}

/// Reads a whole number from a query or a path.
pub(super) fn whole_number(name: &'static str, value: &str) -> Result<u64, ApiError> {
    value.parse().map_err(|_| ApiError::BadValue {
        name,
        value: value.chars().take(64).collect(),
        expected: "a whole number of 0 or more",
    })
}
