//! Tokens of `ServiceAccount`s, which a real API server vouches for: whose they are, and what happens when it does not any more.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::access_policies::Policies;
use crate::gateway::{metric, until, until_ready};
use crate::pod::Account;
use crate::rendered::{Overlay, only};
use support::command::kubekv;
use support::kubernetes::kubectl;
use support::kubernetes_servers::{Servers, apiserver};
use support::requests::{answer, send_bytes};
use support::running::Running;

const POLICY: &str = r#"
[[identity]]
authority = "kubernetes"
field = "service-account"
name = "shop/{name}"
principal = "app/{name}"

[[identity]]
authority = "kubernetes"
field = "pod"
name = "data/db/{name}"
principal = "db/{name}"

[[rule]]
name = "apps"
identities = ["app/{name}"]
allow = ["all"]
beneath = ["apps/{name}"]

[[rule]]
name = "pods"
identities = ["db/{name}"]
allow = ["all"]
beneath = ["db/{name}"]

[[rule]]
name = "open"
identities = ["anonymous"]
allow = ["all"]
beneath = ["open"]
"#;

/// A cluster of its own with accounts, and a gateway that asks it whose tokens are.
#[derive(Debug)]
struct Site {
    servers: Servers,
    gateway: Running,
    directory: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let servers = Servers::start(1);
        let run = |words: &str| {
            let words: Vec<_> = words.split(' ').collect();
            servers.kubectl(1, &words, &[]).unwrap()
        };
        for namespace in ["shop", "data"] {
            run(&format!("create namespace {namespace}"));
        }
        run("-n shop create serviceaccount cart");
        run("-n data create serviceaccount db");
        let directory = tempfile::tempdir().unwrap();
        let policy = directory.path().join("policy.toml");
        fs::write(&policy, POLICY).unwrap();
        let mut command = kubekv();
        command.env("KUBECONFIG", servers.kubeconfig(1));
        let audit = directory.path().join("audit.log");
        let gateway = Running::start_by(
            command,
            &[
                "--store",
                "memory:",
                "--policy",
                policy.to_str().unwrap(),
                "--token-review-audience",
                "kubekv",
                "--audit",
                audit.to_str().unwrap(),
            ],
        );
        Self {
            servers,
            gateway,
            directory,
        }
    }

    fn kubectl(&self, words: &str, input: &str) -> String {
        let words: Vec<_> = words.split(' ').collect();
        let done = self.servers.kubectl(1, &words, input.as_bytes());
        done.unwrap().trim().to_owned()
    }

    /// A token of an account, as kubectl asks for it.
    fn token(&self, account: &str, more: &str) -> String {
        let (namespace, name) = account.split_once('/').unwrap();
        self.kubectl(&format!("-n {namespace} create token {name}{more}"), "")
    }

    /// A pod of data/db, which nothing runs.
    fn make_pod(&self, name: &str) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "data"},
            "spec": {"serviceAccountName": "db", "automountServiceAccountToken": false,
                "containers": [{"name": "c", "image": "none"}]}});
        self.kubectl("create -f -", &pod.to_string());
    }

    /// A token that says this, signed by the cluster's own key.
    fn signed(&self, claims: &Value) -> String {
        let kubeconfig = PathBuf::from(self.servers.kubeconfig(1));
        let key = kubeconfig.with_file_name("pki").join("accounts.key");
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&json!({"alg": "RS256"})), part(claims));
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign", key.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        openssl
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let signature = openssl.wait_with_output().unwrap().stdout;
        assert!(!signature.is_empty());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a token of shop/cart says that ends in so many seconds.
    fn claims(&self, seconds: i64) -> Value {
        let uid = "jsonpath={.metadata.uid}";
        let uid = self.kubectl(&format!("-n shop get serviceaccount cart -o {uid}"), "");
        let now = kubekv::model::time::unix_ms() / 1000;
        json!({"iss": "https://kubernetes.default.svc", "aud": ["kubekv"], "sub": "system:serviceaccount:shop:cart",
            "iat": now - 600, "nbf": now - 600, "exp": now + seconds,
            "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "cart", "uid": uid}}})
    }

    fn status(&self, token: &str, key: &str) -> u16 {
        read(self.gateway.consul, token, key)
    }

    fn refusals(&self, reason: &str) -> u64 {
        let labels = format!("{{kind=\"service-account\",reason=\"{reason}\"}}");
        metric(
            &self.gateway,
            &format!("kubekv_credentials_refusals_total{labels}"),
        )
    }
}

fn request(to: SocketAddr, token: &str, line: &str) -> std::net::TcpStream {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Consul-Token: {token}\r\n\r\n"
    );
    send_bytes(to, request.as_bytes())
}

fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The status of a read by Consul's API: 404 where it is allowed, since there is nothing.
fn read(to: SocketAddr, token: &str, key: &str) -> u16 {
    status_of(&answer(request(to, token, &format!("GET /v1/kv/{key}"))))
}

