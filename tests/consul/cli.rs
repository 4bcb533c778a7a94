//! The `consul` command on kubekv and on a real Consul: same output, same exit codes.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use support::http_client;

use super::client::Gateway;
use super::real::Real;
use support::normalize::replace_ids;

/// Commands with their standard input. `#0` is the id of a session created before.
const COMMANDS: &[(&str, &str)] = &[
    ("kv put a/b v", ""),
    ("kv put -flags=42 a/b v", ""),
    ("kv put a/e", ""),
    ("kv put -base64 a/c aGVsbG8=", ""),
    ("kv put a/s -", "stdin"),
    ("kv put -cas -modify-index=1 a/b x", ""),
    ("kv put a/d/", ""),
    ("kv put :a b", ""),
    ("kv put /lead b", ""),
    ("kv get a/b", ""),
    ("kv get -detailed a/b", ""),
    ("kv get -base64 a/b", ""),
    ("kv get none", ""),
    ("kv get -recurse a/", ""),
    ("kv get -recurse a", ""),
    ("kv get -recurse -detailed a/", ""),
    ("kv get -recurse none", ""),
    ("kv get -keys a/", ""),
    ("kv get -keys -separator= a/", ""),
    ("kv get -keys -separator=/ a", ""),
    ("kv get -keys none", ""),
    ("kv get -keys", ""),
    ("kv get -stale a/b", ""),
    ("kv get -datacenter=dc1 a/b", ""),
    ("kv get -datacenter=dc2 a/b", ""),
    ("kv get -token=x a/b", ""),
    ("kv export a/", ""),
    ("kv export none", ""),
    ("kv delete a/b", ""),
    ("kv delete none", ""),
    ("kv delete -cas -modify-index=1 a/c", ""),
    ("kv delete -cas -modify-index=1 none", ""),
    (
        "kv import -",
        r#"[{"key":"i/a","flags":7,"value":"dg=="},{"key":"i/b","flags":0,"value":""}]"#,
    ),
    ("kv get -recurse -detailed i/", ""),
    ("kv put -acquire -session=#0 a/lock x", ""),
    ("kv get -detailed a/lock", ""),
    (
        "kv put -acquire -session=00000000-0000-0000-0000-000000000000 a/lock x",
        "",
    ),
    ("kv put -release -session=#0 a/lock y", ""),
    ("kv get -detailed a/lock", ""),
    ("lock lk echo held", ""),
    ("lock -verbose lk echo held", ""),
    ("lock -child-exit-code lk false", ""),
    ("lock lk false", ""),
    ("lock -n 2 sem echo held", ""),
    ("lock -n 2 -verbose sem echo held", ""),
    ("lock -name foo -timeout 2s -shell=false lk echo held", ""),
    ("kv get -keys lk/", ""),
    ("kv get -keys sem/", ""),
    ("watch -type=key -key=a/s", ""),
    ("watch -type=key -key=none", ""),
    ("watch -type=keyprefix -prefix=i/", ""),
    ("watch -type=keyprefix -prefix=none/", ""),
    ("watch -type=services", ""),
    ("watch -type=checks", ""),
    ("catalog datacenters", ""),
    ("catalog nodes", ""),
    ("catalog services", ""),
    ("kv delete -recurse a/", ""),
    ("kv delete -recurse", ""),
    ("kv get -recurse a", ""),
];

/// A command's output and exit code, without indexes, and with ids replaced by their order of appearance.
async fn run(to: SocketAddr, command: &str, input: &str) -> String {
    let (arguments, input) = (command.to_owned(), input.to_owned());
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = Command::new("consul")
            .args(arguments.split(' '))
            .env("CONSUL_HTTP_ADDR", to.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("needs consul 1.8 in PATH");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    });
    let ended = ended.await.unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let lines = printed.lines().map(|line| {
        let index = [
            "CreateIndex",
            "ModifyIndex",
            "\"CreateIndex\"",
            "\"ModifyIndex\"",
        ]
        .iter()
        .any(|name| line.trim_start().starts_with(name));
        let plain = if index {
            line.replace(|c: char| c.is_ascii_digit(), "")
        } else {
            line.to_owned()
        };
        plain.trim_end().to_owned()
    });
    let printed = lines.collect::<Vec<_>>().join("\n");
    let printed = replace_ids(&printed, &mut Vec::new());
    format!("{printed}\n[{:?}]", ended.status.code())
}

async fn session(to: SocketAddr) -> String {
    let answer = http_client::request(to, "PUT", "/v1/session/create", &[], b"").await;
    answer.json()["ID"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs consul: tests/run"]
async fn the_consul_command_prints_the_same_as_with_consul() {
    let (gateway, real) = (Gateway::start().await, Real::start().await);
    let sessions = (session(gateway.address).await, session(real.address).await);
    let mut wrong = Vec::new();
    for (command, input) in COMMANDS {
        let own = run(gateway.address, &command.replace("#0", &sessions.0), input).await;
        let theirs = run(real.address, &command.replace("#0", &sessions.1), input).await;
        // The list of nodes shows a part of each node's id.
        if own != theirs && *command != "catalog nodes" {
            wrong.push(format!(
                "consul {command}\n--- consul\n{theirs}\n--- kubekv\n{own}"
            ));
        }
    }
    println!("{} commands, {} differ", COMMANDS.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
