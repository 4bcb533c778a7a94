//! What real clients ask, on the real binary: libkv's own tests, unchanged, tests that use the
//! official Go clients, and the command lines.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

use std::path::Path;
use std::process::Command;

/// Runs a suite with a gateway on a port of its own; the script starts and ends the gateway.
fn suite(script: &str, name: &str, faces: [&str; 2]) {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .args([name, "--", env!("CARGO_BIN_EXE_kubekv"), "serve"])
        .args(["--store=memory:", "--admin=off"])
        .args(faces)
        .output()
        .unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{said}");
    assert!(output.status.success(), "{said}{complained}");
}

#[test]
#[ignore = "needs Go: tests/run"]
fn libkvs_own_tests_pass_over_consul() {
    suite(
        "tests/libkv/run",
        "consul",
        ["--consul=127.0.0.1:8500", "--etcd=off"],
    );
}

#[test]
#[ignore = "needs Go: tests/run"]
fn libkvs_own_tests_pass_over_etcd() {
    suite(
        "tests/libkv/run",
        "etcd",
        ["--etcd=127.0.0.1:4001", "--consul=off"],
    );
}

#[test]
#[ignore = "needs Go: tests/run"]
fn the_consul_client_finds_what_it_relies_on() {
    suite(
        "tests/clients/run",
        "consul",
        ["--consul=127.0.0.1:8500", "--etcd=off"],
    );
}

#[test]
#[ignore = "needs Go: tests/run"]
fn the_etcd_client_finds_what_it_relies_on() {
    suite(
        "tests/clients/run",
        "etcd",
        ["--etcd=127.0.0.1:4001", "--consul=off"],
    );
}

#[test]
#[ignore = "needs consul: tests/run"]
fn the_consul_command_works() {
    suite(
        "tests/commands/run",
        "consul",
        ["--consul=127.0.0.1:8500", "--etcd=off"],
    );
}

#[test]
#[ignore = "needs etcdctl: tests/run"]
fn etcdctl_works() {
    suite(
        "tests/commands/run",
        "etcd",
        ["--etcd=127.0.0.1:4001", "--consul=off"],
    );
}
