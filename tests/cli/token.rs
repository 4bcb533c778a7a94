//! `kubekv token`: the file it writes, and a gateway that has it.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use support::command::{Done, kubekv, run, run_with};
use support::policy_text::PolicyText;
use support::requests::{answer, send_bytes};
use support::running::Running;
use support::until::until;
use tempfile::TempDir;

/// Docker hosts by their tokens, and operators by tokens or passwords.
fn policy_text() -> String {
    let head = PolicyText::default()
        .identity("credentials", "token", "node-{ip}", "node/{ip}")
        .identity("credentials", "token", "ops-{name}", "ops/{name}")
        .identity("credentials", "user", "{name}", "ops/{name}")
        .role("hosts", "node/{ip}", "docker-node");
    head.role("operators", "ops/{name}", "admin").to_string()
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn token(&self, command: &str, arguments: &[&str]) -> Done {
        let file = self.path("credentials.toml");
        run(&[&["token", command, "--file", &file], arguments].concat())
    }

    /// Makes a token; its accessor and its secret.
    fn create(&self, name: &str, more: &[&str]) -> (String, String) {
        let done = self.token("create", &[&["--name", name], more].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        let mut lines = done.text().lines();
        let mut field = |name: &str| lines.next().unwrap().strip_prefix(name).unwrap().to_owned();
        (field("accessor "), field("secret "))
    }

    fn password(&self, name: &str, password: &[u8]) -> Done {
        let file = self.path("credentials.toml");
        run_with(
            &["token", "password", "--file", &file, "--name", name],
            password,
        )
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("credentials.toml")).unwrap()
    }

    fn mode(&self) -> u32 {
        let metadata = fs::metadata(self.path("credentials.toml")).unwrap();
        metadata.mode() & 0o777
    }
}

#[test]
fn a_token_is_made_listed_and_revoked_and_its_secret_is_shown_once() {
    let files = Files::new();
    let (first, secret) = files.create("ops-a", &["--ttl", "90d", "--description", "for \"a\""]);
    let (second, other) = files.create("ops-a", &[]);
    assert_ne!(secret, other);
    assert_eq!(files.mode(), 0o600);
    assert_eq!(files.password("b", b"pass word\nnext line").code, 0);
    let list = files.token("list", &[]);
    let lines: Vec<&str> = list.text().lines().collect();
    assert!(lines[0].starts_with("ACCESSOR"), "{lines:?}");
    assert!(
        lines[1].starts_with(&first) && lines[1].ends_with("for \\\"a\\\""),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with(&second) && lines[2].contains("never"),
        "{lines:?}"
    );
    assert!(lines[3].starts_with("(password)"), "{lines:?}");
    for shown in [&secret, &other, "sha256", "argon2", "pass word"] {
        assert!(!list.text().contains(shown), "{shown}");
    }
    assert!(!files.text().contains(&secret) && !files.text().contains("pass word"));
    let revoked = files.token("revoke", &[&first]);
    assert_eq!(
        (revoked.code, revoked.text()),
        (0, &*format!("revoked {first}\n"))
    );
    assert!(!files.text().contains(&first) && files.text().contains(&second));
    let again = files.token("revoke", &[&first]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains(&first), "{}", again.err);
}

