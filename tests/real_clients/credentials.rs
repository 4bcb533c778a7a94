//! Real clients that prove who they are by tokens and passwords, and a real Consul with access control beside the gateway.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use support::command::{kubekv, run, run_with};
use support::components::component;
use support::policy_text::PolicyText;
use support::requests::{answer, send_bytes};
use support::running::Running;
use support::until::until;
use tempfile::TempDir;

/// The operator may do everything, by a token or a password.
fn policy() -> PolicyText {
    PolicyText::default()
        .identity("credentials", "token", "{name}", "{name}")
        .identity("credentials", "user", "{name}", "{name}")
        .role("ops", "ops", "admin")
}

const UNKNOWN: &str = "44444444-0000-4000-8000-000000000001";

/// A gateway that knows one token of `ops`, and one password.
struct Credentialed {
    gateway: Running,
    token: String,
    _directory: TempDir,
}

impl Credentialed {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name).display().to_string();
        let (file, credentials) = (path("policy.toml"), path("credentials.toml"));
        std::fs::write(&file, policy().to_string()).unwrap();
        let made = run(&["token", "create", "--file", &credentials, "--name", "ops"]);
        let secret = made.text().lines().nth(1).unwrap();
        let token = secret.strip_prefix("secret ").unwrap().to_owned();
        let password = ["token", "password", "--file", &credentials, "--name", "ops"];
        assert_eq!(run_with(&password, b"pass:word").code, 0);
        let options = [
            "--store",
            "memory:",
            "--policy",
            &file,
            "--credentials",
            &credentials,
        ];
        Self {
            gateway: Running::start_by(kubekv(), &options),
            token,
            _directory: directory,
        }
    }
}

/// The exit code and all that a program says.
fn said(command: &mut Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8_lossy(&text).into_owned())
}

#[test]
#[ignore = "needs consul: tests/run"]
fn the_consul_command_proves_who_it_is_by_token_and_by_user() {
    let all = Credentialed::start();
    let consul = |variables: &[(&str, &str)], words: &[&str]| {
        let mut command = Command::new(component("consul").join("consul"));
        command.env("CONSUL_HTTP_ADDR", all.gateway.consul.to_string());
        command
            .env_remove("CONSUL_HTTP_TOKEN")
            .env_remove("CONSUL_HTTP_AUTH");
        command.envs(variables.iter().copied());
        said(command.args(words))
    };
    let put = ["kv", "put", "a", "v"];
    assert_eq!(consul(&[("CONSUL_HTTP_TOKEN", &all.token)], &put).0, 0);
    let option = format!("-token={}", all.token);
    assert_eq!(
        consul(&[], &["kv", "get", &option, "a"]),
        (0, "v\n".to_owned())
    );
    assert_eq!(
        consul(
            &[("CONSUL_HTTP_AUTH", "ops:pass:word")],
            &["kv", "get", "a"]
        )
        .0,
        0
    );
    let (code, text) = consul(&[("CONSUL_HTTP_TOKEN", UNKNOWN)], &put);
    assert!(code == 1 && text.contains("403 (ACL not found)"), "{text}");
    let (code, text) = consul(&[("CONSUL_HTTP_AUTH", "ops:wrong")], &put);
    assert!(code == 1 && text.contains("403 (ACL not found)"), "{text}");
    let (code, text) = consul(&[], &put);
    assert!(
        code == 1 && text.contains("403 (Permission denied)"),
        "{text}"
    );
    let locked = consul(
        &[("CONSUL_HTTP_TOKEN", &all.token)],
        &["lock", "lk", "echo held"],
    );
    assert!(locked.0 == 0 && locked.1.contains("held"), "{locked:?}");
}

#[test]
#[ignore = "needs etcdctl: tests/run"]
fn etcdctl_proves_who_it_is_by_user() {
    let all = Credentialed::start();
    let etcdctl = |options: &[&str], words: &[&str]| {
        let mut command = Command::new(component("etcdctl").join("etcdctl"));
        let endpoint = format!("http://{}", all.gateway.etcd);
        command
            .env("ETCDCTL_API", "2")
            .args(["--endpoints", &endpoint]);
        said(command.args(options).args(words))
    };
    let user = ["--username", "ops:pass:word"];
    assert_eq!(etcdctl(&user, &["set", "a", "v"]), (0, "v\n".to_owned()));
    assert_eq!(etcdctl(&user, &["get", "a"]), (0, "v\n".to_owned()));
    for options in [
        &["--username", "ops:wrong"][..],
        &["--username", "none:wrong"],
        &[],
    ] {
        let (code, text) = etcdctl(options, &["get", "a"]);
        let words = "110: The request requires user authentication (Insufficient credentials) [0]";
        assert!(code != 0 && text.contains(words), "{options:?}: {text}");
    }
}

/// A Consul with access control, until dropped.
struct RealConsul {
    agent: Child,
    address: SocketAddr,
    _directory: TempDir,
}

/// A token that it has from the start.
const MASTER: &str = "11111111-0000-4000-8000-000000000001";

