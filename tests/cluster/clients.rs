//! Libkv's own tests, unchanged, on a gateway that stores entries as custom resources.

use std::net::SocketAddr;
use std::process::Command;

use crate::gateway::{start, until_ready};
use support::kubernetes::namespace;
use support::running::Running;

fn libkv(name: &str, address: impl Fn(&Running) -> SocketAddr) {
    let gateway = start(&namespace(), "only");
    until_ready(&gateway);
    let address = address(&gateway).to_string();
    let output = Command::new("tests/libkv/run")
        .args([name, &address])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes and Go: tests/run"]
fn libkvs_own_tests_pass_over_consul() {
    libkv("consul", |gateway| gateway.consul);
}

#[test]
#[ignore = "needs Kubernetes and Go: tests/run"]
fn libkvs_own_tests_pass_over_etcd() {
    libkv("etcd", |gateway| gateway.etcd);
}