#[test]
fn what_stands_in_the_file_stays_and_so_do_its_mode_and_a_link_to_it() {
    let files = Files::new();
    let real = files.path("real.toml");
    fs::write(&real, "# ours\n").unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&real, files.path("credentials.toml")).unwrap();
    files.create("ops-a", &[]);
    assert!(
        fs::symlink_metadata(files.path("credentials.toml"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        files.text().starts_with("# ours\n\n[[token]]\n"),
        "{}",
        files.text()
    );
    // But for what it gave to everybody.
    assert_eq!(files.mode(), 0o640);
}

#[test]
fn many_tokens_made_at_once_are_all_there() {
    let files = Files::new();
    let made = std::thread::scope(|scope| {
        let make = || scope.spawn(|| files.create("ops-a", &[]).0);
        let all: Vec<_> = (0..8).map(|_| make()).collect();
        let all = all.into_iter().map(|one| one.join().unwrap());
        all.collect::<Vec<_>>()
    });
    for accessor in made {
        assert!(files.text().contains(&accessor), "{accessor}");
    }
}

#[test]
fn a_bad_file_or_word_is_refused_and_nothing_is_changed() {
    let files = Files::new();
    assert_eq!(files.token("list", &[]).code, 8);
    assert_eq!(files.token("revoke", &["x"]).code, 8);
    for arguments in [
        &["--name", ""][..],
        &["--name", "a", "--ttl", "90"],
        &["--name", "a", "--ttl", "0d"],
        &[],
    ] {
        assert_eq!(files.token("create", arguments).code, 2, "{arguments:?}");
    }
    for password in [&b""[..], b"\n", &[b'x'; 1025]] {
        assert_eq!(files.password("a", password).code, 2);
    }
    assert_eq!(files.password("a:b", b"x").code, 2);
    assert!(!fs::exists(files.path("credentials.toml")).unwrap());
    fs::write(files.path("credentials.toml"), "[[tokens]]\n").unwrap();
    for done in [
        files.token("create", &["--name", "a"]),
        files.token("list", &[]),
        files.token("revoke", &["x"]),
        files.password("a", b"x"),
    ] {
        assert_eq!(done.code, 2);
        assert!(
            done.err
                .contains("credentials.toml:1:3: tokens: no such field; is it token?"),
            "{}",
            done.err
        );
    }
    assert_eq!(files.text(), "[[tokens]]\n");
}

/// The status and the body of the answer to a request with this header.
fn ask(to: SocketAddr, line: &str, header: &str) -> (u16, String) {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\nContent-Length: 1\r\n\r\nv"
    );
    let answer = answer(send_bytes(to, request.as_bytes()));
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

/// A gateway with the policy and these files, and its audit log.
fn start(files: &Files, audit: &str) -> Running {
    let policy = files.path("policy.toml");
    fs::write(&policy, policy_text()).unwrap();
    let credentials = files.path("credentials.toml");
    let files = ["--policy", &policy, "--credentials", &credentials];
    let log = ["--audit", audit, "--log-level", "debug"];
    let store = ["--store", "memory:"];
    Running::start_by(kubekv(), &[&store[..], &files, &log].concat())
}

/// The whole way: a fleet's tokens, a rotation, a lock-out and the way back in.
#[test]
fn a_gateway_has_what_is_made_and_revoked_within_a_moment() {
    let files = Files::new();
    let audit = files.path("audit.log");
    let (_, node) = files.create("node-10.0.0.1", &[]);
    let (lost, ops) = files.create("ops-a", &["--ttl", "1d"]);
    let gateway = start(&files, &audit);
    let token = |secret: &str| format!("X-Consul-Token: {secret}");
    let own = "PUT /v1/kv/docker/nodes/10.0.0.1:2376";
    let ask = |line: &str, header: &str| ask(gateway.consul, line, header);
    assert_eq!(ask(own, &token(&node)), (200, "true".to_owned()));
    assert_eq!(
        ask("PUT /v1/kv/docker/nodes/10.0.0.2:2376", &token(&node)).0,
        403
    );
    assert_eq!(ask("PUT /v1/kv/any", &token(&ops)).0, 200);
    let in_url = format!("GET /v1/kv/any?raw&token={ops}");
    assert_eq!(ask(&in_url, "X-None: 1"), (200, "v".to_owned()));
    // The last one who may do everything has lost its token.
    assert_eq!(files.token("revoke", &[&lost]).code, 0);
    until("it is refused", || {
        ask("GET /v1/kv/any", &token(&ops)).1 == "ACL not found"
    });
    assert_eq!(ask(own, &token(&node)).0, 200);
    // The way back in.
    let (_, ops_again) = files.create("ops-b", &[]);
    until("it is let in", || {
        ask("GET /v1/kv/any", &token(&ops_again)).0 == 200
    });
    assert_eq!(files.password("c", b"a password\n").code, 0);
    // `c:a password`
    let basic = "Authorization: Basic YzphIHBhc3N3b3Jk";
    until("so is a user", || ask("GET /v1/kv/any", basic).0 == 200);
    let etcd = answer(send_bytes(
        gateway.etcd,
        format!("GET /v2/keys/any HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{basic}\r\n\r\n")
            .as_bytes(),
    ));
    assert!(etcd.contains(r#""value":"v""#), "{etcd}");
    let done = gateway.stop();
    let told = [done.err, fs::read_to_string(&audit).unwrap()].concat();
    for secret in [
        &node,
        &ops,
        &ops_again,
        "a password",
        "YzphIHBhc3N3b3Jk",
        "$argon2id",
    ] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    for line in [
        "token {lost} of ops-a",
        "\"how\":\"token\",\"decision\":\"refused\"",
        "password of c",
        "\"event\":\"credentials\"",
    ] {
        let line = line.replace("{lost}", &lost);
        assert!(told.contains(&line), "{line}: {told}");
    }
}

#[test]
fn the_commands_show_the_token_of_a_file() {
    let files = Files::new();
    let (_, ops) = files.create("ops-a", &[]);
    let gateway = start(&files, &files.path("audit.log"));
    let own = files.path("token");
    fs::write(&own, format!("{ops}\nnot this\n")).unwrap();
    let with = |words: &[&str]| gateway.run(&[words, &["--token-file", &own]].concat());
    assert_eq!(with(&["put", "a", "v"]).code, 0);
    assert_eq!(with(&["get", "a", "--raw"]).text(), "v");
    let export = with(&["export"]);
    assert_eq!((export.code, export.text().contains("dg==")), (0, true));
    assert_eq!(with(&["delete", "a"]).code, 0);
    assert_eq!(gateway.run(&["get", "a"]).code, 4);
    fs::write(&own, "\n").unwrap();
    assert_eq!(with(&["get", "a"]).code, 2);
    fs::remove_file(&own).unwrap();
    assert_eq!(with(&["get", "a"]).code, 8);
}

#[test]
fn no_gateway_starts_with_a_file_that_cannot_be_used_or_that_everybody_reads() {
    let files = Files::new();
    let policy = files.path("policy.toml");
    fs::write(&policy, policy_text()).unwrap();
    let credentials = files.path("credentials.toml");
    let start = |options: &[&str]| {
        let own = [
            "serve", "--store", "memory:", "--consul", "off", "--etcd", "off", "--admin", "off",
        ];
        run(&[&own, options].concat())
    };
    let both = ["--policy", &policy, "--credentials", &credentials];
    let missing = start(&both);
    assert_eq!(missing.code, 7);
    assert!(
        missing.err.contains("credentials.toml cannot be used"),
        "{}",
        missing.err
    );
    files.create("ops-a", &[]);
    fs::set_permissions(&credentials, Permissions::from_mode(0o644)).unwrap();
    let open = start(&both);
    assert_eq!(open.code, 7);
    assert!(
        open.err.contains("its mode 644 lets every user"),
        "{}",
        open.err
    );
    let alone = start(&["--credentials", &credentials]);
    assert_eq!(alone.code, 2);
    assert!(alone.err.contains("--policy is not given"), "{}", alone.err);
}

#[test]
fn explain_says_what_the_bearer_of_a_name_may_do() {
    let files = Files::new();
    let policy = files.path("policy.toml");
    fs::write(&policy, policy_text()).unwrap();
    let explain = |options: &[&str], words: &[&str]| {
        let done = run(&[&["policy", "explain"], options, &[&policy], words].concat());
        (done.code, done.text().to_owned())
    };
    let write = ["write", "docker/nodes/10.0.0.1:2376"];
    assert_eq!(
        explain(&["--token", "node-10.0.0.1"], &write),
        (
            0,
            "node/10.0.0.1, {ip} = 10.0.0.1\nallowed by rule 'hosts'\n".to_owned()
        )
    );
    assert_eq!(explain(&["--token", "node-10.0.0.2"], &write).0, 1);
    assert_eq!(explain(&["--user", "a"], &write).0, 0);
    let (code, text) = explain(&["--token", "a"], &write);
    assert!(
        code == 1 && text.contains("no [[identity]] of tokens fits its name, 'a'"),
        "{text}"
    );
    assert_eq!(explain(&["--token", "a", "--user", "a"], &write).0, 2);
}
