//! Load of ten thousand idle connections.

use std::net::TcpStream;

use kubekv::gateway::raise_file_limit;

use support::command::kubekv;
use support::metrics::wait_for_metric;
use support::requests::{ask, send};
use support::running::Running;

/// Limit for the memory of one idle connection, in bytes.
const MAX_BYTES_PER_CONNECTION: usize = 40 << 10;

/// The gateway's memory in bytes.
fn resident(gateway: &Running) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

/// The number of connections the file limit allows, less some files for the test itself.
fn affordable(wanted: usize) -> usize {
    let files = usize::try_from(raise_file_limit()).unwrap_or(usize::MAX);
    wanted.min(files.saturating_sub(600))
}

#[test]
fn idle_connections_delay_no_request_and_take_little_memory() {
    let no_limit = [
        "--store",
        "memory:",
        "--consul-connections-per-address",
        "0",
    ];
    let gateway = Running::start_by(kubekv(), &no_limit);
    let count = affordable(10_000);
    let before = resident(&gateway);
    // Half never sent a request; half got an answer and kept their connection open, as Go's clients do.
    let silent: Vec<TcpStream> = (0..count / 2)
        .map(|_| TcpStream::connect(gateway.consul).unwrap())
        .collect();
    let kept: Vec<TcpStream> = (0..count / 2)
        .map(|_| send(gateway.consul, "GET /v1/status/leader"))
        .collect();
    let open = format!(
        "kubekv_face_connections{{face=\"consul\"}} {}",
        silent.len() + kept.len()
    );
    wait_for_metric(gateway.admin, &open);
    wait_for_metric(gateway.admin, "kubekv_face_in_flight{face=\"consul\"} 0");
    let cost = resident(&gateway).saturating_sub(before) / count;
    assert!(
        cost < MAX_BYTES_PER_CONNECTION,
        "{cost} bytes for each of {count} connections"
    );

    assert_eq!(gateway.run(&["put", "a", "1"]).code, 0);
    assert!(ask(gateway.etcd, "GET /v2/keys/a").starts_with("HTTP/1.1 200 "));
    drop((silent, kept));
    wait_for_metric(gateway.admin, "kubekv_face_connections{face=\"consul\"} 0");
    assert_eq!(gateway.stop().code, 0);
}
