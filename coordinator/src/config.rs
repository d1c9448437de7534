//! Flags and environment of the coordinator.

use std::net::SocketAddr;

use clap::Parser;

/// Takes in reports of LLMOS agents and shows the fleet.
#[derive(Debug, Clone, Parser)]
#[command(name = "llmos-coordinator", version)]
pub struct Config {
    /// Address of the dashboard, the JSON API and the metrics
    #[arg(
        long,
        env = "LLMOS_COORDINATOR_HTTP",
        default_value = "127.0.0.1:7780",
        value_name = "ADDR"
    )]
    pub http: SocketAddr,
    /// Address that agents report to by gRPC
    #[arg(
        long,
        env = "LLMOS_COORDINATOR_GRPC",
        default_value = "127.0.0.1:7781",
        value_name = "ADDR"
    )]
    pub grpc: SocketAddr,
    /// What to log, as in `info` or `llmos_coordinator=debug`
    #[arg(
        long,
        env = "LLMOS_COORDINATOR_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,
    /// Check flags and environment, then end without starting
    #[arg(long)]
    pub check_config: bool,
}
