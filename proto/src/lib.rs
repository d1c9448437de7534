//! Wire formats of LLMOS: gRPC to the coordinator ([`fleet`]), JSON of the status socket
//! ([`status`]). Only the edges use these types; the engine knows none of them.

pub mod status;

/// Generated from `llmos.proto`: what an agent sends to the coordinator.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code; llmos.proto holds the comments"
)]
pub mod fleet {
    tonic::include_proto!("llmos.v1");
}
