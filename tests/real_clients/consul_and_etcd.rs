//! Clients of Consul and etcd: libkv's own tests, unchanged, tests that use the official Go clients, and the command lines.

use std::path::Path;
use std::process::Command;

use support::command::binary;

/// The gateway's store.
enum Entries {
    Memory,
    /// An etcd beside the gateway, of this component.
    Etcd(&'static str),
}

/// The client and peer addresses of the etcd beside the gateway.
const ETCD: [&str; 2] = ["http://127.0.0.1:2390", "http://127.0.0.1:2391"];

/// Starts an etcd in the directory of a name and becomes a command: both end with the tests.
const BESIDE_ETCD: &str = "etcd=$1 data=$2 clients=$3 members=$4; shift 4
    $etcd --data-dir $data --listen-client-urls $clients --advertise-client-urls $clients --listen-peer-urls $members \
        --initial-advertise-peer-urls $members --initial-cluster default=$members >/dev/null 2>&1 &
    exec \"$@\"";

/// Runs a suite with a gateway on a port of its own; the script starts and ends the gateway.
fn suite(script: &str, name: &str, faces: [&str; 2]) {
    suite_on(&Entries::Memory, script, name, faces);
}

fn suite_on(entries: &Entries, script: &str, name: &str, faces: [&str; 2]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(here.join(script));
    command.args([name, "--"]);
    let store = match entries {
        Entries::Memory => "--store=memory:",
        Entries::Etcd(component) => {
            command.args(["bash", "-c", BESIDE_ETCD, "bash"]);
            command.arg(support::components::component(component).join("etcd"));
            command.arg(directory.path().join("data")).args(ETCD);
            "--store=etcd://127.0.0.1:2390/libkv"
        }
    };
    let output = command
        .args([binary(), "serve"])
        .args([store, "--admin=off"])
        .args(faces)
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}{stderr}");
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
#[ignore = "needs Go and etcd: tests/run"]
fn libkvs_own_tests_pass_over_consul_on_etcd_3_4() {
    suite_on(
        &Entries::Etcd("etcd"),
        "tests/libkv/run",
        "consul",
        ["--consul=127.0.0.1:8500", "--etcd=off"],
    );
}

#[test]
#[ignore = "needs Go and etcd: tests/run"]
fn libkvs_own_tests_pass_over_etcd_on_etcd_3_6() {
    suite_on(
        &Entries::Etcd("etcd-3.6"),
        "tests/libkv/run",
        "etcd",
        ["--etcd=127.0.0.1:4001", "--consul=off"],
    );
}

#[test]
#[ignore = "needs Go: tests/run"]
fn the_official_consul_client_works() {
    suite(
        "tests/clients/run",
        "consul",
        ["--consul=127.0.0.1:8500", "--etcd=off"],
    );
}

#[test]
#[ignore = "needs Go: tests/run"]
fn the_official_etcd_client_works() {
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
