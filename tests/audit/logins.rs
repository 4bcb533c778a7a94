//! Logins by tokens and passwords: a line for each on each connection, however many requests it has.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubekv::guard::credentials::{CredentialText, NewToken, PasswordHash};
use serde_json::Value;
use support::policy_text::PolicyText;
use support::requests::{connect, read_until};

use crate::gateway::{Audited, MARKER, having};

/// Whoever the credentials name may do everything.
fn policy() -> PolicyText {
    PolicyText::default()
        .identity("credentials", "token", "node-{name}", "node/{name}")
        .identity("credentials", "user", "{name}", "user/{name}")
        .role("all", "*", "admin")
}

/// The secret of the token of this name.
fn secret(name: &str) -> String {
    format!("{MARKER}-{name}")
}

fn credentials() -> String {
    let mut text = CredentialText::parse(String::new()).unwrap();
    for (number, name) in (1..).zip(["node-a", "nobody"]) {
        let token = NewToken {
            accessor: &format!("0f2a1b3c-0000-4000-8000-00000000000{number}"),
            name,
            secret: &secret(name),
            expires: None,
            description: None,
        };
        text = text.with_token(&token).unwrap();
    }
    let password = PasswordHash::make(MARKER.as_bytes()).unwrap();
    let text = text.with_password("ops", &password).unwrap();
    text.as_str().to_owned()
}

fn start() -> Audited {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (policy, credentials) = (
        file("policy.toml", &policy().to_string()),
        file("credentials.toml", &credentials()),
    );
    let log = directory.path().join("audit.log");
    let options = ["--policy", &policy, "--credentials", &credentials];
    Audited::start_at(directory, log, &options)
}

/// Asks by a connection that stays open; the status.
fn ask(connection: &mut TcpStream, header: &str) -> u16 {
    let request = format!("GET /v1/kv/k HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    // Neither a missing key nor a refusal has a body that is longer than what comes with its head.
    let head = read_until(connection, "\r\n\r\n");
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn each_secret_has_one_line_on_each_connection() {
    let audited = start();
    let token = |name: &str| format!("X-Consul-Token: {}", secret(name));
    let password = STANDARD.encode(format!("ops:{MARKER}"));
    let password = format!("Authorization: Basic {password}");
    let mut first = connect(audited.gateway.consul);
    for header in [&token("node-a"), &token("node-a"), &password, &password] {
        assert_eq!(ask(&mut first, header), 404);
    }
    assert_eq!(ask(&mut first, &token("node-a")), 404);
    let mut second = connect(audited.gateway.consul);
    for _ in 0..3 {
        assert_eq!(ask(&mut second, &token("node-a")), 404);
    }
    // It is known, and names nobody.
    assert_eq!(ask(&mut second, &token("nobody")), 403);
    let addresses = [&first, &second].map(|one| one.local_addr().unwrap().to_string());
    drop((first, second));
    let lines = audited.stop();
    let logins = having(&lines, &[("event", "login")]);
    let told = |line: &Value| {
        let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
        let at = addresses.iter().position(|one| line["address"] == **one);
        (at.unwrap(), text("how"), text("identity"), text("decision"))
    };
    let login = |at: usize, how: &str, identity: &str, decision: &str| {
        (at, how.to_owned(), identity.to_owned(), decision.to_owned())
    };
    let nobody = "refused token 0f2a1b3c-0000-4000-8000-000000000002";
    assert_eq!(
        logins.iter().map(told).collect::<Vec<_>>(),
        [
            login(0, "token", "node/a", "allowed"),
            login(0, "password", "user/ops", "allowed"),
            login(1, "token", "node/a", "allowed"),
            login(1, "token", nobody, "refused"),
        ]
    );
    let proof = "token 0f2a1b3c-0000-4000-8000-000000000001 of node-a";
    assert_eq!(logins[0]["proof"], proof);
    let why = logins[3]["why"].as_str().unwrap();
    assert!(why.contains("no [[identity]] of tokens"), "{why}");
}
