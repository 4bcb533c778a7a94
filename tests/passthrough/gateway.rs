//! Gateways of one prefix.

use std::io::Read;
use std::net::TcpStream;

use support::command::kubekv;
use support::running::Running;

pub(crate) use support::gateway::{get, metric, put, state, until_ready};
pub(crate) use support::until::until;

/// Starts a gateway on a store, called by a name of its own, that relays nothing.
pub(crate) fn start(store: &str, name: &str, more: &[&str]) -> Running {
    let arguments = ["--store", store, "--node-name", name, "--relay", "off"];
    let lead = ["--lead-duration", "2"];
    let lead = if more.contains(&"--lead-duration") {
        &[][..]
    } else {
        &lead[..]
    };
    Running::start_by(kubekv(), &[&arguments[..], lead, more].concat())
}

/// Starts one and waits until it leads.
pub(crate) fn leading(store: &str, more: &[&str]) -> Running {
    let gateway = start(store, "only", more);
    until_ready(&gateway);
    gateway
}

/// Reads until this was told; the connection stays open.
pub(crate) fn read_until(mut stream: TcpStream, wanted: &str) -> String {
    let mut told = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&told).contains(wanted) {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&told).into_owned()
}
