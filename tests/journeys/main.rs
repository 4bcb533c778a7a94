//! Journeys of real Docker hosts on kubekv, under the Docker guard.
//!
//! Two hosts share an overlay network, over each protocol; then the same while the gateway is killed and started again
//! between any two steps, and the daemons are restarted. Every protocol has a journey on the embedded store, on custom
//! resources of an API server and on an etcd; the second kind begins as the first. On the embedded store Consul's and etcd's
//! are over TLS with a certificate on both sides, under a policy; all certificates are replaced between any two steps. Over Consul's
//! there are journeys by tokens, which are rotated between any two steps, and by passwords. Over `zk://` the leader
//! of two gateways is killed between any two steps. And hosts that start on a real Consul or etcd move to kubekv.

#![cfg(test)]

mod audit_log;
mod certificates;
mod secrets;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use certificates::Certificates;
use secrets::{HOSTS, HostSecrets};
use support::command::binary;
use support::components::component;
use support::docker_lab::{
    DockerLab, LabServer, STORE, again_until, docker, docker_on, run, shown,
};

/// The gateway in the lab, started again whenever it ends, until dropped.
struct Gateway {
    stop: Arc<AtomicBool>,
    pid: PathBuf,
    keeper: Option<JoinHandle<()>>,
}

impl Gateway {
    /// One that serves all protocols, and answers.
    fn keep_running(directory: &Path, entries: Entries) -> Self {
        Self::keep_running_with(directory, entries, vec!["--allow-plaintext".to_owned()])
    }

    /// The same with these options.
    fn keep_running_with(directory: &Path, entries: Entries, options: Vec<String>) -> Self {
        let at = directory.to_owned();
        let gateway = Self::keep(directory.join("pid"), move || start(&at, entries, &options));
        run(Command::new("bash").args(["-ec", &gateway.answers("0")]));
        gateway
    }

    fn keep(pid: PathBuf, start: impl Fn() -> Child + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let keeper = {
            let (stop, pid) = (Arc::clone(&stop), pid.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let mut gateway = start();
                    std::fs::write(&pid, gateway.id().to_string()).unwrap();
                    gateway.wait().unwrap();
                }
            })
        };
        Self {
            stop,
            pid,
            keeper: Some(keeper),
        }
    }

    /// A command that kills the gateway and waits until the next one answers.
    fn kill_and_wait(&self) -> String {
        let pid = self.pid.display();
        format!("old=$(cat {pid}); kill -9 $old; {}", self.answers("$old"))
    }

    /// A command that waits until a gateway with another process id than `old` answers.
    fn answers(&self, old: &str) -> String {
        let pid = self.pid.display();
        let ask = "</dev/tcp/10.99.0.254/8500";
        format!(
            "for try in $(seq 600); do [ -s {pid} ] && [ \"$(cat {pid})\" != \"{old}\" ] && \
             nsenter --net=/run/netns/kubekv-store bash -c '{ask}' 2>/dev/null && exit 0; sleep 0.05; done; \
             echo 'the gateway does not answer' >&2; exit 1"
        )
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let pid = std::fs::read_to_string(&self.pid).unwrap_or_default();
        let _gone = Command::new("kill").arg(pid).status();
        if let Some(keeper) = self.keeper.take() {
            let _failed = keeper.join();
        }
    }
}

/// The store of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entries {
    Embedded,
    /// In an API server that is beside the gateway.
    Kubernetes,
    /// In an etcd that is beside the gateway, of this component.
    Etcd(&'static str),
}

/// The directory of a lab's API server.
fn cluster(directory: &Path) -> PathBuf {
    directory.join("cluster")
}

