//! etcd's own command line in API 2, against kubekv and a real etcd 3.4: same output, same exit codes.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::client::{Gateway, ask};
use super::real::{Etcd, index};

/// Commands in order. A `|` at the end excludes the command's output, because it contains the server's address.
const COMMANDS: &[&str] = &[
    "ls",
    "set a/b v",
    "get a/b",
    "get none",
    "-o extended get a/b",
    "-o json get a/b",
    "-o json set a/b w",
    "set --ttl 100 a/t v",
    "set --swap-with-value w a/b x",
    "set --swap-with-value nope a/b y",
    "set --swap-with-index 1 a/b y",
    "set a/b/c v",
    "set a v",
    "get a",
    "mk a/b v",
    "mk a/n v",
    "mk --ttl 50 a/n2 v",
    "mk --in-order a/q one",
    "mk --in-order a/q two",
    "mkdir a/d",
    "mkdir a/d",
    "mkdir --ttl 100 a/dt",
    "setdir a/d",
    "setdir a/d2",
    "update a/b z",
    "update a/none z",
    "update --ttl 9 a/b z",
    "updatedir a/d",
    "updatedir a/none",
    "updatedir --ttl 33 a/d",
    "ls --sort a",
    "ls -p --sort a",
    "ls --recursive --sort -p",
    "ls a/b",
    "ls none",
    "ls -q --sort a",
    "get -q a/b",
    "rm a/d",
    "rmdir a",
    "rmdir a/d",
    "rmdir a/none",
    "rm --with-value nope a/b",
    "rm --with-index 1 a/b",
    "rm --with-value z a/b",
    "rm a/n",
    "rm --dir a/d2",
    "-o extended set e v",
    "-o json rm e",
    "set _h/x v",
    "ls --sort",
    "ls _h",
    "rm --recursive a",
    "rm none",
    "rm --recursive none",
    "-o extended mk mm v",
    "-o extended mk mm v",
    "rm mm",
    "user list",
    "role list",
    "role get root",
    "auth disable|",
    "cluster-health",
    "member list|",
];

fn etcdctl(server: SocketAddr, command: &str) -> Command {
    let mut etcdctl = Command::new("etcdctl");
    etcdctl
        .env("ETCDCTL_API", "2")
        .args(["--endpoints", &format!("http://{server}")])
        .args(command.split(' '))
        .stdin(Stdio::null());
    etcdctl
}

async fn run(server: SocketAddr, command: &str) -> Output {
    let mut etcdctl = etcdctl(server, command);
    tokio::task::spawn_blocking(move || etcdctl.output())
        .await
        .unwrap()
        .expect("needs etcdctl 3.4 in PATH")
}

/// The output without the parts that identify the server.
fn printed(server: SocketAddr, output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    // A member is printed with its id.
    let nameless = |line: &str| match line.split_once(" is healthy") {
        Some((_, rest)) if line.starts_with("member") => format!("member is healthy{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.replace(&server.to_string(), "SERVER")
        .lines()
        .map(nameless)
        .collect()
}

/// Waits until this number of clients watch.
async fn until_watched(server: SocketAddr, count: u64) {
    for _ in 0..500 {
        let stats = ask(server, "GET !/v2/stats/store").await.json();
        if stats["watchers"].as_u64() >= Some(count) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no client watches {server}");
}

/// The output of a watching command when one value is set.
async fn watch(server: SocketAddr, command: &str) -> String {
    let child = etcdctl(server, command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("needs etcdctl 3.4 in PATH");
    until_watched(server, 1).await;
    run(server, "set w/x hello").await;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(10), output).await;
    printed(server, &output.unwrap().unwrap().unwrap())
}

async fn advance_to_index_of(gateway: &Gateway, etcd: &Etcd) {
    while index(gateway.address).await < index(etcd.address).await {
        gateway.ok("PUT /_level value=1").await;
    }
    assert_eq!(index(gateway.address).await, index(etcd.address).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/run"]
async fn etcdctl_prints_the_same_as_with_etcd() {
    let (gateway, etcd) = (Gateway::start().await, Etcd::start().await);
    advance_to_index_of(&gateway, &etcd).await;
    for command in COMMANDS {
        let (command, compared) = match command.split_once('|') {
            Some((command, _)) => (command, false),
            None => (*command, true),
        };
        let own = run(gateway.address, command).await;
        let real = run(etcd.address, command).await;
        println!(
            "etcdctl {command}: {}",
            String::from_utf8_lossy(&own.stdout).trim_end()
        );
        if compared {
            assert_eq!(own.status.code(), real.status.code(), "{command}: {own:?}");
            assert_eq!(
                printed(gateway.address, &own),
                printed(etcd.address, &real),
                "{command}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/run"]
async fn etcdctl_watch_prints_the_same_as_with_etcd() {
    let (gateway, etcd) = (Gateway::start().await, Etcd::start().await);
    advance_to_index_of(&gateway, &etcd).await;
    for command in [
        "watch w/x",
        "watch --recursive w",
        "-o extended watch w/x",
        "-o json watch --recursive /",
    ] {
        let own = watch(gateway.address, command).await;
        let real = watch(etcd.address, command).await;
        println!("etcdctl {command}: {}", own.trim_end());
        assert_eq!(own, real, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/run"]
async fn etcdctl_exec_watch_runs_a_command_at_each_change() {
    let gateway = Gateway::start().await;
    let mut seen = gateway.watch("/seen?wait=true&stream=true").await;
    // It never exits: the file that its command wrote shows that it ran.
    let mut child = etcdctl(
        gateway.address,
        "exec-watch --recursive w -- env ETCDCTL_API=2 etcdctl set seen yes",
    )
    .env("ETCDCTL_ENDPOINTS", format!("http://{}", gateway.address))
    .stdout(Stdio::null())
    .spawn()
    .expect("needs etcdctl 3.4 in PATH");
    until_watched(gateway.address, 2).await;
    for _ in 0..2 {
        run(gateway.address, "set w/x again").await;
        let event = tokio::time::timeout(Duration::from_secs(10), seen.event()).await;
        assert_eq!(event.unwrap()["node"]["value"], "yes");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/run"]
async fn etcdctl_names_the_gateway_as_its_only_member() {
    let gateway = Gateway::start().await;
    let output = run(gateway.address, "member list").await;
    let text = String::from_utf8(output.stdout).unwrap();
    let address = gateway.address;
    let member = "name=default peerURLs=http://localhost:2380 ";
    assert!(text.contains(member), "{text}");
    assert!(
        text.contains(&format!("clientURLs=http://{address} isLeader=true")),
        "{text}"
    );
    for (command, sentence) in [
        (
            "member add x http://127.0.0.1:1",
            "kubekv has no etcd members",
        ),
        ("auth enable", "kubekv keeps no etcd users and roles"),
    ] {
        let output = run(gateway.address, command).await;
        assert_ne!(output.status.code(), Some(0), "{command}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(sentence), "{said}");
    }
}