impl RealConsul {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("acl.hcl");
        let acl = format!(
            "acl {{ enabled = true default_policy = \"deny\" tokens {{ master = \"{MASTER}\" }} }}"
        );
        std::fs::write(&config, acl).unwrap();
        let address: SocketAddr = "127.0.0.1:27911".parse().unwrap();
        let agent = Command::new(component("consul").join("consul"))
            .args([
                "agent",
                "-server",
                "-bootstrap-expect=1",
                "-bind=127.0.0.1",
                "-client=127.0.0.1",
            ])
            .args([
                "-http-port=27911",
                "-serf-lan-port=27912",
                "-server-port=27913",
            ])
            .args(["-dns-port=-1", "-serf-wan-port=-1"])
            .arg("-data-dir")
            .arg(directory.path().join("data"))
            .arg("-config-file")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut own = Self {
            agent,
            address,
            _directory: directory,
        };
        let header = format!("X-Consul-Token: {MASTER}");
        until("it leads and knows its token", || {
            assert!(
                own.agent.try_wait().unwrap().is_none(),
                "it has ended: is a port of it in use?"
            );
            let answered = std::net::TcpStream::connect(own.address).is_ok();
            answered && ask(own.address, "PUT /v1/kv/a", &[&header]).1 == "true"
        });
        own
    }
}

impl Drop for RealConsul {
    fn drop(&mut self) {
        let _gone = self.agent.kill();
        let _status = self.agent.wait();
    }
}

/// The status and the body of the answer to a request with these headers.
fn ask(to: SocketAddr, line: &str, headers: &[&str]) -> (u16, String) {
    let headers = [headers, &[""]].concat().join("\r\n");
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: 1\r\n\r\nv"
    );
    let answer = answer(send_bytes(to, request.as_bytes()));
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

/// Which token counts, and what is answered where it is not known.
#[test]
#[ignore = "needs consul: tests/run"]
fn tokens_are_taken_and_refused_as_consul_does() {
    let all = Credentialed::start();
    let consul = RealConsul::start();
    let header = format!("X-Consul-Token: {MASTER}");
    assert_eq!(ask(consul.address, "PUT /v1/kv/a", &[&header]).1, "true");
    let own = format!("X-Consul-Token: {}", all.token);
    assert_eq!(ask(all.gateway.consul, "PUT /v1/kv/a", &[&own]).1, "true");
    let (good, bad) = ("GOOD", UNKNOWN);
    let header = |token: &str| format!("X-Consul-Token: {token}");
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let kv = "GET /v1/kv/a?raw";
    for (line, headers) in [
        (kv.to_owned(), vec![]),
        (kv.to_owned(), vec![header(good)]),
        (kv.to_owned(), vec![header(bad)]),
        (kv.to_owned(), vec![bearer(good)]),
        (kv.to_owned(), vec![bearer(bad)]),
        (
            kv.to_owned(),
            vec![format!("Authorization: bearer  {good}  x")],
        ),
        (kv.to_owned(), vec!["Authorization: Bearer".to_owned()]),
        (kv.to_owned(), vec!["Authorization: Bearer ".to_owned()]),
        (kv.to_owned(), vec!["Authorization: Digest x".to_owned()]),
        (kv.to_owned(), vec![header(good), bearer(bad)]),
        (kv.to_owned(), vec![header(bad), bearer(good)]),
        (kv.to_owned(), vec![header(""), bearer(good)]),
        (kv.to_owned(), vec![header(good), header(bad)]),
        (format!("{kv}&token={good}"), vec![header(bad)]),
        (format!("{kv}&token={bad}"), vec![header(good)]),
        (format!("{kv}&token="), vec![header(good)]),
        (format!("{kv}&token={bad}&token={good}"), vec![]),
        ("PUT /v1/kv/b".to_owned(), vec![header(bad)]),
        ("DELETE /v1/kv/?recurse".to_owned(), vec![header(bad)]),
        ("GET /v1/session/list".to_owned(), vec![header(bad)]),
        ("GET /v1/agent/self".to_owned(), vec![header(bad)]),
        ("GET /v1/catalog/nodes".to_owned(), vec![header(bad)]),
        ("GET /v1/health/state/any".to_owned(), vec![header(bad)]),
        ("GET /v1/catalog/datacenters".to_owned(), vec![header(bad)]),
    ] {
        let of = |to, token: &str| {
            let fill = |text: &String| text.replace(good, token);
            let headers: Vec<String> = headers.iter().map(fill).collect();
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            ask(to, &fill(&line), &headers)
        };
        let expected = of(consul.address, MASTER);
        assert_eq!(
            of(all.gateway.consul, &all.token),
            expected,
            "{line} {headers:?}"
        );
    }
    for line in ["GET /v1/status/leader", "GET /v1/status/peers"] {
        for to in [consul.address, all.gateway.consul] {
            assert_eq!(ask(to, line, &[&header(bad)]).0, 200, "{line}");
        }
    }
}