/// The status of a read by etcd's API.
fn read_etcd(to: SocketAddr, token: &str, key: &str) -> u16 {
    let request = format!(
        "GET /v2/keys/{key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    status_of(&answer(send_bytes(to, request.as_bytes())))
}

/// The lines of the audit log about logins.
fn logins(directory: &Path) -> Vec<Value> {
    let text = fs::read_to_string(directory.join("audit.log")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["event"] == "login")
        .collect()
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn an_accounts_token_for_this_audience_proves_who_it_is() {
    let site = Site::start();
    let (consul, etcd) = (site.gateway.consul, site.gateway.etcd);
    let cart = site.token("shop/cart", " --audience kubekv");
    assert_eq!(site.status(&cart, "apps/cart/k"), 404);
    assert_eq!(site.status(&cart, "apps/other/k"), 403);
    assert_eq!(site.status(&cart, "open/k"), 403);
    assert_eq!(read_etcd(etcd, &cart, "apps/cart/k"), 404);
    assert_eq!(read_etcd(etcd, &cart, "apps/other/k"), 401);
    let several = site.token("shop/cart", " --audience kubekv --audience other");
    assert_eq!(site.status(&several, "apps/cart/k"), 404);

    // A pod's own tree, and an account that the policy does not know.
    site.make_pod("db-0");
    let bound = " --audience kubekv --bound-object-kind Pod --bound-object-name db-0";
    let pod = site.token("data/db", bound);
    assert_eq!(site.status(&pod, "db/db-0/k"), 404);
    assert_eq!(site.status(&pod, "db/db-1/k"), 403);
    let no_pod = site.token("data/db", " --audience kubekv");
    assert_eq!(site.status(&no_pod, "db/db-0/k"), 403);

    // For the API server itself, for others, ended, and signed by somebody else.
    for other in ["", " --audience other"] {
        let token = site.token("shop/cart", other);
        assert_eq!(read(consul, &token, "open/k"), 403, "{other}");
        assert_eq!(read_etcd(etcd, &token, "open/k"), 401, "{other}");
    }
    assert_eq!(site.refusals("audience"), 4);
    let ended = site.signed(&site.claims(-5));
    assert_eq!(site.status(&ended, "open/k"), 403);
    assert_eq!(site.refusals("expired"), 1);
    let (claims, _signature) = cart.rsplit_once('.').unwrap();
    let forged = format!("{claims}.{}", several.rsplit_once('.').unwrap().1);
    assert_eq!(site.status(&forged, "open/k"), 403);
    assert_eq!(site.refusals("refused"), 1);

    let Site {
        gateway, directory, ..
    } = site;
    let done = gateway.stop();
    assert_eq!(done.code, 0);
    let logins = logins(directory.path());
    let proof = logins[0]["proof"].as_str().unwrap();
    assert!(
        proof.starts_with("ServiceAccount shop/cart, JTI="),
        "{proof}"
    );
    let of = |line: &Value| ["how", "identity", "decision"].map(|field| line[field].to_string());
    let expected = ["service-account", "app/cart", "allowed"].map(|text| format!("{text:?}"));
    assert_eq!(of(&logins[0]), expected);
    let pods = logins.iter().filter(|line| line["identity"] == "db/db-0");
    assert_eq!(pods.count(), 2);
    let told = format!("{logins:?}{}", done.err);
    for token in [&cart, &pod, &forged, &ended] {
        let secret = token.rsplit_once('.').unwrap().1;
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn what_waits_ends_when_its_account_or_its_pod_is_deleted_or_its_token_ends() {
    let site = Site::start();
    site.make_pod("db-0");
    let bound = " --audience kubekv --bound-object-kind Pod --bound-object-name db-0";
    let tokens = [
        (site.token("shop/cart", " --audience kubekv"), "apps/cart/k"),
        (site.token("data/db", bound), "db/db-0/k"),
        (site.signed(&site.claims(20)), "apps/cart/k"),
    ];
    let parked = tokens.each_ref().map(|(token, key)| {
        assert_eq!(site.status(token, key), 404);
        let index = answer(request(
            site.gateway.consul,
            token,
            &format!("GET /v1/kv/{key}"),
        ));
        let index = index.split("X-Consul-Index: ").nth(1).unwrap();
        let index = index.split("\r\n").next().unwrap();
        let line = format!("GET /v1/kv/{key}?index={index}&wait=5m");
        request(site.gateway.consul, token, &line)
    });
    let [account, pod, short] = parked;
    let ended = answer(short);
    assert_eq!(status_of(&ended), 403, "{ended}");
    assert_eq!(site.status(&tokens[2].0, tokens[2].1), 403);
    assert_eq!(site.status(&tokens[0].0, tokens[0].1), 404, "others go on");
    site.kubectl("-n data delete pod db-0 --grace-period=0 --force", "");
    site.kubectl("-n shop delete serviceaccount cart", "");
    for (parked, (token, key)) in [account, pod].into_iter().zip(&tokens) {
        let ended = answer(parked);
        assert_eq!(status_of(&ended), 403, "{ended}");
        assert_eq!(site.status(token, key), 403);
    }
    assert_eq!(site.gateway.stop().code, 0);
}

#[test]
#[ignore = "needs Kubernetes: tests/components get kubernetes etcd-3.6"]
fn without_the_api_server_a_known_token_goes_on_and_a_new_one_comes_later() {
    let mut site = Site::start();
    let known = site.token("shop/cart", " --audience kubekv");
    let new = site.token("shop/cart", " --audience kubekv --duration 20m");
    assert_eq!(site.status(&known, "apps/cart/k"), 404);
    site.servers.kill(&apiserver(1));
    assert_eq!(site.status(&new, "apps/cart/k"), 503);
    assert_eq!(site.status(&known, "apps/cart/k"), 404);
    assert_eq!(read_etcd(site.gateway.etcd, &new, "apps/cart/k"), 503);
    let unavailable = "kubekv_token_review_requests_total{outcome=\"unavailable\"}";
    assert!(metric(&site.gateway, unavailable) >= 1);
    site.servers.again(&apiserver(1));
    site.servers.until_ready(1);
    until("new ones are known again", || {
        site.status(&new, "apps/cart/k") == 404
    });
    let done = site.gateway.stop();
    assert_eq!(done.code, 0);
    let words = "tokens of ServiceAccounts cannot be reviewed";
    assert_eq!(done.err.matches(words).count(), 1, "{}", done.err);
    assert!(done.err.contains("can be reviewed again"), "{}", done.err);
}

/// An overlay's gateways, whose account has the manifests' rights alone.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn overlay_lets_gateways_ask_whose_a_token_is_and_nothing_else() {
    let overlay = Overlay::installed("overlays/token-review");
    let namespace = overlay.namespace.as_str();
    let can = |verb: &str, what: &str, account: &str| {
        let who = format!("--as=system:serviceaccount:{namespace}:{account}");
        kubectl(&["auth", "can-i", verb, what, &who], &[]).is_ok()
    };
    let reviews = "tokenreviews.authentication.k8s.io";
    assert!(can("create", reviews, "kubekv"));
    assert!(!can("create", reviews, "default"));
    for other in [
        "subjectaccessreviews.authorization.k8s.io",
        "serviceaccounts/token",
        "secrets",
    ] {
        assert!(!can("create", other, "kubekv"), "{other}");
    }
    let policies = Policies::within(namespace);
    let identity = json!({"authority": "kubernetes", "field": "service-account", "name": "{namespace}/{name}",
        "principal": "{namespace}/{name}"});
    let rule = json!({"name": "own", "identities": ["{namespace}/{name}"], "allow": ["all"], "beneath": ["{name}"]});
    let spec = json!({"identities": [identity], "rules": [rule]});
    policies.apply("accounts", &spec).unwrap();
    kubectl(&["-n", namespace, "create", "serviceaccount", "cart"], &[]).unwrap();
    let token = [
        "-n",
        namespace,
        "create",
        "token",
        "cart",
        "--audience",
        "kubekv",
    ];
    let token = kubectl(&token, &[]).unwrap();

    let account = Account::of(namespace);
    let gateway = account.start(only(&overlay.objects(), "Deployment"), &[]);
    until_ready(&gateway);
    policies.until_accepted("accounts", "True", "Accepted");
    let read = |key: &str| read(gateway.consul, token.trim(), key);
    until("the policy is in force", || read("cart/k") == 404);
    assert_eq!(read("other/k"), 403);
    assert_eq!(gateway.stop().code, 0);
    overlay.delete();
    let log = account.log();
    assert!(!log.contains("forbidden"), "{log}");
}

/// A gateway whose account may not ask: it says what is missing, and refuses.
#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn without_the_right_tokens_are_refused_and_the_log_says_what_to_grant() {
    let overlay = Overlay::installed("base");
    let namespace = overlay.namespace.as_str();
    let token = [
        "-n",
        namespace,
        "create",
        "token",
        "kubekv",
        "--audience",
        "kubekv",
    ];
    let token = kubectl(&token, &[]).unwrap();
    let account = Account::of(namespace);
    let policy = tempfile::NamedTempFile::new().unwrap();
    fs::write(policy.path(), POLICY).unwrap();
    let more = [
        ("KUBEKV_POLICY", policy.path().to_str().unwrap()),
        ("KUBEKV_TOKEN_REVIEW_AUDIENCE", "kubekv"),
    ];
    let gateway = account.start(only(&overlay.objects(), "Deployment"), &more);
    until_ready(&gateway);
    assert_eq!(read(gateway.consul, token.trim(), "open/k"), 503);
    assert_eq!(gateway.stop().code, 0);
    let log = account.log();
    assert!(log.contains("grant it create on tokenreviews"), "{log}");
}