fn start(directory: &Path, entries: Entries, options: &[String]) -> Child {
    let store = match entries {
        Entries::Embedded => format!("embedded:{}", directory.join("data").display()),
        Entries::Kubernetes => "kubernetes:default".to_owned(),
        Entries::Etcd(_) => "etcd://10.99.0.254:2390/docker".to_owned(),
    };
    docker()
        .args(["store", binary(), "serve"])
        .args(options)
        .args(["--consul=10.99.0.254:8500", "--etcd=10.99.0.254:2379"])
        .arg("--zookeeper=10.99.0.254:2181")
        // Each time it is killed, the next one waits for as long.
        .args(["--lead-duration=2", &format!("--store={store}")])
        // What daemons do the guard has no objection to.
        .arg("--guard=enforce")
        .env("KUBECONFIG", cluster(directory).join("kubeconfig"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts an API server with the definition of entries.
fn start_cluster(directory: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cluster = cluster(directory);
    let up = here.join("tests/kubernetes");
    run(docker().arg("store").arg(up).arg("up").arg(&cluster));
    let kubectl = component("kubernetes").join("kubectl");
    let definition = here.join("crds/entries.kubekv.io.yaml");
    run(docker()
        .arg("store")
        .arg(kubectl)
        .arg("--kubeconfig")
        .arg(cluster.join("kubeconfig"))
        .args(["apply", "-f"])
        .arg(definition));
}

fn journey(store: &str, entries: Entries, hard: bool) {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let _server = match entries {
        Entries::Embedded => None,
        Entries::Kubernetes => {
            start_cluster(directory.path());
            None
        }
        Entries::Etcd(component) => Some(start_etcd(component, directory.path(), "2390")),
    };
    let gateway = Gateway::keep_running(directory.path(), entries);
    run(docker().args(["up", store]));
    let mut journey = docker();
    journey.arg("journey");
    if hard {
        journey.args(["--hard", "--between", &gateway.kill_and_wait()]);
    }
    run(&mut journey);
}

/// A journey over TLS with certificates on both sides, all of which are replaced between any two steps: under a gateway that
/// runs on, or, if it is hard, after one was killed. A policy lets each host do what the role `docker-node` allows, and nothing
/// that a daemon does is refused by it.
fn journey_over_tls(store: &str, port: u16, hard: bool) {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let certificates = Certificates::make(directory.path());
    let options = certificates.of_gateway();
    let gateway = Gateway::keep_running_with(directory.path(), Entries::Embedded, options);
    run(docker().args(["up", store]).args(certificates.of_hosts()));
    let replace = certificates.replace(port);
    let mut journey = docker();
    journey.arg("journey");
    if hard {
        // In a shell of its own: it ends where the gateway answers.
        let between = format!("({}); {replace}", gateway.kill_and_wait());
        journey.args(["--hard", "--between", &between]);
    } else {
        journey.args(["--between", &replace]);
    }
    run(&mut journey);
    drop(gateway);
    let refused = certificates.refused();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn two_hosts_share_a_network_over_consul_and_tls_while_certificates_are_replaced() {
    journey_over_tls("consul://10.99.0.254:8500", 8500, false);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn two_hosts_share_a_network_over_etcd_and_tls_while_certificates_are_replaced() {
    journey_over_tls("etcd://10.99.0.254:2379", 2379, false);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn no_address_is_lost_over_consul_and_tls_when_gateway_and_daemons_are_restarted() {
    journey_over_tls("consul://10.99.0.254:8500", 8500, true);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn no_address_is_lost_over_etcd_and_tls_when_gateway_and_daemons_are_restarted() {
    journey_over_tls("etcd://10.99.0.254:2379", 2379, true);
}

/// A journey of daemons that show a token or a password; no host is refused anything. Where a token is rotated, each
/// host gets a new one between any two steps, and daemons that are started take it.
fn journey_with_secrets(secrets: &HostSecrets, gateway: &Gateway, rotates: bool, hard: bool) {
    run(docker()
        .args(["up", "consul://10.99.0.254:8500"])
        .arg(secrets.of_hosts()));
    let mut journey = docker();
    journey.arg("journey");
    let mut between = Vec::new();
    if hard {
        journey.arg("--hard");
        // In a shell of its own: it ends where the gateway answers.
        between.push(format!("({})", gateway.kill_and_wait()));
    }
    if rotates {
        between.push(secrets.rotate());
    }
    if !between.is_empty() {
        journey.args(["--between", &between.join("; ")]);
    }
    run(&mut journey);
    let refused = secrets.refused();
    assert!(refused.is_empty(), "{refused:#?}");
}

fn journey_with_tokens(hard: bool) {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let secrets = HostSecrets::tokens(directory.path());
    let options = secrets.of_gateway();
    let gateway = Gateway::keep_running_with(directory.path(), Entries::Embedded, options);
    journey_with_secrets(&secrets, &gateway, true, hard);
    if !hard {
        a_revoked_token_is_named_in_what_docker_says(&secrets);
    }
}

/// The host whose token is revoked is stopped with an error that says so, and the other one is not; a new token and a new start
/// mend it.
fn a_revoked_token_is_named_in_what_docker_says(secrets: &HostSecrets) {
    let [first, _] = HOSTS;
    secrets.revoke(first);
    let create = "tests/docker on a network create -d overlay late";
    again_until(&format!(
        "{create} 2>&1 | grep 'could not get pools config from store: Unexpected response code: 403'"
    ));
    docker_on("b", &["network", "create", "-d", "overlay", "other"]);
    run(Command::new("bash").args(["-ec", &secrets.rotate()]));
    run(docker().args(["restart", "a"]));
    let listed = docker_on("a", &["network", "ls", "--format", "{{.Name}}"]);
    assert!(listed.contains("other"), "{listed}");
    docker_on("a", &["network", "rm", "other"]);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn two_hosts_share_a_network_over_consul_by_tokens_until_one_is_revoked() {
    journey_with_tokens(false);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn no_address_is_lost_over_consul_and_tokens_when_gateway_and_daemons_are_restarted() {
    journey_with_tokens(true);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn no_address_is_lost_over_consul_and_passwords_when_gateway_and_daemons_are_restarted() {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let secrets = HostSecrets::passwords(directory.path());
    let options = secrets.of_gateway();
    let gateway = Gateway::keep_running_with(directory.path(), Entries::Embedded, options);
    journey_with_secrets(&secrets, &gateway, false, true);
}

/// The lab itself: real servers with the same certificates and the same hosts. What fails here is no fault of kubekv.
fn real_server_over_tls(server: impl Fn(&Path, &Certificates) -> LabServer, store: &str) {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let certificates = Certificates::make(directory.path());
    let _server = server(directory.path(), &certificates);
    run(docker().args(["up", store]).args(certificates.of_hosts()));
    run(docker().args(["journey", "--hard"]));
}

#[test]
#[ignore = "by hand, needs Docker and root: cargo test --test journeys -- --ignored by_hand"]
fn real_consul_serves_two_hosts_over_tls_by_hand() {
    let server = |directory: &Path, certificates: &Certificates| {
        let settings = serde_json::json!({
            "ports": {"http": -1, "https": 8500},
            "verify_incoming_https": true,
            "ca_file": certificates.path("ca.crt"),
            "cert_file": certificates.path("server.crt"),
            "key_file": certificates.path("server.key"),
        });
        let file = directory.join("consul.json");
        std::fs::write(&file, settings.to_string()).unwrap();
        let agent = ["consul", "agent", "-server", "-bootstrap-expect=1"];
        let rest = ["-bind=10.99.0.254", "-client=10.99.0.254", "-data-dir"];
        let file = shown(&file);
        let words = [&agent[..], &["-config-file", &file], &rest].concat();
        start_server("consul", &words, &directory.join("server"), "8500")
    };
    real_server_over_tls(server, "consul://10.99.0.254:8500");
}

#[test]
#[ignore = "by hand, needs Docker and root: cargo test --test journeys -- --ignored by_hand"]
fn real_etcd_serves_two_hosts_over_tls_by_hand() {
    let server = |directory: &Path, certificates: &Certificates| {
        let of = |option: &str, name: &str| format!("--{option}={}", certificates.path(name));
        let options = [
            "--client-cert-auth".to_owned(),
            of("trusted-ca-file", "ca.crt"),
            of("cert-file", "server.crt"),
            of("key-file", "server.key"),
        ];
        start_etcd_with("etcd", directory, "2379", "https", &options)
    };
    real_server_over_tls(server, "etcd://10.99.0.254:2379");
}

#[test]
#[ignore = "needs Docker, Kubernetes and root: tests/run"]
fn two_hosts_share_a_network_over_consul_on_kubernetes() {
    journey("consul://10.99.0.254:8500", Entries::Kubernetes, false);
}

#[test]
#[ignore = "needs Docker, Kubernetes and root: tests/run"]
fn no_address_is_lost_over_consul_on_kubernetes_when_gateway_and_daemons_are_restarted() {
    journey("consul://10.99.0.254:8500", Entries::Kubernetes, true);
}

#[test]
#[ignore = "needs Docker, Kubernetes and root: tests/run"]
fn two_hosts_share_a_network_over_etcd_on_kubernetes() {
    journey("etcd://10.99.0.254:2379", Entries::Kubernetes, false);
}

#[test]
#[ignore = "needs Docker, Kubernetes and root: tests/run"]
fn no_address_is_lost_over_etcd_on_kubernetes_when_gateway_and_daemons_are_restarted() {
    journey("etcd://10.99.0.254:2379", Entries::Kubernetes, true);
}

#[test]
#[ignore = "needs Docker, etcd and root: tests/run"]
fn no_address_is_lost_over_consul_on_etcd_3_6_when_gateway_and_daemons_are_restarted() {
    journey("consul://10.99.0.254:8500", Entries::Etcd("etcd-3.6"), true);
}

#[test]
#[ignore = "needs Docker, etcd and root: tests/run"]
fn no_address_is_lost_over_etcd_on_etcd_3_4_when_gateway_and_daemons_are_restarted() {
    journey("etcd://10.99.0.254:2379", Entries::Etcd("etcd"), true);
}

const ZOOKEEPER: &str = "zk://10.99.0.254:2181";

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn no_address_is_lost_over_zookeeper_when_gateway_and_daemons_are_restarted() {
    journey(ZOOKEEPER, Entries::Embedded, true);
}

#[test]
#[ignore = "needs Docker, Kubernetes and root: tests/run"]
fn two_hosts_share_a_network_over_zookeeper_on_kubernetes() {
    journey(ZOOKEEPER, Entries::Kubernetes, false);
}

/// Two gateways on an etcd, whose clients know both.
struct Pair(#[expect(dead_code, reason = "they run until it is dropped")] [Gateway; 2]);

impl Pair {
    fn start(directory: &Path) -> Self {
        let member = |number: u16| {
            let pid = directory.join(format!("pid-{number}"));
            let member = Gateway::keep(pid, move || start_member(number));
            again_until(&Self::is_ready(number, "ok\\|relaying"));
            member
        };
        Self([member(1), member(2)])
    }

    /// A command that succeeds where a gateway says that it is ready in this way.
    fn is_ready(number: u16, how: &str) -> String {
        format!(
            "nsenter --net=/run/netns/kubekv-store bash -c 'exec 3<>/dev/tcp/{STORE}/910{number}; \
             printf \"GET /readyz HTTP/1.0\\r\\n\\r\\n\" >&3; grep -qx \"{how}\" <&3' 2>/dev/null"
        )
    }

    /// A command that kills the leader, and waits until the other gateway leads and the killed one relays again.
    fn kill_leader(directory: &Path) -> String {
        let [first, second] = [1, 2].map(|number| Self::is_ready(number, "ok"));
        let [first_relays, second_relays] = [1, 2].map(|number| Self::is_ready(number, "relaying"));
        let pid = directory.join("pid-");
        let pid = pid.display();
        format!(
            "if {first}; then kill -9 $(cat {pid}1); over() {{ {second} && {first_relays}; }}; \
             elif {second}; then kill -9 $(cat {pid}2); over() {{ {first} && {second_relays}; }}; \
             else echo 'no gateway leads' >&2; exit 1; fi; \
             for try in $(seq 600); do over && exit 0; sleep 0.05; done; \
             echo 'no gateway has taken over' >&2; exit 1"
        )
    }
}

fn start_member(number: u16) -> Child {
    docker()
        .args(["store", binary(), "serve", "--allow-plaintext"])
        .args(["--consul=off", "--etcd=off", "--lead-duration=2"])
        .arg(format!("--zookeeper={STORE}:218{number}"))
        .arg(format!("--admin={STORE}:910{number}"))
        .arg(format!("--node-name=gateway-{number}"))
        .args(["--store=etcd://10.99.0.254:2390/docker", "--guard=enforce"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "needs Docker, etcd and root: tests/run"]
fn hosts_stay_over_zookeeper_on_etcd_3_4_when_leaders_of_two_gateways_are_killed() {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let _server = start_etcd("etcd", directory.path(), "2390");
    let _pair = Pair::start(directory.path());
    run(docker().args(["up", "zk://10.99.0.254:2181,10.99.0.254:2182"]));
    let kill = Pair::kill_leader(directory.path());
    run(docker().args(["journey", "--between", &kill]));
}

/// Starts an etcd in the lab whose clients come to this port.
fn start_etcd(component: &str, directory: &Path, port: &str) -> LabServer {
    start_etcd_with(component, directory, port, "http", &[])
}

/// The same with this scheme and these options.
fn start_etcd_with(
    component: &str,
    directory: &Path,
    port: &str,
    scheme: &str,
    options: &[String],
) -> LabServer {
    let clients = format!("{scheme}://10.99.0.254:{port}");
    let members = "http://127.0.0.1:2391";
    let arguments = [
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={members}"),
        format!("--initial-advertise-peer-urls={members}"),
        format!("--initial-cluster=default={members}"),
        "--data-dir".to_owned(),
    ];
    let mut words = vec!["etcd"];
    words.extend(options.iter().map(String::as_str));
    words.extend(arguments.iter().map(String::as_str));
    if component == "etcd" {
        words.insert(1, "--enable-v2");
    }
    start_server(component, &words, &directory.join("server"), port)
}

/// Starts a real server of a component in the lab and waits until its port answers.
fn start_server(component: &str, words: &[&str], data: &Path, port: &str) -> LabServer {
    let mut words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    words.push(shown(data));
    LabServer::start(component, &words, &format!("</dev/tcp/{STORE}/{port}"))
}

fn container(host: &str) {
    let name = format!("c-{host}");
    let kept = ["--restart", "always", "--stop-timeout", "1"];
    let program = [
        "--security-opt",
        "apparmor=unconfined",
        "lab",
        "/bin/sleep",
        "1000000",
    ];
    let run = ["run", "-d", "--network", "ov", "--name", &name];
    docker_on(host, &[&run[..], &kept, &program].concat());
}

fn address(host: &str) -> String {
    let shown = "{{.NetworkSettings.Networks.ov.IPAddress}} {{.State.Running}}";
    docker_on(host, &["inspect", &format!("c-{host}"), "--format", shown])
}

/// docs/moving.md, in two passes: hosts and containers continue unchanged on another store.
fn fleet_moves(server: impl Fn(&Path) -> LabServer, from: &str, store: &str) {
    let directory = tempfile::tempdir().unwrap();
    let _lab = DockerLab::take();
    let old = server(directory.path());
    run(docker().args(["up", store]));
    docker_on("a", &["network", "create", "-d", "overlay", "ov"]);
    container("a");
    container("b");
    let before = [address("a"), address("b")];
    let to = format!("embedded:{}", directory.path().join("data").display());
    let import = |more: &[&str]| {
        let mut import = docker();
        import.args(["store", binary(), "import"]);
        import.args(["--from", from, "--to", &to]).args(more);
        let output = import.output().unwrap();
        println!("{}", String::from_utf8_lossy(&output.stderr));
        println!("{}", String::from_utf8_lossy(&output.stdout));
        output.status.code()
    };
    // While the fleet runs, its heartbeats may keep the import from finishing: exit code 1.
    assert!(matches!(import(&[]), Some(0 | 1)));
    run(docker().args(["stop", "a", "b"]));
    assert_eq!(import(&["--into-existing", "--delete"]), Some(0));
    drop(old);
    let _gateway = Gateway::keep_running(directory.path(), Entries::Embedded);
    run(docker().args(["start", "a", "b"]));
    for host in ["a", "b"] {
        let state =
            format!("tests/docker on {host} inspect c-{host} --format '{{{{.State.Running}}}}'");
        again_until(&format!("[ \"$({state})\" = true ]"));
    }
    assert_eq!([address("a"), address("b")], before);
    let networks = docker_on("b", &["network", "ls", "--format", "{{.Name}} {{.Scope}}"]);
    assert!(networks.contains("ov global"), "{networks}");
    // It is still one network: names spread from host to host through the new store.
    again_until("tests/docker on a exec c-a /bin/ping -c 1 -W 2 c-b");
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn a_fleet_moves_from_consul() {
    let agent = ["consul", "agent", "-server", "-bootstrap-expect=1"];
    let rest = ["-bind=10.99.0.254", "-client=10.99.0.254", "-data-dir"];
    let words = [&agent[..], &rest].concat();
    let server =
        |directory: &Path| start_server("consul", &words, &directory.join("server"), "8500");
    let from = "consul://10.99.0.254:8500";
    fleet_moves(server, from, from);
}

#[test]
#[ignore = "needs Docker and root: tests/run"]
fn a_fleet_moves_from_etcd() {
    let server = |directory: &Path| start_etcd("etcd", directory, "2379");
    fleet_moves(
        server,
        "etcd2://10.99.0.254:2379",
        "etcd://10.99.0.254:2379",
    );
}
