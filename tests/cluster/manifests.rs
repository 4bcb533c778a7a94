//! The manifests, applied to a real API server.

use std::fmt::Write as _;

use serde_json::{Value, json};
use support::command::binary;

use crate::gateway::{get, put, until_ready};
use crate::pod::environment;
use crate::rendered::{Overlay, container, manifests, only, render};
use support::command::{by, done, kubekv};
use support::etcd_member::Member;
use support::kubernetes::kubectl;
use support::running::Running;

/// The versions of all objects that are applied.
fn versions(overlay: &Overlay) -> String {
    let path =
        "jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}\n{end}";
    kubectl(&["get", "-k", &overlay.path(), "-o", path], &[]).unwrap()
}

/// A pod as the workload's controller would make it.
fn pod(workload: &Value, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "one",
            "namespace": namespace,
            "labels": workload["spec"]["template"]["metadata"]["labels"],
        },
        "spec": workload["spec"]["template"]["spec"],
    })
}

/// The verdict of the API server on a pod, without creating it.
fn admit(pod: &Value) -> Result<String, String> {
    let create = [
        "create",
        "--dry-run=server",
        "--warnings-as-errors",
        "-f",
        "-",
    ];
    kubectl(&create, pod.to_string().as_bytes())
}

fn applied_twice(manifest: &str, kind: &str) {
    let overlay = Overlay::installed(manifest);
    let before = versions(&overlay);
    overlay.prepare();
    overlay.apply(&[]);
    assert_eq!(
        versions(&overlay),
        before,
        "the second time changes something"
    );
    let diff = kubectl(&["diff", "-k", &overlay.path()], &[]);
    assert_eq!(diff, Ok(String::new()), "exit status 0, and nothing said");
    let objects = overlay.objects();
    let pod = pod(only(&objects, kind), &overlay.namespace);
    admit(&pod).unwrap();
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn base_can_be_applied_twice() {
    applied_twice("base", "Deployment");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn daemonset_can_be_applied_twice() {
    applied_twice("overlays/daemonset", "DaemonSet");
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn namespace_rejects_pods_with_more_privileges() {
    let overlay = Overlay::installed("base");
    let objects = overlay.objects();
    let deployment = only(&objects, "Deployment");
    let mut on_the_node = pod(deployment, &overlay.namespace);
    on_the_node["spec"]["hostNetwork"] = json!(true);
    let mut as_root = pod(deployment, &overlay.namespace);
    as_root["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    for pod in [on_the_node, as_root] {
        let refused = admit(&pod).unwrap_err();
        assert!(refused.contains("violates PodSecurity"), "{refused}");
    }
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn selectors_and_port_names_match_the_pods() {
    let objects = render(&manifests().join("base"));
    let deployment = only(&objects, "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let ports = container(deployment)["ports"].as_array().unwrap();
    let named = |name: &Value| ports.iter().any(|port| port["name"] == *name);
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let mut count = 0;
    for service in services {
        assert_eq!(service["spec"]["selector"], *labels);
        for port in service["spec"]["ports"].as_array().unwrap() {
            assert!(named(&port["targetPort"]), "{port}");
            count += 1;
        }
    }
    assert_eq!(count, 4, "consul, etcd, zookeeper and admin");
    let policy = only(&objects, "NetworkPolicy");
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], *labels);
    for rule in policy["spec"]["ingress"].as_array().unwrap() {
        for port in rule["ports"].as_array().unwrap() {
            assert!(named(&port["port"]), "{port}");
        }
    }
    let budget = only(&objects, "PodDisruptionBudget");
    assert_eq!(budget["spec"]["selector"]["matchLabels"], *labels);
    let grace = &deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    let pause = &container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"];
    let left = grace.as_u64().unwrap() - pause.as_u64().unwrap();
    assert!(left > 10, "requests in flight are given 10 s: {left}");
    let tag = format!("kubekv:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container(deployment)["image"], tag);
}

/// The variables of an overlay with TLS that name files, and the files, which must be where a volume is mounted as a
/// directory: the kubelet replaces no single file.
fn files_of_tls(manifest: &str) -> Vec<String> {
    let objects = render(&manifests().join(manifest));
    let workload = only(&objects, "Deployment");
    let container = container(workload);
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mut files = Vec::new();
    for (name, value) in environment(workload) {
        let Some((directory, file)) = value.rsplit_once('/').filter(|_| value.starts_with('/'))
        else {
            continue;
        };
        let of = |mount: &&Value| mount["mountPath"] == directory && mount.get("subPath").is_none();
        let mount = mounts
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{value} is nowhere"));
        assert_eq!(mount["readOnly"], true);
        files.push(format!("{name}={file}"));
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        assert_eq!(
            (&get["scheme"], &get["port"]),
            (&json!("HTTPS"), &json!("admin"))
        );
    }
    files.sort();
    files
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn overlays_with_tls_mount_the_files_of_cert_manager_and_of_spiffe() {
    let of = |files: [&str; 3]| {
        let names = ["KUBEKV_TLS_CERT", "KUBEKV_TLS_CLIENT_CA", "KUBEKV_TLS_KEY"];
        let both = names.into_iter().zip(files);
        both.map(|(name, file)| format!("{name}={file}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        files_of_tls("overlays/tls"),
        of(["tls.crt", "ca.crt", "tls.key"])
    );
    let svid = of(["svid.pem", "svid_bundle.pem", "svid_key.pem"]);
    assert_eq!(files_of_tls("overlays/spiffe"), svid);
    let objects = render(&manifests().join("overlays/spiffe"));
    let helper = only(&objects, "ConfigMap")["data"]["helper.conf"]
        .as_str()
        .unwrap();
    for file in ["svid.pem", "svid_bundle.pem", "svid_key.pem"] {
        assert!(helper.contains(&format!("\"{file}\"")), "{helper}");
    }
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn pods_with_tls_are_admitted() {
    // Its account and its namespace, which admits restricted pods only.
    let base = Overlay::installed("base");
    for manifest in ["overlays/tls", "overlays/spiffe"] {
        let objects = render(&manifests().join(manifest));
        admit(&pod(only(&objects, "Deployment"), &base.namespace)).unwrap();
    }
}

/// The open ports and probe answers of a gateway that runs by the environment of a workload's container, in a network of
/// its own without an API server.
fn ports_and_probes(manifest: &str, kind: &str) -> String {
    let objects = render(&manifests().join(manifest));
    let workload = only(&objects, kind);
    let container = container(workload);
    let mut script = "
        $KUBEKV serve & gateway=$!
        trap 'kill $gateway' EXIT
        # The shell reports a refused connection itself.
        reach() { (exec 3<>/dev/tcp/127.0.0.1/$1) 2>/dev/null; }
        page() {
            exec 3<>/dev/tcp/127.0.0.1/$1
            printf 'GET %s HTTP/1.0\\r\\n\\r\\n' $2 >&3
            read -r -t 10 _ status _ <&3
            echo $2 $status
        }
        ip link set lo up
        until reach 9280; do sleep 0.05; kill -0 $gateway; done
    "
    .to_owned();
    let ports = container["ports"].as_array().unwrap();
    let number = |name: &Value| {
        let port = ports.iter().find(|port| port["name"] == *name).unwrap();
        port["containerPort"].as_u64().unwrap()
    };
    for port in ports {
        let port = number(&port["name"]);
        writeln!(script, "reach {port}; echo open {port}").unwrap();
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        let path = get["path"].as_str().unwrap();
        writeln!(script, "page {} {path}", number(&get["port"])).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let nowhere = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere", "users": [],
        "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": ""}}],
    });
    std::fs::write(&config, nowhere.to_string()).unwrap();
    let mut command = by("unshare");
    command.args(["--net", "bash", "-euc", &script]);
    command.envs(environment(workload));
    command.env("KUBEKV", binary());
    command
        .env("KUBECONFIG", config)
        .env("KUBEKV_LOG_LEVEL", "warn");
    let done = done(command.output().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    let lines = done.text().lines();
    let reached = lines.filter(|line| line.starts_with("open ") || line.starts_with('/'));
    reached.collect::<Vec<_>>().join("\n")
}

/// The result for a gateway that has not read its entries: alive, and not ready.
const PORTS_AND_PROBES: &str =
    "open 8500\nopen 2379\nopen 2181\nopen 9280\nopen 9281\n/livez 200\n/livez 200\n/readyz 503";

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn ports_and_probes_of_the_deployment_match_the_gateway() {
    assert_eq!(ports_and_probes("base", "Deployment"), PORTS_AND_PROBES);
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn ports_and_probes_of_the_daemonset_match_the_gateway() {
    assert_eq!(
        ports_and_probes("overlays/daemonset", "DaemonSet"),
        PORTS_AND_PROBES
    );
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn daemonset_is_reachable_from_its_node_only() {
    let objects = render(&manifests().join("overlays/daemonset"));
    let set = only(&objects, "DaemonSet");
    for (name, value) in environment(set) {
        assert_ne!(name, "KUBEKV_ALLOW_PLAINTEXT");
        let listens = [
            "KUBEKV_CONSUL",
            "KUBEKV_ETCD",
            "KUBEKV_ZOOKEEPER",
            "KUBEKV_ADMIN",
        ];
        if listens.contains(&name.as_str()) {
            assert!(value.starts_with("127.0.0.1:"), "{name}={value}");
        }
    }
    let pods = &set["spec"]["template"]["spec"];
    assert_eq!(pods["hostNetwork"], true);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container(set)[probe]["httpGet"]["host"], "127.0.0.1");
    }
    for kind in ["Service", "NetworkPolicy", "PodDisruptionBudget"] {
        assert!(
            objects.iter().all(|object| object["kind"] != kind),
            "{kind}"
        );
    }
}

#[test]
#[ignore = "needs kubectl: tests/components get kubernetes"]
fn etcd_overlay_needs_no_cluster_rights() {
    let objects = render(&manifests().join("overlays/etcd"));
    for kind in ["Role", "RoleBinding"] {
        assert!(
            objects.iter().all(|object| object["kind"] != kind),
            "{kind}"
        );
    }
    let deployment = only(&objects, "Deployment");
    let pods = &deployment["spec"]["template"]["spec"];
    assert_eq!(pods["automountServiceAccountToken"], false);
    // The pods' settings, except for the address of etcd and this machine's ports.
    let etcd = Member::start("etcd-3.6");
    let environment = environment(deployment);
    let store = environment.iter().find(|(name, _)| name == "KUBEKV_STORE");
    let prefix = store.unwrap().1.rsplit('/').next().unwrap();
    let mut command = kubekv();
    command.envs(environment.iter().cloned());
    let gateway = Running::start_by(
        command,
        &[
            "--store",
            &etcd.store(prefix),
            "--relay=127.0.0.1:0",
            "--zookeeper=off",
        ],
    );
    until_ready(&gateway);
    put(&gateway, "k", "v");
    assert_eq!(get(&gateway, "k").as_deref(), Some("v"));
    assert_eq!(gateway.stop().code, 0);
}
