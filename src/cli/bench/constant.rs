//! `kubekv bench constant`.

use std::io;
use std::net::SocketAddr;

use clap::Args;
use kubekv::bench::constant;
use tokio::net::TcpSocket;
use tokio::task::LocalSet;

use crate::cli::exit::{CommandError, LISTEN, USAGE};
use crate::cli::kv::print;

/// The connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// The options of `kubekv bench constant`.
#[derive(Debug, Args)]
#[command(
    after_help = "It answers requests of Consul's, etcd v2's and ZooKeeper's protocols at once, without looking at their contents. It prints its \
address, and serves until it is killed."
)]
pub(super) struct Constant {
    /// The address to listen on, a loopback one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The length of the value that reads return, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=16_777_216))]
    value_bytes: u32,
    /// The threads that serve
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
}

impl Constant {
    pub(super) fn run(self) -> Result<(), CommandError> {
        kubekv::gateway::raise_file_limit();
        if !self.listen.ip().is_loopback() {
            return Err(CommandError::new(
                USAGE,
                "--listen: want a loopback address",
            ));
        }
        let bound = self.bind(self.listen)?;
        let address = bound.local_addr()?;
        print::bytes(format!("{address}\n").as_bytes())?;
        // Every thread has a listener of its own: the kernel spreads connections over them.
        for _ in 1..self.threads {
            let bound = self.bind(address)?;
            let bytes = self.value_bytes;
            std::thread::spawn(move || serve(bound, bytes));
        }
        serve(bound, self.value_bytes)?;
        Ok(())
    }

    fn bind(&self, address: SocketAddr) -> Result<std::net::TcpListener, CommandError> {
        let bind = || -> io::Result<std::net::TcpListener> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let _entered = runtime.enter();
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                TcpSocket::new_v6()?
            };
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(self.threads > 1)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?.into_std()
        };
        bind().map_err(|error| {
            CommandError::new(LISTEN, format!("cannot listen on {address}: {error}"))
        })
    }
}

fn serve(bound: std::net::TcpListener, value_bytes: u32) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(bound)?;
        let value_bytes = usize::try_from(value_bytes).unwrap_or(usize::MAX);
        constant::serve(listener, value_bytes).await
    })
}
