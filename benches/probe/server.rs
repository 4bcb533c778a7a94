//! The server that a probe sends requests to.

use std::net::SocketAddr;

use super::protocol::Protocol;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Server {
    #[arg(long)]
    pub protocol: Protocol,
    #[arg(long)]
    pub address: SocketAddr,
}
